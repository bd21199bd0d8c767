"""Networks without a way out: the one in this process, and QEMU's, which it is held against."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import FakeClock

from vof.backends import HostClock
from vof.backends.qemu_network import QemuUserNetwork
from vof.backends.user_network import FaultyNetwork, UserNetdev, UserNetwork, parse_mac, parse_user_netdev
from vof.errors import PortError, UsageError
from vof.packages.net import Host, Lease, fetch, obtain
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
from vof.ports import Network

HOST, DNS, GUEST = bytes([10, 0, 2, 2]), bytes([10, 0, 2, 3]), bytes([10, 0, 2, 15])
MAC = bytes.fromhex("525400123456")
HOST_MAC = bytes.fromhex("52550a000202")
PROGRAM = bytes(range(256)) * 300
QEMU = "qemu-system-ppc64"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    served = tmp_path / "served"
    (served / "boot").mkdir(parents=True)
    (served / "boot" / "grub").write_bytes(PROGRAM)
    (served / "plain").write_bytes(b"plain")
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "served-too").mkdir()
    (tmp_path / "served-too" / "file").write_bytes(b"secret")
    return served


@pytest.fixture
def network(folder: Path) -> UserNetwork:
    return UserNetwork(UserNetdev(tftp=str(folder), bootfile="boot/grub"))


def read(network: Network, name: str, clock: HostClock | FakeClock | None = None, **arguments: int) -> bytes:
    host = Host(network, clock or FakeClock())
    host.address, host.mask = GUEST, bytes([255, 255, 255, 0])
    got = bytearray()
    fetch(host, HOST, name, lambda _, data: got.extend(data), limit=1 << 30, **arguments)
    return bytes(got)


@pytest.mark.parametrize("name", ["boot/grub", "/boot/grub", "//boot//grub", "boot\\grub", "./boot/./grub"])
def test_files_below_the_folder(network: UserNetwork, name: str) -> None:
    assert read(network, name) == PROGRAM


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../secret", "no .. in names"),
        ("boot/../../secret", "no .. in names"),
        ("boot/../plain", "no .. in names"),
        ("..\\secret", "no .. in names"),
        ("/../served-too/file", "no .. in names"),
        ("out", "outside the folder"),
        ("out-folder/secret", "outside the folder"),
        ("next-door/file", "outside the folder"),
        ("absolute", "outside the folder"),
        ("boot", "that is no file"),
        ("/", "outside the folder"),
        ("pipe", "that is no file"),
        ("loop", "file not found"),
        ("plain/below", "file not found"),
        ("/etc/passwd", "file not found"),
        ("x" * 300, "file not found"),
        ("", "no file name"),
    ],
)
def test_files_that_are_not_served(folder: Path, network: UserNetwork, name: str, reason: str) -> None:
    (folder / "out").symlink_to("../secret")
    (folder / "out-folder").symlink_to("..")
    (folder / "next-door").symlink_to("../served-too")
    (folder / "absolute").symlink_to("/etc/passwd")
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe")
    with pytest.raises(PortError, match=reason):
        read(network, name)


def test_a_link_that_stays_inside(folder: Path, network: UserNetwork) -> None:
    (folder / "link").symlink_to("boot/grub")
    assert read(network, "link") == PROGRAM


def test_the_folder_may_be_a_link_itself(folder: Path) -> None:
    (folder.parent / "link").symlink_to(folder)
    assert read(UserNetwork(UserNetdev(tftp=str(folder.parent / "link"))), "plain") == b"plain"


def test_nobody_writes(folder: Path, network: UserNetwork) -> None:
    network.send(udp_frame((MAC, HOST_MAC), (GUEST, HOST), (5000, 69), b"\0\2new\0octet\0"))
    answer = parse_datagram(network.receive(0))
    assert answer is not None and answer.payload[:4] == b"\0\5\0\2"
    assert not (folder / "new").exists()


def test_a_file_that_shrinks_meanwhile(folder: Path, network: UserNetwork) -> None:
    (folder / "large").write_bytes(bytes(3 << 20))
    got = []

    def sink(offset: int, data: bytes) -> None:
        got.append(data)
        os.truncate(folder / "large", 1000)

    host = Host(network, FakeClock())
    host.address = GUEST
    with pytest.raises(PortError, match=r"the server ended after 1\d+ of 3145728 bytes"):
        fetch(host, HOST, "large", sink, limit=1 << 30)


def test_what_dhcp_says(folder: Path) -> None:
    netdev = UserNetdev(
        net="192.168.7.0/24", tftp=str(folder), bootfile="boot/grub", hostname="guest", dhcpstart="192.168.7.40",
        domainname="example", tftp_server_name="files",
    )  # fmt: skip
    lease = obtain(Host(UserNetwork(netdev), FakeClock()))
    assert lease.address == bytes([192, 168, 7, 40])
    assert lease.server == lease.gateway == bytes([192, 168, 7, 2])
    assert (lease.file, lease.name, lease.mask) == ("boot/grub", "guest", bytes([255, 255, 255, 0]))
    message = parse_message(lease.packet)
    assert message is not None
    assert message.options[Option.DNS] == bytes([192, 168, 7, 3])
    assert message.options[Option.TFTP_SERVER] == b"files" and message.options[Option.DOMAIN] == b"example"


@pytest.mark.parametrize(
    ("asked", "kind"), [(GUEST, Type.ACK), (bytes([10, 0, 2, 16]), Type.NAK), (bytes([192, 0, 2, 1]), Type.NAK)]
)
def test_an_address_that_is_not_the_clients(network: UserNetwork, asked: bytes, kind: Type) -> None:
    request = Message(is_request=True, transaction=9, mac=MAC, options={53: bytes([Type.REQUEST]), 50: asked})
    network.send(udp_frame((MAC, BROADCAST), (bytes(4), EVERYBODY), (68, 67), request.encode()))
    answer = parse_datagram(network.receive(0))
    assert answer is not None
    message = parse_message(answer.payload)
    assert message is not None and message.type == kind


def test_addresses_go_by_card(network: UserNetwork) -> None:
    """Each gets the same again, and there is an end of them."""
    given = []
    for number in [*range(20), 0]:
        discover = Message(is_request=True, transaction=1, mac=MAC[:5] + bytes([number]), options={53: b"\1"})
        network.send(udp_frame((MAC, BROADCAST), (bytes(4), EVERYBODY), (68, 67), discover.encode()))
        datagram = parse_datagram(network.receive(0))
        message = None if datagram is None else parse_message(datagram.payload)
        given.append(None if message is None else message.yours[3])
    assert given == [*range(15, 31), None, None, None, None, 15]


def echo(target: bytes) -> bytes:
    message = b"\x08\0\0\0\0\1\0\1ping"
    message = message[:2] + checksum(message).to_bytes(2, "big") + message[4:]
    return ethernet(HOST_MAC, MAC, EtherType.IP, ip_packet(GUEST, target, Protocol.ICMP, message))


def test_the_host_is_there(network: UserNetwork) -> None:
    network.send(echo(HOST))
    reply = parse_packet(network.receive(0))
    assert reply is not None and reply.source == HOST and reply.payload[:1] == b"\0"
    assert reply.payload.endswith(b"ping")


@pytest.mark.parametrize(
    "frame",
    [
        echo(bytes([192, 0, 2, 1])),
        arp_frame(MAC, GUEST, BROADCAST, bytes([10, 0, 2, 99])),
        arp_frame(MAC, GUEST, BROADCAST, GUEST),
        udp_frame((MAC, HOST_MAC), (GUEST, DNS), (5000, 53), b"\0\1\1\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1"),
        udp_frame((MAC, HOST_MAC), (GUEST, HOST), (5000, 7), b"echo"),
        udp_frame((MAC, HOST_MAC), (GUEST, bytes([192, 0, 2, 1])), (5000, 69), b"\0\1plain\0octet\0"),
        b"",
        bytes(2000),
    ],
)
def test_what_stays_unanswered(network: UserNetwork, frame: bytes) -> None:
    network.send(frame)
    assert network.receive(1000) == b""


def test_frames_that_nobody_takes_are_lost(network: UserNetwork) -> None:
    for _ in range(5000):
        network.send(arp_frame(MAC, GUEST, BROADCAST, HOST))
    taken = 0
    while network.receive(0):
        taken += 1
    assert 100 < taken < 1000


def test_a_transfer_goes_on_after_a_snapshot(folder: Path) -> None:
    class Snapped:
        """Puts the network through a pickle between all frames."""

        mac = MAC

        def __init__(self, network: Network) -> None:
            self.state = pickle.dumps(network)

        def send(self, frame: bytes) -> None:
            network = pickle.loads(self.state)
            network.send(frame)
            self.state = pickle.dumps(network)

        def receive(self, milliseconds: int) -> bytes:
            network = pickle.loads(self.state)
            frame: bytes = network.receive(milliseconds)
            self.state = pickle.dumps(network)
            return frame

    network = FaultyNetwork(UserNetwork(UserNetdev(tftp=str(folder))), 5, lose=0.1, reorder=0.1)
    assert read(Snapped(network), "boot/grub") == PROGRAM


def test_faults_follow_from_the_seed(folder: Path) -> None:
    def run(seed: int) -> int:
        clock = FakeClock()
        network = FaultyNetwork(UserNetwork(UserNetdev(tftp=str(folder))), seed, lose=0.1, double=0.1, reorder=0.1)
        assert read(network, "boot/grub", clock) == PROGRAM
        return clock.now

    assert run(3) == run(3)
    assert len({run(seed) for seed in range(5)}) > 1


def test_a_share_that_is_none() -> None:
    with pytest.raises(UsageError, match=r"such as 0\.1"):
        FaultyNetwork(UserNetwork(), 1, lose=10)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("user", UserNetdev()),
        ("type=user,id=n0", UserNetdev(id="n0")),
        ("user,id=n0,bootfile=a,,b", UserNetdev(id="n0", bootfile="a,b")),
        ("user,net=10.7.0.0/24,dhcpstart=10.7.0.9", UserNetdev(net="10.7.0.0/24", dhcpstart="10.7.0.9")),
        ("user,net=10.1.0.0/255.255.0.0,host=10.1.0.1", UserNetdev(net="10.1.0.0/255.255.0.0", host="10.1.0.1")),
        ("user,restrict=on,ipv6=off,ipv4=on,hostname=g", UserNetdev(hostname="g")),
        ("user,tftp=/,tftp-server-name=t,domainname=d,dns=10.0.2.9",
         UserNetdev(tftp="/", tftp_server_name="t", domainname="d", dns="10.0.2.9")),
    ],
)  # fmt: skip
def test_qemus_spelling(text: str, expected: UserNetdev) -> None:
    assert parse_user_netdev(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("tap,id=n0", '"tap" is no network that is here: -netdev user'),
        ("user,tfpt=/", "no option tfpt: did you mean tftp?"),
        ("user,boot-file=x", "did you mean bootfile?"),
        ("user,zzz=1", "it has id, net, host"),
        ("user,id", "id takes a value"),
        ("user,id=a,id=b", "given twice"),
        ("user,hostfwd=tcp::2222-:22", "needs QEMU's own network"),
        ("user,ipv6=on", "here it is ipv6=off"),
        ("user,restrict=perhaps", "on or off"),
        ("user,net=10.0.2.0/33", "no subnet: write it as 10.0.2.0/24"),
        ("user,net=10.0.2.0/30", "between /8 and /27"),
        ("user,host=10.0.3.2", "host=10.0.3.2 is no address in 10.0.2.0/24"),
        ("user,dns=here", "dns=here is no address"),
        ("user,tftp=/nowhere/at/all", "is no folder"),
        ("user,bootfile=" + "x" * 200, "at most 127 characters"),
    ],
)
def test_what_is_no_network(text: str, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_user_netdev(text)
    assert reason in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["52:54:00:12:34:56", "52-54-0-12-34-56"])
def test_addresses_of_cards(text: str) -> None:
    assert parse_mac(text) == MAC


@pytest.mark.parametrize(
    "text", ["", "52:54:00:12:34", "ff:ff:ff:ff:ff:ff", "0:0:0:0:0:0", "525400123456", "5g:0:0:0:0:1"]
)
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="52:54:00:12:34:56"):
        parse_mac(text)


def test_no_card() -> None:
    with pytest.raises(UsageError, match="52:54:00:12:34:56"):
        UserNetwork(mac=b"\xff" * 6)


@pytest.fixture
def qemu(folder: Path) -> Iterator[QemuUserNetwork]:
    network = QemuUserNetwork(f"user,id=n0,tftp={folder},bootfile=boot/grub,hostname=guest")
    yield network
    network.close()


def test_qemus_network_says_the_same(folder: Path, qemu: QemuUserNetwork) -> None:
    """QEMU is the oracle: what its clients are told, ours are told by both."""

    def said(lease: Lease) -> list[object]:
        options = (parse_message(lease.packet) or pytest.fail("no message")).options
        told = {number: value for number, value in options.items() if value}
        return [lease.address, lease.server, lease.file, lease.gateway, lease.mask, lease.seconds, lease.name, told]

    ours = UserNetwork(UserNetdev(tftp=str(folder), bootfile="boot/grub", hostname="guest"))
    assert said(obtain(Host(ours, HostClock()))) == said(obtain(Host(qemu, HostClock())))
    ours.send(arp_frame(MAC, GUEST, BROADCAST, HOST))
    qemu.send(arp_frame(MAC, GUEST, BROADCAST, HOST))
    assert parse_arp(ours.receive(0)) == parse_arp(qemu.receive(5000))


def test_files_from_qemus_network(folder: Path, qemu: QemuUserNetwork) -> None:
    data = bytes(range(251)) * 40_000
    (folder / "large").write_bytes(data)
    clock = HostClock()
    start = time.perf_counter()
    assert read(qemu, "large", clock) == data
    print(f"{len(data) / 1e6 / (time.perf_counter() - start):.0f} MB/s")
    for size in (0, 1, 511, 512, 513, 1427, 1428, 1429, 4 * 1428):
        (folder / "file").write_bytes(data[:size])
        assert read(qemu, "file", clock) == data[:size]
    with pytest.raises(PortError, match="file not found: missing"):
        read(qemu, "missing", clock)


def test_qemu_ends_with_us() -> None:
    network = QemuUserNetwork()
    pid = network.pid
    assert pid is not None
    assert obtain(Host(network, HostClock())).address == GUEST
    network.close()
    network.close()
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(PortError, match="has ended"):
        network.send(bytes(60))
    with pytest.raises(PortError, match="has ended"):
        network.receive(10)


@pytest.mark.parametrize("way", ["os.kill(os.getpid(), 9)", "os._exit(0)", "os.fork() or time.sleep(30); os._exit(0)"])
def test_qemu_ends_when_we_are_killed(way: str) -> None:
    script = (
        "import os, time\n"
        "from vof.backends import HostClock\n"
        "from vof.backends.qemu_network import QemuUserNetwork as Q\n"
        "from vof.packages.net import Host, obtain\n"
        f"network = Q(); obtain(Host(network, HostClock())); print(network.pid, flush=True)\n{way}"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.wait()
        end = time.monotonic() + 5
        while time.monotonic() < end and _is_alive(pid):
            time.sleep(0.01)
        alive = _is_alive(pid)
        os.killpg(process.pid, signal.SIGKILL) if "fork" in way else None
    assert not alive


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_qemu_says_what_it_does_not_like() -> None:
    network = QemuUserNetwork("user,tfpt=/")
    with pytest.raises(PortError, match="tfpt"):
        obtain(Host(network, HostClock()))
    network.close()


def test_no_qemu() -> None:
    with pytest.raises(UsageError, match="there is no no-such-qemu"):
        QemuUserNetwork(program="no-such-qemu")
    with pytest.raises(UsageError, match='"tap" is no network'):
        QemuUserNetwork("tap")
