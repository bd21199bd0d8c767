"""Guest RAM in this process: zeroed at first, taken back to a snapshot in less than a millisecond.

It is a private mapping of an anonymous file. Pages that were written since are this process's own; `/proc` says which
they are, and giving them up brings the file's contents back. A child process that is forked gets its own copy of what
it writes.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import sys
from collections.abc import Iterable, Iterator

from vof.errors import EngineError

__all__ = ["PAGE", "Ram"]

PAGE = 4096
_ENTRY = 8
_PRESENT_OR_SWAPPED = 3 << 62
_FILE_PAGE = 1 << 61
_ENTRIES_AT_A_TIME = 1 << 16


class Ram:
    """So many bytes of RAM.

    Args:
        size: bytes, a multiple of 4096.

    Attributes:
        bytes: the memory.
        address: where it lies in this process.
        has_base: whether `make_base` was called.

    Raises:
        EngineError: this host hasn't so much.
    """

    def __init__(self, size: int) -> None:
        self._file = os.memfd_create("vof-ram")
        try:
            os.ftruncate(self._file, size)
            self.bytes = mmap.mmap(self._file, size, flags=mmap.MAP_PRIVATE)
        except (OSError, OverflowError) as error:
            os.close(self._file)
            raise EngineError(f"{size >> 20} MiB of guest memory can't be had: {error}") from None
        self._anchor = ctypes.c_char.from_buffer(self.bytes)
        self.address = ctypes.addressof(self._anchor)
        self.has_base = False

    def make_base(self) -> None:
        """Make what memory holds now the state that `back_to_base` goes back to. Once, and before any fork."""
        assert not self.has_base
        self.has_base = True
        for page in self.dirty_pages():
            os.pwrite(self._file, self.bytes[page : page + PAGE], page)
        self.back_to_base()

    def back_to_base(self) -> None:
        """Forget everything written since `make_base`."""
        self.bytes.madvise(mmap.MADV_DONTNEED)

    def dirty_pages(self) -> Iterator[int]:
        """The addresses of the pages that were written since `make_base`, or at all."""
        with open("/proc/self/pagemap", "rb", buffering=0) as pagemap:
            for start in range(0, len(self.bytes) // PAGE, _ENTRIES_AT_A_TIME):
                count = min(_ENTRIES_AT_A_TIME, len(self.bytes) // PAGE - start)
                pagemap.seek((self.address // PAGE + start) * _ENTRY)
                entries = pagemap.read(count * _ENTRY)
                yield from self._dirty(memoryview(entries).cast("Q"), start)

    def is_dirty(self, pages: Iterable[int]) -> Iterator[int]:
        """Those of some pages, given by their addresses, that were written since `make_base`."""
        with open("/proc/self/pagemap", "rb", buffering=0) as pagemap:
            descriptor = pagemap.fileno()
            for page in pages:
                entry = os.pread(descriptor, _ENTRY, (self.address + page) // PAGE * _ENTRY)
                value = int.from_bytes(entry, sys.byteorder)
                if value & _PRESENT_OR_SWAPPED and not value & _FILE_PAGE:
                    yield page

    @staticmethod
    def _dirty(entries: memoryview, start: int) -> Iterator[int]:
        # Most of it was never touched: whole runs of zeroes are passed over by one search in C.
        data = bytes(entries)
        blank = bytes(PAGE)
        for chunk in range(0, len(data), PAGE):
            if data[chunk : chunk + PAGE] == blank[: len(data) - chunk]:
                continue
            for index in range(chunk // _ENTRY, min(chunk + PAGE, len(data)) // _ENTRY):
                entry = entries[index]
                if entry & _PRESENT_OR_SWAPPED and not entry & _FILE_PAGE:
                    yield (start + index) * PAGE

    def close(self) -> None:
        """Let go of it. Nobody may use the address any more."""
        del self._anchor
        with contextlib.suppress(BufferError):  # an exception's frames hold a view of it: it goes with them
            self.bytes.close()
        os.close(self._file)
