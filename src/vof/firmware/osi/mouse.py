"""The mouse."""

from __future__ import annotations

from enum import IntEnum, IntFlag

from vof.firmware.osi.pic import Line

__all__ = ["DPI", "Mouse", "MouseEvent"]

DPI = 160
"""Dots per inch, unless the user says something else."""


class MouseEvent(IntFlag):
    """What GET_MOUSE tells, besides the buttons, which are bits 0 … 2."""

    MOVE_DELTA = 64
    MOVE_TO = 128


class _Control(IntEnum):
    GET_DPI = 0
    ROUTE = 1


class Mouse:
    """The mouse. A move by a distance goes before one to a place, which it makes void; a place is told once.

    Args:
        line: its interrupt.
        dpi: dots per inch.
    """

    def __init__(self, line: Line, dpi: int = DPI) -> None:
        self._line = line
        self._dpi = dpi
        self._buttons = 0
        self._delta = (0, 0)
        self._place: tuple[int, int, int, int] | None = None

    @property
    def held(self) -> int:
        """The buttons that are down, as `buttons` has them."""
        return self._buttons

    @property
    def unread(self) -> bool:
        """Whether the guest has not yet asked what was done."""
        return self._line.raised

    # For people

    def move(self, dx: int, dy: int) -> None:
        """Move it by so many dots to the right and down."""
        self._delta = self._delta[0] + dx, self._delta[1] + dy
        self._line.set(True)

    def move_to(self, x: int, y: int, width: int, height: int) -> None:
        """Put the pointer to a place of a screen of this size."""
        self._place = x, y, width, height
        self._line.set(True)

    def buttons(self, mask: int) -> None:
        """Have these buttons down: bit 0 is the first, of three."""
        self._buttons = mask & 7
        self._line.set(True)

    # The calls

    def mouse_cntrl(self, command: int, parameter: int) -> int:
        """Dots per inch, or route the interrupt; 1 for anything else."""
        if command == _Control.GET_DPI:
            return self._dpi
        if command == _Control.ROUTE and self._line.route(parameter):
            return 0
        return 1

    def get_mouse(self) -> tuple[int | None, ...]:
        """What the mouse did. Registers that tell nothing are kept."""
        pending = int(self._line.set(False))
        delta, self._delta = self._delta, (0, 0)
        place, self._place = self._place, None
        if delta != (0, 0):
            return pending, *delta, None, None, self._buttons | MouseEvent.MOVE_DELTA
        if place is not None:
            return pending, *place, self._buttons | MouseEvent.MOVE_TO
        return pending, None, None, None, None, self._buttons

    def ack_mouse_irq(self) -> int:
        """Acknowledge the interrupt; whether it was pending."""
        return int(self._line.set(False))
