"""The layer of the dictionary: words, the lists that they are in, their tokens, and what they hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from vof.errors import Throw, ThrowCode
from vof.forth.source import TextInput
from vof.forth.space import Space
from vof.forth.word import TABLES, Function, Kind, Vocabulary, Word
from vof.ports import Memory

if TYPE_CHECKING:
    from vof.forth.engine import Forth

__all__ = ["Dictionary"]

_NAME_LIMIT = 31
_FIRST_TOKEN = 0x7F000000
_ROOM = 64 << 20
_WORD_ROOM = 500
"""Bytes of the host's memory that all words may take, and that one takes."""


class Dictionary(TextInput):
    """A Forth's words.

    Args:
        memory, bits, write, space: of the layers below.
        tables: names of the tables whose words it has, those that come first hiding others.

    Attributes:
        root: the main list of words.
        current: where new words go.
        order: where words are looked for, first the first.
        last: the newest word.
        instance_store: the data of the instance that is current, or None.
    """

    def __init__(
        self,
        memory: Memory,
        bits: int,
        write: Callable[[str], None] | None,
        space: Callable[[], Space],
        tables: tuple[str, ...],
    ) -> None:
        super().__init__(memory, bits, write, space)
        self.root = Vocabulary("forth", "")
        self.order: list[Vocabulary] = [self.root]
        self.current = self.root
        self.last: Word | None = None
        self.instance_store: dict[int, int] | None = None
        self._tables = tables if bits == 32 else ("wide", *tables)
        self._entries: list[Word] = []
        self._homes: list[tuple[Vocabulary, int]] = []
        self._room = _ROOM
        self._words: list[Word] = []
        self._tokens: dict[int, int] = {}
        self._lists: list[Vocabulary] = []
        self._spare: dict[int, list[int]] = {}
        self._functions: dict[Word, Function] = {}

    def __getstate__(self) -> dict[str, Any]:
        # All words first, each behind those that it uses: pickling then needs no recursion.
        state = {"_entries": self._entries, **self.__dict__}
        del state["helpers"], state["_tokens"], state["_functions"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.helpers = self._make_helpers()
        self._functions = {}
        self._tokens = {id(word): number for number, word in enumerate(self._words)}
        for word in self._entries:
            if word.kind is Kind.DEFER and word.value:
                word.target = self.word_of(word.value)

    def find(self, name: str) -> Word | None:
        """The word of a name, in any case."""
        name = name.lower()
        for vocabulary in self.order:
            word = vocabulary.find(name)
            if word is not None:
                return word
        return self.system_word(name)

    def need_word(self, name: str) -> Word:
        """The word of a name.

        Raises:
            Throw: UNDEFINED_WORD, there is none.
        """
        word = self.find(name)
        if word is None:
            raise Throw(ThrowCode.UNDEFINED_WORD, f"{name[:40]}: undefined word" if name else "a name is wanted")
        return word

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

    def defined(self, word: Word) -> None:
        """A word was defined; an embedder may want to know."""

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

    # What words hold

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

    def ready(self, word: Word) -> Function | None:
        """What runs a word, where it was made already."""
        return word.function or (self._functions.get(word) if word.shared else None)


class _Python:
    """A Python function of a word that was defined at run time; it can be pickled if the function can."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[[Forth], None]) -> None:
        self._function = function

    def __call__(self, forth: Forth, stack: list[int]) -> None:
        self._function(forth)
