"""`vof doctor`: what is installed, what is missing, how to get it."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from vof.cli.commands import Command
from vof.cli.machine_options import HELP
from vof.cli.options import Given
from vof.errors import UsageError

__all__ = ["COMMAND", "Check", "checks"]

_OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked for.

    Attributes:
        name: what.
        found: its version or place; empty if it is missing.
        remedy: what to do if it is missing.
        needed: whether a machine can't be booted without it.
    """

    name: str
    found: str
    remedy: str = ""
    needed: bool = True

    def __str__(self) -> str:
        if self.found:
            return f"ok       {self.name}: {self.found}"
        return f"{'MISSING' if self.needed else 'absent '}  {self.name}: {self.remedy}"


def checks() -> Iterator[Check]:
    """Look for everything."""
    yield _python()
    yield from _packages()
    yield from _qemus()
    yield _memfd()
    yield from _programs()
    yield from _guests()
    yield _kvm()
    yield _pidfd()


def _python() -> Check:
    oldest = ".".join(map(str, _OLDEST_PYTHON))
    found = platform.python_version() if sys.version_info >= _OLDEST_PYTHON else ""
    return Check("Python", found and f"{found}, {sys.executable}", f"{oldest} or newer is needed")


def _packages() -> Iterator[Check]:
    from importlib.metadata import PackageNotFoundError, requires, version

    needed = [
        name for line in requires("vof") or () if "extra ==" not in line for name in re.findall(r"^[\w.-]+", line)
    ]
    for name in ("vof", *needed):
        try:
            yield Check(f"Python package {name}", version(name))
        except PackageNotFoundError:
            yield Check(f"Python package {name}", "", f"pip install {name}")


def _qemus() -> Iterator[Check]:
    from vof.engines.qemu import find_qemu, qemu_version
    from vof.machines import MACHINES

    for program in dict.fromkeys(profile.qemu for profile in MACHINES.values() if profile.qemu):
        machines = ", ".join(profile.name for profile in MACHINES.values() if profile.qemu == program)
        name = f"QEMU for {machines}"
        try:
            path = find_qemu(program)
            yield Check(name, f"{'.'.join(map(str, qemu_version(path)))}, {path}")
        except UsageError as error:
            yield Check(name, "", str(error), needed="pseries" in machines)


def _memfd() -> Check:
    try:
        os.close(os.memfd_create("vof-doctor"))
    except (OSError, AttributeError) as error:
        return Check("shared memory (memfd)", "", f"{error}: Linux with memfd_create is needed")
    return Check("shared memory (memfd)", "works")


def _programs() -> Iterator[Check]:
    for program, package, purpose, needed in (
        ("sh", "dash", "it cleans up after a machine", True),
        ("stty", "coreutils", "it restores the terminal", True),
        ("dtc", "device-tree-compiler", "for trees in source form, and the tests compare with it", False),
        ("gdb-multiarch", "gdb-multiarch", "to debug a guest (-s)", False),
    ):
        yield Check(program, which(program) or "", f"apt-get install {package} ({purpose})", needed)


def _guests() -> Iterator[Check]:
    folder = _guests_folder()
    for name in ("vmlinux", "initrd.gz"):
        path = folder / name
        found = str(path.resolve()) if path.exists() else ""
        yield Check(f"guest file {name}", found, f"not in {folder}: `make guests` gets it, for the tests", needed=False)


def _guests_folder() -> Path:
    """Where `make guests` (tools/guest_files.py) puts them."""
    if folder := os.environ.get("VOF_GUESTS"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vof" / "guests"


def _kvm() -> Check:
    usable = platform.machine().startswith("ppc64") and os.access("/dev/kvm", os.R_OK | os.W_OK)
    remedy = "no hardware help for PowerPC guests on this host; QEMU emulates the CPU, which always works"
    return Check("KVM", "/dev/kvm" if usable else "", remedy, needed=False)


def _pidfd() -> Check:
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (OSError, AttributeError) as error:
        return Check("pidfd", "", f"{error}: nothing needs it so far", needed=False)
    return Check("pidfd", "works", needed=False)


def _run(given: Given) -> int:
    missing = False
    for check in checks():
        print(check, flush=True)
        missing |= check.needed and not check.found
    return int(missing)


COMMAND = Command(
    usage="",
    about="""
        Says what is installed, what is missing and how to get it, in one line each. The status is 1 if something is
        missing that every boot needs.
    """,
    groups=(HELP,),
    run=_run,
)
