"""The progress line: what a boot is at, on the terminal's last line, gone before anything else is written.

A thread looks ten times a second at what the machine counts anyway, so a call costs nothing for it. It draws; whoever
is about to write to the terminal has it erased first.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vof.events import Event
    from vof.vm import VM

__all__ = ["Progress", "erase_what_is_left", "shows_progress"]

_EVERY = 0.1
"""Seconds between two looks."""
_WINDOW = 10
"""Looks that the rate is taken over."""
_PATIENCE = 1.0
_COLUMNS = 80
"""Of a terminal that does not say."""
_ERASE = b"\r\x1b[K"


def shows_progress() -> bool:
    """Whether the standard error stream is a terminal that can have a line erased."""
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def erase_what_is_left(*, console_here: bool) -> None:
    """Tidy up after a process that died with its line on the terminal.

    Args:
        console_here: whether the line may be the machine's instead; that stays.
    """
    if shows_progress():
        with contextlib.suppress(OSError):
            os.write(sys.stderr.fileno(), b"\r\n" if console_here else _ERASE)


class Progress:
    """Shows what a machine is at.

    Args:
        console_here: whether the machine's console is on the same terminal: then the first output ends it.
    """

    def __init__(self, *, console_here: bool) -> None:
        self._console_here = console_here
        self._terminal = sys.stderr.fileno()
        self._vm: VM | None = None
        self._phase = ""
        self._started = time.monotonic()
        self._looks: deque[tuple[float, int]] = deque(maxlen=_WINDOW)
        self._shown = ""
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vof progress", daemon=True)

    def watch(self, vm: VM) -> None:
        """Show this machine's."""
        from vof.events import Phase

        self._vm = vm
        vm.listen(self._see_phase, Phase)
        self._thread.start()

    def before_output(self) -> None:
        """The machine is about to write to its console."""
        if self._console_here and not self._over.is_set():
            self._over.set()
            self.erase()

    def erase(self) -> None:
        """Something else is about to be written."""
        # A thread that is stuck in writing to a stopped terminal must not keep the program from its end.
        if self._lock.acquire(timeout=_PATIENCE):
            try:
                self._show("")
            finally:
                self._lock.release()

    def close(self) -> None:
        """Show it no more."""
        self._over.set()
        self.erase()
        if self._thread.ident is not None:
            self._thread.join(_PATIENCE)

    def _see_phase(self, event: Event) -> None:
        from vof.events import Phase

        assert type(event) is Phase
        self.erase()
        self._phase = event.name

    def _run(self) -> None:
        while not self._over.wait(_EVERY):
            text = self._text()
            with self._lock:
                if not self._over.is_set():
                    self._show(text)

    def _text(self) -> str:
        vm = self._vm
        assert vm is not None
        now, calls = time.monotonic(), vm.engine.trap.calls
        self._looks.append((now, calls))
        since, before = self._looks[0]
        rate = (calls - before) / (now - since) if now > since else 0.0
        seconds = f"vof: {now - self._started:5.1f} s"
        return f"{seconds}  {self._phase or 'starting'}  {calls:,} calls  {rate:,.0f}/s  {_size(vm.loaded)} loaded"

    def _show(self, text: str) -> None:
        """Have this on the line; nothing, if it is empty."""
        if text == self._shown:
            return
        try:
            if os.tcgetpgrp(self._terminal) != os.getpgrp():  # in the background the line is the shell's
                return
            columns = os.get_terminal_size(self._terminal).columns or _COLUMNS
            os.write(self._terminal, _ERASE + text[: max(0, columns - 1)].encode())
            self._shown = text
        except OSError:  # the terminal is gone, or is not ours to ask
            self._over.set()


def _size(count: int) -> str:
    return f"{count / (1 << 20):.1f} MiB" if count >= 1 << 20 else f"{count >> 10} KiB"
