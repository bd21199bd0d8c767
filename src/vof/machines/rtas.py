"""RTAS as guest code: the node `/rtas`, and what `instantiate-rtas` puts where the client program wants it.

The code is `vof.guest`'s rtas_pegasos2.S. It works when the firmware is gone, and traps to nobody. Behind it is the
machine's NVRAM, in RAM: a number that is odd while a store is under way, and a checksum, tell the host what to keep.
Ref: PAPR 7.2, 7.3; CHRP 7.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

from vof.errors import MemoryFault
from vof.machines.machine import Site
from vof.packages import OPENABLE, Instance, Method, Stack
from vof.ports import Access, BusOp, Memory
from vof.tree import encode_int

__all__ = ["CALLS", "NVRAM_SIZE", "GuestRtas", "RtasCall", "nvram_checksum"]

_CODE = os.path.join(os.path.dirname(__file__), "..", "guest", "rtas_pegasos2.bin")
NVRAM_SIZE = 0x2000
"""Bytes."""
_HEADER_AT = 0xFE0
_DATA_AT = 0x1000
_SIZE = _DATA_AT + NVRAM_SIZE
_HEADER = struct.Struct(">4s3I")
_MAGIC = b"vofn"


@dataclass(frozen=True, slots=True)
class RtasCall:
    """A call that the code has.

    Attributes:
        name: the property of `/rtas` that holds its token.
        token: its number.
        arguments, results: how many cells it takes, and gives behind the status.
    """

    name: str
    token: int
    arguments: int
    results: int


CALLS = (
    RtasCall("restart-rtas", 0, 0, 0),
    RtasCall("nvram-fetch", 1, 3, 1),
    RtasCall("nvram-store", 2, 3, 1),
    RtasCall("get-time-of-day", 3, 0, 7),
    RtasCall("set-time-of-day", 4, 7, 0),
    RtasCall("event-scan", 6, 4, 0),
    RtasCall("check-exception", 7, 6, 0),
    RtasCall("read-pci-config", 8, 2, 1),
    RtasCall("write-pci-config", 9, 3, 0),
    RtasCall("display-character", 10, 1, 0),
    RtasCall("set-indicator", 11, 3, 0),
    RtasCall("get-sensor-state", 12, 2, 1),
    RtasCall("power-off", 17, 2, 0),
    RtasCall("system-reboot", 20, 0, 0),
)
"""All of them. What is no indicator, no sensor and no event is answered as PAPR has it: -3, -3 and 1."""


def nvram_checksum(data: bytes) -> int:
    """Of words: the sum so far, turned left by a bit, plus the next."""
    total = 0
    for (word,) in struct.iter_unpack(">I", data):
        total = ((total << 1 | total >> 31) + word) & 0xFFFFFFFF
    return total


class GuestRtas:
    """RTAS of one boot.

    Args:
        site: where the firmware stands.
        nvram: what is in NVRAM at the start, `NVRAM_SIZE` bytes.
    """

    def __init__(self, site: Site, nvram: bytes) -> None:
        self._bus = site.bus
        self._memory = site.memory
        self._nvram = nvram
        self._base = -1

    def properties(self) -> dict[str, bytes]:
        """Of `/rtas`."""
        return {
            "rtas-size": encode_int(_SIZE),
            "rtas-version": encode_int(1),
            "rtas-event-scan-rate": encode_int(0),
            "rtas-error-log-max": encode_int(0),
            "rtas-display-device": encode_int(0),
            **{call.name: encode_int(call.token) for call in CALLS},
        }

    def methods(self) -> dict[str, Method]:
        """Of `/rtas`."""
        return {**OPENABLE, "instantiate-rtas": self._instantiate}

    def _instantiate(self, instance: Instance, stack: Stack) -> None:
        """( base -- entry ): PAPR B.6.2.1. The guest writes the code, so that QEMU sees it change."""
        base = stack.pop()
        self._memory.read(base, _SIZE)
        with open(_CODE, "rb") as file:
            code = file.read()
        words = [word for (word,) in struct.iter_unpack(">I", code[:_HEADER_AT])]
        while not words[-1]:
            words.pop()
        self._bus.run([Access(BusOp.WRITE, base + 4 * place, 4, word) for place, word in enumerate(words)])
        header = _HEADER.pack(_MAGIC, 0, NVRAM_SIZE, nvram_checksum(self._nvram))
        self._memory.write(base + _HEADER_AT, header.ljust(_DATA_AT - _HEADER_AT, b"\0") + self._nvram)
        self._base = base
        stack.append(base)

    def nvram(self, memory: Memory) -> bytes | None:
        """What is in NVRAM now; None if that can't be told, for one because a store was never finished.

        Args:
            memory: guest memory, which the client program may have filled with anything.
        """
        if self._base < 0:
            return self._nvram
        try:
            magic, generation, size, checksum = _HEADER.unpack(memory.read(self._base + _HEADER_AT, _HEADER.size))
            data = memory.read(self._base + _DATA_AT, NVRAM_SIZE)
        except MemoryFault:
            return None
        good = magic == _MAGIC and not generation & 1 and size == NVRAM_SIZE and checksum == nvram_checksum(data)
        return data if good else None
