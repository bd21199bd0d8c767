"""What a 32-bit PowerPC's exception says of the program that raised it. Ref: PowerPC OEA, chapter 6."""

from __future__ import annotations

from collections.abc import Mapping

from vof.outcomes import Crash

__all__ = ["crash_of"]

_TRAP = 0x20000
_PRIVILEGED = 0x40000
_ILLEGAL = 0x80000
_WHAT = {
    0x200: "reached for memory that isn't there",
    0x300: "accessed data at an address that nothing is mapped to",
    0x400: "jumped to an address that nothing is mapped to",
    0x600: "accessed badly aligned data",
    0x700: "raised a program exception",
    0x800: "used the FPU",
    0xC00: "made a system call",
    0xD00: "was traced step by step",
    0xF20: "used the vector unit",
    0x1000: "jumped to an address that nothing is mapped to",
    0x1100: "loaded from an address that nothing is mapped to",
    0x1200: "stored to an address that nothing is mapped to",
    0x1300: "came to an instruction breakpoint",
}
_PROGRAM = (
    (_TRAP, "executed a trap"),
    (_PRIVILEGED, "executed a privileged instruction"),
    (_ILLEGAL, "ran into what is no instruction of this CPU"),
)
_ADDRESS = frozenset((0x300, 0x600))
_AFTER = frozenset((0xC00, 0xD00))
"""SRR0 is the instruction behind the one that raised these."""


def crash_of(registers: Mapping[str, int]) -> Crash:
    """What an exception comes to that the client program has no handler for.

    Args:
        registers: what it found; `vector`, `srr0`, `srr1`, `dar` and `lr` among them.
    """
    vector, address = registers["vector"], registers["srr0"]
    what = _WHAT.get(vector, f"raised an exception ({vector:#x})")
    if vector == 0x700:
        what = next((words for bit, words in _PROGRAM if registers["srr1"] & bit), what)
    if vector in _ADDRESS:
        what += f" ({registers['dar']:#x})"
    if vector in _AFTER:
        address -= 4
    return Crash(what, address, registers["lr"], tuple(registers.items()))
