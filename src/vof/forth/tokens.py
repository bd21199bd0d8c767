"""Words that find words, run them, and compile them."""

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


@CORE.word("'", "( -- xt )", _A)
def tick(forth: Forth) -> None:
    """The execution token of the word that follows."""
    forth.stack.append(forth.token(forth.need_word(forth.parse_name())))


@CORE.word("[']", "( -- xt )", _A, immediate=True)
def bracket_tick(forth: Forth) -> None:
    """The same, in a definition."""
    word = forth.need_word(forth.parse_name())
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
    word = forth.need_word(forth.parse_name())
    if word.immediate:
        forth.put(Op.WORD, word, word.name)
    else:
        forth.put(Op.WORD, Word(f"postpone {word.name}", Kind.PYTHON, function=_Compile(word)), f"postpone {word.name}")


@CORE.word("[compile]", "( -- )", _A, immediate=True, compile_only=True)
def bracket_compile(forth: Forth) -> None:
    """Compile the word that follows though it is immediate."""
    word = forth.need_word(forth.parse_name())
    forth.put(Op.WORD, word, f"[compile] {word.name}")


@CORE.word("compile", "( -- )", _A, immediate=True, compile_only=True)
def compile_(forth: Forth) -> None:
    """Have the definition compile the word that follows, when it runs."""
    word = forth.need_word(forth.parse_name())
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
