"""A disk whose writes stay in memory: what snapshots and `snapshot=on` put over an image."""

from __future__ import annotations

from vof.errors import PortError
from vof.ports import Block

__all__ = ["OverlayDisk", "OverlayState"]

_CHUNK = 4096
_LIMIT = 1 << 30

OverlayState = tuple[tuple[int, bytes], ...]
"""What was written: the chunks' numbers, ascending, and their bytes. It can be kept, pickled and compared."""


class OverlayDisk:
    """A `Block` over another one, which is only read.

    Args:
        base: the disk below. It must not change while the overlay holds anything.
        limit: bytes that the overlay may take of the host's memory; a guest could fill any disk.
        holds: whether writes stay here. While they don't, they go to the disk below.

    Attributes:
        holds: as above; it may be set once there is something to be kept.
        bytes_read: how many were read so far.
        writes: changes with each write, and when another content is put back.
    """

    def __init__(self, base: Block, *, limit: int = _LIMIT, holds: bool = True) -> None:
        self.base = base
        self.limit = limit
        self.holds = holds
        self.bytes_read = 0
        self.writes = 0
        self._chunks: dict[int, bytes] = {}

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
        below = self.base.read(offset, length)
        self.bytes_read += len(below)
        first, end = offset // _CHUNK, -(-(offset + len(below)) // _CHUNK)
        changed = [number for number in range(first, end) if number in self._chunks] if self._chunks else []
        if not changed:
            return below
        data = bytearray(below)
        for number in changed:
            begin = number * _CHUNK - offset
            chunk = self._chunks[number]
            skipped = max(0, -begin)
            stop = min(begin + len(chunk), len(data))
            data[begin + skipped : stop] = chunk[skipped : stop - begin]
        return bytes(data)

    def write(self, offset: int, data: bytes) -> None:
        """Port `Block`: all of `data` or, where that fails, nothing."""
        self.writes += 1
        if not self.holds:
            self.base.write(offset, data)
            return
        end = offset + len(data)
        if offset < 0 or end > self.size:
            raise PortError(f"{len(data)} bytes at {offset} are outside the disk")
        fresh: dict[int, bytes] = {}
        for number in range(offset // _CHUNK, -(-end // _CHUNK)):
            begin = number * _CHUNK
            inside, stop = max(offset, begin), min(end, begin + _CHUNK)
            piece = data[inside - offset : stop - offset]
            if len(piece) < _CHUNK:
                old = self._chunks.get(number)
                if old is None:
                    old = self.base.read(begin, _CHUNK)
                piece = old[: inside - begin] + piece + old[stop - begin :]
            fresh[number] = bytes(piece)
        if (len(self._chunks) + sum(number not in self._chunks for number in fresh)) * _CHUNK > self.limit:
            raise PortError(f"the overlay is full: it holds at most {self.limit >> 20} MiB of writes")
        self._chunks.update(fresh)

    def state(self) -> OverlayState:
        """All that was written, for `restore`. The bytes are shared, not copied."""
        return tuple(sorted(self._chunks.items()))

    def restore(self, state: OverlayState) -> None:
        """Be what the overlay was when `state` was taken, of this one or of another over the same disk."""
        self._chunks = dict(state)
        self.writes += 1
