"""The data space: the bounded range of guest memory in which `here` moves."""

from __future__ import annotations

from vof.errors import Throw, ThrowCode
from vof.ports import Memory

__all__ = ["Space"]


class Space:
    """A range of guest memory for data: it grows by `take`, from its start.

    Args:
        memory: guest memory.
        start: the range's first address.
        size: its bytes.

    Attributes:
        here: the next free address.
    """

    __slots__ = ("here", "memory", "size", "start")

    def __init__(self, memory: Memory, start: int, size: int) -> None:
        self.memory = memory
        self.start = start
        self.size = size
        self.here = start

    @property
    def unused(self) -> int:
        """Bytes that are left."""
        return self.start + self.size - self.here

    def reserve(self, length: int) -> int:
        """Keep `length` bytes at the range's end, whose address a cell may have, out of what `here` moves in.

        Raises:
            Throw: DICTIONARY_OVERFLOW, the range has not so many left.
        """
        size = (self.size - length) & -8
        if self.start + size < self.here:
            raise Throw(ThrowCode.DICTIONARY_OVERFLOW, f"{length} more bytes of data; {self.unused} are left")
        self.size = size
        return self.start + size

    def take(self, length: int, alignment: int = 1) -> int:
        """Move `here` over `length` bytes, or back if it is negative; the address of the first.

        Raises:
            Throw: DICTIONARY_OVERFLOW, the range has not so many.
        """
        address = -(-self.here // alignment) * alignment
        if not self.start <= address + length <= self.start + self.size:
            raise Throw(ThrowCode.DICTIONARY_OVERFLOW, f"{length} more bytes of data; {self.unused} are left")
        self.here = address + length
        return address
