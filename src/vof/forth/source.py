"""The layer of the text that is interpreted: where it is parsed, and `>in`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vof.errors import Throw, ThrowCode
from vof.forth.data import DataSpace
from vof.forth.space import Space
from vof.ports import Memory

__all__ = ["Source", "TextInput"]

_COPY = 0x1000
"""Characters of a text that `source` copies."""
_NAME_STEPS = 60
"""What it costs to find a name."""
_BLANKS, _NAME, _LINE = re.compile(r"[\0- ]*"), re.compile(r"[^\0- ]*"), re.compile(r"[^\r\n]*")


class Source:
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


class TextInput(DataSpace):
    """The texts that are being interpreted, inside of each other.

    Args:
        memory, bits, write, space: of the layer below.
    """

    def __init__(
        self, memory: Memory, bits: int, write: Callable[[str], None] | None, space: Callable[[], Space]
    ) -> None:
        super().__init__(memory, bits, write, space)
        self._inputs: list[Source] = []
        self._in_address = 0
        self._in_told = 0

    @property
    def source(self) -> Source:
        """The text that is being interpreted."""
        if not self._inputs:
            raise Throw(ThrowCode.UNSUPPORTED_OPERATION, "no text is being interpreted")
        return self._inputs[-1]

    @property
    def depth(self) -> int:
        """How many texts are being interpreted inside of each other."""
        return len(self._inputs)

    def input(self) -> Source:
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

    @contextmanager
    def reading(self, text: str) -> Iterator[None]:
        """Have words that parse find this text."""
        depth = len(self._inputs)
        self._begin_input(text)
        try:
            yield
        finally:
            self._end_input(depth)

    def source_text(self) -> tuple[int, int]:
        """Address and length of the text that is being interpreted; of one that is nowhere, a copy of its beginning."""
        source = self.source
        data = source.text[:_COPY].encode("latin-1", "replace")
        self.pay(20 + len(data) // 16)
        if not source.address or self.memory.read(source.address, len(data)) != data:
            source.address = self.put_temporary(data)
        return source.address, len(source.text)

    def in_address(self) -> int:
        """The address of `>in`: what a program stores there is where parsing goes on."""
        if not self._in_address:
            self._in_address = self.space.reserve(self.cell)
            self._tell_in(self.source.at)
        return self._in_address

    def _tell_in(self, at: int) -> None:
        self._in_told = at
        self.helpers["store"](self._in_address, at)

    def _begin_input(self, text: str, address: int = 0) -> Source:
        if self._inputs:
            self.input()
        source = Source(text, address)
        self._inputs.append(source)
        if self._in_address:
            self._tell_in(0)
        return source

    def _end_input(self, depth: int) -> None:
        """Go back to the text that is that far out."""
        del self._inputs[depth:]
        if self._in_address and self._inputs:
            self._tell_in(self._inputs[-1].at)
