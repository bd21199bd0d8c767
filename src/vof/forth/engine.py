"""`Forth`: the text interpreter, on top of the layers that it is made of.

Numbers are cells of 32 bits, or 64, kept as 0 … 2**bits - 1. The data space is guest memory, so an address means the
same to a client program and to Forth. Whatever goes wrong is a `Throw`: a bad address, too few cells, a text that makes
no sense, a program that never ends.

The layers, each of which knows those before it: `runtime`, `data`, `source`, `dictionary`, `compilation`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vof.errors import MemoryFault, Throw, ThrowCode
from vof.forth.compilation import NESTING_LIMIT, Compilation, Definition
from vof.forth.compiler import compile_word
from vof.forth.data import TEXT_LIMIT
from vof.forth.kinds import BY_KIND
from vof.forth.numbers import parse_number
from vof.forth.runtime import STACK_LIMIT
from vof.forth.source import Source
from vof.forth.space import Space
from vof.forth.word import Function, Kind, Op, Word
from vof.ports import Memory

if TYPE_CHECKING:
    from vof.forth.fcode.evaluator import Evaluator

__all__ = ["Forth"]

_WHERE = 40
_THROW_STEPS = 200
"""What a throw costs."""


class Forth(Compilation):
    """One Forth.

    Args:
        memory: guest memory.
        space: makes the data space; called when it is first needed.
        bits: of a cell, 32 or 64.
        write: gets what is typed; without, it is lost.
        tables: names of the tables whose words it has, those that come first hiding others.

    Attributes:
        held: the text that `<#` … `#>` make.
        fcode: the FCode program that runs, or None.
    """

    def __init__(
        self,
        memory: Memory,
        space: Callable[[], Space],
        *,
        bits: int = 32,
        write: Callable[[str], None] | None = None,
        tables: tuple[str, ...] = ("core",),
    ) -> None:
        super().__init__(memory, bits, write, space, tables)
        self.held = ""
        self.fcode: Evaluator | None = None
        self._calls = 0

    def evaluate(self, text: str, address: int = 0, *, limit: int = TEXT_LIMIT) -> None:
        """Interpret a text.

        Args:
            text: the text.
            address: where it is in memory; 0 for nowhere.
            limit: its characters at most; the usual is 1 MiB.

        Raises:
            Throw: what went wrong, with the word and its place; a definition that was begun is lost.
        """
        if len(text) > limit:
            raise Throw(ThrowCode.ABORT, f"a text of {len(text)} characters, which may have {limit}")
        if len(self._inputs) >= NESTING_LIMIT:
            raise Throw(ThrowCode.RETURN_STACK_OVERFLOW, "too many texts are interpreted inside of each other")
        if not self._inputs and not self._calls:
            self._begin_to_pay()
        source = self._begin_input(text, address)
        try:
            while name := self.parse_name():
                self._interpret(name)
            if len(self.stack) > STACK_LIMIT:
                raise Throw(ThrowCode.STACK_OVERFLOW, "too much on the stack")
        except Throw as thrown:
            raise self._at_its_place(thrown, source) from None
        except IndexError:
            raise self._at_its_place(Throw(ThrowCode.STACK_UNDERFLOW, "stack underflow"), source) from None
        except RecursionError:
            raise self._at_its_place(Throw(ThrowCode.RETURN_STACK_OVERFLOW, "calls too deep"), source) from None
        except MemoryFault as fault:
            raise self._at_its_place(Throw(ThrowCode.INVALID_MEMORY_ADDRESS, str(fault)), source) from None
        finally:
            self._end_input(len(self._inputs) - 1)

    def evaluate_whole(self, text: str, *, limit: int = TEXT_LIMIT) -> None:
        """Interpret a text that nothing follows, such as a file: what it begins, it has to end.

        Raises:
            Throw: what went wrong, as `evaluate` does; or what is begun has no end.
        """
        self.evaluate(text, limit=limit)
        definition = self._definition
        if definition is not None:
            self.drop_definition()
            name = definition.word.name
            what = f"the definition of {name}" if name else "a control structure or a definition"
            raise Throw(ThrowCode.CONTROL_STRUCTURE_MISMATCH, f"{what} has no end")

    def run(self, word: Word) -> None:
        """Run a word on the stack."""
        self.function(word)(self, self.stack)

    def call(self, word: Word, stack: list[int]) -> None:
        """Run a word on another stack, in place.

        Raises:
            Throw: what went wrong.
        """
        if not self._inputs and not self._calls:
            self._begin_to_pay()
        mask = self.mask
        stack[:] = [cell & mask for cell in stack]
        before, self.stack = self.stack, stack
        self._calls += 1
        try:
            with self.throwing():
                self.run(word)
        finally:
            self._calls -= 1
            self.stack = before

    def catch(self, word: Word) -> int:
        """Run a word; 0, or the code that it threw, with the stack as deep as it was."""
        depth, inputs = len(self.stack), len(self._inputs)
        definition, compiling, suspended = self._definition, self._compiling, self._suspended[:]
        try:
            with self.throwing():
                self.run(word)
        except Throw as thrown:
            self._definition, self._compiling, self._suspended = definition, compiling, suspended
            self._end_input(inputs)
            self.budget -= _THROW_STEPS
            self.stack += [0] * (depth - len(self.stack))
            del self.stack[depth:]
            if self._left < 0:
                raise
            return thrown.code & self.mask
        return 0

    def abort(self) -> None:
        """Empty the stack, and forget what was begun to be defined."""
        self.stack.clear()
        self.drop_definition()

    def function(self, word: Word) -> Function:
        """What runs a word: made where it is needed."""
        function = self.ready(word)
        if function is not None:
            return function
        if word.kind is Kind.COLON and word.text and not word.source:
            self._define_from_text(word)
        function = compile_word(self, word) if word.inline or word.kind is Kind.COLON else BY_KIND[word.kind](word)
        if word.shared:
            self._functions[word] = function  # which is bound to this Forth's memory
        else:
            word.function = function
        return function

    def _define_from_text(self, word: Word) -> None:
        """Compile a word of a table that is defined in Forth."""
        before = (self._definition, self._compiling, self._suspended, self.base, self.order, self._inputs)
        self._definition, self._compiling, self._suspended = Definition(word), True, []
        self.base, self.order, self._inputs = 16, [self.root], []
        try:
            self._begin_input(word.text)
            while name := self.parse_name():
                self._interpret(name)
            assert self._definition is not None
            word.source = tuple(self._definition.tokens)
            word.local_count = len(self._definition.locals)
        finally:
            self._definition, self._compiling, self._suspended, self.base, self.order, self._inputs = before
            self._end_input(len(self._inputs))

    def _interpret(self, name: str) -> None:
        definition = self._definition if self._compiling else None
        if definition is not None:
            if definition.recursive and name.lower() == definition.word.name.lower():
                self.put(Op.RECURSE, None, name)
                return
            if definition.locals and name.lower() in definition.locals:
                self.put(Op.LOCAL, definition.locals.index(name.lower()), name)
                return
        word = self.find(name)
        if word is None:
            number = parse_number(name, self.base)
            if number is None:
                raise Throw(ThrowCode.UNDEFINED_WORD, f"{name[:_WHERE]}: undefined word")
            if definition is not None:
                self.put_literal(number)
            else:
                self.stack.append(number & self.mask)
        elif definition is None:
            if word.compile_only and self._definition is None:
                raise Throw(ThrowCode.COMPILE_ONLY, f"{word.name}: only in a definition")
            self.run(word)
        elif word.immediate:
            self.run(word)
        else:
            self.put(Op.WORD, word, name)

    def _at_its_place(self, thrown: Throw, source: Source) -> Throw:
        """The same, with where it happened; what was begun is given up."""
        definition = self._definition
        self.drop_definition()
        reason = thrown.reason or (f"threw {_signed(thrown.code)}" if thrown.code != ThrowCode.ABORT else "aborted")
        if " (line " in reason or len(self._inputs) > 1:
            return Throw(thrown.code, reason)
        line = source.text.count("\n" if "\n" in source.text else "\r", 0, source.start) + 1
        word = source.text[source.start : source.start + _WHERE].split()
        at = f" (line {line}, at {word[0]})" if word and word[0] not in reason else f" (line {line})"
        if definition is not None and definition.word.name:
            at = f" in {definition.word.name}" + at
        return Throw(thrown.code, reason + at)


def _signed(code: int) -> int:
    return code - (1 << 32) if code >> 31 == 1 else code
