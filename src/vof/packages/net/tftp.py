"""TFTP: a client that reads one file (RFC 1350, 2347, 2348, 2349), and the messages' form for both ends.

    RRQ 1, WRQ 2   name NUL mode NUL, then options, each: name NUL value NUL
    DATA 3         block number (2 bytes), at most a block of bytes; a shorter block is the last
    ACK 4          block number
    ERROR 5        code (2 bytes), words NUL
    OACK 6         the options that the server agrees to

Block numbers are 16 bits and start at 1. For files of more than 65535 blocks they wrap: to 0 with nearly every server,
to 1 with some; the client takes what comes.

A lost message is asked for again by the client's own timer: it repeats its last ACK, or the request. A block that comes
twice is not acknowledged twice in short time: where a server answers each ACK with a block and we each block with an
ACK, one doubled frame would double the rest of the file (the Sorcerer's Apprentice, RFC 1123 §4.2.3.1).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import IntEnum

from vof.errors import PortError
from vof.packages.net.dhcp import readable
from vof.packages.net.host import Host
from vof.packages.net.wire import Datagram, dotted

__all__ = ["BLOCK_SIZE", "SERVER_PORT", "ErrorCode", "Opcode", "Sink", "error_message", "fetch", "parse_options"]

SERVER_PORT = 69
BLOCK_SIZE = 1_468
"""Bytes that fill an Ethernet frame: 1500 without the headers of IP, UDP and TFTP."""
TRIES = 10
_PLAIN_BLOCK_SIZE = 512
_LONGEST_NAME = 400
_FIRST_PATIENCE = 1_000
"""Milliseconds for the answer to a request: the server may have to be started."""
_PATIENCE = 250
"""Milliseconds for a block; doubled each time that none comes."""
_LONGEST_PATIENCE = 4_000
_STRAYS = 2_000
"""Messages that are not the next block, taken in a row: blocks that were doubled, other people's."""
_REPEAT_AFTER = 50
"""Milliseconds after its first repetition at which a block that comes once more means that our ACK was lost."""
_FIRST_PORT, _PORTS = 0xC000, 0x3FFF
_PIECE = 1 << 16
"""Bytes that are gathered before they are passed on."""
_HEAD = struct.Struct(">HH")

Sink = Callable[[int, bytes], None]
"""What takes the file: an offset, and the bytes there. It is called in order and without gaps."""


class Opcode(IntEnum):
    """What a message is."""

    RRQ = 1
    WRQ = 2
    DATA = 3
    ACK = 4
    ERROR = 5
    OACK = 6


class ErrorCode(IntEnum):
    """Why not (RFC 1350, 2347)."""

    UNDEFINED = 0
    NOT_FOUND = 1
    ACCESS = 2
    FULL = 3
    ILLEGAL = 4
    UNKNOWN_PORT = 5
    EXISTS = 6
    NO_USER = 7
    OPTION = 8


_REASONS = {
    ErrorCode.NOT_FOUND: "file not found",
    ErrorCode.ACCESS: "access denied",
    ErrorCode.FULL: "disk full",
    ErrorCode.ILLEGAL: "illegal operation",
    ErrorCode.UNKNOWN_PORT: "unknown transfer",
    ErrorCode.OPTION: "options refused",
}


def fetch(host: Host, server: bytes, name: str, sink: Sink, *, limit: int, tries: int = TRIES,
          block_size: int = BLOCK_SIZE) -> int:  # fmt: skip
    """Read a file from a TFTP server.

    Args:
        host: who asks; it has an address.
        server: the server's address.
        name: the file's, as the server names it; Latin-1.
        sink: takes the bytes.
        limit: how many bytes there is room for.
        tries: how many times in a row a message is sent before we give up.
        block_size: bytes in a block, if the server agrees; 8 … 1468.

    Returns:
        The file's size.

    Raises:
        PortError: no answer, the server's refusal in words, or a file that doesn't fit.
    """
    encoded = name.encode("latin-1", "replace")
    if not encoded or len(encoded) > _LONGEST_NAME or b"\0" in encoded:
        raise PortError(f"TFTP {dotted(server)}: no file name" if not encoded else "TFTP: a file name that is none")
    block_size = max(8, min(block_size, BLOCK_SIZE))
    transfer = _Transfer(host, server, name, sink, limit, max(1, tries), block_size)
    return transfer.run(encoded)


def error_message(code: int, words: str) -> bytes:
    """An ERROR message."""
    return _HEAD.pack(Opcode.ERROR, code) + words.encode("latin-1", "replace") + b"\0"


def parse_options(data: bytes) -> dict[str, str]:
    """Options by their names in small letters; what is not whole is left out."""
    parts = data.split(b"\0")[:-1]
    texts = [part.decode("latin-1") for part in parts[:32]]
    return {texts[at].lower(): texts[at + 1] for at in range(0, len(texts) - 1, 2)}


class _Refused(Exception):
    """The server's ERROR, before any block: its code and the reason."""


class _Transfer:
    """One file on its way."""

    def __init__(
        self, host: Host, server: bytes, name: str, sink: Sink, limit: int, tries: int, block_size: int
    ) -> None:
        self.host = host
        self.server = server
        self.name = readable(name.encode())  # a server may have said it
        self.sink = sink
        self.limit = limit
        self.tries = tries
        self.block_size = block_size
        self.port = 0
        self.server_port = 0
        self.expected = 1
        self.size = 0
        self.announced: int | None = None
        self._gathered: list[bytes] = []
        self._passed_on = 0
        self._sent = b""
        self._repeated_at: int | None = None

    def run(self, name: bytes) -> int:
        """The whole transfer; without options where the server refuses those."""
        options = b"blksize\0%d\0tsize\0000\0" % self.block_size
        bare = _HEAD.pack(Opcode.RRQ, 0)[:2] + name + b"\0octet\0"
        try:
            last = self._begin(bare + options)
        except _Refused as refused:
            if refused.args[0] != ErrorCode.OPTION:
                raise self._failure(refused.args[1]) from None
            try:
                last = self._begin(bare)
            except _Refused as again:
                raise self._failure(again.args[1]) from None
        while not last:
            last = self._take(self._next_block())
        self._flush()
        if self.announced is not None and self.size < self.announced:
            raise self._failure(f"the server ended after {self.size} of {self.announced} bytes")
        return self.size

    def _begin(self, request: bytes) -> bool:
        """Send the request until there is an answer; whether that was the whole file."""
        clock = self.host.clock
        self.port = _FIRST_PORT + (self.port + 1 + clock.milliseconds()) % _PORTS
        self.server_port = SERVER_PORT
        self._sent = request
        patience = _FIRST_PATIENCE
        for _ in range(self.tries):
            self._repeat()
            answer = self._wait(patience, first=True)
            if answer is not None:
                return self._opened(answer)
            patience = min(2 * patience, _LONGEST_PATIENCE)
        raise self._failure(f"no answer to {self.tries} requests")

    def _opened(self, answer: Datagram) -> bool:
        self.server_port = answer.source_port
        payload = answer.payload
        if payload[1] == Opcode.DATA:
            self.block_size = _PLAIN_BLOCK_SIZE  # the server knows no options
            return self._take(payload)
        options = parse_options(payload[2:])
        block_size = _number(options.get("blksize", str(_PLAIN_BLOCK_SIZE)))
        if block_size is None or not 8 <= block_size <= max(self.block_size, _PLAIN_BLOCK_SIZE):
            self._send(error_message(ErrorCode.OPTION, "block size"))
            raise self._failure(f"the server wants a block size of {readable(options['blksize'].encode())}")
        self.block_size = block_size
        self.announced = _number(options.get("tsize", ""))
        if self.announced is not None and self.announced > self.limit:
            raise self._too_large(self.announced)
        self._acknowledge(0)
        return False

    def _next_block(self) -> bytes:
        """The DATA message with the expected block, asked for as often as need be."""
        patience = _PATIENCE
        for attempt in range(self.tries):
            if attempt:
                self._repeat()
                patience = min(2 * patience, _LONGEST_PATIENCE)
            answer = self._wait(patience, first=False)
            if answer is not None:
                return answer.payload
        raise self._failure(f"no more answers after {self.size} bytes ({self.tries} tries)")

    def _take(self, payload: bytes) -> bool:
        """Take the block that was expected, and acknowledge it; whether it is the last."""
        data = payload[4:]
        if len(data) > self.block_size:
            self._send(error_message(ErrorCode.ILLEGAL, "block too long"))
            raise self._failure(f"a block of {len(data)} bytes, where {self.block_size} were agreed on")
        self.size += len(data)
        if self.size > self.limit:
            raise self._too_large(None)
        self._gathered.append(data)
        if self.size - self._passed_on >= _PIECE:
            self._flush()
        number = payload[2] << 8 | payload[3]
        self._acknowledge(number)
        self.expected = (number + 1) & 0xFFFF
        return len(data) < self.block_size

    def _wait(self, patience: int, *, first: bool) -> Datagram | None:
        """The message that brings us further: the answer to a request where `first`, else the expected block."""
        host = self.host
        end = 0
        left = patience
        for _ in range(_STRAYS):
            datagram = host.receive(self.port, left)
            if datagram is None:
                return None
            if datagram.source == self.server and len(datagram.payload) >= 4 and not datagram.payload[0]:
                if datagram.source_port == self.server_port or (first and self.server_port == SERVER_PORT):
                    if self._is_wanted(datagram, first):
                        return datagram
                else:
                    # A request that was sent twice has started a second transfer: end that one.
                    self._send(error_message(ErrorCode.UNKNOWN_PORT, "another transfer"), datagram.source_port)
            end = end or host.clock.milliseconds() + patience
            left = end - host.clock.milliseconds()
            if left <= 0:
                return None
        return None

    def _is_wanted(self, datagram: Datagram, first: bool) -> bool:
        payload = datagram.payload
        kind, number = payload[1], payload[2] << 8 | payload[3]
        if kind == Opcode.DATA:
            if number == self.expected or (number == 1 and self.expected == 0):
                return True
            if not first and number == (self.expected - 1) & 0xFFFF:
                self._came_again()
        elif kind == Opcode.ERROR:
            self._refused(number, payload[4:], first)
        elif kind == Opcode.OACK:
            return first
        return False

    def _refused(self, code: int, words: bytes, first: bool) -> None:
        said = readable(words)
        known = _REASONS.get(ErrorCode(code)) if code in set(ErrorCode) else None
        if code == ErrorCode.NOT_FOUND:
            reason = f"file not found: {self.name}"
        else:
            reason = ": ".join(each for each in (known, said) if each) or f"error {code}"
        if first:
            raise _Refused(code, reason)
        raise self._failure(f"{reason}, after {self.size} bytes")

    def _acknowledge(self, number: int) -> None:
        self._sent = _HEAD.pack(Opcode.ACK, number)
        self._repeat()

    def _came_again(self) -> None:
        """The last block has come again: doubled on its way, or because our ACK was lost, which shows by its time."""
        now = self.host.clock.milliseconds()
        if self._repeated_at is None:
            self._repeated_at = now
        elif now - self._repeated_at >= _REPEAT_AFTER:
            self._repeat()

    def _repeat(self) -> None:
        self._repeated_at = None
        self._send(self._sent)

    def _send(self, message: bytes, port: int | None = None) -> None:
        self.host.send(self.server, (self.port, self.server_port if port is None else port), message)

    def _flush(self) -> None:
        data = b"".join(self._gathered)
        self._gathered.clear()
        if data:
            self.sink(self._passed_on, data)
            self._passed_on += len(data)

    def _too_large(self, size: int | None) -> PortError:
        self._send(error_message(ErrorCode.FULL, "too large"))
        what = "is too large" if size is None else f"has {size} bytes"
        return self._failure(f"{self.name} {what}: there is room for {self.limit}")

    def _failure(self, reason: str) -> PortError:
        return PortError(f"TFTP {dotted(self.server)}: {reason}")


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None
