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
_CHANGEABLE_VALUES, _SAVED_VALUES = 1, 3
_ALL_PAGES = 0x3F
_DISK_PAGES = {0x08: bytes([0x08, 18]) + bytes(18)}
"""Mode pages: caching, where nothing is written late."""
_CD_PAGES = {0x2A: bytes([0x2A, 18, 0, 0, 0, 0, 0x29, 0]) + bytes(12)}
"""What the drive can: a tray that ejects and can be locked, and no more."""
_TOC_SESSIONS = 1
_LEAD_OUT = 0xAA


class _Key(IntEnum):
    """Sense keys."""

    NONE = 0
    NOT_READY = 2
    MEDIUM_ERROR = 3
    ILLEGAL_REQUEST = 5
    UNIT_ATTENTION = 6
    DATA_PROTECT = 7


class _Code(IntEnum):
    """Additional sense codes, with the qualifier as lower byte."""

    NONE = 0
    UNRECOVERED_READ = 0x1100
    NO_SUCH_COMMAND = 0x2000
    OUT_OF_RANGE = 0x2100
    INVALID_FIELD = 0x2400
    WRITE_PROTECTED = 0x2700
    MEDIUM_CHANGED = 0x2800
    NO_SAVED_VALUES = 0x3900
    NO_MEDIUM = 0x3A00
    REMOVAL_PREVENTED = 0x5302


class _Refused(Exception):
    """A command that isn't carried out.

    Args:
        key, code: sense key and additional sense code.
    """

    def __init__(self, key: _Key, code: _Code) -> None:
        super().__init__(key, code)
        self.sense = _sense(key, code)


def _sense(key: _Key, code: _Code) -> bytes:
    """Fixed-format sense data."""
    return bytes([0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, code >> 8, code & 0xFF, 0, 0, 0, 0])


_NO_SENSE = _sense(_Key.NONE, _Code.NONE)


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
        self.reset()

    def reset(self) -> None:
        """The machine starts anew: a CD is in its drive, and nothing keeps it there."""
        self._sense = _NO_SENSE
        self._present = True
        self._locked = self._changed = False

    # For people

    def insert(self) -> None:
        """Put the CD back. The next command that looks at the medium is told so."""
        self._changed = self._changed or not self._present
        self._present = True

    def eject(self) -> bool:
        """Take the CD away; whether that could be done: a disk has none, and the guest may have locked it in."""
        if not self._cdrom or self._locked:
            return False
        self._present = False
        return True

    # Commands

    def execute(self, command: bytes, transfer: Transfer) -> tuple[int, bytes]:
        """Carry a command out.

        Args:
            command: the command descriptor block, 6 to 16 bytes.
            transfer: its data.

        Returns:
            The status, and sense data where it is CHECK CONDITION.
        """
        number = command[0] if command else -1
        function = _COMMANDS.get(number)
        try:
            if function is None:
                raise _Refused(_Key.ILLEGAL_REQUEST, _Code.NO_SUCH_COMMAND)
            if number in _OF_THE_MEDIUM:
                self._see_medium()
            function(self, command.ljust(16, b"\0"), transfer)
        except _Refused as refused:
            self._sense = refused.sense
            return CHECK_CONDITION, self._sense
        except PortError:
            self._sense = _sense(_Key.MEDIUM_ERROR, _Code.UNRECOVERED_READ)
            return CHECK_CONDITION, self._sense
        self._sense = _NO_SENSE  # that of a command before is obsolete
        return GOOD, b""

    @property
    def _blocks(self) -> int:
        return self._block.size // self._size

    def _see_medium(self) -> None:
        if not self._present:
            raise _Refused(_Key.NOT_READY, _Code.NO_MEDIUM)
        if self._changed:
            self._changed = False
            raise _Refused(_Key.UNIT_ATTENTION, _Code.MEDIUM_CHANGED)

    def _nothing(self, command: bytes, transfer: Transfer) -> None:
        """TEST UNIT READY and others that have nothing to do here."""

    def _request_sense(self, command: bytes, transfer: Transfer) -> None:
        transfer.reply(self._sense[: command[4]])

    def _start_stop(self, command: bytes, transfer: Transfer) -> None:
        starts, moves = command[4] & 1, command[4] & 2
        if not moves or not self._cdrom:
            return
        if starts:
            self.insert()
        elif not self.eject():
            raise _Refused(_Key.ILLEGAL_REQUEST, _Code.REMOVAL_PREVENTED)

    def _prevent_allow(self, command: bytes, transfer: Transfer) -> None:
        self._locked = bool(command[4] & 1)

    def _inquiry(self, command: bytes, transfer: Transfer) -> None:
        if command[1] & 1:
            raise _Refused(_Key.ILLEGAL_REQUEST, _Code.INVALID_FIELD)  # vital product data
        kind = 5 if self._cdrom else 0
        name = b"VIRTUAL CD-ROM" if self._cdrom else b"VIRTUAL DISK"
        data = bytes([kind, 0x80 if self._cdrom else 0, 2, 2, 31, 0, 0, 0]) + b"VOF     " + name.ljust(16) + b"1   "
        transfer.reply(data[: command[4]])

    def _mode_sense(self, command: bytes, transfer: Transfer) -> None:
        if command[2] >> 6 == _SAVED_VALUES:
            raise _Refused(_Key.ILLEGAL_REQUEST, _Code.NO_SAVED_VALUES)
        pages = _CD_PAGES if self._cdrom else _DISK_PAGES
        wanted = command[2] & 0x3F
        if wanted not in (0, _ALL_PAGES, *pages):
            raise _Refused(_Key.ILLEGAL_REQUEST, _Code.INVALID_FIELD)
        found = [page for number, page in pages.items() if wanted in (number, _ALL_PAGES)]
        if command[2] >> 6 == _CHANGEABLE_VALUES:
            found = [page[:2] + bytes(len(page) - 2) for page in found]
        protected = 0x80 if self._read_only else 0
        descriptor = min(self._blocks, 0xFFFFFF).to_bytes(4) + self._size.to_bytes(4)
        if command[1] & 8:
            descriptor = b""
        data = descriptor + b"".join(found)
        if command[0] == 0x1A:
            data = bytes([3 + len(data), 0, protected, len(descriptor)]) + data
            transfer.reply(data[: command[4]])
        else:
            data = (6 + len(data)).to_bytes(2) + bytes([0, protected, 0, 0, 0, len(descriptor)]) + data
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
                raise _Refused(_Key.MEDIUM_ERROR, _Code.UNRECOVERED_READ)
            transfer.reply(data)

    def _write(self, command: bytes, transfer: Transfer) -> None:
        if self._read_only:
            raise _Refused(_Key.DATA_PROTECT, _Code.WRITE_PROTECTED)
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
            raise _Refused(_Key.ILLEGAL_REQUEST, _Code.NO_SUCH_COMMAND)
        in_minutes, kind, first = command[1] & 2, command[2] & 15 or command[9] >> 6, command[6]
        if kind == _TOC_SESSIONS:
            places = [(1, 0)]
        elif kind == 0 and (first <= 1 or first == _LEAD_OUT):
            places = [(1, 0), (_LEAD_OUT, self._blocks)][first == _LEAD_OUT :]
        else:
            raise _Refused(_Key.ILLEGAL_REQUEST, _Code.INVALID_FIELD)
        tracks = b""
        for number, block in places:
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
            raise _Refused(_Key.ILLEGAL_REQUEST, _Code.OUT_OF_RANGE)
        return start * self._size, count * self._size


_COMMANDS: dict[int, Callable[[ScsiTarget, bytes, Transfer], None]] = {
    0x00: ScsiTarget._nothing,  # TEST UNIT READY
    0x03: ScsiTarget._request_sense,
    0x08: ScsiTarget._read,
    0x0A: ScsiTarget._write,
    0x12: ScsiTarget._inquiry,
    0x1A: ScsiTarget._mode_sense,
    0x1B: ScsiTarget._start_stop,
    0x1E: ScsiTarget._prevent_allow,
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
_OF_THE_MEDIUM = frozenset(_COMMANDS) - {0x03, 0x12, 0x1A, 0x1B, 0x1E, 0x5A, 0xA0}
"""Commands that fail where there is no medium."""


def _minutes(block: int) -> bytes:
    seconds, frame = divmod(block + 150, 75)
    minutes, second = divmod(seconds, 60)
    return bytes([0, min(minutes, 255), second, frame])
