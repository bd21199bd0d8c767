"""RTAS by OF_RTAS: token, counts, arguments and results in one block. Most calls do nothing, as in Mac-on-Linux."""

from __future__ import annotations

from collections.abc import Callable

from vof.ports import Memory, Store

__all__ = ["TOKENS", "OsiRtas"]

_FIRST = 0xABCDEF00
TOKENS = {
    "restart-rtas": _FIRST + 0x01,
    "nvram-fetch": _FIRST + 0x02,
    "nvram-store": _FIRST + 0x03,
    "get-time-of-day": _FIRST + 0x04,
    "set-time-of-day": _FIRST + 0x05,
    "set-time-for-power-on": _FIRST + 0x06,
    "event-scan": _FIRST + 0x07,
    "check-exception": _FIRST + 0x08,
    "read-pci-config": _FIRST + 0x09,
    "write-pci-config": _FIRST + 0x0A,
    "set-indicator": _FIRST + 0x0C,
    "power-off": _FIRST + 0x12,
    "system-reboot": _FIRST + 0x15,
    "get-time-for-power-on": _FIRST + 0x1E,
}
"""What the properties of `/rtas` say."""
_COUNTS = {
    "restart-rtas": (0, 1),
    "nvram-fetch": (3, 2),
    "nvram-store": (3, 2),
    "get-time-of-day": (0, 8),
    "set-time-of-day": (7, 1),
    "set-time-for-power-on": (7, 1),
    "event-scan": (4, 1),
    "check-exception": (6, 1),
    "read-pci-config": (2, 2),
    "write-pci-config": (3, 1),
    "set-indicator": (3, 1),
    "power-off": (2, 1),
    "system-reboot": (0, 1),
    "get-time-for-power-on": (1, 1),
}
_SHORT = 0xFFFFFFFD
"""-3: not all of it was moved."""
_WIDTHS = (1, 2, 4)


class OsiRtas:
    """The calls. There is no PCI: its registers read as all ones, and writing them does nothing.

    Args:
        memory: guest memory.
        nvram: the NVRAM.
    """

    def __init__(self, memory: Memory, nvram: Store) -> None:
        self._memory = memory
        self._nvram = nvram
        self._names = {(TOKENS[name], *counts): name for name, counts in _COUNTS.items()}

    def of_rtas(self, block: int) -> int:
        """Make the call of a block; -1 where token and counts are none that there is."""
        token, taken, given = self._memory.read_cells(block, 3)
        name = self._names.get((token, taken, given))
        if name is None:
            return -1
        arguments = self._memory.read_cells(block + 12, taken + given)[:taken]
        calls: dict[str, Callable[..., tuple[int, ...]]] = {
            "restart-rtas": self._restart,
            "nvram-fetch": self._fetch,
            "nvram-store": self._store,
            "read-pci-config": self._read_config,
            "write-pci-config": self._write_config,
        }
        call = calls.get(name)
        if call is not None:
            self._memory.write_cells(block + 12 + 4 * taken, call(*arguments))
        return 0

    def _restart(self) -> tuple[int, ...]:
        return (0,)

    def _fetch(self, offset: int, buffer: int, length: int) -> tuple[int, ...]:
        count = max(0, min(length, self._nvram.size - offset))
        if count:
            self._memory.write(buffer, self._nvram.read(offset, count))
        return (0 if count == length else _SHORT), count

    def _store(self, offset: int, buffer: int, length: int) -> tuple[int, ...]:
        count = max(0, min(length, self._nvram.size - offset))
        if count:
            self._nvram.write(offset, self._memory.read(buffer, count))
        return (0 if count == length else _SHORT), count

    def _read_config(self, address: int, width: int) -> tuple[int, ...]:
        return 0, (1 << 8 * width) - 1 if width in _WIDTHS else 0

    def _write_config(self, address: int, width: int, value: int) -> tuple[int, ...]:
        return (0,)
