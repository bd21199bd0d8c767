"""Words for texts: typing them, parsing them, keeping them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vof.forth.core import CORE
from vof.forth.word import Op

if TYPE_CHECKING:
    from vof.forth.engine import Forth

__all__: list[str] = []

_A = "1275 A"
_ANS = "ANS 6"
_PIECE = 1 << 12


def _signed(forth: Forth, cell: int) -> int:
    return (cell ^ forth.sign) - forth.sign


# --- output ---


@CORE.word("emit", "( character -- )", _A)
def emit(forth: Forth) -> None:
    """Type a character."""
    forth.type(chr(forth.stack.pop() & 0xFF))


@CORE.word("type", "( text count -- )", _A)
def type_(forth: Forth) -> None:
    """Type a text."""
    forth.type(forth.pop_text())


@CORE.word("cr", "( -- )", _A)
def cr(forth: Forth) -> None:
    """Begin a line."""
    forth.type("\r\n")


@CORE.word("(cr", "( -- )", _A)
def paren_cr(forth: Forth) -> None:
    """Go to the beginning of the line."""
    forth.type("\r")


@CORE.word("?cr", "( -- )", _A)
def question_cr(forth: Forth) -> None:
    """Begin a line unless this one is empty."""
    if forth.column:
        forth.type("\r\n")


@CORE.word("space", "( -- )", _A)
def space(forth: Forth) -> None:
    """Type a blank."""
    forth.type(" ")


@CORE.word("spaces", "( count -- )", _A)
def spaces(forth: Forth) -> None:
    """Type blanks."""
    count = _signed(forth, forth.stack.pop())
    for left in range(count, 0, -_PIECE):
        forth.pay(_PIECE)
        forth.type(" " * min(left, _PIECE))


@CORE.word("#out", "( -- address )", _A)
def sharp_out(forth: Forth) -> None:
    """Where it is kept how many characters are on the line."""
    forth.stack.append(forth.cell_at("column", forth.column))


@CORE.word("#line", "( -- address )", _A)
def sharp_line(forth: Forth) -> None:
    """Where it is kept how many lines there were."""
    forth.stack.append(forth.cell_at("line", forth.line))


# --- texts in the source ---


def _escaped(forth: Forth) -> bytes:
    """A text up to `"`, with `"(0d 0a)` as bytes in between (1275 §7.3.4.5)."""
    source = forth.input()
    text, at = source.text, source.at
    result = bytearray()
    while True:
        end = text.find('"', at)
        if end < 0:
            result += text[at:].encode("latin-1", "replace")
            forth.go_on(len(text))
            return bytes(result)
        result += text[at:end].encode("latin-1", "replace")
        at = end + 1
        follows = text[at : at + 1]
        if follows == "(":
            close = text.find(")", at)
            close = len(text) if close < 0 else close
            hexadecimal = "".join(c for c in text[at + 1 : close] if c in "0123456789abcdefABCDEF")
            result += bytes.fromhex(hexadecimal[: len(hexadecimal) & -2])
            at = close + 1
        elif follows in ("n", "r", "t", "f", "l", "b", "!", "^", '"') and text[at + 1 : at + 2] > " ":
            if follows == "^":
                result.append(ord(text[at + 1]) & 0x1F)
                at += 1
            else:
                result.append(_ESCAPES[follows])
            at += 1
        else:
            forth.go_on(at)
            return bytes(result)


_ESCAPES = {"n": 10, "r": 13, "t": 9, "f": 12, "l": 10, "b": 8, "!": 7, '"': 34}


@CORE.word('"', "( -- text count )", _A, immediate=True)
def quote(forth: Forth) -> None:
    """A text up to the next quotation mark, in which "(0d 0a) are bytes."""
    forth.text(_escaped(forth))


@CORE.word('s"', "( -- text count )", _A, immediate=True)
def s_quote(forth: Forth) -> None:
    """A text up to the next quotation mark."""
    forth.text(forth.parse('"').encode("latin-1", "replace"))


@CORE.word('c"', "( -- counted )", _ANS, immediate=True)
def c_quote(forth: Forth) -> None:
    """A text with its length in a byte before it."""
    forth.text(forth.parse('"').encode("latin-1", "replace")[:255], counted=True)


@CORE.word('."', "( -- )", _A, immediate=True)
def dot_quote(forth: Forth) -> None:
    """Type a text."""
    text = _escaped(forth).decode("latin-1")
    if forth.compiling:
        forth.put(Op.TYPE, text, f'." {text}"')
    else:
        forth.type(text)


@CORE.word(".(", "( -- )", _A, immediate=True)
def dot_paren(forth: Forth) -> None:
    """Type a text at once."""
    forth.type(forth.parse(")"))


@CORE.word("(", "( -- )", _A, immediate=True)
def paren(forth: Forth) -> None:
    """A comment up to the next parenthesis."""
    forth.parse(")")


@CORE.word("\\", "( -- )", _A, immediate=True)
def backslash(forth: Forth) -> None:
    """A comment up to the end of the line."""
    forth.parse_line()


def _literal(forth: Forth, cell: int, text: str) -> None:
    if forth.compiling:
        forth.put(Op.LITERAL, cell, text)
    else:
        forth.stack.append(cell)


@CORE.word("char", "( -- character )", _A)
def char(forth: Forth) -> None:
    """The first character of the word that follows."""
    forth.stack.append(ord((forth.parse_name() or "\0")[0]) & 0xFF)


@CORE.word("[char]", "( -- character )", _A, immediate=True)
def bracket_char(forth: Forth) -> None:
    """The same, in a definition."""
    name = forth.parse_name() or "\0"
    _literal(forth, ord(name[0]) & 0xFF, f"[char] {name}")


@CORE.word("ascii", "( -- character )", _A, immediate=True)
def ascii_(forth: Forth) -> None:
    """The first character of the word that follows."""
    name = forth.parse_name() or "\0"
    _literal(forth, ord(name[0]) & 0xFF, f"ascii {name}")


@CORE.word("control", "( -- character )", _A, immediate=True)
def control(forth: Forth) -> None:
    """The control character of the word that follows."""
    name = forth.parse_name() or "\0"
    _literal(forth, ord(name[0]) & 0x1F, f"control {name}")


@CORE.word("word", "( character -- counted )", _A)
def word(forth: Forth) -> None:
    """Parse up to a character, without those at the beginning: a text with its length before it."""
    delimiter = chr(forth.stack.pop() & 0xFF)
    source = forth.input()
    at = source.at
    while source.text[at : at + 1] == delimiter:
        at += 1
    forth.pay((at - source.at) * 2)
    forth.go_on(at)
    data = (forth.parse_name() if delimiter == " " else forth.parse(delimiter)).encode("latin-1", "replace")[:255]
    forth.stack.append(forth.put_temporary(bytes((len(data),)) + data))


@CORE.word("parse", "( character -- text count )", _A)
def parse(forth: Forth) -> None:
    """Parse up to a character."""
    forth.push_text(forth.parse(chr(forth.stack.pop() & 0xFF)))


@CORE.word("parse-word", "( -- text count )", _A)
def parse_word(forth: Forth) -> None:
    """Parse the next word."""
    forth.push_text(forth.parse_name())


@CORE.word("parse-line", "( -- text count )", "SLOF")
def parse_line(forth: Forth) -> None:
    """The rest of the line."""
    forth.push_text(forth.parse_line())


@CORE.word("source", "( -- text count )", _A)
def source_(forth: Forth) -> None:
    """The text that is being interpreted."""
    forth.stack += forth.source_text()


@CORE.word(">in", "( -- address )", _A)
def to_in(forth: Forth) -> None:
    """Where it is kept how far that is; what is stored there counts."""
    forth.stack.append(forth.in_address())


@CORE.word("pad", "( -- address )", _A)
def pad(forth: Forth) -> None:
    """1 KiB of memory for a text that is being made."""
    forth.stack.append(forth.pad)
