"""Where a program goes in memory, and putting it there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from vof.errors import UsageError
from vof.loaders.program import Program, ProgramFile

__all__ = ["PlacedSegment", "Placement", "load", "place"]

_MIB = 1 << 20
_FOUR_GIB = 1 << 32
_MEMORY_STEP = 64
"""MiB. What memory sizes are rounded up to that we tell the user to try."""
_ZEROES = bytes(_MIB)


class _Writable(Protocol):
    def __buffer__(self, flags: int, /) -> memoryview: ...


@dataclass(frozen=True, slots=True)
class PlacedSegment:
    """A segment with its final address.

    Attributes:
        address: where it goes.
        file_offset: where its bytes are in the file.
        file_size: how many bytes the file has.
        memory_size: how many bytes it takes in memory, at least `file_size`; the rest is zero.
    """

    address: int
    file_offset: int
    file_size: int
    memory_size: int


@dataclass(frozen=True, slots=True)
class Placement:
    """A program and where it goes.

    Attributes:
        program: the program as linked.
        segments: in the order of their addresses.
        entry: the address of its first instruction.
        toc: what that wants in r2; 0 for nothing.
    """

    program: Program
    segments: tuple[PlacedSegment, ...]
    entry: int
    toc: int

    @property
    def start(self) -> int:
        """Its first byte."""
        return self.segments[0].address

    @property
    def end(self) -> int:
        """The byte after its last."""
        return self.segments[-1].address + self.segments[-1].memory_size


def place(
    program: Program, load_base: int = 0, *, limit: int = _FOUR_GIB, reserved: Iterable[tuple[int, int]] = ()
) -> Placement:
    """Decide where a program goes.

    Most go to the addresses that they are linked to: GRUB, yaboot, zImage. A Linux kernel is linked to run at 0, and
    moves itself there once it has taken over; until then the exception vectors and what firmware keeps are there. Such
    a program, which is movable and whose first segment is at 0, goes `load_base` bytes higher, as under QEMU, whose
    pseries takes 0x400000.

    Args:
        program: the program.
        load_base: how much higher a program goes that is linked to 0; 0 to leave even that where it is.
        limit: the end of the memory that it may use.
        reserved: starts and sizes of ranges that it must keep clear of.

    Raises:
        UsageError: it doesn't fit; the message says what would.
    """
    offset = load_base if program.movable and program.segments[0].address == 0 else 0
    segments = tuple(
        PlacedSegment(one.address + offset, one.file_offset, one.file_size, one.memory_size) for one in program.segments
    )
    placement = Placement(program, segments, program.entry + offset, program.toc + offset if program.toc else 0)
    if placement.end > _FOUR_GIB:
        raise UsageError(
            f"the program is linked to {placement.start:#x} … {placement.end:#x}, which no client program can use: "
            "link it below 4 GiB"
        )
    if placement.end > limit:
        needed = -(-placement.end // _MIB)
        enough = -(-needed // _MEMORY_STEP) * _MEMORY_STEP
        raise UsageError(
            f"the program needs memory up to {needed} MiB and may use {limit // _MIB} MiB: -m {enough}M would do"
        )
    for start, size in reserved:
        for one in segments:
            if size and one.address < start + size and start < one.address + one.memory_size:
                raise UsageError(
                    f"the program would be at {one.address:#x} … {one.address + one.memory_size:#x}, and "
                    f"{start:#x} … {start + size:#x} is the firmware's: link it elsewhere, such as to 0x400000"
                )
    return placement


def load(
    placement: Placement,
    file: ProgramFile,
    memory: _Writable,
    *,
    fresh: bool = False,
    copy: Callable[[int, int, int], None] | None = None,
) -> tuple[int, int]:
    """Put a program into memory, straight from its file.

    Args:
        placement: where it goes.
        file: the file that it was read from.
        memory: guest RAM from address 0: an `mmap.mmap`, a `bytearray` or a writable view of one.
        fresh: whether the memory is known to hold zeroes only.
        copy: copies from `file` to `memory` where there is a faster way than to read: called with offset in the file,
            address and size. It raises `UsageError` if it can't copy all.

    Returns:
        Start and size of the range that it takes, from the first segment to the end of the last.

    Raises:
        UsageError: the memory is too small, or the file ends too early. Nothing is written in the first case.
    """
    with memoryview(memory) as view, view.cast("B") as octets:
        if placement.end > len(octets):
            raise UsageError(f"the program ends at {placement.end:#x}, and memory at {len(octets):#x}")
        for one in placement.segments:
            middle, end = one.address + one.file_size, one.address + one.memory_size
            if copy is not None:
                copy(one.file_offset, one.address, one.file_size)
            else:
                with octets[one.address : middle] as room:
                    _fill(room, file, one.file_offset)
            if not fresh:
                for position in range(middle, end, _MIB):
                    size = min(_MIB, end - position)
                    octets[position : position + size] = _ZEROES[:size]
    return placement.start, placement.end - placement.start


def _fill(room: memoryview, file: ProgramFile, offset: int) -> None:
    done = 0
    try:
        file.seek(offset)
        while done < len(room):
            with room[done:] as rest:
                count = file.readinto(rest)
            if not count:
                raise UsageError(f"the program's file ended {len(room) - done} bytes early: was it changed meanwhile?")
            done += count
    except OSError as error:
        raise UsageError(f"the program's file can't be read: {error.strerror or error}") from None
