"""Words for the console: keys, lines, and which devices it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from vof.errors import PortError, Throw, ThrowCode
from vof.firmware.words.engine import DEVICE, faults
from vof.firmware.words.machine import LOOK, STEPS_PER_MILLISECOND

if TYPE_CHECKING:
    from vof.firmware.words.engine import FirmwareForth
    from vof.forth import Forth

__all__: list[str] = []

_A = "1275 A"
_KEY_STEPS = 20
"""What a key costs, so that one who never types return doesn't hold `accept` for ever."""
_LONGEST_LINE = 1 << 12
_LONGEST_DOWNLOAD = 1 << 18
_CTRL_D = 4
_USUAL_CONSOLES = ("", "ttya", "screen", "keyboard")


def _fw(forth: Forth) -> FirmwareForth:
    return cast("FirmwareForth", forth)


# --- keys ---


@DEVICE.word("key?", "( -- flag )", _A)
def key_question(forth: Forth) -> None:
    """Whether a key was typed."""
    firmware = _fw(forth).firmware
    firmware.ring()
    try:
        waits = firmware.console.key_waits()
    except PortError:  # none, nor ever will
        waits = False
    forth.stack.append(forth.mask if waits else 0)


@DEVICE.word("key", "( -- character )", _A)
def key(forth: Forth) -> None:
    """Wait for a key."""
    self = _fw(forth)
    forth.pay(_KEY_STEPS)
    with faults():
        while not self.firmware.console.key_waits():
            forth.pay(LOOK * STEPS_PER_MILLISECOND)
            self.firmware.clock.sleep(LOOK)
            self.firmware.ring()
    forth.stack.append(self.firmware.console.take_key())


@DEVICE.word("dl", "( -- )", _A)
def dl(forth: Forth) -> None:
    """Take Forth text from the console, up to Ctrl-D, and run it."""
    text = bytearray()
    while True:
        key(forth)
        character = forth.stack.pop() & 0xFF
        if character == _CTRL_D:
            break
        if len(text) >= _LONGEST_DOWNLOAD:
            raise Throw(ThrowCode.ABORT, f"a text of more than {_LONGEST_DOWNLOAD} characters")
        text.append(character)
    forth.evaluate(text.decode("latin-1"))


@DEVICE.word("accept", "( address most -- count )", "ANS 6")
def accept(forth: Forth) -> None:
    """Take a line from the keyboard, up to return."""
    most, address = min(forth.stack.pop(), _LONGEST_LINE), forth.stack.pop()
    line = bytearray()
    while True:
        key(forth)
        character = forth.stack.pop() & 0xFF
        if character in b"\r\n":
            break
        if character in b"\b\x7f":
            if line:
                del line[-1]
                forth.type("\b \b")
        elif character >= 0x20 and len(line) < most:
            line.append(character)
            forth.type(chr(character))
    forth.memory.write(address, bytes(line))
    forth.stack.append(len(line))


@DEVICE.word("expect", "( address most -- )", _A)
def expect(forth: Forth) -> None:
    """The same; span has the count."""
    accept(forth)
    _fw(forth).span = forth.stack.pop()


@DEVICE.word("span", "( -- address )", _A)
def span(forth: Forth) -> None:
    """Where it is kept how many characters expect took."""
    forth.stack.append(forth.cell_at("span", _fw(forth).span))


# --- devices ---


@DEVICE.word("stdin", "( -- address )", _A)
def stdin(forth: Forth) -> None:
    """Where the instance of the console's input is kept."""
    forth.stack.append(forth.cell_at("stdin", _fw(forth).firmware.console.ihandle("stdin")))


@DEVICE.word("stdout", "( -- address )", _A)
def stdout(forth: Forth) -> None:
    """Where the instance of the console's output is kept."""
    forth.stack.append(forth.cell_at("stdout", _fw(forth).firmware.console.ihandle("stdout")))


@DEVICE.word("input", "( path count -- )", _A)
def input_(forth: Forth) -> None:
    """Have the console's input be another device's."""
    _redirect(_fw(forth), "stdin")


@DEVICE.word("output", "( path count -- )", _A)
def output(forth: Forth) -> None:
    """Have the console's output be another device's."""
    _redirect(_fw(forth), "stdout")


@DEVICE.word("io", "( path count -- )", _A)
def io(forth: Forth) -> None:
    """Have both be another device's."""
    self = _fw(forth)
    path = self.pop_text()
    for which in ("stdin", "stdout"):
        self.push_text(path)
        _redirect(self, which)


def _redirect(self: FirmwareForth, which: str) -> None:
    path = self.pop_text()
    if path in _USUAL_CONSOLES and self.firmware.tree.find(path) is None:
        return  # it is the console that there is
    with faults():
        instance = self.firmware.instances.open(path)
        self.firmware.tree.set("/chosen", which, instance.ihandle.to_bytes(4))
        before, self.redirected[which] = self.redirected.get(which), instance
        if before is not None and before in self.firmware.instances:
            self.firmware.instances.close(before)  # the power-on one stays: its handle may be known


@DEVICE.word("input-device", "( -- text count )", _A)
def input_device(forth: Forth) -> None:
    """The variable of that name."""
    _variable(_fw(forth), "input-device")


@DEVICE.word("output-device", "( -- text count )", _A)
def output_device(forth: Forth) -> None:
    """The variable of that name."""
    _variable(_fw(forth), "output-device")


def _variable(self: FirmwareForth, name: str) -> None:
    variables = self.firmware.options
    self.push_small_text("" if variables is None else variables[name])


@DEVICE.word("install-console", "( -- )", _A)
def install_console(forth: Forth) -> None:
    """Nothing: the console is there."""
