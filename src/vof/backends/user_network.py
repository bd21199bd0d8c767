"""A network without a way out, in this process: like QEMU's `user`, with DHCP, TFTP, ARP and echo, and no socket."""

from __future__ import annotations

import pickle
import random
from collections import deque

from vof.backends.tftp_server import TftpServer
from vof.backends.user_netdev import UserNetdev, check, parse_mac, parse_user_netdev
from vof.errors import UsageError
from vof.packages.net.dhcp import CLIENT_PORT, Message, Option, Type, parse_message
from vof.packages.net.dhcp import SERVER_PORT as DHCP_PORT
from vof.packages.net.fragments import Reassembly
from vof.packages.net.rare import arp_frame, echo_reply, parse_arp
from vof.packages.net.tftp import SERVER_PORT as TFTP_PORT
from vof.packages.net.wire import (
    ANYWHERE,
    BROADCAST,
    EVERYBODY,
    MTU,
    Datagram,
    EtherType,
    Protocol,
    ethernet,
    ip_packet,
    parse_datagram,
    parse_ethernet,
    parse_packet,
    udp_frame,
    udp_payload,
    valid_mac,
)
from vof.ports import Network

__all__ = ["DEFAULT_MAC", "FaultyNetwork", "UserNetdev", "UserNetwork", "parse_mac", "parse_user_netdev"]

DEFAULT_MAC = bytes.fromhex("525400123456")
"""The first card's address, as QEMU gives it."""
_HOST_MAC = bytes.fromhex("52550a000202")
_WAITING = 512
"""Frames that wait for the guest; more are lost, as on a wire."""
_PATIENCE = 1_000
"""Frames in a row that may be lost before one who waits for a frame is told that there is none."""
_LEASES = 16
_LEASE_SECONDS = 86_400


class UserNetwork:
    """The port `Network`: a subnet with a host that gives addresses and files, and nothing beyond.

    A frame that is sent is answered at once, so `receive` never waits. All state can be pickled; no file stays open.

    Args:
        netdev: what the network is like.
        mac: the guest's card.

    Raises:
        UsageError: such a network can't be.
    """

    def __init__(self, netdev: UserNetdev | None = None, mac: bytes = DEFAULT_MAC) -> None:
        self.netdev = UserNetdev() if netdev is None else netdev
        check(self.netdev)
        if not valid_mac(mac):
            raise UsageError(
                f"{mac.hex(':') or 'nothing'} is no card's address: write one such as {DEFAULT_MAC.hex(':')}"
            )
        self._mac = mac
        self.host = self.netdev.address("host")
        self.dns = self.netdev.address("dns")
        self._tftp = TftpServer(self.netdev.tftp) if self.netdev.tftp else None
        self._frames: deque[bytes] = deque()
        self._leases: dict[bytes, bytes] = {}
        self._fragments = Reassembly()
        self._sent = 0

    @property
    def mac(self) -> bytes:
        """Port `Network`."""
        return self._mac

    def state(self) -> bytes:
        """What a snapshot keeps: frames on their way, leases and transfers."""
        return pickle.dumps((self._frames, self._leases, self._fragments, self._tftp, self._sent))

    def restore(self, state: bytes) -> None:
        """Be as when that was taken."""
        self._frames, self._leases, self._fragments, self._tftp, self._sent = pickle.loads(state)

    def receive(self, milliseconds: int) -> bytes:
        """Port `Network`; comes back at once."""
        return self._frames.popleft() if self._frames else b""

    def send(self, frame: bytes) -> None:
        """Port `Network`."""
        datagram = parse_datagram(frame)
        if datagram is not None:
            self._datagram(datagram, frame[6:12])
            return
        head = parse_ethernet(frame)
        if head is None or not valid_mac(head[1]):
            return
        _, sender, kind = head
        if kind == EtherType.ARP:
            self._arp(frame)
        elif kind == EtherType.IP:
            packet = parse_packet(frame)
            whole = None if packet is None else self._fragments.add(packet)
            if whole is None:
                return
            if whole.protocol == Protocol.ICMP and whole.target in (self.host, self.dns):
                reply = echo_reply(whole.payload)
                if reply is not None and len(reply) <= MTU - 20:
                    answer = ip_packet(whole.target, whole.source, Protocol.ICMP, reply, whole.identification)
                    self._put(ethernet(sender, _HOST_MAC, EtherType.IP, answer))
                return
            datagram = udp_payload(whole)
            if datagram is not None:
                self._datagram(datagram, sender)

    def _put(self, frame: bytes) -> None:
        if len(self._frames) < _WAITING:
            self._frames.append(frame)

    def _arp(self, frame: bytes) -> None:
        arp = parse_arp(frame)
        if arp is not None and arp.is_request and arp.wanted in (self.host, self.dns) and valid_mac(arp.mac):
            self._put(arp_frame(_HOST_MAC, arp.wanted, arp.mac, arp.address))

    def _datagram(self, datagram: Datagram, sender: bytes) -> None:
        if datagram.target_port == DHCP_PORT and datagram.target in (EVERYBODY, self.host):
            self._dhcp(datagram.payload)
        elif self._tftp is not None and datagram.target == self.host and valid_mac(sender):
            client = (datagram.source, datagram.source_port)
            if datagram.target_port == TFTP_PORT:
                answer = self._tftp.request(client, datagram.payload)
            else:
                found = self._tftp.acknowledge(datagram.target_port, client, datagram.payload)
                if found is None:
                    return
                answer = found
            port, message = answer
            self._answer(sender, datagram.source, (port, datagram.source_port), message)

    def _answer(self, mac: bytes, address: bytes, ports: tuple[int, int], payload: bytes) -> None:
        self._sent += 1
        self._put(udp_frame((_HOST_MAC, mac), (self.host, address), ports, payload, self._sent))

    def _dhcp(self, payload: bytes) -> None:
        message = parse_message(payload)
        if message is None or not message.is_request or not valid_mac(message.mac):
            return
        address = self._lease(message.mac)
        options: dict[int, bytes] = {}
        kind = message.type
        asked = message.address(Option.ADDRESS) or message.client
        if kind == Type.DISCOVER:
            options[Option.TYPE] = bytes([Type.OFFER])
        elif kind == Type.REQUEST:
            if message.address(Option.SERVER) not in (None, self.host):
                return
            granted = asked == address
            options[Option.TYPE] = bytes([Type.ACK if granted else Type.NAK])
            if not granted:
                address = None
        elif kind:
            return
        if address is None and kind != Type.REQUEST:
            return  # no address is left
        reply = Message(
            is_request=False,
            transaction=message.transaction,
            mac=message.mac,
            yours=address or ANYWHERE,
            next_server=self.host,
            file=b"" if address is None else self.netdev.bootfile.encode(errors="surrogateescape"),
            options={**options, **(self._told(dhcp=bool(kind)) if address else {Option.SERVER: self.host})},
        )
        self._answer(BROADCAST, EVERYBODY, (DHCP_PORT, CLIENT_PORT), reply.encode())

    def _lease(self, mac: bytes) -> bytes | None:
        """The card's address: always the same."""
        if mac not in self._leases and len(self._leases) < _LEASES:
            first = int.from_bytes(self.netdev.address("dhcpstart"), "big")
            address = (first + len(self._leases)).to_bytes(4, "big")
            if int.from_bytes(address, "big") < int(self.netdev.network.broadcast_address):
                self._leases[mac] = address
        return self._leases.get(mac)

    def _told(self, *, dhcp: bool) -> dict[int, bytes]:
        netdev = self.netdev
        told: dict[int, bytes] = {
            Option.MASK: netdev.network.netmask.packed,
            Option.ROUTER: self.host,
            Option.DNS: self.dns,
        }
        if dhcp:
            told[Option.SERVER] = self.host
            told[Option.LEASE] = _LEASE_SECONDS.to_bytes(4, "big")
        for option, text in (
            (Option.HOST_NAME, netdev.hostname),
            (Option.DOMAIN, netdev.domainname),
            (Option.TFTP_SERVER, netdev.tftp_server_name),
        ):
            if text:
                told[option] = text.encode(errors="surrogateescape")
        return told


class FaultyNetwork:
    """A network that loses, doubles and reorders frames both ways, always the same by its seed.

    Args:
        network: the network behind.
        seed: what the faults follow from.
        lose, double, reorder: how many of the frames, 0 … 1. A reordered frame comes after the next one that way.

    Raises:
        UsageError: a share that is none.
    """

    def __init__(
        self, network: Network, seed: int, *, lose: float = 0.0, double: float = 0.0, reorder: float = 0.0
    ) -> None:
        for name, share in (("lose", lose), ("double", double), ("reorder", reorder)):
            if not 0 <= share <= 1:
                raise UsageError(f"{name}={share}: a share of the frames is 0 … 1, such as 0.1")
        self.network = network
        self.lose = lose
        self.double = double
        self.reorder = reorder
        self._random = random.Random(seed)
        self._held_out: list[bytes] = []
        self._held_in: list[bytes] = []
        self._ready: deque[bytes] = deque()

    @property
    def mac(self) -> bytes:
        """Port `Network`."""
        return self.network.mac

    def send(self, frame: bytes) -> None:
        """Port `Network`."""
        for each in self._fate(frame, self._held_out):
            self.network.send(each)

    def receive(self, milliseconds: int) -> bytes:
        """Port `Network`."""
        for _ in range(_PATIENCE):
            if self._ready:
                break
            frame = self.network.receive(milliseconds)
            if frame:
                milliseconds = 0
                self._ready.extend(self._fate(frame, self._held_in))
            elif self._held_out:
                held, self._held_out = self._held_out, []
                for each in held:
                    self.network.send(each)
            elif self._held_in:
                self._ready.extend(self._held_in)
                self._held_in.clear()
            else:
                break
        return self._ready.popleft() if self._ready else b""

    def _fate(self, frame: bytes, held: list[bytes]) -> list[bytes]:
        """What passes on now, in this order."""
        if self._random.random() < self.lose:
            return []
        if not held and self._random.random() < self.reorder:
            held.append(frame)
            return []
        copies = 2 if self._random.random() < self.double else 1
        passing = [frame] * copies + held
        held.clear()
        return passing
