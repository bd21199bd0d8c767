"""Non-volatile memory divided into partitions, as CHRP and PAPR have it, and what is written in the one named `common`.

A partition begins with 16 bytes: its kind, a checksum of them, its length in units of 16 bytes, and a name of 12.
Ref: PAPR 8.2, CHRP 8.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from vof.errors import PortError
from vof.ports import Store

__all__ = ["COMMON", "FREE", "NvramPartition", "NvramPartitions"]

COMMON = "common"
FREE = "w" * 12
_HEADER = struct.Struct(">BBH12s")
_UNIT = _HEADER.size
_SYSTEM_KIND, _FREE_KIND = 0x70, 0x7F
_COMMON_SIZE = 0x1000
_LARGEST = 1 << 20
_MOST = 256


@dataclass(frozen=True, slots=True)
class NvramPartition:
    """A partition.

    Attributes:
        kind: 0x70 for those of the system's firmware, 0x7f for free space.
        name: up to 12 characters.
        start: where its header is.
        size: its bytes, the header's among them.
    """

    kind: int
    name: str
    start: int
    size: int


class NvramPartitions:
    """The partitions of a `Store`.

    Args:
        store: where they are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def list(self) -> list[NvramPartition]:
        """All of them, in their order; none if nothing was ever written.

        Raises:
            PortError: what is there are no partitions.
        """
        found: list[NvramPartition] = []
        start, end = 0, self._store.size - self._store.size % _UNIT
        while start < end:
            header = self._store.read(start, _UNIT)
            if not found and not any(header):
                return []
            kind, checksum, length, name = _HEADER.unpack(header)
            size = length * _UNIT
            if checksum != _checksum(header) or not size or start + size > end or len(found) == _MOST:
                raise PortError(f"the NVRAM is damaged at {start:#x}")
            found.append(NvramPartition(kind, name.partition(b"\0")[0].decode("latin-1"), start, size))
            start += size
        return found

    def format(self) -> None:
        """Make a partition for variables, and one of what is left. What was there is lost.

        Raises:
            PortError: it can't be written, or is too small.
        """
        size = min(self._store.size - self._store.size % _UNIT, _LARGEST)
        if size < 4 * _UNIT:
            raise PortError(f"{size} bytes of NVRAM are too few")
        common = min(_COMMON_SIZE, size // 2 - size // 2 % _UNIT)
        self._store.write(0, _header(_SYSTEM_KIND, common, COMMON) + bytes(common - _UNIT))
        self._store.write(common, _header(_FREE_KIND, size - common, FREE))

    def variables(self) -> dict[str, str]:
        """The variables in the partition `common`, by name.

        Raises:
            PortError: there are no partitions, or it can't be read.
        """
        partition = self._common()
        if partition is None:
            return {}
        data = self._store.read(partition.start + _UNIT, partition.size - _UNIT)
        variables = {}
        for entry in data.split(b"\0"):
            if not entry:
                break
            name, _, value = entry.decode("latin-1").partition("=")
            variables[name] = value
        return variables

    def write_variables(self, variables: Mapping[str, str]) -> None:
        """Have the partition `common` hold these and nothing else. All other partitions stay.

        Raises:
            PortError: they don't fit, or it can't be written.
        """
        entries = [f"{name}={value}".encode("latin-1") + b"\0" for name, value in variables.items()]
        data = b"".join(entries) + b"\0"
        partition = self._common()
        if partition is None:
            raise PortError("the NVRAM has no partition for variables")
        if len(data) > partition.size - _UNIT:
            raise PortError(
                f"{len(data)} bytes of variables don't fit into the {partition.size - _UNIT} that NVRAM has"
            )
        self._store.write(partition.start + _UNIT, data.ljust(partition.size - _UNIT, b"\0"))

    def _common(self) -> NvramPartition | None:
        return next((one for one in self.list() if one.name == COMMON and one.kind == _SYSTEM_KIND), None)


def _header(kind: int, size: int, name: str) -> bytes:
    header = _HEADER.pack(kind, 0, size // _UNIT, name.encode("latin-1"))
    return header[:1] + bytes([_checksum(header)]) + header[2:]


def _checksum(header: bytes) -> int:
    """Of all bytes of a header but the checksum: a sum of eight bits whose carry goes round."""
    total = sum(header) - header[1]
    while total > 0xFF:
        total = (total & 0xFF) + (total >> 8)
    return total
