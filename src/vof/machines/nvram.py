"""Non-volatile memory of a machine in this process: it outlives the guest's resets, and ends with the VM."""

from __future__ import annotations

from vof.errors import PortError

__all__ = ["Nvram"]


class Nvram:
    """The port `Store` in plain memory; a snapshot takes it along.

    Args:
        size: its bytes, all zero at first.
    """

    __slots__ = ("_data",)

    def __init__(self, size: int) -> None:
        self._data = bytearray(size)

    @property
    def size(self) -> int:
        """See `vof.ports.Store`."""
        return len(self._data)

    def read(self, offset: int, length: int) -> bytes:
        """See `vof.ports.Store`."""
        self._check(offset, length)
        return bytes(self._data[offset : offset + length])

    def write(self, offset: int, data: bytes) -> None:
        """See `vof.ports.Store`."""
        self._check(offset, len(data))
        self._data[offset : offset + len(data)] = data

    def _check(self, offset: int, length: int) -> None:
        if not 0 <= offset <= self.size - length <= self.size:
            raise PortError(f"{length} bytes at {offset:#x} of {self.size:#x} bytes of NVRAM")
