"""The layer of the data space: texts, `base`, `pad` and cells that tell something, in guest memory."""

from __future__ import annotations

from collections.abc import Callable

from vof.errors import Throw, ThrowCode
from vof.forth.runtime import Runtime
from vof.forth.space import Space
from vof.ports import Memory

__all__ = ["TEXT_LIMIT", "DataSpace"]

TEXT_LIMIT = 1 << 20
"""Characters of a text."""
_TEMPORARY = 0x2000
_PAD = 0x400


class DataSpace(Runtime):
    """A Forth's data space, claimed when it is first needed.

    Args:
        memory, bits, write: of the layer below.
        space: makes the data space.
    """

    def __init__(
        self, memory: Memory, bits: int, write: Callable[[str], None] | None, space: Callable[[], Space]
    ) -> None:
        super().__init__(memory, bits, write)
        self._make_space = space
        self._space: Space | None = None
        self._base = 16
        self._base_address = 0
        self._temporary = 0
        self._temporary_at = 0
        self._pad = 0
        self._cells: dict[str, int] = {}

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

    def pop_text(self) -> str:
        """The text whose address and length are on the stack, as Latin-1."""
        length, address = self.stack.pop(), self.stack.pop()
        if length > TEXT_LIMIT:
            raise Throw(ThrowCode.INVALID_MEMORY_ADDRESS, f"a text of {length} characters")
        self.pay(10 + length // 16)
        return self.memory.read(address, length).decode("latin-1")

    def push_text(self, text: str) -> None:
        """Put the address and length of a text that is kept for a while on the stack."""
        data = text.encode("latin-1", "replace")
        self.pay(20 + len(data) // 64)
        self.stack += (self.put_temporary(data), len(data))

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
