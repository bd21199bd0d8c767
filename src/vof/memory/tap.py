"""A tap on guest memory: what the firmware reads and writes, for those who watch. Without a watcher it costs nothing.

Its methods are the memory's own, bound to it, until it is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vof.errors import MemoryFault
from vof.ports import Memory

__all__ = ["MemoryAccess", "MemoryTap"]

MemoryAccess = tuple[bool, int, bytes | str | tuple[int, ...]]
"""Whether it was a write, its address, and what was read or written: bytes, a string that ends with a NUL, or cells."""


class MemoryTap:
    """A `vof.ports.Memory` over another.

    Args:
        memory: what it reaches.

    Attributes:
        log: the accesses since it was opened or since somebody put a fresh list here; an access that fails is not in
            it, but the bytes of a string without an end are.
    """

    __slots__ = ("_memory", "log", "read", "read_cells", "read_string", "size", "write", "write_cells")

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.size = memory.size
        self.log: list[MemoryAccess] = []
        self.read: Callable[[int, int], bytes]
        self.write: Callable[[int, bytes], None]
        self.read_cells: Callable[[int, int], tuple[int, ...]]
        self.write_cells: Callable[[int, Sequence[int]], None]
        self.read_string: Callable[[int, int], str]
        self.close()

    def open(self) -> None:
        """Have every access logged from here on."""
        self.read = self._read
        self.write = self._write
        self.read_cells = self._read_cells
        self.write_cells = self._write_cells
        self.read_string = self._read_string

    def close(self) -> None:
        """Log no more."""
        memory = self._memory
        self.read = memory.read
        self.write = memory.write
        self.read_cells = memory.read_cells
        self.write_cells = memory.write_cells
        self.read_string = memory.read_string

    def peek(self, address: int, length: int) -> bytes:
        """Read without a trace, for those who watch."""
        return self._memory.read(address, length)

    def _read(self, address: int, length: int) -> bytes:
        data = self._memory.read(address, length)
        self.log.append((False, address, data))
        return data

    def _write(self, address: int, data: bytes) -> None:
        self._memory.write(address, data)
        self.log.append((True, address, data))

    def _read_cells(self, address: int, count: int) -> tuple[int, ...]:
        cells = self._memory.read_cells(address, count)
        self.log.append((False, address, cells))
        return cells

    def _write_cells(self, address: int, values: Sequence[int]) -> None:
        self._memory.write_cells(address, values)
        self.log.append((True, address, tuple([value & 0xFFFFFFFF for value in values])))

    def _read_string(self, address: int, limit: int) -> str:
        try:
            text = self._memory.read_string(address, limit)
        except MemoryFault:
            if 0 <= address < self.size:
                data = self._memory.read(address, max(0, min(limit, self.size - address)))
                self.log.append((False, address, data))
            raise
        self.log.append((False, address, text))
        return text
