"""The SCSI controller: requests by the address of a structure, completed ones in a list (Mac-on-Linux's `scsi`)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from vof.errors import GuestFault
from vof.firmware.osi.pic import Line
from vof.firmware.osi.scsi_target import CHECK_CONDITION, ScsiTarget, Transfer
from vof.ports import Memory

__all__ = ["Scsi"]

_INIT, _EXIT = 1, 2
_NO_TARGET = 1
_SIZE = 76
_MOST_PIECES = 4096
"""Elements of one scatter/gather list, over all of its parts."""
_MOST_IN_A_PART = 1024
_NEXT_COMPLETED, _STATUS, _ACTUAL = 4, 28, 56
_NOT_READY = bytes([0x70, 0, 2, 0, 0, 0, 0, 10, *[0] * 10])


@dataclass(frozen=True, slots=True)
class _Request:
    """A request, as the guest has it."""

    client: int
    command: bytes
    target: int
    lun: int
    is_write: bool
    sense: tuple[tuple[int, int], ...]
    size: int
    pieces: tuple[tuple[int, int], ...]


class Scsi:
    """The controller.

    The interrupt is raised while there are completed requests. They are linked by `next_completed`, so that the first
    one's client address and the last one's place are all that has to be known here.

    Args:
        memory: guest memory.
        targets: the disks by their number, 0 … 6.
        line: its interrupt.
    """

    def __init__(self, memory: Memory, targets: Mapping[int, ScsiTarget], line: Line) -> None:
        self._memory = memory
        self._targets = dict(targets)
        for target in targets.values():
            target.reset()
        self._line = line
        self._first = self._last = 0

    # For people

    def insert(self, target: int) -> None:
        """Put a target's CD back."""
        self._targets[target].insert()

    def eject(self, target: int) -> bool:
        """Take a target's CD away; whether that could be done."""
        return self._targets[target].eject()

    # The calls

    def scsi_cntrl(self, command: int) -> int:
        """Start or end: forget what was completed."""
        if command not in (_INIT, _EXIT):
            return -1
        self._line.set(False)
        return 0

    def scsi_submit(self, address: int) -> int:
        """Carry a request out; 1 if it can't be understood."""
        memory = self._memory
        try:
            request = self._read(address)
            if request is None:
                return 1
        except GuestFault:
            return 1
        target = self._targets.get(request.target) if request.lun == 0 else None
        if target is None:
            memory.write(address + _STATUS, bytes([0, _NO_TARGET]))
            memory.write_cells(address + _ACTUAL, (0,))
        else:
            self._execute(address, request, target)
        memory.write_cells(address + _NEXT_COMPLETED, (0,))
        if self._line.set(True):
            memory.write_cells(self._last + _NEXT_COMPLETED, (request.client,))
        else:
            self._first = request.client
        self._last = address
        return 0

    def scsi_ack(self) -> int:
        """The first of the completed requests, with bit 0 set; 0 if the interrupt isn't pending."""
        if not self._line.set(False):
            return 0
        return self._first | 1

    def _execute(self, address: int, request: _Request, target: ScsiTarget) -> None:
        memory = self._memory
        room = _Pieces(memory, request.pieces)
        transfer = Transfer(request.size, room.give, room.take)
        status, sense = target.execute(request.command, transfer)
        returned = 0
        if status == CHECK_CONDITION:
            sense = sense or _NOT_READY
            for place, size in request.sense:
                part = sense[returned : returned + size]
                memory.write(place, part)
                returned += len(part)
        memory.write(address + _STATUS, bytes([status, 0]))
        memory.write_cells(address + 32, (returned,))
        memory.write_cells(address + _ACTUAL, (transfer.moved,))

    def _read(self, address: int) -> _Request | None:
        """The request; None if it contradicts itself.

        Raises:
            MemoryFault: it isn't wholly in memory.
        """
        data = self._memory.read(address, _SIZE)
        client, _, command, command_length, target, lun, is_write = struct.unpack_from(">II16sBBBB", data)
        sense = struct.unpack_from(">IIII", data, 36)
        size, _, count = struct.unpack_from(">III", data, 52)
        if not 6 <= command_length <= 16:
            return None
        pieces = tuple(islice(self._pieces(address + 64), count)) if size else ()
        parts = tuple((place, length) for place, length in (sense[:2], sense[2:]) if length)
        for place, length in (*pieces, *parts):
            if place + length > self._memory.size:
                self._memory.read(place, length)
        if size > sum(length for _, length in pieces):
            return None
        return _Request(client, command[:command_length], target, lun, bool(is_write), parts, size, pieces)

    def _pieces(self, part: int) -> Iterator[tuple[int, int]]:
        """The scatter/gather list, with all of its parts.

        Raises:
            MemoryFault: it isn't wholly in memory, or has no end.
        """
        given = 0
        while part:
            count, following, _ = self._memory.read_cells(part, 3)
            count = min(count, _MOST_IN_A_PART)
            cells = self._memory.read_cells(part + 12, 2 * count)
            yield from zip(cells[::2], cells[1::2], strict=True)
            given += max(count, 1)
            if given > _MOST_PIECES:
                raise GuestFault("a scatter/gather list of more than {} pieces", _MOST_PIECES)
            part = following


class _Pieces:
    """Pieces of guest memory in a row."""

    def __init__(self, memory: Memory, pieces: tuple[tuple[int, int], ...]) -> None:
        self._memory = memory
        self._pieces = list(reversed(pieces))

    def give(self, data: bytes) -> None:
        """Write these next."""
        view = memoryview(data)
        while len(view):
            address, count = self._next(len(view))
            if not count:
                return
            self._memory.write(address, bytes(view[:count]))
            view = view[count:]

    def take(self, size: int) -> bytes:
        """Read so many bytes next."""
        parts = []
        while size:
            address, count = self._next(size)
            if not count:
                break
            parts.append(self._memory.read(address, count))
            size -= count
        return b"".join(parts)

    def _next(self, wanted: int) -> tuple[int, int]:
        """Where the next bytes are, and how many of them, at most as many as wanted."""
        while self._pieces:
            address, size = self._pieces.pop()
            if not size:
                continue
            count = min(size, wanted)
            if size > count:
                self._pieces.append((address + count, size - count))
            return address, count
        return 0, 0
