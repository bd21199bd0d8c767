"""The claim map: which addresses a client program has claimed (1275 §6.3.2.4).

What is kept is the *free* extents, the largest ranges that nobody has: in address order, and once more by size. Claims
have no owners. Two that touch are one claimed range from then on, and any part of it may be released, which is what
OpenBSD's loader does.

Size classes. An extent of 2**n to 2**(n+1) - 1 bytes is in class n. Each class is a sorted list of starts, so the
lowest extent of a class is its first, and every extent of a class above that of `size + alignment` is surely large
enough: an aligned claim looks at the head of each of those and, for tighter fits, at a bounded number of extents that
are large enough but may be badly aligned. A client that claims every other byte makes no claim slow.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable

from vof.errors import GuestFault

__all__ = ["ClaimMap"]

_FOUR_GIB = 1 << 32
_FLOOR = 32 << 20
_VECTORS = 0x4000
_TIGHT_FITS = 1024


class ClaimMap:
    """Which addresses of guest memory are claimed, reserved or free. At first all are free.

    `claim` and `release` take whatever a client passes. A claim that fails, for whatever reason, changes nothing.

    Args:
        size: bytes of memory, from address 0.
        ceiling: no claim reaches it. The default is where the client interface's 32-bit cells end; memory above is
            free and stays so.
        floor: where aligned claims begin to search. The lowest fit from here up is taken, and only if there is none
            the lowest above the exception vectors. The default, 32 MiB, is above the addresses that clients are linked
            to and load kernels to without a claim (NetBSD at 1 MiB, BootX up to 30 MiB); the lowest fit keeps the
            result in the 256 MiB that NetBSD and OpenBSD map. Address 0 is never the result: BootX, Haiku and
            Linux take it for a failure, and FreeBSD swaps the vectors.

    Attributes:
        size: bytes of memory.
        ceiling: the end of what can be claimed.
        total_free: bytes neither claimed nor reserved.
        changes: counts the changes, so that whoever derives something from the map can tell whether it still holds.
    """

    EXTENTS_LIMIT = 1 << 16
    """Free extents. A claim or release that would leave more fails: it bounds what a hostile client makes us keep."""

    def __init__(self, size: int, ceiling: int = _FOUR_GIB, floor: int = _FLOOR) -> None:
        self.size = size
        self.ceiling = min(size, ceiling)
        self.total_free = 0
        self.changes = 0
        self._floor = floor
        self._starts: list[int] = []
        self._ends: dict[int, int] = {}
        self._classes: list[list[int]] = [[] for _ in range(size.bit_length())]
        self._reserved: list[tuple[int, int]] = []
        self._total_reserved = 0
        self._free: tuple[tuple[int, int], ...] | None = None
        if size:
            self._insert(0, size)

    def claim(self, address: int, size: int, align: int) -> int:
        """Claim memory.

        Args:
            address: where the range begins if `align` is 0; ignored otherwise.
            size: bytes, at least 1; need not be a multiple of anything (GRUB claims odd sizes).
            align: 0 to claim just there. Otherwise the range may be anywhere, at a multiple of the smallest power of
                two that isn't less than this.

        Returns:
            Where the range begins.

        Raises:
            GuestFault: the range, or any of that size and alignment, isn't free below the ceiling; or memory is
                in too many pieces (`EXTENTS_LIMIT`).
        """
        if size <= 0:
            raise GuestFault("claim of {} bytes", size)
        if align < 0:
            raise GuestFault("claim with alignment {}", align)
        if not align:
            start = self._extent_with(address, size)
        else:
            start, address = self._fit(size, align)
        end = self._ends[start]
        if start < address and address + size < end:
            self._bound(1)
        self._take(start, address, address + size)
        return address

    def release(self, address: int, size: int) -> None:
        """Give claimed memory back: a whole claim, a part of it, or several at once.

        What of the range is free already or reserved stays as it is, for a client may release more than it got
        (OpenBSD's loader ignores whether its claim succeeded).

        Args:
            address: where the range begins.
            size: bytes, at least 1.

        Raises:
            GuestFault: nothing there is claimed; or memory would be in too many pieces (`EXTENTS_LIMIT`).
        """
        if size <= 0 or address < 0 or address + size > self.size:
            raise GuestFault("release of {} bytes at {:#x}", size, address)
        pieces = [(first, last, *self._touching(first, last)) for first, last in self._unreserved(address, size)]
        self._bound(sum(1 - (after - index) for _, _, index, after in pieces))
        if not sum([self._give(*piece) for piece in reversed(pieces)]):
            raise GuestFault("release of {} bytes at {:#x}, of which none is claimed", size, address)

    def reserve(self, address: int, size: int) -> None:
        """Set a range aside for the firmware: no client can claim it or release it.

        Args:
            address: where the range begins; it may be above the ceiling.
            size: bytes, at least 1.

        Raises:
            GuestFault: the range isn't all free.
        """
        if size <= 0 or not self.is_free(address, size):
            raise GuestFault("{} bytes at {:#x} can't be reserved", size, address)
        start = self._starts[bisect_right(self._starts, address) - 1]
        self._take(start, address, address + size)
        self._total_reserved += size
        insort(self._reserved, (address, address + size))

    @property
    def total_claimed(self) -> int:
        """Bytes claimed; what is reserved doesn't count."""
        return self.size - self.total_free - self._total_reserved

    def is_free(self, address: int, size: int) -> bool:
        """Whether the range is inside memory and neither claimed nor reserved, not even in part."""
        if size <= 0 or address < 0:
            return False
        index = bisect_right(self._starts, address) - 1
        return index >= 0 and address + size <= self._ends[self._starts[index]]

    def free(self, within: Iterable[tuple[int, int]] | None = None) -> tuple[tuple[int, int], ...]:
        """The free ranges, as starts and sizes in bytes, in address order, exact to the byte.

        Args:
            within: starts and sizes of the ranges to look at, such as a memory node's `reg`. What a free range shares
                with each is returned, range after range. Without it, all memory.
        """
        if self._free is None:
            self._free = tuple((start, self._ends[start] - start) for start in self._starts)
        if within is None:
            return self._free
        return tuple(
            (low, high - low)
            for first, size in within
            for start, length in self._free[slice(*self._touching(first, first + size))]
            if (low := max(first, start)) < (high := min(first + size, start + length))
        )

    def claimed(self) -> list[tuple[int, int]]:
        """The claimed ranges, as starts and sizes in bytes, in address order. Those that touch are one."""
        claimed = []
        low = 0
        for start, size in sorted((*self.free(), *self.reserved(), (self.size, 0))):
            if low < start:
                claimed.append((low, start - low))
            low = start + size
        return claimed

    def reserved(self) -> list[tuple[int, int]]:
        """The firmware's own ranges, as starts and sizes in bytes, in address order."""
        return [(first, last - first) for first, last in self._reserved]

    def _extent_with(self, address: int, size: int) -> int:
        """The start of the free extent that holds this range."""
        if address < 0 or address + size > self.ceiling:
            raise GuestFault("claim of {} bytes at {:#x}, beyond {:#x}", size, address, self.ceiling)
        if not self.is_free(address, size):
            raise GuestFault("claim of {} bytes at {:#x}, which aren't all free", size, address)
        return self._starts[bisect_right(self._starts, address) - 1]

    def _fit(self, size: int, align: int) -> tuple[int, int]:
        """The start of a free extent with room for so much, so aligned, and the address in it."""
        if size <= self.ceiling and align <= self.ceiling:
            boundary = 1 << (align - 1).bit_length()
            for low in (self._floor, _VECTORS):
                fit = self._lowest_fit(size, boundary, low)
                if fit is not None:
                    return fit
        raise GuestFault("claim of {} bytes aligned to {:#x}: no room below {:#x}", size, align, self.ceiling)

    def _lowest_fit(self, size: int, boundary: int, low: int) -> tuple[int, int] | None:
        index = bisect_right(self._starts, low) - 1
        if index >= 0:
            start = self._starts[index]
            address = _round_up(low, boundary)
            if address + size <= min(self._ends[start], self.ceiling):
                return start, address
        best: tuple[int, int] | None = None
        tries = _TIGHT_FITS
        # From the largest class down: the surely large enough come first and bound the search for tighter fits.
        for starts in reversed(self._classes[size.bit_length() - 1 :]):
            for index in range(bisect_right(starts, low), len(starts)):
                start = starts[index]
                address = _round_up(start, boundary)
                if address + size > self.ceiling or (best is not None and start > best[0]):
                    break
                if address + size <= self._ends[start]:
                    best = start, address
                    break
                tries -= 1
                if not tries:
                    return best
        return best

    def _unreserved(self, address: int, size: int) -> list[tuple[int, int]]:
        """The starts and ends of what is not reserved in a range."""
        low, high = address, address + size
        pieces = []
        for start, end in (*self._reserved, (high, high)):
            if low < min(start, high):
                pieces.append((low, min(start, high)))
            low = max(low, end)
        return pieces

    def _touching(self, first: int, last: int) -> tuple[int, int]:
        """Which free extents, by index, overlap a range or border on it."""
        index = bisect_left(self._starts, first)
        if index and self._ends[self._starts[index - 1]] >= first:
            index -= 1
        return index, bisect_right(self._starts, last)

    def _bound(self, more: int) -> None:
        if len(self._starts) + more > self.EXTENTS_LIMIT:
            raise GuestFault("memory would be in more than {} pieces", self.EXTENTS_LIMIT)

    def _take(self, start: int, first: int, last: int) -> None:
        """Take `first` … `last` - 1 out of the free extent at `start`."""
        end = self._ends[start]
        self._remove(start)
        if start < first:
            self._insert(start, first)
        if last < end:
            self._insert(last, end)

    def _give(self, first: int, last: int, index: int, after: int) -> int:
        """Make a range free, as one extent with those that it touches; how many bytes of it were not.

        Theirs are removed a slice at a time: one release may join as many extents as there can be.
        """
        joined = self._starts[index:after]
        if joined:
            first = min(first, joined[0])
            last = max(last, self._ends[joined[-1]])
        del self._starts[index:after]
        for starts in self._classes:
            if starts:
                del starts[bisect_left(starts, first) : bisect_left(starts, last)]
        free = sum([self._ends.pop(start) - start for start in joined])
        self._changed(-free)
        self._insert(first, last)
        return last - first - free

    def _insert(self, start: int, end: int) -> None:
        insort(self._starts, start)
        self._ends[start] = end
        insort(self._classes[(end - start).bit_length() - 1], start)
        self._changed(end - start)

    def _remove(self, start: int) -> None:
        end = self._ends.pop(start)
        del self._starts[bisect_left(self._starts, start)]
        same = self._classes[(end - start).bit_length() - 1]
        del same[bisect_left(same, start)]
        self._changed(start - end)

    def _changed(self, bytes_freed: int) -> None:
        self.total_free += bytes_freed
        self.changes += 1
        self._free = None


def _round_up(address: int, boundary: int) -> int:
    return -(-address // boundary) * boundary
