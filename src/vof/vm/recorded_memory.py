"""Guest memory as a recording knows it, for a replay: what was read then is there, and what is written is kept."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from vof.errors import MemoryFault, UsageError
from vof.trace.lines import data_of

__all__ = ["MARK", "Bulk", "Different", "RecordedMemory"]

MARK = 16
"""Bytes that repeat in what stands for data that a recording hasn't."""


class Different(Exception):
    """The firmware asked for what it hadn't asked for then."""

    def __init__(self, what: str, recorded: str, today: str) -> None:
        super().__init__(what)
        self.what, self.recorded, self.today = what, recorded, today


class RecordedMemory:
    """Guest memory as far as a recording knows it: what was read in one call.

    Args:
        size: bytes of it.
        kept: large pieces of data by digest, for they are written out once only.

    Attributes:
        written: what the firmware has written in this call.
        marks: how data begins that stands for what the recording hasn't.
    """

    def __init__(self, size: int, kept: dict[str, bytes]) -> None:
        self.size = size
        self.written: list[tuple[int, bytes | tuple[int, ...]]] = []
        self.marks: set[bytes] = set()
        self._known: Sequence[Any] = ()
        self._next = 0
        self._kept = kept

    def expect(self, known: Sequence[Any]) -> None:
        """A call begins, in which this will be read."""
        self._known, self._next = known, 0
        self.written = []
        for _, value in known:
            if type(value) is dict and "whole" in value:
                self._kept[value["digest"]] = data_of(value)

    def save(self) -> tuple[Any, ...]:
        """What `restore` takes: a call within this one begins."""
        return self._known, self._next, self.written

    def restore(self, saved: tuple[Any, ...]) -> None:
        """Go on with the call that was left."""
        self._known, self._next, self.written = saved

    def read(self, address: int, length: int) -> bytes:
        """See `vof.ports.Memory`."""
        if not 0 <= address <= self.size - length or length < 0:
            raise MemoryFault("{} bytes at {:#x} are outside memory", length, address)
        known, index = self._known, self._next
        if index < len(known):
            where, value = known[index]
            if where == address and type(value) is str and len(value) == length:
                self._next = index + 1
                return value.encode("latin-1")
        return self._find(address, length)

    def read_cells(self, address: int, count: int) -> tuple[int, ...]:
        """See `vof.ports.Memory`."""
        known, index = self._known, self._next
        if index < len(known):
            where, value = known[index]
            if where == address and type(value) is list and len(value) == count:
                self._next = index + 1
                return tuple(value)
        data = self.read(address, 4 * count)
        return tuple([int.from_bytes(data[place : place + 4]) for place in range(0, len(data), 4)])

    def read_string(self, address: int, limit: int) -> str:
        """See `vof.ports.Memory`."""
        known, index = self._known, self._next
        if index < len(known):
            where, value = known[index]
            if where == address and type(value) is dict and "z" in value:
                text: str = value["z"]
                if len(text) < limit:
                    self._next = index + 1
                    return text
        if not 0 <= address < self.size:
            raise MemoryFault("{} bytes at {:#x} are outside memory", limit, address)
        length = min(limit, self.size - address)
        data = self._find(address, 1, length)
        text_bytes, nul, _ = data.partition(b"\0")
        if nul:
            return text_bytes.decode("latin-1")
        if len(data) < length:
            raise Different("memory", "was not read there", f"reads a string at {address:#x}")
        raise MemoryFault("no end of the string at {:#x} within {} bytes", address, length)

    def write(self, address: int, data: bytes) -> None:
        """See `vof.ports.Memory`."""
        if not 0 <= address <= self.size - len(data):
            raise MemoryFault("{} bytes at {:#x} are outside memory", len(data), address)
        self.written.append((address, data))

    def write_cells(self, address: int, values: Sequence[int]) -> None:
        """See `vof.ports.Memory`."""
        if not 0 <= address <= self.size - 4 * len(values):
            raise MemoryFault("{} bytes at {:#x} are outside memory", 4 * len(values), address)
        self.written.append((address, tuple([value & 0xFFFFFFFF for value in values])))

    def _find(self, address: int, least: int, most: int = 0) -> bytes:
        """Bytes that were read then, in whatever pieces: from here on, or else before."""
        count = len(self._known)
        for step in range(count):
            index = (self._next + step) % count
            where, value = self._known[index]
            if where <= address:
                data = data_of(value)
                if isinstance(value, dict) and "bulk" in value:
                    data = self._kept.get(value["digest"]) or Bulk.make(value["digest"], value["bulk"])
                if address + least <= where + len(data):
                    if index >= self._next:
                        self._next = index + 1
                    wanted = data[address - where :][: most or least]
                    return data if len(wanted) == len(data) else wanted
        raise Different("memory", "was not read there", f"reads {least} bytes at {address:#x}")


class Bulk(bytes):
    """Stands for data of which a recording has only a digest."""

    digest: str

    @classmethod
    def make(cls, digest: str, size: int) -> Bulk:
        """Data of this size."""
        if not 0 <= size <= 1 << 30:
            raise UsageError(f"the recording is damaged: {size} bytes in one piece")
        mark = blake2b(digest.encode(), digest_size=MARK).digest()
        bulk = cls((mark * (size // MARK + 1))[:size])
        bulk.digest = digest
        return bulk
