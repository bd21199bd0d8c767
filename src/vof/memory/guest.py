"""Guest memory: bounded access to the guest's RAM by way of one writable buffer.

Every client call goes through here several times, so each access is one comparison and one call into C.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct
from typing import Protocol

from vof.errors import MemoryFault

__all__ = ["Buffer", "GuestMemory"]

_CELL = 0xFFFFFFFF
_LONGEST = 32
"""Cells of the longest block whose layout is kept ready. Client programs pass at most 15."""
_LAYOUTS = tuple(Struct(f">{count}I") for count in range(_LONGEST + 1))
_UNPACK = tuple(layout.unpack_from for layout in _LAYOUTS)
_PACK = tuple(layout.pack for layout in _LAYOUTS)
_pack_one = _PACK[1]


class Buffer(Protocol):
    """What guest RAM must be able to do: an `mmap.mmap` can, and so can a `bytearray`."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: slice, /) -> bytes | bytearray: ...

    def __setitem__(self, index: slice, value: bytes, /) -> None: ...

    def __buffer__(self, flags: int, /) -> memoryview: ...

    def find(self, sub: bytes, start: int, end: int, /) -> int:
        """The lowest index of `sub` in `start` … `end` - 1, or -1."""
        ...


class GuestMemory:
    """A `vof.ports.Memory` over a buffer: guest address 0 is `buffer[0]`.

    Addresses and lengths may be any integers, negative or beyond 64 bits: what is outside is a `MemoryFault`. An access
    of no bytes is allowed at 0 … `size`.

    Args:
        buffer: guest RAM, or its beginning. Its length must not change.
        size: bytes of it that may be reached, if not all.

    Attributes:
        size: bytes that can be reached.
        written: called with the address and length of each write, after it, unless None. For an engine that must drop
            what it has translated from there.

    Raises:
        ValueError: `size` is negative or more than the buffer has.
    """

    __slots__ = ("_buffer", "size", "written")

    def __init__(self, buffer: Buffer, size: int | None = None) -> None:
        if size is not None and not 0 <= size <= len(buffer):
            raise ValueError(f"size {size:#x} of a buffer of {len(buffer):#x} bytes")
        self._buffer = buffer
        self.size = len(buffer) if size is None else size
        self.written: Callable[[int, int], None] | None = None

    def read(self, address: int, length: int) -> bytes:
        """See `vof.ports.Memory`."""
        if length >= 0 and 0 <= address <= self.size - length:
            return bytes(self._buffer[address : address + length])
        raise _outside(address, length)

    def write(self, address: int, data: bytes) -> None:
        """See `vof.ports.Memory`."""
        end = address + len(data)
        if address < 0 or end > self.size:
            raise _outside(address, len(data))
        self._buffer[address:end] = data
        if self.written is not None:
            self.written(address, len(data))

    def read_cells(self, address: int, count: int) -> tuple[int, ...]:
        """See `vof.ports.Memory`."""
        if count >= 0 and 0 <= address <= self.size - 4 * count:
            if count <= _LONGEST:
                return _UNPACK[count](self._buffer, address)
            return Struct(f">{count}I").unpack_from(self._buffer, address)
        raise _outside(address, 4 * count)

    def write_cells(self, address: int, values: Sequence[int]) -> None:
        """See `vof.ports.Memory`."""
        count = len(values)
        end = address + 4 * count
        if address < 0 or end > self.size:
            raise _outside(address, 4 * count)
        # Packed apart from the buffer: `pack_into` would have written a part before it came to a value that it refuses.
        if count == 1:
            data = _pack_one(values[0] & _CELL)
        else:
            pack = _PACK[count] if count <= _LONGEST else Struct(f">{count}I").pack
            data = pack(*[value & _CELL for value in values])
        self._buffer[address:end] = data
        if self.written is not None:
            self.written(address, 4 * count)

    def read_string(self, address: int, limit: int) -> str:
        """See `vof.ports.Memory`."""
        end = address + limit
        if end > self.size:
            end = self.size
        if address < 0 or end <= address:
            raise _outside(address, limit)
        buffer = self._buffer
        terminator = buffer.find(b"\0", address, end)
        if terminator < 0:
            raise MemoryFault("no end of the string at {:#x} within {} bytes", address, end - address)
        return buffer[address:terminator].decode("latin-1")


def _outside(address: int, length: int) -> MemoryFault:
    return MemoryFault("{} bytes at {:#x} are outside memory", length, address)
