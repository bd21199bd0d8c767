"""The layer of compiling: the definition that is under way, and its control structures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from vof.errors import Throw, ThrowCode
from vof.forth.compiler import compile_word
from vof.forth.dictionary import Dictionary
from vof.forth.space import Space
from vof.forth.word import TABLES, Kind, Op, Token, Word
from vof.ports import Memory

__all__ = ["NESTING_LIMIT", "Compilation", "Definition"]

NESTING_LIMIT = 40
"""Texts, and definitions, that are begun inside of each other."""
_TOKENS_LIMIT = 1 << 14
_CODE_ROOM, _TOKEN_ROOM = 1500, 250
"""Bytes of the host's memory that a definition's Python takes, and each step of it."""
_COMPILING_STEPS, _TOKEN_STEPS = 400, 200
"""What it costs to have Python compile a definition, and each step of it."""


class Definition:
    """What is being compiled.

    Attributes:
        word: the word; one without a name runs as soon as its last control structure is closed.
        tokens: its steps.
        depth: control structures that are open.
        locals: names of local variables, in their order.
        temporary: whether it was begun by a control structure outside of a definition.
        cases: for each CASE that is open, how many OFs it has had.
        added_to: the word whose `does>` this is.
        recursive: whether the word's own name means itself.
        room: bytes of the host's memory that it takes.
    """

    def __init__(self, word: Word, *, temporary: bool = False) -> None:
        self.word = word
        self.tokens: list[Token] = []
        self.depth = 0
        self.locals: list[str] = []
        self.temporary = temporary
        self.cases: list[int] = []
        self.added_to: Word | None = None
        self.recursive = False
        self.room = 0


class Compilation(Dictionary):
    """What a Forth compiles.

    Args:
        memory, bits, write, space, tables: of the layers below.

    Attributes:
        next_is_instance: whether what is defined next is each instance's own.
    """

    def __init__(
        self,
        memory: Memory,
        bits: int,
        write: Callable[[str], None] | None,
        space: Callable[[], Space],
        tables: tuple[str, ...],
    ) -> None:
        super().__init__(memory, bits, write, space, tables)
        self._definition: Definition | None = None
        self._compiling = False
        self._suspended: list[Definition] = []
        self.next_is_instance = False

    @abstractmethod
    def run(self, word: Word) -> None:
        """Run a word on the stack."""

    @property
    def compiling(self) -> bool:
        """Whether words are compiled: a definition is under way, and this is not between its `[` and `]`."""
        return self._compiling

    @property
    def definition(self) -> Definition:
        """The definition that is under way.

        Raises:
            Throw: COMPILE_ONLY, there is none.
        """
        if self._definition is None:
            raise Throw(ThrowCode.COMPILE_ONLY, "only in a definition")
        return self._definition

    def begin(self, word: Word) -> None:
        """Begin a definition."""
        if self._compiling:
            raise Throw(ThrowCode.UNSUPPORTED_OPERATION, "a definition inside of a definition")
        self._begin(Definition(word))

    def _begin(self, definition: Definition) -> None:
        """Begin a definition; one between whose `[` and `]` that is goes on afterwards."""
        if self._definition is not None:
            if len(self._suspended) >= NESTING_LIMIT:
                raise Throw(ThrowCode.DICTIONARY_OVERFLOW, "too many definitions are begun inside of each other")
            self._suspended.append(self._definition)
        self._definition = definition
        self._compiling = True

    def put(self, op: Op, argument: Any = None, text: str = "") -> None:
        """Add a step to the definition."""
        tokens = self.definition.tokens
        if len(tokens) >= _TOKENS_LIMIT:
            raise Throw(ThrowCode.DICTIONARY_OVERFLOW, f"the definition has more than {_TOKENS_LIMIT} steps")
        self.pay(_TOKEN_STEPS)
        room = _TOKEN_ROOM + len(text)
        self._take_room(room)
        self.definition.room += room
        tokens.append(Token(op, argument, text))

    def put_literal(self, cell: int) -> None:
        """Have the definition push a number."""
        self.put(Op.LITERAL, cell & self.mask)

    def drop_definition(self) -> None:
        """Forget what was begun to be defined."""
        for begun in (self._definition, *self._suspended):
            self._room += begun.room if begun is not None else 0
        self._definition = None
        self._compiling = False
        self._suspended.clear()
        self.next_is_instance = False

    def finish(self) -> Word:
        """End the definition; the word can be run now."""
        definition = self.definition
        self._definition = self._suspended.pop() if self._suspended else None
        self._compiling = False
        word = definition.word
        if definition.depth:
            raise Throw(ThrowCode.CONTROL_STRUCTURE_MISMATCH, f"a control structure of {word.name} is open")
        self.pay(_COMPILING_STEPS)
        if definition.temporary:
            self._room += definition.room
        else:
            self._take_room(_CODE_ROOM)
            word.room = definition.room + _CODE_ROOM
        word.source = tuple(definition.tokens)
        word.local_count = len(definition.locals)
        word.function = compile_word(self, word)
        return word

    def interpret_inside(self) -> None:
        """`[`: interpret, in the middle of a definition or not."""
        self._compiling = False

    def compile_again(self) -> None:
        """`]`: compile again; nothing where no definition is under way."""
        self._compiling = self._definition is not None

    # Control structures

    def structure(self, op: Op, change: int, name: str) -> None:
        """Compile a control word; outside of a definition it begins one, which runs where the structure ends.

        Args:
            op: the step.
            change: how many structures more are open.
            name: how it was written.
        """
        if not self._compiling:
            if change <= 0:
                raise Throw(ThrowCode.COMPILE_ONLY, "only in a definition, or behind the beginning of a structure")
            self._begin(Definition(Word("", Kind.COLON), temporary=True))
        definition = self.definition
        self.put(op, None, name)
        definition.depth += change
        if definition.depth < 0:
            raise Throw(ThrowCode.CONTROL_STRUCTURE_MISMATCH, "an end without a beginning")
        if definition.temporary and not definition.depth:
            self.run(self.finish())

    def begin_case(self) -> None:
        """`case`: nothing but that its OFs are counted."""
        if not self._compiling:
            self._begin(Definition(Word("", Kind.COLON), temporary=True))
        self.definition.cases.append(0)
        self.definition.depth += 1

    def of(self) -> None:
        """`of`: `over = if drop`."""
        cases = self.definition.cases
        if not cases:
            raise Throw(ThrowCode.CONTROL_STRUCTURE_MISMATCH, "of without case")
        cases[-1] += 1
        for name in ("over", "="):
            self.put(Op.WORD, TABLES["core"].words[name], "of" if name == "over" else "\0")
        self.put(Op.IF, None, "\0")
        self.put(Op.WORD, TABLES["core"].words["drop"], "\0")

    def end_case(self) -> None:
        """`endcase`: `drop`, and a `then` for each `of`."""
        definition = self.definition
        if not definition.cases:
            raise Throw(ThrowCode.CONTROL_STRUCTURE_MISMATCH, "endcase without case")
        self.put(Op.WORD, TABLES["core"].words["drop"], "endcase")
        for _ in range(definition.cases.pop()):
            self.put(Op.THEN, None, "\0")
        definition.depth -= 1
        if definition.temporary and not definition.depth:
            self.run(self.finish())

    # What is compiled, or done at once

    def text(self, data: bytes, *, counted: bool = False) -> None:
        """Have a text's address and length on the stack, now or where the definition runs.

        Args:
            data: the text.
            counted: give the address alone, of its length in a byte and the text.
        """
        kept = bytes((len(data) & 0xFF,)) + data if counted else data
        if not self.compiling:
            self.stack.append(self.put_temporary(kept))
            if not counted:
                self.stack.append(len(data))
            return
        self.put(Op.LITERAL, self.put_string(kept), f'" {data.decode("latin-1")}"')
        if not counted:
            self.put(Op.LITERAL, len(data), "\0")

    def change(self, word: Word) -> None:
        """`to`: give a value, variable or deferred word the top of the stack, now or where the definition runs.

        Raises:
            Throw: INVALID_NAME_ARGUMENT, it is a word that can't be changed.
        """
        if word.kind not in (Kind.VALUE, Kind.DEFER, Kind.VARIABLE) or word.shared:
            raise Throw(ThrowCode.INVALID_NAME_ARGUMENT, f"{word.name} can't be changed")
        if self.compiling:
            self.put(Op.TO, word, f"to {word.name}")
            return
        cell = self.stack.pop()
        if word.instance:
            self.set_instance_cell(word, cell)
        elif word.kind is Kind.DEFER:
            self.set_target(word, cell)
        elif word.kind is Kind.VARIABLE:
            self.helpers["store"](word.value, cell)
        else:
            word.value = cell
            word.function = None

    def change_special(self, name: str) -> bool:
        """Change what `to` names, if it is none of Forth's own words; whether it was."""
        return False

    def does(self, added: Word) -> None:
        """What `does>` does: the newest word gives its address, and then runs this."""
        if self.last is None or self.last.kind is not Kind.CREATE:
            raise Throw(ThrowCode.INVALID_NAME_ARGUMENT, "does> without create")
        self.last.target = added
        self.last.function = None
