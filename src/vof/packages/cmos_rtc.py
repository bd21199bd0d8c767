"""The package of a PC's real-time clock: an MC146818 behind an index and a data port, over the `Bus` port.

Ref: Motorola MC146818A.
"""

from __future__ import annotations

from datetime import UTC, datetime

from vof.errors import Throw, ThrowCode
from vof.packages.instance import Instance, Method, Stack
from vof.packages.openable import OPENABLE
from vof.packages.rtc import pop_time, push_time
from vof.ports import Access, Bus, BusOp

__all__ = ["CmosRtcPackage"]

_SECOND, _MINUTE, _HOUR, _DAY, _MONTH, _YEAR, _STATUS_A, _STATUS_B = 0, 2, 4, 7, 8, 9, 10, 11
_TIME = (_SECOND, _MINUTE, _HOUR, _DAY, _MONTH, _YEAR)
_UPDATING = 0x80
_BINARY = 0x04
_24_HOURS = 0x02
_HALT = 0x80
_AFTERNOON = 0x80
_TRIES = 100


class CmosRtcPackage:
    """Methods of the clock. Its time is UTC, and its years are those of one century.

    Args:
        bus: the port.
        index: the address of the index port; the data port is the next byte.
        century: the year that the clock's 0 is.
    """

    def __init__(self, bus: Bus, index: int, century: int = 2000) -> None:
        self._bus = bus
        self._index = index
        self._century = century

    def methods(self) -> dict[str, Method]:
        """The methods, by name, for `Node.methods`."""
        return {**OPENABLE, "get-time": self._get_time, "set-time": self._set_time}

    def _get_time(self, instance: Instance, stack: Stack) -> None:
        """( -- second minute hour day month year )."""
        for _ in range(_TRIES):
            before, *time, mode, after = self._bus.run(self._reads(_STATUS_A, *_TIME, _STATUS_B, _STATUS_A))
            if not (before | after) & _UPDATING:
                break
        else:
            raise Throw(ThrowCode.ABORT, "the clock is being updated, and that has no end")
        afternoon = not mode & _24_HOURS and time[2] & _AFTERNOON
        if not mode & _24_HOURS:
            time[2] &= ~_AFTERNOON
        if not mode & _BINARY:
            time = [10 * (value >> 4) + (value & 15) for value in time]
        if not mode & _24_HOURS:
            time[2] = time[2] % 12 + (12 if afternoon else 0)
        second, minute, hour, day, month, year = time
        try:
            push_time(stack, datetime(self._century + year, month, day, hour, minute, second, tzinfo=UTC))
        except ValueError:
            raise Throw(ThrowCode.ABORT, f"the clock shows no time: {time}") from None

    def _set_time(self, instance: Instance, stack: Stack) -> None:
        """( second minute hour day month year -- )."""
        wanted = pop_time(stack)
        if not 0 <= wanted.year - self._century < 100:
            raise Throw(ThrowCode.ABORT, f"the clock has no year {wanted.year}")
        (mode,) = self._bus.run(self._reads(_STATUS_B))
        year = wanted.year - self._century
        time = [wanted.second, wanted.minute, wanted.hour, wanted.day, wanted.month, year]
        if not mode & _BINARY:
            time = [value // 10 << 4 | value % 10 for value in time]
        values = list(zip(_TIME, time, strict=True))
        self._write((_STATUS_B, mode | _HALT | _24_HOURS), *values, (_STATUS_B, mode & ~_HALT | _24_HOURS))

    def _reads(self, *registers: int) -> list[Access]:
        return [
            access
            for register in registers
            for access in (
                Access(BusOp.WRITE, self._index, 1, register),
                Access(BusOp.READ, self._index + 1, 1),
            )
        ]

    def _write(self, *pairs: tuple[int, int]) -> None:
        self._bus.run(
            [Access(BusOp.WRITE, self._index + place, 1, value) for pair in pairs for place, value in enumerate(pair)]
        )
