"""Words that make properties' values, and take them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from vof.errors import Throw, ThrowCode
from vof.firmware.words.engine import DEVICE
from vof.firmware.words.properties import LONGEST_VALUE, pop_value
from vof.tree import child_address_cells

if TYPE_CHECKING:
    from vof.firmware.words.engine import FirmwareForth
    from vof.forth import Forth

__all__: list[str] = []

_A = "1275 A"


def _fw(forth: Forth) -> FirmwareForth:
    return cast("FirmwareForth", forth)


def _encoded(forth: Forth, data: bytes) -> None:
    """Put a piece of a property into the dictionary, where pieces lie behind each other."""
    address = forth.space.take(len(data))
    forth.memory.write(address, data)
    forth.stack += (address, len(data))


@DEVICE.word("encode-int", "( n -- value count )", _A)
def encode_int(forth: Forth) -> None:
    """A number as a property's value."""
    _encoded(forth, (forth.stack.pop() & 0xFFFFFFFF).to_bytes(4))


@DEVICE.word("encode-string", "( text count -- value count )", _A)
def encode_string(forth: Forth) -> None:
    """A text as a property's value."""
    _encoded(forth, pop_value(_fw(forth)) + b"\0")


@DEVICE.word("encode-bytes", "( data count -- value count )", _A)
def encode_bytes(forth: Forth) -> None:
    """Bytes as a property's value."""
    _encoded(forth, pop_value(_fw(forth)))


@DEVICE.word("encode-phys", "( physical… -- value count )", _A)
def encode_phys(forth: Forth) -> None:
    """A physical address as a property's value."""
    self = _fw(forth)
    cells = [forth.stack.pop() for _ in range(_address_cells(self))]
    _encoded(forth, b"".join((cell & 0xFFFFFFFF).to_bytes(4) for cell in cells))


def _address_cells(self: FirmwareForth) -> int:
    node = self.my_self.node if self.my_self is not None else self.active or self.firmware.tree.root
    return child_address_cells(node.parent or node)


@DEVICE.word("encode+", "( value1 count value2 count -- value count )", _A)
def encode_plus(forth: Forth) -> None:
    """Join two values."""
    second_length, second = forth.stack.pop(), forth.stack.pop()
    length, first = forth.stack.pop(), forth.stack.pop()
    if not length:
        forth.stack += (second, second_length)
    elif first + length == second:
        forth.stack += (first, length + second_length)
    elif length + second_length > LONGEST_VALUE:
        raise Throw(ThrowCode.ABORT, "the value is too long")
    else:
        _encoded(forth, forth.memory.read(first, length) + forth.memory.read(second, second_length))


@DEVICE.word("encode-start", "( -- value 0 )", "OpenBIOS, SLOF")
def encode_start(forth: Forth) -> None:
    """A value of nothing."""
    forth.stack += (forth.space.here, 0)


@DEVICE.word("decode-int", "( value count -- value count n )", _A)
def decode_int(forth: Forth) -> None:
    """Take a number from the front of a value."""
    length, address = forth.stack.pop(), forth.stack.pop()
    if length < 4:
        raise Throw(ThrowCode.ABORT, f"no number in {length} bytes")
    number = int.from_bytes(forth.memory.read(address, 4))
    forth.stack += (address + 4, length - 4, number)


@DEVICE.word("decode-string", "( value count -- value count text count )", _A)
def decode_string(forth: Forth) -> None:
    """Take a text from the front of a value."""
    length, address = forth.stack.pop(), forth.stack.pop()
    if length > LONGEST_VALUE:
        raise Throw(ThrowCode.ABORT, f"a value of {length} bytes")
    text = forth.memory.read(address, length).split(b"\0")[0]
    taken = min(len(text) + 1, length)
    forth.stack += (address + taken, length - taken, address, len(text))


@DEVICE.word("decode-bytes", "( value count n -- value count data n )", _A)
def decode_bytes(forth: Forth) -> None:
    """Take bytes from the front of a value."""
    count, length, address = forth.stack.pop(), forth.stack.pop(), forth.stack.pop()
    count = min(count, length)
    forth.stack += (address + count, length - count, address, count)


@DEVICE.word("decode-phys", "( value count -- value count physical… )", _A)
def decode_phys(forth: Forth) -> None:
    """Take a physical address from the front of a value."""
    self = _fw(forth)
    length, address = forth.stack.pop(), forth.stack.pop()
    count = _address_cells(self)
    if length < 4 * count:
        raise Throw(ThrowCode.ABORT, f"no address in {length} bytes")
    cells = forth.memory.read_cells(address, count)
    forth.stack += (address + 4 * count, length - 4 * count, *reversed(cells))
