"""The package of a real-time clock (1275 Device Support Extensions, device type "rtc").

The time is UTC. Days count from 1, as Haiku and today's GRUB have it; GRUB up to 2.06 adds one, on every machine.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from vof.errors import Throw, ThrowCode
from vof.packages.instance import Instance, Method, Stack
from vof.packages.openable import OPENABLE
from vof.ports import Clock

__all__ = ["RtcPackage", "pop_time", "push_time"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RtcPackage:
    """Methods of a clock that runs with the host's. What a client sets is kept as an offset.

    Args:
        clock: the time.
        offset: seconds that the machine's time is ahead of it.

    Attributes:
        offset: as given, until a client sets the time.
    """

    def __init__(self, clock: Clock, offset: int = 0) -> None:
        self.offset = offset
        self._clock = clock

    def methods(self) -> dict[str, Method]:
        """The methods, by name, for `Node.methods`."""
        return {**OPENABLE, "get-time": self._get_time, "set-time": self._set_time}

    def _get_time(self, instance: Instance, stack: Stack) -> None:
        """( -- second minute hour day month year )."""
        try:
            now = _EPOCH + timedelta(seconds=self._clock.wall() + self.offset)
        except OverflowError:  # past the year 9999, where a client has set it
            raise Throw(ThrowCode.ABORT, "the clock has run out of years") from None
        push_time(stack, now)

    def _set_time(self, instance: Instance, stack: Stack) -> None:
        """( second minute hour day month year -- )."""
        self.offset = (pop_time(stack) - _EPOCH) // timedelta(seconds=1) - self._clock.wall()


def push_time(stack: Stack, time: datetime) -> None:
    """( -- second minute hour day month year )."""
    stack.extend((time.second, time.minute, time.hour, time.day, time.month, time.year))


def pop_time(stack: Stack) -> datetime:
    """( second minute hour day month year -- ).

    Raises:
        Throw: there is no such time.
    """
    year, month, day = stack.pop(), stack.pop(), stack.pop()
    hour, minute, second = stack.pop(), stack.pop(), stack.pop()
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except (ValueError, OverflowError):
        reason = f"no such time: {year}-{month}-{day} {hour}:{minute}:{second}"
        raise Throw(ThrowCode.ABORT, reason) from None
