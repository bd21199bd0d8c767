"""What is written after a network device's `:`, as SLOF, Apple's and IBM's firmware take it."""

from __future__ import annotations

from dataclasses import dataclass

from vof.errors import PortError
from vof.packages.net.wire import ANYWHERE, dotted, parse_address

__all__ = ["BootArguments", "parse_arguments"]

_LONGEST = 1024
_LONGEST_NAME = 400
_MOST_TRIES = 100
_MODES = ("bootp", "dhcp")
_IGNORED = ("promiscuous",)
_IGNORED_KEYS = ("speed", "duplex", "verbose")
_ABSENT = {"ipv6": "IPv6", "iscsi": "iSCSI", "rarp": "RARP", "nfs": "NFS", "http": "HTTP"}
_ORDER = "server,file,client,gateway,bootp-retries,tftp-retries,subnet-mask,block-size"


@dataclass(frozen=True, slots=True)
class BootArguments:
    """A network boot's arguments; None and "" are what is left to DHCP.

    Attributes:
        mode: `bootp` or `dhcp` where one of them is asked for, else "": DHCP, then BOOTP.
        server, client, gateway, mask: addresses of four bytes.
        file: the boot file's name, with `/` between names.
        bootp_tries, tftp_tries: how often to ask before giving up.
        block_size: TFTP's, in bytes.
    """

    mode: str = ""
    server: bytes | None = None
    file: str = ""
    client: bytes | None = None
    gateway: bytes | None = None
    bootp_tries: int | None = None
    tftp_tries: int | None = None
    mask: bytes | None = None
    block_size: int | None = None

    @property
    def is_enough(self) -> bool:
        """Whether there is nothing to ask DHCP for."""
        return None not in (self.server, self.client) and bool(self.file) and not self.mode

    def __str__(self) -> str:
        """As `bootpath` holds them for the loader: server,file,client,gateway,retries,retries,subnet."""
        numbers = ("" if each is None else str(each) for each in (self.bootp_tries, self.tftp_tries))
        server, client, gateway = (_shown(each) for each in (self.server, self.client, self.gateway))
        parts = [server, self.file.replace("/", "\\"), client, gateway, *numbers, _shown(self.mask)]
        return ",".join(parts).rstrip(",")


def parse_arguments(text: str) -> BootArguments:
    """Parse `[bootp|dhcp|promiscuous|speed=…|duplex=…,]…[server,file,client,gateway,tries,tries,subnet,block size]`.

    Parts may be empty, missing at the end, or an address of zeros, which is none. A single part that is no address is
    the file's name. `\\` in the name is `/`.

    Raises:
        PortError: something there is not understood; the reason says what would be.
    """
    if len(text) > _LONGEST:
        raise PortError(f"{len(text)} characters of network arguments: at most {_LONGEST} make sense")
    parts = text.split(",")
    mode = ""
    while parts:
        word = parts[0].strip().lower()
        if word in _ABSENT:
            raise PortError(f"{_ABSENT[word]} is not here: boot by IPv4, with DHCP or BOOTP and TFTP ({_ORDER})")
        if word in _MODES:
            mode = word
        elif word not in _IGNORED and word.partition("=")[0] not in _IGNORED_KEYS:
            break
        parts.pop(0)
    if len(parts) == 1 and parts[0] != "0" and parse_address(parts[0]) is None and not _is_ipv6(parts[0]):
        parts = ["", parts[0]]
    parts += [""] * (8 - len(parts))
    file = parts[1].replace("\\", "/")
    if len(file) > _LONGEST_NAME:
        raise PortError(f"a file name of {len(file)} characters: TFTP takes {_LONGEST_NAME}")
    return BootArguments(
        mode=mode,
        server=_address(parts[0], "server"),
        file=file,
        client=_address(parts[2], "client"),
        gateway=_address(parts[3], "gateway"),
        bootp_tries=_number(parts[4], "bootp-retries", 0, _MOST_TRIES),
        tftp_tries=_number(parts[5], "tftp-retries", 0, _MOST_TRIES),
        mask=_address(parts[6], "subnet-mask"),
        block_size=_number(parts[7], "block-size", 8, 0xFFFF),
    )


def _address(text: str, what: str) -> bytes | None:
    text = text.strip()
    if text in ("", "0"):
        return None
    if _is_ipv6(text):
        raise PortError(f"IPv6 is not here: the {what} {text} has to be an IPv4 address, such as 10.0.2.2")
    address = parse_address(text)
    if address is None:
        raise PortError(f'no {what} "{text}": it is an address such as 10.0.2.2, or nothing ({_ORDER})')
    return None if address == ANYWHERE else address


def _is_ipv6(text: str) -> bool:
    return text.count(":") >= 2


def _number(text: str, what: str, least: int, most: int) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and least <= int(text) <= most):
        raise PortError(f'no {what} "{text}": it is a number, {least} … {most} ({_ORDER})')
    return int(text)


def _shown(address: bytes | None) -> str:
    return "" if address is None else dotted(address)
