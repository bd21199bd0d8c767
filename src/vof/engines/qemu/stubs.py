"""The stubs that QEMU's machines load as their firmware: where in each the host writes what it knows."""

from __future__ import annotations

import os
from dataclasses import dataclass

from vof.engines.layout import Layout
from vof.engines.mailbox import NONCE_AT

__all__ = ["STUBS", "Stub"]

_GUEST = os.path.join(os.path.dirname(__file__), "..", "..", "guest")


@dataclass(frozen=True, slots=True)
class Stub:
    """A stub's file.

    Attributes:
        name: the file's, in `vof.guest`.
        place_at: where in it the address of the mailbox's page is written.
        place_size: in so many bytes.
        resident_at: where in it the page begins that the mailbox is behind.
        entry: the client interface's entry, if the stub stays in ROM; else 0.
    """

    name: str
    place_at: int
    place_size: int
    resident_at: int
    entry: int = 0

    def layout(self, memory: int) -> Layout:
        """Where the firmware's region is in so many bytes of memory."""
        return Layout.beside_rom(memory, self.entry) if self.entry else Layout.for_memory(memory)

    def patched(self, page: int, nonce: int) -> bytes:
        """The file's bytes for a mailbox behind the page at this address, and for this run's number."""
        with open(os.path.join(_GUEST, self.name), "rb") as file:
            stub = bytearray(file.read())
        stub[self.place_at : self.place_at + self.place_size] = page.to_bytes(self.place_size)
        nonce_at = self.resident_at + NONCE_AT
        stub[nonce_at : nonce_at + 4] = nonce.to_bytes(4)
        return bytes(stub)


STUBS = {
    "pseries": Stub("pseries.bin", place_at=0x20, place_size=8, resident_at=0x1000),
    "rom32": Stub("rom32.bin", place_at=0x3FFC, place_size=4, resident_at=0x8000, entry=0xFFF08000),
}
"""By the name that a machine's profile has."""
