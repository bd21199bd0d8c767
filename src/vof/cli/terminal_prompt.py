"""The firmware's prompt on the user's terminal: a library edits the line, keeps the history and completes words."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from vof.outcomes import Exit

if TYPE_CHECKING:
    from vof.backends import TerminalEnd
    from vof.firmware.prompt import Prompt
    from vof.outcomes import Outcome

__all__ = ["ask", "ask_on_console"]

_INPUT = 0
_LOCAL = 3
"""Where `tcgetattr` has the local modes."""
_TWICE = 0.05
"""Seconds in which a Ctrl-C that comes twice has come."""
_KEPT = 1000
_DELIMITERS = " \t\n"


def ask(prompt: Prompt) -> Outcome:
    """Have the user type lines, until one of them ends the prompt.

    Args:
        prompt: what gets them.

    Returns:
        What is to become of the machine: `Exit` where the input has ended.
    """
    with _editing(prompt), _without(termios.ICANON), _Interrupts() as interrupts:
        while True:
            try:
                with interrupts.wanted(while_typing=True):
                    typed = input(prompt.text)
                with _without(termios.ECHO), interrupts.wanted():
                    outcome = prompt.line(os.fsencode(typed).decode("latin-1"))
            except EOFError:
                print()
                if not prompt.editing:
                    return Exit()
                prompt.give_up()
                continue
            except KeyboardInterrupt:
                time.sleep(_TWICE)  # a second one, in the middle of `input`, would take the next line away
                print()
                prompt.give_up()
                continue
            if outcome is not None:
                return outcome


def ask_on_console(end: TerminalEnd, prompt: Prompt) -> Outcome:
    """The same on a terminal that is a machine's console."""
    end.lend()
    try:
        return ask(prompt)
    finally:
        end.take_back()


@contextlib.contextmanager
def _editing(prompt: Prompt) -> Iterator[None]:
    """Have `input` edit lines, complete words, and know the lines of earlier sessions."""
    try:
        import readline
    except ImportError:  # a Python without it: then there are plain lines
        yield
        return
    found: list[str] = []

    def complete_next(text: str, number: int) -> str | None:
        if not number:
            found[:] = prompt.complete(readline.get_line_buffer()[: readline.get_endidx()])
            if len(found) == 1:
                found[0] += " "
        return found[number] if number < len(found) else None

    readline.set_completer_delims(_DELIMITERS)
    readline.set_completer(complete_next)
    readline.set_startup_hook(lambda: readline.insert_text(os.fsdecode(prompt.offered.encode("latin-1"))))
    readline.parse_and_bind("tab: complete")
    path = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "vof" / "history"
    with contextlib.suppress(OSError):
        readline.clear_history()
        readline.read_history_file(path)
    try:
        yield
    finally:
        readline.set_completer(None)
        readline.set_startup_hook(None)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            readline.set_history_length(_KEPT)
            readline.write_history_file(path)


@contextlib.contextmanager
def _without(mode: int) -> Iterator[None]:
    """Take a local mode from the terminal, so that `key` and `accept` get each key at once, and show it themselves.

    `input` makes the terminal what it needs, and afterwards what it was; it shows what is typed only where that was so
    before. What is typed ahead goes to the next line as it is: Ctrl-D, too, which ICANON would swallow.
    """
    if "readline" not in sys.modules:  # then the terminal has to edit the line
        yield
        return
    before = termios.tcgetattr(_INPUT)
    changed = termios.tcgetattr(_INPUT)
    changed[_LOCAL] &= ~mode
    try:
        termios.tcsetattr(_INPUT, termios.TCSADRAIN, changed)
        yield
    finally:
        termios.tcsetattr(_INPUT, termios.TCSADRAIN, before)


class _Interrupts:
    """Have Ctrl-C give up a line, and not the whole program.

    It may come twice: a guest in a child process gets one from the terminal and one from its parent. So it is taken
    only while somebody waits for it, and once while words run. While the user types it is taken each time: `input`
    looks for signals on its way out, too, and wants no other answer then.
    """

    def __init__(self) -> None:
        self._wanted = False
        self._again = False

    def __enter__(self) -> _Interrupts:
        self._before = signal.signal(signal.SIGINT, self._take)
        return self

    def __exit__(self, *error: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    @contextlib.contextmanager
    def wanted(self, *, while_typing: bool = False) -> Iterator[None]:
        """While the user types, or what he typed runs."""
        self._wanted, self._again = True, while_typing
        try:
            yield
        finally:
            self._wanted = False

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self._wanted:
            self._wanted = self._again
            raise KeyboardInterrupt
