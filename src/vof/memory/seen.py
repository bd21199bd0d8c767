"""Memory written so that an emulator which remembers the code in it sees that it changed."""

from __future__ import annotations

from collections.abc import Sequence

from vof.ports import Access, Bus, BusOp, Memory

__all__ = ["SeenMemory"]

_PAGE = 4096
_BATCH = 256


class SeenMemory:
    """A `vof.ports.Memory` over another one, where the guest itself stores a byte in each page that was written.

    QEMU translates code once, and doesn't see what is written to RAM from outside: a kernel that a client program reads
    from a disk after a reset would otherwise be the one that was there before.

    Args:
        memory: guest memory.
        bus: has the guest store.
    """

    def __init__(self, memory: Memory, bus: Bus) -> None:
        self._memory = memory
        self._bus = bus

    @property
    def size(self) -> int:
        """Port `Memory`."""
        return self._memory.size

    def read(self, address: int, length: int) -> bytes:
        """Port `Memory`."""
        return self._memory.read(address, length)

    def write(self, address: int, data: bytes) -> None:
        """Port `Memory`."""
        self._memory.write(address, data)
        if not data:
            return
        places = [address, *range((address // _PAGE + 1) * _PAGE, address + len(data), _PAGE)]
        for start in range(0, len(places), _BATCH):
            batch = places[start : start + _BATCH]
            self._bus.run([Access(BusOp.WRITE, place, 1, data[place - address]) for place in batch])

    def read_cells(self, address: int, count: int) -> tuple[int, ...]:
        """Port `Memory`."""
        return self._memory.read_cells(address, count)

    def write_cells(self, address: int, values: Sequence[int]) -> None:
        """Port `Memory`."""
        self.write(address, b"".join((value & 0xFFFFFFFF).to_bytes(4) for value in values))

    def read_string(self, address: int, limit: int) -> str:
        """Port `Memory`."""
        return self._memory.read_string(address, limit)
