"""Real boots: Debian's kernel on a stock QEMU with this firmware, to a shell and back."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from guest_files import guests_folder

from vof.tree import DeviceTree, decode_cells
from vof.vm import VM, EndReason

pytestmark = pytest.mark.guest

PROMPT = re.compile(rb"/ # ")
BOOT = 60.0
"""Seconds that a boot may take. It takes three on an idle host."""


@pytest.fixture(scope="module")
def guests() -> Path:
    folder = guests_folder()
    for name in ("vmlinux", "initrd.gz"):
        assert (folder / name).exists(), f"{folder / name} is missing: `make guests` gets it"
    return folder


def machine(guests: Path, append: str = "", **options: Any) -> VM:
    options = {"memory": "512M", "append": f"console=hvc0 {append}".strip(), **options}
    return VM(kernel=str(guests / "vmlinux"), initrd=str(guests / "initrd.gz"), **options)


def run(vm: VM, command: str) -> str:
    """Have the shell run a command; what it printed. The echo of what is typed lacks the marks."""
    vm.send(f"echo vof-be''gin; {command}; echo vof-e''nd\n")
    vm.expect("vof-begin\r\n")
    return vm.expect("vof-end").decode("latin-1").removesuffix("vof-end").replace("\r\n", "\n")


@pytest.fixture
def booted(guests: Path) -> Iterator[VM]:
    with machine(guests, smp="2") as vm:
        vm.expect(PROMPT, BOOT)
        yield vm


def test_boot_reboot_power_off(guests: Path) -> None:
    with machine(guests) as vm:
        vm.expect("vof: user space is up", BOOT)
        vm.expect(PROMPT)
        assert vm.boots == 1
        assert run(vm, "uname -m; echo $((6 * 7))") == "ppc64le\n42\n"
        first = vm.firmware
        vm.send("reboot -f\n")
        vm.expect("Linux version", BOOT)
        vm.expect(PROMPT, BOOT)
        assert vm.boots == 2
        assert vm.firmware is not first
        assert run(vm, "echo again") == "again\n"
        vm.send("poweroff -f\n")
        ending = vm.wait(BOOT)
        assert ending is not None
        assert (ending.reason, ending.status) == (EndReason.POWER_OFF, 0)


def test_keys_typed_before_the_kernel_runs_reach_the_shell(guests: Path) -> None:
    with machine(guests) as vm:
        vm.send("echo typed''-early\n")
        vm.run_to_client()
        vm.send("echo typed''-at-the-start\n")
        vm.expect("typed-early", BOOT)
        vm.expect("typed-at-the-start", BOOT)


ADDED = re.compile(r"name|phandle|linux,.*|security-.*")
"""Properties that Linux adds, makes up or hides."""
HIDDEN = {"/chosen/rng-seed"}
"""Properties that Linux takes and wipes."""


def offered(tree: DeviceTree) -> dict[str, str]:
    """Each property by its path, and its checksum."""
    return {
        f"{node.path.rstrip('/')}/{name}": hashlib.md5(value).hexdigest()
        for node in tree
        for name, value in node.properties.items()
    }


def test_the_guest_sees_the_tree_that_the_firmware_offers(booted: VM) -> None:
    listing = run(booted, "cd /proc/device-tree; find . -type f | sort | xargs md5sum; cd /")
    seen = {path.removeprefix("."): digest for digest, path in (line.split("  ", 1) for line in listing.splitlines())}
    mine = offered(booted.tree)
    assert len(mine) > 150
    assert {path for path in mine if path not in seen} == HIDDEN
    assert {path for path in seen if path not in mine and not ADDED.fullmatch(path.rpartition("/")[2])} == set()
    assert {path for path in mine if seen.get(path, mine[path]) != mine[path]} == set()


def test_two_cpus(booted: VM) -> None:
    assert run(booted, "nproc; grep -c ^processor /proc/cpuinfo") == "2\n2\n"


def test_a_panic_is_told(guests: Path) -> None:
    with machine(guests, "vof.run=panic") as vm:
        ending = vm.wait(BOOT)
        assert ending is not None
        assert (ending.reason, ending.status) == (EndReason.PANIC, 4)


def total_memory(vm: VM) -> int:
    """MiB that the kernel counts."""
    found = re.search(r"MemTotal: +(\d+) kB", run(vm, "cat /proc/meminfo"))
    assert found
    return int(found[1]) >> 10


@pytest.mark.parametrize(("memory", "least"), [("256M", 150), ("1G", 900), ("16G", 15 << 10)])
def test_memory_sizes(guests: Path, memory: str, least: int) -> None:
    with machine(guests, memory=memory) as vm:
        vm.expect(PROMPT, BOOT)
        assert least < total_memory(vm) < least * 2


def test_pci_bridge(guests: Path) -> None:
    extra = ("-device", "pci-bridge,id=bridge,chassis_nr=1", "-device", "virtio-rng-pci,bus=bridge,addr=1")
    with machine(guests, extra=extra) as vm:
        vm.expect(PROMPT, BOOT)
        assert sorted(run(vm, "cat /sys/bus/pci/devices/*/class").split()) == ["0x00ff00", "0x060400"]
        node = next(node for node in vm.tree.walk() if node.name == "legacy-device@1")
        assigned = decode_cells(node.properties["assigned-addresses"])
        bars = zip(*[iter(assigned)] * 5, strict=True)
        # the bridge's window of 32 bits begins at 0x200000000000 of the processor's addresses
        addresses = {(middle or 0x2000) << 32 | low for high, middle, low, _, _ in bars if high >> 24 & 3 > 1}
        kept = run(vm, "cat /proc/iomem")
        assert addresses
        for address in addresses:
            assert f"{address:012x}-" in kept, "Linux keeps the firmware's addresses"


def test_numa_nodes(guests: Path) -> None:
    with machine(guests, memory="1G", smp="2", numa=["node,cpus=0", "node,cpus=1"]) as vm:
        vm.expect(PROMPT, BOOT)
        assert run(vm, "cat /sys/devices/system/node/online; nproc") == "0-1\n2\n"
        assert 900 < total_memory(vm) < 1024


def test_many_cpus(guests: Path) -> None:
    with machine(guests, smp="8") as vm:
        vm.expect(PROMPT, BOOT)
        assert run(vm, "nproc") == "8\n"


def test_the_user_s_changes_to_the_tree_outlive_cas(guests: Path) -> None:
    with machine(guests, sets=["/chosen:vof,word=<0x12345678>", "/:model=Ours"]) as vm:
        vm.expect(PROMPT, BOOT)
        assert run(
            vm, "hexdump -e '1/4 \"%x\"' /proc/device-tree/chosen/vof,word; echo; cat /proc/device-tree/model"
        ) == ("78563412\nOurs\0")
