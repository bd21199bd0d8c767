"""A station on an Ethernet: its address, its neighbours', and the datagrams that reach it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from vof.errors import PortError
from vof.ports import Clock, Network

__all__ = ["ANY", "BROADCAST", "Datagram", "Station", "dotted"]

ANY, BROADCAST = bytes(4), b"\xff" * 4
_EVERYBODY = b"\xff" * 6
_MOST_FRAGMENTS = 16
"""Datagrams that are being put together at a time."""
_MOST_NEIGHBOURS = 64
_NEIGHBOUR_TRIES, _NEIGHBOUR_WAIT = 5, 500
_SLICE = 50
"""Milliseconds that are waited for a frame at a time."""


@dataclass(frozen=True, slots=True)
class Datagram:
    """One UDP datagram.

    Attributes:
        source: the sender's address.
        port: the sender's port.
        data: what it holds.
        frame: the whole frame, of one that came in one piece.
    """

    source: bytes
    port: int
    data: bytes
    frame: bytes


class Station:
    """A station.

    Args:
        network: the card.
        clock: the time.

    Attributes:
        address: its own address; zeroes until it has one.
        subnet: which bits of it name the network.
        gateway: who passes on what goes elsewhere; zeroes for nobody.
    """

    def __init__(self, network: Network, clock: Clock) -> None:
        self._network = network
        self._clock = clock
        self._identification = 0
        self._neighbours: dict[bytes, bytes] = {}
        self._fragments: dict[tuple[bytes, int], dict[int, bytes]] = {}
        self._last: dict[tuple[bytes, int], int] = {}
        self.address = ANY
        self.subnet = ANY
        self.gateway = ANY

    @property
    def mac(self) -> bytes:
        """The card's address."""
        return self._network.mac

    @cached_property
    def _dpkt(self) -> Any:
        """The library of packet formats, imported when a network is used."""
        import dpkt

        return dpkt

    def milliseconds(self) -> int:
        """The time."""
        return self._clock.milliseconds()

    def send(self, destination: bytes, port: int, source_port: int, data: bytes) -> None:
        """Send a datagram.

        Raises:
            PortError: nobody has that address, or the card fails.
        """
        mac = _EVERYBODY if destination == BROADCAST else self._neighbour(destination)
        udp = self._dpkt.udp.UDP(sport=source_port, dport=port, ulen=8 + len(data), data=data)
        self._send_ip(mac, destination, self._dpkt.ip.IP_PROTO_UDP, udp)

    def receive(self, port: int, milliseconds: int) -> Datagram | None:
        """The next datagram for a port of ours; None if none came within so many milliseconds."""
        end = self._clock.milliseconds() + milliseconds
        while True:
            left = end - self._clock.milliseconds()
            datagram = self._take(self._network.receive(max(0, min(left, _SLICE))), port)
            if datagram is not None:
                return datagram
            if left <= 0:
                return None

    # Frames

    def _send_ip(self, mac: bytes, destination: bytes, protocol: int, data: Any) -> None:
        self._identification = self._identification + 1 & 0xFFFF
        packet = self._dpkt.ip.IP(
            src=self.address, dst=destination, p=protocol, id=self._identification, data=data, len=20 + len(data)
        )
        self._send_frame(mac, self._dpkt.ethernet.ETH_TYPE_IP, packet)

    def _send_frame(self, mac: bytes, kind: int, data: Any) -> None:
        frame = bytes(self._dpkt.ethernet.Ethernet(dst=mac, src=self.mac, type=kind, data=data))
        self._network.send(frame.ljust(60, b"\0"))

    def _take(self, frame: bytes, port: int) -> Datagram | None:
        """A frame that came: a datagram for this port, or what else there is to do about it."""
        if frame[:6] not in (self.mac, _EVERYBODY):
            return None
        try:
            packet = self._dpkt.ethernet.Ethernet(frame).data
        except (self._dpkt.Error, ValueError, IndexError, ArithmeticError):
            return None
        if isinstance(packet, self._dpkt.arp.ARP):
            self._take_arp(packet)
            return None
        if not isinstance(packet, self._dpkt.ip.IP):
            return None
        if self._dpkt.in_cksum(frame[14 : 14 + 4 * packet.hl]) or packet.len > len(frame) - 14:
            return None
        if packet.dst not in (self.address, BROADCAST) and self.address != ANY:
            return None
        data: bytes | None = bytes(packet.data)
        assert data is not None
        if packet.mf or packet.offset:
            data = self._put_together((packet.src, packet.id), packet.offset, data, more=bool(packet.mf))
            if data is None:
                return None
        elif packet.p == self._dpkt.ip.IP_PROTO_ICMP:
            self._echo(frame[6:12], packet.src, packet.data)
        if packet.p != self._dpkt.ip.IP_PROTO_UDP or len(data) < 8:
            return None
        datagram = self._dpkt.udp.UDP(data)
        if datagram.dport != port or not 8 <= datagram.ulen <= len(data):
            return None
        return Datagram(packet.src, datagram.sport, bytes(datagram.data)[: datagram.ulen - 8], frame)

    def _put_together(self, key: tuple[bytes, int], offset: int, data: bytes, *, more: bool) -> bytes | None:
        """A datagram that came in pieces, once all are there."""
        if key not in self._fragments:
            while len(self._fragments) >= _MOST_FRAGMENTS:
                oldest = next(iter(self._fragments))
                self._fragments.pop(oldest)
                self._last.pop(oldest, None)
            self._fragments[key] = {}
        pieces = self._fragments[key]
        if offset + len(data) > 0xFFFF:
            return None
        pieces[offset] = data
        if not more:
            self._last[key] = offset + len(data)
        whole = bytearray()
        while len(whole) in pieces and pieces[len(whole)]:
            whole += pieces[len(whole)]
        if self._last.get(key) != len(whole):
            return None
        del self._fragments[key], self._last[key]
        return bytes(whole)

    def _echo(self, mac: bytes, source: bytes, message: Any) -> None:
        icmp = self._dpkt.icmp
        if isinstance(message, icmp.ICMP) and message.type == icmp.ICMP_ECHO and self.address != ANY:
            answer = icmp.ICMP(type=icmp.ICMP_ECHOREPLY, data=bytes(message.data))
            self._send_ip(mac, source, self._dpkt.ip.IP_PROTO_ICMP, answer)

    # Neighbours

    def _neighbour(self, destination: bytes) -> bytes:
        """Who takes what is for an address."""
        near = all((a ^ b) & m == 0 for a, b, m in zip(destination, self.address, self.subnet, strict=True))
        hop = destination if near or self.gateway == ANY else self.gateway
        for _ in range(_NEIGHBOUR_TRIES):
            if hop in self._neighbours:
                return self._neighbours[hop]
            self._send_arp(_EVERYBODY, self._dpkt.arp.ARP_OP_REQUEST, bytes(6), hop)
            end = self._clock.milliseconds() + _NEIGHBOUR_WAIT
            while hop not in self._neighbours and self._clock.milliseconds() < end:
                self._take(self._network.receive(_SLICE), -1)
        if hop in self._neighbours:
            return self._neighbours[hop]
        raise PortError(f"nobody on the network has the address {dotted(hop)}")

    def _send_arp(self, mac: bytes, what: int, target_mac: bytes, target: bytes) -> None:
        packet = self._dpkt.arp.ARP(op=what, sha=self.mac, spa=self.address, tha=target_mac, tpa=target)
        self._send_frame(mac, self._dpkt.ethernet.ETH_TYPE_ARP, packet)

    def _take_arp(self, packet: Any) -> None:
        asks = packet.op == self._dpkt.arp.ARP_OP_REQUEST
        known = packet.tpa == self.address or not asks
        if packet.spa != ANY and known and len(self._neighbours) < _MOST_NEIGHBOURS:
            self._neighbours[packet.spa] = packet.sha
        if asks and packet.tpa == self.address != ANY:
            self._send_arp(packet.sha, self._dpkt.arp.ARP_OP_REPLY, packet.sha, packet.spa)


def dotted(address: bytes) -> str:
    """An address for people."""
    return ".".join(map(str, address))
