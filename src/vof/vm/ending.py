"""How a VM can end, and how waiting for it can fail."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from vof.errors import VofError

__all__ = ["EndReason", "Ending", "ExpectTimeout"]


class EndReason(StrEnum):
    """Why a machine ended."""

    POWER_OFF = "power-off"
    EXIT = "exit"
    PANIC = "panic"
    QUIT = "quit"
    CRASH = "crash"
    BEYOND = "beyond"
    """The client program went where the engine can't follow."""
    BREAK = "break"
    """A breakpoint at a client call, and nobody there to ask."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a machine ended.

    Attributes:
        reason: why.
        message: in words.
        registers: names and values, of a crash where the firmware's exception vectors saw them.
    """

    reason: EndReason
    message: str
    registers: tuple[tuple[str, int], ...] = field(default=(), repr=False)

    @property
    def status(self) -> int:
        """An exit status for it: 0 for a power-off and for the user's own wish, else not."""
        return _STATUS[self.reason]


_STATUS = {
    EndReason.POWER_OFF: 0,
    EndReason.QUIT: 0,
    EndReason.EXIT: 3,
    EndReason.PANIC: 4,
    EndReason.CRASH: 5,
    EndReason.BEYOND: 6,
    EndReason.BREAK: 7,
}


class ExpectTimeout(VofError):
    """What was expected on the console did not come. The message holds the last that did."""
