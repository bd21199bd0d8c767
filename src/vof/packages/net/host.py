"""A host on the network: addresses, ARP, and UDP datagrams in and out, over the ports `Network` and `Clock`.

There is no thread and no event loop. Whoever waits for a datagram pumps: `Host.receive` takes frames off the network
until one is what is waited for, and on the way answers who asks for our address (ARP) or whether we are there (ICMP).
"""

from __future__ import annotations

from vof.errors import PortError
from vof.packages.net.fragments import Reassembly
from vof.packages.net.rare import arp_frame, echo_reply, parse_arp
from vof.packages.net.wire import (
    ANYWHERE,
    BROADCAST,
    EVERYBODY,
    MTU,
    Datagram,
    EtherType,
    Protocol,
    dotted,
    ethernet,
    ip_packet,
    parse_datagram,
    parse_ethernet,
    parse_packet,
    udp_frame,
    udp_payload,
    valid_mac,
)
from vof.ports import Clock, Network

__all__ = ["Host", "next_frame"]

_ARP_TRIES = 4
_ARP_PATIENCE = 500
"""Milliseconds until ARP asks a second time; doubled each time."""
_FLOOD = 20_000
"""Frames taken in one wait. More is as good as none: a clock that doesn't move must not keep us here."""


def next_frame(network: Network, clock: Clock, end: int) -> bytes:
    """The next frame from a card; none when the clock has come to `end` milliseconds."""
    left = end - clock.milliseconds()
    if left <= 0:
        return b""
    frame = network.receive(left)
    if not frame:
        # A network in this process has nothing to wait for, and a virtual clock doesn't see a real one wait.
        left = end - clock.milliseconds()
        if left > 0:
            clock.sleep(left)
    return frame


class Host:
    """Our end of the network.

    Args:
        network: the card.
        clock: what waiting is measured with.

    Attributes:
        address: our IP address, four bytes; `ANYWHERE` while there is none.
        mask: the subnet's mask, or None where nobody told.
        gateway: the router's address, or None.
        frame: the last frame that held a datagram for us, as it came.
    """

    def __init__(self, network: Network, clock: Clock) -> None:
        self.network = network
        self.clock = clock
        self.mac = network.mac
        if not valid_mac(self.mac):
            raise PortError(f"the network card's address {self.mac.hex(':')} is none")
        self.address = ANYWHERE
        self.mask: bytes | None = None
        self.gateway: bytes | None = None
        self.frame = b""
        self._neighbours: dict[bytes, bytes] = {}
        self._fragments = Reassembly()
        self._identification = clock.milliseconds() & 0xFFFF

    def send(self, target: bytes, ports: tuple[int, int], payload: bytes) -> None:
        """Send a datagram from and to these ports.

        Raises:
            PortError: nobody on the network says that he has the address, or the card failed.
        """
        macs = self.mac, self._next_hop(target)
        self._identification += 1
        frame = udp_frame(macs, (self.address, target), ports, payload, self._identification)
        self.network.send(frame)

    def receive(self, port: int, milliseconds: int) -> Datagram | None:
        """The next datagram to our port, waiting at most so long; None if there is none."""
        # Where the answer is there already, no time passes: the virtual clock's does by being read.
        frame = self.network.receive(0)
        end = None
        for _ in range(_FLOOD):
            datagram = self._datagram(frame) if frame else None
            if datagram is not None and datagram.target_port == port and self._is_ours(datagram.target):
                self.frame = frame
                return datagram
            if end is None:
                end = self.clock.milliseconds() + milliseconds
            frame = next_frame(self.network, self.clock, end)
            if not frame:
                return None
        return None

    def _next_hop(self, target: bytes) -> bytes:
        """The card's address to send to: the target's, or its gateway's."""
        if target == EVERYBODY:
            return BROADCAST
        hop = target
        if self.gateway is not None and self.mask is not None and not self._is_near(target, self.mask):
            hop = self.gateway
        known = self._neighbours.get(hop)
        if known is not None:
            return known
        try:
            return self._ask(hop)
        except PortError:
            # Nobody told the mask: then who doesn't answer may be behind the gateway.
            if self.gateway in (None, hop) or self.mask is not None:
                raise
        assert self.gateway is not None
        found = self._neighbours.get(self.gateway) or self._ask(self.gateway)
        self._neighbours[target] = found
        return found

    def _is_near(self, target: bytes, mask: bytes) -> bool:
        ours, theirs, bits = (int.from_bytes(each, "big") for each in (self.address, target, mask))
        return ours & bits == theirs & bits

    def _ask(self, address: bytes) -> bytes:
        """Whose card has this address, by ARP."""
        patience = _ARP_PATIENCE
        for _ in range(_ARP_TRIES):
            self.network.send(arp_frame(self.mac, self.address, BROADCAST, address))
            end = self.clock.milliseconds() + patience
            for _ in range(_FLOOD):
                frame = next_frame(self.network, self.clock, end)
                if not frame:
                    break
                self._datagram(frame, asked=address)
                if address in self._neighbours:
                    return self._neighbours[address]
            patience *= 2
        raise PortError(f"nobody on the network has the address {dotted(address)} ({_ARP_TRIES} ARP requests)")

    def _datagram(self, frame: bytes, asked: bytes | None = None) -> Datagram | None:
        """The datagram in a frame; whatever else is in it is dealt with. ARP is believed about `asked` alone."""
        head = parse_ethernet(frame)
        if head is None or head[0] not in (self.mac, BROADCAST):
            return None
        _, sender, kind = head
        if kind == EtherType.ARP:
            self._arp(frame, asked)
            return None
        if kind != EtherType.IP:
            return None
        plain = parse_datagram(frame)
        if plain is not None:
            return plain
        packet = parse_packet(frame)
        whole = None if packet is None else self._fragments.add(packet)
        if whole is None:
            return None
        if whole.protocol == Protocol.ICMP and whole.target == self.address != ANYWHERE and valid_mac(sender):
            reply = echo_reply(whole.payload)
            if reply is not None and len(reply) <= MTU - 20:
                answer = ip_packet(self.address, whole.source, Protocol.ICMP, reply, whole.identification)
                self.network.send(ethernet(sender, self.mac, EtherType.IP, answer))
        return udp_payload(whole)

    def _arp(self, frame: bytes, asked: bytes | None) -> None:
        arp = parse_arp(frame)
        if arp is None or not valid_mac(arp.mac):
            return
        if arp.address == asked:
            self._neighbours[arp.address] = arp.mac
        if arp.is_request and arp.wanted == self.address != ANYWHERE:
            self.network.send(arp_frame(self.mac, self.address, arp.mac, arp.address))

    def _is_ours(self, target: bytes) -> bool:
        """Whether a datagram to this address is for us: anything is that reaches our card before it has an address."""
        return self.address in (ANYWHERE, target) or target == EVERYBODY or self._is_subnets(target)

    def _is_subnets(self, target: bytes) -> bool:
        if self.mask is None:
            return False
        host_bits = ~int.from_bytes(self.mask, "big") & 0xFFFFFFFF
        return self._is_near(target, self.mask) and int.from_bytes(target, "big") & host_bits == host_bits
