"""ARP, by dpkt, and ICMP echo: both ends of a network need them, and seldom.

dpkt is imported when the first ARP message is made or read, and what it raises over hostile bytes stays here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from vof.packages.net.wire import BROADCAST, EtherType, checksum, ethernet

__all__ = ["Arp", "arp_frame", "echo_reply", "parse_arp"]

_ETHERNET_AND_IP = (1, EtherType.IP, 6, 4)
_REQUEST, _REPLY = 1, 2
_ECHO_REQUEST = 8
_ECHO_HEAD = 8


@dataclass(frozen=True, slots=True)
class Arp:
    """An ARP message (RFC 826): who says it, six and four bytes, and which address is meant."""

    is_request: bool
    mac: bytes
    address: bytes
    wanted: bytes


def parse_arp(frame: bytes) -> Arp | None:
    """The ARP message of a frame, or None."""
    import dpkt

    try:
        arp = dpkt.arp.ARP(frame[14:])
    except (dpkt.Error, struct.error, ValueError, IndexError, TypeError):
        return None
    if (arp.hrd, arp.pro, arp.hln, arp.pln) != _ETHERNET_AND_IP or arp.op not in (_REQUEST, _REPLY):
        return None
    return Arp(arp.op == _REQUEST, bytes(arp.sha), bytes(arp.spa), bytes(arp.tpa))


def arp_frame(mac: bytes, address: bytes, target_mac: bytes, target: bytes) -> bytes:
    """Ask who has `target`, where `target_mac` is broadcast; else tell that one that we have `address`."""
    import dpkt

    asking = target_mac == BROADCAST
    arp = dpkt.arp.ARP(
        op=_REQUEST if asking else _REPLY, sha=mac, spa=address, tha=bytes(6) if asking else target_mac, tpa=target
    )
    return ethernet(target_mac, mac, EtherType.ARP, bytes(arp))


def echo_reply(message: bytes) -> bytes | None:
    """The answer to an ICMP echo request (RFC 792); None for any other message."""
    if len(message) < _ECHO_HEAD or message[0] != _ECHO_REQUEST or message[1] or not _is_whole(message):
        return None
    bare = b"\0\0\0\0" + message[4:]
    return b"\0\0" + checksum(bare).to_bytes(2, "big") + message[4:]


def _is_whole(message: bytes) -> bool:
    padded = message + b"\0" * (len(message) % 2)
    return int.from_bytes(padded, "big") % 0xFFFF == 0
