"""Whatever comes off the network, the clients fail with a reason or succeed, and come to an end."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import FakeClock
from hypothesis import given, settings
from hypothesis import strategies as st

from vof.backends.user_network import FaultyNetwork, UserNetdev, UserNetwork
from vof.errors import PortError
from vof.packages.net import Host, fetch, obtain
from vof.packages.net.dhcp import parse_message
from vof.packages.net.fragments import Reassembly
from vof.packages.net.rare import parse_arp
from vof.packages.net.tftp import parse_options
from vof.packages.net.wire import checksum, parse_datagram, parse_packet, udp_payload
from vof.ports import Network

CONTENT = bytes(range(256)) * 20


class StoppedClock:
    """A clock that nothing moves."""

    def milliseconds(self) -> int:
        return 0

    def sleep(self, milliseconds: int) -> None:
        """Nothing passes."""

    def wall(self) -> int:
        return 0


@pytest.fixture(scope="module")
def folder() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as name:
        Path(name, "file").write_bytes(CONTENT)
        yield name


class Mutating:
    """A network in the hands of somebody who means harm: he changes, cuts, repeats, makes up and forges frames."""

    def __init__(self, network: Network, seed: int, share: float) -> None:
        self.network = network
        self.mac = network.mac
        self.random = random.Random(seed)
        self.share = share
        self.seen: list[bytes] = []
        self.calls = 0

    def send(self, frame: bytes) -> None:
        self.network.send(frame)

    def receive(self, milliseconds: int) -> bytes:
        self.calls += 1
        assert self.calls < 200_000, "this has no end"
        frame = self.network.receive(milliseconds)
        if frame:
            self.seen = [*self.seen[-50:], frame]
        elif self.seen and self.random.random() < 0.5:
            frame = self.random.choice(self.seen)
        if frame and self.random.random() < self.share:
            return self.mutated(frame)
        return frame

    def mutated(self, frame: bytes) -> bytes:
        dice = self.random
        changed = bytearray(frame)
        for _ in range(dice.choice((1, 1, 2, 8))):
            # Most of all where the headers are.
            at = dice.randrange(len(changed) if dice.random() < 0.3 else min(len(changed), 60))
            changed[at] = dice.choice((0, 1, 0x45, 0x7F, 0x80, 0xFF, dice.randrange(256)))
        if dice.random() < 0.2:
            del changed[dice.randrange(len(changed)) :]
        if dice.random() < 0.1:
            changed += dice.randbytes(dice.randrange(3000))
        if dice.random() < 0.7 and len(changed) >= 42:
            repair(changed)
        return bytes(changed)


def repair(frame: bytearray) -> None:
    """Put the checksums right, so that what was changed gets deeper in."""
    frame[24:26] = b"\0\0"
    frame[24:26] = checksum(bytes(frame[14:34])).to_bytes(2, "big")
    frame[40:42] = b"\0\0"


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1 << 32), share=st.sampled_from((0.05, 0.3, 1.0)), stopped=st.booleans())
def test_mutated_frames(folder: str, seed: int, share: float, stopped: bool) -> None:
    network = Mutating(UserNetwork(UserNetdev(tftp=folder, bootfile="file")), seed, share)
    host = Host(network, StoppedClock() if stopped else FakeClock())
    got = bytearray()
    try:
        lease = obtain(host)
        size = fetch(host, lease.server or bytes(4), lease.file, lambda _, data: got.extend(data), limit=1 << 16)
    except PortError as error:
        assert str(error).isprintable()
    else:
        assert size == len(got) <= 1 << 16


class Stream:
    """Frames that somebody made up, again and again without end."""

    def __init__(self, frames: list[bytes]) -> None:
        self.mac = bytes.fromhex("525400123456")
        self.frames = frames
        self.at = 0

    def send(self, frame: bytes) -> None:
        """Nobody listens."""

    def receive(self, milliseconds: int) -> bytes:
        self.at += 1
        return self.frames[self.at % len(self.frames)]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.binary(max_size=100), min_size=1, max_size=5), st.booleans())
def test_a_flood(frames: list[bytes], addressed: bool) -> None:
    """Each look at the clock lets a millisecond pass here, as with the virtual one; a minute is the end of it."""
    mac = bytes.fromhex("525400123456")
    network = Stream([mac + frame if addressed else frame for frame in frames])

    class Ticking(FakeClock):
        def milliseconds(self) -> int:
            self.now += 1
            return self.now

    clock = Ticking()
    with pytest.raises(PortError):
        obtain(Host(network, clock), tries=2)
    assert clock.now < 120_000


def test_a_flood_while_the_clock_stands_still() -> None:
    mac = bytes.fromhex("525400123456")
    with pytest.raises(PortError, match="no DHCP answer"):
        obtain(Host(Stream([mac + bytes(60)]), StoppedClock()), bootp=False, tries=1)


@settings(max_examples=300)
@given(st.binary(max_size=1600))
def test_any_bytes(data: bytes) -> None:
    parse_datagram(data)
    parse_arp(data)
    parse_message(data)
    parse_options(data)
    packet = parse_packet(data)
    if packet is not None:
        udp_payload(packet)


@settings(max_examples=300)
@given(st.binary(max_size=200), st.booleans())
def test_dhcp_messages_with_any_options(data: bytes, overload: bool) -> None:
    head = bytes.fromhex("02010600") + bytes(24) + bytes.fromhex("525400123456") + bytes(10 + 64 + 128)
    message = parse_message(head + bytes.fromhex("63825363") + (b"\x34\x01\x03" if overload else b"") + data)
    assert message is None or message.type <= 255


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 40), st.booleans(), st.integers(0, 3), st.integers(0, 64)), max_size=60))
def test_any_fragments(pieces: list[tuple[int, bool, int, int]]) -> None:
    """What is put together has a size that its last fragment said, and no more is held than the bounds say."""
    from vof.packages.net.wire import Packet

    together = Reassembly()
    for offset, more, identification, size in pieces:
        packet = Packet(bytes(4), bytes(4), 17, identification, offset * 8, more, b"x" * (size & ~7 if more else size))
        whole = together.add(packet)
        assert whole is None or len(whole.payload) <= 41 * 8 + 64


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=10), st.integers(0, 1 << 32))
def test_a_guest_that_sends_anything(folder: str, frames: list[bytes], seed: int) -> None:
    """The other side: the network's own servers against the guest."""
    network = UserNetwork(UserNetdev(tftp=folder, bootfile="file"))
    recorded = Recording(network)
    host = Host(recorded, FakeClock())
    obtain(host)
    fetch(host, bytes([10, 0, 2, 2]), "file", lambda _, data: None, limit=1 << 16, block_size=200)
    mutating = Mutating(network, seed, 1)
    for frame in [*frames, *(mutating.mutated(each) for each in recorded.sent)]:
        network.send(frame)
    while network.receive(0):
        pass


class Recording:
    def __init__(self, network: Network) -> None:
        self.network = network
        self.mac = network.mac
        self.sent: list[bytes] = []

    def send(self, frame: bytes) -> None:
        self.sent.append(frame)
        self.network.send(frame)

    def receive(self, milliseconds: int) -> bytes:
        return self.network.receive(milliseconds)


def test_everything_is_lost(folder: str) -> None:
    network = FaultyNetwork(UserNetwork(UserNetdev(tftp=folder)), 1, lose=1.0)
    with pytest.raises(PortError, match="no DHCP answer"):
        obtain(Host(network, FakeClock()))
