"""Bytes of a disk, or of a part of it, as the readers of tables and file systems get them in the worker."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

from vof.errors import PortError

__all__ = ["Pieces", "Source", "library_image"]

_LIBRARY_MISSING = "partitions and file systems need the Python package pytsk3 (pip install pytsk3)"


class Source:
    """A stretch of the disk.

    Args:
        read: bytes of the disk at an offset; fewer only at its end; raises `OSError` with the reason.
        start: where the stretch begins on the disk, in bytes.
        size: its bytes. What an image cut short lacks of them is missing at the end.

    Attributes:
        failure: the first failed read's reason. The library knows only that something failed, and may go on.
    """

    def __init__(self, read: Callable[[int, int], bytes], start: int, size: int) -> None:
        self._read = read
        self.start = start
        self.size = size
        self.failure: PortError | None = None

    def read(self, offset: int, length: int) -> bytes:
        """Bytes at `offset`; fewer at the end. Raises `PortError` where the disk fails."""
        length = min(length, self.size - offset)
        if offset < 0 or length <= 0:
            return b""
        try:
            return self._read(self.start + offset, length)
        except OSError as error:
            self.failure = self.failure or PortError(str(error))
            raise self.failure from None

    def exactly(self, offset: int, length: int) -> bytes:
        """All bytes asked for; a `PortError` where the disk ends before."""
        data = self.read(offset, length)
        if len(data) < length:
            raise PortError("the disk ends before what its file system leads to")
        return data

    def part(self, start: int, size: int) -> Source:
        """A stretch of this one, with a failure of its own."""
        return Source(self._read, self.start + start, max(0, min(size, self.size - start)))


class Pieces:
    """A file's bytes, in pieces.

    Args:
        source: where the pieces are.
        size: the file's bytes.
        extents: where they are: offset and length of each piece, in bytes, together at least `size`.
    """

    def __init__(self, source: Source, size: int, extents: Sequence[tuple[int, int]]) -> None:
        self.size = size
        self._source = source
        self._extents = extents
        self._starts = []
        start = 0
        for _, length in extents:
            self._starts.append(start)
            start += length

    def read(self, offset: int, length: int) -> bytes:
        """Bytes at `offset`; fewer only at the file's end."""
        length = min(length, self.size - offset)
        pieces = []
        at = bisect_right(self._starts, offset) - 1
        while length > 0:
            inside = offset - self._starts[at]
            where, size = self._extents[at]
            count = min(length, size - inside)
            pieces.append(self._source.exactly(where + inside, count))
            offset, length, at = offset + count, length - count, at + 1
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def library_image(source: Source) -> Any:
    """The Sleuth Kit's image object over a source."""
    try:
        import pytsk3
    except ImportError as error:
        raise PortError(f"{_LIBRARY_MISSING}: {error}") from None

    class Image(pytsk3.Img_Info):  # type: ignore[misc]  # the library is C++ and has no types
        def __init__(self) -> None:
            super().__init__(url="")

        def read(self, offset: int, length: int) -> bytes:
            try:
                return source.read(offset, length)
            except PortError:  # it is in `failure`; no exception: the library goes on with one pending
                return b""

        def get_size(self) -> int:
            return source.size

        def close(self) -> None:
            """Nothing is open."""

    return Image()
