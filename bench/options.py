"""What every benchmark is told, and the words in which it refuses."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["BenchError", "Options"]


class BenchError(Exception):
    """A benchmark can't be run, or a machine did not do what it should. The message tells the next step."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to measure.

    Attributes:
        runs: how often each machine is started, or each measurement repeated; 0 for each benchmark's own choice.
        quick: whether the figures needn't be good, only there.
        qemu: the QEMU program of the peers.
    """

    runs: int = 0
    quick: bool = False
    qemu: str = "qemu-system-ppc64"

    def times(self, usual: int, quick: int = 1) -> int:
        """How many runs to make."""
        return self.runs or (quick if self.quick else usual)

    @property
    def python(self) -> str:
        """The interpreter that `vof` is installed for."""
        return sys.executable

    @property
    def vof(self) -> str:
        """The `vof` command, as a user runs it.

        Raises:
            BenchError: it isn't installed.
        """
        command = Path(sys.executable).with_name("vof")
        if not command.exists():
            raise BenchError(f"{command} does not exist: `make setup` installs it")
        return str(command)

    @property
    def guests(self) -> tuple[str, str]:
        """The kernel and the initial RAM disk, read once so that the first run finds them in the host's cache.

        Raises:
            BenchError: they aren't there.
        """
        return _guest_file("vmlinux"), _guest_file("initrd.gz")

    @property
    def grub(self) -> tuple[str, str]:
        """GRUB's core and its disk.

        Raises:
            BenchError: they aren't there.
        """
        return _guest_file("grub/core.elf"), _guest_file("grub/disk.img")

    @property
    def chrp_kernel(self) -> str:
        """The 32-bit kernel for one CPU.

        Raises:
            BenchError: it isn't there.
        """
        return _guest_file("chrp32/up/vmlinux")


def _guest_file(name: str) -> str:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = Path(os.environ.get("VOF_GUESTS") or cache / "vof" / "guests") / name
    if not path.exists():
        raise BenchError(f"{path} does not exist: `make guests` gets it")
    path.read_bytes()
    return str(path)
