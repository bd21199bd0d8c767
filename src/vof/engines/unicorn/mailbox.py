"""The trap `mailbox` in this process: the guest has its turn while the host waits, and the reverse."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from typing import Any

from unicorn import Uc, unicorn_const

from vof.engines.layout import Layout
from vof.engines.mailbox import Mailbox
from vof.engines.mailbox_trap import MailboxTrap
from vof.engines.unicorn.cpu import PowerCpu
from vof.engines.unicorn.runner import Runner
from vof.engines.unicorn.trap import explained
from vof.outcomes import Departed, Jump

__all__ = ["TurnMailbox", "TurnTrap"]

_POLL = b"\x7c\xc0\x5c\x2c"
"""What the stubs look at the order's number with: lwbrx r6,0,r11."""


def _poll_offset(stub: bytes) -> int:
    """Where in a stub's resident page the instruction is that waits for an order."""
    return stub.index(_POLL)


class TurnMailbox(Mailbox):
    """A mailbox whose guest runs only while the host waits for it.

    Args:
        ram: guest memory, from address 0.
        nonce: this run's number, not 0.
        runner: runs the guest.
        code: the code of the resident page.
        layout: where the firmware's region lies.
    """

    def __init__(self, ram: mmap.mmap, nonce: int, runner: Runner, code: bytes, layout: Layout) -> None:
        super().__init__(ram, layout.page, nonce)
        self._runner = runner
        self._code = code
        self._layout = layout
        poll = layout.page + _poll_offset(code)
        runner.cpu.uc.hook_add(unicorn_const.UC_HOOK_CODE, self._on_poll, begin=poll, end=poll)

    def wait(self, idle: Callable[[float], bool]) -> bool:
        """See `Mailbox`.

        Raises:
            Departed: the machine has ended.
        """
        while True:
            if self.has_news and self._accept():
                return True
            became = self._runner.go()
            if became is not None:
                raise Departed(explained(became, self._runner.memory, self._layout, self._code))
            if not self.has_news and idle(0):
                return False

    def may_nap(self, allowed: bool) -> None:
        """See `Mailbox`. It is no longer allowed when the client program has the machine."""
        super().may_nap(allowed)
        self._runner.left = not allowed

    def _on_poll(self, uc: Uc, address: int, size: int, data: Any) -> None:
        if self.has_news:
            uc.emu_stop()


class TurnTrap(MailboxTrap):
    """The trap `mailbox`, where the host reaches registers that the stub doesn't.

    Args:
        mailbox: the host's side of the mailbox.
        layout: where the firmware's region lies.
        cpu: the CPU.
    """

    def __init__(self, mailbox: TurnMailbox, layout: Layout, cpu: PowerCpu) -> None:
        super().__init__(mailbox, layout)
        self._cpu = cpu

    def jump(self, start: Jump) -> None:
        """See `Trap`."""
        self._cpu.prepare_start(start)
        super().jump(start)
