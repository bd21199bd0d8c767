"""The firmware's prompt on the user's terminal: a library edits the line, keeps the history and completes words."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from vof.outcomes import Exit

if TYPE_CHECKING:
    from vof.backends import TerminalEnd
    from vof.firmware.prompt import Prompt
    from vof.outcomes import Outcome

__all__ = ["ask", "ask_on_console"]

_KEPT = 1000
_DELIMITERS = " \t\n"


def ask(prompt: Prompt) -> Outcome:
    """Have the user type lines, until one of them ends the prompt.

    Args:
        prompt: what gets them.

    Returns:
        What is to become of the machine: `Exit` where the input has ended.
    """
    with _editing(prompt.complete), _interrupts():
        while True:
            try:
                outcome = prompt.line(input(prompt.text))
            except EOFError:
                print()
                return Exit()
            except KeyboardInterrupt:
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
def _editing(complete: Callable[[str], list[str]]) -> Iterator[None]:
    """Have `input` edit lines, complete words, and know the lines of earlier sessions."""
    try:
        import readline
    except ImportError:  # a Python without it: then there are plain lines
        yield
        return
    found: list[str] = []

    def complete_next(text: str, number: int) -> str | None:
        if not number:
            found[:] = complete(readline.get_line_buffer()[: readline.get_endidx()])
            if len(found) == 1:
                found[0] += " "
        return found[number] if number < len(found) else None

    readline.set_completer_delims(_DELIMITERS)
    readline.set_completer(complete_next)
    readline.parse_and_bind("tab: complete")
    path = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "vof" / "history"
    with contextlib.suppress(OSError):
        readline.clear_history()
        readline.read_history_file(path)
    try:
        yield
    finally:
        readline.set_completer(None)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            readline.set_history_length(_KEPT)
            readline.write_history_file(path)


@contextlib.contextmanager
def _interrupts() -> Iterator[None]:
    """Have Ctrl-C give up a line, and not the whole program."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
