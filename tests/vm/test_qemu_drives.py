"""`-drive` for QEMU: what it becomes, and that the guest gets the very machine that QEMU itself would have made."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from vof.engines.qemu.monitor import Monitor
from vof.engines.qemu.topology import GuestDisk, Topology
from vof.errors import UsageError
from vof.machines.disks import Controller, DiskPlace
from vof.vm.config import Config
from vof.vm.qemu_drives import qemu_drives


def made(*drives: str, extra: tuple[str, ...] = (), interface: str = "scsi", **options: Any) -> list[str]:
    return qemu_drives(interface, drives, extra, **options).arguments


def node(arguments: list[str]) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(arguments[arguments.index("-blockdev") + 1])
    return value


def test_a_drive_is_a_node_and_a_device() -> None:
    arguments = made("file=disk.img,format=raw,if=virtio,id=d0")
    assert node(arguments) == {
        "node-name": "d0",
        "driver": "raw",
        "read-only": False,
        "auto-read-only": True,
        "file": {"driver": "file", "filename": "disk.img", "read-only": False, "auto-read-only": True},
    }
    assert arguments[-2:] == ["-device", "virtio-blk-pci,drive=d0,share-rw=on"]


@pytest.mark.parametrize(
    ("drive", "device"),
    [
        ("a.img", "scsi-hd,bus=vof-scsi0.0,scsi-id=0,drive=scsi0-hd0,share-rw=on"),
        ("a.img,index=9", "scsi-hd,bus=vof-scsi1.0,scsi-id=2,drive=scsi1-hd2,share-rw=on"),
        ("a.img,bus=0,unit=6", "scsi-hd,bus=vof-scsi0.0,scsi-id=6,drive=scsi0-hd6,share-rw=on"),
        ("a.img,media=cdrom", "scsi-cd,bus=vof-scsi0.0,scsi-id=0,drive=scsi0-cd0"),
        ("media=cdrom,index=2", "scsi-cd,bus=vof-scsi0.0,scsi-id=2"),
        ("a.img,readonly=on", "scsi-hd,bus=vof-scsi0.0,scsi-id=0,drive=scsi0-hd0"),
        ("a.img,if=virtio,werror=stop", "virtio-blk-pci,drive=virtio0,share-rw=on,werror=stop"),
        ("a.img,if=virtio,cache=directsync", "virtio-blk-pci,drive=virtio0,write-cache=off,share-rw=on"),
    ],
)
def test_devices(drive: str, device: str) -> None:
    assert made(drive)[-1] == device


def test_options_of_the_nodes() -> None:
    top = node(made("a.img,if=none,id=x,cache=none,discard=unmap,detect-zeroes=unmap,aio=native,format=qcow2"))
    assert (top["driver"], top["discard"], top["detect-zeroes"]) == ("qcow2", "unmap", "unmap")
    assert top["cache"] == {"direct": True, "no-flush": False} == top["file"]["cache"]
    assert top["file"]["aio"] == "native"


def test_a_limit_holds_for_the_firmware_too() -> None:
    arguments = made("a.img,if=none,id=x,throttling.bps-total=1000,iops=5")
    group = json.loads(arguments[arguments.index("-object") + 1])
    assert group == {
        "qom-type": "throttle-group",
        "id": "vof-throttle1",
        "limits": {"bps-total": 1000, "iops-total": 5},
    }
    top = node(arguments)
    assert (top["driver"], top["throttle-group"], top["file"]["driver"]) == ("throttle", "vof-throttle1", "raw")


@pytest.mark.parametrize(
    "drive",
    ["a.img,snapshot=on", "nbd:localhost:10809,format=raw", "file.driver=null-co,format=raw", "a.img,stats-x=1"],
)
def test_what_only_drive_can_say_stays_a_drive(drive: str) -> None:
    arguments = made(f"{drive},if=none,id=x")
    assert arguments[0] == "-drive" and "if=none" in arguments[1] and "id=x" in arguments[1]
    assert "-blockdev" not in arguments


def test_the_users_devices_let_others_write() -> None:
    extra = (
        "-device",
        "virtio-blk-pci,drive=x",
        "-device",
        "scsi-hd,drive=y",
        "-device",
        '{"driver":"ide-hd","drive":"x"}',
    )
    arguments = made("a.img,if=none,id=x", "b.img,if=none,id=y,readonly=on", extra=extra)
    assert "virtio-blk-pci,drive=x,share-rw=on" in arguments
    assert "scsi-hd,drive=y" in arguments
    assert json.loads(arguments[-1])["share-rw"] is True


@pytest.mark.parametrize(
    ("drives", "words"),
    [
        (["a.img,index=1", "b.img,index=1"], "another drive has scsi bus 0, unit 1"),
        (["a.img,index=1,unit=1"], "index= says what bus= and unit= would"),
        (["a.img,unit=7"], "unit 7 is too big: scsi has 0 to 6"),
        (["a.img,index=x"], "it is a number"),
        (["a.img,cache=some"], "there are writeback, none"),
        (["a.img,format=rwa"], "did you mean raw?"),
        (["a.vmdk"], "say format=vmdk"),
        (["nbd:localhost:10809"], "say its format"),
        (["a.img,id=1"], "an id is a letter"),
        (["a.img,throttling.bps-total=much"], "it is a number"),
        (["a.img,discard=maybe"], "there are unmap and ignore"),
        (["a.img,readonly=maybe"], "it is on or off"),
    ],
)
def test_what_is_refused(drives: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        made(*drives)


def test_qcow2_by_name_alone_has_no_backing_file(tmp_path: Path) -> None:
    base, top = tmp_path / "base.img", tmp_path / "top.qcow2"
    base.write_bytes(bytes(1 << 20))
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", top], check=True, timeout=60)
    with pytest.raises(UsageError, match="say format=qcow2"):
        made(str(top))
    assert node(made(f"file={top},format=qcow2"))["driver"] == "qcow2"


def test_machines_whose_disks_the_firmware_has_not_keep_their_drives() -> None:
    options = Config(machine="mac99", drives=["a.img"], snapshot=True).qemu_options()
    assert list(options.extra)[-3:] == ["-drive", "a.img", "-snapshot"]


def test_places() -> None:
    place = DiskPlace("virtio-scsi", Controller("x"), target=2, lun=1)
    assert place.unit == "102000100000000"
    assert DiskPlace("vscsi", Controller(vio=1), target=5).unit == "8500000000000000"
    assert DiskPlace("ide", Controller("x"), channel=1, target=0).unit == "1,0"


# --- against QEMU's own placement ---


@contextmanager
def qemu(program: str, machine: str, arguments: list[str]) -> Iterator[Topology]:
    """QEMU's devices, with no CPU running."""
    ours, theirs = socket.socketpair()
    command = [program, "-M", machine, "-nodefaults", "-display", "none", "-S", "-bios", __file__, *arguments]
    command += ["-chardev", f"socket,id=m,fd={theirs.fileno()}", "-mon", "chardev=m,mode=control"]
    process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stderr=subprocess.DEVNULL)
    theirs.close()
    try:
        with closing(Monitor(ours)) as monitor:
            yield Topology(monitor.execute)
    finally:
        process.kill()
        process.wait()


def plain(disks: list[GuestDisk]) -> list[tuple[object, ...]]:
    return [(d.name, d.kind, d.place, d.channel, d.target, d.lun, d.size, d.read_only, d.cdrom) for d in disks]


@pytest.mark.guest
@pytest.mark.parametrize(
    ("program", "machine", "interface", "drives"),
    [
        ("ppc64", "pseries", "scsi", ["file={0},format=raw"]),
        ("ppc64", "pseries", "scsi", ["file={0},format=raw,index=8", "file={1},format=raw,media=cdrom"]),
        ("ppc64", "pseries", "scsi", ["file={0},format=raw,if=virtio", "file={1},format=raw,if=virtio,readonly=on"]),
        ("ppc64", "pseries", "scsi", [f"file={{{n}}},format=raw" for n in range(9)]),
        ("ppc", "pegasos2", "ide", ["file={0},format=raw", "file={1},format=raw,media=cdrom,index=2"]),
        ("ppc", "pegasos2", "ide", ["file={0},format=raw,if=virtio", "file={1},format=raw"]),
    ],
)
def test_the_guest_gets_the_machine_that_qemu_makes(
    tmp_path: Path, program: str, machine: str, interface: str, drives: list[str]
) -> None:
    images = [tmp_path / f"{number}.img" for number in range(9)]
    for image in images:
        image.write_bytes(bytes(1 << 20))
    values = [drive.format(*images) for drive in drives]
    raw = [argument for value in values for argument in ("-drive", value)]
    with qemu(f"qemu-system-{program}", machine, raw) as topology:
        wanted = plain(topology.disks())
    with qemu(f"qemu-system-{program}", machine, made(*values, interface=interface)) as topology:
        found = plain(topology.disks())
    assert sorted(found, key=str) == sorted(wanted, key=str)
    assert len(found) == len(values)
