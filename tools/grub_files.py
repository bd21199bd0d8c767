"""Make GRUB for powerpc-ieee1275 and a disk for it from Debian's package of its modules: `core.elf` and `disk.img`.

No root and no grub-install: grub-mkimage links the core, mke2fs fills a file system from a folder, sfdisk writes the
partition table. The disk has one ext2 partition; `tests/test_grub.py` puts a client program on a copy of it.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
import tempfile
from pathlib import Path

__all__ = ["BIG_FILE", "CONFIGURATION", "PARTITION_AT", "RESULTS", "TOOLS", "big_file", "make", "recipe"]

RESULTS = ("core.elf", "disk.img")
TOOLS = {
    "grub-mkimage": "grub-common",
    "grub-editenv": "grub-common",
    "mke2fs": "e2fsprogs",
    "sfdisk": "fdisk",
}
PARTITION_AT = 1 << 20
BIG_FILE = "big.bin"
_DISK_SIZE, _PARTITION_SIZE = 24 << 20, 22 << 20
_MODULES = Path("usr/lib/grub/powerpc-ieee1275")
_PREFIX = "(ieee1275/disk,msdos1)/boot/grub"
_CORE_MODULES = (
    *("normal", "part_msdos", "ext2", "ls", "cat", "hashsum", "gcry_md5", "linux", "boot", "loadenv", "echo", "test"),
    *("sleep", "search", "halt", "reboot", "help", "lsmmap", "configfile", "minicmd", "true"),
)
CONFIGURATION = """\
set timeout=5
set default=0
load_env
menuentry "Boot the client" {
    linux /boot/client.elf some arguments
    initrd /boot/initrd
}
menuentry "Say hello" {
    echo hello from the menu
    sleep 1
}
menuentry "Save" {
    set saved=yes
    save_env saved
    echo saved it
    sleep 1
}
"""


def big_file() -> bytes:
    """What is in the large file: 3 MB of noise, the same every time."""
    return random.Random(1275).randbytes(3_000_000)


def make(package: Path, target: Path) -> None:
    """Leave `RESULTS` in a folder.

    Args:
        package: the file of Debian's package grub-ieee1275-bin.
        target: the folder.
    """
    with tempfile.TemporaryDirectory(prefix="vof-grub-") as scratch:
        unpacked, root = Path(scratch) / "unpacked", Path(scratch) / "root"
        _run("dpkg-deb", "--extract", package, unpacked)
        modules = unpacked / _MODULES
        target.mkdir(parents=True, exist_ok=True)
        core = Path(scratch) / "core.elf"
        command: list[str | Path] = ["grub-mkimage", "-O", "powerpc-ieee1275", "-d", modules, "-p", _PREFIX, "-o", core]
        _run(*command, *_CORE_MODULES)
        _fill(root, modules)
        disk = Path(scratch) / "disk.img"
        _make_disk(disk, root)
        for made in (core, disk):
            shutil.copyfile(made, target / f".new-{made.name}")
            (target / f".new-{made.name}").replace(target / made.name)


def recipe() -> str:
    """Changes when what is made changes."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


def _fill(root: Path, modules: Path) -> None:
    grub = root / "boot" / "grub"
    shutil.copytree(modules, grub / modules.name, ignore=shutil.ignore_patterns("*.img", "*.module", "*.exec"))
    (grub / "grub.cfg").write_text(CONFIGURATION)
    _run("grub-editenv", grub / "grubenv", "create")
    (root / "boot" / "initrd").write_bytes(bytes(range(256)) * 17)
    (root / BIG_FILE).write_bytes(big_file())


def _make_disk(disk: Path, root: Path) -> None:
    with disk.open("wb") as file:
        file.truncate(_DISK_SIZE)
    table = f"label: dos\nstart={PARTITION_AT // 512}, size={_PARTITION_SIZE // 512}, type=83\n"
    _run("sfdisk", "-q", disk, text=table)
    blocks = str(_PARTITION_SIZE // 1024)
    _run("mke2fs", "-q", "-F", "-t", "ext2", "-b", "1024", "-d", root, "-E", f"offset={PARTITION_AT}", disk, blocks)


def _run(*command: str | Path, text: str | None = None) -> None:
    # sfdisk and mke2fs are where root's programs are, which isn't on everybody's path.
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    program = shutil.which(str(command[0]), path=path) or str(command[0])
    arguments = [str(word) for word in command[1:]]
    subprocess.run([program, *arguments], input=text, text=True, check=True, stdout=subprocess.DEVNULL)
