"""`load` of a disk: files by path, PReP partitions, boot scripts and blessed folders, by real tools' images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import World

from disk_images import run_tool
from vof.backends import RawDisk, Volumes
from vof.errors import Throw
from vof.firmware.boot import BootError, Boots
from vof.packages.disk import DiskPackage

BASE = 0x100000
SCRIPT = "<CHRP-BOOT><BOOT-SCRIPT>{}</BOOT-SCRIPT></CHRP-BOOT>\n"
FIRST_STAGE = r"""
hex
: .printf fb8-write drop ;
: load-it " loading it" .printf 1 ms cr load-base release-load-area " &device;:&partition;,\yaboot" $boot ;
: choose
  " "(0a 0d)Linux" .printf cr
  begin key? if key case
    ascii l of load-it endof
    1b of " escape" .printf endof
  endcase then again ;
choose
"""
MIB = 1 << 20


@pytest.fixture(scope="module")
def volumes() -> Iterator[Volumes]:
    volumes = Volumes()
    yield volumes
    volumes.close()


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("images")
    root = folder / "root"
    (root / "ppc").mkdir(parents=True)
    (root / "boot").mkdir()
    (root / "boot" / "Program").write_bytes(b"a program")
    (root / "ppc" / "bootinfo.txt").write_text(SCRIPT.format("boot &device;:&partition;,\\boot\\program -v"))
    made = {}
    for name, script in (("cd", True), ("bare", False)):
        if not script:
            (root / "ppc" / "bootinfo.txt").unlink()
        made[name] = folder / f"{name}.iso"
        run_tool("xorriso", "-as", "mkisofs", "-quiet", "-R", "-o", str(made[name]), str(root))
    (root / "ppc" / "boot.tbxi").write_text(SCRIPT.format("boot &full-path;"))
    made["mac"] = folder / "mac.iso"
    hfs = ("-hfsplus", "-hfs-bless-by", "p", "/ppc", "-hfsplus-file-creator-type", "UNIX", "tbxi", "/ppc/boot.tbxi")
    run_tool("xorriso", "-as", "mkisofs", "-quiet", "-R", *hfs, "-o", str(made["mac"]), str(root))
    made["gpt"] = folder / "gpt.img"
    with made["gpt"].open("wb") as file:
        file.truncate(8 * MIB)
    run_tool("sgdisk", "-n", "1:1M:+2M", "-t", "1:8300", "-n", "2:4M:+1M", "-t", "2:4100", str(made["gpt"]))
    with made["gpt"].open("r+b") as file:
        file.seek(4 * MIB)
        file.write(b"the boot loader")
    return made


class Loaded:
    """A machine with the disk in it."""

    def __init__(self, image: Path, volumes: Volumes) -> None:
        self.world = World()
        block = RawDisk(image, block_size=2048)
        package = DiskPackage(self.world.memory, block, volumes.partitions(block), volumes.files(block), 0x300000)
        self.world.firmware.tree.add("/", "disk").methods.update(package.methods())

    def load(self, path: str) -> tuple[bytes, str]:
        boots = Boots(self.world.firmware, load_base=BASE, limit=0x300000)
        loaded, size, _ = boots.load(path)
        return self.world.memory.read(BASE, size), loaded


@pytest.mark.parametrize(
    ("image", "path", "data", "loaded"),
    [
        ("cd", "/disk:\\boot\\program", b"a program", "/disk:,\\boot\\program"),
        ("cd", "/disk:,\\BOOT\\PROGRAM", b"a program", "/disk:,\\BOOT\\PROGRAM"),
        ("cd", "/disk:0,/boot/Program", b"a program", "/disk:,\\boot\\Program"),
        ("cd", "/disk", b"<CHRP-BOOT>", "/disk:,\\ppc\\bootinfo.txt"),
        ("gpt", "/disk", b"the boot loader", "/disk:2"),
        ("gpt", "/disk:2", b"the boot loader", "/disk:2"),
        ("mac", "/disk:3,\\\\:tbxi", b"<CHRP-BOOT>", "/disk:3,\\ppc\\boot.tbxi"),
        ("mac", "/disk:3,\\\\boot.tbxi", b"<CHRP-BOOT>", "/disk:3,\\ppc\\boot.tbxi"),
    ],
)
def test_what_is_loaded(
    images: dict[str, Path], volumes: Volumes, image: str, path: str, data: bytes, loaded: str
) -> None:
    found, where = Loaded(images[image], volumes).load(path)
    assert found.startswith(data) and where == loaded


@pytest.mark.parametrize(
    ("image", "path", "words"),
    [
        ("bare", "/disk", "no "),
        ("cd", "/disk:,\\boot\\none", "none"),
        ("cd", "/disk:,\\\\:tbxi", "blessed"),
        ("gpt", "/disk:7", "partition 7"),
        ("gpt", "/disk:1,\\x", "partition 1"),
    ],
)
def test_what_is_not(images: dict[str, Path], volumes: Volumes, image: str, path: str, words: str) -> None:
    loaded = Loaded(images[image], volumes)
    boots = Boots(loaded.world.firmware, load_base=BASE, limit=0x300000)
    with pytest.raises(BootError, match=words):
        boots.load(path)


def test_a_script_leads_to_a_program_and_says_what_it_is(images: dict[str, Path], volumes: Volumes) -> None:
    boots = Boots(Loaded(images["cd"], volumes).world.firmware, load_base=BASE, limit=0x300000)
    with pytest.raises(BootError, match="not ELF"):
        boots.boot("/disk")
    with pytest.raises(BootError, match="lead to each other"):
        Boots(Loaded(images["mac"], volumes).world.firmware, load_base=BASE, limit=0x300000).boot("/disk:3,\\\\:tbxi")


def test_a_script_as_yaboot_s_first_stage_is(tmp_path: Path, volumes: Volumes) -> None:
    """It asks for a key, shows what it does by Apple's words, and boots by `$boot`."""
    (tmp_path / "root" / "ppc").mkdir(parents=True)
    (tmp_path / "root" / "ppc" / "bootinfo.txt").write_text(SCRIPT.format(FIRST_STAGE))
    (tmp_path / "root" / "yaboot").write_bytes(b"a program")
    run_tool("xorriso", "-as", "mkisofs", "-quiet", "-o", str(tmp_path / "cd.iso"), str(tmp_path / "root"))
    world = Loaded(tmp_path / "cd.iso", volumes).world
    boots = Boots(world.firmware, load_base=BASE, limit=0x300000)
    world.firmware.hooks.boots = lambda: boots
    world.console.waiting += b"l"
    with pytest.raises(BootError, match="not ELF"):
        boots.boot("/disk")
    assert b"\n\rLinux\r\nloading it\r\n" in world.console.output
    assert world.memory.read(BASE, 9) == b"a program"


def test_nothing_goes_where_the_firmware_is(images: dict[str, Path], volumes: Volumes) -> None:
    loaded = Loaded(images["gpt"], volumes)
    instance = loaded.world.firmware.instances.open("/disk")
    with pytest.raises(Throw, match="don't fit"):
        instance.call("load", [0x300000 - MIB + 1])
