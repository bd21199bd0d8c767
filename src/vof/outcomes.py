"""Outcomes: what the run loop shall do after a client call. It alone acts on them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "DONE",
    "MALFORMED",
    "Beyond",
    "Boot",
    "Crash",
    "Departed",
    "Enter",
    "Exit",
    "Jump",
    "Outcome",
    "Panic",
    "PowerOff",
    "Reset",
    "Return",
    "Suspended",
    "describe",
]


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
        toc: r2.
        stack: r1; 0 for the firmware's own stack.
        bits: 32, or 64 for a program of 64-bit code.
        msr: bits of the machine state register to set besides the usual (translation, for one).
        sprs: special purpose registers to set first, by number.
        segments: the segment registers 0 … 15, if they are to be set.
        bare: whether nothing at all is in registers, r5 and the machine state register included: as Mac-on-Linux starts
            its firmware.
    """

    entry: int
    r3: int = 0
    r4: int = 0
    r6: int = 0
    r7: int = 0
    toc: int = 0
    stack: int = 0
    bits: int = 32
    msr: int = 0
    sprs: tuple[tuple[int, int], ...] = ()
    segments: tuple[int, ...] = ()
    bare: bool = False


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


@dataclass(frozen=True, slots=True)
class Boot:
    """Load a program and start it, in place of one that runs: the word `boot`.

    Attributes:
        command: a device and arguments; "" for the usual.
    """

    command: str = ""


@dataclass(frozen=True, slots=True)
class PowerOff:
    """The machine's power was switched off."""


@dataclass(frozen=True, slots=True)
class Panic:
    """The client program told the machine that it has panicked."""


@dataclass(frozen=True, slots=True)
class Crash:
    """The client program did what no machine could go on from.

    Attributes:
        what: what it did, to follow "the client program".
        address: the address of the instruction.
        caller: what the link register holds, if that says more than the address does; else 0.
        registers: names and values, where they are known.
    """

    what: str
    address: int
    caller: int = 0
    registers: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Beyond:
    """The client program has the machine and has gone where this engine can't follow.

    Attributes:
        what: what it did there, to follow "the client program".
    """

    what: str


Outcome = Return | Jump | Enter | Exit | Reset | Boot | PowerOff | Panic | Crash | Beyond

DONE = Return(0)
MALFORMED = Return(-1)


def describe(outcome: Outcome) -> str:
    """An outcome in a word or two, for those who read traces."""
    if isinstance(outcome, Return):
        return f"return {outcome.r3}"
    if isinstance(outcome, Jump):
        return f"jump {outcome.entry:#x}"
    if isinstance(outcome, Reset):
        return f"reset {outcome.command}".rstrip()
    if isinstance(outcome, Boot):
        return f"boot {outcome.command}".rstrip()
    if isinstance(outcome, Crash | Beyond):
        return f"{type(outcome).__name__.lower()}: {outcome.what}"
    return type(outcome).__name__.lower()


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
