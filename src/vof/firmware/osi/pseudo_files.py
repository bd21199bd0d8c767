"""The pseudo file system: files that the user names, by names of his, and no others."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Protocol

from vof.ports import Memory

__all__ = ["PseudoFile", "PseudoFiles"]

_LONGEST_NAME = 256
_AT_ONCE = 1 << 20
_MOST = 0x7FFFFFFF
_SIGN = 0x80000000


class _Op(IntEnum):
    OPEN = 1
    CLOSE = 2
    GET_SIZE = 3
    READ = 4
    INDEX_TO_NAME = 5


class PseudoFile(Protocol):
    """A file. Reading raises `PortError`."""

    @property
    def size(self) -> int:
        """In bytes."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Bytes from an offset; fewer only at its end."""
        ...


class PseudoFiles:
    """The files. A file's number is its place, open or not.

    Args:
        memory: guest memory.
        files: the files by name.
    """

    def __init__(self, memory: Memory, files: Mapping[str, PseudoFile]) -> None:
        self._memory = memory
        self._names = tuple(files)
        self._files = tuple(files.values())

    def pseudo_fs(self, what: int, a: int, b: int, c: int, d: int) -> int:
        """By what is wanted."""
        if what == _Op.OPEN:
            name = self._memory.read_string(a, _LONGEST_NAME)
            return self._names.index(name) if name in self._names else -1
        if what == _Op.CLOSE:
            return 0
        if what not in (_Op.GET_SIZE, _Op.READ, _Op.INDEX_TO_NAME) or a >= len(self._files):
            return -1
        if what == _Op.GET_SIZE:
            return min(self._files[a].size, _MOST)
        if what == _Op.READ:
            return self._read(self._files[a], b, c, d)
        if 0 < c < _SIGN:
            self._memory.write(b, self._names[a].encode("latin-1", "replace")[: c - 1] + b"\0")
        return 0

    def _read(self, file: PseudoFile, offset: int, buffer: int, count: int) -> int:
        """Bytes that were read; less than wanted at the end."""
        count = max(0, min(count, file.size - offset))
        if buffer + count > self._memory.size:
            self._memory.read(buffer, count)
        for done in range(0, count, _AT_ONCE):
            self._memory.write(buffer + done, file.read(offset + done, min(_AT_ONCE, count - done)))
        return count
