"""The host's clock behind the `Clock` port."""

from __future__ import annotations

import time

__all__ = ["HostClock"]


class HostClock:
    """Milliseconds since the clock was made."""

    def __init__(self) -> None:
        self._start = time.monotonic_ns()

    def milliseconds(self) -> int:
        """Port `Clock`."""
        return (time.monotonic_ns() - self._start) // 1_000_000

    def sleep(self, milliseconds: int) -> None:
        """Port `Clock`."""
        time.sleep(milliseconds / 1000)
