"""Where the firmware's own region lies in guest memory.

It lies just under QEMU's flattened tree, which QEMU puts two MiB below the end of the first memory range, or below
2 GiB if that is lower: as high as a client program in 32-bit real mode can reach, and clear of every address that one
is linked to (BootX up to 0x1e00000, yaboot's heap below 0x10000000, Linux's own choices below 0x30000000).

    start + 0x00000   the resident page: the stub's code, and nothing else
    start + 0x01000   the mailbox, and the stub's frames
    start + 0x02000   device accesses in batches
    start + 0x04000   the firmware's scratch page
    start + 0x10000   the stack that a client program starts on, 64 KiB
    start + 0x20000   room for a flattened tree, 2 MiB: QEMU's own, then the one that H_CAS returns
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Layout"]

_TREE_SIZE = 2 << 20
_TREE_CEILING = 2 << 30
_OWN_SIZE = 0x20000
_BESIDE_ROM = 1 << 20
"""The region's size where the stub is in ROM and tells of no tree."""
_FRAME = 0x70
"""Bytes above the first frame's stack pointer: a callee may store its LR and parameters there (ELF v1 ABI)."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The region's addresses.

    Attributes:
        page: the resident page, which is the region's start.
        end: the first byte after the region.
        rom_entry: the client interface's entry, if the stub is in ROM.
    """

    page: int
    end: int
    rom_entry: int = 0

    @classmethod
    def for_memory(cls, size: int) -> Layout:
        """The layout for a first memory range of so many bytes, as QEMU's pseries machine has it."""
        end = min(size, _TREE_CEILING)
        return cls(end - _TREE_SIZE - _OWN_SIZE, end)

    @classmethod
    def beside_rom(cls, size: int, entry: int) -> Layout:
        """The layout for so many bytes of memory and a stub in ROM: the last MiB, which a client isn't told of."""
        return cls(size - _BESIDE_ROM, size, entry)

    @property
    def client_entry(self) -> int:
        """The client interface's entry: what a client program gets in r5."""
        return self.rom_entry or self.page

    @property
    def scratch(self) -> int:
        """A page for blocks that the firmware builds for the guest."""
        return self.page + 0x4000

    @property
    def stack(self) -> int:
        """The stack pointer that a client program starts with; 64 KiB less a frame are below it."""
        return self.page + _OWN_SIZE - _FRAME

    @property
    def tree(self) -> tuple[int, int]:
        """Address and size of the room for a flattened tree."""
        start = self.page + _OWN_SIZE
        return start, min(_TREE_SIZE, self.end - start)
