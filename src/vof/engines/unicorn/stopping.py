"""Where a guest that was stopped from outside has to go on.

Unicorn 2.1.4 compiles a check for a stop into the start of each block and behind each load and store. A stop behind a
load leaves the program counter at the load, which has written its target already. Nearly every instruction can be
executed twice without harm: those with update write their base after the check, and RAM keeps no count. What can't is
a load whose target is its own base or index: it would follow a pointer twice. Such a load is taken to have been
executed. Where a block begins with one, the stop may have been in front of it, and nothing tells: so stops are rare.
"""

from __future__ import annotations

__all__ = ["spoils_itself"]

_D_FORM = frozenset((32, 34, 40, 42))  # lwz, lbz, lhz, lha
_DS_FORM = 58
_DS_LOADS = frozenset((0, 2))  # ld, lwa
_X_FORM = 31
_X_LOADS = frozenset((21, 23, 87, 279, 341, 343, 532, 534, 790))
"""ldx, lwzx, lbzx, lhzx, lwax, lhax, ldbrx, lwbrx, lhbrx."""


def spoils_itself(word: int) -> bool:
    """Whether an instruction is a load that overwrites a register that its address was made of (Power ISA 3.3.2)."""
    opcode, target, base, index = word >> 26, word >> 21 & 31, word >> 16 & 31, word >> 11 & 31
    on_base = base != 0 and target == base
    if opcode in _D_FORM:
        return on_base
    if opcode == _DS_FORM:
        return on_base and word & 3 in _DS_LOADS
    if opcode == _X_FORM and word >> 1 & 0x3FF in _X_LOADS:
        return on_base or target == index
    return False
