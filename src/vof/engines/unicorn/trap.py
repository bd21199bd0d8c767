"""The traps that answer a client call within the instruction that makes it: `hypercall`, `illegal` and `osi`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from vof.engines.layout import Layout
from vof.engines.trap import Hello, refuse, sleep_instead
from vof.engines.unicorn.cpu import MSR_SF, PowerCpu
from vof.engines.unicorn.exceptions import SYSTEM_CALL, UNTAKEN
from vof.engines.unicorn.runner import HYPERVISOR_CALL, Runner
from vof.errors import MemoryFault, PortError
from vof.outcomes import Crash, Departed, Exit, Jump, Outcome, Return, Suspended
from vof.ports import Access, BusOp, Memory

__all__ = ["TRAPS", "DirectTrap", "TrapKind", "explained"]

_LOOK_EVERY = 0x100
"""Client calls between two looks at everything else."""
_RETURN_AT = 0x20
_H_VOF_CLIENT = 0xF005
_MSR_MACHINE_CHECK_FP_RI = 0x1000 | 0x2000 | 0x2
_CELL = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class TrapKind:
    """A row of the table of traps.

    Attributes:
        name: as for `--trap`; the entry's code is `vof.guest`'s NAME.bin.
        exception: Unicorn's number for what its instruction raises.
        offset: where that instruction stands behind the client interface's entry.
        register: the general purpose register that holds the argument block's address then.
    """

    name: str
    exception: int
    offset: int
    register: int


TRAPS: dict[str, TrapKind] = {
    kind.name: kind
    for kind in (
        TrapKind("hypercall", SYSTEM_CALL, 0x0C, 4),
        TrapKind("illegal", UNTAKEN, 0, 3),
        TrapKind("osi", SYSTEM_CALL, 0x18, 6),
    )
}


class DirectTrap:
    """See `vof.engines.trap.Trap`.

    Args:
        kind: which.
        runner: runs the guest.
        layout: where the firmware's region lies.
        entry: the code of the client interface's entry.
    """

    def __init__(self, kind: TrapKind, runner: Runner, layout: Layout, entry: bytes) -> None:
        self.answer: Callable[[int], Outcome] = refuse
        self.idle: Callable[[float], bool] = sleep_instead
        self.abandoned = False
        self.calls = 0
        self.pause = False
        self.ordering = 0
        self.hello: Hello | None = None
        self._runner = runner
        self._cpu: PowerCpu = runner.cpu
        self._layout = layout
        self._entry = entry
        self._number = kind.exception
        self._register = kind.register
        self._call_pc = layout.client_entry + kind.offset + 4
        self._return_pc = layout.client_entry + _RETURN_AT + 4
        self._answers_hypercall = kind.name == "hypercall"
        self._outcome: Outcome | None = None
        self._suspended: int | None = None
        self._returned = False
        runner.take = self._take
        runner.osi = kind.name == "osi"

    def start(self, hello: Hello) -> None:
        """Put the entry into memory, and say hello next: the machine starts."""
        self._runner.memory.write(self._layout.page, self._entry)
        self.hello = hello

    def serve(self) -> Hello | Outcome | None:
        """See `Trap`."""
        if self.hello is not None:
            hello, self.hello = self.hello, None
            return hello
        if self._suspended is not None:
            block, self._suspended = self._suspended, None
            self._call(block)
        while True:
            if self._outcome is not None:
                outcome, self._outcome = self._outcome, None
                return outcome
            if self._suspended is not None or self.pause:
                self.pause = False
                return None
            became = self._runner.go()
            if became is not None:
                return explained(became, self._runner.memory, self._layout, self._entry)
            if self._outcome is None and not self.pause and self.idle(0):
                return None

    def give_back(self, r3: int) -> None:
        """See `Trap`."""
        self._cpu.set_gpr(3, r3)

    def jump(self, start: Jump) -> None:
        """See `Trap`."""
        cpu, layout = self._cpu, self._layout
        self._runner.left = False
        cpu.prepare_start(start)
        if start.bare:
            cpu.start_bare(start.entry)
            return
        registers = {1: start.stack or layout.stack, 2: start.toc, 3: start.r3, 4: start.r4, 5: layout.client_entry}
        for number in range(32):
            cpu.set_gpr(number, registers.get(number, 0))
        cpu.set_gpr(6, start.r6)
        cpu.set_gpr(7, start.r7)
        cpu.msr = start.msr | _MSR_MACHINE_CHECK_FP_RI | (MSR_SF if start.bits == 64 else 0)
        cpu.pc = start.entry

    def clear(self, address: int, size: int) -> None:
        """See `Trap`."""
        self._runner.clear(address, size)

    def leave(self) -> None:
        """See `Trap`."""
        self._runner.left = True

    def hypercall(self, number: int, *arguments: int) -> tuple[int, ...]:
        """Port `Hypervisor`. Nothing is done in the guest: both sides of it are in this process."""
        hypervisor = self._runner.hypervisor
        if hypervisor is None:
            raise PortError("there is no hypervisor")
        answer = hypervisor.hypercall(number, (*arguments, *[0] * (9 - len(arguments))))
        if isinstance(answer, tuple):
            status, *rest = answer
            return status, *rest, *[0] * (8 - len(rest))
        raise Departed(answer)

    def call(self, entry: int, arguments: Sequence[int]) -> int:
        """Port `Cpu`."""
        cpu = self._cpu
        saved = cpu.save()
        for register, value in enumerate(arguments, 3):
            cpu.set_gpr(register, value)
        cpu.set_lr(self._return_pc - 4)
        cpu.pc = entry
        self.ordering += 1
        try:
            self._until_returned()
            result = cpu.gpr(3) & _CELL
        finally:
            self.ordering -= 1
        cpu.restore(saved)
        return result

    def run(self, accesses: Sequence[Access]) -> list[int]:
        """Port `Bus`. There is nothing on it but RAM."""
        memory = self._runner.memory
        values = []
        try:
            for access in accesses:
                if access.op is BusOp.READ:
                    values.append(int.from_bytes(memory.read(access.address, access.width)))
                else:
                    memory.write(access.address, access.value.to_bytes(access.width))
        except MemoryFault as fault:
            raise PortError(f"this engine has no devices: {fault}") from None
        return values

    def take_state(self) -> tuple[Any, ...]:
        """What a snapshot keeps of it."""
        return self.calls, self.hello, self._outcome, self._suspended

    def put_state(self, state: tuple[Any, ...]) -> None:
        """Be as when that was taken."""
        self.calls, self.hello, self._outcome, self._suspended = state
        self.pause = self.abandoned = False

    def _until_returned(self) -> None:
        self._returned = False
        while not self._returned:
            became = self._runner.go()
            if became is not None:
                raise Departed(became)
            if self._returned:
                break
            self.idle(0)
            if self.abandoned:
                raise Departed(Exit())
        self._returned = False

    def _take(self, number: int, pc: int) -> bool:
        """In a hook: see `vof.engines.unicorn.runner.Take`."""
        if pc == self._call_pc and number == self._number:
            self._call(self._cpu.gpr(self._register) & _CELL)
            return True
        if pc == self._return_pc and number == UNTAKEN and self.ordering:
            self._returned = True
            self._cpu.stop()
            return True
        if number == SYSTEM_CALL and self._answers_hypercall and self._is_client_call(pc):
            self._call(self._cpu.gpr(4) & _CELL)
            return True
        return False

    def _is_client_call(self, pc: int) -> bool:
        """A program's own entry, as QEMU's vof.bin brings one along."""
        cpu = self._cpu
        return cpu.gpr(3) & _CELL == _H_VOF_CLIENT and cpu.instruction(pc - 4) == HYPERVISOR_CALL

    def _call(self, block: int) -> None:
        try:
            outcome = self.answer(block)
        except Suspended:
            self._suspended = block
            self._cpu.stop()
            return
        if type(outcome) is Return:
            self._cpu.set_gpr(3, outcome.r3)
            self.calls += 1
            if not self.ordering and (self.pause or (not self.calls % _LOOK_EVERY and self.idle(0))):
                self.pause = True
                self._cpu.stop()
        elif self.ordering:
            raise Departed(outcome)
        else:
            self._outcome = outcome
            self._cpu.stop()


def explained(became: Outcome, memory: Memory, layout: Layout, entry: bytes) -> Outcome:
    """What became of the machine; where the client program has overwritten its way out, that is why.

    Args:
        became: what the engine makes of it.
        memory: guest memory.
        layout: where the firmware's region lies.
        entry: the code that was put at its start.
    """
    page = layout.page
    if type(became) is Crash and page <= became.address < layout.end and memory.read(page, len(entry)) != entry:
        what = "has overwritten the client interface's entry: it stopped"
        return Crash(what, became.address, became.caller)
    return became
