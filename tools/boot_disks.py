"""Make disks that a machine boots from: GRUB, Debian's kernel and an initial RAM disk on GPT, MBR and a CD-ROM.

No root and no grub-install: grub-mkimage links the core, mke2fs fills a file system from a folder, sgdisk and sfdisk
write the tables, xorriso the CD-ROM.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["RESULTS", "TOOLS", "make", "make_core", "recipe"]

RESULTS = ("gpt.img", "mbr.img", "cd.iso")
TOOLS = {
    "grub-mkimage": "grub-common",
    "mke2fs": "e2fsprogs",
    "sfdisk": "fdisk",
    "sgdisk": "gdisk",
    "xorriso": "xorriso",
}
_MIB = 1 << 20
_PREP_AT, _PREP_SIZE = 1 * _MIB, 2 * _MIB
_ROOT_AT, _ROOT_SIZE = 4 * _MIB, 84 * _MIB
_SIZE = 90 * _MIB
_MODULES = Path("usr/lib/grub/powerpc-ieee1275")
_CORE = (
    *("normal", "part_msdos", "part_gpt", "ext2", "iso9660", "ls", "cat", "linux", "boot", "echo", "test", "sleep"),
    *(
        "search",
        "search_label",
        "halt",
        "reboot",
        "configfile",
        "minicmd",
        "true",
        "net",
        "tftp",
        "hashsum",
        "gcry_sha256",
    ),
)
_MENU = """\
set timeout=2
set default=0
menuentry "Debian" {
    linux /boot/vmlinux console=hvc0 vof.run=checkdisk
    initrd /boot/initrd.gz
}
"""
_SCRIPT = """\
<CHRP-BOOT>
<COMPATIBLE>MacRISC MacRISC3 MacRISC4 IBM,*</COMPATIBLE>
<DESCRIPTION>vof's test disk</DESCRIPTION>
<BOOT-SCRIPT>boot &device;:\\boot\\grub\\powerpc.elf</BOOT-SCRIPT>
</CHRP-BOOT>
"""


def make(package: Path, kernel: Path, initrd: Path, target: Path) -> None:
    """Leave `RESULTS` in a folder.

    Args:
        package: the file of Debian's package grub-ieee1275-bin.
        kernel: a 64-bit Linux kernel.
        initrd: its initial RAM disk, with modules.
        target: the folder.
    """
    with tempfile.TemporaryDirectory(prefix="vof-boot-") as scratch:
        folder = Path(scratch)
        _run("dpkg-deb", "--extract", package, folder / "unpacked")
        modules = folder / "unpacked" / _MODULES
        root = folder / "root"
        _fill(root, modules, kernel, initrd)
        target.mkdir(parents=True, exist_ok=True)
        for name, prefix in (("gpt", "(,gpt2)/boot/grub"), ("mbr", "(,msdos2)/boot/grub")):
            core, image = folder / f"{name}.elf", folder / f"{name}.img"
            _link(core, modules, prefix)
            _disk(image, name, core, root)
            _place(image, target)
        _link(root / "boot" / "grub" / "powerpc.elf", modules, "/boot/grub")
        (root / "ppc").mkdir()
        (root / "ppc" / "bootinfo.txt").write_text(_SCRIPT)
        disc = folder / "cd.iso"
        _run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", "-V", "vof", "-o", disc, root)
        _place(disc, target)


def make_core(package: Path, target: Path) -> None:
    """Make GRUB for a network: it goes on with the menu of the disk whose file system has the label "vof".

    Args:
        package: as for `make`.
        target: the file.
    """
    with tempfile.TemporaryDirectory(prefix="vof-boot-") as scratch:
        folder = Path(scratch)
        _run("dpkg-deb", "--extract", package, folder / "unpacked")
        script = folder / "early.cfg"
        script.write_text("search.fs_label vof root\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n")
        modules = folder / "unpacked" / _MODULES
        command = ("grub-mkimage", "-O", "powerpc-ieee1275", "-d", modules, "-p", "/", "-c", script, "-o", target)
        _run(*command, *_CORE)


def recipe() -> str:
    """Changes when what is made changes."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


def _fill(root: Path, modules: Path, kernel: Path, initrd: Path) -> None:
    grub = root / "boot" / "grub"
    shutil.copytree(modules, grub / modules.name, ignore=shutil.ignore_patterns("*.img", "*.module", "*.exec"))
    (grub / "grub.cfg").write_text(_MENU)
    shutil.copyfile(kernel, root / "boot" / "vmlinux")
    shutil.copyfile(initrd, root / "boot" / "initrd.gz")
    noise = random.Random(1275).randbytes(5 * _MIB + 77)
    (root / "noise").write_bytes(noise)
    (root / "sums").write_text(f"{hashlib.sha256(noise).hexdigest()}  noise\n")


def _link(core: Path, modules: Path, prefix: str) -> None:
    _run("grub-mkimage", "-O", "powerpc-ieee1275", "-d", modules, "-p", prefix, "-o", core, *_CORE)


def _disk(image: Path, kind: str, core: Path, root: Path) -> None:
    with image.open("wb") as file:
        file.truncate(_SIZE)
    ends = _PREP_AT + _PREP_SIZE, _ROOT_AT + _ROOT_SIZE
    if kind == "gpt":
        parts = [f"-n1:{_PREP_AT // 512}:{ends[0] // 512 - 1}", "-t1:4100"]
        parts += [f"-n2:{_ROOT_AT // 512}:{ends[1] // 512 - 1}", "-t2:8300"]
        _run("sgdisk", "-a", "1", *parts, image)
    else:
        table = (
            f"label: dos\nstart={_PREP_AT // 512}, size={_PREP_SIZE // 512}, type=41, bootable\n"
            f"start={_ROOT_AT // 512}, size={_ROOT_SIZE // 512}, type=83\n"
        )
        _run("sfdisk", "-q", image, text=table)
    options = f"offset={_ROOT_AT}"
    _run(
        "mke2fs", "-q", "-F", "-t", "ext4", "-L", "vof", "-d", root, "-E", options, image, str(_ROOT_SIZE // 1024) + "k"
    )
    with image.open("r+b") as file:
        file.seek(_PREP_AT)
        file.write(core.read_bytes())


def _place(made: Path, target: Path) -> None:
    scratch = target / f".new-{made.name}"
    subprocess.run(["cp", "--sparse=always", made, scratch], check=True)
    scratch.replace(target / made.name)


def _run(*command: str | Path, text: str | None = None) -> None:
    # sfdisk and mke2fs are where root's programs are, which isn't on everybody's path.
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    program = shutil.which(str(command[0]), path=path) or str(command[0])
    arguments = [str(word) for word in command[1:]]
    done = subprocess.run([program, *arguments], input=text, text=True, capture_output=True)
    if done.returncode:
        print(done.stderr, file=sys.stderr)
    done.check_returncode()
