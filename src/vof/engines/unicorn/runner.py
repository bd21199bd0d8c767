"""`Runner`: runs the CPU and does what a machine does about exceptions and hypercalls, whatever the trap is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from unicorn import Uc, UcError, unicorn_const

from vof.engines.unicorn.attention import SignalAlarm
from vof.engines.unicorn.cpu import PowerCpu, Spr
from vof.engines.unicorn.exceptions import (
    EXCEPTIONS,
    MACHINE_CHECK,
    SYSTEM_CALL,
    TRACE,
    UNTAKEN,
    Exceptional,
)
from vof.engines.unicorn.interrupts import Interrupts
from vof.engines.unicorn.ram import Ram
from vof.engines.unicorn.ticker import Ticker
from vof.memory import GuestMemory
from vof.outcomes import Beyond, Crash, Outcome, Return

__all__ = ["OSI_MAGIC", "SUPERVISOR_CALL", "HypervisorCalls", "Runner", "Take"]

SUPERVISOR_CALL, HYPERVISOR_CALL = 0x44000002, 0x44000022
OSI_MAGIC = (0x113724FA, 0x77810F9B)
"""What Mac-on-Linux's calls have in r3 and r4."""
_HYPERCALL_REGISTERS = range(4, 13)
_OSI_REGISTERS = range(6, 12)
_KEPT_MSR = 0x11040
"""Bits of the MSR that an exception leaves alone: ILE, ME, IP."""
_MSR_ILE, _MSR_LE, _MSR_PR, _MSR_IP = 0x10000, 1, 0x4000, 0x40
_HIGH_VECTORS = 0xFFF00000
"""Where MSR[IP] has a 32-bit CPU look for its handlers (PowerPC OEA)."""
_SRR1_FROM_MSR = 0x87C0FFFF
_STORM = 10_000
"""Exceptions in a row at one address before it is taken that the guest will never get out."""

Take = Callable[[int, int], bool]
"""Gets Unicorn's number of an exception and the address behind the instruction; says whether it was a trap's, and is
done."""


class HypervisorCalls(Protocol):
    """What a machine has outside the guest: `vof.firmware.VirtualHypervisor` is one."""

    def hypercall(self, number: int, arguments: tuple[int, ...]) -> tuple[int, ...] | Outcome:
        """Answer a hypercall: r3 and what follows it."""
        ...

    def osi_call(self, selector: int, arguments: tuple[int, ...]) -> tuple[int | None, ...] | Outcome | None:
        """Answer one of Mac-on-Linux's calls; None for no answer at all."""
        ...


class Runner:
    """Runs a CPU.

    Args:
        cpu: the CPU.
        ram: its RAM.
        memory: the same as the port `Memory`.

    Attributes:
        hypervisor: answers hypercalls; the run loop sets it.
        take: asked first about each exception.
        osi: whether plain system calls with Mac-on-Linux's numbers are the host's.
        osi_for_users: whether they are in user mode, too, as Mac-on-Linux has it.
        interrupts: what interrupts the guest; None where nothing does.
        left: whether the client program has the machine.
        alarm: keeps signals away while the guest runs.
        ticker: stops the CPU when the host has to look around.
        followed: whether a client program that has the machine is followed any further.
    """

    def __init__(self, cpu: PowerCpu, ram: Ram, memory: GuestMemory) -> None:
        self.hypervisor: HypervisorCalls | None = None
        self.alarm: SignalAlarm | None = None
        self._nesting = 0
        self.take: Take = _take_nothing
        self.osi = False
        self.osi_for_users = True
        self.interrupts: Interrupts | None = None
        self.left = False
        self.followed = cpu.bits == 32
        self.cpu = cpu
        self.memory = memory
        self._ram = ram
        self._exception: tuple[int, int] | None = None
        self._missing: tuple[str, int] | None = None
        self._last_exception = (0, 0, 0)
        self._stormy: tuple[int, ...] = ()
        self.ticker = Ticker(cpu.interrupt)
        cpu.uc.hook_add(unicorn_const.UC_HOOK_INTR, self._on_exception)
        cpu.uc.hook_add(unicorn_const.UC_HOOK_MEM_INVALID, self._on_missing)

    def go(self) -> Outcome | None:
        """Run until a trap that was taken stops the CPU, or a tick does, or the guest can't go on.

        Returns:
            What became of the machine, if that ends it.
        """
        cpu = self.cpu
        self._exception = self._missing = None
        interrupts = self.interrupts
        if interrupts is not None:
            due = interrupts.due()
            if due is not None and (became := self._deliver(due, cpu.pc)) is not None:
                return became
            if interrupts.naps:
                return None
        quantum = interrupts.quantum if interrupts is not None else 0
        self._enter(watched=not quantum)
        try:
            whole = cpu.run(quantum)
        except UcError as error:
            if self._missing is None:
                return Crash(f"made the CPU stop ({error})", cpu.pc)
            return self._unreachable(*self._missing)
        finally:
            self._leave()
        if self._exception is None:
            if interrupts is not None:
                interrupts.ran(quantum if whole else 0)
            return None
        number, pc = self._exception
        if interrupts is not None:
            interrupts.cut()
            if interrupts.may_interrupt and number != TRACE:
                # In front of the instruction, which is executed afterwards: else a program that makes a system call
                # in each quantum is never interrupted, where the guest handles those with interrupts off.
                cpu.pc = pc - 4
                return None
        return self._handle(number, pc)

    def clear(self, address: int, size: int) -> None:
        """Zero memory, and forget what was translated from there."""
        blank = bytes(min(size, 1 << 20))
        for start in range(address, address + size, len(blank) or 1):
            count = min(len(blank), address + size - start)
            self._ram.bytes[start : start + count] = blank[:count]
        self.cpu.written(address, size)

    def close(self) -> None:
        """Stop the thread."""
        self.ticker.close()

    def _enter(self, *, watched: bool) -> None:
        self._nesting += 1
        if self._nesting == 1:
            if watched:
                self.ticker.on()
            if self.alarm is not None:
                self.alarm.in_guest = True

    def _leave(self) -> None:
        self._nesting -= 1
        if self._nesting == 0:
            self.ticker.off()
            if self.alarm is not None:
                self.alarm.in_guest = False
                self.alarm.deliver()

    # In hooks

    def _on_exception(self, uc: Uc, number: int, data: Any) -> None:
        pc = self.cpu.pc
        if not self.take(number, pc):
            self._exception = (number, pc)
            uc.emu_stop()

    def _on_missing(self, uc: Uc, access: int, address: int, size: int, value: int, data: Any) -> bool:
        if access in (unicorn_const.UC_MEM_FETCH_UNMAPPED, unicorn_const.UC_MEM_FETCH_PROT):
            what = "jumped to"
        elif access in (unicorn_const.UC_MEM_WRITE_UNMAPPED, unicorn_const.UC_MEM_WRITE_PROT):
            what = "stored to"
        else:
            what = "loaded from"
        self._missing = (what, address)
        return False

    # Between hooks

    def _handle(self, number: int, pc: int) -> Outcome | None:
        kind = EXCEPTIONS.get(number)
        if kind is None:
            return self._end(f"raised an exception that is unknown here ({number})", pc - 4)
        if number == SYSTEM_CALL:
            word = self.cpu.instruction(pc - 4)
            if word == HYPERVISOR_CALL:
                return self._hypercall(pc)
            if self.osi and word == SUPERVISOR_CALL and self._is_osi() and self._may_call():
                return self._osi_call(pc)
        if self.left and not self.followed:
            return Beyond(kind.what)
        if kind.enables and not self._has_handler(self._vector(kind)):
            self.cpu.msr |= kind.enables
            self.cpu.pc = pc - 4
            return None
        return self._deliver(kind, pc if kind.after else pc - 4)

    def _hypercall(self, pc: int) -> Outcome | None:
        cpu = self.cpu
        number = cpu.gpr(3)
        if self.hypervisor is None:
            return self._end(f"made hypercall {number:#x} where there is no hypervisor", pc - 4)
        arguments = tuple(cpu.gpr(register) for register in _HYPERCALL_REGISTERS)
        return self._answer(self.hypervisor.hypercall(number, arguments), pc)

    def _osi_call(self, pc: int) -> Outcome | None:
        cpu = self.cpu
        if self.hypervisor is None:
            cpu.pc = pc
            return None
        arguments = tuple(cpu.gpr(register) for register in _OSI_REGISTERS)
        return self._answer(self.hypervisor.osi_call(cpu.gpr(5), arguments), pc)

    def _answer(self, answer: tuple[int | None, ...] | Outcome | None, pc: int) -> Outcome | None:
        self.cpu.pc = pc
        if isinstance(answer, Return):
            answer = (answer.r3,)
        if isinstance(answer, tuple):
            for register, value in enumerate(answer, 3):
                if value is not None:
                    self.cpu.set_gpr(register, value)
            return None
        return answer

    def _is_osi(self) -> bool:
        return (self.cpu.gpr(3) & 0xFFFFFFFF, self.cpu.gpr(4) & 0xFFFFFFFF) == OSI_MAGIC

    def _may_call(self) -> bool:
        return self.osi_for_users or not self.cpu.msr & _MSR_PR

    def _unreachable(self, what: str, address: int) -> Outcome | None:
        cpu = self.cpu
        pc = cpu.pc
        if self.left and not self.followed:
            return Beyond(f"{what} {address:#x}, where there is nothing without an MMU")
        if self._has_handler(self._vector(MACHINE_CHECK)):
            return self._deliver(MACHINE_CHECK, pc)
        if address == pc:
            return Crash("jumped to where there is no memory,", pc, cpu.lr)
        return Crash(f"{what} {address:#x}, where there is no memory,", pc)

    def _deliver(self, kind: Exceptional, srr0: int) -> Outcome | None:
        cpu, place = self.cpu, self._vector(kind)
        if not self._has_handler(place):
            return self._end(self._tell(kind, srr0), srr0 - 4 if kind.after else srr0)
        if not kind.after and self._is_storm(kind, srr0):
            return self._end(f"raised the same exception {_STORM} times", srr0)
        msr = cpu.msr
        reason = kind.reason
        if kind.vector == 0x700 and msr & _MSR_PR and reason == 0x20000 and not _is_trap(cpu.instruction(srr0)):
            reason = 0x40000
        cpu.set_exception(srr0, msr & _SRR1_FROM_MSR | reason | (msr >> 63 << 63))
        cpu.msr = msr & (_KEPT_MSR | 1 << 63) | (_MSR_LE if msr & _MSR_ILE else 0)
        cpu.pc = place
        return None

    def _is_storm(self, kind: Exceptional, srr0: int) -> bool:
        """Whether the guest raises this exception again and again, with the same registers: it gets nowhere.

        One that goes on raises the same one for long, too: where its kernel does an instruction that the CPU hasn't.
        """
        vector, before, count = self._last_exception
        count = count + 1 if (vector, before) == (kind.vector, srr0) else 0
        if count > _STORM:
            cpu = self.cpu
            registers = (*cpu.save(), *[cpu.gpr(number) for number in range(32)])
            if registers == self._stormy:
                return True
            self._stormy, count = registers, count - 2  # and look again the time after next
        self._last_exception = (kind.vector, srr0, count)
        return False

    def _tell(self, kind: Exceptional, address: int) -> str:
        what = kind.what
        place = self._vector(kind)
        if place > _HIGH_VECTORS:
            what += f" (with MSR[IP] set, and there is no ROM at {place:#x})"
        elif kind.has_address:
            what += f" ({self.cpu.read_spr(Spr.DAR):#x})"
        elif kind is EXCEPTIONS[UNTAKEN]:
            word = self.cpu.instruction(address)
            what += f" ({word:#010x})" if word is not None else ""
        return what

    def _end(self, what: str, address: int) -> Outcome:
        if self.left and not self.followed:
            return Beyond(what)
        blank = self.cpu.instruction(address) in (None, 0)
        return Crash(what, address, self.cpu.lr if blank else 0)

    def _vector(self, kind: Exceptional) -> int:
        """The address of an exception's handler."""
        high = self.cpu.bits == 32 and self.cpu.msr & _MSR_IP
        return kind.vector | _HIGH_VECTORS if high else kind.vector

    def _has_handler(self, vector: int) -> bool:
        return self._ram.bytes[vector : vector + 4] not in (b"", b"\0\0\0\0")


def _is_trap(word: int | None) -> bool:
    """Whether an instruction is a trap: `tw`, `td`, `twi` or `tdi`."""
    if word is None:
        return False
    opcode = word >> 26
    return opcode in (2, 3) or (opcode == 31 and word >> 1 & 0x3FF in (4, 68))


def _take_nothing(number: int, pc: int) -> bool:
    return False
