"""How a VM can end, in words, and how waiting for it can fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from vof.errors import VofError
from vof.outcomes import Beyond, Crash, Exit, Outcome, Panic, PowerOff

__all__ = ["EndReason", "Ending", "ExpectTimeout", "ending_of"]


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


def ending_of(outcome: Outcome, calls: int, symbol: Callable[[int], str]) -> Ending | None:
    """The ending that an outcome is; None for one after which the machine goes on.

    Args:
        outcome: what a client call or an engine came to.
        calls: the client calls that were made.
        symbol: the nearest symbol of the client program to an address; "" for none.
    """

    def place(address: int) -> str:
        name = symbol(address)
        return f"{address:#x} ({name})" if name else f"{address:#x}"

    if type(outcome) is Exit:
        return Ending(EndReason.EXIT, "the client program called exit")
    if type(outcome) is PowerOff:
        return Ending(EndReason.POWER_OFF, "the guest powered off")
    if type(outcome) is Panic:
        return Ending(EndReason.PANIC, "the guest panicked")
    if type(outcome) is Crash:
        where = f"at {place(outcome.address)}"
        if outcome.caller:
            where += f", called from {place(outcome.caller - 4)}"
        return Ending(EndReason.CRASH, f"the client program {outcome.what} {where}", outcome.registers)
    if type(outcome) is Beyond:
        return Ending(
            EndReason.BEYOND,
            f"the client program has the machine, after {calls} client calls, and then "
            f"{outcome.what}: the unicorn engine can't follow it there; --engine qemu can "
            "(apt-get install qemu-system-ppc)",
        )
    return None
