"""Guest memory as a client program addresses it while translation is on: through the firmware's own translations.

A client that has made a page table of its own is no longer followed; those known to go on calling the firmware then
(Haiku, the BSDs) keep what they pass to it mapped 1:1.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from struct import Struct

from vof.errors import MemoryFault
from vof.memory.translations import Translations
from vof.ports import Memory

__all__ = ["TranslatedMemory"]

_CELL = 0xFFFFFFFF


class TranslatedMemory:
    """A `vof.ports.Memory` over virtual addresses. Nearly every access is in one range: a look-up, and on it goes.

    Args:
        physical: guest memory by real addresses.
        translations: where virtual addresses lead.
    """

    __slots__ = ("_physical", "_translations")

    size = 1 << 32

    def __init__(self, physical: Memory, translations: Translations) -> None:
        self._physical = physical
        self._translations = translations

    def read(self, address: int, length: int) -> bytes:
        """See `vof.ports.Memory`."""
        start = self._start(address, length)
        if start is not None:
            return self._physical.read(start, length)
        return b"".join([self._physical.read(*piece) for piece in self._pieces(address, length)])

    def write(self, address: int, data: bytes) -> None:
        """See `vof.ports.Memory`."""
        start = self._start(address, len(data))
        if start is not None:
            self._physical.write(start, data)
            return
        done = 0
        for first, size in self._pieces(address, len(data)):
            self._physical.write(first, data[done : done + size])
            done += size

    def read_cells(self, address: int, count: int) -> tuple[int, ...]:
        """See `vof.ports.Memory`."""
        start = self._start(address, 4 * count)
        if start is not None:
            return self._physical.read_cells(start, count)
        data = self.read(address, 4 * count)
        return Struct(f">{count}I").unpack(data)

    def write_cells(self, address: int, values: Sequence[int]) -> None:
        """See `vof.ports.Memory`."""
        start = self._start(address, 4 * len(values))
        if start is not None:
            self._physical.write_cells(start, values)
        else:
            self.write(address, Struct(f">{len(values)}I").pack(*[value & _CELL for value in values]))

    def read_string(self, address: int, limit: int) -> str:
        """See `vof.ports.Memory`."""
        start = self._start(address, limit)
        if start is not None:
            return self._physical.read_string(start, limit)
        # It may end before the range does, or before the translations do.
        text = b""
        while len(text) < limit:
            here = address + len(text)
            found = self._translations.find(here)
            if found is None:
                break
            first = found.phys + here - found.virt
            size = min(limit - len(text), found.end - here, self._physical.size - first)
            if size <= 0:
                break
            part, nul, _ = self._physical.read(first, size).partition(b"\0")
            text += part
            if nul:
                return text.decode("latin-1")
        raise MemoryFault("no end of the string at {:#x} within {} bytes", address, limit)

    def _start(self, address: int, length: int) -> int | None:
        """The real address of a range that is mapped in one piece; None if it isn't."""
        translations = self._translations
        index = bisect_right(translations.starts, address) - 1
        if index < 0:
            return None
        found = translations.ranges[index]
        offset = address - found.virt
        return found.phys + offset if 0 <= length <= found.size - offset else None

    def _pieces(self, address: int, length: int) -> list[tuple[int, int]]:
        """Real starts and sizes of a range that is mapped in several pieces; all of them are in memory."""
        if length == 0:
            return []
        end = self._physical.size
        if 0 < length <= end and address >= 0:
            parts = self._translations.within(address, length)
            inside = all(part.phys + part.size <= end for part in parts)
            if inside and sum(part.size for part in parts) == length:
                return [(part.phys, part.size) for part in parts]
        raise MemoryFault("{} bytes at {:#x} are not all mapped to memory", length, address)
