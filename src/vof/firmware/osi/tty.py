"""The terminal: the machine's console, one character at a call."""

from __future__ import annotations

from vof.firmware.osi.pic import Line
from vof.ports import Console

__all__ = ["Tty"]

_AT_ONCE = 64


class Tty:
    """The terminal. Its interrupt tells once that something was typed, and then not before it is acknowledged.

    Args:
        console: the console.
        line: its interrupt.
    """

    def __init__(self, console: Console, line: Line) -> None:
        self._console = console
        self._line = line
        self._typed = b""
        self._armed = True

    def tty_putc(self, character: int) -> int:
        """Write a character; the number of those written."""
        self._console.write(bytes([character & 0xFF]))
        return 1

    def tty_getc(self) -> int:
        """A character that was typed; -1 for none. Never waits."""
        self._look()
        if not self._typed:
            return -1
        character, self._typed = self._typed[0], self._typed[1:]
        return character

    def tty_irq_ack(self) -> int:
        """Acknowledge the interrupt, and have the next."""
        self._line.set(False)
        self._armed = True
        return 0

    def poll(self) -> None:
        """Raise the interrupt where something was typed."""
        if self._armed and self._line.pic.mask >> self._line.number & 1:
            self._look()
            if self._typed:
                self._armed = False
                self._line.set(True)

    def _look(self) -> None:
        if not self._typed:
            self._typed = self._console.read(_AT_ONCE)
