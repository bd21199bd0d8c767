"""GRUB's own drivers over the firmware's disks, in process: what they read has the host's checksum."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
from pathlib import Path

import guest_files
import pytest

from disk_images import run_tool
from vof.vm import VM
from vof.vm.config import Config

pytestmark = pytest.mark.guest

MIB = 1 << 20
NOISE = random.Random(1275).randbytes(2 * MIB + 77)
MODULES = ("normal", "ls", "hashsum", "gcry_sha256", "ext2", "fat", "iso9660", "xfs", "btrfs", "minicmd")


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GRUB with these drivers, and nothing of a disk's."""
    guests, folder = guest_files.guests_folder(), tmp_path_factory.mktemp("grub")
    package = guests / json.loads((guests / "versions.json").read_text())["grub"]["file"]
    subprocess.run(["dpkg-deb", "--extract", package, folder / "unpacked"], check=True, timeout=60)
    modules = folder / "unpacked" / "usr/lib/grub/powerpc-ieee1275"
    made = folder / "core.elf"
    run_tool("grub-mkimage", "-O", "powerpc-ieee1275", "-d", str(modules), "-p", "/", "-o", str(made), *MODULES)
    return made


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("root")
    (folder / "noise").write_bytes(NOISE)
    return folder


def make(kind: str, root: Path, image: Path) -> None:
    """A file system of this kind on the whole disk, with the files in a folder."""
    if kind == "iso9660":
        run_tool("xorriso", "-as", "mkisofs", "-quiet", "-R", "-o", str(image), str(root))
        return
    with image.open("wb") as file:
        file.truncate((320 if kind in ("xfs", "btrfs") else 16) * MIB)
    if kind in ("ext2", "ext4"):
        run_tool("mke2fs", "-q", "-F", "-t", kind, "-d", str(root), str(image))
    elif kind == "fat":
        run_tool("mkfs.vfat", str(image))
        run_tool("mcopy", "-i", str(image), str(root / "noise"), "::noise")
    elif kind == "xfs":
        prototype = image.with_suffix(".proto")
        prototype.write_text(f"/stub\n0 0\nd--755 0 0\nnoise ---644 0 0 {root / 'noise'}\n$\n")
        run_tool("mkfs.xfs", "-q", "-f", "-p", str(prototype), str(image))
    else:
        run_tool("mkfs.btrfs", "-q", "--rootdir", str(root), str(image))


@pytest.mark.parametrize("kind", ["ext2", "ext4", "fat", "iso9660", "xfs", "btrfs"])
def test_what_grub_reads(core: Path, root: Path, tmp_path: Path, kind: str) -> None:
    image = tmp_path / f"{kind}.img"
    make(kind, root, image)
    drive = f"file={image},format=raw,readonly=on" + (",media=cdrom" if kind == "iso9660" else "")
    disk = "cdrom" if kind == "iso9660" else "disk"
    with VM(Config(machine="generic", engine="unicorn", kernel=str(core), drives=[drive])) as vm:
        vm.expect("grub>")
        vm.send(f"sha256sum (ieee1275/{disk})/noise\r")
        vm.expect(hashlib.sha256(NOISE).hexdigest(), 60)
