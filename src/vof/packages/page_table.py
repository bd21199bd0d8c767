"""The hashed page table of a 32-bit PowerPC CPU, in guest memory (OEA chapter 7; "hash" there is "group" here).

Segment n has the virtual segment ID n << 16. The hash of a page, its ID exclusive-or its index in the segment, is then
the page's number in the whole address space, so that consecutive pages are in consecutive groups, none is crowded by
memory that is mapped 1:1, and a table for all of it can be written in one go.

The table is read back before each change: what the CPU or the client program did to it is not lost, and nothing has to
be remembered here.
"""

from __future__ import annotations

import sys
from array import array

from vof.errors import GuestFault
from vof.ports import Memory

__all__ = ["MODE_BITS", "PAGE", "PageTable"]

PAGE = 4096
MODE_BITS = 0x7B
"""WIMG and PP: what of a mode goes into an entry."""
_GROUP = 64
_ENTRIES = 8
_VALID = 0x80000000
_SECONDARY = 0x40
_REFERENCED_CHANGED = 0x180
"""Set from the start, so that no access writes to the table, and runs of a guest are alike."""
_HASH_BITS = 0x7FFFF
_LEAST, _MOST = 1 << 16, 1 << 25


class PageTable:
    """The page table.

    Args:
        memory: guest memory by real addresses.
        address: where the table is, a multiple of its size.
        size: bytes, as `size_for` has it.

    Attributes:
        address, size: as given.
        capacity: how many entries it has.
    """

    def __init__(self, memory: Memory, address: int, size: int) -> None:
        self.address = address
        self.size = size
        self.capacity = size // _GROUP * _ENTRIES
        self._memory = memory
        self._groups = size // _GROUP

    @staticmethod
    def size_for(memory: int) -> int:
        """Bytes of a table for so many bytes of memory: two entries for each page, as the OEA recommends (7.6.1.2)."""
        return min(max(1 << (memory - 1).bit_length() >> 7, _LEAST), _MOST)

    @property
    def sdr1(self) -> int:
        """What the register SDR1 has to hold."""
        return self.address | self.size // _LEAST - 1

    @property
    def segments(self) -> tuple[int, ...]:
        """What the segment registers have to hold. Their key is 0: in the supervisor's hands PP = 0 allows writing."""
        return tuple(index << 16 for index in range(16))

    def fill(self, size: int, mode: int) -> None:
        """Write the whole table: addresses 0 … `size` - 1 are mapped 1:1, and nothing else is.

        Args:
            size: bytes, a multiple of the page's and at most as many pages as the table has entries.
            mode: WIMG and PP bits.
        """
        table = array("Q", bytes(self.size))
        for first in range(0, size, self._groups * PAGE):
            entries = array("Q")
            last = min(first + self._groups * PAGE, size)
            for start in range(first, last, PAGE << 10):  # pages whose entries have the same upper word
                entry = _upper(start) << 32 | _lower(start, mode)
                entries.extend(range(entry, entry + min(PAGE << 10, last - start), PAGE))
            slot = first // (self._groups * PAGE)
            table[slot : slot + _ENTRIES * len(entries) : _ENTRIES] = entries
        if sys.byteorder == "little":
            table.byteswap()
        self._memory.write(self.address, table.tobytes())

    def set(self, virt: int, phys: int, mode: int) -> None:
        """Map a page, in place of what was mapped there.

        Raises:
            GuestFault: both groups that its entry may be in are full.
        """
        lower = _lower(phys, mode)
        free: tuple[int, int] | None = None
        for group, upper in self._places(virt):
            cells = self._memory.read_cells(group, 2 * _ENTRIES)
            for index in range(0, 2 * _ENTRIES, 2):
                if cells[index] == upper:
                    self._memory.write_cells(group + 4 * index, (upper, lower))
                    return
                if free is None and not cells[index] & _VALID:
                    free = group + 4 * index, upper
        if free is None:
            raise GuestFault("the page table has no room for a page at {:#x}", virt)
        self._memory.write_cells(free[0], (free[1], lower))

    def clear(self, virt: int) -> None:
        """Unmap a page, if it is mapped."""
        for group, upper in self._places(virt):
            cells = self._memory.read_cells(group, 2 * _ENTRIES)
            for index in range(0, 2 * _ENTRIES, 2):
                if cells[index] == upper:
                    self._memory.write_cells(group + 4 * index, (0, 0))

    def find(self, virt: int) -> tuple[int, int] | None:
        """The real page that the table has for a virtual one, and its mode; None if it has none."""
        for group, upper in self._places(virt):
            cells = self._memory.read_cells(group, 2 * _ENTRIES)
            for index in range(0, 2 * _ENTRIES, 2):
                if cells[index] == upper:
                    return cells[index + 1] & -PAGE, cells[index + 1] & MODE_BITS
        return None

    def _places(self, virt: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """The addresses of a page's primary and secondary group, each with the upper word of its entry there."""
        number = virt // PAGE & _HASH_BITS
        upper = _upper(virt)
        mask = self._groups - 1
        return (
            (self.address + (number & mask) * _GROUP, upper),
            (self.address + (~number & mask) * _GROUP, upper | _SECONDARY),
        )


def _upper(virt: int) -> int:
    """Valid, the virtual segment ID, and the abbreviated page index."""
    return _VALID | (virt >> 28 << 16) << 7 | virt >> 22 & 0x3F


def _lower(phys: int, mode: int) -> int:
    return phys & -PAGE | _REFERENCED_CHANGED | mode & MODE_BITS
