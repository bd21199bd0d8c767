"""Power on with a disk and no kernel: GRUB from the disk, its menu, Linux, user space that finds the same disk."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import guest_files
import pytest

from vof.errors import UsageError
from vof.vm import VM, EndReason
from vof.vm.config import Config

pytestmark = pytest.mark.guest

BOOT = 120


@pytest.fixture(scope="module")
def boot() -> Path:
    return guest_files.guests_folder() / "boot"


@pytest.fixture(scope="module")
def qcow2(boot: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("qcow2") / "gpt.qcow2"
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", boot / "gpt.img", path], check=True, timeout=60)
    return path


def machine(*drives: str, extra: tuple[str, ...] = (), **options: Any) -> VM:
    return VM(Config(machine="pseries", memory="1G", drives=drives, extra=extra, **options))


def start_debian(vm: VM) -> None:
    """From power-on to the disk's own check."""
    vm.expect("Debian", BOOT)
    vm.send("\r")
    vm.expect("vof: user space is up", BOOT)
    vm.expect("noise: OK", BOOT)
    vm.expect("is as it was made", BOOT)


SCSI = ("-device", "virtio-scsi-pci,id=bus", "-device", "scsi-hd,bus=bus.0,drive=d,scsi-id=3,lun=2")


@pytest.mark.parametrize(
    ("drive", "extra", "path"),
    [
        ("file={gpt},format=raw,if=virtio", (), "/pci@800000020000000/scsi@0:1"),
        ("{qcow2},if=none,id=d", SCSI, "/pci@800000020000000/scsi@0/disk@103000200000000:1"),
        ("file={mbr},format=raw", (), "/vdevice/v-scsi@71000002/disk@8000000000000000:1"),
        (
            "file={cd},format=raw,media=cdrom",
            (),
            "/vdevice/v-scsi@71000002/disk@8000000000000000:,\\boot\\grub\\powerpc.elf",
        ),
    ],
    ids=["gpt-virtio-blk", "qcow2-virtio-scsi", "mbr-vscsi", "cdrom"],
)
def test_grub_and_linux_from_a_disk(
    boot: Path, qcow2: Path, tmp_path: Path, drive: str, extra: tuple[str, ...], path: str
) -> None:
    names = {"gpt": boot / "gpt.img", "mbr": boot / "mbr.img", "cd": boot / "cd.iso", "qcow2": qcow2}
    value = drive.format(**names)
    if "cdrom" not in drive and "qcow2" not in drive:
        value += ",snapshot=on"
    before = qcow2.read_bytes() if "qcow2" in drive else b""
    with machine(value, extra=extra) as vm:
        vm.run_to_client()
        chosen = vm.tree.find("/chosen")
        assert chosen is not None and chosen.properties["bootpath"] == path.encode() + b"\0"
        start_debian(vm)
        vm.send("poweroff -f\n")
        ending = vm.wait(30)
        assert ending is not None and ending.reason is EndReason.POWER_OFF
    assert "qcow2" not in drive or qcow2.read_bytes() == before, "nothing is written that the guest didn't write"


def test_what_failed_is_said_for_each_device(tmp_path: Path, boot: Path) -> None:
    empty, small = tmp_path / "empty.img", tmp_path / "small.img"
    empty.write_bytes(bytes(1 << 20))
    shutil.copy(boot / "gpt.img", small)
    with small.open("r+b") as file:
        file.seek(1 << 20)
        file.write(b"no boot loader".ljust(4096))
    with machine(f"file={empty},format=raw", f"file={small},format=raw") as vm, pytest.raises(UsageError) as raised:
        vm.wait(BOOT)
    words = str(raised.value)
    assert words.startswith("nothing boots: disk0: ") and "; disk1: " in words
    assert "\n" not in words


def test_the_user_chooses_the_order(boot: Path) -> None:
    drives = (f"file={boot}/gpt.img,format=raw,readonly=on,if=none,id=d", f"file={boot}/cd.iso,format=raw,media=cdrom")
    for options, first in (({"boot": "d"}, "scsi@71"), ({"boot": "order=cd"}, "/pci@"), ({}, "/pci@")):
        with machine(*drives, extra=("-device", "virtio-blk-pci,drive=d"), **options) as vm:
            vm.run_to_client()
            assert first in vm.tree.find("/chosen").properties["bootpath"].decode()  # type: ignore[union-attr]
    extra = ("-device", "virtio-blk-pci,drive=d,bootindex=2", "-device", "virtio-blk-pci,drive=e,bootindex=1")
    more = f"file={boot}/mbr.img,format=raw,if=none,id=e,snapshot=on"
    with machine(drives[0], more, extra=extra) as vm:
        vm.run_to_client()
        assert b"scsi@1:1" in vm.tree.find("/chosen").properties["bootpath"]  # type: ignore[union-attr]


def test_a_reboot_boots_again(boot: Path) -> None:
    with machine(f"file={boot}/gpt.img,format=raw,snapshot=on,if=virtio") as vm:
        start_debian(vm)
        vm.send("reboot -f\n")
        start_debian(vm)
        assert vm.boots == 2
