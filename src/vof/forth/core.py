"""The stack, arithmetic, comparison, memory and byte order: words that become a few operations of Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vof.errors import Throw, ThrowCode
from vof.forth.word import Table

if TYPE_CHECKING:
    from vof.forth.engine import Forth

__all__ = ["CORE"]

CORE = Table("core")
"""The language: ANS Forth, and what 1275 adds to it."""

_A = "1275 A"
_ANS = "ANS 6"

for _name, _effect in (
    ("dup", "( x -- x x )"),
    ("drop", "( x -- )"),
    ("swap", "( a b -- b a )"),
    ("over", "( a b -- a b a )"),
    ("rot", "( a b c -- b c a )"),
    ("-rot", "( a b c -- c a b )"),
    ("nip", "( a b -- b )"),
    ("tuck", "( a b -- b a b )"),
    ("2dup", "( a b -- a b a b )"),
    ("2drop", "( a b -- )"),
    ("2swap", "( a b c d -- c d a b )"),
    ("2over", "( a b c d -- a b c d a b )"),
    ("2rot", "( a b c d e f -- c d e f a b )"),
    ("3dup", "( a b c -- a b c a b c )"),
    ("3drop", "( a b c -- )"),
    ("noop", "( -- )"),
):
    CORE.shuffle(_name, _effect, _A)

_S0, _S1, _S2 = (f"(({{{n}}} ^ H) - H)" for n in range(3))

for _name, _effect, _results in (
    ("+", "( a b -- sum )", ("{0} + {1} & M",)),
    ("-", "( a b -- difference )", ("{0} - {1} & M",)),
    ("*", "( a b -- product )", ("{0} * {1} & M",)),
    ("/", "( a b -- quotient )", (f"divide({_S0}, {_S1})[1]",)),
    ("mod", "( a b -- remainder )", (f"divide({_S0}, {_S1})[0]",)),
    ("/mod", "( a b -- remainder quotient )", (f"divide({_S0}, {_S1})[0]", f"divide({_S0}, {_S1})[1]")),
    ("*/", "( a b c -- quotient )", (f"divide({_S0} * {_S1}, {_S2})[1]",)),
    (
        "*/mod",
        "( a b c -- remainder quotient )",
        (f"divide({_S0} * {_S1}, {_S2})[0]", f"divide({_S0} * {_S1}, {_S2})[1]"),
    ),
    ("u/mod", "( a b -- remainder quotient )", ("divide({0}, {1})[0]", "divide({0}, {1})[1]")),
    ("um*", "( a b -- low high )", ("{0} * {1} & M", "{0} * {1} >> B")),
    ("m*", "( a b -- low high )", (f"{_S0} * {_S1} & M", f"{_S0} * {_S1} >> B & M")),
    (
        "um/mod",
        "( low high b -- remainder quotient )",
        ("divide({1} << B | {0}, {2})[0]", "divide({1} << B | {0}, {2})[1]"),
    ),
    (
        "fm/mod",
        "( low high b -- remainder quotient )",
        (f"divide({_S1} << B | {{0}}, {_S2})[0]", f"divide({_S1} << B | {{0}}, {_S2})[1]"),
    ),
    ("negate", "( n -- -n )", ("-{0} & M",)),
    ("abs", "( n -- u )", ("({0} if {0} < H else -{0} & M)",)),
    ("1+", "( n -- n+1 )", ("{0} + 1 & M",)),
    ("1-", "( n -- n-1 )", ("{0} - 1 & M",)),
    ("2+", "( n -- n+2 )", ("{0} + 2 & M",)),
    ("2-", "( n -- n-2 )", ("{0} - 2 & M",)),
    ("2*", "( n -- 2n )", ("{0} << 1 & M",)),
    ("u2/", "( u -- u/2 )", ("{0} >> 1",)),
    ("2/", "( n -- n/2 )", (f"{_S0} >> 1 & M",)),
    ("lshift", "( u count -- u )", ("({0} << {1} & M if {1} < B else 0)",)),
    ("<<", "( u count -- u )", ("({0} << {1} & M if {1} < B else 0)",)),
    ("rshift", "( u count -- u )", ("({0} >> {1} if {1} < B else 0)",)),
    (">>", "( u count -- u )", ("({0} >> {1} if {1} < B else 0)",)),
    (">>a", "( n count -- n )", (f"{_S0} >> min({{1}}, B) & M",)),
    ("and", "( a b -- c )", ("{0} & {1}",)),
    ("or", "( a b -- c )", ("{0} | {1}",)),
    ("xor", "( a b -- c )", ("{0} ^ {1}",)),
    ("invert", "( a -- b )", ("{0} ^ M",)),
    ("not", "( a -- b )", ("{0} ^ M",)),
    ("min", "( a b -- c )", ("({0} if ({0} ^ H) < ({1} ^ H) else {1})",)),
    ("max", "( a b -- c )", ("({0} if ({0} ^ H) > ({1} ^ H) else {1})",)),
    ("umin", "( a b -- c )", ("min({0}, {1})",)),
    ("umax", "( a b -- c )", ("max({0}, {1})",)),
    ("bounds", "( start count -- end start )", ("{0} + {1} & M", "{0}")),
    ("s>d", "( n -- low high )", ("{0}", "(M if {0} & H else 0)")),
    ("u>d", "( u -- low high )", ("{0}", "0")),
    ("d>s", "( low high -- n )", ("{0}",)),
    ("true", "( -- true )", ("M",)),
    ("false", "( -- false )", ("0",)),
    ("bl", "( -- 20 )", ("32",)),
    ("bell", "( -- 7 )", ("7",)),
    ("carret", "( -- d )", ("13",)),
    ("linefeed", "( -- a )", ("10",)),
    ("newline", "( -- a )", ("10",)),
    ("bs", "( -- 8 )", ("8",)),
    ("-1", "( -- -1 )", ("M",)),
    ("0", "( -- 0 )", ("0",)),
    ("1", "( -- 1 )", ("1",)),
    ("2", "( -- 2 )", ("2",)),
    ("3", "( -- 3 )", ("3",)),
    ("/c", "( -- 1 )", ("1",)),
    ("/w", "( -- 2 )", ("2",)),
    ("/l", "( -- 4 )", ("4",)),
    ("/x", "( -- 8 )", ("8",)),
    ("/n", "( -- bytes )", ("(B >> 3)",)),
    ("/c*", "( n -- bytes )", ("{0}",)),
    ("chars", "( n -- bytes )", ("{0}",)),
    ("/w*", "( n -- bytes )", ("{0} << 1 & M",)),
    ("/l*", "( n -- bytes )", ("{0} << 2 & M",)),
    ("/x*", "( n -- bytes )", ("{0} << 3 & M",)),
    ("/n*", "( n -- bytes )", ("{0} * (B >> 3) & M",)),
    ("cells", "( n -- bytes )", ("{0} * (B >> 3) & M",)),
    ("ca+", "( address n -- address )", ("{0} + {1} & M",)),
    ("wa+", "( address n -- address )", ("{0} + 2 * {1} & M",)),
    ("la+", "( address n -- address )", ("{0} + 4 * {1} & M",)),
    ("xa+", "( address n -- address )", ("{0} + 8 * {1} & M",)),
    ("na+", "( address n -- address )", ("{0} + (B >> 3) * {1} & M",)),
    ("ca1+", "( address -- address )", ("{0} + 1 & M",)),
    ("char+", "( address -- address )", ("{0} + 1 & M",)),
    ("wa1+", "( address -- address )", ("{0} + 2 & M",)),
    ("la1+", "( address -- address )", ("{0} + 4 & M",)),
    ("xa1+", "( address -- address )", ("{0} + 8 & M",)),
    ("na1+", "( address -- address )", ("{0} + (B >> 3) & M",)),
    ("cell+", "( address -- address )", ("{0} + (B >> 3) & M",)),
    ("aligned", "( address -- address )", ("{0} + (B >> 3) - 1 & -(B >> 3) & M",)),
    ("upc", "( character -- character )", ("({0} - 32 if 97 <= {0} <= 122 else {0})",)),
    ("lcc", "( character -- character )", ("({0} + 32 if 65 <= {0} <= 90 else {0})",)),
    ("@", "( address -- cell )", ("fetch({0})",)),
    ("l@", "( address -- quad )", ("fetch4({0})",)),
    ("w@", "( address -- word )", ("fetch2({0})",)),
    ("<w@", "( address -- n )", ("((fetch2({0}) ^ 32768) - 32768) & M",)),
    ("<l@", "( address -- n )", ("((fetch4({0}) ^ 2147483648) - 2147483648) & M",)),
    ("c@", "( address -- byte )", ("fetch1({0})",)),
    ("unaligned-l@", "( address -- quad )", ("fetch4({0})",)),
    ("unaligned-w@", "( address -- word )", ("fetch2({0})",)),
    ("2@", "( address -- a b )", ("fetch({0} + (B >> 3))", "fetch({0})")),
    ("bwjoin", "( low high -- word )", ("({1} & 255) << 8 | {0} & 255",)),
    (
        "bljoin",
        "( low second third high -- quad )",
        ("({3} & 255) << 24 | ({2} & 255) << 16 | ({1} & 255) << 8 | {0} & 255",),
    ),
    ("wljoin", "( low high -- quad )", ("({1} & 65535) << 16 | {0} & 65535",)),
    ("wbsplit", "( word -- low high )", ("{0} & 255", "{0} >> 8 & 255")),
    ("lwsplit", "( quad -- low high )", ("{0} & 65535", "{0} >> 16 & 65535")),
    (
        "lbsplit",
        "( quad -- low second third high )",
        ("{0} & 255", "{0} >> 8 & 255", "{0} >> 16 & 255", "{0} >> 24 & 255"),
    ),
    ("wbflip", "( word -- word )", ("({0} & 255) << 8 | {0} >> 8 & 255",)),
    ("lwflip", "( quad -- quad )", ("({0} & 65535) << 16 | {0} >> 16 & 65535",)),
    (
        "lbflip",
        "( quad -- quad )",
        ("({0} & 255) << 24 | ({0} & 65280) << 8 | {0} >> 8 & 65280 | {0} >> 24 & 255",),
    ),
):
    CORE.inline(_name, _effect, _A, *_results)

for _name, _effect, _condition in (
    ("0=", "( n -- flag )", "not {0}"),
    ("0<>", "( n -- flag )", "{0} != 0"),
    ("0<", "( n -- flag )", "{0} >= H"),
    ("0<=", "( n -- flag )", "({0} >= H or not {0})"),
    ("0>", "( n -- flag )", "0 < {0} < H"),
    ("0>=", "( n -- flag )", "{0} < H"),
    ("=", "( a b -- flag )", "{0} == {1}"),
    ("<>", "( a b -- flag )", "{0} != {1}"),
    ("<", "( a b -- flag )", "({0} ^ H) < ({1} ^ H)"),
    (">", "( a b -- flag )", "({0} ^ H) > ({1} ^ H)"),
    ("<=", "( a b -- flag )", "({0} ^ H) <= ({1} ^ H)"),
    (">=", "( a b -- flag )", "({0} ^ H) >= ({1} ^ H)"),
    ("u<", "( a b -- flag )", "{0} < {1}"),
    ("u>", "( a b -- flag )", "{0} > {1}"),
    ("u<=", "( a b -- flag )", "{0} <= {1}"),
    ("u>=", "( a b -- flag )", "{0} >= {1}"),
    ("between", "( n least most -- flag )", "({1} ^ H) <= ({0} ^ H) <= ({2} ^ H)"),
    ("within", "( n least end -- flag )", "({0} - {1} & M) < ({2} - {1} & M)"),
):
    CORE.inline(_name, _effect, _A, _condition, flag=True)

for _name, _effect, _statement in (
    ("!", "( cell address -- )", "store({1}, {0})"),
    ("l!", "( quad address -- )", "store4({1}, {0})"),
    ("w!", "( word address -- )", "store2({1}, {0})"),
    ("c!", "( byte address -- )", "store1({1}, {0})"),
    ("unaligned-l!", "( quad address -- )", "store4({1}, {0})"),
    ("unaligned-w!", "( word address -- )", "store2({1}, {0})"),
    ("+!", "( n address -- )", "store({1}, fetch({1}) + {0} & M)"),
    ("on", "( address -- )", "store({0}, M)"),
    ("off", "( address -- )", "store({0}, 0)"),
    ("2!", "( a b address -- )", "store({2} + (B >> 3), {0}); store({2}, {1})"),
):
    CORE.inline(_name, _effect, _A, statement=_statement)

for _name, _effect, _text in (
    ("pick", "( … u -- … x )", ""),
    ("/string", "( text count n -- text count )", "dup >r - swap r> + swap"),
    ("wbflips", "( address count -- )", "bounds ?do i unaligned-w@ wbflip i unaligned-w! 2 +loop"),
    ("lwflips", "( address count -- )", "bounds ?do i unaligned-l@ lwflip i unaligned-l! 4 +loop"),
    ("lbflips", "( address count -- )", "bounds ?do i unaligned-l@ lbflip i unaligned-l! 4 +loop"),
    ("erase", "( address count -- )", "0 fill"),
    ("blank", "( address count -- )", "20 fill"),
    ("count", "( counted -- text count )", "dup 1+ swap c@"),
):
    if _text:
        CORE.forth(_name, _effect, _A, _text)


def _index(forth: Forth, number: int) -> int:
    if not 0 <= number < len(forth.stack):
        raise Throw(ThrowCode.STACK_UNDERFLOW, "stack underflow")
    return -1 - number


@CORE.word("pick", "( … u -- … x )", _A)
def pick(forth: Forth) -> None:
    """Copy the item that is below u others."""
    stack = forth.stack
    number = stack.pop()
    stack.append(stack[_index(forth, number)])


@CORE.word("roll", "( … u -- … x )", _A)
def roll(forth: Forth) -> None:
    """Move the item that is below u others to the top."""
    stack = forth.stack
    number = stack.pop()
    stack.append(stack.pop(_index(forth, number)))


@CORE.word("?dup", "( x -- x x | 0 )", _A)
def question_dup(forth: Forth) -> None:
    """Copy the top unless it is 0."""
    if forth.stack[-1]:
        forth.stack.append(forth.stack[-1])


@CORE.word("depth", "( -- u )", _A)
def depth(forth: Forth) -> None:
    """How many items are on the stack."""
    forth.stack.append(len(forth.stack))


@CORE.word("clear", "( … -- )", _A)
def clear(forth: Forth) -> None:
    """Empty the stack."""
    forth.stack.clear()


def _double(forth: Forth) -> int:
    high, low = forth.stack.pop(), forth.stack.pop()
    return high << forth.bits | low


def _push_double(forth: Forth, number: int) -> None:
    forth.stack += (number & forth.mask, number >> forth.bits & forth.mask)


@CORE.word("d+", "( d1 d2 -- d )", _A)
def d_plus(forth: Forth) -> None:
    """Add double numbers."""
    _push_double(forth, _double(forth) + _double(forth))


@CORE.word("d-", "( d1 d2 -- d )", _A)
def d_minus(forth: Forth) -> None:
    """Subtract double numbers."""
    second = _double(forth)
    _push_double(forth, _double(forth) - second)


@CORE.word("dnegate", "( d -- -d )", _ANS)
def dnegate(forth: Forth) -> None:
    """Negate a double number."""
    _push_double(forth, -_double(forth))


@CORE.word("dabs", "( d -- d )", _ANS)
def dabs(forth: Forth) -> None:
    """A double number without its sign."""
    number = _double(forth)
    _push_double(forth, -number if number >> (2 * forth.bits - 1) else number)


@CORE.word("sm/rem", "( d n -- remainder quotient )", _ANS)
def sm_rem(forth: Forth) -> None:
    """Divide a double number, with the quotient cut off towards 0."""
    divisor, number = _signed(forth, forth.stack.pop()), _double(forth)
    if not divisor:
        raise Throw(ThrowCode.DIVISION_BY_ZERO, "division by zero")
    if number >> (2 * forth.bits - 1):
        number -= 1 << 2 * forth.bits
    quotient = abs(number) // abs(divisor)
    quotient = quotient if (number < 0) == (divisor < 0) else -quotient
    forth.stack += ((number - quotient * divisor) & forth.mask, quotient & forth.mask)


def _signed(forth: Forth, cell: int) -> int:
    return (cell ^ forth.sign) - forth.sign
