"""The time base. Unicorn's stands still, so each instruction that reads it is found when its block is first translated,
hooked, and done by the host from the VM's clock.

What that misses: an instruction that the guest changes into a read of the time base later keeps reading 0 until its
block is translated again; and the decrementer, which only `vof.engines.unicorn.interrupts` has count.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from unicorn import Uc, ppc_const, unicorn_const

from vof.engines.unicorn.cpu import PowerCpu

__all__ = ["TimeBase"]

_NANOSECONDS = 1_000_000_000
_MOST_PLACES = 1 << 14
"""Instructions that are hooked: each costs memory, and a guest can write them all over RAM."""
_BIG = re.compile(rb"[\x7c-\x7f].\x42[\xe6\xa6]", re.DOTALL)
_LITTLE = re.compile(rb"[\xe6\xa6]\x42.[\x7c-\x7f]", re.DOTALL)
_FORM = 0xFC1FFFFF
_UPPER = {0x7C0C42E6: False, 0x7C0C42A6: False, 0x7C0D42E6: True, 0x7C0D42A6: True}
"""mftb and mfspr of the time base, without the target register, and whether it is the upper half (PowerPC VEA)."""


class TimeBase:
    """A CPU's time base.

    Args:
        cpu: the CPU.
        frequency: ticks a second.
        nanoseconds: the time.
    """

    def __init__(self, cpu: PowerCpu, frequency: int, nanoseconds: Callable[[], int]) -> None:
        self.frequency = frequency
        self.nanoseconds = nanoseconds
        self._cpu = cpu
        self._hooked: dict[int, tuple[int, bool]] = {}
        cpu.translated = self.look_for_reads

    def ticks(self) -> int:
        """What it reads now."""
        return self.nanoseconds() * self.frequency // _NANOSECONDS & 0xFFFF_FFFF_FFFF_FFFF

    def look_for_reads(self, address: int, code: bytes) -> bool:
        """Hook what reads the time base in a block; whether there was anything new."""
        if b"\x42" not in code:
            return False
        found = False
        for pattern, order in ((_BIG, "big"), (_LITTLE, "little")):
            for match in pattern.finditer(code):
                if match.start() % 4 == 0:
                    word = int.from_bytes(match[0], "big" if order == "big" else "little")
                    found |= self._hook(address + match.start(), word)
        return found

    def _hook(self, address: int, word: int) -> bool:
        upper = _UPPER.get(word & _FORM)
        target = word >> 21 & 31
        if upper is None or self._hooked.get(address) == (target, upper):
            return False
        known = address in self._hooked
        if not known and len(self._hooked) >= _MOST_PLACES:
            return False
        self._hooked[address] = (target, upper)
        if not known:
            self._cpu.uc.hook_add(unicorn_const.UC_HOOK_CODE, self._read, begin=address, end=address)
        return True

    def _read(self, uc: Uc, address: int, size: int, data: Any) -> None:
        target, upper = self._hooked[address]
        word = self._cpu.instruction(address)
        if word is None or _UPPER.get(word & _FORM) is None:
            return  # other code is there by now
        ticks = self.ticks()
        if upper:
            ticks >>= 32
        elif self._cpu.bits == 32:
            ticks &= 0xFFFFFFFF
        uc.reg_write(ppc_const.UC_PPC_REG_0 + target, ticks)
        uc.reg_write(ppc_const.UC_PPC_REG_PC, address + 4)
