"""Packets of gdb's remote serial protocol, as bytes: framed, and taken out of a stream.

Ref: Debugging with GDB, appendix E "GDB Remote Serial Protocol", E.1 Overview.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["INTERRUPT", "PACKET_LIMIT", "Mark", "PacketReader", "ProtocolError", "escaped", "frame", "unescaped"]

PACKET_LIMIT = 0x8000
"""Bytes of the longest packet that is taken; QEMU's are at most 0x1000 characters and a little."""
INTERRUPT = b"\x03"
_ESCAPE = 0x7D
_SPECIAL = frozenset(b"#$}*")


class ProtocolError(ValueError):
    """What came is no packet."""


class Mark(Enum):
    """What stands between packets."""

    ACKNOWLEDGED = "+"
    AGAIN = "-"
    INTERRUPT = "\x03"


_MARKS = {ord(mark.value): mark for mark in Mark}


def frame(payload: bytes) -> bytes:
    """A packet with its checksum."""
    return b"$%b#%02x" % (payload, sum(payload) & 0xFF)


def escaped(data: bytes) -> bytes:
    """Binary data as it stands in a packet."""
    return b"".join(bytes((_ESCAPE, byte ^ 0x20)) if byte in _SPECIAL else bytes((byte,)) for byte in data)


def unescaped(payload: bytes) -> bytes:
    """Binary data out of a packet.

    Raises:
        ProtocolError: an escape ends it.
    """
    if _ESCAPE not in payload:
        return payload
    first, *parts = payload.split(b"}")
    if not all(parts):
        raise ProtocolError("a packet ends in the middle of an escape")
    return first + b"".join(bytes((part[0] ^ 0x20,)) + part[1:] for part in parts)


class PacketReader:
    """Takes a stream apart. Bytes that belong to nothing are dropped, as the protocol has it."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def feed(self, data: bytes) -> None:
        """More of the stream has come."""
        self._waiting += data

    def next(self) -> bytes | Mark | None:
        """The next packet's payload or mark; None if there is no whole one.

        Raises:
            ProtocolError: a packet is too long or its checksum wrong. What comes behind it can still be had.
        """
        waiting = self._waiting
        while waiting:
            mark = _MARKS.get(waiting[0])
            if mark is not None:
                del waiting[0]
                return mark
            if waiting[0] == ord("$"):
                return self._packet()
            del waiting[0]
        return None

    def _packet(self) -> bytes | None:
        waiting = self._waiting
        end = waiting.find(b"#", 1)
        if end < 0 or len(waiting) < end + 3:
            if len(waiting) > PACKET_LIMIT:
                waiting.clear()
                raise ProtocolError(f"a packet of more than {PACKET_LIMIT} bytes")
            return None
        payload, checksum = bytes(waiting[1:end]), bytes(waiting[end + 1 : end + 3])
        del waiting[: end + 3]
        if b"%02x" % (sum(payload) & 0xFF) != checksum.lower():
            raise ProtocolError(f"a packet's checksum is wrong: {checksum!r}")
        return payload
