"""The block device: requests in a ring in guest memory, scatter/gather, several units (Mac-on-Linux's `ablk`).

Slot 0 is busy when the engine starts. A driver fills the slots behind it and then sets `proceed` in the slot before: so
the host never sees half a request. At a slot that doesn't say `proceed` the engine stalls, and raises its interrupt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, IntFlag

from vof.errors import GuestFault, PortError
from vof.firmware.osi.pic import Line
from vof.ports import Block, Memory

__all__ = ["BlockRings", "DiskEvent", "DiskFlag", "Unit"]

_SECTOR = 512
_ELEMENT = 16
_MOST_ELEMENTS = 1 << 16
_MOST_PIECES = 32
"""Elements of one scatter/gather list."""
_AT_ONCE = 1 << 20
"""Bytes that are on their way between disk and guest at a time."""
_DESCRIPTORS_A_KICK = 1 << 17
_BYTES_A_KICK = 1 << 30
"""A guest whose disk's data is its ring could keep the host busy for ever. The rest goes on at the next interrupt."""


class DiskFlag(IntFlag):
    """What ABLK_DISK_INFO tells of a disk."""

    READ_ONLY = 1
    REMOVABLE = 2
    MEDIA_PRESENT = 4
    BOOT_HINT = 8
    CDROM = 16
    DRIVER_DISK = 128


class DiskEvent(IntFlag):
    """What happened to a unit, as its driver is told."""

    DISK_INSERTED = 1
    DISK_EJECTED = 2


class _Flag(IntFlag):
    READ = 1
    WRITE = 2
    RAISE_INTERRUPT = 4
    BUFFER = 8


class _Order(IntEnum):
    """Bits 8 and up of a request that moves no data."""

    NONE = 0
    NOP = 1
    EJECT = 2
    LOCK_DOOR = 3


class _Control(IntEnum):
    RESET = 1
    STOP = 2
    START = 3
    ROUTE = 4
    GET_EVENTS = 5


@dataclass(frozen=True, slots=True)
class Unit:
    """A disk, as it is attached.

    Attributes:
        block: the disk.
        read_only: whether writes fail.
        removable: whether it can be ejected.
        cdrom: whether it is a CD.
        boot: whether it is the one to boot from.
        driver: whether it holds drivers, and shows itself only when they are there (`CMOUNT_DRV_VOL`).
    """

    block: Block
    read_only: bool = False
    removable: bool = False
    cdrom: bool = False
    boot: bool = False
    driver: bool = False


@dataclass(frozen=True, slots=True)
class _Request:
    """A read or a write, whose data is in the buffers behind it.

    Attributes:
        unit: which disk's.
        offset: where on it, in bytes.
        write: whether it is written.
    """

    unit: int
    offset: int
    write: bool


class _Failed(Exception):
    """A request that stops the engine."""


class BlockRings:
    """The block device.

    Args:
        memory: guest memory.
        units: the disks.
        line: its interrupt.

    Attributes:
        running: whether the engine was started.
    """

    def __init__(self, memory: Memory, units: Sequence[Unit], line: Line) -> None:
        self.running = False
        self._memory = memory
        self._units = tuple(units)
        self._line = line
        self._flags = [_flags_of(unit) for unit in units]
        self._events = [DiskEvent(0)] * len(self._flags)
        self._pending = DiskEvent(0)
        self._ring = self._count = 0
        self._head = 0
        self._stalled = True
        self._handled = 0
        self._request: _Request | None = None
        self._locked: set[int] = set()
        self._moved = 0

    # For people

    def insert(self, unit: int) -> None:
        """Put the medium of a removable unit back, and have its driver know."""
        self._flags[unit] |= DiskFlag.MEDIA_PRESENT
        self._tell(unit, DiskEvent.DISK_INSERTED)

    def eject(self, unit: int) -> bool:
        """Take the medium of a removable unit away; whether that could be done: its door may be locked."""
        if not self._units[unit].removable or unit in self._locked:
            return False
        self._flags[unit] &= ~DiskFlag.MEDIA_PRESENT
        self._tell(unit, DiskEvent.DISK_EJECTED)
        return True

    # The calls

    def ablk_ring_setup(self, channel: int, ring: int, elements: int) -> int:
        """Tell where the ring is: 16 bytes for each of a power of two of elements. Not while the engine runs."""
        if channel or self.running or not 0 < elements <= _MOST_ELEMENTS or elements & elements - 1:
            return -1
        self._memory.read(ring, elements * _ELEMENT)
        self._ring, self._count = ring, elements
        return 0

    def ablk_cntrl(self, channel: int, command: int, parameter: int) -> int:
        """Reset, stop, start, route the interrupt, or tell a unit's events. What is unknown resets, too, and is -1."""
        if channel:
            return -1
        answer = 0
        if command == _Control.START:
            answer = self._start()
        elif command == _Control.STOP:
            self.running = False
        elif command == _Control.ROUTE:
            answer = 0 if self._line.route(parameter) else -1
        elif command == _Control.GET_EVENTS:
            answer = self._take_events(parameter)
        else:
            self.running, self._handled = False, 0
            answer = 0 if command == _Control.RESET else -1
        if not self.running:
            self._line.set(False)
        return answer

    def ablk_disk_info(self, channel: int, unit: int) -> int | tuple[int, ...]:
        """A disk's size in 512 bytes and its flags; -1 behind the last one."""
        if channel or unit >= len(self._units):
            return -1
        present = self._flags[unit] & DiskFlag.MEDIA_PRESENT
        sectors = self._units[unit].block.size // _SECTOR if present else 0
        return 0, min(sectors, 0xFFFFFFFF), self._flags[unit], 0, 0

    def ablk_kick(self, channel: int) -> int:
        """Carry out what is in the ring."""
        if channel:
            return -1
        if self.running:
            self._run()
        return 0

    def ablk_irq_ack(self, channel: int) -> int | tuple[int, ...]:
        """Acknowledge the interrupt: how many descriptors were handled, whether the engine is active, units' events."""
        if channel:
            return -1
        if not self._line.set(False):
            return 0
        if self.running and self._stalled and self._proceeds():
            self._run()
        event, self._pending = self._pending, DiskEvent(0)
        return 1, self._handled & 0xFFFFFFFF, int(self.running and not self._stalled), event

    def ablk_sync_read(self, channel: int, unit: int, block: int, buffer: int, length: int) -> int:
        """Read from a 512-byte block on; -1 where the disk ends before."""
        return self._at_once(channel, unit, block, buffer, length, write=False)

    def ablk_sync_write(self, channel: int, unit: int, block: int, buffer: int, length: int) -> int:
        """Write from a 512-byte block on."""
        return self._at_once(channel, unit, block, buffer, length, write=True)

    def ablk_bless_disk(self, channel: int, unit: int) -> int:
        """Have the hint to boot be on this unit alone."""
        if channel or unit >= len(self._units):
            return -1
        self._flags = [flags & ~DiskFlag.BOOT_HINT for flags in self._flags]
        self._flags[unit] |= DiskFlag.BOOT_HINT
        return 0

    def cmount_drv_vol(self) -> int:
        """Show the disks that hold drivers."""
        for unit, flags in enumerate(self._flags):
            if flags & DiskFlag.DRIVER_DISK:
                self._flags[unit] = flags & ~DiskFlag.DRIVER_DISK
                self.insert(unit)
        return 0

    # The engine

    def _start(self) -> int:
        if not self._count:
            return -1
        if not self.running:
            self._memory.write_cells(self._ring, (_Order.NOP << 8,))
            self._head = self._handled = 0
            self._stalled, self.running = True, True
            self._request = None
        return 0

    def _proceeds(self) -> bool:
        return self._memory.read_cells(self._slot(self._head) + 4, 1)[0] != 0

    def _run(self) -> None:
        """Carry requests out until one doesn't say to proceed, or fails."""
        try:
            self._moved = 0
            most = self._handled + _DESCRIPTORS_A_KICK
            while self._handled < most and self._moved < _BYTES_A_KICK and self._proceeds():
                self._advance()
        except (_Failed, GuestFault, PortError):
            self.running = False
        self._stalled = True
        self._line.set(True)

    def _advance(self) -> None:
        """Give the slot that was done back to the driver, and carry the next one out."""
        self._memory.write(self._slot(self._head), bytes(8))
        self._head = self._head + 1 & self._count - 1
        flags, _, unit, parameter = self._memory.read_cells(self._slot(self._head), 4)
        self._handled += 1
        if flags & _Flag.BUFFER:
            raise_after = self._move(flags)
        else:
            self._begin(flags, unit, parameter)
            raise_after = bool(flags & _Flag.RAISE_INTERRUPT)
        if raise_after:
            self._line.set(True)

    def _begin(self, flags: int, unit: int, parameter: int) -> None:
        """Begin a request: one that moves data does so with the buffers that follow."""
        if unit >= len(self._units):
            raise _Failed
        if flags & (_Flag.READ | _Flag.WRITE):
            write = bool(flags & _Flag.WRITE)
            self._disk(unit, write=write)
            self._request = _Request(unit, parameter * _SECTOR, write)
        else:
            self._request = None
            self._order(flags >> 8, unit, parameter)

    def _move(self, flags: int) -> bool:
        """Move the data of the list that begins at the head; whether the interrupt is to be raised behind it."""
        pieces = []
        while True:
            _, proceed, address, size = self._memory.read_cells(self._slot(self._head), 4)
            pieces.append((address, size))
            raise_after = bool(flags & _Flag.RAISE_INTERRUPT)
            following = self._head + 1 & self._count - 1
            if raise_after or not proceed or len(pieces) == _MOST_PIECES:
                break
            flags = self._memory.read_cells(self._slot(following), 1)[0]
            if not flags & _Flag.BUFFER:
                break
            self._memory.write(self._slot(self._head), bytes(8))
            self._head = following
            self._handled += 1
        for address, size in pieces:
            _check(self._memory, address, size)
        for address, size in pieces:
            self._transfer(address, size)
        return raise_after

    def _transfer(self, address: int, size: int) -> None:
        """Move a piece. Behind a NOP, by which a driver takes a request back, buffers are passed over."""
        request = self._request
        if request is None:
            return
        block = self._disk(request.unit, write=request.write)
        _transfer(self._memory, block, request.offset, address, size, write=request.write)
        self._moved += size
        self._request = replace(request, offset=request.offset + size)  # another list goes on from here

    def _order(self, order: int, unit: int, parameter: int) -> None:
        if order == _Order.EJECT:
            self.eject(unit)
        elif order == _Order.LOCK_DOOR:
            (self._locked.add if parameter else self._locked.discard)(unit)
        elif order != _Order.NOP:
            raise _Failed

    def _at_once(self, channel: int, unit: int, block: int, buffer: int, length: int, *, write: bool) -> int:
        if channel:
            return -1
        try:
            _transfer(self._memory, self._disk(unit, write=write), block * _SECTOR, buffer, length, write=write)
        except _Failed:
            return -1
        return 0

    def _disk(self, unit: int, *, write: bool) -> Block:
        """A unit's disk.

        Raises:
            _Failed: it isn't there, or can't be written.
        """
        if unit >= len(self._units) or not self._flags[unit] & DiskFlag.MEDIA_PRESENT:
            raise _Failed
        if write and self._units[unit].read_only:
            raise _Failed
        return self._units[unit].block

    def _slot(self, place: int) -> int:
        return self._ring + place * _ELEMENT

    # Events

    def _tell(self, unit: int, event: DiskEvent) -> None:
        self._events[unit] |= event
        self._pending |= event
        if self.running:
            self._line.set(True)

    def _take_events(self, unit: int) -> int:
        if unit >= len(self._units):
            return -1
        event, self._events[unit] = self._events[unit], DiskEvent(0)
        return event


def _flags_of(unit: Unit) -> int:
    flags = DiskFlag.MEDIA_PRESENT if not unit.driver else DiskFlag.DRIVER_DISK
    for wanted, flag in (
        (unit.read_only, DiskFlag.READ_ONLY),
        (unit.removable, DiskFlag.REMOVABLE),
        (unit.cdrom, DiskFlag.CDROM),
        (unit.boot, DiskFlag.BOOT_HINT),
    ):
        flags |= flag if wanted else DiskFlag(0)
    return flags


def _transfer(memory: Memory, block: Block, offset: int, address: int, size: int, *, write: bool) -> None:
    """Move bytes between a disk and guest memory.

    Raises:
        _Failed: they aren't all on the disk.
        MemoryFault: they aren't all in memory.
        PortError: the disk can't.
    """
    if offset + size > block.size:
        raise _Failed
    _check(memory, address, size)
    read: Callable[[int, int], bytes] = memory.read if write else block.read
    for done in range(0, size, _AT_ONCE):
        count = min(_AT_ONCE, size - done)
        if write:
            block.write(offset + done, read(address + done, count))
        else:
            data = read(offset + done, count)
            if len(data) < count:
                raise _Failed
            memory.write(address + done, data)


def _check(memory: Memory, address: int, size: int) -> None:
    """See that a whole range is memory before any of it is touched."""
    if address + size > memory.size:
        memory.read(address, size)
