"""`Forth`: the text interpreter and compiler, the stack, the dictionary and its data space.

Numbers are cells of 32 bits, or 64, kept as 0 … 2**bits - 1. The data space is guest memory, so an address means the
same to a client program and to Forth. Whatever goes wrong is a `Throw`: a bad address, too few cells, a text that makes
no sense, a program that never ends.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vof.errors import MemoryFault, Throw, ThrowCode
from vof.forth.compiler import compile_word
from vof.forth.numbers import parse_number
from vof.forth.space import Space
from vof.forth.word import TABLES, Function, Kind, Op, Token, Vocabulary, Word
from vof.ports import Memory

if TYPE_CHECKING:
    from vof.forth.fcode.evaluator import Evaluator

__all__ = ["DEFAULT_BUDGET", "Forth"]

DEFAULT_BUDGET = 40_000_000
"""Steps of one outermost text. One takes some 50 ns: a round of an empty loop is one, a call of Python is ten."""
_SLICE = 100_000
"""Steps between two looks at how much there is on the stack."""
_STACK_LIMIT = 4096
_TEXT_LIMIT = 1 << 20
_NAME_LIMIT = 31
_TOKENS_LIMIT = 1 << 14
_TEMPORARY = 0x2000
_PAD = 0x400
_COPY = 0x1000
"""Characters of a text that `source` copies."""
_FIRST_TOKEN = 0x7F000000
_NESTING_LIMIT = 40
"""Texts that are interpreted inside of each other."""
_ROOM = 64 << 20
_WORD_ROOM, _CODE_ROOM, _TOKEN_ROOM = 500, 1500, 250
"""Bytes of the host's memory that all words may take; what one takes, what its Python does, and each step of it."""
_WHERE = 40
_NAME_STEPS, _COMPILING_STEPS, _TOKEN_STEPS, _THROW_STEPS = 60, 400, 200, 200
"""What it costs to find a name, to have Python compile a definition, for each step of that, and what a throw costs."""


class _Definition:
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


class _Input:
    """A text that is being interpreted.

    Attributes:
        text: the text.
        at: how far that is.
        start: where its latest word begins.
        address: where the text is in memory, or a copy of it; 0 for nowhere.
    """

    __slots__ = ("address", "at", "start", "text")

    def __init__(self, text: str, address: int = 0) -> None:
        self.text = text
        self.at = 0
        self.start = 0
        self.address = address


class Forth:
    """One Forth.

    Args:
        memory: guest memory.
        space: makes the data space; called when it is first needed.
        bits: of a cell, 32 or 64.
        write: gets what is typed; without, it is lost.
        tables: names of the tables whose words it has, those that come first hiding others.

    Attributes:
        stack: the data stack, the top last.
        base: of numbers.
        column, line: where on its line, and on which line, output is.
        current: where new words go.
        order: where words are looked for, first the first.
        steps: that an outermost text may take.
        budget: those that are left until the next look around; `pay` knows how many there are then.
        instance_store: the data of the instance that is current, or None.
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
        self.memory = memory
        self.bits = bits
        self.mask = (1 << bits) - 1
        self.sign = 1 << (bits - 1)
        self.cell = bits // 8
        self.stack: list[int] = []
        self._base = 16
        self._base_address = 0
        self.column = 0
        self.line = 0
        self.write = write
        self.root = Vocabulary("forth", "")
        self._tables = tables if bits == 32 else ("wide", *tables)
        self.order: list[Vocabulary] = [self.root]
        self.current = self.root
        self.budget = _SLICE
        self.instance_store: dict[int, int] | None = None
        self.last: Word | None = None
        self.held = ""
        self.steps = self._left = DEFAULT_BUDGET
        self._make_space = space
        self._space: Space | None = None
        self._calls = 0
        self._temporary = 0
        self._temporary_at = 0
        self._pad = 0
        self._definition: _Definition | None = None
        self._words: list[Word] = []
        self._entries: list[Word] = []
        self._homes: list[tuple[Vocabulary, int]] = []
        self._room = _ROOM
        self._inputs: list[_Input] = []
        self._compiling = False
        self._suspended: list[_Definition] = []
        self.next_is_instance = False
        self._cells: dict[str, int] = {}
        self._in_address = 0
        self._in_told = 0
        self._lists: list[Vocabulary] = []
        self._spare: dict[int, list[int]] = {}
        self._tokens: dict[int, int] = {}
        self.fcode: Evaluator | None = None
        self._make_helpers()

    def __getstate__(self) -> dict[str, Any]:
        # All words first, each behind those that it uses: pickling then needs no recursion.
        state = {"_entries": self._entries, **self.__dict__}
        del state["helpers"], state["_tokens"], state["_functions"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._make_helpers()
        self._tokens = {id(word): number for number, word in enumerate(self._words)}
        for word in self._entries:
            if word.kind is Kind.DEFER and word.value:
                word.target = self.word_of(word.value)

    # Running

    def evaluate(self, text: str, address: int = 0) -> None:
        """Interpret a text.

        Args:
            text: at most 1 MiB.
            address: where it is in memory; 0 for nowhere.

        Raises:
            Throw: what went wrong, with the word and its place; a definition that was begun is lost.
        """
        if len(text) > _TEXT_LIMIT:
            raise Throw(ThrowCode.ABORT, f"a text of {len(text)} characters")
        if len(self._inputs) >= _NESTING_LIMIT:
            raise Throw(ThrowCode.RETURN_STACK_OVERFLOW, "too many texts are interpreted inside of each other")
        if not self._inputs and not self._calls:
            self.budget, self._left = min(_SLICE, self.steps), self.steps
        source = self._begin_input(text, address)
        try:
            while name := self.parse_name():
                self._interpret(name)
            if len(self.stack) > _STACK_LIMIT:
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

    def run(self, word: Word) -> None:
        """Run a word on the stack."""
        self.function(word)(self, self.stack)

    def call(self, word: Word, stack: list[int]) -> None:
        """Run a word on another stack, in place.

        Raises:
            Throw: what went wrong.
        """
        if not self._inputs and not self._calls:
            self.budget, self._left = min(_SLICE, self.steps), self.steps
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

    @contextmanager
    def throwing(self) -> Iterator[None]:
        """Have Python's ways of failing become Forth's."""
        try:
            yield
        except IndexError:
            raise Throw(ThrowCode.STACK_UNDERFLOW, "stack underflow") from None
        except RecursionError:
            raise Throw(ThrowCode.RETURN_STACK_OVERFLOW, "calls too deep") from None
        except MemoryFault as fault:
            raise Throw(ThrowCode.INVALID_MEMORY_ADDRESS, str(fault)) from None

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

    def pay(self, steps: int = 0, returns: Sequence[int] = ()) -> None:
        """Pay for steps, or see what is left where a slice of them is used up.

        Args:
            steps: how many.
            returns: a definition's return stack, which is looked at, too.

        Raises:
            Throw: there are none left, and no `catch` gets that, or too much is on a stack.
        """
        self.budget -= steps
        if self.budget >= 0:
            return
        self._left += self.budget - _SLICE
        self.budget = _SLICE
        if self._left < 0:
            self.budget = 0  # whoever catches it comes no further
            raise Throw(ThrowCode.INTERRUPT, "ran for too long")
        if len(self.stack) > _STACK_LIMIT:
            raise Throw(ThrowCode.STACK_OVERFLOW, "too much on the stack")
        if len(returns) > _STACK_LIMIT:
            raise Throw(ThrowCode.RETURN_STACK_OVERFLOW, "too much on the return stack")

    def abort(self) -> None:
        """Empty the stack, and forget what was begun to be defined."""
        self.stack.clear()
        self.drop_definition()

    @property
    def compiling(self) -> bool:
        """Whether words are compiled: a definition is under way, and this is not between its `[` and `]`."""
        return self._compiling

    def function(self, word: Word) -> Function:
        """What runs a word: made where it is needed."""
        function = self.ready(word)
        if function is not None:
            return function
        if word.kind is Kind.COLON and word.text and not word.source:
            self._define_from_text(word)
        function = compile_word(self, word) if word.inline or word.kind is Kind.COLON else _BY_KIND[word.kind](word)
        if word.shared:
            self._functions[word] = function  # which is bound to this Forth's memory
        else:
            word.function = function
        return function

    def ready(self, word: Word) -> Function | None:
        """What runs a word, where it was made already."""
        return word.function or (self._functions.get(word) if word.shared else None)

    def _define_from_text(self, word: Word) -> None:
        """Compile a word of a table that is defined in Forth."""
        before = (self._definition, self._compiling, self._suspended, self.base, self.order, self._inputs)
        self._definition, self._compiling, self._suspended = _Definition(word), True, []
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

    # The dictionary

    def find(self, name: str) -> Word | None:
        """The word of a name, in any case."""
        name = name.lower()
        for vocabulary in self.order:
            word = vocabulary.find(name)
            if word is not None:
                return word
        return self.system_word(name)

    def system_word(self, name: str) -> Word | None:
        """The word of a name in small letters that every Forth of this kind has, whatever was defined since."""
        for table in self._tables:
            word = TABLES[table].words.get(name)
            if word is not None:
                return word
        return None

    def words(self) -> list[str]:
        """Names of all words that can be found."""
        names = [name for vocabulary in self.order for name in vocabulary]
        return list(dict.fromkeys([*names, *(name for table in self._tables for name in TABLES[table].words)]))

    def define(
        self,
        name: str,
        function: Callable[[Forth], None],
        *,
        effect: str = "( -- )",
        immediate: bool = False,
        summary: str = "",
        clause: str = "",
    ) -> Word:
        """Add a word in Python to the current vocabulary; the function must be one that can be pickled."""
        word = Word(name, Kind.PYTHON, effect, clause, summary, immediate, function=_Python(function))
        self.current.add(word)
        return word

    def new_word(self, kind: Kind, *, name: str = "", **fields: Any) -> Word:
        """Add a word to the current vocabulary.

        Args:
            kind: what it is.
            name: its name; the text's next one where it is empty.
            fields: of the word.

        Raises:
            Throw: there is no name, or it is too long.
        """
        name = name or self.parse_name()
        if not name:
            raise Throw(ThrowCode.ZERO_LENGTH_NAME, "a name is wanted")
        if len(name) > _NAME_LIMIT:
            raise Throw(ThrowCode.NAME_TOO_LONG, f"a name of {len(name)} characters; it has at most {_NAME_LIMIT}")
        word = Word(name, kind, **fields)
        self.enter(word)
        return word

    def enter(self, word: Word) -> None:
        """Add a word to the current vocabulary: it is the newest now.

        Raises:
            Throw: DICTIONARY_OVERFLOW, there are too many.
        """
        self.pay(100)
        self._take_room(_WORD_ROOM)
        self.current.add(word)
        self.last = word
        self._entries.append(word)
        self._homes.append((self.current, self._space.here if self._space is not None else 0))

    def _take_room(self, size: int) -> None:
        if self._room < size:
            raise Throw(ThrowCode.DICTIONARY_OVERFLOW, f"all words take more than {_ROOM >> 20} MiB")
        self._room -= size

    def forget(self, word: Word) -> None:
        """Forget a word and all that was defined since; what they hid is found again.

        Raises:
            Throw: INVALID_NAME_ARGUMENT, it is none that was defined since the start.
        """
        place = next((n for n in reversed(range(len(self._entries))) if self._entries[n] is word), None)
        if place is None:
            raise Throw(ThrowCode.INVALID_NAME_ARGUMENT, f"{word.name} is no word that can be forgotten")
        self.pay(len(self._entries))
        here = word.value if word.kind in (Kind.VARIABLE, Kind.BUFFER, Kind.CREATE) else self._homes[place][1]
        if self._space is not None:
            self._space.here = max(here, self._space.start)
        hidden: dict[tuple[int, str], Vocabulary] = {}
        for gone, (home, _) in zip(self._entries[place:], self._homes[place:], strict=True):
            name = gone.name.lower()
            home.words.pop(name, None)
            hidden[id(home), name] = home
            if home is self.root and id(gone) not in self._tokens:
                self._room += _WORD_ROOM + gone.room
        del self._entries[place:], self._homes[place:]
        for older, (home, _) in zip(self._entries, self._homes, strict=True):
            if (id(home), older.name.lower()) in hidden:
                home.add(older)
        self.last = self._entries[-1] if self._entries else None

    def token(self, word: Word) -> int:
        """A word's execution token."""
        number = self._tokens.get(id(word))
        if number is None:
            self._take_room(_WORD_ROOM)
            number = self._tokens[id(word)] = len(self._words)
            self._words.append(word)
        return _FIRST_TOKEN + number

    def word_of(self, token: int) -> Word:
        """The word of an execution token.

        Raises:
            Throw: INVALID_NAME_ARGUMENT, it is none.
        """
        number = token - _FIRST_TOKEN
        if not 0 <= number < len(self._words):
            raise Throw(ThrowCode.INVALID_NAME_ARGUMENT, f"{token:x} is no execution token")
        return self._words[number]

    def list_number(self, words: Vocabulary) -> int:
        """What a list of words is called in Forth: 1 and up."""
        if not words.number:
            self._take_room(_WORD_ROOM)
            self._lists.append(words)
            words.number = len(self._lists)
        return words.number

    def list_of(self, number: int) -> Vocabulary:
        """The list of that name.

        Raises:
            Throw: INVALID_NAME_ARGUMENT, there is none.
        """
        if not 1 <= number <= len(self._lists):
            raise Throw(ThrowCode.INVALID_NAME_ARGUMENT, f"{number:x} is no list of words")
        return self._lists[number - 1]

    def set_target(self, word: Word, token: int) -> None:
        """Have a `defer` run another word."""
        if word.instance:
            self.set_instance_cell(word, token)
        else:
            word.target, word.value = self.word_of(token), token

    def target(self, word: Word) -> Word | None:
        """What a `defer` runs in the current instance; None where nothing was set."""
        if word.instance and self.instance_store is not None:
            token = self.instance_store.get(self.token(word), word.value)
            return self.word_of(token) if token else None
        if word.target is None and word.value:
            word.target = self.word_of(word.value)
        return word.target

    def instance_cell(self, word: Word) -> int:
        """An instance's own value."""
        store = self.instance_store
        return word.value if store is None else store.get(self.token(word), word.value)

    def set_instance_cell(self, word: Word, cell: int) -> None:
        """Change it."""
        if self.instance_store is None:
            word.value = cell
        else:
            self.instance_store[self.token(word)] = cell

    def instance_address(self, word: Word) -> int:
        """Where an instance's own variable or buffer is: given to it at its first use."""
        store = self.instance_store
        if store is None:
            return word.value
        token = self.token(word)
        address = store.get(token)
        if address is None:
            spare = self._spare.get(token)
            address = store[token] = spare.pop() if spare else self.space.reserve(word.size)
            self.pay(word.size // 32)
            self.memory.write(address, self.memory.read(word.value, word.size))
        return address

    def end_instance(self, store: Mapping[int, int]) -> None:
        """Keep the memory of an instance that is no more for the next."""
        for token, cell in store.items():
            if self.word_of(token).kind in (Kind.VARIABLE, Kind.BUFFER):
                self._spare.setdefault(token, []).append(cell)

    def does(self, added: Word) -> None:
        """What `does>` does: the newest word gives its address, and then runs this."""
        if self.last is None or self.last.kind is not Kind.CREATE:
            raise Throw(ThrowCode.INVALID_NAME_ARGUMENT, "does> without create")
        self.last.target = added
        self.last.function = None

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

    # The data space

    @property
    def space(self) -> Space:
        """The data space.

        Raises:
            Throw: there is no memory for one.
        """
        if self._space is None:
            self._space = self._make_space()
        return self._space

    @property
    def has_space(self) -> bool:
        """Whether the data space is there."""
        return self._space is not None

    def put_string(self, text: bytes) -> int:
        """Keep a text in the data space; its address."""
        address = self.space.take(len(text) + 1)
        self.memory.write(address, text + b"\0")
        return address

    def put_temporary(self, text: bytes) -> int:
        """Keep a text for a while: until 8 KiB of others have been."""
        if len(text) >= _TEMPORARY:
            raise Throw(ThrowCode.DICTIONARY_OVERFLOW, f"a text of {len(text)} characters")
        if not self._temporary:
            self._temporary = self.space.reserve(_TEMPORARY)
        if self._temporary_at + len(text) >= _TEMPORARY:
            self._temporary_at = 0
        address = self._temporary + self._temporary_at
        self._temporary_at += len(text) + 1
        self.memory.write(address, text + b"\0")
        return address

    @property
    def base_address(self) -> int:
        """Where `base` is kept for programs that store there: what they store counts from then on."""
        if not self._base_address:
            self._base_address = self.space.reserve(self.cell)
            self.helpers["store"](self._base_address, self._base)
        return self._base_address

    @property
    def base(self) -> int:
        """The base of numbers."""
        return self.helpers["fetch"](self._base_address) if self._base_address else self._base

    @base.setter
    def base(self, base: int) -> None:
        self._base = base
        if self._base_address:
            self.helpers["store"](self._base_address, base)

    @property
    def pad(self) -> int:
        """The address of `pad`."""
        if not self._pad:
            self._pad = self.space.reserve(_PAD)
        return self._pad

    def pop_text(self) -> str:
        """The text whose address and length are on the stack, as Latin-1."""
        length, address = self.stack.pop(), self.stack.pop()
        if length > _TEXT_LIMIT:
            raise Throw(ThrowCode.INVALID_MEMORY_ADDRESS, f"a text of {length} characters")
        self.pay(10 + length // 16)
        return self.memory.read(address, length).decode("latin-1")

    def push_text(self, text: str) -> None:
        """Put the address and length of a text that is kept for a while on the stack."""
        data = text.encode("latin-1", "replace")
        self.pay(20 + len(data) // 64)
        self.stack += (self.put_temporary(data), len(data))

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

    # Text

    def type(self, text: str) -> None:
        """Show a text."""
        self.pay(20 + len(text) // 8)
        head, newline, tail = text.rpartition("\n")
        if newline or "\r" in tail:
            self.line += head.count("\n") + (1 if newline else 0)
            self.column = len(tail.rpartition("\r")[2])
        else:
            self.column += len(text)
        if self.write is not None:
            self.write(text)

    def in_address(self) -> int:
        """The address of `>in`: what a program stores there is where parsing goes on."""
        if not self._in_address:
            self._in_address = self.space.reserve(self.cell)
            self._tell_in(self.source.at)
        return self._in_address

    def _tell_in(self, at: int) -> None:
        self._in_told = at
        self.helpers["store"](self._in_address, at)

    def input(self) -> _Input:
        """The text that is being interpreted, as far as `>in` says.

        Raises:
            Throw: there is none.
        """
        source = self.source
        if self._in_address:
            at = self.helpers["fetch"](self._in_address)
            if at != self._in_told:
                source.at = self._in_told = min(at, len(source.text))
        return source

    def go_on(self, at: int) -> None:
        """Have the text go on there."""
        source = self._inputs[-1]
        source.at = min(at, len(source.text))
        if self._in_address:
            self._tell_in(source.at)

    def parse_name(self) -> str:
        """The next word of the text; empty at its end."""
        source = self.input()
        text, before = source.text, source.at
        source.start = start = _BLANKS.match(text, before).end()  # type: ignore[union-attr]
        end = _NAME.match(text, start).end()  # type: ignore[union-attr]
        self.go_on(end + 1)
        self.pay(_NAME_STEPS + (end - before) // 8)
        return text[start:end]

    def parse(self, delimiter: str) -> str:
        """The text up to a delimiter, or all that is left."""
        source = self.input()
        end = source.text.find(delimiter, source.at)
        if end < 0:
            end = len(source.text)
        text = source.text[source.at : end]
        self.go_on(end + 1)
        return text

    def parse_line(self) -> str:
        """The rest of the line."""
        source = self.input()
        before = source.text[source.at - 1 : source.at]
        if before in ("\r", "\n"):  # it ended the word that asks
            return ""
        start = source.at
        end = _LINE.match(source.text, start).end()  # type: ignore[union-attr]
        self.go_on(end)
        return source.text[start:end]

    def source_text(self) -> tuple[int, int]:
        """Address and length of the text that is being interpreted; of one that is nowhere, a copy of its beginning."""
        source = self.source
        data = source.text[:_COPY].encode("latin-1", "replace")
        self.pay(20 + len(data) // 16)
        if not source.address or self.memory.read(source.address, len(data)) != data:
            source.address = self.put_temporary(data)
        return source.address, len(source.text)

    def _begin_input(self, text: str, address: int = 0) -> _Input:
        if self._inputs:
            self.input()
        source = _Input(text, address)
        self._inputs.append(source)
        if self._in_address:
            self._tell_in(0)
        return source

    def _end_input(self, depth: int) -> None:
        """Go back to the text that is that far out."""
        del self._inputs[depth:]
        if self._in_address and self._inputs:
            self._tell_in(self._inputs[-1].at)

    @contextmanager
    def reading(self, text: str) -> Iterator[None]:
        """Have words that parse find this text."""
        depth = len(self._inputs)
        self._begin_input(text)
        try:
            yield
        finally:
            self._end_input(depth)

    @property
    def source(self) -> _Input:
        """The text that is being interpreted."""
        if not self._inputs:
            raise Throw(ThrowCode.UNSUPPORTED_OPERATION, "no text is being interpreted")
        return self._inputs[-1]

    @property
    def depth(self) -> int:
        """How many texts are being interpreted inside of each other."""
        return len(self._inputs)

    # Compiling

    @property
    def definition(self) -> _Definition:
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
        self._begin(_Definition(word))

    def _begin(self, definition: _Definition) -> None:
        """Begin a definition; one between whose `[` and `]` that is goes on afterwards."""
        if self._definition is not None:
            if len(self._suspended) >= _NESTING_LIMIT:
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

    def drop_definition(self) -> None:
        """Forget what was begun to be defined."""
        for begun in (self._definition, *self._suspended):
            self._room += begun.room if begun is not None else 0
        self._definition = None
        self._compiling = False
        self._suspended.clear()
        self.next_is_instance = False

    def put_literal(self, cell: int) -> None:
        """Have the definition push a number."""
        self.put(Op.LITERAL, cell & self.mask)

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
            self._begin(_Definition(Word("", Kind.COLON), temporary=True))
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
            self._begin(_Definition(Word("", Kind.COLON), temporary=True))
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

    def defined(self, word: Word) -> None:
        """A word was defined; an embedder may want to know."""

    def change_special(self, name: str) -> bool:
        """Change what `to` names, if it is none of Forth's own words; whether it was."""
        return False

    def cell_at(self, name: str, cell: int) -> int:
        """A cell in the data space that tells something of this Forth, for programs that look there.

        Args:
            name: of what.
            cell: what it is now.

        Returns:
            Its address. Storing there changes nothing.
        """
        address = self._cells.get(name)
        if address is None:
            address = self._cells[name] = self.space.reserve(self.cell)
        self.helpers["store"](address, cell)
        return address

    def interpret_inside(self) -> None:
        """`[`: interpret, in the middle of a definition or not."""
        self._compiling = False

    def compile_again(self) -> None:
        """`]`: compile again; nothing where no definition is under way."""
        self._compiling = self._definition is not None

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

    def _at_its_place(self, thrown: Throw, source: _Input) -> Throw:
        """The same, with where it happened; what was begun is given up."""
        definition = self._definition
        self.drop_definition()
        reason = thrown.reason or (f"threw {_signed(thrown.code)}" if thrown.code != ThrowCode.ABORT else "aborted")
        if " (line " in reason or len(self._inputs) > 1:
            return Throw(thrown.code, reason)
        line = source.text.count("\n", 0, source.start) + 1
        word = source.text[source.start : source.start + _WHERE].split()
        at = f" (line {line}, at {word[0]})" if word and word[0] not in reason else f" (line {line})"
        if definition is not None and definition.word.name:
            at = f" in {definition.word.name}" + at
        return Throw(thrown.code, reason + at)

    # What compiled definitions use

    def _make_helpers(self) -> None:
        """Functions that the Python of definitions calls by name."""
        memory, mask = self.memory, self.mask
        read, write = memory.read, memory.write
        read_cells, write_cells = memory.read_cells, memory.write_cells
        size = self.cell

        def fetch_cell(address: int) -> int:
            return read_cells(address, 1)[0]

        def store_cell(address: int, cell: int) -> None:
            write_cells(address, (cell,))

        def fetch(address: int) -> int:
            return int.from_bytes(read(address, size))

        def store(address: int, cell: int) -> None:
            write(address, cell.to_bytes(size))

        def fetch_byte(address: int) -> int:
            return read(address, 1)[0]

        def store_byte(address: int, cell: int) -> None:
            write(address, _BYTES[cell & 0xFF])

        def fetch_word(address: int) -> int:
            return int.from_bytes(read(address, 2))

        def store_word(address: int, cell: int) -> None:
            write(address, (cell & 0xFFFF).to_bytes(2))

        self.helpers: Mapping[str, Any] = {
            "fetch": fetch_cell if size == 4 else fetch,
            "store": store_cell if size == 4 else store,
            "fetch4": fetch_cell,
            "store4": store_cell,
            "fetch2": fetch_word,
            "store2": store_word,
            "fetch1": fetch_byte,
            "store1": store_byte,
            "divide": _divider(mask),
        }
        self._functions: dict[Word, Function] = {}


class _Python:
    """A Python function of a word that was defined at run time; it can be pickled if the function can."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[[Forth], None]) -> None:
        self._function = function

    def __call__(self, forth: Forth, stack: list[int]) -> None:
        self._function(forth)


def _divider(mask: int) -> Callable[[int, int], tuple[int, int]]:
    def divide(dividend: int, divisor: int) -> tuple[int, int]:
        """Remainder and quotient, floored, as cells."""
        if not divisor:
            raise Throw(ThrowCode.DIVISION_BY_ZERO, "division by zero")
        quotient, remainder = divmod(dividend, divisor)
        return remainder & mask, quotient & mask

    return divide


def _signed(code: int) -> int:
    return code - (1 << 32) if code >> 31 == 1 else code


def _push_value(word: Word) -> Function:
    def run(forth: Forth, stack: list[int]) -> None:
        stack.append(forth.instance_cell(word) if word.instance else word.value)

    return run


def _push_address(word: Word) -> Function:
    def run(forth: Forth, stack: list[int]) -> None:
        stack.append(forth.instance_address(word) if word.instance else word.value)
        if word.target is not None:
            forth.run(word.target)

    return run


def _run_target(word: Word) -> Function:
    def run(forth: Forth, stack: list[int]) -> None:
        target = word.target
        if word.instance or target is None:
            target = forth.target(word)
        if target is None:
            raise Throw(ThrowCode.UNSUPPORTED_OPERATION, f"{word.name}: a deferred word that was never set")
        forth.budget -= 1
        if forth.budget < 0:
            forth.pay()
        (target.function or forth.function(target))(forth, stack)

    return run


def _add_offset(word: Word) -> Function:
    def run(forth: Forth, stack: list[int]) -> None:
        stack[-1] = stack[-1] + word.value & forth.mask

    return run


_BLANKS, _NAME, _LINE = re.compile(r"[\0- ]*"), re.compile(r"[^\0- ]*"), re.compile(r"[^\r\n]*")
_BYTES = tuple(bytes((byte,)) for byte in range(256))
_BY_KIND: Mapping[Kind, Callable[[Word], Function]] = {
    Kind.CONSTANT: _push_value,
    Kind.VALUE: _push_value,
    Kind.VARIABLE: _push_address,
    Kind.BUFFER: _push_address,
    Kind.CREATE: _push_address,
    Kind.DEFER: _run_target,
    Kind.FIELD: _add_offset,
}
