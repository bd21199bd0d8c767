"""A TFTP server over one folder, as messages in and messages out; only files below the folder are read."""

from __future__ import annotations

import os
import stat
import struct
from dataclasses import dataclass

from vof.packages.net.tftp import BLOCK_SIZE, ErrorCode, Opcode, error_message, parse_options

__all__ = ["TftpServer"]

_SESSIONS = 16
"""Transfers at a time; the oldest gives way."""
_FIRST_PORT, _PORTS = 0x8000, 0x4000
_WINDOW = 1 << 20
"""Bytes read of a file in one go."""
_PLAIN_BLOCK_SIZE = 512
_HEAD = struct.Struct(">HH")

_Answer = tuple[int, bytes]
"""The port that a message comes from, and the message."""


class _Refusal(Exception):
    """No: the error's code and words."""


@dataclass(slots=True)
class _Session:
    """A transfer: no file stays open for it, so it can be pickled."""

    client: tuple[bytes, int]
    path: str
    size: int
    block_size: int
    sent: int = 0
    window: bytes = b""
    window_at: int = 0

    @property
    def blocks(self) -> int:
        return self.size // self.block_size + 1

    def data(self, block: int) -> bytes:
        """The DATA message of a block, from 1."""
        start = (block - 1) * self.block_size
        at = start - self.window_at
        if at < 0 or at + self.block_size > len(self.window):
            self.window, self.window_at, at = _read(self.path, start, min(_WINDOW, self.size - start)), start, 0
        return _HEAD.pack(Opcode.DATA, block & 0xFFFF) + self.window[at : at + self.block_size]


class TftpServer:
    """Reads of files below one folder, with the options blksize and tsize. Nobody can write.

    It has no timer: a client repeats what it said if no answer comes, and gets the answer again.

    Args:
        folder: the folder; links that lead out of it are refused.
    """

    def __init__(self, folder: str) -> None:
        self.folder = os.path.realpath(folder)
        self._sessions: dict[int, _Session] = {}
        self._started = 0

    def request(self, client: tuple[bytes, int], message: bytes) -> _Answer:
        """Answer what came to port 69 from this address and port."""
        try:
            return self._begin(client, message)
        except _Refusal as refusal:
            return 69, error_message(*refusal.args)

    def acknowledge(self, port: int, client: tuple[bytes, int], message: bytes) -> _Answer | None:
        """Answer what came to a transfer's own port."""
        session = self._sessions.get(port)
        if session is None or session.client != client or len(message) < _HEAD.size:
            return None
        opcode, number = _HEAD.unpack_from(message)
        if opcode != Opcode.ACK:
            self._sessions.pop(port, None)
            return None
        # The block it names is the last that was sent, or the one before where that was lost.
        behind = (session.sent - number) & 0xFFFF
        if behind > min(1, session.sent):
            return None
        block = session.sent - behind + 1
        if block > session.blocks:
            self._sessions.pop(port, None)
            return None
        try:
            data = session.data(block)
        except OSError as error:
            self._sessions.pop(port, None)
            return port, error_message(ErrorCode.UNDEFINED, error.strerror or "can't be read")
        session.sent = block
        return port, data

    def _begin(self, client: tuple[bytes, int], message: bytes) -> _Answer:
        opcode = message[1] if len(message) > 2 and not message[0] else 0
        if opcode == Opcode.WRQ:
            raise _Refusal(ErrorCode.ACCESS, "files are only read here")
        name, _, rest = message[2:].partition(b"\0")
        mode, _, tail = rest.partition(b"\0")
        if opcode != Opcode.RRQ or mode.lower() != b"octet":
            raise _Refusal(ErrorCode.ILLEGAL, "only reads in the mode octet are served")
        path, size = self._find(name)
        options = parse_options(tail)
        asked = options.get("blksize", "")
        asked_size = int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= 5 else 0
        agreed = min(asked_size, BLOCK_SIZE) if asked_size >= 8 else None
        port = self._new_port()
        session = self._sessions[port] = _Session(client, path, size, agreed or _PLAIN_BLOCK_SIZE)
        answers = [b"blksize\0%d\0" % agreed] if agreed else []
        answers += [b"tsize\0%d\0" % size] if "tsize" in options else []
        if answers:
            return port, _HEAD.pack(Opcode.OACK, 0)[:2] + b"".join(answers)
        try:
            data = session.data(1)
        except OSError as error:
            raise _Refusal(ErrorCode.UNDEFINED, error.strerror or "can't be read") from None
        session.sent = 1
        return port, data

    def _new_port(self) -> int:
        while len(self._sessions) >= _SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        for _ in range(_SESSIONS):
            self._started += 1
            port = _FIRST_PORT + self._started % _PORTS
            if port not in self._sessions:
                break
        return port

    def _find(self, name: bytes) -> tuple[str, int]:
        """The real path and the size of a file; a name is below the folder, with or without a `/` before it."""
        parts = os.fsdecode(name).replace("\\", "/").split("/")
        if ".." in parts:
            raise _Refusal(ErrorCode.ACCESS, "no .. in names")
        path = os.path.realpath(os.path.join(self.folder, *(part for part in parts if part)))
        if not path.startswith(os.path.join(self.folder, "")):
            raise _Refusal(ErrorCode.ACCESS, "that is outside the folder")
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            raise _Refusal(ErrorCode.NOT_FOUND, "File not found") from None
        if not stat.S_ISREG(status.st_mode):
            raise _Refusal(ErrorCode.ACCESS, "that is no file")
        if not os.access(path, os.R_OK):
            raise _Refusal(ErrorCode.ACCESS, "permission denied")
        return path, status.st_size


def _read(path: str, offset: int, length: int) -> bytes:
    """Bytes of a file, as many as there are; it is never waited for, whatever it has become since."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return b""
        return os.pread(descriptor, length, offset)
    finally:
        os.close(descriptor)
