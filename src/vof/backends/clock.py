"""Clocks behind the `Clock` port: the host's, and one whose time passes by what the guest does."""

from __future__ import annotations

import time

__all__ = ["HostClock", "VirtualClock"]

_READING = 1_000_000
"""Nanoseconds that pass when a client program asks for the milliseconds: whoever watches the clock sees it pass."""
_TICK = 1_000
"""Nanoseconds that pass when the guest reads the time base."""
_EPOCH = 946_684_800
"""The virtual time of day at the start: the first second of the year 2000."""


class HostClock:
    """Milliseconds since the clock was made, and the host's time of day."""

    def __init__(self) -> None:
        self._start = time.monotonic_ns()

    def milliseconds(self) -> int:
        """Port `Clock`."""
        return (time.monotonic_ns() - self._start) // 1_000_000

    def nanoseconds(self) -> int:
        """The same, finer: for an engine's time base."""
        return time.monotonic_ns() - self._start

    @property
    def elapsed(self) -> int:
        """Where it stands, in nanoseconds. Setting it puts it there."""
        return time.monotonic_ns() - self._start

    @elapsed.setter
    def elapsed(self, nanoseconds: int) -> None:
        self._start = time.monotonic_ns() - nanoseconds

    def sleep(self, milliseconds: int) -> None:
        """Port `Clock`."""
        time.sleep(milliseconds / 1000)

    def wall(self) -> int:
        """Port `Clock`."""
        return int(time.time())


class VirtualClock:
    """Time that passes when it is read or slept through, and never otherwise: two runs of a guest are alike.

    Attributes:
        elapsed: where it stands, in nanoseconds. Setting it puts it there.
    """

    def __init__(self) -> None:
        self.elapsed = 0

    def milliseconds(self) -> int:
        """Port `Clock`."""
        self.elapsed += _READING
        return self.elapsed // 1_000_000

    def nanoseconds(self) -> int:
        """The same, finer: for an engine's time base."""
        self.elapsed += _TICK
        return self.elapsed

    def sleep(self, milliseconds: int) -> None:
        """Port `Clock`."""
        self.elapsed += milliseconds * 1_000_000

    def wall(self) -> int:
        """Port `Clock`."""
        return _EPOCH + self.elapsed // 1_000_000_000
