"""The claims of a boot over its time: who claimed which memory when, and when it was released.

Told by the services `claim` and `release`, and by methods of these names that a client calls by `call-method` (1275
§3.6.5: a memory or MMU package's). Those of memory and those of virtual addresses may be the same range at one time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["ClaimHistory", "Span"]

_FAILED = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Span:
    """Memory that was claimed for a time.

    Attributes:
        address, size: which, in bytes.
        since, until: when, in nanoseconds.
        call: the place of the call that claimed it.
        released: the place of the call that released it; -1 if none did.
        package: the ihandle whose method it was; 0 for the service.
    """

    address: int
    size: int
    since: int
    until: int
    call: int
    released: int
    package: int


@dataclass(frozen=True, slots=True)
class _Live:
    end: int
    since: int
    call: int


class ClaimHistory:
    """Follows the claims.

    Args:
        end: until when what nobody releases is claimed, in nanoseconds.
    """

    def __init__(self, end: int) -> None:
        self._end = end
        self._spans: list[Span] = []
        self._maps: dict[int, _Claims] = {}

    def see(
        self,
        index: int,
        service: str,
        arguments: Sequence[int],
        results: Sequence[int],
        texts: Mapping[int, str],
        fault: str,
        at: int,
    ) -> None:
        """See a call.

        Args:
            index: its place.
            service, arguments, results, texts, fault: as in `ClientReturn`.
            at: when, in nanoseconds.
        """
        if fault:
            return
        package = 0
        if service == "call-method" and len(arguments) > 2 and texts.get(0) in ("claim", "release"):
            # What follows the ihandle is the stack from its top: ( [address] size align -- base ), ( address size -- )
            service, package, results = texts[0], arguments[1], results[1:]
            arguments = [*arguments[:1:-1]] if service == "release" else _reversed_claim(arguments[2:])
        if service == "claim" and len(arguments) >= 2 and results and results[0] != _FAILED:
            self._claim(package, results[0], arguments[1], index, at)
        elif service == "release" and len(arguments) >= 2:
            self._release(package, arguments[0], arguments[1], index, at)

    def clear(self, at: int) -> None:
        """The machine was reset: nothing is claimed."""
        for package, claims in self._maps.items():
            for address, live in claims.cut(0, 1 << 64):
                self._add(package, address, live.end, live, at, -1)
        self._maps.clear()

    def spans(self) -> list[Span]:
        """All, in the order of their beginnings; nothing is seen after this."""
        self.clear(self._end)
        self._spans.sort(key=lambda span: (span.since, span.call, span.address))
        return self._spans

    def _claim(self, package: int, address: int, size: int, index: int, at: int) -> None:
        if not size:
            return
        self._release(package, address, size, -1, at)  # a recording of something else may claim what is claimed
        self._maps.setdefault(package, _Claims()).add(address, _Live(address + size, at, index))

    def _release(self, package: int, address: int, size: int, index: int, at: int) -> None:
        claims = self._maps.get(package)
        if claims is None:
            return
        end = address + size
        for start, live in claims.cut(address, end):
            self._add(package, max(start, address), min(live.end, end), live, at, index)

    def _add(self, package: int, address: int, end: int, live: _Live, at: int, released: int) -> None:
        self._spans.append(Span(address, end - address, live.since, at, live.call, released, package))


class _Claims:
    """Ranges that don't overlap, by their addresses."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._live: dict[int, _Live] = {}

    def add(self, address: int, live: _Live) -> None:
        self._starts.insert(bisect_left(self._starts, address), address)
        self._live[address] = live

    def cut(self, address: int, end: int) -> list[tuple[int, _Live]]:
        """Take a range out; what of it was there, each with the start and the end that it had."""
        starts = self._starts
        first = bisect_left(starts, address)
        if first and self._live[starts[first - 1]].end > address:
            first -= 1
        last = bisect_left(starts, end, first)
        found = [(start, self._live.pop(start)) for start in starts[first:last]]
        del starts[first:last]
        for start, live in found:
            if start < address:
                self.add(start, _Live(address, live.since, live.call))
            if live.end > end:
                self.add(end, live)
        return found


def _reversed_claim(cells: Sequence[int]) -> list[int]:
    """Address, size and alignment, of align, size and, where that is 0, address."""
    align, size, *address = [*cells, 0][:3] if len(cells) < 2 else cells[:3]
    return [address[0] if address else 0, size, align]
