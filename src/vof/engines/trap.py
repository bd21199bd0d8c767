"""`Trap`: a way from the guest into the firmware and back. All traps look the same from here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from vof.outcomes import Jump, Outcome, Return
from vof.ports import Access

__all__ = ["Hello", "Trap", "refuse", "sleep_instead"]


@dataclass(frozen=True, slots=True)
class Hello:
    """The machine has started, or started again: time to make a firmware.

    Attributes:
        tree: the address of the machine's flattened tree in guest memory; 0 if it has none.
        pvr: the processor's version, where the stub tells it; else 0.
    """

    tree: int = 0
    pvr: int = 0


class Trap(Protocol):
    """What brings control out of the guest. Provides the ports `Cpu`, `Hypervisor` and `Bus`.

    Attributes:
        answer: answers the client call whose block is at an address. The run loop sets it.
        idle: waits for so many seconds at most and tends to other things; says whether to stop waiting. The run loop
            sets it.
        abandoned: nobody will resume the guest again: orders under way are given up. The run loop sets it.
        calls: client calls answered with a plain return.
        pause: set while a client call is answered to have `serve` return once it is.
        ordering: orders that the guest is obeying now, one inside the other.
    """

    answer: Callable[[int], Outcome]
    idle: Callable[[float], bool]
    abandoned: bool
    calls: int
    pause: bool
    ordering: int

    def serve(self) -> Hello | Outcome | None:
        """Run the guest and answer its client calls, until there is something for the run loop to do.

        Returns:
            `Hello` after a reset; the outcome of a call that does not simply return; None if `idle` stopped the wait.
        """
        ...

    def give_back(self, r3: int) -> None:
        """Return from the client call whose outcome `serve` returned, with this in r3."""
        ...

    def jump(self, start: Jump) -> None:
        """Start a client program with the client interface's entry in r5, on the firmware's stack."""
        ...

    def clear(self, address: int, size: int) -> None:
        """Zero memory such that nothing remains of code that was there. Rounded inwards to cache lines."""
        ...

    def leave(self) -> None:
        """The client program has taken the machine over: its exception vectors are no longer the stub's to borrow."""
        ...

    def hypercall(self, number: int, *arguments: int) -> tuple[int, ...]:
        """Port `Hypervisor`."""
        ...

    def call(self, entry: int, arguments: Sequence[int]) -> int:
        """Port `Cpu`."""
        ...

    def run(self, accesses: Sequence[Access]) -> list[int]:
        """Port `Bus`."""
        ...


def refuse(address: int) -> Outcome:
    """What `Trap.answer` is before there is a firmware."""
    return Return(-1)


def sleep_instead(seconds: float) -> bool:
    """What `Trap.idle` is before there is a run loop."""
    from time import sleep

    sleep(seconds)
    return False
