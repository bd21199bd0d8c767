"""Ports: the whole of the outside world, as the firmware sees it.

The firmware does no I/O of its own. What it needs is passed in as objects with these few methods. All of them are
synchronous, and a call may block: that is the firmware's only way to wait. Each raises only `vof.errors.PortError`,
except `Memory`, whose faults are the client program's and raise `vof.errors.MemoryFault`.

Engines provide `Memory`, `Cpu`, `Bus` and `Hypervisor`; back ends provide the rest. A test provides fakes, a recording
wraps them, a replay answers in their place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, Protocol

__all__ = [
    "Access",
    "Block",
    "Bus",
    "BusOp",
    "Clock",
    "Console",
    "Cpu",
    "Files",
    "Hypervisor",
    "Memory",
    "Network",
    "Partition",
    "Partitions",
    "Store",
]


class Memory(Protocol):
    """Guest memory that the client interface can reach, from address 0. Every access is bounded.

    All raise `MemoryFault` for an address or length outside the memory, before anything is allocated or written.
    """

    @property
    def size(self) -> int:
        """Bytes that can be reached: addresses 0 … size - 1."""
        ...

    def read(self, address: int, length: int) -> bytes:
        """`length` bytes from `address`."""
        ...

    def write(self, address: int, data: bytes) -> None:
        """Write `data` at `address`, all of it or nothing."""
        ...

    def read_cells(self, address: int, count: int) -> tuple[int, ...]:
        """`count` unsigned 32-bit big-endian cells from `address`, which may be unaligned."""
        ...

    def write_cells(self, address: int, values: Sequence[int]) -> None:
        """Write cells at `address`; each value is taken modulo 2**32."""
        ...

    def read_string(self, address: int, limit: int) -> str:
        """The bytes from `address` up to a NUL, as Latin-1; a `MemoryFault` if there is none within `limit` bytes."""
        ...


class Clock(Protocol):
    """The one source of time."""

    def milliseconds(self) -> int:
        """Milliseconds since some fixed moment; never runs backwards (1275 §6.3.2.6)."""
        ...

    def sleep(self, milliseconds: int) -> None:
        """Let that much time pass."""
        ...

    def wall(self) -> int:
        """The time of day: seconds since the beginning of 1970, UTC."""
        ...


class Hypervisor(Protocol):
    """Hypercalls made in the guest's context, on the CPU that is in the trap."""

    def hypercall(self, number: int, *arguments: int) -> tuple[int, ...]:
        """Make hypercall `number` with at most nine 64-bit arguments (r4 … r12).

        Returns r3 (the status, signed) and r4 … r11 (unsigned) as they are afterwards.
        """
        ...


class Cpu(Protocol):
    """The CPU that is in the trap."""

    def call(self, entry: int, arguments: Sequence[int]) -> int:
        """Run the guest function at `entry` on the guest's own stack, with at most eight arguments (r3 … r10).

        The guest may make client calls meanwhile; they are answered before this returns. Returns r3, unsigned.
        """
        ...


class BusOp(IntEnum):
    """What a bus access does."""

    READ = 0
    WRITE = 1


@dataclass(frozen=True, slots=True)
class Access:
    """One device access: `width` is 1, 2, 4 or 8 bytes; the value is in the CPU's (big-endian) order."""

    op: BusOp
    address: int
    width: int
    value: int = 0


class Bus(Protocol):
    """Device registers at physical addresses, in batches."""

    def run(self, accesses: Sequence[Access]) -> list[int]:
        """Do the accesses in order; the values of the reads, in order."""
        ...


class Console(Protocol):
    """The console of the firmware phase."""

    def write(self, data: bytes) -> None:
        """Show `data`."""
        ...

    def read(self, limit: int) -> bytes:
        """At most `limit` bytes of waiting input; empty if nothing waits. Never blocks."""
        ...

    def wait(self, milliseconds: int) -> bool:
        """Wait for input for at most so long; whether there is some."""
        ...


class Block(Protocol):
    """A disk."""

    @property
    def block_size(self) -> int:
        """Bytes in a block, a power of two."""
        ...

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Bytes at `offset`, any alignment; fewer only at the end of the disk."""
        ...

    def write(self, offset: int, data: bytes) -> None:
        """Write at `offset`; the data has reached the image when this returns."""
        ...


class Partition(NamedTuple):
    """A partition of a disk.

    Attributes:
        number: as clients give it: an MBR's are 1 … 4, and from 5 the logical ones; a GPT's and an Apple map's go by
            their place in the table.
        start, size: in bytes.
        kind: `prep` for PReP boot partitions; else, in lower case, an MBR's type as `0x83`, a GPT's type GUID or an
            Apple map's type.
        name: what a GPT calls it; "" elsewhere.
        active: whether an MBR says to boot it.
    """

    number: int
    start: int
    size: int
    kind: str
    name: str = ""
    active: bool = False


class Partitions(Protocol):
    """The partitions of one disk."""

    def find(self, number: int) -> tuple[int, int]:
        """Where partition `number` starts and its size, in bytes, inside the disk; a `PortError` if there is none."""
        ...

    def list(self) -> list[Partition]:
        """All of them, by number; none where the disk has no table. A `PortError` if the disk can't be read."""
        ...


class Network(Protocol):
    """An Ethernet card."""

    @property
    def mac(self) -> bytes:
        """The card's address, six bytes."""
        ...

    def send(self, frame: bytes) -> None:
        """Send one frame, without its checksum."""
        ...

    def receive(self, milliseconds: int) -> bytes:
        """The next frame, waiting at most so long; empty if none came."""
        ...


class Files(Protocol):
    """The file systems of one disk.

    Partition 0 is the whole disk: a CD, or a disk without a table. Paths have `/` between names; each name is matched
    exactly first, then without regard to case. An ISO 9660 name's version (`;1`) and trailing dot don't matter. All
    methods raise `PortError` with the reason: what is there instead, or what the partition holds.
    """

    def size(self, partition: int, path: str) -> int:
        """The file's size in bytes."""
        ...

    def read(self, partition: int, path: str, offset: int, length: int) -> bytes:
        """Bytes of the file from `offset`; fewer only at its end."""
        ...

    def list(self, partition: int, path: str) -> list[str]:
        """The names in a directory; a directory's own with a trailing `/`."""
        ...

    def blessed(self, partition: int) -> str:
        """The path of the directory that an HFS or HFS+ volume boots from (1275's `\\\\`); others have none."""
        ...

    def of_type(self, partition: int, folder: str, kind: str) -> str:
        """The path of the first file in `folder` whose Finder type is `kind` (`tbxi`); HFS and HFS+ have types."""
        ...


class Store(Protocol):
    """Non-volatile memory."""

    @property
    def size(self) -> int:
        """Its size in bytes."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Bytes at `offset`."""
        ...

    def write(self, offset: int, data: bytes) -> None:
        """Write at `offset`."""
        ...
