"""QEMU's own user network behind the port `Network`, and that it ends with whoever has it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from vof.backends import HostClock
from vof.backends.qemu_user_network import QemuUserNetwork
from vof.backends.user_network import leads_outside
from vof.errors import PortError, UsageError
from vof.packages.net import Station, configure, fetch


@pytest.mark.guest
def test_an_address_and_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(range(256)) * 100)
    network = QemuUserNetwork(f"user,id=n,tftp={tmp_path},bootfile=file,hostfwd=tcp:127.0.0.1:0-:22")
    try:
        station = Station(network, HostClock())
        lease = configure(station)
        assert (lease.address, lease.file) == (b"\x0a\0\2\x0f", "file")
        got = bytearray()
        fetch(station, lease.server, lease.file, lambda offset, data: got.extend(data), limit=1 << 20)
        assert got == bytes(range(256)) * 100
    finally:
        network.close()
        network.close()
    with pytest.raises(PortError, match="is gone"):
        network.send(b"x")


@pytest.mark.guest
def test_what_qemu_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"QEMU refuses: .*Invalid host forwarding rule"):
        QemuUserNetwork("user,hostfwd=nonsense")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UsageError, match="apt-get install qemu-system-ppc"):
        QemuUserNetwork("user,hostfwd=tcp::1-:2")


def test_which_network_is_meant() -> None:
    assert leads_outside("user,hostfwd=tcp::2222-:22")
    assert not leads_outside("user,tftp=/srv,bootfile=x")
    assert not leads_outside("tap,ifname=x")


@pytest.mark.guest
def test_it_ends_with_us() -> None:
    program = """if True:
        import os
        from vof.backends.qemu_user_network import QemuUserNetwork
        network = QemuUserNetwork("user,restrict=on")
        print(network._process.pid, flush=True)
        os.kill(os.getpid(), 9)
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    group, end = int(done.stdout), time.monotonic() + 10
    while True:
        left = subprocess.run(["ps", "-o", "pid=,stat=", "-s", str(group)], capture_output=True, text=True, check=False)
        if not [line for line in left.stdout.splitlines() if " Z" not in line]:
            break
        assert time.monotonic() < end, left.stdout
        time.sleep(0.02)
