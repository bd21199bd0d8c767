"""Words on ranges of memory, and on texts in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from vof.errors import Throw, ThrowCode
from vof.forth.core import CORE

if TYPE_CHECKING:
    from vof.forth.engine import Forth

__all__: list[str] = []

_A = "1275 A"
_LONGEST = 1 << 20
"""Bytes of memory that are looked at as one text."""
_PIECE = 1 << 16
"""Bytes that are copied at a time."""


def _bytes_at(forth: Forth, address: int, length: int) -> bytes:
    """Bytes that are paid for.

    Raises:
        Throw: there are too many.
    """
    if length > _LONGEST:
        raise Throw(ThrowCode.INVALID_MEMORY_ADDRESS, f"a text of {length} characters")
    forth.pay(10 + length // 16)
    return forth.memory.read(address, length)


def _pieces(forth: Forth, length: int, *addresses: int) -> Iterable[tuple[int, int]]:
    """Offset and length of the pieces of a range that is paid for piece by piece.

    Args:
        forth: who pays.
        length: of the range.
        addresses: where it begins; all of a long one is memory.

    Raises:
        Throw: it is not.
    """
    if length > _PIECE:
        return _many_pieces(forth, length, addresses)
    forth.pay(10 + length // 32)
    return ((0, length),)


def _many_pieces(forth: Forth, length: int, addresses: Sequence[int]) -> Iterator[tuple[int, int]]:
    for address in addresses:
        forth.memory.read(address + length - 1, 1)
    for offset in range(0, length, _PIECE):
        piece = min(_PIECE, length - offset)
        forth.pay(10 + piece // 32)
        yield offset, piece


@CORE.word("fill", "( address count byte -- )", _A)
def fill(forth: Forth) -> None:
    """Fill memory with a byte."""
    stack = forth.stack
    byte, length, address = stack.pop(), stack.pop(), stack.pop()
    for offset, piece in _pieces(forth, length, address):
        forth.memory.write(address + offset, bytes((byte & 0xFF,)) * piece)


@CORE.word("move", "( from to count -- )", _A)
def move(forth: Forth) -> None:
    """Copy memory; the two may overlap."""
    stack = forth.stack
    length, to, address = stack.pop(), stack.pop(), stack.pop()
    read, write = forth.memory.read, forth.memory.write
    for offset, piece in _pieces(forth, length, address, to):
        place = offset if to < address else length - offset - piece
        write(to + place, read(address + place, piece))


@CORE.word("comp", "( one other count -- n )", _A)
def comp(forth: Forth) -> None:
    """Compare memory: -1, 0 or 1."""
    stack = forth.stack
    length, other, one = stack.pop(), stack.pop(), stack.pop()
    for offset, piece in _pieces(forth, length, one, other):
        first, second = forth.memory.read(one + offset, piece), forth.memory.read(other + offset, piece)
        if first != second:
            stack.append(1 if first > second else forth.mask)
            return
    stack.append(0)


@CORE.word("compare", "( one count other count -- n )", "ANS 17.6.1.0935")
def compare(forth: Forth) -> None:
    """Compare texts: -1, 0 or 1."""
    second, first = forth.pop_text(), forth.pop_text()
    forth.stack.append(0 if first == second else 1 if first > second else forth.mask)


@CORE.word("$=", "( one count other count -- flag )", "SLOF, OpenBIOS")
def text_equal(forth: Forth) -> None:
    """Whether texts are alike."""
    forth.stack.append(forth.mask if forth.pop_text() == forth.pop_text() else 0)


@CORE.word("-trailing", "( text count -- text count )", _A)
def minus_trailing(forth: Forth) -> None:
    """Leave blanks at the end of a text out."""
    length, address = forth.stack.pop(), forth.stack.pop()
    forth.stack += (address, len(_bytes_at(forth, address, length).rstrip(b" ")))


@CORE.word("pack", "( text count address -- address )", _A)
def pack(forth: Forth) -> None:
    """Store a text with its length in a byte before it."""
    address = forth.stack.pop()
    text = forth.pop_text()[:255].encode("latin-1")
    forth.memory.write(address, bytes((len(text),)) + text)
    forth.stack.append(address)


@CORE.word("left-parse-string", "( text count character -- rest count head count )", _A)
def left_parse_string(forth: Forth) -> None:
    """Take a text apart where the character is first; without it, all is the head."""
    _parse_string(forth, last=False)


@CORE.word("right-parse-string", "( text count character -- tail count head count )", "SLOF")
def right_parse_string(forth: Forth) -> None:
    """Take a text apart where the character is last."""
    _parse_string(forth, last=True)


def _parse_string(forth: Forth, *, last: bool) -> None:
    stack = forth.stack
    character, length, address = stack.pop(), stack.pop(), stack.pop()
    text, mark = _bytes_at(forth, address, length), bytes((character & 0xFF,))
    place = text.rfind(mark) if last else text.find(mark)
    if place < 0:
        stack += (address + length, 0, address, length)
    else:
        stack += (address + place + 1, length - place - 1, address, place)
