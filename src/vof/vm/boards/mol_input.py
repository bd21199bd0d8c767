"""What is done at the page of `mol`'s screen, for its keyboard and mouse."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from vof.backends.screen_page import Key, Pointer, ScreenPage

if TYPE_CHECKING:
    from vof.machines.mol import MolDevices

__all__ = ["PageInput"]

_MOST_WAITING = 256
"""Of a guest that doesn't look at its mouse."""


class PageInput:
    """Gives the guest what was done at the page.

    A guest learns which buttons are down when it asks, and not what has happened in between. So buttons that change
    wait until it has asked: a short click is seen.

    Args:
        page: the page.
    """

    def __init__(self, page: ScreenPage) -> None:
        self._page = page
        self._waiting: deque[Pointer] = deque(maxlen=_MOST_WAITING)

    def give(self, devices: MolDevices) -> None:
        """Give these devices what was done since the last time."""
        for event in self._page.take_input():
            if isinstance(event, Key):
                (devices.keyboard.press if event.down else devices.keyboard.release)(event.code)
            else:
                self._waiting.append(event)
        mouse = devices.mouse
        while self._waiting:
            event = self._waiting[0]
            if event.buttons != mouse.held and mouse.unread:
                return
            self._waiting.popleft()
            if event.size is not None:
                mouse.move_to(event.x, event.y, *event.size)
            elif event.x or event.y:
                mouse.move(event.x, event.y)
            if event.buttons != mouse.held:
                mouse.buttons(event.buttons)
