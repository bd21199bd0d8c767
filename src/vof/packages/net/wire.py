"""Ethernet, IPv4 and UDP on the wire: bytes to values and back, with no state.

RFC 894 (IP over Ethernet), RFC 791 (IPv4), RFC 768 (UDP), RFC 1071 (the checksum). This is done by hand and not by a
library because a boot file is tens of thousands of datagrams: a library that takes a frame apart as a tree of objects
is some ten times slower. What comes seldom (ARP, ICMP, DHCP) is left to dpkt, in `rare`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

__all__ = [
    "ANYWHERE",
    "BROADCAST",
    "EVERYBODY",
    "FRAME_LIMIT",
    "MTU",
    "Datagram",
    "EtherType",
    "Packet",
    "Protocol",
    "checksum",
    "dotted",
    "ethernet",
    "ip_packet",
    "parse_address",
    "parse_datagram",
    "parse_ethernet",
    "parse_packet",
    "udp_frame",
    "udp_payload",
    "valid_mac",
]

MTU = 1500
"""Bytes of IP packet in an Ethernet frame (RFC 894)."""
FRAME_LIMIT = 14 + MTU
BROADCAST = b"\xff" * 6
EVERYBODY = b"\xff" * 4
ANYWHERE = bytes(4)
_SHORTEST_FRAME = 60
_TTL = 64

_ETHERNET = struct.Struct(">6s6sH")
_UDP_FRAME = struct.Struct(">6s6sHBBHHHBBH4s4sHHHH")
_IP = struct.Struct(">BBHHHBBH4s4s")
_UDP = struct.Struct(">HHHH")
_HEADERS = _UDP_FRAME.size
_IP_HEADER = _IP.size
_MORE, _OFFSET = 0x2000, 0x1FFF
_PLAIN = 0x45


class EtherType:
    """What an Ethernet frame carries."""

    IP = 0x0800
    ARP = 0x0806


class Protocol:
    """What an IP packet carries."""

    ICMP = 1
    UDP = 17


@dataclass(frozen=True, slots=True)
class Datagram:
    """A UDP datagram that came: addresses are four bytes each, ports 16 bits."""

    source: bytes
    source_port: int
    target: bytes
    target_port: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Packet:
    """An IP packet or a fragment of one; `offset` is in bytes, `more` whether fragments follow."""

    source: bytes
    target: bytes
    protocol: int
    identification: int
    offset: int
    more: bool
    payload: bytes


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071) of data whose own checksum field is 0; never 0 itself, which is the same sum."""
    if len(data) % 2:
        data += b"\0"
    # A sum of 16-bit words with the carry brought round is the number itself modulo 0xffff.
    return 0xFFFF - int.from_bytes(data, "big") % 0xFFFF


def _sums_up(data: bytes) -> bool:
    """Whether the words of data that holds its checksum come to 0 in ones' complement; even length."""
    return int.from_bytes(data, "big") % 0xFFFF == 0


def dotted(address: bytes) -> str:
    """`10.0.2.2`."""
    return ".".join(map(str, address))


def parse_address(text: str) -> bytes | None:
    """The four bytes of a dotted address, or None where it is none: exactly four decimal numbers up to 255."""
    parts = text.split(".")
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() and len(part) <= 3 for part in parts):
        return None
    numbers = [int(part) for part in parts]
    return bytes(numbers) if max(numbers) <= 255 else None


def valid_mac(address: bytes) -> bool:
    """Whether these six bytes may be one card's address: no group's, and not zero."""
    return len(address) == 6 and not address[0] & 1 and any(address)


def ethernet(target: bytes, source: bytes, kind: int, payload: bytes) -> bytes:
    """A frame without its checksum, padded to the shortest that Ethernet allows."""
    return (_ETHERNET.pack(target, source, kind) + payload).ljust(_SHORTEST_FRAME, b"\0")


def parse_ethernet(frame: bytes) -> tuple[bytes, bytes, int] | None:
    """Target, source and type of a frame, or None for one that is too short or too long."""
    if not _ETHERNET.size <= len(frame) <= FRAME_LIMIT:
        return None
    target, source, kind = _ETHERNET.unpack_from(frame)
    return target, source, kind


def ip_packet(source: bytes, target: bytes, protocol: int, payload: bytes, identification: int = 0) -> bytes:
    """A whole IP packet, which is never in fragments."""
    length = _IP_HEADER + len(payload)
    head = _IP.pack(_PLAIN, 0, length, identification & 0xFFFF, 0, _TTL, protocol, 0, source, target)
    return head[:10] + checksum(head).to_bytes(2, "big") + head[12:] + payload


def udp_frame(
    macs: tuple[bytes, bytes],
    addresses: tuple[bytes, bytes],
    ports: tuple[int, int],
    payload: bytes,
    identification: int = 0,
) -> bytes:
    """A frame with one UDP datagram in it; each pair is the source's and the target's. At most `MTU` - 28 bytes."""
    length = 8 + len(payload)
    source, target = addresses
    # The sum of the IP header and that of the pseudo-header, datagram and payload, by RFC 1071 modulo 0xffff.
    both = int.from_bytes(source + target, "big")
    total = _IP_HEADER + length
    head = (_PLAIN << 8) + total + (identification & 0xFFFF) + (_TTL << 8 | Protocol.UDP) + both
    body = payload + b"\0" if length % 2 else payload
    data = both + Protocol.UDP + 2 * length + ports[0] + ports[1] + int.from_bytes(body, "big")
    head_sum, data_sum = 0xFFFF - head % 0xFFFF, 0xFFFF - data % 0xFFFF
    frame = (
        _UDP_FRAME.pack(
            macs[1], macs[0], EtherType.IP,
            _PLAIN, 0, total, identification & 0xFFFF, 0, _TTL, Protocol.UDP, head_sum, source, target,
            ports[0], ports[1], length, data_sum,
        )
        + payload
    )  # fmt: skip
    return frame if len(frame) >= _SHORTEST_FRAME else frame.ljust(_SHORTEST_FRAME, b"\0")


def parse_datagram(frame: bytes) -> Datagram | None:
    """The UDP datagram of a plain frame, checksums verified; None for all else, right or wrong.

    Plain is what nearly every frame is: an IP header without options, no fragment.
    """
    size = len(frame)
    if not _HEADERS <= size <= FRAME_LIMIT:
        return None
    fields = _UDP_FRAME.unpack_from(frame)
    _, _, kind, version, _, total, _, fragment, _, protocol, _, source, target, *rest = fields
    source_port, target_port, length, check = rest
    if kind != EtherType.IP or version != _PLAIN or protocol != Protocol.UDP or fragment & (_MORE | _OFFSET):
        return None
    if total > size - 14 or not 8 <= length <= total - _IP_HEADER or not _sums_up(frame[14:34]):
        return None
    end = 34 + length
    payload = frame[_HEADERS:end]
    if check:
        padded = frame[26:end] + b"\0" if length % 2 else frame[26:end]
        if (int.from_bytes(padded, "big") + Protocol.UDP + length) % 0xFFFF:
            return None
    return Datagram(source, source_port, target, target_port, payload)


def parse_packet(frame: bytes) -> Packet | None:
    """The IP packet of a frame, or its fragment; None where it is none or its header is wrong. Options are skipped."""
    if not 14 + _IP_HEADER <= len(frame) <= FRAME_LIMIT:
        return None
    version, _, total, identification, fragment, _, protocol, _, source, target = _IP.unpack_from(frame, 14)
    header = (version & 15) * 4
    if version >> 4 != 4 or header < _IP_HEADER or not header <= total <= len(frame) - 14:
        return None
    if not _sums_up(frame[14 : 14 + header]):
        return None
    payload = frame[14 + header : 14 + total]
    offset, more = (fragment & _OFFSET) * 8, bool(fragment & _MORE)
    return Packet(source, target, protocol, identification, offset, more, payload)


def udp_payload(packet: Packet) -> Datagram | None:
    """The UDP datagram of a whole IP packet, or None."""
    if packet.protocol != Protocol.UDP or len(packet.payload) < _UDP.size:
        return None
    source_port, target_port, length, check = _UDP.unpack_from(packet.payload)
    if not _UDP.size <= length <= len(packet.payload):
        return None
    data = packet.payload[:length]
    pseudo = packet.source + packet.target + struct.pack(">HH", Protocol.UDP, length)
    if check and not _sums_up(pseudo + data + b"\0" * (length % 2)):
        return None
    return Datagram(packet.source, source_port, packet.target, target_port, data[_UDP.size :])
