"""Words that boot, reset and wait, that take memory, and that talk to the client program and to the user."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, cast

from vof.errors import PortError, Throw, ThrowCode
from vof.firmware.words.engine import DEVICE, faults
from vof.outcomes import Boot, Departed, Exit, Outcome, PowerOff, Reset, Return
from vof.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vof.firmware.boot import Boots
    from vof.firmware.words.engine import FirmwareForth
    from vof.forth import Forth

__all__: list[str] = []

_A = "1275 A"
_LONGEST_WAIT = 10_000
"""Milliseconds of one `ms`."""
_KEY_LOOK = 10
_STEPS_PER_MILLISECOND = 20
"""What it costs to wait: no text does for more than some half an hour."""
_KEY_STEPS = 20
"""What a key costs, so that one who never types return doesn't hold `accept` for ever."""
_LONGEST_LINE = 1 << 12
_LONGEST_DOWNLOAD = 1 << 18
_CTRL_D = 4
_QUIT = -56
"""ANS Forth, table 9.2."""
_USUAL_CONSOLES = ("", "ttya", "screen", "keyboard")


def _fw(forth: Forth) -> FirmwareForth:
    return cast("FirmwareForth", forth)


def _depart(outcome: Outcome) -> NoReturn:
    raise Departed(outcome)


# --- memory ---


@DEVICE.word("alloc-mem", "( size -- address )", _A)
def alloc_mem(forth: Forth) -> None:
    """Take memory."""
    with faults():
        forth.stack.append(_fw(forth).firmware.claims.claim(0, forth.stack.pop(), 16))


@DEVICE.word("free-mem", "( address size -- )", _A)
def free_mem(forth: Forth) -> None:
    """Give memory back."""
    size, address = forth.stack.pop(), forth.stack.pop()
    with faults():
        _fw(forth).firmware.claims.release(address, size)


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


# --- time ---


@DEVICE.word("ms", "( milliseconds -- )", _A)
def ms(forth: Forth) -> None:
    """Wait. Alarms run meanwhile."""
    firmware = _fw(forth).firmware
    forth.pay(1000)
    left = min(forth.stack.pop(), _LONGEST_WAIT)
    forth.pay(left * _STEPS_PER_MILLISECOND)
    with faults():
        while left > 0:
            piece = min(left, _KEY_LOOK) if _fw(forth).alarms else left
            firmware.clock.sleep(piece)
            left -= piece
            firmware.ring()


@DEVICE.word("alarm", "( xt milliseconds -- )", _A)
def alarm(forth: Forth) -> None:
    """Have a word run every so often, where a program looks at the time or waits; 0 milliseconds: no more."""
    period, token = forth.stack.pop(), forth.stack.pop()
    _fw(forth).set_alarm(forth.word_of(token), period)


@DEVICE.word("get-msecs", "( -- milliseconds )", _A)
def get_msecs(forth: Forth) -> None:
    """Milliseconds since some moment."""
    _fw(forth).firmware.ring()
    forth.stack.append(_fw(forth).firmware.clock.milliseconds() & forth.mask)


# --- the console ---


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
            forth.pay(_KEY_LOOK * _STEPS_PER_MILLISECOND)
            self.firmware.clock.sleep(_KEY_LOOK)
            self.firmware.ring()
    forth.stack.append(self.firmware.console.take_key())


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


# --- what becomes of the machine ---


@DEVICE.word("reset-all", "( -- )", _A)
def reset_all(forth: Forth) -> None:
    """Reset the machine."""
    _depart(_fw(forth).firmware.hooks.commands.get("reset-all", Reset()))


@DEVICE.word("power-off", "( -- )", _A)
def power_off(forth: Forth) -> None:
    """Switch the machine off."""
    _depart(_fw(forth).firmware.hooks.commands.get("power-off", PowerOff()))


for _name in ("poweroff", "shut-down"):
    DEVICE.word(_name, "( -- )", "Haiku, GRUB")(power_off)


@DEVICE.word("quit", "( -- )", "ANS 6")
def quit_(forth: Forth) -> None:
    """Give up what runs; the stack stays."""
    raise Throw(_QUIT, "quit")


@DEVICE.word("bye", "( -- )", "SLOF")
def bye(forth: Forth) -> None:
    """End the prompt, or the client program."""
    _depart(Exit())


@DEVICE.word("boot", "( -- )", _A)
def boot(forth: Forth) -> None:
    """Load a program and start it: `boot [DEVICE] [ARGUMENTS]`."""
    _depart(Boot(forth.parse_line().strip()))


@DEVICE.word("$boot", "( text count -- )", "OpenBIOS, Apple: ofboot")
def dollar_boot(forth: Forth) -> None:
    """The same, with what follows boot from the stack."""
    _depart(Boot(forth.pop_text().strip()))


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
    _depart(Return(0) if program is None else program.jump)


@DEVICE.word("callback", "( arguments… count -- )", _A)
def callback(forth: Forth) -> None:
    """Call the client program: `callback name argument …`."""
    self = _fw(forth)
    line = forth.parse_line().split()
    if not line:
        raise Throw(ThrowCode.ABORT, "callback NAME")
    _callback(self, line[0], [])


@DEVICE.word("$callback", "( arguments… n name count -- results… n status )", _A)
def dollar_callback(forth: Forth) -> None:
    """Call the client program's callback."""
    self = _fw(forth)
    name = self.pop_text()
    count = forth.stack.pop()
    if count > 12:
        raise Throw(ThrowCode.ABORT, f"{count} arguments")
    _callback(self, name, [forth.stack.pop() for _ in range(count)])


def _callback(self: FirmwareForth, name: str, arguments: list[int]) -> None:
    with faults():
        status, *results = self.firmware.callbacks.call(name, arguments, max(0, min(4, 12 - len(arguments))))
    self.stack += (*reversed(results), len(results), status)


@DEVICE.word("sync", "( -- )", _A)
def sync(forth: Forth) -> None:
    """Have the client program write what it holds back."""
    with faults():
        _fw(forth).firmware.callbacks.call("sync", (), 1)


# --- the user ---


@DEVICE.word(".version", "( -- )", _A)
def dot_version(forth: Forth) -> None:
    """Type this firmware's version."""
    forth.type(f"vof {VERSION}\r\n")


@DEVICE.word("banner", "( -- )", _A)
def banner(forth: Forth) -> None:
    """Say what machine this is."""
    self = _fw(forth)
    variables = self.firmware.options
    if variables is not None and variables["oem-banner?"] == "true":
        forth.type(variables["oem-banner"] + "\r\n")
        return
    root = self.firmware.tree.root.properties
    model = (root.get("model") or root.get("compatible") or b"").split(b"\0")[0].decode("latin-1")
    forth.type(f"Virtual Open Firmware in Python {VERSION}: {model}, {self.firmware.memory.size >> 20} MiB\r\n")


@DEVICE.word("oem-logo", "( -- address count )", _A)
def oem_logo(forth: Forth) -> None:
    """The banner's logo: none is kept."""
    self = _fw(forth)
    self.push_small_text("")


@DEVICE.word("suppress-banner", "( -- )", _A)
def suppress_banner(forth: Forth) -> None:
    """Nothing: there is none to suppress."""


@DEVICE.word("probe-all", "( -- )", _A)
def probe_all(forth: Forth) -> None:
    """Nothing: the devices are known."""


@DEVICE.word("install-console", "( -- )", _A)
def install_console(forth: Forth) -> None:
    """Nothing: the console is there."""


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
