"""`Interrupts`: what interrupts a guest: devices at 0x500 and its decrementer at 0x900, in quanta of instructions.

Unicorn delivers none. Once the guest can be interrupted, because it lets a line through or has set its decrementer, it
runs so many instructions at a time, and in between is looked whether something is due: by the count and not by the
host's time, so that with a virtual clock a run can be repeated. Before that it runs uncounted: five times as fast.

The decrementer, which stands still in Unicorn, is kept here. Instructions that touch it, and those that may enable
interrupts or put the CPU to sleep, are found when their block is first translated, and hooked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol

from unicorn import Uc, ppc_const, unicorn_const

from vof.engines.unicorn.cpu import PowerCpu
from vof.engines.unicorn.exceptions import DECREMENTER, EXTERNAL, Exceptional
from vof.engines.unicorn.timebase import TimeBase

__all__ = ["QUANTUM", "InterruptLines", "Interrupts"]

QUANTUM = 10_000
"""Instructions between two looks."""
_LOOKS_A_POLL = 16
"""A guest that makes call after call comes to no quantum's end."""
_MSR_EE, _MSR_POW, _MSR_PR = 0x8000, 0x40000, 0x4000
_MTDEC, _MFDEC, _MTMSR = 0x7C1603A6, 0x7C1602A6, 0x7C000124
_FORM = 0xFC1FFFFF
_WANTED = re.compile(
    rb"(?=[\x7c-\x7f](?:[\x16\x36\x56\x76\x96\xb6\xd6\xf6][\x02\x03]\xa6|[\x00\x20\x40\x60\x80\xa0\xc0\xe0]\x01\x24))"
)
_CELL = 0xFFFFFFFF
_SIGN = 0x80000000


class InterruptLines(Protocol):
    """What asks for the CPU's external interrupt: an interrupt controller."""

    @property
    def enabled(self) -> bool:
        """Whether any line may reach the CPU."""
        ...

    @property
    def active(self) -> bool:
        """Whether one does."""
        ...


class Interrupts:
    """What interrupts one CPU.

    Args:
        cpu: the CPU.
        timebase: its time base, which the decrementer goes by.

    Attributes:
        lines: the interrupt controller. Whoever makes the machine sets it, and anew after each reset.
        poll: has the devices look at the outside.
        passed: is told how many instructions have gone by: for a clock that goes by them.
        nap: waits a moment, while the CPU sleeps.
        naps: whether it does.
    """

    def __init__(self, cpu: PowerCpu, timebase: TimeBase) -> None:
        self.lines: InterruptLines | None = None
        self.poll: Callable[[], object] = _nothing
        self.passed: Callable[[int], object] = _nothing_of
        self.nap: Callable[[], object] = _nothing
        self.naps = False
        self._cpu = cpu
        self._timebase = timebase
        self._hooked: set[int] = set()
        self._set_at = 0
        self._value = _CELL
        self._counts = False
        self._overdue = False
        self._looks = 0
        self._before = cpu.translated
        cpu.translated = self._look

    @property
    def quantum(self) -> int:
        """Instructions to run before the next look; 0 as long as nothing can interrupt the guest."""
        return QUANTUM if self._counts or (self.lines is not None and self.lines.enabled) else 0

    def ran(self) -> None:
        """A quantum is over."""
        if self.quantum:
            self.passed(QUANTUM)
        self.poll()

    def due(self) -> Exceptional | None:
        """What interrupts the guest now. While the CPU sleeps a moment passes, if nothing does."""
        lines = self.lines
        if lines is None:
            return None
        self._looks += 1
        if self.naps or not self._looks % _LOOKS_A_POLL:
            self.poll()
        external = lines.active
        if not external and not self._decrementer_is_due():
            if self.naps:
                self.nap()
            return None
        if not self._cpu.msr & _MSR_EE:
            return None
        self.naps = False
        if external:
            return EXTERNAL
        self._overdue = False
        return DECREMENTER

    def reset(self) -> None:
        """The machine starts anew."""
        self.naps = self._counts = self._overdue = False
        self._value = _CELL

    def take_state(self) -> tuple[Any, ...]:
        """What a snapshot keeps of it."""
        return self.naps, self._set_at, self._value, self._counts, self._overdue, self._looks

    def put_state(self, state: tuple[Any, ...]) -> None:
        """Be as when that was taken."""
        self.naps, self._set_at, self._value, self._counts, self._overdue, self._looks = state

    def _decrementer_is_due(self) -> bool:
        if self._counts and self._timebase.ticks() - self._set_at > self._value:
            self._counts, self._overdue = False, True
        return self._overdue

    # In hooks

    def _look(self, address: int, code: bytes) -> bool:
        found = self._before(address, code)
        for match in _WANTED.finditer(code):
            place = address + match.start()
            if match.start() % 4 == 0 and place not in self._hooked:
                self._hooked.add(place)
                self._cpu.uc.hook_add(unicorn_const.UC_HOOK_CODE, self._meet, begin=place, end=place)
                found = True
        return found

    def _meet(self, uc: Uc, address: int, size: int, data: Any) -> None:
        word = self._cpu.instruction(address)
        if word is None or self._cpu.msr & _MSR_PR:
            return
        register = ppc_const.UC_PPC_REG_0 + (word >> 21 & 31)
        form = word & _FORM
        if form == _MTDEC:
            self._set(uc.reg_read(register) & _CELL)
            uc.reg_write(ppc_const.UC_PPC_REG_PC, address + 4)
            self._cpu.stop()  # from here on instructions are counted
        elif form == _MFDEC:
            gone = self._timebase.ticks() - self._set_at
            uc.reg_write(register, self._value - gone & _CELL)
            uc.reg_write(ppc_const.UC_PPC_REG_PC, address + 4)
        elif form == _MTMSR:
            self._see_msr(uc, uc.reg_read(register), address)

    def _set(self, value: int) -> None:
        negative_before = (self._value - (self._timebase.ticks() - self._set_at)) & _SIGN
        self._set_at, self._value = self._timebase.ticks(), value
        self._counts = not value & _SIGN
        self._overdue = bool(value & _SIGN and not negative_before)

    def _see_msr(self, uc: Uc, value: int, address: int) -> None:
        """Sleep, or be interrupted at once by what has waited for it."""
        pending = self._overdue or (self.lines is not None and self.lines.active)
        if not value & _MSR_POW and not (value & _MSR_EE and pending):
            return
        self.naps = bool(value & _MSR_POW)
        uc.reg_write(ppc_const.UC_PPC_REG_MSR, value & ~_MSR_POW)
        uc.reg_write(ppc_const.UC_PPC_REG_PC, address + 4)
        self._cpu.stop()


def _nothing() -> None:
    pass


def _nothing_of(count: int) -> None:
    pass
