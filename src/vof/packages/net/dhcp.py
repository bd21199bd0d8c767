"""DHCP's client, which understands BOOTP servers too (RFC 951, 1534, 2131, 2132), and the messages' form.

The messages are dpkt's; what it raises over hostile bytes stays here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from zlib import crc32

from vof.errors import PortError
from vof.packages.net.host import Host
from vof.packages.net.wire import ANYWHERE, EVERYBODY, parse_address

__all__ = ["CLIENT_PORT", "SERVER_PORT", "Lease", "Message", "Option", "Type", "obtain", "parse_message", "readable"]

SERVER_PORT, CLIENT_PORT = 67, 68
DHCP_TRIES = 4
BOOTP_TRIES = 2
_PATIENCE = 1_000
"""Milliseconds until a message is sent again; doubled each time."""
_LONGEST_PATIENCE = 8_000
_DEADLINE = 60_000
_STRAYS = 64
"""Answers to others, and nonsense, that one wait reads through."""
_SHORTEST = 300
"""Bytes of a message: older servers and relays throw shorter ones away (RFC 1542 §2.1)."""
_LONGEST_MESSAGE = 1_472
_ETHERNET = 1
_OPEN_FIRMWARE = b"\x00\x0c"
"""The client's architecture (RFC 4578; IANA's table): PowerPC Open Firmware."""


class Option(IntEnum):
    """The options that matter here (RFC 2132; 93 is RFC 4578's)."""

    PAD = 0
    MASK = 1
    ROUTER = 3
    DNS = 6
    HOST_NAME = 12
    DOMAIN = 15
    ROOT_PATH = 17
    ADDRESS = 50
    LEASE = 51
    OVERLOAD = 52
    TYPE = 53
    SERVER = 54
    WANTED = 55
    MESSAGE = 56
    LARGEST = 57
    TFTP_SERVER = 66
    BOOT_FILE = 67
    ARCHITECTURE = 93


class Type(IntEnum):
    """What a DHCP message says; option 53."""

    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    DECLINE = 4
    ACK = 5
    NAK = 6
    RELEASE = 7


_WANTED = bytes([Option.MASK, Option.ROUTER, Option.DNS, Option.HOST_NAME, Option.ROOT_PATH, Option.LEASE,
                 Option.SERVER, Option.TFTP_SERVER, Option.BOOT_FILE])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Message:
    """A BOOTP message; a DHCP one has option 53. Addresses are four bytes each, `ANYWHERE` where there is none.

    Attributes:
        is_request: whether a client sent it.
        transaction: which conversation it belongs to.
        mac: the client's card.
        client: the address that the client has (`ciaddr`).
        yours: the address that the server gives it (`yiaddr`).
        next_server: where to load from (`siaddr`).
        relay: who passed it on (`giaddr`).
        server_name, file: the fields of that name, up to their NUL.
        options: by number; those of fields that hold options as well (option 52) among them.
    """

    is_request: bool
    transaction: int
    mac: bytes
    client: bytes = ANYWHERE
    yours: bytes = ANYWHERE
    next_server: bytes = ANYWHERE
    relay: bytes = ANYWHERE
    server_name: bytes = b""
    file: bytes = b""
    options: Mapping[int, bytes] = field(default_factory=dict)

    @property
    def type(self) -> int:
        """Option 53, or 0 in a BOOTP message."""
        value = self.options.get(Option.TYPE, b"")
        return value[0] if len(value) == 1 else 0

    def address(self, option: Option) -> bytes | None:
        """The first address that an option holds; None where there is none."""
        value = self.options.get(option, b"")[:4]
        return value if len(value) == 4 and value != ANYWHERE else None

    def encode(self) -> bytes:
        """The message's bytes."""
        import dpkt

        return bytes(
            dpkt.dhcp.DHCP(
                op=1 if self.is_request else 2,
                hrd=_ETHERNET,
                xid=self.transaction,
                ciaddr=int.from_bytes(self.client, "big"),
                yiaddr=int.from_bytes(self.yours, "big"),
                siaddr=int.from_bytes(self.next_server, "big"),
                giaddr=int.from_bytes(self.relay, "big"),
                chaddr=self.mac,
                sname=self.server_name,
                file=self.file,
                opts=tuple(self.options.items()),
            )
        ).ljust(_SHORTEST, b"\0")


def parse_message(data: bytes) -> Message | None:
    """The message in a datagram, or None where there is none."""
    import dpkt

    if len(data) > _LONGEST_MESSAGE:
        return None
    try:
        raw = dpkt.dhcp.DHCP(data)
    except (dpkt.Error, struct.error, ValueError, IndexError, TypeError):
        return None
    if (raw.hrd, raw.hln) != (_ETHERNET, 6) or raw.op not in (1, 2):
        return None
    options = _joined(raw.opts) if raw.magic == dpkt.dhcp.DHCP_MAGIC else {}
    file, name = bytes(raw.file), bytes(raw.sname)
    overload = options.get(Option.OVERLOAD, b"\0")[:1] or b"\0"
    if overload[0] & 1:
        options, file = {**_joined(_options(file)), **options}, b""
    if overload[0] & 2:
        options, name = {**_joined(_options(name)), **options}, b""
    client, yours, next_server, relay = (
        value.to_bytes(4, "big") for value in (raw.ciaddr, raw.yiaddr, raw.siaddr, raw.giaddr)
    )
    return Message(
        is_request=raw.op == 1,
        transaction=raw.xid,
        mac=bytes(raw.chaddr),
        client=client,
        yours=yours,
        next_server=next_server,
        relay=relay,
        server_name=name.split(b"\0")[0],
        file=file.split(b"\0")[0],
        options=options,
    )


def _options(data: bytes) -> Iterable[tuple[int, bytes]]:
    """The options in a field that holds them."""
    at = 0
    while at + 1 < len(data) and data[at] != 0xFF:
        if data[at] == Option.PAD:
            at += 1
            continue
        end = at + 2 + data[at + 1]
        yield data[at], data[at + 2 : end]
        at = end


def _joined(options: Iterable[tuple[int, bytes]]) -> dict[int, bytes]:
    """By number; a long option comes in several (RFC 3396)."""
    found: dict[int, bytes] = {}
    for number, value in options:
        found[number] = found.get(number, b"") + bytes(value)
    return found


@dataclass(frozen=True, slots=True)
class Lease:
    """What the network told a host about itself.

    Attributes:
        address: ours.
        server: who has the boot file, if anybody said.
        file: its name, empty if nobody said.
        gateway, mask: of the subnet, if told.
        name: the host's name, empty if not told.
        seconds: how long the address is ours; None for ever (BOOTP).
        is_dhcp: whether a DHCP server answered, not a BOOTP one.
        packet: the answer as it came, from BOOTP's first byte.
        frame: the frame that it came in.
    """

    address: bytes
    server: bytes | None
    file: str
    gateway: bytes | None
    mask: bytes | None
    name: str
    seconds: int | None
    is_dhcp: bool
    packet: bytes
    frame: bytes


def obtain(host: Host, *, dhcp: bool = True, bootp: bool = True, tries: int | None = None) -> Lease:
    """Ask the network for an address, by DHCP, then by BOOTP, and give it to the host.

    Args:
        host: who asks; it gets address, mask and gateway.
        dhcp: whether to ask by DHCP. A BOOTP server that answers such a request is believed as well (RFC 1534).
        bootp: whether to ask by BOOTP alone where DHCP brought no answer.
        tries: how many times to ask, by each; None for the usual.

    Raises:
        PortError: nobody answered; the reason says how often we asked, and what a server said against it.
    """
    end = host.clock.milliseconds() + _DEADLINE
    host.address, host.mask, host.gateway = ANYWHERE, None, None
    asking = _Asking(host, end)
    failures = []
    for wanted, is_dhcp, usual in ((dhcp, True, DHCP_TRIES), (bootp, False, BOOTP_TRIES)):
        if not wanted:
            continue
        count = max(1, usual if tries is None else tries)
        patience = _PATIENCE
        for _ in range(count):
            lease = asking.once(patience, dhcp=is_dhcp)
            if lease is not None:
                host.address, host.mask, host.gateway = lease.address, lease.mask, lease.gateway
                return lease
            patience = min(2 * patience, _LONGEST_PATIENCE)
        failures.append(f"no {'DHCP' if is_dhcp else 'BOOTP'} answer on the network after {_times(count)}")
    raise PortError("; ".join(failures) + (f" (a server said: {asking.refusal})" if asking.refusal else ""))


def _times(count: int) -> str:
    return "1 try" if count == 1 else f"{count} tries"


class _Asking:
    """One conversation, with all its tries."""

    def __init__(self, host: Host, end: int) -> None:
        self.host = host
        self.start = host.clock.milliseconds()
        self.end = end
        self.transaction = crc32(host.mac + self.start.to_bytes(8, "big", signed=True))
        self.refusal = ""
        self.packet = self.frame = b""

    def once(self, patience: int, *, dhcp: bool) -> Lease | None:
        """Ask once, and wait so many milliseconds for each answer."""
        self.transaction = (self.transaction + 1) & 0xFFFFFFFF
        if not dhcp:
            answer = self._ask({}, patience, (0,))
            return None if answer is None else self._lease(answer)
        told: dict[int, bytes] = {
            Option.WANTED: _WANTED,
            Option.LARGEST: _cell(_LONGEST_MESSAGE),
            Option.ARCHITECTURE: _OPEN_FIRMWARE,
        }
        offer = self._ask({Option.TYPE: bytes([Type.DISCOVER]), **told}, patience, (Type.OFFER, 0))
        if offer is None or not offer.type:
            return None if offer is None else self._lease(offer)
        server = offer.address(Option.SERVER)
        if server is None:
            self.refusal = "an offer without the server's name"
            return None
        choice: dict[int, bytes] = {
            Option.TYPE: bytes([Type.REQUEST]),
            Option.ADDRESS: offer.yours,
            Option.SERVER: server,
            **told,
        }
        answer = self._ask(choice, patience, (Type.ACK, Type.NAK), server)
        if answer is None:
            return None
        if answer.type == Type.NAK:
            self.refusal = readable(answer.options.get(Option.MESSAGE, b"")) or "no, without a reason"
            return None
        return self._lease(answer)

    def _ask(
        self, options: Mapping[int, bytes], patience: int, types: tuple[int, ...], server: bytes | None = None
    ) -> Message | None:
        host = self.host
        now = host.clock.milliseconds()
        if now >= self.end:
            return None
        request = Message(is_request=True, transaction=self.transaction, mac=host.mac, options=options)
        host.send(EVERYBODY, (CLIENT_PORT, SERVER_PORT), request.encode())
        end = min(now + patience, self.end)
        for _ in range(_STRAYS):
            datagram = host.receive(CLIENT_PORT, end - host.clock.milliseconds())
            if datagram is None:
                return None
            answer = parse_message(datagram.payload) if datagram.source_port == SERVER_PORT else None
            if answer is None or answer.is_request or answer.transaction != self.transaction or answer.mac != host.mac:
                continue
            if server is not None and answer.address(Option.SERVER) not in (server, None):
                continue
            if answer.type in types and (answer.type == Type.NAK or _usable(answer.yours)):
                self.packet, self.frame = datagram.payload, host.frame
                return answer
        return None

    def _lease(self, answer: Message) -> Lease:
        seconds = answer.options.get(Option.LEASE, b"")
        file = answer.file or answer.options.get(Option.BOOT_FILE, b"")
        return Lease(
            address=answer.yours,
            server=_server(answer),
            file=file.rstrip(b"\0").decode("latin-1"),
            gateway=answer.address(Option.ROUTER) or (answer.relay if answer.relay != ANYWHERE else None),
            mask=answer.address(Option.MASK),
            name=readable(answer.options.get(Option.HOST_NAME, b"")),
            seconds=int.from_bytes(seconds, "big") if len(seconds) == 4 and answer.type else None,
            is_dhcp=bool(answer.type),
            packet=self.packet,
            frame=self.frame,
        )


def _server(answer: Message) -> bytes | None:
    """Who has the boot file: the field that is for it, else option 66, else who answered."""
    if answer.next_server != ANYWHERE:
        return answer.next_server
    named = (answer.options.get(Option.TFTP_SERVER, b""), answer.server_name)
    for name in named:
        address = parse_address(name.rstrip(b"\0").decode("latin-1"))
        if address is not None:
            return address
    return answer.address(Option.SERVER)


def _usable(address: bytes) -> bool:
    """Whether a host may have it: no group's address, not zero, not this host's own."""
    return 0 < address[0] < 224 and address[0] != 127


def _cell(number: int) -> bytes:
    return number.to_bytes(2, "big")


def readable(text: bytes) -> str:
    """A server's words, for people: short, and nothing that a terminal would obey."""
    decoded = text[:120].split(b"\0")[0].decode("utf-8", "replace")
    return "".join(each if each.isprintable() else "?" for each in decoded)
