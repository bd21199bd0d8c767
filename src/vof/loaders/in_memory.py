"""A program whose file is in guest memory, where `load` has put it: what `init-program` does with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vof.errors import MemoryFault, UsageError
from vof.loaders.formats import read_plain
from vof.loaders.placement import PlacedSegment, Placement, place
from vof.ports import Memory

__all__ = ["MemoryFile", "init_program"]

_PIECE = 1 << 20
_ZEROES = bytes(_PIECE)
_SET_ASIDE_LIMIT = 64 << 20
"""Bytes of segments that are kept outside the guest, where they are in each other's way."""


class MemoryFile:
    """A `ProgramFile` in guest memory: bytes `address` … `address` + `size` - 1. It keeps none of them.

    Raises:
        MemoryFault: they are not all in memory.
    """

    __slots__ = ("_address", "_memory", "_position", "_size")

    def __init__(self, memory: Memory, address: int, size: int) -> None:
        if address < 0 or size < 0 or address + size > memory.size:
            raise MemoryFault("a program of {:#x} bytes at {:#x} is not in memory", size, address)
        self._memory = memory
        self._address = address
        self._size = size
        self._position = 0

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """As for `io.IOBase`; what is before the beginning is the beginning."""
        self._position = max(0, (0, self._position, self._size)[whence] + offset)
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        """As for `io.RawIOBase`; at most 1 MiB at a time."""
        left = max(0, self._size - self._position)
        count = min(left, _PIECE, size if size >= 0 else left)
        data = self._memory.read(self._address + self._position, count) if count else b""
        self._position += count
        return data

    def readinto(self, buffer: memoryview, /) -> int:
        """As for `io.RawIOBase`; at most 1 MiB at a time."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def init_program(
    memory: Memory,
    load_base: int,
    size: int,
    *,
    limit: int,
    reserved: Iterable[tuple[int, int]] = (),
    kernel_at: int | None = None,
) -> Placement:
    """Put the program whose file is at `load_base` where it belongs, and clear what it wants cleared.

    Its segments may go anywhere, over the file as well: each arrives as the file had it.

    Args:
        memory: guest memory.
        load_base: the address of the file's first byte.
        size: how many bytes the file has.
        limit: the end of the memory that the program may use.
        reserved: starts and sizes of ranges that it must keep clear of.
        kernel_at: how much higher a movable program goes that is linked to 0 (see `place`); `load_base` for None.

    Returns:
        Where it is. The file offsets of the segments are of no use any more.

    Raises:
        UsageError: there is no program, or it can't go where it is linked to; nothing is written.
        MemoryFault: the file is not in memory; nothing is written.
    """
    program = read_plain(MemoryFile(memory, load_base, size))
    placement = place(
        program,
        load_base if kernel_at is None else kernel_at,
        limit=min(limit, memory.size),
        reserved=reserved,
    )
    steps = list(_plan(placement.segments, load_base))
    set_aside = sum(one.file_size for one, aside in steps if aside)
    if set_aside > _SET_ASIDE_LIMIT:
        raise UsageError(
            f"the program's segments are in each other's way by {set_aside >> 20} MiB: load it elsewhere (load-base)"
        )
    kept: dict[int, list[bytes]] = {}
    for one, aside in steps:
        source = load_base + one.file_offset
        if aside:
            kept[one.address] = [memory.read(source + at, count) for at, count in _pieces(one.file_size)]
        elif one.address in kept:
            _write(memory, one.address, kept.pop(one.address))
            _clear(memory, one)
        else:
            _move(memory, source, one.address, one.file_size)
            _clear(memory, one)
    return placement


def _plan(segments: tuple[PlacedSegment, ...], load_base: int) -> Iterator[tuple[PlacedSegment, bool]]:
    """The order in which to put segments in place, so that none overwrites what another has yet to read.

    Where they go round in a circle, one is set aside: it comes with True when it must be read, and again with False
    when it can be written. Its own bytes are no obstacle to a segment: moving takes care of that.
    """
    obstacles = [
        {
            other
            for other, theirs in enumerate(segments)
            if other != index
            and theirs.file_size
            and one.address < load_base + theirs.file_offset + theirs.file_size
            and load_base + theirs.file_offset < one.address + one.memory_size
        }
        for index, one in enumerate(segments)
    ]
    holds_up = [[index for index, others in enumerate(obstacles) if one in others] for one in range(len(segments))]
    left = [len(others) for others in obstacles]
    free = [index for index, count in enumerate(left) if not count]
    smallest_first = sorted(range(len(segments)), key=lambda index: segments[index].file_size)
    done, aside = set[int](), set[int]()

    def has_been_read(index: int) -> None:
        for other in holds_up[index]:
            left[other] -= 1
            if not left[other]:
                free.append(other)

    while len(done) < len(segments):
        if free:
            index = free.pop()
            yield segments[index], False
            done.add(index)
            if index not in aside:
                has_been_read(index)
        else:
            index = next(one for one in smallest_first if one not in done and one not in aside and holds_up[one])
            yield segments[index], True
            aside.add(index)
            has_been_read(index)


def _pieces(size: int) -> Iterator[tuple[int, int]]:
    for at in range(0, size, _PIECE):
        yield at, min(_PIECE, size - at)


def _move(memory: Memory, source: int, target: int, size: int) -> None:
    """Copy, whether or not the ranges overlap."""
    pieces = list(_pieces(size))
    if target > source:
        pieces.reverse()
    for at, count in pieces if target != source else ():
        memory.write(target + at, memory.read(source + at, count))


def _write(memory: Memory, target: int, pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        memory.write(target, piece)
        target += len(piece)


def _clear(memory: Memory, one: PlacedSegment) -> None:
    for at, count in _pieces(one.memory_size - one.file_size):
        memory.write(one.address + one.file_size + at, _ZEROES[:count])
