"""The firmware's prompt on a machine's console: keys in, lines to the firmware, and what becomes of the machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vof.backends import VirtualClock
from vof.errors import UsageError
from vof.firmware.line_editor import INTERRUPT, LineEditor
from vof.firmware.prompt import Prompt
from vof.outcomes import Boot, Enter, Exit, Outcome

if TYPE_CHECKING:
    from vof.backends import HostClock, HostConsole
    from vof.firmware import OpenFirmware

__all__ = ["Countdown", "Session"]

_STEP = 50
"""Milliseconds that pass on a virtual clock between two looks."""


class Session:
    """One time that somebody has the prompt.

    Args:
        firmware: whose.
        console: where.
        entered: whether a client program called `enter`, and is gone back to; else none has been started yet.
        asks: has the user type lines, where that is better than keys from the console.
    """

    def __init__(
        self,
        firmware: OpenFirmware,
        console: HostConsole,
        *,
        entered: bool,
        asks: Callable[[Prompt], Outcome] | None = None,
    ) -> None:
        self.entered = entered
        self._asks = asks
        self._console = console
        self._prompt = Prompt(firmware, self._show)
        self._editor = LineEditor(self._show, self._prompt.complete)
        self._prompt.open(entered=entered)
        self._ask()

    def tend(self) -> Outcome | None:
        """Take the keys that were typed; what is to become of the machine, or None where the prompt goes on."""
        if self._asks is not None:
            return self._asks(self._prompt)
        while key := self._console.read(1):
            line = self._editor.feed(key[0])
            if line is None:
                continue
            if line == INTERRUPT:
                self._prompt.give_up()
            else:
                became = self._prompt.line(line)
                if became is not None:
                    return became
            self._ask()
        return Exit() if self._console.at_end else None

    def refuse(self, reason: str) -> None:
        """Say why what was asked for can't be, and ask again."""
        self._show(f"{reason}\r\n")
        self._ask()

    def _ask(self) -> None:
        if self._asks is None:
            self._editor.ask(self._prompt.text, self._prompt.offered)

    def _show(self, text: str) -> None:
        self._console.write(text.encode("latin-1", "replace"))


class Countdown:
    """The time before a program is started in which a key gives the prompt.

    Args:
        console: where the key is typed.
        clock: the machine's.
        seconds: how long.
    """

    entered = False

    def __init__(self, console: HostConsole, clock: HostClock | VirtualClock, seconds: float) -> None:
        self._console = console
        self._clock = clock
        self._end = clock.milliseconds() + int(seconds * 1000)
        console.write(f"Type a key within {seconds:g} s for the ok prompt.\r\n".encode())

    def tend(self) -> Outcome | None:
        """What is to become of the machine; None where there is time left."""
        if self._console.read(1):
            return Enter()
        if self._console.at_end or self._clock.milliseconds() >= self._end:
            return Boot()
        if isinstance(self._clock, VirtualClock):  # which nothing else moves on
            self._clock.sleep(_STEP)
        return None

    def refuse(self, reason: str) -> None:
        """The program can't be started.

        Raises:
            UsageError: for that reason.
        """
        raise UsageError(reason)
