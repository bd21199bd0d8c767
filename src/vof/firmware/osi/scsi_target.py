"""A disk or a CD on SCSI: the commands that it answers (SPC, SBC and MMC, as far as drivers of the time use them)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from vof.errors import PortError
from vof.ports import Block

__all__ = ["CHECK_CONDITION", "GOOD", "ScsiTarget", "Transfer"]

GOOD, CHECK_CONDITION = 0x00, 0x02
_AT_ONCE = 1 << 20
_DISK_BLOCK, _CD_BLOCK = 512, 2048
_LAST = 0xFFFFFFFF


class _Key(IntEnum):
    """Sense keys."""

    NONE = 0
    NOT_READY = 2
    MEDIUM_ERROR = 3
    ILLEGAL_REQUEST = 5
    DATA_PROTECT = 7


class _Refused(Exception):
    """A command that isn't carried out.

    Args:
        key, code: sense key and additional sense code.
    """

    def __init__(self, key: _Key, code: int) -> None:
        super().__init__(key, code)
        self.sense = (key, code)


@dataclass(slots=True)
class Transfer:
    """The data of one command, as the initiator has room for it, or has it.

    Attributes:
        size: bytes.
        give: called with the bytes for the initiator, in their order.
        take: called with a number of bytes, gives the initiator's next.
        moved: bytes that were moved.
    """

    size: int
    give: Callable[[bytes], object]
    take: Callable[[int], bytes]
    moved: int = 0

    def reply(self, data: bytes) -> None:
        """Give the initiator as much of these as it has room for."""
        data = data[: self.size - self.moved]
        if data:
            self.give(data)
            self.moved += len(data)


class ScsiTarget:
    """The disk.

    Args:
        block: what is on it.
        cdrom: whether it is a CD, with blocks of 2048 bytes.
        read_only: whether writes are refused.
    """

    def __init__(self, block: Block, *, cdrom: bool, read_only: bool) -> None:
        self._block = block
        self._cdrom = cdrom
        self._read_only = read_only or cdrom
        self._size = _CD_BLOCK if cdrom else _DISK_BLOCK
        self._sense = _sense(_Key.NONE, 0)

    def execute(self, command: bytes, transfer: Transfer) -> tuple[int, bytes]:
        """Carry a command out.

        Args:
            command: the command descriptor block, 6 to 16 bytes.
            transfer: its data.

        Returns:
            The status, and sense data where it is CHECK CONDITION.
        """
        function = _COMMANDS.get(command[0] if command else -1)
        try:
            if function is None:
                raise _Refused(_Key.ILLEGAL_REQUEST, 0x20)
            function(self, command.ljust(16, b"\0"), transfer)
        except _Refused as refused:
            self._sense = _sense(*refused.sense)
            return CHECK_CONDITION, self._sense
        except PortError:
            self._sense = _sense(_Key.MEDIUM_ERROR, 0x11)
            return CHECK_CONDITION, self._sense
        return GOOD, b""

    @property
    def _blocks(self) -> int:
        return self._block.size // self._size

    def _nothing(self, command: bytes, transfer: Transfer) -> None:
        """TEST UNIT READY and others that have nothing to do here."""

    def _request_sense(self, command: bytes, transfer: Transfer) -> None:
        transfer.reply(self._sense[: command[4]])
        self._sense = _sense(_Key.NONE, 0)

    def _inquiry(self, command: bytes, transfer: Transfer) -> None:
        if command[1] & 1:
            raise _Refused(_Key.ILLEGAL_REQUEST, 0x24)  # vital product data
        kind = 5 if self._cdrom else 0
        name = b"VIRTUAL CD-ROM" if self._cdrom else b"VIRTUAL DISK"
        data = bytes([kind, 0x80 if self._cdrom else 0, 2, 2, 31, 0, 0, 0]) + b"VOF     " + name.ljust(16) + b"1   "
        transfer.reply(data[: command[4]])

    def _mode_sense(self, command: bytes, transfer: Transfer) -> None:
        protected = 0x80 if self._read_only else 0
        descriptor = min(self._blocks, 0xFFFFFF).to_bytes(4) + self._size.to_bytes(4)
        if command[0] == 0x1A:
            data = bytes([11, 0, protected, 8]) + descriptor
            transfer.reply(data[: command[4]])
        else:
            data = (14).to_bytes(2) + bytes([0, protected, 0, 0, 0, 8]) + descriptor
            transfer.reply(data[: int.from_bytes(command[7:9])])

    def _read_capacity(self, command: bytes, transfer: Transfer) -> None:
        last = min(max(self._blocks - 1, 0), _LAST)
        transfer.reply(last.to_bytes(4) + self._size.to_bytes(4))

    def _read(self, command: bytes, transfer: Transfer) -> None:
        offset, size = self._range(command)
        size = min(size, transfer.size)
        for done in range(0, size, _AT_ONCE):
            count = min(_AT_ONCE, size - done)
            data = self._block.read(offset + done, count)
            if len(data) < count:
                raise _Refused(_Key.MEDIUM_ERROR, 0x11)
            transfer.reply(data)

    def _write(self, command: bytes, transfer: Transfer) -> None:
        if self._read_only:
            raise _Refused(_Key.DATA_PROTECT, 0x27)
        offset, size = self._range(command)
        size = min(size, transfer.size)
        for done in range(0, size, _AT_ONCE):
            count = min(_AT_ONCE, size - done)
            self._block.write(offset + done, transfer.take(count))
            transfer.moved += count

    def _verify(self, command: bytes, transfer: Transfer) -> None:
        self._range(command)

    def _read_toc(self, command: bytes, transfer: Transfer) -> None:
        if not self._cdrom:
            raise _Refused(_Key.ILLEGAL_REQUEST, 0x20)
        in_minutes = command[1] & 2
        tracks = b""
        for number, block in ((1, 0), (0xAA, self._blocks)):
            tracks += bytes([0, 0x14, number, 0]) + (_minutes(block) if in_minutes else min(block, _LAST).to_bytes(4))
        data = (2 + len(tracks)).to_bytes(2) + bytes([1, 1]) + tracks
        transfer.reply(data[: int.from_bytes(command[7:9])])

    def _report_luns(self, command: bytes, transfer: Transfer) -> None:
        data = (8).to_bytes(4) + bytes(12)
        transfer.reply(data[: int.from_bytes(command[6:10])])

    def _range(self, command: bytes) -> tuple[int, int]:
        """Where on the disk, and how many bytes."""
        if command[0] < 0x20:  # six bytes
            start, count = int.from_bytes(command[1:4]) & 0x1FFFFF, command[4] or 256
        elif command[0] < 0x80:  # ten
            start, count = int.from_bytes(command[2:6]), int.from_bytes(command[7:9])
        else:  # twelve
            start, count = int.from_bytes(command[2:6]), int.from_bytes(command[6:10])
        if start + count > self._blocks:
            raise _Refused(_Key.ILLEGAL_REQUEST, 0x21)
        return start * self._size, count * self._size


_COMMANDS: dict[int, Callable[[ScsiTarget, bytes, Transfer], None]] = {
    0x00: ScsiTarget._nothing,  # TEST UNIT READY
    0x03: ScsiTarget._request_sense,
    0x08: ScsiTarget._read,
    0x0A: ScsiTarget._write,
    0x12: ScsiTarget._inquiry,
    0x1A: ScsiTarget._mode_sense,
    0x1B: ScsiTarget._nothing,  # START STOP UNIT
    0x1E: ScsiTarget._nothing,  # PREVENT ALLOW MEDIUM REMOVAL
    0x25: ScsiTarget._read_capacity,
    0x28: ScsiTarget._read,
    0x2A: ScsiTarget._write,
    0x2F: ScsiTarget._verify,
    0x35: ScsiTarget._nothing,  # SYNCHRONIZE CACHE
    0x43: ScsiTarget._read_toc,
    0x5A: ScsiTarget._mode_sense,
    0xA0: ScsiTarget._report_luns,
    0xA8: ScsiTarget._read,
    0xAA: ScsiTarget._write,
}


def _sense(key: _Key, code: int) -> bytes:
    """Fixed-format sense data."""
    return bytes([0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, code, 0, 0, 0, 0, 0])


def _minutes(block: int) -> bytes:
    seconds, frame = divmod(block + 150, 75)
    minutes, second = divmod(seconds, 60)
    return bytes([0, min(minutes, 255), second, frame])
