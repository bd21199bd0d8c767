"""Make 32-bit Linux kernels for CHRP boards from Debian's package of the source, and an initial RAM disk for them.

Debian has no kernels for these machines. Two are built, for one CPU and for several, each as `vmlinux` and as
`zImage.chrp`; `guests/chrp32.config` says what is in them, `guests/chrp32-init.c` is all of their user space.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cpio

__all__ = ["INITRD", "KERNELS", "TOOLS", "initrd_recipe", "kernels_recipe", "make_initrd", "make_kernels"]

INITRD = "initrd.gz"
_KINDS = {"up": "", "smp": "CONFIG_SMP=y\n"}
_IMAGES = {"vmlinux": "vmlinux", "zImage.chrp": "arch/powerpc/boot/zImage.chrp"}
KERNELS = tuple(f"{kind}/{image}" for kind in _KINDS for image in _IMAGES)
TOOLS = {
    "make": "make",
    "flex": "flex",
    "bison": "bison",
    "bc": "bc",
    "xz": "xz-utils",
    "gcc": "gcc",
    "powerpc-linux-gnu-gcc": "gcc-powerpc-linux-gnu",
}
_COMPLAINT = 4000
_CROSS = "powerpc-linux-gnu-"
_RECIPES = Path(__file__).resolve().parent.parent / "guests"
_CONFIG, _INIT = _RECIPES / "chrp32.config", _RECIPES / "chrp32-init.c"
_WHO = {"KBUILD_BUILD_USER": "vof", "KBUILD_BUILD_HOST": "vof", "KBUILD_BUILD_TIMESTAMP": "2000-01-01"}


def kernels_recipe() -> str:
    """What tells one way of building the kernels from another."""
    return _digest(_CONFIG.read_bytes())


def initrd_recipe() -> str:
    """The same for the initial RAM disk."""
    return _digest(_INIT.read_bytes() + Path(cpio.__file__).read_bytes())


def make_kernels(source: Path, folder: Path) -> None:
    """Build both kernels.

    Args:
        source: the source, an archive that tar can read.
        folder: where they go, by kind; its parent has room for 2 GB while this runs.

    Raises:
        CalledProcessError: a step failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".kernels-", dir=folder.parent) as scratch:
        _run("tar", "--extract", "--xz", "--strip-components=1", f"--directory={scratch}", f"--file={source}")
        for kind, more in _KINDS.items():
            config, built = Path(scratch) / f"{kind}.config", Path(scratch) / kind
            config.write_text(_CONFIG.read_text() + more)
            command = ("make", "-s", "-C", scratch, f"O={built}", "ARCH=powerpc", f"CROSS_COMPILE={_CROSS}")
            _run(*command, f"KCONFIG_ALLCONFIG={config}", "allnoconfig")
            _run(*command, f"-j{os.cpu_count() or 1}", "vmlinux", "zImage")
            (folder / kind).mkdir(exist_ok=True)
            for name, image in _IMAGES.items():
                fresh = folder / kind / f".new-{name}"
                shutil.copyfile(built / image, fresh)
                fresh.replace(folder / kind / name)
            shutil.rmtree(built)


def make_initrd() -> bytes:
    """The initial RAM disk: one static program.

    Raises:
        CalledProcessError: the compiler failed.
    """
    with tempfile.TemporaryDirectory(prefix="vof-init-") as scratch:
        program = Path(scratch) / "init"
        _run(
            f"{_CROSS}gcc",
            "-m32",
            "-static",
            "-O2",
            "-s",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-o",
            str(program),
            str(_INIT),
        )
        return cpio.compressed(
            [
                *map(cpio.directory, ("dev", "proc", "sys", "mnt")),
                cpio.device("dev/console", 5, 1),
                cpio.file("init", program.read_bytes(), executable=True),
            ]
        )


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, env={**os.environ, **_WHO}, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:  # what a build that succeeds has to say is of no use
        print(error.stderr[-_COMPLAINT:], file=sys.stderr)
        raise


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
