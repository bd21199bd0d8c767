"""The NVRAM, byte by byte."""

from __future__ import annotations

from vof.ports import Store

__all__ = ["NvramBytes"]


class NvramBytes:
    """The calls to a store.

    Args:
        store: the NVRAM.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def write_nvram_byte(self, offset: int, value: int) -> int:
        """Write a byte; one outside is ignored."""
        if offset < self._store.size:
            self._store.write(offset, bytes([value & 0xFF]))
        return 0

    def read_nvram_byte(self, offset: int) -> int:
        """Read a byte; 0 outside."""
        return self._store.read(offset, 1)[0] if offset < self._store.size else 0

    def nvram_size(self) -> int:
        """Its size in bytes."""
        return self._store.size
