"""A disk behind an NBD server: QEMU's block layer, by its own export of what the guest's controller shows.

Ref: the NBD protocol, doc/proto.md of NetworkBlockDevice/nbd: fixed newstyle handshake, simple replies.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import time
from collections.abc import Callable
from typing import TypeVar

from vof.errors import PortError

__all__ = ["SERVER_ENVIRONMENT", "NbdDisk", "NbdError"]

_T = TypeVar("_T")

_GREETING = struct.Struct(">QQH")
_MAGIC, _OPTION_MAGIC = 0x4E42444D41474943, 0x49484156454F5054
_FIXED_NEWSTYLE, _NO_ZEROES = 1, 2
_OPTION = struct.Struct(">QII")
_OPTION_REPLY = struct.Struct(">QIII")
_OPTION_REPLY_MAGIC = 0x0003E889045565A9
_GO = 7
_ACK, _INFO = 1, 3
_IS_ERROR = 1 << 31
_INFO_EXPORT = 0
_EXPORT = struct.Struct(">HQH")
_REQUEST = struct.Struct(">IHHQQI")
_REQUEST_MAGIC = 0x25609513
_REPLY = struct.Struct(">IIQ")
_REPLY_MAGIC = 0x67446698
_READ, _WRITE, _DISCONNECT, _FLUSH = 0, 1, 2, 3
_FUA = 1
_HAS_FLAGS, _READ_ONLY, _SEND_FLUSH, _SEND_FUA = 1, 2, 4, 8
_LARGEST = 4 << 20
"""Bytes in one request; every server takes 32 MiB, and from 256 KiB on more makes nothing faster."""
_LONGEST_REPLY = 1 << 16
SERVER_ENVIRONMENT = {"MALLOC_MMAP_THRESHOLD_": str(2 * _LARGEST), "MALLOC_TRIM_THRESHOLD_": str(8 * _LARGEST)}
"""For a server's process. Otherwise glibc gives the memory of each request back to the kernel, and the page faults of
the next one take longer than the reading."""
_DEADLINE = 30.0
_NAP = 0.05
"""Seconds between two moments at which the caller's other business is tended."""
_ERRORS = {1: "it is not permitted", 5: "input/output error", 12: "no memory", 22: "it is out of range", 28: "no space"}


class NbdError(PortError):
    """The conversation with the server is over, or did not begin; a new connection may do better."""


class NbdDisk:
    """The port `Block` over a connection to an NBD server.

    Args:
        connection: a connected stream socket, which is this object's from now on.
        export: the export's name.
        block_size: bytes in a block, as clients see it.
        deadline: seconds that the server may take for one request.
        tend: called now and then while the server is waited for; it may raise.

    Attributes:
        read_only: whether the server takes no writes.

    Raises:
        NbdError: the server has no such export, or is none.
    """

    def __init__(
        self,
        connection: socket.socket,
        export: str,
        *,
        block_size: int = 512,
        deadline: float = _DEADLINE,
        tend: Callable[[], None] | None = None,
    ) -> None:
        bytearray(_LARGEST)  # freed: from now on, this process too keeps such memory
        self._socket = connection
        self._socket.setblocking(False)
        self._deadline = deadline
        self._tend = tend
        self._block_size = block_size
        self._cookie = 0
        self._end = 0.0
        try:
            self._size, flags = self._talk(lambda: self._negotiate(export))
        except BaseException:
            self._socket.close()
            raise
        self.read_only = bool(flags & _READ_ONLY)
        self._reach_image = _FUA if flags & _SEND_FUA else 0
        self._flushes = bool(flags & _SEND_FLUSH) and not self._reach_image

    @property
    def block_size(self) -> int:
        """Port `Block`."""
        return self._block_size

    @property
    def size(self) -> int:
        """Port `Block`."""
        return self._size

    @property
    def in_step(self) -> bool:
        """Whether the conversation goes on: after an error of the server's own it does."""
        return self._socket.fileno() >= 0

    def read(self, offset: int, length: int) -> bytes:
        """Port `Block`."""
        if offset < 0 or length < 0:
            raise PortError(f"{length} bytes at {offset} are outside the disk")
        length = max(0, min(length, self._size - offset))
        if length <= _LARGEST:
            return self._read(offset, length) if length else b""
        pieces = [
            self._read(place, min(_LARGEST, offset + length - place))
            for place in range(offset, offset + length, _LARGEST)
        ]
        return b"".join(pieces)

    def write(self, offset: int, data: bytes) -> None:
        """Port `Block`."""
        if offset < 0 or offset + len(data) > self._size:
            raise PortError(f"{len(data)} bytes at {offset} are outside the disk")
        if self.read_only:
            raise PortError("the disk is read-only")
        for done in range(0, len(data), _LARGEST):
            self._request(_WRITE, offset + done, data[done : done + _LARGEST])
        if self._flushes:
            self._request(_FLUSH)

    def close(self) -> None:
        """Say goodbye. May be called more than once."""
        with contextlib.suppress(OSError):
            self._socket.send(_REQUEST.pack(_REQUEST_MAGIC, 0, _DISCONNECT, 0, 0, 0))
        self.let_go()

    def let_go(self) -> None:
        """Close this end without a word: in a forked child, whose parent goes on talking."""
        self._socket.close()

    def _read(self, offset: int, length: int) -> bytes:
        return self._talk(lambda: self._ask(_READ, offset, length))

    def _request(self, command: int, offset: int = 0, data: bytes = b"") -> None:
        self._talk(lambda: self._ask(command, offset, len(data), data))

    # The conversation

    def _talk(self, what: Callable[[], _T]) -> _T:
        """Do something that waits for the server; afterwards the conversation is in step, or over."""
        self._end = time.monotonic() + self._deadline
        try:
            return what()
        except NbdError:
            self._socket.close()
            raise
        except PortError:  # the server's own: it goes on
            raise
        except TimeoutError:
            self._socket.close()
            raise NbdError(f"the disk's server gave no answer within {self._deadline:g} s") from None
        except OSError as error:
            self._socket.close()
            raise NbdError(f"the disk's server is gone: {error.strerror or error}") from None
        except BaseException:
            self._socket.close()
            raise

    def _negotiate(self, export: str) -> tuple[int, int]:
        """Size and flags of an export."""
        magic, option, flags = _GREETING.unpack(self._exactly(_GREETING.size))
        if magic != _MAGIC or option != _OPTION_MAGIC or not flags & _FIXED_NEWSTYLE:
            raise NbdError("what answers is no NBD server of today")
        name = export.encode()
        data = struct.pack(">I", len(name)) + name + bytes(2)
        client = _FIXED_NEWSTYLE | flags & _NO_ZEROES
        self._send(struct.pack(">I", client) + _OPTION.pack(_OPTION_MAGIC, _GO, len(data)) + data)
        found: tuple[int, int] | None = None
        while True:
            magic, option, kind, length = _OPTION_REPLY.unpack(self._exactly(_OPTION_REPLY.size))
            if magic != _OPTION_REPLY_MAGIC or option != _GO or length > _LONGEST_REPLY:
                raise NbdError("the disk's server is out of step")
            payload = self._exactly(length)
            if kind & _IS_ERROR:
                reason = payload.decode(errors="replace") or f"error {kind & ~_IS_ERROR}"
                raise NbdError(f"the disk's server has no {export}: {reason}")
            if kind == _INFO and length >= _EXPORT.size:
                what, size, export_flags = _EXPORT.unpack_from(payload)
                if what == _INFO_EXPORT:
                    found = size, export_flags
            elif kind == _ACK:
                if found is None or not found[1] & _HAS_FLAGS:
                    raise NbdError("the disk's server doesn't say what it has")
                return found

    def _ask(self, command: int, offset: int, length: int, data: bytes = b"") -> bytes:
        self._cookie += 1
        flags = self._reach_image if command == _WRITE else 0
        self._send(_REQUEST.pack(_REQUEST_MAGIC, flags, command, self._cookie, offset, length) + data)
        magic, error, cookie = _REPLY.unpack(self._exactly(_REPLY.size))
        if magic != _REPLY_MAGIC or cookie != self._cookie:
            raise NbdError("the disk's server is out of step")
        if error:
            what = "read" if command == _READ else "write"
            raise PortError(f"can't {what} {length} bytes at {offset}: {_ERRORS.get(error, f'error {error}')}")
        return self._exactly(length) if command == _READ else b""

    def _send(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
            except BlockingIOError:
                self._wait(select.POLLOUT)

    def _exactly(self, length: int) -> bytes:
        data = bytearray(length)
        with memoryview(data) as room:
            done = 0
            while done < length:
                try:
                    count = self._socket.recv_into(room[done:])
                except BlockingIOError:
                    self._wait(select.POLLIN)
                    continue
                if not count:
                    raise ConnectionError("it hung up")
                done += count
        return bytes(data)

    def _wait(self, event: int) -> None:
        poll = select.poll()
        poll.register(self._socket, event)
        while not poll.poll(_NAP * 1000):
            if time.monotonic() > self._end:
                raise TimeoutError
            if self._tend is not None:
                self._tend()
