"""Words that define words, compile, control the flow, and look words up."""

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
    name, old = _name(forth), _found(forth, forth.parse_name())
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
    forth.forget(_found(forth, forth.parse_name()))


@CORE.word("to", "( x -- )", _A, immediate=True)
def to(forth: Forth) -> None:
    """Give a value, a deferred word or a local variable something else."""
    name = forth.parse_name()
    if forth.compiling and name.lower() in forth.definition.locals:
        forth.put(Op.TO_LOCAL, forth.definition.locals.index(name.lower()), f"to {name}")
    elif not forth.change_special(name):
        forth.change(_found(forth, name))


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


# --- words as data ---


def _found(forth: Forth, name: str) -> Word:
    word = forth.find(name)
    if word is None:
        raise Throw(ThrowCode.UNDEFINED_WORD, f"{name[:40]}: undefined word" if name else "a name is wanted")
    return word


@CORE.word("'", "( -- xt )", _A)
def tick(forth: Forth) -> None:
    """The execution token of the word that follows."""
    forth.stack.append(forth.token(_found(forth, forth.parse_name())))


@CORE.word("[']", "( -- xt )", _A, immediate=True)
def bracket_tick(forth: Forth) -> None:
    """The same, in a definition."""
    word = _found(forth, forth.parse_name())
    if forth.compiling:
        forth.put(Op.LITERAL, forth.token(word), f"['] {word.name}")
    else:
        forth.stack.append(forth.token(word))


@CORE.word("$find", "( text count -- text count false | xt true )", _A)
def dollar_find(forth: Forth) -> None:
    """Find a word by its name."""
    length, address = forth.stack[-1], forth.stack[-2]
    word = forth.find(forth.pop_text())
    if word is None:
        forth.stack += (address, length, 0)
    else:
        forth.stack += (forth.token(word), forth.mask)


@CORE.word("find", "( counted -- counted 0 | xt 1 | xt -1 )", _A)
def find(forth: Forth) -> None:
    """Find a word by its name with its length before it: 1 if it is immediate."""
    address = forth.stack.pop()
    count = forth.memory.read(address, 1)[0]
    word = forth.find(forth.memory.read(address + 1, count).decode("latin-1"))
    if word is None:
        forth.stack += (address, 0)
    else:
        forth.stack += (forth.token(word), 1 if word.immediate else forth.mask)


@CORE.word(">body", "( xt -- address )", _A)
def to_body(forth: Forth) -> None:
    """Where the data of a word are."""
    word = forth.word_of(forth.stack.pop())
    if word.kind not in (Kind.VARIABLE, Kind.BUFFER, Kind.CREATE):
        raise Throw(ThrowCode.INVALID_NAME_ARGUMENT, f"{word.name} has no data")
    forth.stack.append(word.value)


@CORE.word("execute", "( xt -- )", _A)
def execute(forth: Forth) -> None:
    """Run a word."""
    forth.pay(1)
    forth.run(forth.word_of(forth.stack.pop()))


@CORE.word("evaluate", "( text count -- )", _A)
def evaluate(forth: Forth) -> None:
    """Interpret a text."""
    forth.pay(10)
    address = forth.stack[-2]
    forth.evaluate(forth.pop_text(), address)


@CORE.word("eval", "( text count -- )", _A)
def eval_(forth: Forth) -> None:
    """The same as evaluate."""
    evaluate(forth)


@CORE.word("catch", "( xt -- … 0 | … code )", _A)
def catch(forth: Forth) -> None:
    """Run a word: 0, or the code that it threw, with the stack as deep as it was."""
    forth.pay(50)
    word = forth.word_of(forth.stack.pop())
    forth.stack.append(forth.catch(word))


@CORE.word("throw", "( code -- )", _A)
def throw(forth: Forth) -> None:
    """Go back to the latest catch, unless the code is 0."""
    code = forth.stack.pop()
    if code:
        raise Throw((code ^ forth.sign) - forth.sign)


@CORE.word("abort", "( … -- )", _A)
def abort(forth: Forth) -> None:
    """Give up."""
    raise Throw(ThrowCode.ABORT)


def _abort_with(forth: Forth, text: str) -> None:
    if forth.stack.pop():
        raise Throw(ThrowCode.ABORT_QUOTE, text)


class _AbortWith:
    """What `abort" text"` compiles to."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __call__(self, forth: Forth, stack: list[int]) -> None:
        _abort_with(forth, self._text)


@CORE.word('abort"', "( flag -- )", _A, immediate=True)
def abort_quote(forth: Forth) -> None:
    """Give up with a text if the flag is true."""
    text = forth.parse('"')
    if forth.compiling:
        forth.put(Op.WORD, Word(f'abort" {text}"', Kind.PYTHON, function=_AbortWith(text)), f'abort" {text}"')
    else:
        _abort_with(forth, text)


@CORE.word("[", "( -- )", _A, immediate=True)
def left_bracket(forth: Forth) -> None:
    """Interpret, in the middle of a definition."""
    forth.interpret_inside()


@CORE.word("]", "( -- )", _A)
def right_bracket(forth: Forth) -> None:
    """Compile again."""
    forth.compile_again()


@CORE.word("literal", "( x -- )", _A, immediate=True, compile_only=True)
def literal(forth: Forth) -> None:
    """Compile a number that was made while compiling."""
    forth.put_literal(forth.stack.pop())


class _Compile:
    """What `postpone word` compiles to: compiling the word."""

    def __init__(self, word: Word) -> None:
        self._word = word

    def __call__(self, forth: Forth, stack: list[int]) -> None:
        forth.put(Op.WORD, self._word, self._word.name)


@CORE.word("postpone", "( -- )", _A, immediate=True, compile_only=True)
def postpone(forth: Forth) -> None:
    """Compile what compiling the word that follows does."""
    word = _found(forth, forth.parse_name())
    if word.immediate:
        forth.put(Op.WORD, word, word.name)
    else:
        forth.put(Op.WORD, Word(f"postpone {word.name}", Kind.PYTHON, function=_Compile(word)), f"postpone {word.name}")


@CORE.word("[compile]", "( -- )", _A, immediate=True, compile_only=True)
def bracket_compile(forth: Forth) -> None:
    """Compile the word that follows though it is immediate."""
    word = _found(forth, forth.parse_name())
    forth.put(Op.WORD, word, f"[compile] {word.name}")


@CORE.word("compile", "( -- )", _A, immediate=True, compile_only=True)
def compile_(forth: Forth) -> None:
    """Have the definition compile the word that follows, when it runs."""
    word = _found(forth, forth.parse_name())
    forth.put(Op.WORD, Word(f"compile {word.name}", Kind.PYTHON, function=_Compile(word)), f"compile {word.name}")


@CORE.word("compile,", "( xt -- )", _ANS)
def compile_comma(forth: Forth) -> None:
    """Compile a word."""
    word = forth.word_of(forth.stack.pop())
    forth.put(Op.WORD, word, word.name)


@CORE.word("state", "( -- address )", _A)
def state(forth: Forth) -> None:
    """Where it is kept whether a definition is being compiled."""
    forth.stack.append(forth.cell_at("state", forth.mask if forth.compiling else 0))


@CORE.word("forth", "( -- )", _A)
def forth_(forth: Forth) -> None:
    """Look for words in the main list first."""
    forth.order[0] = forth.root


@CORE.word("definitions", "( -- )", _A)
def definitions(forth: Forth) -> None:
    """Put new words where words are looked for first."""
    forth.current = forth.order[0]


@CORE.word("also", "( -- )", _ANS)
def also(forth: Forth) -> None:
    """Look for words in the first list twice, so that the first can be changed."""
    if len(forth.order) >= 16:
        raise Throw(ThrowCode.STACK_OVERFLOW, "16 lists of words")
    forth.order.insert(0, forth.order[0])


@CORE.word("previous", "( -- )", _ANS)
def previous(forth: Forth) -> None:
    """Look no more in the first list of words."""
    if len(forth.order) > 1:
        del forth.order[0]


@CORE.word("only", "( -- )", _ANS)
def only(forth: Forth) -> None:
    """Look in the main list of words alone."""
    forth.order[:] = [forth.root]


# --- control ---

for _word, _op, _change_of_depth, _effect in (
    ("if", Op.IF, 1, "( flag -- )"),
    ("else", Op.ELSE, 0, "( -- )"),
    ("then", Op.THEN, -1, "( -- )"),
    ("begin", Op.BEGIN, 1, "( -- )"),
    ("again", Op.AGAIN, -1, "( -- )"),
    ("until", Op.UNTIL, -1, "( flag -- )"),
    ("while", Op.WHILE, 1, "( flag -- )"),
    ("repeat", Op.REPEAT, -2, "( -- )"),
    ("do", Op.DO, 1, "( limit start -- )"),
    ("?do", Op.QUESTION_DO, 1, "( limit start -- )"),
    ("loop", Op.LOOP, -1, "( -- )"),
    ("+loop", Op.PLUS_LOOP, -1, "( n -- )"),
):

    def _structure(forth: Forth, op: Op = _op, change: int = _change_of_depth, name: str = _word) -> None:
        forth.structure(op, change, name)

    _structure.__doc__ = f"Control the flow: {_word}."
    CORE.word(_word, _effect, _A, immediate=True)(_structure)


@CORE.word("ahead", "( -- )", _ANS, immediate=True, compile_only=True)
def ahead(forth: Forth) -> None:
    """Go on behind the then."""
    forth.put_literal(0)
    forth.structure(Op.IF, 1, "ahead")


@CORE.word("case", "( x -- x )", _A, immediate=True)
def case(forth: Forth) -> None:
    """Begin a choice among numbers."""
    forth.begin_case()


@CORE.word("of", "( x n -- | x )", _A, immediate=True, compile_only=True)
def of(forth: Forth) -> None:
    """If the number is this one, up to endof."""
    forth.of()


@CORE.word("endof", "( -- )", _A, immediate=True, compile_only=True)
def endof(forth: Forth) -> None:
    """Go on behind endcase."""
    forth.structure(Op.ELSE, 0, "endof")


@CORE.word("endcase", "( x -- )", _A, immediate=True, compile_only=True)
def endcase(forth: Forth) -> None:
    """End the choice, and drop the number that was none of them."""
    forth.end_case()


@CORE.word("leave", "( -- )", _A, immediate=True, compile_only=True)
def leave(forth: Forth) -> None:
    """Leave a loop."""
    forth.put(Op.LEAVE, None, "leave")


@CORE.word("?leave", "( flag -- )", _A, immediate=True, compile_only=True)
def question_leave(forth: Forth) -> None:
    """Leave a loop if the flag is true."""
    forth.put(Op.IF, None, "?leave")
    forth.put(Op.LEAVE, None, "\0")
    forth.put(Op.THEN, None, "\0")


@CORE.word("unloop", "( -- )", _A, immediate=True, compile_only=True)
def unloop(forth: Forth) -> None:
    """Forget a loop, before an exit: i is the index of the one around it."""
    forth.put(Op.UNLOOP, None, "unloop")


for _word, _between in (("i", 0), ("j", 1), ("k", 2)):

    def _index(forth: Forth, between: int = _between, name: str = _word) -> None:
        forth.put(Op.INDEX, between, name)

    _index.__doc__ = "The index of a loop: the innermost, the one around it, or the next."
    CORE.word(_word, "( -- n )", _A, immediate=True, compile_only=True)(_index)

for _word, _ops in (
    (">r", (Op.TO_R,)),
    ("r>", (Op.FROM_R,)),
    ("r@", (Op.R_FETCH,)),
):

    def _return(forth: Forth, ops: tuple[Op, ...] = _ops, name: str = _word) -> None:
        for op in ops:
            forth.put(op, None, name)

    _return.__doc__ = "Use the return stack."
    CORE.word(_word, "( x -- )" if _word == ">r" else "( -- x )", _A, immediate=True, compile_only=True)(_return)


@CORE.word("2>r", "( a b -- )", _ANS, immediate=True, compile_only=True)
def two_to_r(forth: Forth) -> None:
    """Put two items on the return stack."""
    swap = CORE.words["swap"]
    forth.put(Op.WORD, swap, "2>r")
    forth.put(Op.TO_R, None, "\0")
    forth.put(Op.TO_R, None, "\0")


@CORE.word("2r>", "( -- a b )", _ANS, immediate=True, compile_only=True)
def two_r_from(forth: Forth) -> None:
    """Take them back."""
    forth.put(Op.FROM_R, None, "2r>")
    forth.put(Op.FROM_R, None, "\0")
    forth.put(Op.WORD, CORE.words["swap"], "\0")


@CORE.word("{", "( … -- )", "Apple, SLOF", immediate=True, compile_only=True)
def left_brace(forth: Forth) -> None:
    """Local variables: those before `;` or `|` come from the stack, the last from its top; those behind are 0."""
    names: list[str] = []
    taken: int | None = None
    while True:
        name = forth.parse_name()
        if not name:
            raise Throw(ThrowCode.CONTROL_STRUCTURE_MISMATCH, "{ without }")
        if name == "}":
            break
        if name in (";", "|"):
            taken = len(names)
        elif name == "--":
            while forth.parse_name() not in ("}", ""):
                continue
            break
        else:
            names.append(name.lower())
    if forth.definition.locals or len(names) > 32:
        raise Throw(ThrowCode.UNSUPPORTED_OPERATION, "local variables twice, or more than 32")
    forth.definition.locals[:] = names
    forth.put(Op.LOCALS, len(names) if taken is None else taken, f"{{ {' '.join(names)} }}")
