"""Signals held back while something must not be left half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["signals_held"]


@contextmanager
def signals_held() -> Iterator[None]:
    """Put off what Python's signal handlers do, KeyboardInterrupt above all, until the block is left.

    A signal that has no handler in Python ends the process as ever: the guardian sees to that. No signal is blocked,
    since a process started in the block would inherit it. Does nothing outside the main thread, which alone runs
    handlers.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        caught.append(number)

    handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
    replaced = {number: handler for number, handler in handlers.items() if callable(handler)}
    try:
        for number in replaced:
            signal.signal(number, note)
        yield
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)
        for late in dict.fromkeys(caught):
            signal.raise_signal(late)
