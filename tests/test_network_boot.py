"""Power on with a network: GRUB and Linux by TFTP over the guest's own card, which its own driver then has."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import guest_files
import pytest
from boot_disks import make_core

from vof.errors import UsageError
from vof.vm import VM, EndReason
from vof.vm.config import Config

pytestmark = pytest.mark.guest

BOOT = 60
CARDS = ((), ("-device", "virtio-net-pci,netdev=n,romfile="))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for TFTP: GRUB, to its prompt and to the menu on a disk."""
    guests, folder = guest_files.guests_folder(), tmp_path_factory.mktemp("tftp")
    shutil.copy(guests / "grub" / "core.elf", folder)
    versions = json.loads((guests / "versions.json").read_text())
    make_core(guests / versions["grub"]["file"], folder / "grub.elf")
    return folder


def machine(served: Path, file: str, extra: tuple[str, ...] = (), **options: Any) -> VM:
    network = f"user,id=n,tftp={served},bootfile={file}"
    return VM(Config(machine="pseries", memory="1G", netdevs=[network], extra=extra, **options))


@pytest.mark.parametrize("extra", CARDS, ids=["l-lan", "virtio-net"])
def test_grub_and_linux_by_tftp(served: Path, extra: tuple[str, ...]) -> None:
    """Linux's own driver then fetches a file over the same network, and nothing of the firmware's is left on it."""
    disk = f"file={guest_files.guests_folder()}/boot/gpt.img,format=raw,snapshot=on"
    with machine(served, "grub.elf", extra, drives=[disk], boot="n") as vm:
        vm.run_to_client(BOOT)
        chosen = vm.tree.find("/chosen")
        assert chosen is not None
        assert b":10.0.2.2,grub.elf,10.0.2.15,10.0.2.2" in chosen.properties["bootpath"]
        assert chosen.properties["dhcp-response"][16:20] == b"\x0a\0\2\x0f"
        vm.expect("is as it was made", BOOT)
        vm.expect("# ")
        vm.send("ifconfig eth0 10.0.2.15 up; tftp -g -r core.elf -l /tmp/core 10.0.2.2; sha256sum /tmp/core\n")
        vm.expect(hashlib.sha256((served / "core.elf").read_bytes()).hexdigest(), 30)
        vm.send("cat /proc/net/dev; poweroff -f\n")
        ending = vm.wait(30)
        assert ending is not None and ending.reason is EndReason.POWER_OFF


def test_a_kernel_by_name(served: Path) -> None:
    """What arrived is what was sent."""
    shutil.copy(guest_files.guests_folder() / "vmlinux", served)
    with machine(served, "none", variables=["boot-device=net:,\\vmlinux", "boot-file=console=hvc0 panic=1"]) as vm:
        vm.run_to_client(BOOT)
        kernel = (served / "vmlinux").read_bytes()
        assert vm.engine.memory.read(64 << 20, len(kernel)) == kernel
        ending = vm.wait(BOOT)
        assert ending is not None and ending.reason is EndReason.PANIC


@pytest.mark.parametrize(
    ("file", "words"),
    [("missing", "nothing boots: net0: TFTP 10.0.2.2: file not found: missing"), ("text", "net0: the file is not ELF")],
)
def test_why_nothing_boots(served: Path, file: str, words: str) -> None:
    (served / "text").write_text("no program at all, and long enough to be looked at")
    with machine(served, file) as vm, pytest.raises(UsageError, match=words):
        vm.wait(BOOT)


def test_grubs_own_network_is_told_of_the_card(served: Path) -> None:
    """Debian's GRUB sees the card, and can't use it: its ofnet never allocates what it looks at."""
    with machine(served, "core.elf") as vm:
        vm.expect("grub>", BOOT)
        vm.send("net_bootp\r")
        vm.expect("error: no network card found.")
        node = next(node for node in vm.tree.walk() if node.properties.get("device_type") == b"network\0")
        assert node.properties["local-mac-address"] == node.properties["mac-address"]
        assert set(node.methods) == {"open", "close", "read", "write", "load"}


def test_in_process(served: Path) -> None:
    options = {"engine": "unicorn", "machine": "generic", "netdevs": [f"user,tftp={served},bootfile=core.elf"]}
    with VM(Config(**options)) as vm:  # type: ignore[arg-type]
        vm.expect("grub>", BOOT)
        assert b"/ethernet@0:10.0.2.2,core.elf" in vm.tree.find("/chosen").properties["bootpath"]  # type: ignore[union-attr]


def test_qemus_own_network_in_process(served: Path) -> None:
    network = f"user,tftp={served},bootfile=core.elf,hostfwd=tcp:127.0.0.1:0-:22"
    with VM(Config(machine="generic", engine="unicorn", netdevs=[network])) as vm:
        vm.expect("grub>", BOOT)
