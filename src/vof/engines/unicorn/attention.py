"""What a guest in this thread has to be stopped for: keys, signals, and what the run loop says."""

from __future__ import annotations

import contextlib
import select
import signal
import socket
import threading
from collections.abc import Callable
from selectors import BaseSelector

__all__ = ["Attention", "SignalAlarm"]


class SignalAlarm:
    """Readable when a signal has come: Python's handlers run between two of this thread's own instructions only."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._theirs.setblocking(False)
        self._before: int | None = None
        if threading.current_thread() is threading.main_thread():
            self._before = signal.set_wakeup_fd(self._theirs.fileno(), warn_on_full_buffer=False)

    def fileno(self) -> int:
        """For a selector."""
        return self._ours.fileno()

    def clear(self) -> None:
        """The signals were seen."""
        with contextlib.suppress(BlockingIOError):
            while self._ours.recv(0x1000):
                pass

    def close(self) -> None:
        """No longer watch."""
        if self._before is not None and threading.current_thread() is threading.main_thread():
            signal.set_wakeup_fd(self._before)
        self._ours.close()
        self._theirs.close()


class Attention:
    """Whether the guest has to be stopped. Called from a thread that only looks.

    Args:
        selector: what the run loop waits for.
        due: whether the run loop wants to look around.
    """

    def __init__(self, selector: BaseSelector, due: Callable[[], bool]) -> None:
        self._selector = selector
        self._due = due

    def __call__(self) -> bool:
        """Whether it has to."""
        if self._due():
            return True
        try:
            watched = select.poll()
            for descriptor in list(self._selector.get_map()):
                watched.register(descriptor, select.POLLIN)
            return bool(watched.poll(0))
        except (OSError, RuntimeError, ValueError):  # the other thread is changing it
            return True
