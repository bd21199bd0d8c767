"""IPv4 fragments put together again (RFC 791 §3.2), within bounds that a hostile network can't leave."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from vof.packages.net.wire import Packet

__all__ = ["Reassembly"]

_PACKETS = 8
"""How many packets may be incomplete at a time; the oldest gives way."""
_PIECES = 128
_LARGEST = 0xFFFF - 20

_Key = tuple[bytes, bytes, int, int]


@dataclass(slots=True)
class _Partial:
    pieces: dict[int, bytes] = field(default_factory=dict)
    held: int = 0
    size: int | None = None


class Reassembly:
    """Packets of which not all fragments have come."""

    def __init__(self) -> None:
        self._partial: dict[_Key, _Partial] = {}

    def add(self, packet: Packet) -> Packet | None:
        """The whole packet, once it is complete. One whose fragments overlap or contradict each other is dropped."""
        if not packet.offset and not packet.more:
            return packet
        key = (packet.source, packet.target, packet.protocol, packet.identification)
        partial = self._partial.setdefault(key, _Partial())
        if len(self._partial) > _PACKETS:
            del self._partial[next(iter(self._partial))]
        if not _fits(partial, packet):
            self._partial.pop(key, None)
            return None
        if packet.offset not in partial.pieces:
            partial.pieces[packet.offset] = packet.payload
            partial.held += len(packet.payload)
        if partial.size is None or partial.held < partial.size:
            return None
        self._partial.pop(key, None)
        return _joined(packet, partial)


def _fits(partial: _Partial, packet: Packet) -> bool:
    end = packet.offset + len(packet.payload)
    if end > _LARGEST or not packet.payload or (packet.more and end % 8) or len(partial.pieces) >= _PIECES:
        return False
    held = partial.pieces.get(packet.offset)
    if held is not None and held != packet.payload:
        return False
    if not packet.more:
        if partial.size not in (None, end):
            return False
        partial.size = end
    return partial.size is None or end <= partial.size


def _joined(packet: Packet, partial: _Partial) -> Packet | None:
    payload = b""
    for offset in sorted(partial.pieces):
        if offset != len(payload):
            return None  # they overlap: as much has come as there is, but not all of it
        payload += partial.pieces[offset]
    return replace(packet, offset=0, more=False, payload=payload)
