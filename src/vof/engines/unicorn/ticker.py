"""A thread that stops a running guest when its host has something else to look at, and not otherwise.

Unicorn stops from outside at the next check that is compiled into the code, and those are behind each load and store,
too: see `vof.engines.unicorn.stopping`. A guest that calls the firmware now and then needs no stopping, since the host
looks around between two calls. So a guest is only stopped for a reason.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

__all__ = ["Ticker"]


class Ticker:
    """Asks `wanted` every so many seconds while it is on, and calls `stop` if it says so.

    It survives a fork: the child gets a thread of its own.

    Args:
        stop: stops the guest; called from another thread.
        seconds: how often.

    Attributes:
        wanted: whether the guest has to be stopped; called from another thread.
    """

    def __init__(self, stop: Callable[[], None], seconds: float = 0.01) -> None:
        self.wanted: Callable[[], bool] = _always
        self._stop = stop
        self._seconds = seconds
        self._process = 0
        self._on = threading.Event()
        self._ended = threading.Event()
        self._stopping = threading.Lock()

    def on(self) -> None:
        """Begin."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._on, self._ended, self._stopping = threading.Event(), threading.Event(), threading.Lock()
            threading.Thread(target=self._tick, args=(self._on, self._ended), daemon=True, name="vof-ticker").start()
        self._on.set()

    def off(self) -> None:
        """Pause: from here on it stops nothing."""
        if self._on.is_set():
            with self._stopping:
                self._on.clear()

    def close(self) -> None:
        """End the thread."""
        self._ended.set()
        self._on.set()

    def _tick(self, on: threading.Event, ended: threading.Event) -> None:
        while not ended.wait(self._seconds):
            on.wait()
            with self._stopping:
                if on.is_set() and not ended.is_set() and self.wanted():
                    self._stop()


def _always() -> bool:
    return True
