"""What a boot's calls cost, in sum, as `strace -c` prints it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vof.events import ClientReturn

__all__ = ["ORDERS", "Summary"]

_RULE = "------ ----------- ----------- --------- --------- ----------------"
_DEEPEST = 16


@dataclass(slots=True)
class _Sum:
    """What the calls of one service came to."""

    name: str
    calls: int = 0
    errors: int = 0
    spent: int = 0

    @property
    def each(self) -> float:
        """Nanoseconds a call."""
        return self.spent / self.calls


_KEYS: dict[str, Callable[[_Sum], float]] = {
    "time": lambda one: -one.spent,
    "calls": lambda one: -one.calls,
    "errors": lambda one: -one.errors,
    "avg-time": lambda one: -one.each,
    "name": lambda one: 0,
}
ORDERS = tuple(_KEYS)
"""What the table can be sorted by."""


class Summary:
    """Adds calls up.

    What a call spent is without the calls that were made inside of it, so that the shares add up.
    """

    def __init__(self) -> None:
        self._sums: dict[str, _Sum] = {}
        self._inside = [0] * (_DEEPEST + 2)

    def add(self, event: ClientReturn, *, counts: bool = True) -> None:
        """See a call that returned.

        Args:
            event: the call; calls come as they returned.
            counts: whether it is one of those that were asked for.
        """
        depth = min(event.depth, _DEEPEST)
        inside = self._inside
        inside[depth] += event.duration
        within = inside[depth + 1]
        inside[depth + 1] = 0
        if counts:
            one = self._sums.get(event.service)
            if one is None:
                one = self._sums[event.service] = _Sum(event.service)
            one.calls += 1
            one.errors += bool(event.fault)
            one.spent += max(0, event.duration - within)

    def text(self, order: str = "time") -> str:
        """The table.

        Args:
            order: one of `ORDERS`; the largest first, names by the alphabet.
        """
        sums = sorted(self._sums.values(), key=lambda one: (_KEYS[order](one), one.name))
        total = _Sum("total")
        for one in sums:
            total.calls += one.calls
            total.errors += one.errors
            total.spent += one.spent
        lines = ["% time     seconds  usecs/call     calls    errors service", _RULE]
        lines += [_row(one, total.spent) for one in sums]
        lines += [_RULE, _row(total, total.spent)]
        return "\n".join(lines) + "\n"


def _row(one: _Sum, whole: int) -> str:
    share = 100 * one.spent / whole if whole else 0.0
    each = one.each / 1000 if one.calls else 0.0
    errors = one.errors or ""
    name = one.name if one.name.isprintable() else ascii(one.name)
    return f"{share:6.2f} {one.spent / 1e9:11.6f} {each:11.1f} {one.calls:9} {errors:>9} {name}"
