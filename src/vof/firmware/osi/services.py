"""The calls that need no device: what there is, time, sleep, log, end."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Protocol

from vof.firmware.osi.table import SELECTORS
from vof.outcomes import Outcome, PowerOff
from vof.ports import Clock

__all__ = ["Log", "Services"]

_FROM_1904 = 0x7C25B080
"""Seconds from 1904, where Mac OS begins to count, to 1970."""
_CELL = 0xFFFFFFFF
_MILLION = 1_000_000
_LINE = 1024
_LATIN_1_TEXT = frozenset(range(0x20, 0x7F)) | frozenset(range(0xA0, 0x100)) | {9}


class Log(Protocol):
    """Where the guest's log goes."""

    def note(self, text: str) -> None:
        """A line."""
        ...


class Services:
    """These calls.

    Args:
        clock: the time.
        timebase: ticks of the time base in a second.
        log: the guest's log.
        local_offset: gives the seconds that local time is ahead of UTC, at a time in seconds since 1970.

    Attributes:
        calls: the selectors that have a call; whoever puts the machine together sets it.
    """

    def __init__(self, clock: Clock, timebase: int, log: Log, local_offset: Callable[[int], int]) -> None:
        self.calls: Container[int] = ()
        self._clock = clock
        self._timebase = timebase
        self._log = log
        self._local_offset = local_offset
        self._line = ""
        self._owed = 0

    def call_available(self, selector: int) -> int:
        """Whether there is a call of this number."""
        return int(selector in SELECTORS and selector in self.calls)

    def debugger(self, number: int) -> int:
        """Note that the guest wanted a debugger."""
        self._log.note(f"debugger {number:#x}")
        return 0

    def get_gmt_time(self) -> int:
        """Seconds since 1970 began, UTC."""
        return self._clock.wall() & _CELL

    def get_localtime(self) -> int:
        """Seconds since 1904 began, local time."""
        now = self._clock.wall()
        return now + _FROM_1904 + self._local_offset(now) & _CELL

    def log_putc(self, character: int) -> int:
        """Write a character to the log, which has whole lines; what can't be shown is escaped."""
        character &= 0xFF
        if character == 0x0A or len(self._line) >= _LINE:
            self._log.note(self._line)
            self._line = ""
        if character in _LATIN_1_TEXT:
            self._line += chr(character)
        elif character not in (0x0A, 0x0D, 0):
            self._line += f"\\x{character:02x}"
        return 0

    def exit(self) -> Outcome:
        """End the machine."""
        if self._line:
            self._log.note(self._line)
            self._line = ""
        return PowerOff()

    def usleep(self, microseconds: int) -> int:
        """Sleep; not for a million microseconds or more, as the host's call that Mac-on-Linux made refused that."""
        if microseconds < _MILLION:
            whole, self._owed = divmod(self._owed + microseconds, 1000)
            if whole:
                self._clock.sleep(whole)
        return 0

    def mticks_to_usecs(self, ticks: int) -> int:
        """Ticks of the time base in microseconds, the lower 32 bits."""
        return ticks * _MILLION // self._timebase & _CELL

    def usecs_to_mticks(self, microseconds: int) -> int:
        """Microseconds in ticks of the time base, the lower 32 bits."""
        return microseconds * self._timebase // _MILLION & _CELL
