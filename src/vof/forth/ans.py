"""Words of ANS Forth that 1275 doesn't name: double numbers, the search order, strings, and the interpreter's text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vof.errors import Throw, ThrowCode
from vof.forth.core import CORE
from vof.forth.numbers import digits, signed_digits
from vof.forth.word import Kind, Op, Vocabulary, Word

if TYPE_CHECKING:
    from vof.forth.engine import Forth

__all__: list[str] = []

_DOUBLE, _ORDER, _STRING, _CORE, _TOOLS = "ANS 8", "ANS 16", "ANS 17", "ANS 6", "ANS 15"
_LONGEST = 1 << 20


# --- double numbers ---

for _name, _effect, _condition in (
    ("d0=", "( low high -- flag )", "not ({0} | {1})"),
    ("d0<", "( low high -- flag )", "{1} & H"),
    ("d=", "( low high low high -- flag )", "{0} == {2} and {1} == {3}"),
    ("d<", "( low high low high -- flag )", "(({1} ^ H) << B | {0}) < (({3} ^ H) << B | {2})"),
    ("du<", "( low high low high -- flag )", "({1} << B | {0}) < ({3} << B | {2})"),
):
    CORE.inline(_name, _effect, _DOUBLE, _condition, flag=True)

for _name, _effect, _results in (
    ("d2*", "( low high -- low high )", ("{0} << 1 & M", "({1} << 1 | {0} >> B - 1) & M")),
    ("d2/", "( low high -- low high )", ("({0} >> 1 | {1} << B - 1) & M", "(({1} ^ H) - H) >> 1 & M")),
    (
        "m+",
        "( low high n -- low high )",
        ("{0} + {2} & M", "{1} + ({0} + {2} >> B) + (M if {2} & H else 0) & M"),
    ),
):
    CORE.inline(_name, _effect, _DOUBLE, *_results)

CORE.forth("dmax", "( d d -- d )", _DOUBLE, "2over 2over d< if 2swap then 2drop")
CORE.forth("dmin", "( d d -- d )", _DOUBLE, "2over 2over d< 0= if 2swap then 2drop")


def _pop_double(forth: Forth) -> int:
    high, low = forth.stack.pop(), forth.stack.pop()
    return ((high ^ forth.sign) - forth.sign) << forth.bits | low


def _push_double(forth: Forth, number: int) -> None:
    forth.stack += (number & forth.mask, number >> forth.bits & forth.mask)


@CORE.word("m*/", "( low high n divisor -- low high )", _DOUBLE)
def m_star_slash(forth: Forth) -> None:
    """A double number times n, divided."""
    divisor, factor = forth.stack.pop(), forth.stack.pop()
    if not divisor:
        raise Throw(ThrowCode.DIVISION_BY_ZERO, "division by zero")
    signed = (factor ^ forth.sign) - forth.sign
    _push_double(forth, _pop_double(forth) * signed // ((divisor ^ forth.sign) - forth.sign))


@CORE.word("d.", "( low high -- )", _DOUBLE)
def d_dot(forth: Forth) -> None:
    """Type a double number."""
    forth.type(f"{signed_digits(_pop_double(forth), forth.base)} ")


@CORE.word("ud.", "( low high -- )", "SLOF, OpenBIOS")
def ud_dot(forth: Forth) -> None:
    """Type an unsigned double number."""
    forth.type(f"{digits(_pop_double(forth) & (1 << 2 * forth.bits) - 1, forth.base)} ")


@CORE.word("d.r", "( low high width -- )", _DOUBLE)
def d_dot_r(forth: Forth) -> None:
    """Type a double number at the right of a field."""
    width = min(forth.stack.pop(), 255)
    forth.type(signed_digits(_pop_double(forth), forth.base).rjust(width))


@CORE.word("2variable", "( -- )", _DOUBLE)
def two_variable(forth: Forth) -> None:
    """Define a variable of two cells."""
    address = forth.space.take(2 * forth.cell, forth.cell)
    forth.memory.write(address, bytes(2 * forth.cell))
    forth.defined(forth.new_word(Kind.VARIABLE, value=address, size=2 * forth.cell))


@CORE.word("2literal", "( a b -- )", _DOUBLE, immediate=True, compile_only=True)
def two_literal(forth: Forth) -> None:
    """Compile two numbers that were made while compiling."""
    second, first = forth.stack.pop(), forth.stack.pop()
    forth.put_literal(first)
    forth.put_literal(second)


@CORE.word("2r@", "( -- a b )", _CORE, immediate=True, compile_only=True)
def two_r_fetch(forth: Forth) -> None:
    """The two items that 2>r put on the return stack."""
    for number, op in enumerate((Op.FROM_R, Op.R_FETCH)):
        forth.put(op, None, "\0" if number else "2r@")
    for name in ("swap", "dup"):
        forth.put(Op.WORD, CORE.words[name], "\0")
    forth.put(Op.TO_R, None, "\0")


# --- strings ---


@CORE.word("search", "( text count text count -- text count flag )", _STRING)
def search(forth: Forth) -> None:
    """Find a text in another: what is left of that from there on, and true."""
    wanted = forth.pop_text()
    length, address = forth.stack[-1], forth.stack[-2]
    place = forth.pop_text().find(wanted)
    forth.pay(length // 16)
    forth.stack += (address + place, length - place, forth.mask) if place >= 0 else (address, length, 0)


@CORE.word("cmove", "( from to count -- )", _STRING)
def cmove(forth: Forth) -> None:
    """Copy bytes one after the other from the lowest address up."""
    count, target, source = forth.stack.pop(), forth.stack.pop(), forth.stack.pop()
    _check_count(forth, count)
    if source < target < source + count:  # what was copied is copied again
        pattern = forth.memory.read(source, target - source)
        forth.memory.write(target, (pattern * (count // len(pattern) + 1))[:count])
    else:
        forth.memory.write(target, forth.memory.read(source, count))


@CORE.word("cmove>", "( from to count -- )", _STRING)
def cmove_up(forth: Forth) -> None:
    """Copy bytes one after the other from the highest address down."""
    count, target, source = forth.stack.pop(), forth.stack.pop(), forth.stack.pop()
    _check_count(forth, count)
    if target < source < target + count:
        distance = source - target
        pattern = forth.memory.read(source + count - distance, distance)
        data = pattern * (count // distance + 1)
        forth.memory.write(target, data[len(data) - count :])
    else:
        forth.memory.write(target, forth.memory.read(source, count))


def _check_count(forth: Forth, count: int) -> None:
    if count > _LONGEST:
        raise Throw(ThrowCode.INVALID_MEMORY_ADDRESS, f"{count} bytes to copy")
    forth.pay(10 + count // 32)


@CORE.word("sliteral", "( text count -- )", _STRING, immediate=True, compile_only=True)
def sliteral(forth: Forth) -> None:
    """Compile a text that was made while compiling."""
    forth.text(forth.pop_text().encode("latin-1"))


# --- the search order ---


@CORE.word("wordlist", "( -- list )", _ORDER)
def wordlist(forth: Forth) -> None:
    """A new list of words."""
    forth.pay(100)
    forth.stack.append(forth.list_number(Vocabulary("wordlist")))


@CORE.word("forth-wordlist", "( -- list )", _ORDER)
def forth_wordlist(forth: Forth) -> None:
    """The main list of words."""
    forth.stack.append(forth.list_number(forth.root))


@CORE.word("get-current", "( -- list )", _ORDER)
def get_current(forth: Forth) -> None:
    """Where new words go."""
    forth.stack.append(forth.list_number(forth.current))


@CORE.word("set-current", "( list -- )", _ORDER)
def set_current(forth: Forth) -> None:
    """Have new words go there."""
    forth.current = forth.list_of(forth.stack.pop())


@CORE.word("get-order", "( -- list… count )", _ORDER)
def get_order(forth: Forth) -> None:
    """Where words are looked for, what comes first on top."""
    forth.stack += [forth.list_number(each) for each in reversed(forth.order)]
    forth.stack.append(len(forth.order))


@CORE.word("set-order", "( list… count -- )", _ORDER)
def set_order(forth: Forth) -> None:
    """Have words be looked for there; -1 for the main list alone."""
    count = forth.stack.pop()
    if count == forth.mask:
        forth.order[:] = [forth.root]
        return
    if count > 16:
        raise Throw(ThrowCode.STACK_OVERFLOW, f"{count} lists of words; 16 are the most")
    forth.order[:] = [forth.list_of(forth.stack.pop()) for _ in range(count)] or [forth.root]


@CORE.word("search-wordlist", "( text count list -- 0 | xt 1 | xt -1 )", _ORDER)
def search_wordlist(forth: Forth) -> None:
    """Find a word in one list: 1 if it is immediate."""
    words = forth.list_of(forth.stack.pop())
    name = forth.pop_text().lower()
    word = words.find(name) or (forth.system_word(name) if words is forth.root else None)
    if word is None:
        forth.stack.append(0)
    else:
        forth.stack += (forth.token(word), 1 if word.immediate else forth.mask)


class _Choose:
    """What the word of a vocabulary does."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __call__(self, forth: Forth, stack: list[int]) -> None:
        forth.order[0] = forth.list_of(self._number)


@CORE.word("vocabulary", "( -- )", "1275 A, ANS 16")
def vocabulary(forth: Forth) -> None:
    """Define a list of words, whose name has words looked for there first."""
    word = forth.new_word(Kind.PYTHON)
    word.function = _Choose(forth.list_number(Vocabulary(word.name)))


@CORE.word("order", "( -- )", _ORDER)
def order(forth: Forth) -> None:
    """Type the names of the lists that words are looked for in, and of that where new ones go."""
    forth.type(f"{' '.join(each.name for each in forth.order)}  definitions: {forth.current.name}\r\n")


class _Forget:
    """What a marker does."""

    def __init__(self, forth: Forth, word: Word) -> None:
        self._word = word
        self._order = [forth.list_number(each) for each in forth.order]
        self._current = forth.list_number(forth.current)

    def __call__(self, forth: Forth, stack: list[int]) -> None:
        forth.forget(self._word)
        forth.order[:] = [forth.list_of(number) for number in self._order]
        forth.current = forth.list_of(self._current)


@CORE.word("marker", "( -- )", _CORE)
def marker(forth: Forth) -> None:
    """Define a word that forgets itself and all that was defined since, and has words looked for where they were."""
    word = forth.new_word(Kind.PYTHON)
    word.function = _Forget(forth, word)


# --- the interpreter ---


@CORE.word("parse-name", "( -- text count )", _CORE)
def parse_name(forth: Forth) -> None:
    """The next word of the text."""
    forth.push_text(forth.parse_name())


@CORE.word("refill", "( -- false )", _CORE)
def refill(forth: Forth) -> None:
    """Nothing: a text is interpreted whole."""
    forth.stack.append(0)


@CORE.word("save-input", "( -- text at 2 )", _CORE)
def save_input(forth: Forth) -> None:
    """What restore-input wants: which text is interpreted, and how far that is."""
    forth.stack += (forth.depth, forth.input().at, 2)


@CORE.word("restore-input", "( text at 2 -- failed? )", _CORE)
def restore_input(forth: Forth) -> None:
    """Go on where save-input was, if that is in this text."""
    count = forth.stack.pop()
    if count > len(forth.stack):
        raise Throw(ThrowCode.STACK_UNDERFLOW, "stack underflow")
    cells = [forth.stack.pop() for _ in range(count)]
    possible = count == 2 and cells[1] == forth.depth
    if possible:
        forth.go_on(cells[0])
    forth.stack.append(0 if possible else forth.mask)


@CORE.word("source-id", "( -- -1 )", _CORE)
def source_id(forth: Forth) -> None:
    """-1: what is interpreted is a text in memory."""
    forth.stack.append(forth.mask)


@CORE.word("unused", "( -- bytes )", _CORE)
def unused(forth: Forth) -> None:
    """How much the dictionary can still take."""
    forth.stack.append(forth.space.unused)


@CORE.word("environment?", "( text count -- false )", _CORE)
def environment(forth: Forth) -> None:
    """What the Forth is like: it tells nothing."""
    forth.pop_text()
    forth.stack.append(0)


@CORE.word("[if]", "( flag -- )", _TOOLS, immediate=True)
def bracket_if(forth: Forth) -> None:
    """Go on behind [else] or [then] if the flag is false."""
    if not forth.stack.pop():
        _skip(forth, ("[else]", "[then]"))


@CORE.word("[else]", "( -- )", _TOOLS, immediate=True)
def bracket_else(forth: Forth) -> None:
    """Go on behind [then]."""
    _skip(forth, ("[then]",))


@CORE.word("[then]", "( -- )", _TOOLS, immediate=True)
def bracket_then(forth: Forth) -> None:
    """Nothing: an [if] ends here."""


def _skip(forth: Forth, ends: tuple[str, ...]) -> None:
    depth = 0
    while name := forth.parse_name().lower():
        if name == "[if]":
            depth += 1
        elif depth and name == "[then]":
            depth -= 1
        elif not depth and name in ends:
            return
    raise Throw(ThrowCode.CONTROL_STRUCTURE_MISMATCH, "[if] without [then]")


@CORE.word("body>", "( address -- xt )", "1275 A")
def body_to(forth: Forth) -> None:
    """The word whose data are there."""
    address = forth.stack.pop()
    for words in forth.order:
        forth.pay(len(words.words))
        for word in words.words.values():
            if word.value == address and word.kind in (Kind.VARIABLE, Kind.BUFFER, Kind.CREATE):
                forth.stack.append(forth.token(word))
                return
    raise Throw(ThrowCode.INVALID_NAME_ARGUMENT, f"no word's data are at {address:x}")
