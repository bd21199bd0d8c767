"""Words that load programs, start them, and go back to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from vof.errors import Throw, ThrowCode
from vof.firmware.words.engine import DEVICE
from vof.outcomes import Boot, Departed, Exit, Return

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vof.firmware.boot import Boots
    from vof.firmware.words.engine import FirmwareForth
    from vof.forth import Forth

__all__: list[str] = []

_A = "1275 A"


def _fw(forth: Forth) -> FirmwareForth:
    return cast("FirmwareForth", forth)


@DEVICE.word("load-base", "( -- address )", _A)
def load_base(forth: Forth) -> None:
    """Where load puts a program's file."""
    firmware = _fw(forth).firmware
    boots, options = firmware.boots, firmware.options
    if boots is None and options is not None:  # there is no machine: then it is the variable that it is first of all
        forth.stack.append(int(options["load-base"], 16))
    else:
        forth.stack.append(_boots(_fw(forth)).load_base)


@DEVICE.word("load-size", "( -- size )", "Apple")
def load_size(forth: Forth) -> None:
    """How many bytes load has put there."""
    forth.stack.append(_fw(forth).loaded[1])


@DEVICE.word("quit", "( -- )", "ANS 6")
def quit_(forth: Forth) -> None:
    """Give up what runs; the stack stays."""
    raise Throw(ThrowCode.QUIT, "quit")


@DEVICE.word("bye", "( -- )", "SLOF")
def bye(forth: Forth) -> None:
    """End the prompt, or the client program."""
    raise Departed(Exit())


@DEVICE.word("boot", "( -- )", _A)
def boot(forth: Forth) -> None:
    """Load a program and start it: `boot [DEVICE] [ARGUMENTS]`."""
    raise Departed(Boot(forth.parse_line().strip()))


@DEVICE.word("$boot", "( text count -- )", "OpenBIOS, Apple: ofboot")
def dollar_boot(forth: Forth) -> None:
    """The same, with what follows boot from the stack."""
    raise Departed(Boot(forth.pop_text().strip()))


@DEVICE.word("release-load-area", "( address -- )", "Apple: ofboot, Haiku")
def release_load_area(forth: Forth) -> None:
    """Nothing: what load loads to isn't claimed."""
    forth.stack.pop()


def _boots(self: FirmwareForth) -> Boots:
    boots = self.firmware.boots
    if boots is None:
        raise Throw(ThrowCode.UNSUPPORTED_OPERATION, "there is no machine here that could run a program")
    return boots


@DEVICE.word("load", "( -- )", _A)
def load(forth: Forth) -> None:
    """Load a program's file: `load [DEVICE] [ARGUMENTS]`; init-program and go start it."""
    from vof.firmware.boot_order import named_device

    self = _fw(forth)
    device, arguments = named_device(self.firmware.tree, forth.parse_line())
    _load(self, [device] if device else _boots(self).usual(), arguments)


@DEVICE.word("$load", "( device count -- )", "SLOF")
def dollar_load(forth: Forth) -> None:
    """The same, with the device on the stack."""
    self = _fw(forth)
    _load(self, [self.pop_text()], "")


def _load(self: FirmwareForth, devices: Sequence[str], arguments: str) -> None:
    from vof.firmware.boot import NothingBoots, publish

    try:
        path, size, prep = _boots(self).load_any(devices)
    except NothingBoots as error:
        raise Throw(ThrowCode.ABORT, str(error)) from None
    self.loaded = (path, size, prep)
    self.program = None
    publish(self.firmware, path, arguments)


@DEVICE.word("init-program", "( -- )", _A)
def init_program(forth: Forth) -> None:
    """Put the program whose file was loaded where it runs."""
    from vof.firmware.boot import BootError, Started

    self = _fw(forth)
    path, size, prep = self.loaded
    if not size:
        raise Throw(ThrowCode.ABORT, "nothing was loaded")
    try:
        self.program = Started(path, "", size, _boots(self).init_program(size, prep=prep))
    except BootError as error:
        raise Throw(ThrowCode.ABORT, str(error)) from None


@DEVICE.word("go", "( -- )", _A)
def go(forth: Forth) -> None:
    """Start the program that was loaded, or go back to the one that entered the firmware."""
    self = _fw(forth)
    if self.program is None and self.loaded[1]:
        init_program(forth)
    program = self.program
    raise Departed(Return(0) if program is None else program.jump)
