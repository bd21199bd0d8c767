"""An address from the network: DHCP (RFC 2131), or BOOTP (RFC 951)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vof.errors import PortError
from vof.packages.net.station import ANY, BROADCAST, Station

__all__ = ["Lease", "configure"]

_SERVER_PORT, _CLIENT_PORT = 67, 68
_BROADCAST_FLAG = 0x8000
_REPLY = 2
_DISCOVER, _OFFER, _ASK, _ACK, _NAK = 1, 2, 3, 5, 6
_SUBNET, _ROUTER, _WANTED, _OVERLOAD, _KIND, _SERVER, _LIST = 1, 3, 50, 52, 53, 54, 55
_CLASS, _SERVER_NAME, _FILE = 60, 66, 67
_FIRST_WAIT, _LONGEST_WAIT = 1000, 8000
_SHORTEST = 300


@dataclass(frozen=True, slots=True)
class Lease:
    """What was learned.

    Attributes:
        address, subnet, gateway: addresses; of the last two, zeroes for none.
        server: where files come from.
        file: the name of the one to load; "" for none.
        packet: the answer as it came, from BOOTP's first byte.
    """

    address: bytes
    subnet: bytes
    gateway: bytes
    server: bytes
    file: str
    packet: bytes


def configure(station: Station, *, tries: int = 4, bootp: bool = False) -> Lease:
    """Get an address, and have the station use it.

    Raises:
        PortError: nobody gives one.
    """
    transaction = int.from_bytes(station.mac[2:]) ^ station.milliseconds() & 0xFFFFFFFF
    station.address = station.subnet = station.gateway = ANY
    wait = _FIRST_WAIT
    for _ in range(tries):
        lease = _try_once(station, transaction, wait, bootp=bootp)
        if lease is not None:
            station.address, station.subnet, station.gateway = lease.address, lease.subnet, lease.gateway
            return lease
        wait = min(2 * wait, _LONGEST_WAIT)
        transaction = transaction + 1 & 0xFFFFFFFF
    name = "BOOTP" if bootp else "DHCP"
    raise PortError(f"no {name} answer on the network after {tries} tries")


def _try_once(station: Station, transaction: int, wait: int, *, bootp: bool) -> Lease | None:
    if bootp:
        station.send(BROADCAST, _SERVER_PORT, _CLIENT_PORT, _message(station.mac, transaction, {}))
        return _answer(station, transaction, (0,), wait)
    asked = {_KIND: bytes([_DISCOVER]), **_usual()}
    station.send(BROADCAST, _SERVER_PORT, _CLIENT_PORT, _message(station.mac, transaction, asked))
    offer = _answer(station, transaction, (_OFFER, 0), wait)
    if offer is None:
        return None
    options = dict(_parsed(offer.packet).opts)
    if _KIND not in options:  # a server that knows BOOTP only
        return offer
    asked = {_KIND: bytes([_ASK]), _WANTED: offer.address, **_usual()}
    if _SERVER in options:
        asked[_SERVER] = options[_SERVER]
    station.send(BROADCAST, _SERVER_PORT, _CLIENT_PORT, _message(station.mac, transaction, asked))
    return _answer(station, transaction, (_ACK,), wait)


def _usual() -> dict[int, bytes]:
    return {_LIST: bytes([_SUBNET, _ROUTER, 6, 15, 51, _SERVER, _SERVER_NAME, _FILE]), _CLASS: b"vof"}


def _message(mac: bytes, transaction: int, options: dict[int, bytes]) -> bytes:
    import dpkt

    message = dpkt.dhcp.DHCP(xid=transaction, flags=_BROADCAST_FLAG, chaddr=mac, opts=tuple(options.items()))
    return bytes(message).ljust(_SHORTEST, b"\0")


def _answer(station: Station, transaction: int, kinds: tuple[int, ...], wait: int) -> Lease | None:
    end = station.milliseconds() + wait
    while (left := end - station.milliseconds()) > 0:
        datagram = station.receive(_CLIENT_PORT, left)
        if datagram is None:
            return None
        message = _parsed(datagram.data)
        if message is None or message.op != _REPLY or message.xid != transaction:
            continue
        if message.chaddr[:6] != station.mac:
            continue
        options = dict(message.opts)
        kind = options.get(_KIND, b"\0")[:1]
        if kind == bytes([_NAK]):
            return None
        if kind in [bytes([each]) for each in kinds] and message.yiaddr:
            return _lease(datagram.data, message, options)
    return None


def _parsed(data: bytes) -> Any:
    """A message, or None where it is none."""
    import dpkt

    try:
        return dpkt.dhcp.DHCP(data)
    except (dpkt.Error, ValueError, IndexError, TypeError):
        return None


def _lease(packet: bytes, message: Any, options: dict[int, bytes]) -> Lease:
    overloaded = options.get(_OVERLOAD, b"\0")[:1] in (b"\1", b"\3")
    file = options.get(_FILE) or (b"" if overloaded else message.file)
    server = message.siaddr.to_bytes(4)
    return Lease(
        address=message.yiaddr.to_bytes(4),
        subnet=_four(options.get(_SUBNET, b"")),
        gateway=_four(options.get(_ROUTER, b"")),
        server=_four(options.get(_SERVER, b"")) if server == ANY else server,
        file=file.partition(b"\0")[0].decode("latin-1"),
        packet=packet,
    )


def _four(value: bytes) -> bytes:
    return value[:4] if len(value) >= 4 else ANY
