"""`DistantMemory`: guest RAM that is QEMU's own, read and written through its gdb server."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct

from vof.engines.qemu.gdb import GdbClient
from vof.errors import MemoryFault

__all__ = ["DistantMemory"]

_STRING_PIECE = 64
"""Most strings that a client passes are shorter, and a packet costs 30 µs however long it is."""
_CELL = 0xFFFFFFFF


class DistantMemory:
    """A `vof.ports.Memory` by packets. Nothing is kept: the next access asks again.

    Args:
        client: the connection.
        size: bytes of RAM from address 0.
    """

    def __init__(self, client: GdbClient, size: int) -> None:
        self._client = client
        self.size = size

    def read(self, address: int, length: int) -> bytes:
        """See `vof.ports.Memory`."""
        self._check(address, length)
        return self._client.read(address, length)

    def write(self, address: int, data: bytes) -> None:
        """See `vof.ports.Memory`."""
        self._check(address, len(data))
        self._client.write(address, data)

    def read_cells(self, address: int, count: int) -> tuple[int, ...]:
        """See `vof.ports.Memory`."""
        data = self.read(address, 4 * count)  # which refuses any count that is too much
        return Struct(f">{count}I").unpack(data)

    def write_cells(self, address: int, values: Sequence[int]) -> None:
        """See `vof.ports.Memory`."""
        self._check(address, 4 * len(values))
        self._client.write(address, Struct(f">{len(values)}I").pack(*[value & _CELL for value in values]))

    def read_string(self, address: int, limit: int) -> str:
        """See `vof.ports.Memory`."""
        end = min(address + limit, self.size)
        if address < 0 or end <= address:
            raise _outside(address, limit)
        found = b""
        while (at := address + len(found)) < end:
            piece, terminator, _ = self._client.read(at, min(_STRING_PIECE, end - at)).partition(b"\0")
            found += piece
            if terminator:
                return found.decode("latin-1")
        raise MemoryFault("no end of the string at {:#x} within {} bytes", address, end - address)

    def _check(self, address: int, length: int) -> None:
        if not (length >= 0 and 0 <= address <= self.size - length):
            raise _outside(address, length)


def _outside(address: int, length: int) -> MemoryFault:
    return MemoryFault("{} bytes at {:#x} are outside memory", length, address)
