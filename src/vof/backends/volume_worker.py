"""The worker that reads partition tables: a process of its own, which a damaged image may crash.

It is started as a script (`volumes.py` does), so it imports nothing of this package: it is there in a few hundredths
of a second. It opens no file of the user's: each byte of the image is asked of its parent, over the socket that is its
standard output. Its standard input is a pipe that nobody writes to: when the parent is gone, however that came about,
the kernel ends the worker by a signal, even amidst a library call that doesn't return.

Messages, both ways: one byte (`Kind`), the payload's length in four bytes, big-endian, then the payload.

    parent   QUESTION  JSON: "do", the name of an operation in OPERATIONS, and its arguments
    worker   READ      offset (8 bytes) and length (4 bytes, at most READ_LIMIT); any number of times
    parent   DATA      the bytes, fewer only at the end; or FAILED with the reason, which then ends the operation
    worker   ANSWER    JSON; or FAILED with the reason, for people

The worker keeps nothing between questions, since the guest may have written to the disk. An operation on files is one
more row in OPERATIONS.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["HEAD", "OPERATIONS", "READ", "READ_LIMIT", "Failed", "Kind", "find", "main"]

HEAD = struct.Struct(">cI")
READ = struct.Struct(">QI")
READ_LIMIT = 1 << 20
_MEMORY_LIMIT = 2 << 30
"""Bytes of address space. A damaged image may ask the library for any amount."""
_NUMBERS_SHOWN = 8


class Kind:
    """The kinds of messages."""

    QUESTION = b"Q"
    READ = b"R"
    DATA = b"D"
    ANSWER = b"A"
    FAILED = b"F"


class Failed(Exception):
    """It can't be answered; the reason is for people."""


class _Channel:
    """The worker's end of the socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, kind: bytes, payload: bytes) -> None:
        self._connection.sendall(HEAD.pack(kind, len(payload)) + payload)

    def receive(self) -> tuple[bytes, bytes]:
        kind, length = HEAD.unpack(self._exactly(HEAD.size))
        return kind, self._exactly(length)

    def read_disk(self, offset: int, length: int) -> bytes:
        """Bytes of the disk, of the parent."""
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
        return b"".join(pieces)

    def _exactly(self, length: int) -> bytes:
        data = bytearray()
        while len(data) < length:
            piece = self._connection.recv(length - len(data))
            if not piece:
                raise SystemExit(0)  # the parent has closed it
            data += piece
        return bytes(data)


def _open_image(channel: _Channel, size: int) -> Any:
    """The library's image object over the parent's disk; what goes wrong in a read is in its `failure`."""
    try:
        import pytsk3
    except ImportError as error:
        raise Failed(f"partitions need the Python package pytsk3 (pip install pytsk3): {error}") from None

    class Image(pytsk3.Img_Info):  # type: ignore[misc]  # the library is C++ and has no types
        def __init__(self) -> None:
            self.failure: Failed | None = None
            super().__init__(url="")

        def read(self, offset: int, length: int) -> bytes:
            try:
                return channel.read_disk(offset, min(length, max(0, size - offset)))
            except Failed as failure:
                self.failure = failure  # and no exception: the library goes on with one pending
                return b""

        def get_size(self) -> int:
            return size

        def close(self) -> None:
            """Nothing is open."""

    return Image()


def _open_table(image: Any) -> Any:
    """The partition table; of several, which hybrid CDs have, Open Firmware's own first (the Apple map)."""
    import pytsk3

    # Detection comes last: it won't choose between tables, but knows a FAT boot sector from an MBR.
    for kind in (pytsk3.TSK_VS_TYPE_MAC, pytsk3.TSK_VS_TYPE_GPT, pytsk3.TSK_VS_TYPE_DETECT):
        try:
            return pytsk3.Volume_Info(image, kind)
        except OSError:
            if image.failure is not None:
                raise image.failure from None
    raise Failed("the disk has no partition table")


def _numbered(table: Any) -> Iterator[tuple[int, Any]]:
    """The partitions with the numbers that clients give them.

    Entries of an MBR are 1 … 4 and its logical partitions count from 5 in the order of their chain, as Linux and GRUB
    do; those of a GPT or an Apple map go by their place in the table, empty ones counted.
    """
    import pytsk3

    logical = []
    for part in table:
        if part.slot_num < 0:
            continue
        if table.info.vstype == pytsk3.TSK_VS_TYPE_DOS and part.table_num > 0:
            if int(part.flags) & int(pytsk3.TSK_VS_PART_FLAG_ALLOC):
                logical.append(part)
        else:
            yield part.slot_num + 1, part
    logical.sort(key=lambda part: (part.table_num, part.slot_num))
    yield from enumerate(logical, 5)


def find(channel: _Channel, question: dict[str, Any]) -> dict[str, int]:
    """Where partition `number` of a disk of `size` bytes is: `start` and `size` in bytes."""
    table = _open_table(_open_image(channel, question["size"]))
    parts = dict(_numbered(table))
    part = parts.get(question["number"])
    if part is None:
        shown = ", ".join(map(str, sorted(parts)[:_NUMBERS_SHOWN])) or "none"
        more = ", …" if len(parts) > _NUMBERS_SHOWN else ""
        raise Failed(f"the disk has no partition {question['number']}; it has {shown}{more}")
    block_size = table.info.block_size
    return {"start": part.start * block_size, "size": part.len * block_size}


OPERATIONS: dict[str, Callable[[_Channel, dict[str, Any]], dict[str, Any]]] = {"find": find}


def _confine() -> None:
    """Leave nothing behind and take nothing along."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = _MEMORY_LIMIT if hard == resource.RLIM_INFINITY else min(hard, _MEMORY_LIMIT)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)


def main() -> None:
    """Answer questions until the parent is gone."""
    _confine()
    channel = _Channel(socket.socket(fileno=os.dup(1)))
    os.dup2(2, 1)  # what the library may print is no message
    while True:
        _, payload = channel.receive()
        question = json.loads(payload)
        try:
            answer = OPERATIONS[question["do"]](channel, question)
        except Failed as failure:
            channel.send(Kind.FAILED, str(failure).encode())
        except Exception as error:  # the library's own, of any kind, about what it read
            channel.send(Kind.FAILED, f"the disk can't be understood: {error}".encode(errors="replace"))
        else:
            channel.send(Kind.ANSWER, json.dumps(answer).encode())


if __name__ == "__main__":
    main()
