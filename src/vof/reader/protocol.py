"""What the reader and its parent say to each other, over a socket.

Messages, both ways: one byte (`Kind`), the payload's length in four bytes, big-endian, then the payload.

    parent   QUESTION  JSON: "do", the name of an operation, and its arguments
    worker   READ      offset (8 bytes) and length (4 bytes, at most READ_LIMIT); any number of times
    parent   DATA      the bytes, fewer only at the end; or FAILED with the reason, which then ends the operation
    worker   ANSWER    JSON; or BYTES, a part of a file; or FAILED with the reason, for people
"""

from __future__ import annotations

import socket
import struct

__all__ = ["HEAD", "READ", "READ_LIMIT", "Channel", "Failed", "Kind"]

HEAD = struct.Struct(">cI")
READ = struct.Struct(">QI")
READ_LIMIT = 1 << 20


class Kind:
    """The kinds of messages."""

    QUESTION = b"Q"
    READ = b"R"
    DATA = b"D"
    ANSWER = b"A"
    BYTES = b"B"
    FAILED = b"F"


class Failed(Exception):
    """It can't be answered; the reason is for people."""


class Channel:
    """The worker's end of the socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, kind: bytes, payload: bytes) -> None:
        """Say something."""
        self._connection.sendall(HEAD.pack(kind, len(payload)) + payload)

    def receive(self) -> tuple[bytes, bytes]:
        """The next message, its kind first."""
        kind, length = HEAD.unpack(self._exactly(HEAD.size))
        return kind, self._exactly(length)

    def read_disk(self, offset: int, length: int) -> bytes:
        """Bytes of the disk, of the parent.

        Raises:
            Failed: the parent can't read them.
        """
        pieces = []
        while length > 0:
            asked = min(length, READ_LIMIT)
            self.send(Kind.READ, READ.pack(offset, asked))
            kind, payload = self.receive()
            if kind != Kind.DATA:
                raise Failed(payload.decode())
            pieces.append(payload)
            if len(payload) < asked:
                break
            offset += asked
            length -= asked
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _exactly(self, length: int) -> bytes:
        data = bytearray(length)
        with memoryview(data) as room:
            done = 0
            while done < length:
                count = self._connection.recv_into(room[done:])
                if not count:
                    raise SystemExit(0)  # the parent has closed it
                done += count
        return bytes(data)
