"""Words for numbers in text: typing them, making their text, parsing them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vof.errors import Throw, ThrowCode
from vof.forth.core import CORE
from vof.forth.numbers import digits, parse_number, signed_digits

if TYPE_CHECKING:
    from vof.forth.engine import Forth

__all__: list[str] = []

_A = "1275 A"
_ANS = "ANS 6"
_LONGEST_HELD = 256


def _signed(forth: Forth, cell: int) -> int:
    return (cell ^ forth.sign) - forth.sign


@CORE.word(".", "( n -- )", _A)
def dot(forth: Forth) -> None:
    """Type a number and a blank."""
    forth.type(signed_digits(_signed(forth, forth.stack.pop()), forth.base) + " ")


@CORE.word("s.", "( n -- )", _A)
def s_dot(forth: Forth) -> None:
    """Type a signed number and a blank."""
    dot(forth)


@CORE.word("u.", "( u -- )", _A)
def u_dot(forth: Forth) -> None:
    """Type an unsigned number and a blank."""
    forth.type(digits(forth.stack.pop(), forth.base) + " ")


@CORE.word(".d", "( n -- )", _A)
def dot_d(forth: Forth) -> None:
    """Type a number in decimal."""
    forth.type(signed_digits(_signed(forth, forth.stack.pop()), 10) + " ")


@CORE.word(".h", "( n -- )", _A)
def dot_h(forth: Forth) -> None:
    """Type a number in hexadecimal."""
    forth.type(signed_digits(_signed(forth, forth.stack.pop()), 16) + " ")


@CORE.word(".r", "( n width -- )", _A)
def dot_r(forth: Forth) -> None:
    """Type a number at the right of a field."""
    width, number = forth.stack.pop(), forth.stack.pop()
    forth.type(signed_digits(_signed(forth, number), forth.base).rjust(min(width, _LONGEST_HELD)))


@CORE.word("u.r", "( u width -- )", _A)
def u_dot_r(forth: Forth) -> None:
    """Type an unsigned number at the right of a field."""
    width, number = forth.stack.pop(), forth.stack.pop()
    forth.type(digits(number, forth.base).rjust(min(width, _LONGEST_HELD)))


@CORE.word("?", "( address -- )", _A)
def question(forth: Forth) -> None:
    """Type the cell at an address."""
    forth.stack.append(forth.helpers["fetch"](forth.stack.pop()))
    dot(forth)


@CORE.word(".s", "( -- )", _A)
def dot_s(forth: Forth) -> None:
    """Type all that is on the stack."""
    cells = [signed_digits(_signed(forth, cell), forth.base) for cell in forth.stack[-100:]]
    forth.type("".join(f"{cell} " for cell in cells) or "Empty ")


@CORE.word("<#", "( -- )", _A)
def less_sharp(forth: Forth) -> None:
    """Begin to make a number's text."""
    forth.held = ""


@CORE.word("#", "( low high -- low high )", _ANS)
def sharp(forth: Forth) -> None:
    """Put a digit of a double number before the text."""
    high, low = forth.stack.pop(), forth.stack.pop()
    rest, digit = divmod(high << forth.bits | low, max(2, min(36, forth.base)))
    _hold(forth, digits(digit, 36))
    forth.stack += (rest & forth.mask, rest >> forth.bits)


@CORE.word("#s", "( low high -- 0 0 )", _ANS)
def sharp_s(forth: Forth) -> None:
    """Put all digits of a double number before the text."""
    high, low = forth.stack.pop(), forth.stack.pop()
    _hold(forth, digits(high << forth.bits | low, forth.base))
    forth.stack += (0, 0)


@CORE.word("#>", "( low high -- text count )", _ANS)
def sharp_greater(forth: Forth) -> None:
    """End it: the text."""
    del forth.stack[-2]
    forth.stack.pop()
    forth.push_text(forth.held)


@CORE.word("u#", "( u -- u )", _A)
def u_sharp(forth: Forth) -> None:
    """Put a digit of a number before the text."""
    rest, digit = divmod(forth.stack.pop(), max(2, min(36, forth.base)))
    _hold(forth, digits(digit, 36))
    forth.stack.append(rest)


@CORE.word("u#s", "( u -- 0 )", _A)
def u_sharp_s(forth: Forth) -> None:
    """Put all digits of a number before the text."""
    _hold(forth, digits(forth.stack.pop(), forth.base))
    forth.stack.append(0)


@CORE.word("u#>", "( u -- text count )", _A)
def u_sharp_greater(forth: Forth) -> None:
    """End it: the text."""
    forth.stack.pop()
    forth.push_text(forth.held)


@CORE.word("hold", "( character -- )", _A)
def hold(forth: Forth) -> None:
    """Put a character before the text."""
    _hold(forth, chr(forth.stack.pop() & 0xFF))


@CORE.word("sign", "( n -- )", _A)
def sign(forth: Forth) -> None:
    """Put a minus before the text if the number is negative."""
    if forth.stack.pop() & forth.sign:
        _hold(forth, "-")


def _hold(forth: Forth, text: str) -> None:
    if len(forth.held) + len(text) > _LONGEST_HELD:
        raise Throw(ThrowCode.DICTIONARY_OVERFLOW, "the number's text is too long")
    forth.held = text + forth.held


@CORE.word("(.)", "( n -- text count )", _A)
def paren_dot(forth: Forth) -> None:
    """A number's text."""
    forth.push_text(signed_digits(_signed(forth, forth.stack.pop()), forth.base))


@CORE.word("(u.)", "( u -- text count )", _A)
def paren_u_dot(forth: Forth) -> None:
    """An unsigned number's text."""
    forth.push_text(digits(forth.stack.pop(), forth.base))


@CORE.word("base", "( -- address )", _A)
def base(forth: Forth) -> None:
    """Where the base of numbers is kept."""
    forth.stack.append(forth.base_address)


@CORE.word("hex", "( -- )", _A)
def hex_(forth: Forth) -> None:
    """Have numbers be hexadecimal."""
    forth.base = 16


@CORE.word("decimal", "( -- )", _A)
def decimal(forth: Forth) -> None:
    """Have numbers be decimal."""
    forth.base = 10


@CORE.word("octal", "( -- )", _A)
def octal(forth: Forth) -> None:
    """Have numbers be octal."""
    forth.base = 8


def _in_base(forth: Forth, number_base: int) -> None:
    name = forth.parse_name()
    number = parse_number(name, number_base)
    if number is None:
        raise Throw(ThrowCode.UNDEFINED_WORD, f"{name[:40]}: no number in base {number_base}")
    if forth.compiling:
        forth.put_literal(number)
    else:
        forth.stack.append(number & forth.mask)


@CORE.word("h#", "( -- n )", _A, immediate=True)
def h_sharp(forth: Forth) -> None:
    """The hexadecimal number that follows."""
    _in_base(forth, 16)


@CORE.word("d#", "( -- n )", _A, immediate=True)
def d_sharp(forth: Forth) -> None:
    """The decimal number that follows."""
    _in_base(forth, 10)


@CORE.word("o#", "( -- n )", _A, immediate=True)
def o_sharp(forth: Forth) -> None:
    """The octal number that follows."""
    _in_base(forth, 8)


@CORE.word("b#", "( -- n )", "OpenBIOS", immediate=True)
def b_sharp(forth: Forth) -> None:
    """The binary number that follows."""
    _in_base(forth, 2)


@CORE.word("$number", "( text count -- true | n false )", _A)
def dollar_number(forth: Forth) -> None:
    """The number that a text is: true where it is none."""
    number = parse_number(forth.pop_text(), forth.base)
    forth.stack += (forth.mask,) if number is None else (number & forth.mask, 0)


@CORE.word(">number", "( low high text count -- low high text count )", _ANS)
def to_number(forth: Forth) -> None:
    """Add a text's digits to a double number, as far as they go."""
    length, address = forth.stack.pop(), forth.stack.pop()
    high, low = forth.stack.pop(), forth.stack.pop()
    number = high << forth.bits | low
    text = forth.memory.read(address, min(length, 1024)).decode("latin-1")
    done, number_base, most = 0, forth.base, (1 << 2 * forth.bits) - 1
    while done < len(text) and (digit := parse_number(text[done], number_base)) is not None:
        number = number * number_base + digit & most
        done += 1
    forth.pay(10 * done)
    forth.stack += (number & forth.mask, number >> forth.bits, address + done, length - done)


@CORE.word("digit", "( character base -- n true | character false )", _A)
def digit_(forth: Forth) -> None:
    """A digit's value."""
    number_base, character = forth.stack.pop(), forth.stack.pop()
    value = parse_number(chr(character & 0xFF), number_base)
    forth.stack += (character, 0) if value is None else (value, forth.mask)
