"""The worker that reads partition tables and file systems: a process of its own, which a damaged image may crash.

It is started as a script (`volumes.py` does) and takes of this package only the modules that it needs, none of the
packages' own: it is there in a few hundredths of a second. It opens no file of the user's: each byte of the image is
asked of its parent, over the socket that is its standard output. Its standard input is a pipe that nobody writes to:
when the parent is gone, however that came about, the kernel ends the worker by a signal, even amidst a library call
that doesn't return.

Messages, both ways: one byte (`Kind`), the payload's length in four bytes, big-endian, then the payload.

    parent   QUESTION  JSON: "do", a row of `volume_operations.Operations`, and its arguments
    worker   READ      offset (8 bytes) and length (4 bytes, at most READ_LIMIT); any number of times
    parent   DATA      the bytes, fewer only at the end; or FAILED with the reason, which then ends the operation
    worker   ANSWER    JSON; or DATA, a file's bytes, at most READ_LIMIT; or FAILED with the reason, for people

What the worker keeps between questions is only what the parent says is still true (`volume_operations.Opened`).
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
import socket
import struct
import sys
from types import ModuleType

__all__ = ["HEAD", "READ", "READ_LIMIT", "Channel", "Kind", "main"]

HEAD = struct.Struct(">cI")
READ = struct.Struct(">QI")
READ_LIMIT = 1 << 20
_MEMORY_LIMIT = 2 << 30
"""Bytes of address space. A damaged image may ask the library for any amount."""


class Kind:
    """The kinds of messages."""

    QUESTION = b"Q"
    READ = b"R"
    DATA = b"D"
    ANSWER = b"A"
    FAILED = b"F"


class Channel:
    """The worker's end of the socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, kind: bytes, payload: bytes) -> None:
        """Send one message."""
        self._connection.sendall(HEAD.pack(kind, len(payload)) + payload)

    def receive(self) -> tuple[bytes, bytes]:
        """The next message; the process ends where the parent has closed the socket."""
        kind, length = HEAD.unpack(self._exactly(HEAD.size))
        return kind, self._exactly(length)

    def read_disk(self, offset: int, length: int) -> bytes:
        """Bytes of the disk that the question is about, of the parent; `OSError` with its reason if it can't."""
        pieces = []
        while length > 0:
            asked = min(length, READ_LIMIT)
            self.send(Kind.READ, READ.pack(offset, asked))
            kind, payload = self.receive()
            if kind != Kind.DATA:
                raise OSError(payload.decode(errors="replace"))
            pieces.append(payload)
            if len(payload) < asked:
                break
            offset += asked
            length -= asked
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _exactly(self, length: int) -> bytes:
        data = bytearray(length)
        rest = memoryview(data)
        while rest:
            count = self._connection.recv_into(rest)
            if not count:
                raise SystemExit(0)  # the parent has closed it
            rest = rest[count:]
        return bytes(data)


def _confine() -> None:
    """Leave nothing behind and take nothing along."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = _MEMORY_LIMIT if hard == resource.RLIM_INFINITY else min(hard, _MEMORY_LIMIT)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)


def _bare_packages() -> None:
    """Let modules beside this one be imported without all that their packages import of their own."""
    folder = os.path.dirname(os.path.abspath(__file__))
    for name, path in ("vof", os.path.dirname(folder)), ("vof.backends", folder):
        package = ModuleType(name)
        package.__path__ = [path]
        sys.modules[name] = package


def main() -> None:
    """Answer questions until the parent is gone."""
    _confine()
    channel = Channel(socket.socket(fileno=os.dup(1)))
    os.dup2(2, 1)  # what the library may print is no message
    from vof.backends.volume_operations import Operations
    from vof.errors import PortError

    operations = Operations(channel.read_disk)
    while True:
        _, payload = channel.receive()
        try:
            answer = operations.do(json.loads(payload))
        except PortError as failure:
            channel.send(Kind.FAILED, str(failure).encode(errors="replace"))
        except Exception as error:  # the library's own, of any kind, about what it read
            channel.send(Kind.FAILED, f"the disk can't be understood: {error}".encode(errors="replace"))
        else:
            if isinstance(answer, bytes):
                channel.send(Kind.DATA, answer)
            else:
                channel.send(Kind.ANSWER, json.dumps(answer).encode())


if __name__ == "__main__":
    _bare_packages()
    main()
