"""The guest's exceptions, which Unicorn shows to the host and never delivers: by its numbers, what each is."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DECREMENTER", "EXCEPTIONS", "EXTERNAL", "MACHINE_CHECK", "SYSTEM_CALL", "TRACE", "UNTAKEN", "Exceptional"]

SYSTEM_CALL = 8
"""Unicorn's number for `sc`, whatever its level."""
TRACE = 68
"""Unicorn's number for what MSR[SE] and MSR[BE] raise behind an instruction."""
UNTAKEN = 96
"""Unicorn's number for an instruction that the CPU hasn't."""


@dataclass(frozen=True, slots=True)
class Exceptional:
    """A kind of exception.

    Attributes:
        vector: the offset of its handler (PowerPC OEA).
        what: what the program did, to follow "the client program".
        reason: bits of SRR1 that say why.
        after: whether SRR0 is the instruction behind the one that raised it.
        enables: the MSR bit that makes it never happen again: of an FPU or a vector unit at its first use.
        has_address: whether DAR says what address it was about.
    """

    vector: int
    what: str
    reason: int = 0
    after: bool = False
    enables: int = 0
    has_address: bool = False


MACHINE_CHECK = Exceptional(0x200, "reached for memory that isn't there")
EXTERNAL = Exceptional(0x500, "was interrupted by a device", after=True)
DECREMENTER = Exceptional(0x900, "was interrupted by its decrementer", after=True)
EXCEPTIONS: dict[int, Exceptional] = {
    2: Exceptional(0x300, "accessed data at an address that nothing is mapped to", has_address=True),
    3: Exceptional(0x400, "jumped to an address that nothing is mapped to", reason=0x40000000),
    5: Exceptional(0x600, "accessed badly aligned data", has_address=True),
    6: Exceptional(0x700, "executed a trap or a privileged instruction", reason=0x20000),
    7: Exceptional(0x800, "used the FPU", enables=0x2000),
    SYSTEM_CALL: Exceptional(0xC00, "made a system call", after=True),
    14: Exceptional(0x300, "accessed data at an address that nothing is mapped to", has_address=True),
    65: Exceptional(0x380, "accessed data in a segment that nothing is mapped to", has_address=True),
    66: Exceptional(0x480, "jumped into a segment that nothing is mapped to"),
    TRACE: Exceptional(0xD00, "was traced step by step", after=True),
    70: Exceptional(0xE00, "was interrupted by a hypervisor that isn't there"),
    73: Exceptional(0xF20, "used the vector unit", enables=0x2000000),
    78: Exceptional(0x1000, "jumped to an address that nothing is mapped to"),
    79: Exceptional(0x1100, "loaded from an address that nothing is mapped to", has_address=True),
    80: Exceptional(0x1200, "stored to an address that nothing is mapped to", has_address=True),
    UNTAKEN: Exceptional(0x700, "ran into what is no instruction of this CPU", reason=0x80000),
}
"""By Unicorn's numbers, which are QEMU's."""
