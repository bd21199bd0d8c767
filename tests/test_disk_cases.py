"""Disks that are many, huge, damaged or gone, under QEMU: the firmware answers, and says why."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import guest_files
import pytest

from vof.backends.nbd import NbdDisk
from vof.engines.qemu import QemuEngine
from vof.errors import GuestFault, PortError, UsageError
from vof.firmware.boot import BootError, Boots
from vof.packages import Instance
from vof.vm import VM
from vof.vm.config import Config

pytestmark = pytest.mark.guest

MIB = 1 << 20
BUFFER = 32 << 20


def machine(*drives: str, extra: tuple[str, ...] = (), **options: Any) -> VM:
    core = str(guest_files.guests_folder() / "grub" / "core.elf")
    return VM(Config(**{"machine": "pseries", "drives": drives, "extra": extra, "kernel": core, **options}))


def opened(vm: VM, path: str) -> Instance:
    assert vm.firmware is not None
    return vm.firmware.instances.open(path)


def call(instance: Instance, method: str, *arguments: int) -> list[int]:
    stack = list(arguments)
    instance.call(method, stack)
    return stack


def read(vm: VM, instance: Instance, offset: int, length: int) -> bytes:
    assert call(instance, "seek", offset & 0xFFFFFFFF, offset >> 32) == [0]
    (actual,) = call(instance, "read", BUFFER, length)
    return vm.engine.memory.read(BUFFER, actual)


def write(vm: VM, instance: Instance, offset: int, data: bytes) -> None:
    assert call(instance, "seek", offset & 0xFFFFFFFF, offset >> 32) == [0]
    vm.engine.memory.write(BUFFER, data)
    assert call(instance, "write", BUFFER, len(data)) == [len(data)]


def test_sixty_four_disks(tmp_path: Path) -> None:
    drives, extra = [], ["-device", "virtio-scsi-pci,id=bus"]
    for number in range(64):
        image = tmp_path / f"{number}.img"
        image.write_bytes(f"disk {number:2}".encode().ljust(4096))
        drives.append(f"file={image},format=raw,if=none,id=d{number}")
        extra += ["-device", f"scsi-hd,bus=bus.0,drive=d{number},scsi-id={number % 32},lun={number // 32}"]
    with machine(*drives, extra=tuple(extra)) as vm:
        vm.run_to_client()
        for number in (0, 1, 31, 32, 63):
            assert read(vm, opened(vm, f"disk{number}"), 0, 7) == f"disk {number:2}".encode()


def test_two_tebibytes(tmp_path: Path) -> None:
    image = tmp_path / "huge.img"
    with image.open("wb") as file:
        file.truncate(2 << 40)
        file.seek((2 << 40) - 512)
        file.write(b"the end".ljust(512))
    before = image.stat().st_blocks
    with machine(f"file={image},format=raw,if=virtio") as vm:
        vm.run_to_client()
        disk = opened(vm, "disk")
        assert call(disk, "#blocks") == [0xFFFFFFFF]
        assert read(vm, disk, (2 << 40) - 512, 512).startswith(b"the end")
        write(vm, disk, 1 << 40, b"in the middle")
        assert read(vm, disk, 1 << 40, 13) == b"in the middle"
    with image.open("rb") as file:
        file.seek(1 << 40)
        assert file.read(13) == b"in the middle"
    assert image.stat().st_blocks < before + 100, "it stays sparse"


def test_nothing_is_written_that_the_client_did_not_write(tmp_path: Path) -> None:
    image = tmp_path / "a.qcow2"
    source = guest_files.guests_folder() / "grub" / "disk.img"
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", source, image], check=True, timeout=60)
    before = image.read_bytes()
    with machine(f"file={image}") as vm:
        vm.expect("Say hello")
    assert image.read_bytes() == before
    with machine(f"file={image},readonly=on") as vm:
        vm.run_to_client()
        with pytest.raises(PortError, match="is read-only"):
            write(vm, opened(vm, "disk"), 0, b"x")
    assert image.read_bytes() == before
    with machine(f"file={image}") as vm:
        vm.run_to_client()
        write(vm, opened(vm, "disk"), 24 * MIB - 4, b"mine")
        vm.engine.close()  # at once: what was written is in the image
    data = subprocess.run(
        ["qemu-io", "-f", "qcow2", "-r", "-c", f"read -v {24 * MIB - 512} 512", image],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "mine" in data.stdout


def test_a_snapshot_keeps_the_image(tmp_path: Path) -> None:
    image = tmp_path / "a.img"
    image.write_bytes(bytes(MIB))
    choices: tuple[dict[str, Any], ...] = ({}, {"snapshot": True})
    for options in choices:
        suffix = "" if options else ",snapshot=on"
        with machine(f"file={image},format=raw{suffix}", **options) as vm:
            vm.run_to_client()
            disk = opened(vm, "disk")
            write(vm, disk, 0, b"lost")
            assert read(vm, disk, 0, 4) == b"lost"
    assert image.read_bytes() == bytes(MIB)


def test_one_image_for_two_machines(tmp_path: Path) -> None:
    image = tmp_path / "a.img"
    image.write_bytes(bytes(MIB))
    drive = f"file={image},format=raw"
    with machine(drive):
        for second in (drive, f"{drive},readonly=on"):
            with pytest.raises(UsageError, match="is in use"):
                machine(second)
        with pytest.raises(UsageError, match="is in use"):
            VM(Config(machine="generic", engine="unicorn", drives=[drive]))
    with machine(f"{drive},readonly=on"), machine(f"{drive},snapshot=on"):
        pass
    with machine(drive):
        pass


def test_a_limit_of_the_users_holds_for_the_firmware(tmp_path: Path) -> None:
    image = tmp_path / "a.img"
    image.write_bytes(os.urandom(3 * MIB))
    with machine(f"file={image},format=raw,throttling.bps-total={2 * MIB}") as vm:
        vm.run_to_client()
        disk = opened(vm, "disk")
        start = time.monotonic()
        for offset in range(0, 3 * MIB, MIB):
            assert read(vm, disk, offset, MIB) == image.read_bytes()[offset : offset + MIB]
        assert time.monotonic() - start > 0.3


# --- damage ---


def damaged(tmp_path: Path, what: str) -> Path:
    """A disk to boot from, spoiled."""
    image = tmp_path / f"{what}.img"
    shutil.copy(guest_files.guests_folder() / "boot" / "mbr.img", image)
    with image.open("r+b") as file:
        if what == "superblock":
            file.seek(4 * MIB + 1024)
            file.write(os.urandom(1024))
        elif what == "short":
            file.truncate(6 * MIB)
        elif what == "loop":  # an extended partition whose chain leads to itself
            file.seek(446 + 16)
            file.write(bytes([0, 0, 0, 0, 5, 0, 0, 0]) + (8192).to_bytes(4, "little") + (8192).to_bytes(4, "little"))
            file.seek(8192 * 512 + 446)
            file.write(bytes([0, 0, 0, 0, 0x83, 0, 0, 0]) + (1).to_bytes(4, "little") + (8).to_bytes(4, "little"))
            file.write(bytes([0, 0, 0, 0, 5, 0, 0, 0]) + (0).to_bytes(4, "little") + (8192).to_bytes(4, "little"))
            file.seek(8192 * 512 + 510)
            file.write(b"\x55\xaa")
        elif what == "nothing":
            file.seek(0)
            file.write(bytes(8 * MIB))
    return image


@pytest.mark.parametrize(
    ("what", "path"),
    [
        ("superblock", "disk:2,\\boot\\vmlinux"),
        ("short", "disk:2,\\boot\\vmlinux"),
        ("loop", "disk:9"),
        ("nothing", "disk"),
        ("nothing", "disk:1"),
    ],
)
def test_damage_is_told_in_words(tmp_path: Path, what: str, path: str) -> None:
    with machine(f"file={damaged(tmp_path, what)},format=raw,readonly=on") as vm:
        vm.run_to_client()
        assert vm.firmware is not None
        start = time.monotonic()
        with pytest.raises(BootError) as raised:
            Boots(vm.firmware, load_base=64 << 20, limit=256 << 20).boot(path)
        assert time.monotonic() - start < 15
        assert str(raised.value) and "\n" not in str(raised.value) and "Traceback" not in str(raised.value)


# --- a disk that fails, stalls or goes away ---


def test_a_disk_that_fails(tmp_path: Path) -> None:
    """By QEMU's own blkdebug, in its block layer."""
    image = tmp_path / "a.img"
    image.write_bytes(bytes(MIB))
    facts = {"event": "none", "iotype": "read", "errno": 5, "sector": MIB // 1024}
    error = ",".join(f"inject-error.0.{key}={value}" for key, value in facts.items())
    node = f"driver=blkdebug,node-name=d,{error},image.driver=file,image.filename={image}"
    extra = ("-blockdev", node, "-device", "virtio-blk-pci,drive=d,share-rw=on")
    with machine(extra=extra) as vm:
        vm.run_to_client()
        disk = opened(vm, "disk")
        with pytest.raises(PortError, match="input/output error"):
            read(vm, disk, MIB // 2, 512)


def test_a_disk_that_is_taken_away(tmp_path: Path) -> None:
    image = tmp_path / "a.img"
    image.write_bytes(b"x" * MIB)
    with machine(f"file={image},format=raw,if=virtio") as vm:
        vm.run_to_client()
        disk = opened(vm, "disk")
        assert read(vm, disk, 0, 4) == b"xxxx"
        assert isinstance(vm.engine, QemuEngine)
        vm.engine.ask_monitor("nbd-server-stop")
        with pytest.raises(PortError, match="virtio0"):
            read(vm, disk, MIB // 2, 4)


def test_a_disk_that_stalls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up after a while, and works again when it comes back."""
    defaults = NbdDisk.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "deadline", 0.5)
    image = tmp_path / "a.img"
    image.write_bytes(b"x" * MIB)
    with machine(f"file={image},format=raw,if=virtio") as vm:
        engine = vm.engine
        assert isinstance(engine, QemuEngine)
        vm.run_to_client()
        engine._watch_monitor()  # else that would be what waits for QEMU first
        disk = opened(vm, "disk")
        assert read(vm, disk, 0, 4) == b"xxxx"
        os.kill(engine.pid, signal.SIGSTOP)
        try:
            with pytest.raises(PortError, match=r"no answer within 0\.5 s"):
                read(vm, disk, MIB // 2, 4)
        finally:
            os.kill(engine.pid, signal.SIGCONT)
        assert read(vm, disk, MIB // 2, 4) == b"xxxx"


def test_qemu_dies_in_mid_read(tmp_path: Path) -> None:
    image = tmp_path / "a.img"
    image.write_bytes(b"x" * MIB)
    with machine(f"file={image},format=raw,if=virtio") as vm:
        vm.run_to_client()
        assert isinstance(vm.engine, QemuEngine)
        disk = opened(vm, "disk")
        os.kill(vm.engine.pid, signal.SIGKILL)
        with pytest.raises((PortError, GuestFault)):
            read(vm, disk, 0, 4)


def test_after_the_hand_over_the_disk_is_the_clients(tmp_path: Path) -> None:
    image = tmp_path / "a.img"
    image.write_bytes(b"x" * MIB)
    with machine(f"file={image},format=raw,if=virtio") as vm:
        vm.run_to_client()
        disk = opened(vm, "disk")
        read(vm, disk, 0, 4)
        assert isinstance(vm.engine, QemuEngine) and vm.firmware is not None
        assert vm.engine.ask_monitor("query-block-exports")
        vm.firmware.quiesce()
        assert not vm.engine.ask_monitor("query-block-exports")
        with pytest.raises(PortError, match="own driver"):
            read(vm, disk, 64 << 10, 4)
