"""What is written after a network device's colon."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vof.errors import PortError
from vof.packages.net import BootArguments, parse_arguments

SERVER, CLIENT, GATEWAY, MASK = (
    bytes(each) for each in ([10, 0, 2, 2], [10, 0, 2, 15], [10, 0, 2, 1], [255, 255, 255, 0])
)
ONES = bytes([1, 1, 1, 1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", BootArguments()),
        (",", BootArguments()),
        ("0", BootArguments()),
        (",,,,,,,", BootArguments()),
        ("dhcp", BootArguments(mode="dhcp")),
        ("bootp", BootArguments(mode="bootp")),
        ("promiscuous,bootp,", BootArguments(mode="bootp")),
        (",\\yaboot", BootArguments(file="/yaboot")),
        ("0,ofwboot.xcf", BootArguments(file="ofwboot.xcf")),
        ("yaboot", BootArguments(file="yaboot")),
        ("\\boot\\grub", BootArguments(file="/boot/grub")),
        ("10.0.2.2", BootArguments(server=SERVER)),
        ("10.0.2.2,boot\\grub", BootArguments(server=SERVER, file="boot/grub")),
        ("bootp,10.0.2.2,f,10.0.2.15,10.0.2.1,5,7,255.255.255.0,512",
         BootArguments("bootp", SERVER, "f", CLIENT, GATEWAY, 5, 7, MASK, 512)),
        ("speed=auto,duplex=auto,1.1.1.1,dummy,1.1.1.1,1.1.1.1,5,5,1.1.1.1,512",
         BootArguments("", ONES, "dummy", ONES, ONES, 5, 5, ONES, 512)),
        ("speed=100,duplex=full,dhcp,0.0.0.0,,0.0.0.0,0.0.0.0", BootArguments(mode="dhcp")),
        (",f,,,3", BootArguments(file="f", bootp_tries=3)),
        ("10.0.2.2,f,10.0.2.15,10.0.2.1,0,0,255.255.255.0,1428,more,and more",
         BootArguments("", SERVER, "f", CLIENT, GATEWAY, 0, 0, MASK, 1428)),
    ],
)  # fmt: skip
def test_arguments(text: str, expected: BootArguments) -> None:
    assert parse_arguments(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ipv6,dhcpv6", "IPv6 is not here"),
        ("fe80::1,file", "IPv6 is not here: the server fe80::1"),
        ("iscsi,x", "iSCSI is not here"),
        ("256.0.0.1,file", 'no server "256.0.0.1"'),
        ("tftp.example,file", 'no server "tftp.example": it is an address such as 10.0.2.2'),
        ("10.0.2.2,file,me", 'no client "me"'),
        (",f,,,many", 'no bootp-retries "many": it is a number'),
        (",f,,,,-1", "no tftp-retries"),
        (",f,,,,,,4", "block-size"),
        ("," + "f" * 500, "a file name of 500 characters"),
        ("x" * 2000, "2000 characters"),
    ],
)
def test_what_makes_no_sense(text: str, reason: str) -> None:
    with pytest.raises(PortError) as caught:
        parse_arguments(text)
    assert reason in str(caught.value)


@given(st.text(st.sampled_from("0123456789.,=\\:abcdefhiopstv6"), max_size=60))
def test_any_text(text: str) -> None:
    try:
        parsed = parse_arguments(text)
    except PortError:
        return
    again = parse_arguments("," + str(parsed) if not parsed.server and not str(parsed).startswith(",") else str(parsed))
    assert (again.server, again.file, again.client) == (parsed.server, parsed.file, parsed.client)


def test_as_bootpath_holds_them() -> None:
    assert str(BootArguments("dhcp", SERVER, "boot/grub", CLIENT, None, 5)) == "10.0.2.2,boot\\grub,10.0.2.15,,5"
    assert str(BootArguments(file="f")) == ",f"
    assert str(BootArguments()) == ""
