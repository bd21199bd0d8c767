"""Addresses and files from the network: over QEMU's user network in process, and over a bad one."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vof.backends.user_network import UserNetwork, parse_user_network
from vof.errors import PortError, UsageError
from vof.packages import Throw
from vof.packages.net import Lease, Station, configure, fetch, parse_arguments

SERVER = b"\x0a\0\2\2"
SIZES = (0, 1, 511, 512, 513, 1427, 1428, 1429, 2856, 100_000)


class Time:
    """The port `Clock`; it goes on when somebody waits."""

    def __init__(self) -> None:
        self.now = 0

    def milliseconds(self) -> int:
        self.now += 1
        return self.now

    def sleep(self, milliseconds: int) -> None:
        self.now += milliseconds

    def wall(self) -> int:
        return 0


class Bad:
    """The port `Network` over another one, which loses, doubles and reorders frames."""

    def __init__(self, network: UserNetwork, clock: Time, seed: int, chance: float) -> None:
        self.network, self.clock, self.chance = network, clock, chance
        self.random = random.Random(seed)
        self.held: list[bytes] = []
        self.mac = network.mac

    def send(self, frame: bytes) -> None:
        for _ in range(self._copies()):
            self.network.send(frame)

    def receive(self, milliseconds: int) -> bytes:
        frame = self.network.receive(0)
        if frame:
            self.held += [frame] * self._copies()
            if self.random.random() < self.chance:
                self.random.shuffle(self.held)
        if not self.held:
            self.clock.sleep(milliseconds)
            return b""
        return self.held.pop(0)

    def _copies(self) -> int:
        chance = self.random.random()
        return 0 if chance < self.chance else 2 if chance < 2 * self.chance else 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tftp")
    for size in SIZES:
        (path / f"f{size}").write_bytes(random.Random(size).randbytes(size))
    (path / "below").mkdir()
    (path / "below" / "boot").write_bytes(b"program")
    (path / "out").symlink_to("/etc/passwd")
    (path.parent / "secret").write_text("the host's own")
    return path


def network(folder: Path, clock: Time, options: str = "") -> UserNetwork:
    return UserNetwork(parse_user_network(f"user,tftp={folder},bootfile=f512{options}"), clock)


def load(station: Station, file: str, limit: int = 1 << 20) -> bytes:
    got = bytearray()

    def write(offset: int, data: bytes) -> None:
        assert offset == len(got)
        got.extend(data)

    assert fetch(station, SERVER, file, write, limit=limit) == len(got)
    return bytes(got)


def test_an_address_and_files(folder: Path) -> None:
    clock = Time()
    station = Station(network(folder, clock), clock)
    lease = configure(station)
    assert (lease.address, lease.server, lease.file) == (b"\x0a\0\2\x0f", SERVER, "f512")
    assert (lease.subnet, lease.gateway) == (b"\xff\xff\xff\0", SERVER)
    for size in SIZES:
        assert load(station, f"f{size}") == (folder / f"f{size}").read_bytes()
    assert load(station, "below/boot") == b"program"


def test_bootp(folder: Path) -> None:
    clock = Time()
    assert configure(Station(network(folder, clock), clock), bootp=True).address == b"\x0a\0\2\x0f"


def test_more_blocks_than_their_numbers_can_say(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(66000 * 8 + 3))
    clock = Time()
    made = network(tmp_path, clock)
    station = Station(made, clock)
    configure(station)
    import vof.packages.net.tftp as tftp

    before, tftp._BLOCK = tftp._BLOCK, 8
    try:
        assert load(station, "big") == bytes(66000 * 8 + 3)
    finally:
        tftp._BLOCK = before


@pytest.mark.parametrize("seed", range(6))
def test_a_bad_network(folder: Path, seed: int) -> None:
    clock = Time()
    station = Station(Bad(network(folder, clock), clock, seed, 0.08), clock)
    configure(station, tries=20)
    got = bytearray()
    fetch(station, SERVER, "f100000", lambda offset, data: got.extend(data), limit=1 << 20, tries=20)
    assert got == (folder / "f100000").read_bytes()


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("none", "TFTP 10.0.2.2: File not found: none"),
        ("../secret", "File not found"),
        ("out", "File not found"),
        ("/etc/passwd", "File not found"),
        ("below", "File not found"),
        ("f100000", "f100000 has 100000 bytes, and there is room for 99999"),
    ],
)
def test_what_cannot_be_had(folder: Path, file: str, words: str) -> None:
    clock = Time()
    station = Station(network(folder, clock), clock)
    configure(station)
    with pytest.raises(PortError, match=words):
        load(station, file, limit=99999)


def test_nobody_there(folder: Path) -> None:
    clock = Time()
    station = Station(Bad(network(folder, clock), clock, 1, 1.0), clock)
    with pytest.raises(PortError, match="no DHCP answer on the network after 4 tries"):
        configure(station)
    good = Station(network(folder, clock), clock)
    configure(good)
    assert len(load(good, "f1")) == 1
    with pytest.raises(PortError, match=r"nobody on the network has the address 10\.0\.2\.77"):
        fetch(good, b"\x0a\0\2\x4d", "x", lambda *_: None, limit=1)
    good._network = Bad(good._network, clock, 1, 1.0)  # type: ignore[arg-type]
    with pytest.raises(PortError, match="no answer for f1"):
        load(good, "f1")


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=120), max_size=6), st.integers(0, 400), st.integers(0, 255))
def test_frames_that_make_no_sense(frames: list[bytes], place: int, value: int) -> None:
    """Nothing but its own error, and it ends."""

    class Strange:
        mac = b"\x52\x54\0\x12\x34\x56"

        def __init__(self) -> None:
            self.waiting = [self.mac + b"\x52\x55\x0a\0\2\2" + frame for frame in frames]
            self.behind = UserNetwork(parse_user_network("user"), clock)

        def send(self, frame: bytes) -> None:
            self.behind.send(frame)

        def receive(self, milliseconds: int) -> bytes:
            if self.waiting:
                return self.waiting.pop()
            frame = bytearray(self.behind.receive(milliseconds))
            if place < len(frame):
                frame[place] = value
            return bytes(frame)

    clock = Time()
    station = Station(Strange(), clock)
    try:
        assert isinstance(configure(station), Lease)
        fetch(station, SERVER, "x", lambda *_: None, limit=100)
    except PortError:
        pass


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", ("dhcp", "0.0.0.0", "", "0.0.0.0")),
        ("bootp,10.0.2.2,file", ("bootp", "10.0.2.2", "file", "0.0.0.0")),
        (",\\boot\\vmlinux", ("dhcp", "0.0.0.0", "/boot/vmlinux", "0.0.0.0")),
        ("vmlinux", ("dhcp", "0.0.0.0", "vmlinux", "0.0.0.0")),
        (
            "speed=auto,duplex=auto,1.1.1.1,x,1.1.1.2,1.1.1.1,5,5,1.1.1.1,512",
            ("dhcp", "1.1.1.1", "x", "1.1.1.2"),
        ),
    ],
)
def test_arguments(text: str, wanted: tuple[str, str, str, str]) -> None:
    found = parse_arguments(text)
    server, client = (".".join(map(str, each)) for each in (found.server, found.client))
    assert (found.protocol, server, found.file, client) == wanted


@pytest.mark.parametrize(
    ("text", "words"),
    [("ipv6,x", "no IPv6 here"), ("1.2.3.4,f,1.2.3", "no address"), ("1.2.3.4,f,,,many", "number of tries")],
)
def test_arguments_that_make_no_sense(text: str, words: str) -> None:
    with pytest.raises(Throw, match=words):
        parse_arguments(text)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("tap", "in this process there is user"),
        ("user,tftpd=x", "did you mean tftp=?"),
        ("user,xyzzy=1", "there are id, tftp"),
        ("user,tftp=/nowhere", "there is no folder /nowhere"),
        ("user,net=10.0.2", "10.0.2"),
        ("user,mac=1", "-netdev"),
    ],
)
def test_networks_that_cannot_be(value: str, words: str) -> None:
    with pytest.raises(UsageError, match=words.replace("?", r"\?")):
        parse_user_network(value)
