"""What a guest in this thread has to be stopped for: keys, signals, and what the run loop says."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
from collections.abc import Callable
from selectors import BaseSelector
from types import FrameType
from typing import Any

__all__ = ["Attention", "SignalAlarm"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class SignalAlarm:
    """Readable when a signal has come, and keeps handlers from running inside of a hook.

    What a handler raises there is lost: it has no way through Unicorn. So while the guest runs a signal is noted, and
    `deliver` calls the handler afterwards. Outside the main thread, where there are no handlers, it does nothing.
    """

    def __init__(self) -> None:
        self.in_guest = False
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._theirs.setblocking(False)
        self._noted: list[int] = []
        self._handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self._process = os.getpid()
        self._wakeup = -1
        if _is_main_thread():
            self._wakeup = signal.set_wakeup_fd(self._theirs.fileno(), warn_on_full_buffer=False)
            for number in _SIGNALS:
                handler = signal.getsignal(number)
                if callable(handler):
                    self._handlers[number] = handler
                    signal.signal(number, self._handle)

    def fileno(self) -> int:
        """For a selector."""
        return self._ours.fileno()

    def clear(self) -> None:
        """The signals were seen."""
        with contextlib.suppress(BlockingIOError):
            while self._ours.recv(0x1000):
                pass

    @property
    def has_noted(self) -> bool:
        """Whether a signal waits to be delivered."""
        return bool(self._noted)

    def deliver(self) -> None:
        """Call the handlers of the signals that came while the guest ran. Not from a hook."""
        while self._noted:
            number = self._noted.pop(0)
            self._handlers[number](number, None)

    def close(self) -> None:
        """No longer watch."""
        if _is_main_thread() and self._process == os.getpid():
            signal.set_wakeup_fd(self._wakeup)
            for number, handler in self._handlers.items():
                if signal.getsignal(number) == self._handle:
                    signal.signal(number, handler)
        self._ours.close()
        self._theirs.close()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.in_guest:
            self._noted.append(number)
        else:
            self._handlers[number](number, frame)


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


class Attention:
    """Whether the guest has to be stopped. Called from a thread that only looks.

    Args:
        selector: what the run loop waits for.
        alarm: what knows of signals.
        due: whether the run loop wants to look around.
    """

    def __init__(self, selector: BaseSelector, alarm: SignalAlarm, due: Callable[[], bool]) -> None:
        self._selector = selector
        self._alarm = alarm
        self._due = due

    def __call__(self) -> bool:
        """Whether it has to."""
        if self._alarm.has_noted or self._due():
            return True
        try:
            watched = select.poll()
            for descriptor in list(self._selector.get_map() or ()):  # None once it is closed
                watched.register(descriptor, select.POLLIN)
            return bool(watched.poll(0))
        except (OSError, RuntimeError, ValueError):  # the other thread is changing it
            return True
