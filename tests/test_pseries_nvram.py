"""`pseries` keeps its NVRAM in a file: partitions that Linux takes, and variables that the next run boots by."""

from __future__ import annotations

from pathlib import Path

import guest_files
import pytest

from vof.backends.nvram_image import NvramImage
from vof.errors import PortError, UsageError
from vof.machines.nvram import Nvram
from vof.packages.nvram import NvramPartitions
from vof.vm import VM, EndReason
from vof.vm.config import Config
from vof.vm.hooks import Call

BOOT = 120


def partitions(path: Path) -> NvramPartitions:
    data = path.read_bytes()
    store = Nvram(len(data))
    store.write(0, data)
    return NvramPartitions(store)


def set_once(vm: VM, name: str, value: str) -> None:
    """Set a variable while the client program is in a call: that is when RTAS can be asked."""
    done: list[str] = []

    @vm.on("finddevice")
    def at_call(call: Call) -> None:
        assert vm.firmware is not None and vm.firmware.options is not None
        if not done:
            done.append(name)
            vm.firmware.options.set(name, value)


@pytest.mark.guest
def test_linux_finds_partitions_and_variables(tmp_path: Path) -> None:
    path, folder = tmp_path / "nvram", guest_files.guests_folder()
    kernel, initrd = str(folder / "vmlinux"), str(folder / "initrd.gz")
    with VM(Config(machine="pseries", kernel=kernel, initrd=initrd, append="console=hvc0", nvram=str(path))) as vm:
        set_once(vm, "boot-file", "said before Linux")
        console = vm.expect("# ", BOOT)
        assert b"nvram: Failed" not in console
        vm.send("poweroff -f\n")
        vm.wait(30)
    kept = partitions(path)
    assert [one.name for one in kept.list()] == ["common", "ibm,rtas-log", "lnx,oops-log", "w" * 12]
    assert kept.variables() == {"boot-file": "said before Linux"}


@pytest.mark.guest
def test_the_next_run_boots_by_them(tmp_path: Path) -> None:
    path = tmp_path / "nvram"
    drive = f"file={guest_files.guests_folder()}/boot/gpt.img,format=raw,readonly=on"
    for engine in ("qemu", "unicorn"):
        with VM(Config(machine="pseries", engine=engine, drives=[drive], nvram=str(path))) as vm:
            if engine == "qemu":
                set_once(vm, "boot-args", "from NVRAM")
            else:
                set_once(vm, "boot-device", "disk:1")
            vm.expect("Debian", BOOT)
            if engine == "unicorn":
                chosen = vm.tree.find("/chosen")
                assert chosen is not None and chosen.properties["bootargs"] == b"from NVRAM\0"
                vm.end(EndReason.QUIT, "")
    assert partitions(path).variables() == {"boot-args": "from NVRAM", "boot-device": "disk:1"}


def test_files_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(bytes(100))
    (tmp_path / "framed").write_bytes(b"vof-nvram 1\n" + bytes(1 << 14))
    for name, words in (
        ("small", "it has 100 bytes"),
        ("framed", "that of a pegasos2"),
        (".", "it is no file"),
        ("none/x", "there is no folder"),
    ):
        with pytest.raises(UsageError, match=words):
            NvramImage(str(tmp_path / name))


def test_a_run_that_never_starts_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "nvram"
    with pytest.raises(UsageError):
        VM(Config(machine="pseries", kernel=str(tmp_path / "none"), nvram=str(path)))
    vm = VM(Config(machine="pseries", nvram=str(path), engine="qemu"))
    vm.close()
    assert not path.exists()


@pytest.mark.guest
def test_between_calls_it_is_said_at_once_that_nothing_can_be_kept(tmp_path: Path) -> None:
    core = str(guest_files.guests_folder() / "grub" / "core.elf")
    with VM(Config(machine="pseries", kernel=core, nvram=str(tmp_path / "nvram"))) as vm:
        vm.expect("grub> ", BOOT)
        assert vm.firmware is not None and vm.firmware.options is not None
        with pytest.raises(PortError, match="only during one of its calls"):
            vm.firmware.options.set("boot-file", "too early")
        vm.send("set\r")
        vm.expect("grub> ")
