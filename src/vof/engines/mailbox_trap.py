"""The trap `mailbox`: a stub in the guest posts requests to shared RAM, and obeys the orders that answer them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from vof.engines.exceptions import crash_of
from vof.engines.layout import Layout
from vof.engines.mailbox import BATCH_LIMIT, Mailbox, OrderKind, RequestKind
from vof.engines.trap import Hello, refuse, sleep_instead
from vof.errors import PortError
from vof.outcomes import Departed, Exit, Jump, Outcome, Reset, Return, Suspended
from vof.ports import Access, BusOp

__all__ = ["MailboxTrap"]

_LOOK_EVERY = 0x100
"""Client calls between two looks at everything else: a client that calls without a pause must not starve the rest."""
_CACHE_LINE = 128
_CELL = 0xFFFFFFFF
_MSR_64BIT = 1 << 63
_MSR_MACHINE_CHECK_FP_RI = 0x1000 | 0x2000 | 0x2


class MailboxTrap:
    """See `vof.engines.trap.Trap`.

    Args:
        mailbox: the host's side of the mailbox.
        layout: where the firmware's region lies.

    Attributes:
        greeted: whether the stub has ever said hello.
        greeting: whether the stub has said hello while a port call waited, and `serve` will say so next.
        waiting: whether the guest waits for the order that answers its last request.
    """

    def __init__(self, mailbox: Mailbox, layout: Layout) -> None:
        self.answer: Callable[[int], Outcome] = refuse
        self.idle: Callable[[float], bool] = sleep_instead
        self.abandoned = False
        self.calls = 0
        self.pause = False
        self.ordering = 0
        self.greeted = False
        self.greeting = False
        self.waiting = False
        self._mailbox = mailbox
        self._layout = layout
        self._hello = Hello()
        self._asked = False

    def serve(self) -> Hello | Outcome | None:
        """See `Trap`."""
        mailbox, idle, call = self._mailbox, self.idle, RequestKind.CALL
        if self.greeting:
            self.greeting = False
            return self._hello
        asked, self._asked = self._asked, False
        while asked or mailbox.wait(idle):
            asked = False
            kind = mailbox.kind
            if kind is call:
                try:
                    outcome = self.answer(mailbox.argument)
                except Suspended:
                    self._asked = True
                    return None
                if type(outcome) is not Return:
                    self.waiting = True
                    return outcome
                mailbox.give_back(outcome.r3)
                self.calls += 1
                if self.pause or (not self.calls % _LOOK_EVERY and idle(0)):
                    self.pause = False
                    return None
            elif kind is RequestKind.HELLO:
                self._take_hello()
                return self._hello
            elif kind is RequestKind.EXCEPTION:
                return crash_of(mailbox.registers())
        return None

    def give_back(self, r3: int) -> None:
        """See `Trap`."""
        self.waiting = False
        self._mailbox.give_back(r3)

    def jump(self, start: Jump) -> None:
        """See `Trap`."""
        self.waiting = False
        msr = start.msr | _MSR_MACHINE_CHECK_FP_RI | (_MSR_64BIT if start.bits == 64 else 0)
        layout = self._layout
        stack = start.stack or layout.stack
        registers = (start.r3, start.r4, layout.client_entry, start.r6, start.r7, 0, 0)
        self._mailbox.order(OrderKind.JUMP, (start.entry, msr, stack, start.toc, *registers))

    def clear(self, address: int, size: int) -> None:
        """See `Trap`. By the guest's own stores: QEMU doesn't see the host's writes to shared RAM."""
        first = -(-address // _CACHE_LINE) * _CACHE_LINE
        last = (address + size) // _CACHE_LINE * _CACHE_LINE
        if last > first:
            self._order(OrderKind.CLEAR, (first, last - first))

    def leave(self) -> None:
        """See `Trap`."""
        self._mailbox.may_nap(False)

    def relaunched(self) -> None:
        """The guest is gone, and another is about to say hello."""
        self.waiting = self.greeting = self._asked = False
        self._mailbox.forget()

    def hypercall(self, number: int, *arguments: int) -> tuple[int, ...]:
        """Port `Hypervisor`."""
        status, *rest = self._order(OrderKind.HYPERCALL, (number, *arguments))
        return status - (1 << 64) if status >> 63 else status, *rest

    def call(self, entry: int, arguments: Sequence[int]) -> int:
        """Port `Cpu`."""
        return self._order(OrderKind.CALL, (entry, *arguments))[0] & 0xFFFFFFFF

    def run(self, accesses: Sequence[Access]) -> list[int]:
        """Port `Bus`."""
        values: list[int] = []
        for start in range(0, len(accesses), BATCH_LIMIT):
            part = accesses[start : start + BATCH_LIMIT]
            self._mailbox.put_batch([(access.op << 8 | access.width, access.address, access.value) for access in part])
            status = self._order(OrderKind.BATCH, (len(part),))[0]
            if status:
                raise PortError(f"device access failed: hypervisor status {status - (1 << 64)}")
            done = self._mailbox.batch_values(len(part))
            values += [value for access, value in zip(part, done, strict=True) if access.op is BusOp.READ]
        return values

    def take_state(self) -> tuple[Any, ...]:
        """What a snapshot keeps of it; the mailbox itself is in guest memory."""
        return self.calls, self.greeted, self.greeting, self._hello, self._asked, self._mailbox.take_state()

    def put_state(self, state: tuple[Any, ...]) -> None:
        """Be as when that was taken."""
        self.calls, self.greeted, self.greeting, self._hello, self._asked, mailbox = state
        self._mailbox.put_state(mailbox)
        self.pause = self.abandoned = False

    def _order(self, kind: OrderKind, arguments: Sequence[int]) -> tuple[int, ...]:
        """Give an order and wait for its results, answering the client calls that come meanwhile."""
        if not self._mailbox.held:
            raise PortError("the guest is running: only during one of its calls can it be told to do something")
        self._mailbox.order(kind, arguments)
        self.ordering += 1
        try:
            return self._await_done()
        finally:
            self.ordering -= 1

    def _await_done(self) -> tuple[int, ...]:
        while True:
            self._mailbox.wait(self._idle_on)
            if self._mailbox.kind is RequestKind.DONE:
                return self._mailbox.results()
            if self._mailbox.kind is RequestKind.HELLO:
                self._take_hello()
                self.greeting = True
                raise Departed(Reset())
            if self._mailbox.kind is RequestKind.EXCEPTION:
                raise Departed(crash_of(self._mailbox.registers()))
            outcome = self.answer(self._mailbox.argument)
            if not isinstance(outcome, Return):
                raise Departed(outcome)
            self._mailbox.give_back(outcome.r3)

    def _take_hello(self) -> None:
        self.greeted = True
        tree, pvr, *_ = self._mailbox.results()
        self._hello = Hello(tree, pvr & _CELL)
        self.waiting = True
        self._mailbox.may_nap(True)

    def _idle_on(self, seconds: float) -> bool:
        # Whoever wants to stop the run loop waits until the guest has done what it was told, unless it is for good.
        self.idle(seconds)
        if self.abandoned:
            raise Departed(Exit())
        return False
