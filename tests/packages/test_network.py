"""The network device's package as clients use it, and its clients of DHCP and TFTP, over networks good and bad."""

from __future__ import annotations

import pickle
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from fakes import FakeClock, World

from vof.backends import VirtualClock
from vof.backends.user_network import FaultyNetwork, UserNetdev, UserNetwork
from vof.errors import PortError, UsageError
from vof.packages.net import BootArguments, Host, fetch, obtain
from vof.packages.net.dhcp import Message, Option, Type, parse_message
from vof.packages.net.rare import arp_frame, parse_arp
from vof.packages.net.wire import (
    BROADCAST,
    EVERYBODY,
    EtherType,
    Protocol,
    checksum,
    ethernet,
    ip_packet,
    parse_datagram,
    parse_packet,
    udp_frame,
)
from vof.packages.network import NetworkPackage, network_properties
from vof.packages.obp_tftp import ObpTftp
from vof.ports import Network
from vof.tree import encode_string

NODE = "/vdevice/l-lan@71000002"
BUFFER = 0x100000
PROGRAM = bytes(range(256)) * 40
HOST, GUEST = bytes([10, 0, 2, 2]), bytes([10, 0, 2, 15])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot" / "grub.elf").write_bytes(PROGRAM)
    (tmp_path / "first").write_bytes(b"first")
    return tmp_path


@pytest.fixture
def network(folder: Path) -> UserNetwork:
    return UserNetwork(UserNetdev(tftp=str(folder), bootfile="first", hostname="guest"))


class Client:
    """A small machine with a network card."""

    def __init__(self, network: Network) -> None:
        self.world = World()
        self.world.tree.add("/vdevice", NODE.rpartition("/")[2], network_properties(network.mac))
        self.package = NetworkPackage(self.world.memory, network, self.world.clock, self.publish)
        self.world.node(NODE).methods.update(self.package.methods())
        self.ihandle = 0

    def publish(self, properties: dict[str, bytes]) -> None:
        for name, value in properties.items():
            self.world.tree.set("/chosen", name, value)

    def open(self, arguments: str = "") -> bool:
        self.ihandle = self.world.ask("open", f"{NODE}:{arguments}" if arguments else NODE).results[0]
        return bool(self.ihandle)

    def load(self, arguments: str = "", address: int = BUFFER) -> bytes | None:
        """What `load` brought; None where it failed."""
        if not self.open(arguments):
            return None
        status, size = self.world.ask("call-method", "load", self.ihandle, address, nret=2).results
        return None if status else self.world.memory.read(address, size)


class Silent:
    """A network where nobody is, that remembers what was sent."""

    def __init__(self) -> None:
        self.mac = bytes.fromhex("525400123456")
        self.sent: list[bytes] = []
        self.coming: list[bytes] = []

    def send(self, frame: bytes) -> None:
        self.sent.append(frame)

    def receive(self, milliseconds: int) -> bytes:
        return self.coming.pop(0) if self.coming else b""


def test_a_node_says_what_it_is() -> None:
    properties = network_properties(bytes(range(0x52, 0x58)))
    assert properties["local-mac-address"] == properties["mac-address"] == b"RSTUVW"
    assert properties["device_type"] == encode_string("network")
    assert int.from_bytes(properties["max-frame-size"], "big") == 1514
    for wrong in (b"", bytes(6), b"\xff" * 6, bytes(8)):
        with pytest.raises(UsageError, match="52:54:00"):
            network_properties(wrong)


@pytest.mark.parametrize(
    ("arguments", "expected", "asks"),
    [
        ("", b"first", True),
        (",\\boot\\grub.elf", PROGRAM, True),
        ("dhcp,10.0.2.2,boot\\grub.elf", PROGRAM, True),
        ("bootp", b"first", True),
        ("speed=auto,duplex=auto,10.0.2.2,boot\\grub.elf,10.0.2.15,0.0.0.0,5,5,255.255.255.0,512", PROGRAM, False),
        ("10.0.2.2,boot\\grub.elf,10.0.2.15", PROGRAM, False),
        ("10.0.2.2,boot\\grub.elf,10.0.2.15,10.0.2.2,0,0", PROGRAM, False),
    ],
)
def test_loads(network: UserNetwork, arguments: str, expected: bytes, asks: bool) -> None:
    client = Client(network)
    assert client.load(arguments) == expected
    learned = client.package.learned
    assert learned is not None and (learned.server, learned.client) == (HOST, GUEST)
    assert (client.package.lease is not None) is asks
    assert ("bootpreply-packet" in client.world.node("/chosen").properties) is asks


def test_what_dhcp_said_is_published_as_it_came(network: UserNetwork) -> None:
    client = Client(network)
    assert client.load()
    chosen = client.world.node("/chosen").properties
    packet = chosen["dhcp-response"]
    assert packet[16:20] == GUEST and packet[20:24] == HOST and packet[28:34] == network.mac
    assert packet[108:].startswith(b"first\0") and packet[236:240] == b"\x63\x82\x53\x63"
    assert chosen["bootpreply-packet"][0x2A:] == packet
    assert "bootp-response" not in chosen
    assert str(client.package.learned) == "10.0.2.2,first,10.0.2.15,10.0.2.2,,,255.255.255.0"
    assert client.package.lease is not None and client.package.lease.name == "guest"


def test_what_bootp_said_has_its_own_name(network: UserNetwork) -> None:
    client = Client(network)
    assert client.load("bootp") == b"first"
    chosen = client.world.node("/chosen").properties
    assert "bootp-response" in chosen and "dhcp-response" not in chosen


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (",missing", "TFTP 10.0.2.2: file not found: missing"),
        (",..\\secret", "access denied: no .. in names"),
        ("10.0.2.77,first,10.0.2.15", "nobody on the network has the address 10.0.2.77 (4 ARP requests)"),
        ("10.0.2.3,first,10.0.2.15", "TFTP 10.0.2.3: no answer to 10 requests"),
        ("10.0.2.3,first,10.0.2.15,,,2", "TFTP 10.0.2.3: no answer to 2 requests"),
    ],
)
def test_failures_have_reasons(network: UserNetwork, arguments: str, reason: str) -> None:
    client = Client(network)
    assert client.load(arguments) is None
    assert reason in client.world.fault
    assert client.package.learned is None


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("", "no DHCP answer on the network after 4 tries; no BOOTP answer on the network after 2 tries"),
        ("dhcp,,,,,1", "no DHCP answer on the network after 1 try"),
        ("bootp,,,,,3", "no BOOTP answer on the network after 3 tries"),
    ],
)
def test_a_network_where_nobody_is(arguments: str, reason: str) -> None:
    client = Client(Silent())
    assert client.load(arguments) is None
    assert client.world.fault.endswith(reason)
    assert client.world.clock.now <= 60_000


def test_a_file_must_fit_into_memory(network: UserNetwork) -> None:
    client = Client(network)
    assert client.load(",boot\\grub.elf", World.SIZE - 100) is None
    assert "has 10240 bytes: there is room for 100" in client.world.fault
    assert client.load(",boot\\grub.elf", World.SIZE) is None
    assert client.load("10.0.2.2,first,10.0.2.15", World.SIZE - 5) == b"first"


def test_nobody_names_a_file(folder: Path) -> None:
    client = Client(UserNetwork(UserNetdev(tftp=str(folder))))
    assert client.load() is None
    assert "which file to load" in client.world.fault


def test_frames_are_the_clients_own(network: UserNetwork) -> None:
    client = Client(network)
    assert client.open("speed=auto,duplex=auto,1.1.1.1,dummy,1.1.1.1,1.1.1.1,5,5,1.1.1.1,512")
    world = client.world
    assert world.ask("read", client.ihandle, BUFFER, 1514).results == (0xFFFFFFFE,)
    assert world.clock.now == 2, "a client that polls must see time pass"
    world.memory.write(BUFFER, arp_frame(network.mac, GUEST, BROADCAST, HOST))
    assert world.ask("write", client.ihandle, BUFFER, 42).results == (42,)
    assert world.ask("read", client.ihandle, BUFFER, 1514).results == (60,)
    answer = parse_arp(world.memory.read(BUFFER, 60))
    assert answer is not None and answer.address == HOST and answer.wanted == GUEST


def test_a_frame_is_cut_where_the_buffer_ends(network: UserNetwork) -> None:
    client = Client(network)
    assert client.open()
    network.send(arp_frame(network.mac, GUEST, BROADCAST, HOST))
    client.world.memory.write(BUFFER, bytes(64))
    assert client.world.ask("read", client.ihandle, BUFFER, 20).results == (20,)
    assert client.world.memory.read(BUFFER + 14, 8) == bytes.fromhex("0001080006040000")


@pytest.mark.parametrize("length", [0, 13, 1515, 0xFFFFFFFF])
def test_what_is_no_frame_is_not_sent(length: int) -> None:
    network = Silent()
    client = Client(network)
    assert client.open()
    client.world.ask("write", client.ihandle, BUFFER, length)
    assert network.sent == []


def test_arguments_that_make_no_sense(network: UserNetwork) -> None:
    client = Client(network)
    assert not client.open("ipv6,fe80::1,file")
    assert "IPv6 is not here" in client.world.fault


def test_obp_tftp_is_opened_by_a_network_device(network: UserNetwork) -> None:
    client = Client(network)
    support = ObpTftp(client.world.memory, client.world.clock)
    node = client.world.tree.add("/packages", "obp-tftp")
    node.methods.update(support.methods())
    assert client.open()
    device = client.world.firmware.instances.by_ihandle[client.ihandle]
    opened = type(device)(77, node, device, arguments=",boot\\grub.elf")
    stack: list[int] = []
    opened.call("open", stack)
    opened.call("load", [*stack[:-1], BUFFER])
    assert client.world.memory.read(BUFFER, len(PROGRAM)) == PROGRAM
    assert not client.world.ask("open", "/packages/obp-tftp").results[0]


def test_an_opened_device_can_be_pickled(network: UserNetwork) -> None:
    client = Client(network)
    assert client.load()
    instance = client.world.firmware.instances.by_ihandle[client.ihandle]
    state, package = pickle.loads(pickle.dumps((instance.state, client.package.learned)))
    assert state["boot"] == BootArguments() and package == client.package.learned


# The protocols' clients.


class Sink:
    def __init__(self) -> None:
        self.data = bytearray()

    def __call__(self, offset: int, data: bytes) -> None:
        assert offset == len(self.data)
        self.data += data


def ready(network: Network) -> Host:
    host = Host(network, FakeClock())
    host.address, host.mask = GUEST, bytes([255, 255, 255, 0])
    return host


SIZES = [0, 1, 511, 512, 513, 1427, 1428, 1429, 1467, 1468, 1469, 4 * 1428, 4 * 1468, 100_000]


@pytest.mark.parametrize("block_size", [8, 512, 1428, 1468, 65_464])
@pytest.mark.parametrize("size", SIZES)
def test_files_of_all_sizes(folder: Path, network: UserNetwork, size: int, block_size: int) -> None:
    data = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    (folder / "file").write_bytes(data)
    sink = Sink()
    assert fetch(ready(network), HOST, "file", sink, limit=size, block_size=block_size) == size
    assert sink.data == data


def test_a_large_file_is_quick(folder: Path, network: UserNetwork) -> None:
    data = bytes(range(251)) * (40_000_000 // 251)
    (folder / "large").write_bytes(data)
    sink = Sink()
    start = time.perf_counter()
    fetch(ready(network), HOST, "large", sink, limit=1 << 30)
    speed = len(data) / 1e6 / (time.perf_counter() - start)
    print(f"{speed:.0f} MB/s")
    assert sink.data == data
    assert speed > 5, "it was some 80 MB/s, on an idle machine"


def test_virtual_time_hardly_passes_where_answers_are_there(folder: Path, network: UserNetwork) -> None:
    """With the virtual clock a look at it takes a millisecond of the guest's time."""
    (folder / "large").write_bytes(bytes(4_000_000))
    host = Host(network, clock := VirtualClock())
    host.address = GUEST
    fetch(host, HOST, "large", Sink(), limit=1 << 30)
    assert clock.elapsed < 100_000_000


def test_dpkt_is_imported_late() -> None:
    script = "import sys, vof.packages.network, vof.backends.user_network; sys.exit('dpkt' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_block_numbers_wrap(folder: Path, network: UserNetwork) -> None:
    data = bytes(range(251)) * (70_000 * 8 // 251)
    (folder / "large").write_bytes(data)
    sink = Sink()
    fetch(ready(network), HOST, "large", sink, limit=1 << 30, block_size=8)
    assert sink.data == data


@pytest.mark.parametrize("seed", range(10))
def test_frames_that_are_lost_doubled_and_out_of_order(folder: Path, network: UserNetwork, seed: int) -> None:
    faulty = FaultyNetwork(network, seed, lose=0.1, double=0.1, reorder=0.1)
    host = Host(faulty, FakeClock())
    data = bytes(range(253)) * 2000
    (folder / "file").write_bytes(data)
    lease = obtain(host)
    assert lease.address == GUEST and lease.server is not None
    sink = Sink()
    fetch(host, lease.server, "file", sink, limit=1 << 30)
    assert sink.data == data
    # 350 blocks of which a fifth were lost one way or the other, some of them twice.
    assert host.clock.milliseconds() < 120_000


def test_a_doubled_block_is_not_acknowledged_twice(folder: Path, network: UserNetwork) -> None:
    """Sorcerer's Apprentice: were it so, one doubled frame would double all that follow."""
    (folder / "file").write_bytes(bytes(1468 * 200))
    counted = Counting(FaultyNetwork(network, 1, double=0.05))
    fetch(ready(counted), HOST, "file", Sink(), limit=1 << 30)
    assert counted.sent < 230, "201 ACKs, a request, ARP, and 10 frames doubled"


class Counting:
    def __init__(self, network: Network) -> None:
        self.network = network
        self.mac = network.mac
        self.sent = 0

    def send(self, frame: bytes) -> None:
        self.sent += 1
        self.network.send(frame)

    def receive(self, milliseconds: int) -> bytes:
        return self.network.receive(milliseconds)


class Scripted:
    """A TFTP server that says what a test wants: for each message that comes to it, the answers, each from a port."""

    def __init__(self, *answers: list[tuple[int, bytes]]) -> None:
        self.mac = bytes.fromhex("525400123456")
        self.answers = list(answers)
        self.heard: list[bytes] = []
        self.waiting: list[bytes] = []

    def send(self, frame: bytes) -> None:
        arp = parse_arp(frame) if frame[12:14] == b"\x08\x06" else None
        if arp is not None:
            self.waiting.append(arp_frame(b"\x52" * 6, arp.wanted, self.mac, GUEST))
            return
        datagram = parse_datagram(frame)
        assert datagram is not None
        self.heard.append(datagram.payload)
        for port, message in self.answers.pop(0) if self.answers else []:
            macs = (b"\x52" * 6, self.mac)
            self.waiting.append(udp_frame(macs, (HOST, GUEST), (port, datagram.source_port), message))

    def receive(self, milliseconds: int) -> bytes:
        return self.waiting.pop(0) if self.waiting else b""


def data(number: int, content: bytes) -> bytes:
    return b"\0\3" + number.to_bytes(2, "big") + content


OACK = b"\0\6blksize\0008\0"


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        pytest.param([[(69, data(1, b"all"))]], b"all", id="a server without options"),
        pytest.param([[(2000, data(1, bytes(512)))], [(2000, data(2, b""))]], bytes(512), id="an empty last block"),
        pytest.param([[(69, b"\0\5\0\x08no\0")], [(69, data(1, b"all"))]], b"all", id="options refused"),
        pytest.param([[(2000, OACK)], [(2000, data(1, b"all"))]], b"all", id="a block size of eight"),
        pytest.param(
            [[(2000, OACK), (3000, OACK)], [], [(2000, data(1, b"all"))]], b"all", id="a second transfer is ended"
        ),
        pytest.param(
            [[(2000, OACK)], [(2000, data(2, b"wrong")), (9, data(1, b"evil")), (2000, data(1, b"all"))]],
            b"all",
            id="strays",
        ),
        pytest.param([[], [], [(2000, data(1, b"all"))]], b"all", id="the third request is answered"),
    ],
)
def test_what_servers_do(answers: list[list[tuple[int, bytes]]], expected: bytes) -> None:
    sink = Sink()
    fetch(ready(Scripted(*answers)), HOST, "file", sink, limit=1000)
    assert sink.data == expected


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([[(69, b"\0\5\0\1?\0")]], "TFTP 10.0.2.2: file not found: file"),
        ([[(69, b"\0\5\0\2keep\x1b[2Jout\0")]], r"access denied: keep\?\[2Jout"),
        ([[(69, b"\0\5\0\0my disk burns\0")]], "my disk burns"),
        ([[(69, b"\0\5\xff\xff\0")]], "error 65535"),
        ([[(2000, OACK)], [(2000, b"\0\5\0\0later\0")]], "later, after 0 bytes"),
        ([[(2000, b"\0\6blksize\x009999\0")]], "block size of 9999"),
        ([[(2000, b"\0\6blksize\0many\0")]], "block size of many"),
        ([[(2000, b"\0\6tsize\x00200000\0")]], "file has 200000 bytes: there is room for 1000"),
        ([[(2000, b"\0\6tsize\x0050\0")], [(2000, data(1, b"all"))]], "ended after 3 of 50 bytes"),
        ([[(2000, data(1, bytes(600)))]], "a block of 600 bytes"),
        ([[(2000, data(1, bytes(512)))], [(2000, data(2, bytes(512)))]], "is too large: there is room for 1000"),
        ([[(2000, OACK)]], "no more answers after 0 bytes"),
    ],
)
def test_what_servers_should_not_do(answers: list[list[tuple[int, bytes]]], reason: str) -> None:
    with pytest.raises(PortError, match=reason):
        fetch(ready(Scripted(*answers)), HOST, "file", Sink(), limit=1000)


def test_another_transfers_server_is_told() -> None:
    network = Scripted([(2000, OACK), (3000, OACK)], [], [(2000, data(1, b"all"))])
    fetch(ready(network), HOST, "file", Sink(), limit=1000)
    assert [message[:4] for message in network.heard[1:]] == [b"\0\4\0\0", b"\0\5\0\5", b"\0\4\0\1"]


def test_numbers_that_wrap_to_one() -> None:
    """As some servers count."""
    blocks = [[(2000, OACK)]]
    blocks += [[(2000, data(number, bytes(8)))] for number in range(1, 0x10000)]
    blocks += [[(2000, data(1, b"the next"))], [(2000, data(2, b"end"))]]
    sink = Sink()
    fetch(ready(Scripted(*blocks)), HOST, "file", sink, limit=1 << 20)
    assert sink.data == bytes(8 * 0xFFFF) + b"the nextend"


def offering(request: Message, kind: int, **more: object) -> bytes:
    options = {Option.TYPE: bytes([kind]), Option.SERVER: HOST} if kind else {}
    fields = {"yours": GUEST, "next_server": HOST, "file": b"first", **more}
    return Message(
        is_request=False, transaction=request.transaction, mac=request.mac, options=options, **fields  # type: ignore[arg-type]
    ).encode()  # fmt: skip


class DhcpServer:
    """Answers each message with what the test's function makes of it."""

    def __init__(self, *kinds: Sequence[int]) -> None:
        self.mac = bytes.fromhex("525400123456")
        self.kinds = list(kinds)
        self.heard: list[Message] = []
        self.waiting: list[bytes] = []

    def send(self, frame: bytes) -> None:
        datagram = parse_datagram(frame)
        message = None if datagram is None else parse_message(datagram.payload)
        assert message is not None
        self.heard.append(message)
        for kind in self.kinds.pop(0) if self.kinds else []:
            answer = offering(message, kind)
            self.waiting.append(udp_frame((b"\x52" * 6, BROADCAST), (HOST, EVERYBODY), (67, 68), answer))

    def receive(self, milliseconds: int) -> bytes:
        return self.waiting.pop(0) if self.waiting else b""


@pytest.mark.parametrize(
    ("kinds", "is_dhcp", "messages"),
    [
        ([[Type.OFFER], [Type.ACK]], True, [1, 3]),
        ([[Type.OFFER, Type.OFFER], [Type.OFFER, Type.ACK]], True, [1, 3]),
        ([[], [Type.OFFER], [Type.ACK]], True, [1, 1, 3]),
        ([[Type.OFFER], [Type.NAK], [Type.OFFER], [Type.ACK]], True, [1, 3, 1, 3]),
        ([[0]], False, [1]),
        ([[], [], [], [], [0]], False, [1, 1, 1, 1, 0]),
    ],
)
def test_dhcp(kinds: list[list[int]], is_dhcp: bool, messages: list[int]) -> None:
    server = DhcpServer(*kinds)
    host = Host(server, FakeClock())
    lease = obtain(host)
    assert (lease.address, lease.server, lease.file, lease.is_dhcp) == (GUEST, HOST, "first", is_dhcp)
    assert host.address == GUEST
    assert [message.type for message in server.heard] == messages
    assert server.heard[0].options.get(Option.ARCHITECTURE) == b"\0\x0c"


def test_a_server_that_refuses_is_named() -> None:
    server = DhcpServer(*[[Type.OFFER], [Type.NAK]] * 4)
    with pytest.raises(PortError, match=r"after 4 tries; .* \(a server said: no, without a reason\)"):
        obtain(Host(server, FakeClock()))


def test_options_in_the_files_field() -> None:
    message = Message(
        is_request=False, transaction=1, mac=b"\x52" * 6, server_name=b"\x42\x0810.0.0.9\xff", file=b"\x43\x04grub\xff",
        options={Option.OVERLOAD: b"\3"},
    )  # fmt: skip
    parsed = parse_message(message.encode())
    assert parsed is not None
    assert parsed.options[Option.TFTP_SERVER] == b"10.0.0.9" and parsed.options[Option.BOOT_FILE] == b"grub"
    assert (parsed.file, parsed.server_name) == (b"", b"")


def test_a_host_answers_arp_and_echo_while_it_waits() -> None:
    network = Silent()
    host = ready(network)
    echo = b"\x08\0\0\0\0\1\0\1payload"
    echo = echo[:2] + checksum(echo).to_bytes(2, "big") + echo[4:]
    packet = ip_packet(HOST, GUEST, Protocol.ICMP, echo, 7)
    network.coming = [
        arp_frame(b"\x52" * 6, HOST, BROADCAST, GUEST),
        arp_frame(b"\x52" * 6, HOST, BROADCAST, HOST),
        ethernet(network.mac, b"\x52" * 6, EtherType.IP, packet),
    ]
    assert host.receive(68, 100) is None
    arp, echoed = network.sent
    answer = parse_arp(arp)
    assert answer is not None and (answer.mac, answer.address, answer.wanted) == (network.mac, GUEST, HOST)
    reply = parse_packet(echoed)
    assert reply is not None and (reply.source, reply.target) == (GUEST, HOST)
    assert reply.payload[0] == 0 and reply.payload[4:] == echo[4:]


def test_the_gateway_is_asked_for_what_is_far() -> None:
    network = Silent()
    host = ready(network)
    host.gateway = HOST
    network.coming = [arp_frame(b"\x53" * 5 + b"\1", HOST, network.mac, GUEST)]
    network.coming[0] = network.coming[0].replace(b"\x53" * 5, b"\x52" * 5)
    host.send(bytes([192, 0, 2, 1]), (1, 2), b"far")
    assert parse_arp(network.sent[0]).wanted == HOST  # type: ignore[union-attr]
    assert network.sent[1][:6] == b"\x52" * 5 + b"\1"


def fragments(payload: bytes, size: int) -> list[bytes]:
    """A UDP datagram to port 68, in IP fragments of so many bytes."""
    whole = udp_frame((b"\x52" * 6, Silent().mac), (HOST, GUEST), (9, 68), payload[:1400], 5)[34:]
    whole = (8 + len(payload)).to_bytes(2, "big").join([whole[:4], b""]) + b"\0\0" + payload
    frames = []
    for at in range(0, len(whole), size):
        piece = whole[at : at + size]
        more = 0x2000 if at + size < len(whole) else 0
        head = bytearray(ip_packet(HOST, GUEST, Protocol.UDP, piece, 99)[:20])
        head[6:8] = (more | at // 8).to_bytes(2, "big")
        head[10:12] = b"\0\0"
        head[10:12] = checksum(bytes(head)).to_bytes(2, "big")
        frames.append(ethernet(Silent().mac, b"\x52" * 6, EtherType.IP, bytes(head) + piece))
    return frames


@pytest.mark.parametrize("order", [1, -1])
def test_fragments_are_put_together(order: int) -> None:
    network = Silent()
    payload = bytes(range(256)) * 20
    network.coming = fragments(payload, 1480)[::order]
    datagram = ready(network).receive(68, 100)
    assert datagram is not None and datagram.payload == payload


def test_fragments_that_never_end_are_dropped() -> None:
    network = Silent()
    network.coming = fragments(bytes(60_000), 8)
    assert ready(network).receive(68, 100) is None
