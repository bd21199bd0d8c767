"""RTAS as guest code: the node `/rtas`, and what `instantiate-rtas` puts where the client program wants it.

The code is `vof.guest`'s rtas_pegasos2.S. It works when the firmware is gone, and traps to nobody. Behind it is the
machine's NVRAM, in RAM: a number that is odd while a store is under way, and a checksum, tell the host what to keep.
Ref: PAPR 7.2, 7.3; CHRP 7.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

from vof.errors import MemoryFault, PortError
from vof.machines.machine import Site
from vof.packages import OPENABLE, Instance, Stack
from vof.ports import Access, BusOp, Memory
from vof.tree import DeviceTree, Node, encode_int, encode_string

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
        arguments, results: the names of the cells that it takes, and gives behind the status.
        summary: what it does, in a line for its user.
        clause: where it is laid down.
    """

    name: str
    token: int
    arguments: tuple[str, ...]
    results: tuple[str, ...]
    summary: str
    clause: str


_TIME = ("year", "month", "day", "hour", "minute", "second", "nanosecond")
CALLS = (
    RtasCall("restart-rtas", 0, (), (), "nothing: there is no state to make anew", "PAPR 7.3"),
    RtasCall("nvram-fetch", 1, ("offset", "buffer", "bytes"), ("bytes",), "reads NVRAM", "PAPR 7.3.1.1"),
    RtasCall("nvram-store", 2, ("offset", "buffer", "bytes"), ("bytes",), "writes NVRAM", "PAPR 7.3.1.2"),
    RtasCall("get-time-of-day", 3, (), _TIME, "reads the clock, which counts whole seconds", "PAPR 7.3.2.1"),
    RtasCall("set-time-of-day", 4, _TIME, (), "sets the clock, to years from 2000 to 2099", "PAPR 7.3.2.2"),
    RtasCall("event-scan", 6, ("mask", "critical", "buffer", "bytes"), (), "answers 1: no event", "PAPR 7.3.3"),
    RtasCall(
        "check-exception",
        7,
        ("vector", "information", "mask", "critical", "buffer", "bytes"),
        (),
        "answers 1: no event",
        "PAPR 7.3.3",
    ),
    RtasCall(
        "read-pci-config",
        8,
        ("address", "width"),
        ("value",),
        "reads 1, 2 or 4 bytes; all ones where there is no device",
        "PAPR 7.3.4",
    ),
    RtasCall("write-pci-config", 9, ("address", "width", "value"), (), "writes 1, 2 or 4 bytes", "PAPR 7.3.4"),
    RtasCall("display-character", 10, ("character",), (), "writes to the serial line", "PAPR 7.3.5"),
    RtasCall("set-indicator", 11, ("indicator", "index", "state"), (), "answers -3: there is none", "PAPR 7.3.5"),
    RtasCall("get-sensor-state", 12, ("sensor", "index"), ("state",), "answers -3: there is none", "PAPR 7.3.5"),
    RtasCall("power-off", 17, ("mask", "mask"), (), "switches the machine off, for good", "PAPR 7.3.6.1"),
    RtasCall("system-reboot", 20, (), (), "starts the firmware anew", "PAPR 7.3.6.3"),
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
        self._limit = site.region[0]
        self._nvram = nvram
        self._base = -1

    def furnish(self, tree: DeviceTree, display: Node) -> None:
        """Add `/rtas` and `/nvram`.

        Args:
            tree: the machine's.
            display: the serial line that the code writes characters to.
        """
        node = tree.add("/", "rtas", self.properties())
        node.methods.update({**OPENABLE, "instantiate-rtas": self._instantiate})
        node.properties["rtas-display-device"] = encode_int(display.phandle)
        tree.add("/", "nvram", {"device_type": encode_string("nvram"), "#bytes": encode_int(NVRAM_SIZE)})

    @staticmethod
    def properties() -> dict[str, bytes]:
        """Of `/rtas`: tokens and sizes. A scan rate of 0: there is nothing to scan for."""
        return {
            "rtas-size": encode_int(_SIZE),
            "rtas-version": encode_int(1),
            "rtas-event-scan-rate": encode_int(0),
            "rtas-error-log-max": encode_int(0),
            **{call.name: encode_int(call.token) for call in CALLS},
        }

    def _instantiate(self, instance: Instance, stack: Stack) -> None:
        """( base -- entry ): PAPR B.6.2.1. The guest writes the code, so that QEMU sees it change.

        Raises:
            MemoryFault: there is no room at that address, or no instruction can be there.
        """
        base = stack.pop()
        if base & 3 or base + _SIZE > self._limit:
            raise MemoryFault(
                f"no RTAS at {base:#x}: it takes {_SIZE:#x} bytes on a word boundary below {self._limit:#x}"
            )
        nvram = self.nvram(self._memory)
        if nvram is not None:  # an earlier client program had RTAS elsewhere
            self._nvram = nvram
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

    # The port `Store`, for the firmware

    @property
    def size(self) -> int:
        """Port `Store`."""
        return NVRAM_SIZE

    def read(self, offset: int, length: int) -> bytes:
        """Port `Store`."""
        return self._contents()[offset : offset + length]

    def write(self, offset: int, data: bytes) -> None:
        """Port `Store`."""
        contents = bytearray(self._contents())
        contents[offset : offset + len(data)] = data
        self._nvram = bytes(contents)
        if self._base >= 0:
            at = self._base + _HEADER_AT
            generation = _HEADER.unpack(self._memory.read(at, _HEADER.size))[1]
            self._memory.write(self._base + _DATA_AT, self._nvram)
            self._memory.write(at, _HEADER.pack(_MAGIC, generation, NVRAM_SIZE, nvram_checksum(self._nvram)))

    def _contents(self) -> bytes:
        contents = self.nvram(self._memory)
        if contents is None:
            raise PortError("the machine's NVRAM is being written, or was written over")
        return contents

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
