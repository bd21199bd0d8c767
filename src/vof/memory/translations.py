"""The translations in force: which virtual addresses lead to which real ones, as ranges in address order.

What a client program sees of them is the MMU's "translations" property (1275 PowerPC binding §5.1.6): they are few even
where pages are many, for ranges that continue each other in both address spaces are one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace

from vof.errors import GuestFault

__all__ = ["Translation", "Translations"]


@dataclass(frozen=True, slots=True)
class Translation:
    """One range.

    Attributes:
        virt, size: the virtual addresses: where they begin, and bytes.
        phys: the real address that the first of them leads to.
        mode: the page table entry's WIMG and PP bits.
    """

    virt: int
    size: int
    phys: int
    mode: int

    @property
    def end(self) -> int:
        """The first virtual address after the range."""
        return self.virt + self.size

    def part(self, first: int, last: int) -> Translation:
        """What of it lies in `first` … `last` - 1, which must share something with it."""
        low = max(first, self.virt)
        return Translation(low, min(last, self.end) - low, self.phys + low - self.virt, self.mode)

    def goes_on_in(self, other: Translation) -> bool:
        """Whether `other` begins where this one ends, and leads on in the same way."""
        return (self.end, self.phys + self.size, self.mode) == (other.virt, other.phys, other.mode)


class Translations:
    """The ranges that are mapped. At first none is.

    Attributes:
        starts: where each begins, in order: for whoever looks one up more often than a call of `find` would allow.
        ranges: the ranges, in the same order.
        total: bytes mapped.
    """

    LIMIT = 4096
    """Ranges. A change that would leave more fails: it bounds what a hostile client makes us keep."""

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.ranges: list[Translation] = []
        self.total = 0

    def __iter__(self) -> Iterator[Translation]:
        return iter(self.ranges)

    def __len__(self) -> int:
        return len(self.ranges)

    def find(self, address: int) -> Translation | None:
        """The range that a virtual address is in."""
        index = bisect_right(self.starts, address) - 1
        if index >= 0 and address < self.ranges[index].end:
            return self.ranges[index]
        return None

    def within(self, virt: int, size: int) -> list[Translation]:
        """What is mapped in `virt` … `virt` + `size` - 1, in address order, cut to that."""
        first, last = self._touching(virt, virt + size)
        return [each.part(virt, virt + size) for each in self.ranges[first:last]]

    def gaps(self, virt: int, size: int) -> list[tuple[int, int]]:
        """What is not mapped there, as starts and sizes in bytes."""
        gaps = []
        low, end = virt, virt + size
        for each in self.within(virt, size):
            if low < each.virt:
                gaps.append((low, each.virt - low))
            low = each.end
        if low < end:
            gaps.append((low, end - low))
        return gaps

    def set(self, virt: int, size: int, phys: int, mode: int) -> None:
        """Map a range, in place of what is mapped there.

        Raises:
            GuestFault: there would be more than `LIMIT` ranges; nothing is changed.
        """
        self._replace(virt, size, [Translation(virt, size, phys, mode)])

    def clear(self, virt: int, size: int) -> None:
        """Unmap a range, or what of it is mapped.

        Raises:
            GuestFault: as `set`.
        """
        self._replace(virt, size, [])

    def modify(self, virt: int, size: int, mode: int) -> None:
        """Change the mode of what is mapped in a range.

        Raises:
            GuestFault: as `set`.
        """
        self._replace(virt, size, [replace(each, mode=mode) for each in self.within(virt, size)])

    def saved(self) -> tuple[Translation, ...]:
        """All ranges, for `restore`."""
        return tuple(self.ranges)

    def restore(self, saved: tuple[Translation, ...]) -> None:
        """Take everything back to what it was when `saved` was made."""
        self.ranges = list(saved)
        self.starts = [each.virt for each in saved]
        self.total = sum(each.size for each in saved)

    def _touching(self, low: int, high: int) -> tuple[int, int]:
        """Which ranges, by index, share something with `low` … `high` - 1."""
        first = bisect_right(self.starts, low) - 1
        if first < 0 or self.ranges[first].end <= low:
            first += 1
        return first, max(first, bisect_left(self.starts, high))

    def _replace(self, virt: int, size: int, new: list[Translation]) -> None:
        if size <= 0:
            return
        end = virt + size
        first, last = self._touching(virt, end)
        old = self.ranges[first:last]
        if old and old[0].virt < virt:
            new = [old[0].part(0, virt), *new]
        if old and end < old[-1].end:
            new = [*new, old[-1].part(end, old[-1].end)]
        # The neighbours, too, for one may go on in what is new.
        low, high = max(first - 1, 0), last + 1
        joined: list[Translation] = []
        for each in (*self.ranges[low:first], *new, *self.ranges[last:high]):
            if joined and joined[-1].goes_on_in(each):
                joined[-1] = replace(joined[-1], size=joined[-1].size + each.size)
            else:
                joined.append(each)
        before = self.ranges[low:high]
        if len(self.ranges) - len(before) + len(joined) > self.LIMIT:
            raise GuestFault("memory would be mapped in more than {} ranges", self.LIMIT)
        self.total += sum(each.size for each in joined) - sum(each.size for each in before)
        self.ranges[low:high] = joined
        self.starts[low:high] = [each.virt for each in joined]
