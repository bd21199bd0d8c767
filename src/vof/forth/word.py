"""Words: what one is, lists of them, and the tables that declare those which every Forth has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from vof.forth.engine import Forth

__all__ = ["Inline", "Kind", "Op", "Table", "Token", "Vocabulary", "Word"]

Function = Callable[["Forth", list[int]], Any]
"""What runs a word: it gets the Forth and its stack."""


class Kind(Enum):
    """What a word is."""

    PYTHON = "code"
    INLINE = "primitive"
    COLON = ":"
    CONSTANT = "constant"
    VALUE = "value"
    VARIABLE = "variable"
    BUFFER = "buffer:"
    CREATE = "create"
    DEFER = "defer"
    FIELD = "field"


class Op(Enum):
    """What one step of a definition does; its argument is in parentheses."""

    LITERAL = auto()  # (cell)
    WORD = auto()  # (Word)
    IF = auto()
    ELSE = auto()
    THEN = auto()
    BEGIN = auto()
    WHILE = auto()
    REPEAT = auto()
    UNTIL = auto()
    AGAIN = auto()
    DO = auto()
    QUESTION_DO = auto()
    LOOP = auto()
    PLUS_LOOP = auto()
    LEAVE = auto()
    UNLOOP = auto()
    INDEX = auto()  # (loops between)
    EXIT = auto()
    RECURSE = auto()
    TO = auto()  # (Word)
    LOCALS = auto()  # (how many are taken from the stack)
    LOCAL = auto()  # (number)
    TO_LOCAL = auto()  # (number)
    TO_R = auto()
    FROM_R = auto()
    R_FETCH = auto()
    TYPE = auto()  # (text)
    DOES = auto()  # (Word)


class Token(NamedTuple):
    """One step; `text` is how `see` shows it."""

    op: Op
    argument: Any = None
    text: str = ""


class Inline(NamedTuple):
    """A primitive that is put into a definition's Python.

    Attributes:
        inputs: how many cells it takes; in the texts they are `{0}` …, the deepest first.
        results: an expression for each cell that it leaves, the deepest first; `M`, `H` and `B` are the cell's mask,
            sign bit and bits, `m` is memory and `f` the Forth.
        flag: whether the result is a condition, true or false.
        statement: what it does before.
    """

    inputs: int
    results: tuple[str, ...] = ()
    flag: bool = False
    statement: str = ""


@dataclass(slots=True, eq=False)
class Word:
    """A word.

    Attributes:
        name: as it was written.
        kind: what it is.
        effect: its stack effect.
        clause: where it is laid down.
        summary: what it does.
        immediate: whether it runs where a definition is compiled.
        compile_only: whether it means nothing elsewhere.
        function: runs it; None until it is needed.
        inline: a primitive's Python.
        source: a definition's steps.
        text: the Forth that defines a word of a table.
        value: of a constant or value its cell, of what has data its address, of a field its offset, of a `defer` the
            token of what it runs, or 0.
        target: what a `defer` runs, or what `does>` added.
        instance: whether the data are the current instance's own; `value` is what they begin with.
        size: bytes of a buffer or a field.
        room: bytes of the host's memory that a definition takes.
        local_count: local variables of a definition.
        shared: the table that it is in; "" for one that was defined since.
    """

    name: str
    kind: Kind
    effect: str = ""
    clause: str = ""
    summary: str = ""
    immediate: bool = False
    compile_only: bool = False
    function: Function | None = None
    inline: Inline | None = None
    source: tuple[Token, ...] = ()
    text: str = ""
    value: int = 0
    target: Word | None = None
    instance: bool = False
    size: int = 0
    room: int = 0
    local_count: int = 0
    shared: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        if self.shared:
            return _shared_word, (self.shared, self.name.lower())
        state = {name: getattr(self, name) for name in self.__slots__}
        if self.kind is not Kind.PYTHON:
            state["function"] = None  # made again where it is needed
        if self.kind is Kind.DEFER:
            state["target"] = None  # which may be newer, and is known by its token
        return _blank, (), state, None, None, _restore

    def __repr__(self) -> str:
        return f"<{self.kind.value} {self.name}>"


class Vocabulary:
    """A list of words, found by their names in any case.

    Args:
        name: what it is called.
        below: words of a table that are found where it has none of the name.

    Attributes:
        words: its own, by name in small letters, in the order of their definition.
        number: what it is called in Forth; 0 before somebody asks.
    """

    def __init__(self, name: str, below: str = "") -> None:
        self.name = name
        self.below = below
        self.number = 0
        self.words: dict[str, Word] = {}

    def find(self, name: str) -> Word | None:
        """The word of a name in small letters."""
        word = self.words.get(name)
        return word if word is not None or not self.below else TABLES[self.below].words.get(name)

    def add(self, word: Word) -> None:
        """Add a word; an older one of its name is hidden."""
        name = word.name.lower()
        self.words.pop(name, None)
        self.words[name] = word

    def __iter__(self) -> Iterator[str]:
        """The names, the newest first."""
        yield from (word.name for word in reversed(self.words.values()))
        if self.below:
            yield from (name for name in TABLES[self.below].words if name not in self.words)


class Table:
    """Words that every Forth has; nothing in them ever changes.

    Args:
        name: what pickles know it by.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.words: dict[str, Word] = {}
        TABLES[name] = self

    def add(self, word: Word) -> None:
        """Add a row.

        Raises:
            ValueError: there is one of that name.
        """
        if word.name in self.words:
            raise ValueError(f"{word.name} is declared twice")
        word.shared = self.name
        self.words[word.name] = word

    def word(
        self, name: str, effect: str, clause: str, *, immediate: bool = False, compile_only: bool = False
    ) -> Callable[[Callable[[Forth], None]], Callable[[Forth], None]]:
        """Declare the function below, which gets the Forth, as a word."""

        def declare(function: Callable[[Forth], None]) -> Callable[[Forth], None]:
            summary = (function.__doc__ or "").partition("\n")[0]

            def run(forth: Forth, stack: list[int]) -> None:
                function(forth)

            self.add(Word(name, Kind.PYTHON, effect, clause, summary, immediate, compile_only, run))
            return function

        return declare

    def inline(
        self, name: str, effect: str, clause: str, *results: str, flag: bool = False, statement: str = ""
    ) -> None:
        """Declare a primitive by Python expressions."""
        inputs = len(effect.strip("() ").partition("--")[0].split())
        self.add(Word(name, Kind.INLINE, effect, clause, inline=Inline(inputs, results, flag, statement)))

    def shuffle(self, name: str, effect: str, clause: str) -> None:
        """Declare a primitive that moves cells as its stack effect says."""
        before, _, after = effect.strip("() ").partition("--")
        taken = before.split()
        results = tuple(f"{{{taken.index(each)}}}" for each in after.split())
        self.add(Word(name, Kind.INLINE, effect, clause, inline=Inline(len(taken), results)))

    def forth(self, name: str, effect: str, clause: str, text: str) -> None:
        """Declare a word by its definition in Forth, whose numbers are hexadecimal."""
        self.add(Word(name, Kind.COLON, effect, clause, text=text))


TABLES: dict[str, Table] = {}
"""The tables by name."""


def _shared_word(table: str, name: str) -> Word:
    return TABLES[table].words[name]


def _blank() -> Word:
    return Word("", Kind.COLON)


def _restore(word: Word, state: dict[str, Any]) -> None:
    for name, value in state.items():
        setattr(word, name, value)
