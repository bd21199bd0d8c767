"""The arguments of a network device, as clients and users write them.

`[bootp|dhcp|promiscuous|speed=…|duplex=…,]server,file,client,gateway,bootp-retries,tftp-retries,subnet`: what is left
out is learned from the network. Ref: the TFTP booting recommended practice §4; SLOF's and Apple's are the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from vof.packages.instance import Throw, ThrowCode

__all__ = ["BootArguments", "address_of", "parse_arguments"]

_ADDRESS = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})")
_MOST_TRIES = 30
_TRIES = 4


@dataclass(frozen=True, slots=True)
class BootArguments:
    """What the arguments say; an address of four zeroes is one that they don't.

    Attributes:
        protocol: `dhcp` or `bootp`.
        server, client, gateway, subnet: addresses, 4 bytes each.
        file: the file's name; "" for the one that the network tells.
        tries: how often an address is asked for.
        tftp_tries: how often a piece of a file is.
    """

    protocol: str = "dhcp"
    server: bytes = bytes(4)
    file: str = ""
    client: bytes = bytes(4)
    gateway: bytes = bytes(4)
    tries: int = _TRIES
    tftp_tries: int = _TRIES
    subnet: bytes = bytes(4)


def parse_arguments(text: str) -> BootArguments:
    r"""Take arguments apart. In the file's name, `\` is `/`.

    Raises:
        Throw: they make no sense.
    """
    words = [word.strip() for word in text.split(",")]
    protocol = "dhcp"
    while words and (words[0].lower() in ("bootp", "dhcp", "promiscuous", "ipv6", "ipv4", "tftp") or "=" in words[0]):
        word = words.pop(0).lower()
        if word == "ipv6":
            raise Throw(ThrowCode.ABORT, "no IPv6 here: leave the word out, and IPv4 is used")
        if word in ("bootp", "dhcp"):
            protocol = word
    server, file, client, gateway, tries, tftp_tries, subnet = (words + [""] * 7)[:7]
    if server and not _ADDRESS.fullmatch(server) and not file:  # "net:file"
        server, file = "", server
    return BootArguments(
        protocol=protocol,
        server=address_of(server),
        file=file.replace("\\", "/"),
        client=address_of(client),
        gateway=address_of(gateway),
        tries=_count(tries),
        tftp_tries=_count(tftp_tries),
        subnet=address_of(subnet),
    )


def address_of(text: str) -> bytes:
    """An address of four numbers; zeroes for "".

    Raises:
        Throw: it is none.
    """
    if not text:
        return bytes(4)
    found = _ADDRESS.fullmatch(text)
    numbers = [int(part) for part in found.groups()] if found else [256]
    if max(numbers) > 255:
        raise Throw(ThrowCode.ABORT, f'"{text}" is no address: 10.0.2.2 would be')
    return bytes(numbers)


def _count(text: str) -> int:
    if not text:
        return _TRIES
    if not (text.isascii() and text.isdigit()):
        raise Throw(ThrowCode.ABORT, f'"{text}" is no number of tries')
    return max(1, min(int(text), _MOST_TRIES))
