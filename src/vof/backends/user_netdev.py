"""What `-netdev user,…` says, in QEMU's spelling."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass

from vof.errors import UsageError
from vof.packages.net.wire import parse_address, valid_mac

__all__ = ["UserNetdev", "needs_qemu", "parse_mac", "parse_user_netdev"]

_NEEDS_QEMU = {
    "hostfwd": "ports of the host",
    "guestfwd": "forwarding",
    "smb": "an SMB server",
    "smbserver": "an SMB server",
    "ipv6-net": "IPv6",
    "ipv6-host": "IPv6",
    "ipv6-prefix": "IPv6",
    "ipv6-prefixlen": "IPv6",
    "ipv6-dns": "IPv6",
    "dnssearch": "a list of domains",
}
_SWITCHES = ("ipv4", "ipv6", "restrict")
_KEYS = (
    *("id", "net", "host", "hostname", "dhcpstart", "dns", "domainname", "tftp", "tftp-server-name", "bootfile"),
    *_SWITCHES,
)
_SWITCH = {"on": True, "off": False, "yes": True, "no": False, "y": True, "n": False, "true": True, "false": False}
_FIRST_LEASE = 15
_LONGEST_BOOT_FILE = 127


@dataclass(frozen=True, slots=True)
class UserNetdev:
    """A network such as QEMU's `user`. Addresses are dotted; empty ones follow from `net`, as QEMU's do.

    Attributes:
        id: its name.
        net: the subnet, as `address/bits` or `address/mask`.
        host: the address of the host, which is gateway, DHCP and TFTP server; by default the subnet's second.
        dns: the name server's, which never answers; by default the third.
        dhcpstart: the first address that DHCP gives; by default the fifteenth.
        hostname: the client's name, if it is to be told.
        domainname: its domain.
        tftp: the folder that the TFTP server gives files from; empty for no TFTP server.
        tftp_server_name: DHCP's option 66.
        bootfile: the boot file that DHCP names.
    """

    id: str = ""
    net: str = "10.0.2.0/24"
    host: str = ""
    dns: str = ""
    dhcpstart: str = ""
    hostname: str = ""
    domainname: str = ""
    tftp: str = ""
    tftp_server_name: str = ""
    bootfile: str = ""

    @property
    def network(self) -> ipaddress.IPv4Network:
        """The subnet; a `UsageError` where `net` is none that a host, a name server and a client have room in."""
        try:
            network = ipaddress.IPv4Network(self.net, strict=False)
        except ValueError:
            raise UsageError(f"net={self.net} is no subnet: write it as 10.0.2.0/24") from None
        if network.num_addresses < 32 or network.prefixlen < 8:
            raise UsageError(f"net={self.net} has no good size: between /8 and /27 works, such as 10.0.2.0/24")
        return network

    def address(self, name: str) -> bytes:
        """The four bytes of `host`, `dns` or `dhcpstart`; a `UsageError` where it is no address of the subnet's."""
        text = {"host": self.host, "dns": self.dns, "dhcpstart": self.dhcpstart}[name]
        if not text:
            return self.network[{"host": 2, "dns": 3, "dhcpstart": _FIRST_LEASE}[name]].packed
        address = parse_address(text)
        if address is None or ipaddress.IPv4Address(address) not in self.network:
            raise UsageError(f"{name}={text} is no address in {self.network}: leave it out, or write one such as "
                             f"{self.network[4]}")  # fmt: skip
        return address


def needs_qemu(text: str) -> bool:
    """Whether a network asks for what only QEMU's own has."""
    kind, *settings = text.split(",")
    return kind.removeprefix("type=") == "user" and any(one.partition("=")[0] in _NEEDS_QEMU for one in settings)


def parse_user_netdev(text: str) -> UserNetdev:
    """Parse `user,id=…,tftp=…,bootfile=…`. A comma within a value is written twice, as for QEMU.

    Raises:
        UsageError: a key or value that nobody knows, or that only QEMU's own network does.
    """
    kind, *settings = (part.replace("\0", ",") for part in text.replace(",,", "\0").split(","))
    if kind.removeprefix("type=") != "user":
        raise UsageError(
            f'"{kind}" is no network that is here: -netdev user[,tftp=DIR][,bootfile=FILE][,net=ADDRESS/BITS]'
        )
    given: dict[str, str] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if key in _NEEDS_QEMU:
            raise UsageError(f"-netdev user,{key}= needs QEMU's own network: {_NEEDS_QEMU[key]} can't be had here")
        if key not in _KEYS:
            raise UsageError(f"-netdev user has no option {key}: {_near(key)}")
        if not equals:
            raise UsageError(f"-netdev user: {key} takes a value, as in {key}=…")
        if key in given:
            raise UsageError(f"-netdev user: {key} is given twice")
        given[key] = value
    _check_switches(given)
    netdev = UserNetdev(**{key.replace("-", "_"): value for key, value in given.items() if key not in _SWITCHES})
    check(netdev)
    return netdev


def parse_mac(text: str) -> bytes:
    """The six bytes of a card's address such as `52:54:00:12:34:56`; a `UsageError` where it is none."""
    parts = text.replace("-", ":").split(":")
    if len(parts) == 6 and all(re.fullmatch("[0-9a-fA-F]{1,2}", part) for part in parts):
        mac = bytes(int(part, 16) for part in parts)
        if valid_mac(mac):
            return mac
    raise UsageError(f"mac={text} is no card's address: write one such as 52:54:00:12:34:56")


def check(netdev: UserNetdev) -> None:
    """A `UsageError` if such a network can't be."""
    for name in ("host", "dns", "dhcpstart"):
        netdev.address(name)
    if netdev.tftp and not os.path.isdir(netdev.tftp):
        raise UsageError(
            f"tftp={netdev.tftp} is no folder that is there: name one, whose files the guest may then read"
        )
    for name, value, most in (
        ("bootfile", netdev.bootfile, _LONGEST_BOOT_FILE),
        ("hostname", netdev.hostname, 63),
        ("domainname", netdev.domainname, 200),
        ("tftp-server-name", netdev.tftp_server_name, 200),
    ):
        if len(os.fsencode(value)) > most or "\0" in value:
            raise UsageError(f"{name}= takes at most {most} characters, and this has {len(value)}")


def _check_switches(given: dict[str, str]) -> None:
    """What can be switched in QEMU and not here may be said as it is anyway: no IPv6, and no way out."""
    for key, always in (("ipv4", True), ("ipv6", False), ("restrict", None)):
        value = given.get(key)
        if value is None:
            continue
        if value not in _SWITCH:
            raise UsageError(f"-netdev user,{key}={value}: it is on or off")
        if always is not None and _SWITCH[value] is not always:
            raise UsageError(
                f"-netdev user,{key}={value} needs QEMU's own network: here it is {key}={'on' if always else 'off'}"
            )


def _near(key: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(key, _KEYS, 1)
    return f"did you mean {near[0]}?" if near else f"it has {', '.join(_KEYS)}"
