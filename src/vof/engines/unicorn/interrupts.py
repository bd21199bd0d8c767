"""`Interrupts`: what interrupts a guest: devices at 0x500 and its decrementer at 0x900, in quanta of instructions.

Unicorn delivers none. Once the guest can be interrupted, because it lets a line through or has set its decrementer, it
runs so many instructions at a time, and in between is looked whether something is due: by the count and not by the
host's time, so that with a virtual clock a run can be repeated. Before that it runs uncounted: five times as fast.

Within a quantum neither the host's clock nor its user has a say: nobody stops a CPU that counts. How much was
run of a quantum that an exception or a hook cut short, Unicorn can't tell; that much takes no time.

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
_CUTS_A_POLL = 16
"""A guest that makes call after call comes to no quantum's end."""
_MOST_PLACES = 1 << 14
"""Instructions that are hooked: each costs memory, and a guest can write them all over RAM."""
_MSR_EE, _MSR_POW, _MSR_PR = 0x8000, 0x40000, 0x4000
_MTDEC, _MFDEC, _MTMSR = 0x7C1603A6, 0x7C1602A6, 0x7C000124
_FORM = 0xFC1FFFFF
_WANTED = re.compile(
    rb"(?=[\x7c-\x7f](?:[\x16\x36\x56\x76\x96\xb6\xd6\xf6][\x02\x03]\xa6|[\x00\x20\x40\x60\x80\xa0\xc0\xe0]\x01\x24))"
)
_CELL = 0xFFFFFFFF
_SIGN = 0x80000000
_ROUND = 1 << 32


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
        self._due_at = 0
        self._counts = False
        self._overdue = False
        self._cuts = 0
        self._before = cpu.translated
        cpu.translated = self._look

    @property
    def quantum(self) -> int:
        """Instructions to run before the next look; 0 as long as nothing can interrupt the guest."""
        return QUANTUM if self._counts or (self.lines is not None and self.lines.enabled) else 0

    @property
    def pending(self) -> bool:
        """Whether something is known to wait for the guest to let it interrupt."""
        return self.lines is not None and (self._overdue or self.lines.active)

    @property
    def may_interrupt(self) -> bool:
        """Whether it waits no longer: the guest lets it now."""
        return self.pending and bool(self._cpu.msr & _MSR_EE)

    def ran(self, count: int) -> None:
        """So many instructions were run, a whole quantum of them; 0 for what can't be told."""
        if count:
            self.passed(count)
        self.poll()

    def cut(self) -> None:
        """An exception has cut a quantum short."""
        self._cuts += 1
        if not self._cuts % _CUTS_A_POLL:
            self.poll()

    def due(self) -> Exceptional | None:
        """What interrupts the guest now. While the CPU sleeps a moment passes, if nothing wakes it."""
        if self.lines is None:
            return None
        if self.naps:
            self.poll()
        if self._counts and self._ticks_left() < 0:
            self._overdue = True
            self._due_at += _ROUND  # it counts on, and comes by here once more
        if not self.pending:
            if self.naps:
                self.nap()
            return None
        self.naps = False  # even where the guest doesn't let it interrupt: it would sleep for ever
        if not self._cpu.msr & _MSR_EE:
            return None
        if self.lines.active:
            return EXTERNAL
        self._overdue = False
        return DECREMENTER

    def reset(self) -> None:
        """The machine starts anew."""
        self.naps = self._counts = self._overdue = False
        self._due_at = self._cuts = 0

    def take_state(self) -> tuple[Any, ...]:
        """What a snapshot keeps of it."""
        return self.naps, self._due_at, self._counts, self._overdue, self._cuts

    def put_state(self, state: tuple[Any, ...]) -> None:
        """Be as when that was taken."""
        self.naps, self._due_at, self._counts, self._overdue, self._cuts = state

    def _ticks_left(self) -> int:
        """What the decrementer holds, before it is cut to its 32 bits: when that gets negative, it interrupts."""
        return self._due_at - self._timebase.ticks()

    # In hooks

    def _look(self, address: int, code: bytes) -> bool:
        found = self._before(address, code)
        for match in _WANTED.finditer(code):
            place = address + match.start()
            if match.start() % 4 == 0 and place not in self._hooked and len(self._hooked) < _MOST_PLACES:
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
            uc.reg_write(register, self._ticks_left() & _CELL)
            uc.reg_write(ppc_const.UC_PPC_REG_PC, address + 4)
        elif form == _MTMSR:
            self._see_msr(uc, uc.reg_read(register), address)

    def _set(self, value: int) -> None:
        """Its sign going from 0 to 1 asks for the interrupt, whatever has it go, and the request stays until it is met
        (PowerPC OEA)."""
        left = self._ticks_left()
        if self._counts and (left < 0 or (value & _SIGN and not left & _SIGN)):
            self._overdue = True
        self._due_at += value - left
        self._counts = True

    def _see_msr(self, uc: Uc, value: int, address: int) -> None:
        """Sleep, or be interrupted at once by what has waited for it."""
        if not value & _MSR_POW and not (value & _MSR_EE and self.pending):
            return
        self.naps = bool(value & _MSR_POW)
        uc.reg_write(ppc_const.UC_PPC_REG_MSR, value & ~_MSR_POW)
        uc.reg_write(ppc_const.UC_PPC_REG_PC, address + 4)
        self._cpu.stop()


def _nothing() -> None:
    pass


def _nothing_of(count: int) -> None:
    pass
