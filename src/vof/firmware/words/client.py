"""Words for the client program: its registers and symbols (1275 §7.6), and its callback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from vof.errors import MemoryFault, Throw, ThrowCode
from vof.firmware.words.engine import DEVICE, faults

if TYPE_CHECKING:
    from vof.firmware.words.engine import FirmwareForth
    from vof.forth import Forth

__all__: list[str] = []

_A = "1275 A"
_POWERPC = "1275 PowerPC binding §10"
_DEEPEST = 64
_LONGEST_NAME = 256
_NO_SYMBOL = -1
_REGISTERS = (*(f"r{number}" for number in range(32)), "cr", "ctr", "lr", "msr", "pc", "srr0", "srr1", "xer")


def _fw(forth: Forth) -> FirmwareForth:
    return cast("FirmwareForth", forth)


# --- registers ---


def _registers(self: FirmwareForth) -> Mapping[str, int]:
    read = self.firmware.hooks.registers
    registers = {} if read is None else read()
    if not registers:
        raise Throw(ThrowCode.UNSUPPORTED_OPERATION, "there is no program whose registers could be told")
    return registers


@DEVICE.word(".registers", "( -- )", _A)
def dot_registers(forth: Forth) -> None:
    """Type the registers of the program that entered the firmware."""
    _type_registers(forth, [item for item in _registers(_fw(forth)).items() if not _is_floating(item[0])])


@DEVICE.word(".fregisters", "( -- )", _A)
def dot_fregisters(forth: Forth) -> None:
    """Type its floating point registers, where the engine tells them."""
    found = [item for item in _registers(_fw(forth)).items() if _is_floating(item[0])]
    if not found:
        raise Throw(ThrowCode.UNSUPPORTED_OPERATION, "this engine doesn't tell floating point registers")
    _type_registers(forth, found)


def _is_floating(name: str) -> bool:
    return name.startswith("f") and name[1:].isdigit()


def _type_registers(forth: Forth, registers: list[tuple[str, int]]) -> None:
    items = [f"{name:>5} {value:016x}" for name, value in registers]
    for start in range(0, len(items), 3):
        forth.type("  ".join(items[start : start + 3]) + "\r\n")


for _name in _REGISTERS:

    def _register(forth: Forth, name: str = _name) -> None:
        value = _registers(_fw(forth)).get(name)
        if value is None:
            raise Throw(ThrowCode.UNSUPPORTED_OPERATION, f"this engine doesn't tell {name}")
        forth.stack.append(value & forth.mask)

    _register.__doc__ = "A register of the program that entered the firmware."
    DEVICE.word(f"%{_name}", "( -- n )", _POWERPC)(_register)


@DEVICE.word("ctrace", "( -- )", _A)
def ctrace(forth: Forth) -> None:
    """Type where the program that entered the firmware was called from: its stack's chain of frames."""
    registers = _registers(_fw(forth))
    stack, memory = registers.get("r1", 0), forth.memory
    forth.type(f"{registers.get('lr', 0):08x}\r\n")
    for _ in range(_DEEPEST):
        try:
            (above,) = memory.read_cells(stack, 1)
            (back,) = memory.read_cells(above + 4, 1)
        except MemoryFault:
            return
        if not above or above <= stack:
            return
        forth.type(f"{back:08x}  stack {above:08x}\r\n")
        stack = above


# --- symbols: the client program knows them ---


def _ask(self: FirmwareForth, which: int, argument: int) -> tuple[int, int] | None:
    """What the client program's function answers; None where it has set none, or knows nothing."""
    entry = self.firmware.callbacks.symbol_lookup[which]
    if not entry:
        return None
    with faults():
        status, first, second = self.firmware.callbacks.call_function(
            entry, ("sym-to-value", "value-to-sym")[which], (argument,), 2
        )
    return None if status else (first, second)


@DEVICE.word("sym>value", "( text count -- text count false | n true )", _A)
def sym_to_value(forth: Forth) -> None:
    """The value of a symbol of the client program, by what it gave to set-symbol-lookup."""
    self = _fw(forth)
    name = self.pop_text()
    self.push_text(name)  # with a NUL behind
    answer = _ask(self, 0, self.stack[-2])
    if answer is None or answer[0]:
        self.stack.append(0)
    else:
        self.stack[-2:] = [answer[1], self.mask]


@DEVICE.word("value>sym", "( n -- n false | offset text count true )", _A)
def value_to_sym(forth: Forth) -> None:
    """The symbol of the client program below a value, and how far below, likewise."""
    self = _fw(forth)
    answer = _ask(self, 1, self.stack[-1])
    if answer is None or answer[0] == _NO_SYMBOL & self.mask or not answer[1]:
        self.stack.append(0)
        return
    with faults():
        name = self.memory.read_string(answer[1], _LONGEST_NAME)
    self.stack[-1] = answer[0]
    self.push_text(name)
    self.stack.append(self.mask)


@DEVICE.word("sym", "( -- n )", _A)
def sym(forth: Forth) -> None:
    """The value of the symbol that follows."""
    name = forth.parse_name()
    forth.push_text(name)
    sym_to_value(forth)
    if not forth.stack.pop():
        raise Throw(ThrowCode.UNDEFINED_WORD, f"the client program has told of no symbol {name[:40]}")


@DEVICE.word(".adr", "( address -- )", _A)
def dot_adr(forth: Forth) -> None:
    """Type an address as a symbol and an offset from it, or as a number."""
    self = _fw(forth)
    value_to_sym(forth)
    if not self.stack.pop():
        self.type(f"{self.stack.pop():x} ")
        return
    name, offset = self.pop_text(), self.stack.pop()
    self.type(f"{name}{f'+{offset:x}' if offset else ''} ")


# --- its callback ---


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
