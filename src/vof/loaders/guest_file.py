"""A program's file that is in guest memory, where a `load` method has put it."""

from __future__ import annotations

from vof.ports import Memory

__all__ = ["GuestFile"]

_SEEK_SET, _SEEK_CUR, _SEEK_END = 0, 1, 2


class GuestFile:
    """A piece of guest memory with a file's face: see `ProgramFile`.

    Args:
        memory: guest memory.
        base: the address of the file's first byte.
        size: its bytes; all of them are in memory.
    """

    def __init__(self, memory: Memory, base: int, size: int) -> None:
        self._memory = memory
        self._base = base
        self._size = size
        self._position = 0

    def seek(self, offset: int, whence: int = _SEEK_SET, /) -> int:
        """As for `io.IOBase`."""
        start = {_SEEK_SET: 0, _SEEK_CUR: self._position, _SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        """As for `io.RawIOBase`."""
        left = max(0, self._size - self._position)
        wanted = left if size < 0 else min(size, left)
        data = self._memory.read(self._base + self._position, wanted) if wanted else b""
        self._position += wanted
        return data

    def readinto(self, buffer: memoryview, /) -> int:
        """As for `io.RawIOBase`."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
