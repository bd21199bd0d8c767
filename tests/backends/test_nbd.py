"""Disks behind an NBD server: qemu-nbd, and servers that misbehave."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vof.backends.nbd import NbdDisk, NbdError
from vof.backends.qemu_nbd import ImageDisk
from vof.errors import PortError, UsageError

GREETING = struct.pack(">QQH", 0x4E42444D41474943, 0x49484156454F5054, 3)
INFO = struct.pack(">QIIIHQH", 0x0003E889045565A9, 7, 3, 12, 0, 1 << 20, 1)
ACK = struct.pack(">QIII", 0x0003E889045565A9, 7, 1, 0)
MIB = 1 << 20


def qemu_img(*arguments: str) -> None:
    subprocess.run(["qemu-img", *arguments], check=True, timeout=60, stdout=subprocess.DEVNULL)


@pytest.fixture
def image(tmp_path: Path) -> Iterator[Path]:
    raw, path = tmp_path / "disk.raw", tmp_path / "disk.qcow2"
    raw.write_bytes(bytes(range(256)) * 4096 + bytes(7 * MIB))
    qemu_img("convert", "-f", "raw", "-O", "qcow2", str(raw), str(path))
    yield path


def test_an_image_is_read_and_written(image: Path) -> None:
    disk = ImageDisk(str(image), "qcow2", writable=True)
    assert (disk.size, disk.block_size) == (8 * MIB, 512)
    assert disk.read(255, 3) == b"\xff\x00\x01"
    assert disk.read(8 * MIB - 2, 100) == bytes(2)
    assert disk.read(9 * MIB, 1) == b""
    assert disk.read(0, 8 * MIB) == bytes(range(256)) * 4096 + bytes(7 * MIB)
    disk.write(MIB - 1, b"written" * 1000)
    assert disk.read(MIB, 6) == b"ritten"
    for offset, data in ((-1, b"x"), (8 * MIB - 1, b"xx")):
        with pytest.raises(PortError, match="outside the disk"):
            disk.write(offset, data)
    disk.close()
    disk.close()
    with pytest.raises(PortError, match="was closed"):
        disk.read(0, 1)
    again = ImageDisk(str(image), "qcow2")
    assert again.read(MIB - 1, 7) == b"written"
    with pytest.raises(PortError, match="is read-only"):
        again.write(0, b"x")
    again.close()


def test_what_was_written_is_there_when_the_call_returns(image: Path) -> None:
    disk = ImageDisk(str(image), "qcow2", writable=True)
    disk.write(0, b"kept")
    disk._process.kill()
    disk._process.wait()
    with pytest.raises(NbdError, match="gone"):
        disk.read(0, 4)
    disk.close()
    again = ImageDisk(str(image), "qcow2")
    assert again.read(0, 4) == b"kept"
    again.close()


def test_the_server_ends_with_us(image: Path) -> None:
    program = f"""if True:
        from vof.backends.qemu_nbd import ImageDisk
        disk = ImageDisk({str(image)!r}, "qcow2", writable=True)
        print(disk._process.pid, flush=True)
        import os; os.kill(os.getpid(), 9)
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    pid, end = int(done.stdout), time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z":
        assert time.monotonic() < end, "qemu-nbd lives on"
        time.sleep(0.01)


def test_a_forked_child_reads_for_itself(image: Path) -> None:
    disk = ImageDisk(str(image), "qcow2", writable=True)
    child = os.fork()
    if not child:
        status = 1
        try:
            disk.reopen()
            status = int(disk.read(1, 2) != b"\x01\x02")
            disk.close()
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    disk.write(0, b"ours")
    assert disk.read(0, 4) == b"ours"
    disk.close()


def test_what_cannot_be_opened(tmp_path: Path, image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text").write_text("no image")
    for path, words in (("none", "No such file"), ("text", "not in qcow2 format"), (".", "directory")):
        with pytest.raises(UsageError, match=words):
            ImageDisk(str(tmp_path / path), "qcow2", writable=True)
    first = ImageDisk(str(image), "qcow2", writable=True)
    with pytest.raises(UsageError, match="lock"):
        ImageDisk(str(image), "qcow2", writable=True)
    first.close()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="apt-get install qemu-utils"):
        ImageDisk(str(image), "qcow2")


def served(serve: Callable[[socket.socket], None], **options: float) -> NbdDisk:
    """A disk whose server is a function."""
    ours, theirs = socket.socketpair()

    def run() -> None:
        with theirs:
            try:
                serve(theirs)
                theirs.shutdown(socket.SHUT_WR)
                while theirs.recv(1 << 16):
                    pass
            except OSError:
                return

    Thread(target=run, daemon=True).start()
    return NbdDisk(ours, "disk", deadline=options.get("deadline", 5))


def negotiate(server: socket.socket) -> None:
    server.sendall(GREETING)
    server.recv(4 + 16 + 4 + 4 + 2, socket.MSG_WAITALL)
    server.sendall(INFO + ACK)


def reply(server: socket.socket, error: int, data: bytes, *, magic: int = 0x67446698, shift: int = 0) -> None:
    *_, cookie, _, _ = struct.unpack(">IHHQQI", server.recv(28, socket.MSG_WAITALL))
    server.sendall(struct.pack(">IIQ", magic, error, cookie + shift) + data)


def test_an_error_is_said_and_the_conversation_goes_on() -> None:
    def serve(server: socket.socket) -> None:
        negotiate(server)
        reply(server, 5, b"")
        reply(server, 0, b"good")

    disk = served(serve)
    with pytest.raises(PortError, match="can't read 4 bytes at 0: input/output error"):
        disk.read(0, 4)
    assert disk.read(0, 4) == b"good"


@pytest.mark.parametrize(
    ("serve", "words"),
    [
        (lambda server: server.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"), "no NBD server"),
        (lambda server: server.sendall(GREETING[:9]), "gone"),
        (lambda server: server.sendall(GREETING + ACK), "doesn't say what it has"),
        (lambda server: server.sendall(GREETING + struct.pack(">QIII", 0x0003E889045565A9, 7, 1, 1 << 31)), "step"),
        (
            lambda server: server.sendall(GREETING + struct.pack(">QIII", 0x0003E889045565A9, 7, 1 << 31 | 6, 0)),
            "no disk",
        ),
        (lambda server: server.recv(1), "within 0.2 s"),
    ],
)
def test_no_server(serve: Callable[[socket.socket], None], words: str) -> None:
    with pytest.raises(NbdError, match=words):
        served(serve, deadline=0.2)


def test_a_server_that_stalls_or_loses_its_mind() -> None:
    def stalls(server: socket.socket) -> None:
        negotiate(server)
        server.recv(1 << 20)
        time.sleep(2)

    def mad(server: socket.socket) -> None:
        negotiate(server)
        reply(server, 0, b"good", shift=1)

    with pytest.raises(NbdError, match="no answer within"):
        served(stalls, deadline=0.2).read(0, 4)
    with pytest.raises(NbdError, match="out of step"):
        served(mad).read(0, 4)


def test_other_business_is_tended_while_a_server_is_waited_for() -> None:
    def serve(server: socket.socket) -> None:
        negotiate(server)
        time.sleep(0.3)
        reply(server, 0, b"good")

    ours, theirs = socket.socketpair()
    Thread(target=serve, args=(theirs,), daemon=True).start()
    tended: list[int] = []
    disk = NbdDisk(ours, "disk", tend=lambda: tended.append(1))
    assert disk.read(0, 4) == b"good"
    assert 2 <= len(tended) <= 12


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=80), st.sampled_from((b"", GREETING, GREETING + INFO, GREETING + INFO + ACK)))
def test_noise(noise: bytes, before: bytes) -> None:
    """Nothing but its own error, and at once."""
    ours, theirs = socket.socketpair()
    theirs.sendall(before + noise)
    theirs.shutdown(socket.SHUT_WR)
    try:
        disk = NbdDisk(ours, "disk", deadline=1)
        disk.read(0, 16)
    except PortError:
        pass
    finally:
        theirs.close()


def test_a_stopped_server(image: Path) -> None:
    disk = ImageDisk(str(image), "qcow2")
    assert disk._disk is not None
    disk._disk._deadline = 0.2
    disk._process.send_signal(signal.SIGSTOP)
    with pytest.raises(NbdError, match="no answer within"):
        disk.read(0, 4)
    disk._process.send_signal(signal.SIGCONT)
    disk.close()
