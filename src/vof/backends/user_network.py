"""QEMU's `user` network, for guests in this process: an in-process station with DHCP, ARP, ping and TFTP.

Nothing leaves the process: files come out of one folder that the user named, and that is all there is. Addresses are
QEMU's: the host is 10.0.2.2, the guest 10.0.2.15.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError
from typing import Any

from vof.errors import UsageError
from vof.ports import Clock

__all__ = ["NetworkOptions", "UserNetwork", "leads_outside", "parse_user_network"]

_HOST_MAC = b"\x52\x55\x0a\0\2\2"
_NET = IPv4Network("10.0.2.0/24")
_HOST, _GUEST = 2, 15
_BLOCK, _LARGEST_BLOCK = 512, 1428
_MOST_QUEUED = 10_000
_MOST_TRANSFERS = 32
_TFTP, _DHCP_SERVER, _DHCP_CLIENT = 69, 67, 68
_READ, _DATA, _ACK, _ERROR, _OACK = 1, 3, 4, 5, 6
_FIRST_PORT = 40000
_QEMUS_KEYS = (
    *("hostfwd", "guestfwd", "dns", "ipv4", "ipv6", "ipv6-prefix", "ipv6-prefixlen", "ipv6-host", "ipv6-dns"),
    *("dnssearch", "domainname", "smb", "smbserver", "tftp-server-name"),
)
_KEYS = ("id", "tftp", "bootfile", "net", "hostname", "restrict", "host", "dhcpstart", "mac")


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """What the user says of a network, as for QEMU's `-netdev user`.

    Attributes:
        name: its id.
        tftp: the folder that files come from; "" for none.
        bootfile: the name that DHCP tells.
        net: the network's addresses.
        host, guest: the host's and the guest's.
        mac: the card's address, six bytes.
    """

    name: str = "net0"
    tftp: str = ""
    bootfile: str = ""
    net: IPv4Network = _NET
    host: IPv4Address = _NET[_HOST]
    guest: IPv4Address = _NET[_GUEST]
    mac: bytes = b"\x52\x54\0\x12\x34\x56"


def leads_outside(value: str) -> bool:
    """Whether a `-netdev` asks for what only QEMU's own network has: forwarded ports, names, IPv6."""
    kind, *words = value.split(",")
    return kind == "user" and any(word.partition("=")[0] in _QEMUS_KEYS for word in words)


def parse_user_network(value: str) -> NetworkOptions:
    """What `-netdev user,tftp=FOLDER,bootfile=NAME` means.

    Raises:
        UsageError: it means nothing that can be had here.
    """
    from difflib import get_close_matches

    kind, _, rest = value.partition(",")
    if kind != "user":
        raise UsageError(f"-netdev {value}: in this process there is user; --engine qemu has more")
    options: dict[str, str] = {}
    for word in rest.split(",") if rest else ():
        key, equals, text = word.partition("=")
        if key not in _KEYS or not equals:
            near = get_close_matches(key, _KEYS, 1)
            hint = f"did you mean {near[0]}=?" if near else f"there are {', '.join(_KEYS)}"
            raise UsageError(f'-netdev {value}: unknown option "{key}": {hint}')
        options[key] = text
    try:
        net = IPv4Network(options.get("net", "10.0.2.0/24"), strict=False)
        host = IPv4Address(options["host"]) if "host" in options else net[_HOST]
        guest = IPv4Address(options["dhcpstart"]) if "dhcpstart" in options else net[_GUEST]
        mac = bytes.fromhex(options.get("mac", "52:54:00:12:34:56").replace(":", ""))
    except (AddressValueError, NetmaskValueError, ValueError, IndexError) as error:
        raise UsageError(f"-netdev {value}: {error}") from None
    if len(mac) != 6 or mac[0] & 1:
        raise UsageError(f"-netdev {value}: mac= is six bytes, as 52:54:00:12:34:56")
    folder = options.get("tftp", "")
    if folder and not os.path.isdir(folder):
        raise UsageError(f"-netdev {value}: there is no folder {folder}")
    return NetworkOptions(options.get("id", "net0"), folder, options.get("bootfile", ""), net, host, guest, mac)


@dataclass(slots=True)
class _Transfer:
    """A file on its way to the guest.

    Attributes:
        port: the guest's.
        own_port: this side's.
        file: its descriptor.
        size: its bytes.
        block_size: bytes in a piece.
        acknowledged: pieces that have arrived, modulo 2**16 unrolled.
    """

    port: int
    own_port: int
    file: int
    size: int
    block_size: int
    acknowledged: int = -1


class UserNetwork:
    """The port `Network`: a card, and all that is on its network.

    Args:
        options: the user's.
        clock: the machine's clock: waiting for a frame that doesn't come takes its time.
    """

    def __init__(self, options: NetworkOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._frames: deque[bytes] = deque()
        self._transfers: dict[int, _Transfer] = {}
        self._next_port = _FIRST_PORT
        self._identification = 0

    @property
    def mac(self) -> bytes:
        """Port `Network`."""
        return self._options.mac

    def send(self, frame: bytes) -> None:
        """Port `Network`: what there is to answer is answered at once."""
        import dpkt

        try:
            ethernet = dpkt.ethernet.Ethernet(frame)
            self._answer(ethernet.data, dpkt)
        except (dpkt.Error, ValueError, IndexError, TypeError, AttributeError):
            return  # no host would tell either

    def receive(self, milliseconds: int) -> bytes:
        """Port `Network`."""
        if not self._frames and milliseconds > 0:
            self._clock.sleep(milliseconds)
        return self._frames.popleft() if self._frames else b""

    def close(self) -> None:
        """Close all files. May be called more than once."""
        for transfer in self._transfers.values():
            os.close(transfer.file)
        self._transfers.clear()

    def _answer(self, packet: Any, dpkt: Any) -> None:
        options = self._options
        host = options.host.packed
        if isinstance(packet, dpkt.arp.ARP):
            if packet.op == dpkt.arp.ARP_OP_REQUEST and packet.tpa == host:
                reply = dpkt.arp.ARP(op=dpkt.arp.ARP_OP_REPLY, sha=_HOST_MAC, spa=host, tha=packet.sha, tpa=packet.spa)
                self._put(dpkt.ethernet.Ethernet(dst=packet.sha, src=_HOST_MAC, type=0x0806, data=reply))
            return
        if not isinstance(packet, dpkt.ip.IP):
            return
        if isinstance(packet.data, dpkt.icmp.ICMP) and packet.dst == host and packet.data.type == 8:
            self._send_ip(dpkt, packet.src, 1, dpkt.icmp.ICMP(type=0, data=bytes(packet.data.data)))
        elif isinstance(packet.data, dpkt.udp.UDP):
            datagram = packet.data
            data = bytes(datagram.data)[: max(0, datagram.ulen - 8)]
            if datagram.dport == _DHCP_SERVER:
                self._answer_dhcp(dpkt, data)
            elif packet.dst == host and datagram.dport == _TFTP:
                self._begin(dpkt, packet.src, datagram.sport, data)
            elif packet.dst == host and datagram.dport in self._transfers:
                self._go_on(dpkt, packet.src, self._transfers[datagram.dport], data)

    def _answer_dhcp(self, dpkt: Any, data: bytes) -> None:
        options = self._options
        message = dpkt.dhcp.DHCP(data)
        if message.op != 1:
            return
        asked = dict(message.opts)
        kind = asked.get(53, b"\0")[:1]
        host = options.host.packed
        answers = [(1, options.net.netmask.packed), (3, host), (6, options.net[3].packed), (51, (86400).to_bytes(4))]
        if kind != b"\0":
            answers = [(53, b"\2" if kind == b"\1" else b"\5"), (54, host), *answers]
        reply = dpkt.dhcp.DHCP(
            op=2,
            xid=message.xid,
            flags=message.flags,
            chaddr=message.chaddr,
            yiaddr=int(options.guest),
            siaddr=int(options.host),
            file=options.bootfile.encode()[:127].ljust(128, b"\0"),
            opts=tuple(answers),
        )
        self._send_udp(dpkt, b"\xff" * 4, _DHCP_SERVER, _DHCP_CLIENT, bytes(reply).ljust(300, b"\0"))

    # TFTP

    def _begin(self, dpkt: Any, guest: bytes, port: int, data: bytes) -> None:
        words = data[2:].split(b"\0")
        code = int.from_bytes(data[:2])
        own_port, self._next_port = self._next_port, _FIRST_PORT + (self._next_port + 1 - _FIRST_PORT) % 20000
        if code != _READ:
            self._send_udp(dpkt, guest, own_port, port, _ERROR.to_bytes(2) + b"\0\4only reading is possible\0")
            return
        name = words[0].decode("latin-1")
        file = self._open(name)
        if file < 0:
            self._send_udp(dpkt, guest, own_port, port, _ERROR.to_bytes(2) + b"\0\1File not found\0")
            return
        while len(self._transfers) >= _MOST_TRANSFERS:  # those that nobody has ended; the guest may ask twice for one
            self._end(next(iter(self._transfers.values())))
        size = os.fstat(file).st_size
        asked = {key.lower(): value for key, value in zip(words[2::2], words[3::2], strict=False)}
        agreed = []
        block_size = _BLOCK
        if asked.get(b"blksize", b"").isdigit():
            block_size = max(8, min(int(asked[b"blksize"][:6]), _LARGEST_BLOCK))
            agreed += [b"blksize", str(block_size).encode()]
        if b"tsize" in asked:
            agreed += [b"tsize", str(size).encode()]
        transfer = self._transfers[own_port] = _Transfer(port, own_port, file, size, block_size)
        if agreed:
            self._send_udp(dpkt, guest, own_port, port, _OACK.to_bytes(2) + b"\0".join([*agreed, b""]))
        else:
            transfer.acknowledged = 0
            self._send_block(dpkt, guest, transfer)

    def _go_on(self, dpkt: Any, guest: bytes, transfer: _Transfer, data: bytes) -> None:
        code, number = int.from_bytes(data[:2]), int.from_bytes(data[2:4])
        if code == _ERROR:
            self._end(transfer)
        if code != _ACK:
            return
        before = max(0, transfer.acknowledged)
        if number == before & 0xFFFF:
            transfer.acknowledged = before
        elif number == before + 1 & 0xFFFF:
            transfer.acknowledged = before + 1
        else:
            return
        if transfer.acknowledged * transfer.block_size > transfer.size:
            self._end(transfer)
        else:
            self._send_block(dpkt, guest, transfer)

    def _send_block(self, dpkt: Any, guest: bytes, transfer: _Transfer) -> None:
        data = os.pread(transfer.file, transfer.block_size, transfer.acknowledged * transfer.block_size)
        number = transfer.acknowledged + 1 & 0xFFFF
        message = _DATA.to_bytes(2) + number.to_bytes(2) + data
        self._send_udp(dpkt, guest, transfer.own_port, transfer.port, message)

    def _end(self, transfer: _Transfer) -> None:
        if self._transfers.pop(transfer.own_port, None) is not None:
            os.close(transfer.file)

    def _open(self, name: str) -> int:
        """A file in the folder, and nowhere else; -1 if there is none."""
        folder = self._options.tftp
        if not folder:
            return -1
        root = os.path.realpath(folder)
        path = os.path.realpath(os.path.join(root, name.replace("\\", "/").lstrip("/")))
        if os.path.commonpath([root, path]) != root:
            return -1
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (OSError, ValueError):
            return -1
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            return -1
        return file

    # Frames

    def _send_udp(self, dpkt: Any, destination: bytes, source_port: int, port: int, data: bytes) -> None:
        self._send_ip(dpkt, destination, 17, dpkt.udp.UDP(sport=source_port, dport=port, ulen=8 + len(data), data=data))

    def _send_ip(self, dpkt: Any, destination: bytes, protocol: int, data: Any) -> None:
        self._identification = self._identification + 1 & 0xFFFF
        host = self._options.host.packed
        packet = dpkt.ip.IP(
            src=host, dst=destination, p=protocol, id=self._identification, data=data, len=20 + len(data)
        )
        mac = b"\xff" * 6 if destination == b"\xff" * 4 else self.mac
        self._put(dpkt.ethernet.Ethernet(dst=mac, src=_HOST_MAC, type=0x0800, data=packet))

    def _put(self, frame: Any) -> None:
        if len(self._frames) < _MOST_QUEUED:
            self._frames.append(bytes(frame).ljust(60, b"\0"))
