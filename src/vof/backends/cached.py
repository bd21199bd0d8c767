"""A disk whose reads are remembered: client programs read a sector at a time, and the same ones again."""

from __future__ import annotations

from collections import OrderedDict

from vof.ports import Block

__all__ = ["CachedDisk"]

_CHUNK = 64 << 10
_AHEAD = 8
"""Chunks that are read at once where reading goes on from the one before."""
_KEPT = 256
"""Chunks: 16 MiB."""


class CachedDisk:
    """The port `Block` over another one. Writes go there at once.

    Args:
        base: the disk below. While something is remembered, nobody else may write to it: see `forget`.

    Attributes:
        bytes_read: how much was read, from wherever it came.
        writes: changes with each write.
    """

    def __init__(self, base: Block) -> None:
        self.base = base
        self._chunks: OrderedDict[int, bytes] = OrderedDict()
        self._next = -1
        self.bytes_read = 0
        self.writes = 0

    @property
    def block_size(self) -> int:
        """Port `Block`."""
        return self.base.block_size

    @property
    def size(self) -> int:
        """Port `Block`."""
        return self.base.size

    def read(self, offset: int, length: int) -> bytes:
        """Port `Block`."""
        if offset < 0 or length < 0 or length >= _CHUNK * _AHEAD:
            data = self.base.read(offset, length)  # it says what is wrong, or is read too fast to be kept
            self.bytes_read += len(data)
            return data
        length = max(0, min(length, self.size - offset))
        if not length:
            return b""
        self.bytes_read += length
        first, last = offset // _CHUNK, (offset + length - 1) // _CHUNK
        pieces = [self._chunk(number) for number in range(first, last + 1)]
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        start = offset - first * _CHUNK
        return data[start : start + length]

    def write(self, offset: int, data: bytes) -> None:
        """Port `Block`."""
        self.writes += 1
        for number in range(offset // _CHUNK, (offset + len(data) - 1) // _CHUNK + 1):
            self._chunks.pop(number, None)
        self.base.write(offset, data)

    def forget(self) -> None:
        """Remember nothing: somebody else may have written."""
        self.writes += 1
        self._chunks.clear()
        self._next = -1

    def _chunk(self, number: int) -> bytes:
        chunk = self._chunks.get(number)
        if chunk is not None:
            self._chunks.move_to_end(number)
            return chunk
        wanted = 1
        if number == self._next:
            while wanted < _AHEAD and number + wanted not in self._chunks:
                wanted += 1
        data = self.base.read(number * _CHUNK, wanted * _CHUNK)
        for place in range(wanted):
            piece = data[place * _CHUNK : (place + 1) * _CHUNK]
            if piece:
                self._chunks[number + place] = piece
        self._next = number + wanted
        while len(self._chunks) > _KEPT:
            self._chunks.popitem(last=False)
        return data[:_CHUNK]
