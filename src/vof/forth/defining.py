"""Words that define words, and put data into the dictionary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vof.errors import Throw, ThrowCode
from vof.forth.core import CORE
from vof.forth.word import Kind, Op, Word

if TYPE_CHECKING:
    from vof.forth.engine import Forth

__all__: list[str] = []

_A = "1275 A"
_ANS = "ANS 6"


# --- definitions ---


@CORE.word(":", "( -- )", _A)
def colon(forth: Forth) -> None:
    """Begin the definition of the word whose name follows."""
    name = _name(forth)
    forth.begin(Word(name, Kind.COLON))


def _name(forth: Forth) -> str:
    name = forth.parse_name()
    if not name:
        raise Throw(ThrowCode.ZERO_LENGTH_NAME, "a name is wanted")
    if len(name) > 31:
        raise Throw(ThrowCode.NAME_TOO_LONG, f"a name of {len(name)} characters; it has at most 31")
    return name


@CORE.word(":noname", "( -- xt )", _ANS)
def colon_noname(forth: Forth) -> None:
    """Begin a definition without a name."""
    forth.begin(Word("", Kind.COLON))


@CORE.word(";", "( -- )", _A, immediate=True, compile_only=True)
def semicolon(forth: Forth) -> None:
    """End a definition."""
    if forth.definition.temporary:
        raise Throw(ThrowCode.CONTROL_STRUCTURE_MISMATCH, "; without :")
    added = forth.definition.added_to
    word = forth.finish()
    if added is not None:
        return
    if word.name:
        forth.enter(word)
        forth.defined(word)
    else:
        forth.last = word
        forth.stack.append(forth.token(word))


@CORE.word("does>", "( -- )", _A, immediate=True, compile_only=True)
def does(forth: Forth) -> None:
    """What follows is what words do that the definition makes by create, with their address."""
    definition = forth.definition
    added = Word(f"{definition.word.name} does>", Kind.COLON)
    forth.put(Op.DOES, added, "does>")
    outer = forth.finish()
    if outer.name:
        forth.enter(outer)
    forth.begin(added)
    forth.definition.added_to = outer


@CORE.word("recursive", "( -- )", _A, immediate=True)
def recursive(forth: Forth) -> None:
    """Have the word's own name mean itself in its definition."""
    forth.definition.recursive = True


@CORE.word("recurse", "( -- )", _A, immediate=True, compile_only=True)
def recurse(forth: Forth) -> None:
    """Call the word that is being defined."""
    forth.put(Op.RECURSE, None, "recurse")


@CORE.word("exit", "( -- )", _A, immediate=True, compile_only=True)
def exit_(forth: Forth) -> None:
    """Go back from a definition."""
    forth.put(Op.EXIT, None, "exit")


@CORE.word("immediate", "( -- )", _A)
def immediate(forth: Forth) -> None:
    """Have the newest word run where a definition is compiled."""
    if forth.last is not None:
        forth.last.immediate = True


@CORE.word("headerless", "( -- )", _A)
def headerless(forth: Forth) -> None:
    """Nothing: words keep their names."""


@CORE.word("headers", "( -- )", _A)
def headers(forth: Forth) -> None:
    """Nothing: words keep their names."""


@CORE.word("external", "( -- )", _A)
def external(forth: Forth) -> None:
    """Nothing: words keep their names."""


@CORE.word("constant", "( x -- )", _A)
def constant(forth: Forth) -> None:
    """Define a constant."""
    forth.defined(forth.new_word(Kind.CONSTANT, value=forth.stack.pop()))


@CORE.word("2constant", "( a b -- )", _A)
def two_constant(forth: Forth) -> None:
    """Define a constant of two cells."""
    second, first = forth.stack.pop(), forth.stack.pop()
    forth.begin(Word(_name(forth), Kind.COLON))
    forth.put_literal(first)
    forth.put_literal(second)
    semicolon(forth)


def _takes_instance(forth: Forth) -> bool:
    instance, forth.next_is_instance = forth.next_is_instance, False
    return instance


@CORE.word("value", "( x -- )", _A)
def value(forth: Forth) -> None:
    """Define a value, which `to` changes."""
    forth.defined(forth.new_word(Kind.VALUE, value=forth.stack.pop(), instance=_takes_instance(forth)))


@CORE.word("variable", "( -- )", _A)
def variable(forth: Forth) -> None:
    """Define a variable."""
    address = forth.space.take(forth.cell, forth.cell)
    forth.helpers["store"](address, 0)
    instance = _takes_instance(forth)
    forth.defined(forth.new_word(Kind.VARIABLE, value=address, size=forth.cell, instance=instance))


@CORE.word("buffer:", "( bytes -- )", _A)
def buffer(forth: Forth) -> None:
    """Define a buffer, of zeroes at first."""
    size = forth.stack.pop()
    address = forth.space.take(size, forth.cell)
    forth.memory.write(address, bytes(size))
    forth.defined(forth.new_word(Kind.BUFFER, value=address, size=size, instance=_takes_instance(forth)))


@CORE.word("create", "( -- )", _A)
def create(forth: Forth) -> None:
    """Define a word that gives the address of what is put into the dictionary next."""
    forth.defined(forth.new_word(Kind.CREATE, value=forth.space.take(0, forth.cell)))


@CORE.word("$create", "( text count -- )", _A)
def dollar_create(forth: Forth) -> None:
    """The same, with the name from the stack."""
    name = forth.pop_text()
    forth.defined(forth.new_word(Kind.CREATE, name=name, value=forth.space.take(0, forth.cell)))


@CORE.word("defer", "( -- )", _A)
def defer(forth: Forth) -> None:
    """Define a word that runs what `to` or `is` says."""
    forth.defined(forth.new_word(Kind.DEFER, instance=_takes_instance(forth)))


@CORE.word("alias", "( -- )", _A)
def alias(forth: Forth) -> None:
    """Give another name to a word: `alias new old`."""
    name, old = _name(forth), forth.need_word(forth.parse_name())
    forth.begin(Word(name, Kind.COLON, old.effect, immediate=old.immediate))
    forth.put(Op.WORD, old, old.name)
    word = forth.finish()
    forth.enter(word)
    forth.defined(word)


@CORE.word("struct", "( -- 0 )", _A)
def struct(forth: Forth) -> None:
    """Begin a structure."""
    forth.stack.append(0)


@CORE.word("field", "( offset size -- offset )", _A)
def field(forth: Forth) -> None:
    """Define a field of a structure: its word adds its offset."""
    size, offset = forth.stack.pop(), forth.stack.pop()
    forth.defined(forth.new_word(Kind.FIELD, value=offset, size=size))
    forth.stack.append(offset + size & forth.mask)


@CORE.word("instance", "( -- )", _A)
def instance(forth: Forth) -> None:
    """Have the next value, variable, buffer or defer be each instance's own."""
    forth.next_is_instance = True


@CORE.word("forget", "( -- )", _A)
def forget(forth: Forth) -> None:
    """Forget a word and all that was defined since."""
    forth.forget(forth.need_word(forth.parse_name()))


@CORE.word("to", "( x -- )", _A, immediate=True)
def to(forth: Forth) -> None:
    """Give a value, a deferred word or a local variable something else."""
    name = forth.parse_name()
    if forth.compiling and name.lower() in forth.definition.locals:
        forth.put(Op.TO_LOCAL, forth.definition.locals.index(name.lower()), f"to {name}")
    elif not forth.change_special(name):
        forth.change(forth.need_word(name))


@CORE.word("->", "( x -- )", "SLOF", immediate=True)
def arrow(forth: Forth) -> None:
    """The same as to."""
    to(forth)


@CORE.word("is", "( xt -- )", _A, immediate=True)
def is_(forth: Forth) -> None:
    """The same as to."""
    to(forth)


@CORE.word("behavior", "( xt -- xt )", _A)
def behavior(forth: Forth) -> None:
    """What a deferred word runs."""
    word = forth.word_of(forth.stack.pop())
    target = forth.target(word) if word.kind is Kind.DEFER else None
    if target is None:
        raise Throw(ThrowCode.INVALID_NAME_ARGUMENT, f"{word.name} is no deferred word that was set")
    forth.stack.append(forth.token(target))


# --- the data space ---


@CORE.word("here", "( -- address )", _A)
def here(forth: Forth) -> None:
    """The next free address of the dictionary."""
    forth.stack.append(forth.space.here)


@CORE.word("allot", "( n -- )", _A)
def allot(forth: Forth) -> None:
    """Take memory from the dictionary, or give it back."""
    forth.pay(10)
    count = (forth.stack.pop() ^ forth.sign) - forth.sign
    address = forth.space.take(count)
    if count > 0:
        forth.pay(count // 64)
        forth.memory.write(address, bytes(count))


def _comma(forth: Forth, size: int) -> None:
    cell = forth.stack.pop()
    address = forth.space.take(size)
    forth.memory.write(address, (cell & (1 << 8 * size) - 1).to_bytes(size))


@CORE.word(",", "( x -- )", _A)
def comma(forth: Forth) -> None:
    """Put a cell into the dictionary."""
    _comma(forth, forth.cell)


@CORE.word("l,", "( quad -- )", _A)
def l_comma(forth: Forth) -> None:
    """Put four bytes into the dictionary."""
    _comma(forth, 4)


@CORE.word("w,", "( word -- )", _A)
def w_comma(forth: Forth) -> None:
    """Put two bytes into the dictionary."""
    _comma(forth, 2)


@CORE.word("c,", "( byte -- )", _A)
def c_comma(forth: Forth) -> None:
    """Put a byte into the dictionary."""
    _comma(forth, 1)


@CORE.word("align", "( -- )", _A)
def align(forth: Forth) -> None:
    """Have the next free address be a cell's."""
    forth.space.take(-forth.space.here % forth.cell)
