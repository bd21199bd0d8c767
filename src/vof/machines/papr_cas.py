"""The vector of `ibm,client-architecture-support` (PAPR B.6.2.3): what a client program says that it can do.

First come pairs of a mask and a processor version, the last of which asks for bits that its mask leaves out; then a
count of option vectors less one; then each option vector, its length less one in front.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vof.errors import GuestFault
from vof.ports import Memory

__all__ = ["Support", "agreed_options", "read_support"]

_MAX_VERSIONS = 512
"""As QEMU."""
_OFFERED = {5: 0x80, 24: 0x40, 26: 0x40}
"""Of option vector 5, by byte from 1: affinity in form 1, and the radix MMU with GTSE. XIVE isn't there."""
_LOGICAL_VERSION = 0x0F000000
"""Of the versions that stand for an architecture level, not for one processor."""


@dataclass(frozen=True, slots=True)
class Support:
    """What a client program can do.

    Attributes:
        versions: masks and processor versions.
        options: the option vectors, the first of them numbered 1.
    """

    versions: tuple[tuple[int, int], ...]
    options: tuple[bytes, ...]

    def runs_on(self, version: int) -> bool:
        """Whether it can run on a processor: it names it, or an architecture level.

        Args:
            version: what is in the processor's PVR.
        """
        return any(
            (version ^ wanted) & mask == 0 or (mask == 0xFFFFFFFF and wanted >> 24 << 24 == _LOGICAL_VERSION)
            for mask, wanted in self.versions
        )


def read_support(memory: Memory, address: int) -> Support:
    """Read a vector from guest memory.

    Args:
        memory: guest memory.
        address: where it is.

    Raises:
        GuestFault: it has no end.
        MemoryFault: it leads outside memory.
    """
    versions = tuple(_versions(memory, address))
    if len(versions) == _MAX_VERSIONS:
        raise GuestFault("a vector of more than {} processor versions", _MAX_VERSIONS - 1)
    address += 8 * (len(versions) + 1)
    count = memory.read(address, 1)[0] + 1
    address += 1
    options = []
    for _ in range(count):
        length = memory.read(address, 1)[0] + 1
        options.append(memory.read(address + 1, length))
        address += 1 + length
    return Support(versions, tuple(options))


def agreed_options(asked: bytes) -> bytes:
    """Return what `/chosen` `ibm,architecture-vec-5` says: of what the client program asks for, that which is here.

    Args:
        asked: its option vector 5.
    """
    agreed = bytes(byte & _OFFERED.get(number, 0) for number, byte in enumerate(asked, 1)).rstrip(b"\0") or b"\0"
    return bytes([len(agreed) - 1]) + agreed


def _versions(memory: Memory, address: int) -> Iterator[tuple[int, int]]:
    for number in range(_MAX_VERSIONS):
        mask, version = memory.read_cells(address + 8 * number, 2)
        if ~mask & version:
            return
        yield mask, version
