"""Outcomes: what the run loop shall do after a client call. It alone acts on them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DONE", "MALFORMED", "Departed", "Enter", "Exit", "Jump", "Outcome", "Reset", "Return", "Suspended"]


@dataclass(frozen=True, slots=True)
class Return:
    """Go back to the caller with this in r3."""

    r3: int


@dataclass(frozen=True, slots=True)
class Jump:
    """Start a program: `chain`, `go`. Its r5 is the client interface's entry.

    Attributes:
        entry: the address of its first instruction.
        r3, r4: an initial RAM disk's address and size, or 0.
        r6, r7: the address and size of the program's arguments, or 0 (1275 PowerPC binding §8.2.1).
    """

    entry: int
    r3: int = 0
    r4: int = 0
    r6: int = 0
    r7: int = 0


@dataclass(frozen=True, slots=True)
class Enter:
    """The client program wants the user to have the firmware's prompt."""


@dataclass(frozen=True, slots=True)
class Exit:
    """The client program gave up, or is done (`exit`)."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Start the machine afresh.

    Attributes:
        command: the boot command that the client gave, if it did.
    """

    command: str = ""


Outcome = Return | Jump | Enter | Exit | Reset

DONE = Return(0)
MALFORMED = Return(-1)


class Departed(Exception):
    """A client call made by a guest callback did not return: everything above it unwinds, up to the outermost call.

    Raised by the `Cpu` port alone.
    """

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class Suspended(Exception):
    """The run loop has to stop while a port waits: the client call is asked again when it goes on.

    Raised by `Console.wait` alone, and only for a call that is not inside of another.
    """
