"""A thread that stops a running guest now and then, so that its host gets to look at everything else."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

__all__ = ["Ticker"]


class Ticker:
    """Calls `stop` every so many seconds while it is on. It survives a fork: the child gets a thread of its own.

    Args:
        stop: what to call; from another thread.
        seconds: how often.
    """

    def __init__(self, stop: Callable[[], None], seconds: float = 0.01) -> None:
        self._stop = stop
        self._seconds = seconds
        self._process = 0
        self._on = threading.Event()
        self._ended = threading.Event()

    def on(self) -> None:
        """Begin."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._on, self._ended = threading.Event(), threading.Event()
            threading.Thread(target=self._tick, args=(self._on, self._ended), daemon=True, name="vof-ticker").start()
        self._on.set()

    def off(self) -> None:
        """Pause."""
        self._on.clear()

    def close(self) -> None:
        """End the thread."""
        self._ended.set()
        self._on.set()

    def _tick(self, on: threading.Event, ended: threading.Event) -> None:
        while not ended.wait(self._seconds):
            on.wait()
            if not ended.is_set():
                self._stop()
