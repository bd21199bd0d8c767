"""An unmodified 32-bit Linux on `pegasos2`, to its user space: disk, clock, interrupts, tree, NVRAM, reboot, power."""

from __future__ import annotations

import random
import re
import subprocess
import time
import zlib
from pathlib import Path
from typing import Any

import guest_files
import pytest

from vof.events import ClientCall, Event
from vof.vm import VM, EndReason

pytestmark = pytest.mark.guest

TROUBLE = ("qc timeout", "of_irq_parse_pci", "BUG:", "Oops", "panic", "irq = 0", "failed with rc")
CHANGING = {"available"}
"""What the kernel's own claims have changed by the time that it quiesces."""


def guest(name: str) -> str:
    return str(guest_files.guests_folder() / "chrp32" / name)


def linux(run: str, kernel: str = "up/vmlinux", **options: Any) -> VM:
    append = f"console=ttyS0 vof.run={run}"
    return VM(machine="pegasos2", kernel=guest(kernel), initrd=guest("initrd.gz"), append=append, **options)


def to_power_off(vm: VM) -> str:
    """All that the machine prints until it is off."""
    text = vm.expect("reboot: Power down", timeout=60)
    ending = vm.wait(20)
    assert ending is not None and ending.reason is EndReason.POWER_OFF and ending.status == 0
    return text.decode(errors="replace").replace("\r\n", "\n")


@pytest.fixture
def disk(tmp_path: Path) -> tuple[str, bytes]:
    """An ext4 file system, and the file on it."""
    data = random.Random(1275).randbytes(1_000_003)
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "big.bin").write_bytes(data)
    image = tmp_path / "disk.img"
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", folder, image, "8M"], check=True, capture_output=True)
    return str(image), data


@pytest.mark.parametrize("kernel", ["up/vmlinux", "smp/vmlinux", "up/zImage.chrp", "smp/zImage.chrp"])
def test_disk_clock_and_interrupts(kernel: str, disk: tuple[str, bytes]) -> None:
    image, data = disk
    with linux("date,disk,interrupts,poweroff", kernel, drives=(f"file={image},format=raw",)) as vm:
        text = to_power_off(vm)
    for trouble in TROUBLE:
        assert trouble not in text, text
    assert f"vof: file big.bin {len(data)} {zlib.crc32(data):08x}" in text
    (seconds,) = re.findall(r"vof: date (\d+)", text)
    assert abs(int(seconds) - time.time()) <= 3
    shown = text[text.index("vof: interrupts") : text.index("vof: end")]
    counts = {line.split(":")[0].strip(): line for line in shown.splitlines()[1:]}
    assert "ttyS0" in counts["4"] and "pata_via" in counts["14"] and "pata_via" in counts["15"]
    assert int(counts["14"].split()[1]) > 5, "the disk interrupts, and is not polled"
    assert int(counts["4"].split()[1]) > 0
    assert int(counts["SPU"].split()[1]) == 0


@pytest.mark.parametrize("memory", ["128M", "2G"])
def test_least_and_most_memory(memory: str) -> None:
    with linux("memory,poweroff", memory=memory) as vm:
        text = to_power_off(vm)
    (total,) = re.findall(r"MemTotal: +(\d+) kB", text)
    size = {"128M": 128, "2G": 2048}[memory]
    assert (size - 40) << 10 < int(total) < size << 10


def test_the_kernel_s_tree_is_the_firmware_s() -> None:
    offered: dict[str, dict[str, bytes]] = {}

    def listen(event: Event) -> None:
        if isinstance(event, ClientCall) and event.service == "quiesce":
            offered.update({node.path: dict(node.properties) for node in vm.tree.walk()})

    with linux("tree,poweroff") as vm:
        vm.listen(listen, ClientCall)
        text = to_power_off(vm)
    nodes = set(re.findall(r"^vof: node (\S*)$", text, re.MULTILINE))
    found = {
        (path or "/", name): bytes.fromhex(value)
        for path, name, value in re.findall(r"^vof: property (\S*)/(\S+) ([0-9a-f]*)$", text, re.MULTILINE)
    }
    assert len(offered) > 25 and {path if path != "/" else "" for path in offered} <= nodes
    for path, properties in offered.items():
        for name, value in properties.items():
            if name not in CHANGING and name != "name":
                assert found[path, name] == value, (path, name)


def test_it_starts_again_and_again() -> None:
    with linux("reboot") as vm:
        for _ in range(3):
            vm.expect("vof: user space is up", timeout=60)
        assert vm.boots == 3


def test_nvram_outlives_the_machine(tmp_path: Path) -> None:
    for before in ("", "kept by vof     "):
        with linux("nvram,set-date,poweroff", nvram=str(tmp_path / "nvram")) as vm:
            text = to_power_off(vm)
        assert f"vof: nvram [{before}] [kept by vof     ]" in text
        assert "vof: clock 2028-2-29 12:34" in text


def test_keys_arrive() -> None:
    with VM(machine="pegasos2", kernel=guest("up/vmlinux"), initrd=guest("initrd.gz"), append="console=ttyS0") as vm:
        vm.expect("~ # ", timeout=60)
        vm.send("date\r")
        vm.expect(re.compile(rb"vof: date \d+"))
        vm.send("poweroff\r")
        to_power_off(vm)


@pytest.mark.parametrize("kernel", ["up/vmlinux", "smp/vmlinux"])
def test_qemu_s_own_vof_refuses_the_same_kernel(kernel: str) -> None:
    command = ["qemu-system-ppc", "-M", "pegasos2", "-nodefaults", "-display", "none", "-serial", "stdio"]
    done = subprocess.run([*command, "-kernel", guest(kernel)], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1 and "ROM regions are overlapping" in done.stderr


@pytest.mark.parametrize("kernel", ["up/zImage.chrp", "smp/zImage.chrp"])
def test_qemu_s_own_vof_hangs_with_its_wrapped_form(kernel: str) -> None:
    """It says nothing at all in several times the time that it takes here to the end."""
    command = ["qemu-system-ppc", "-M", "pegasos2", "-nodefaults", "-display", "none", "-serial", "stdio"]
    command += ["-kernel", guest(kernel), "-append", "console=ttyS0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        time.sleep(4)
        assert process.poll() is None
        process.kill()
        assert process.communicate()[0] == b""
