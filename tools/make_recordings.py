"""Make the recordings that `make check` replays: real boots, kept small. Needs `make guests`.

python tools/make_recordings.py [NAME]...

A recording is made anew only where the firmware is meant to answer differently from now on, or a boot is to be added:
that the others still replay without a difference is what they are for.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import guest_files

from vof.vm import VM, Config

REPOSITORY = Path(__file__).resolve().parent.parent
RECORDINGS = REPOSITORY / "tests" / "data" / "recordings"
sys.path[:0] = [str(REPOSITORY / "tests" / folder) for folder in ("guests", "conformance")]

_PATIENCE = 120.0
_PROMPT = "grub> "
_COUNTDOWN = "highlighted entry will be executed"


def linux(record: Path, folder: Path) -> None:
    """Debian's kernel under QEMU, to its shell and off again."""
    guests = guest_files.guests_folder()
    with VM(
        kernel=str(guests / "vmlinux"),
        initrd=str(guests / "initrd.gz"),
        append="console=hvc0 vof.run=poweroff",
        record=str(record),
    ) as vm:
        vm.wait(_PATIENCE)


def linux_in_process(record: Path, folder: Path) -> None:
    """The same kernel in process, as far as it can be followed."""
    guests = guest_files.guests_folder()
    with VM(engine="unicorn", machine="pseries", kernel=str(guests / "vmlinux"), record=str(record)) as vm:
        vm.wait(_PATIENCE)


def linux_chrp(record: Path, folder: Path) -> None:
    """A 32-bit kernel on `pegasos2`, to its user space and off again."""
    guests = guest_files.guests_folder() / "chrp32"
    with VM(
        machine="pegasos2",
        kernel=str(guests / "up" / "vmlinux"),
        initrd=str(guests / "initrd.gz"),
        append="console=ttyS0 quiet vof.run=poweroff",
        record=str(record),
    ) as vm:
        vm.wait(_PATIENCE)


def grub(record: Path, folder: Path, *, machine: str = "generic") -> None:
    """GRUB in process: its menu, keys, the command line, and off."""
    files = guest_files.guests_folder() / "grub"
    disk = folder / "disk.img"
    shutil.copyfile(files / "disk.img", disk)
    config = Config(
        machine=machine,
        engine="unicorn",
        clock="virtual",
        kernel=str(files / "core.elf"),
        drives=[f"file={disk},format=raw"],
        record=str(record),
    )
    with VM(config) as vm:
        vm.expect(_COUNTDOWN, _PATIENCE)
        vm.send("\x1b[B\r")
        vm.expect("hello from the menu", _PATIENCE)
        vm.expect("GNU GRUB", _PATIENCE)
        vm.send("c")
        for line in ("ls /boot/grub/", "halt"):
            vm.expect(_PROMPT, _PATIENCE)
            vm.send(line + "\r")
        vm.wait(_PATIENCE)


def grub_translated(record: Path, folder: Path) -> None:
    """The same with address translation on."""
    grub(record, folder, machine="generic,real-mode=off")


def conformance(record: Path, folder: Path) -> None:
    """The conformance client, where it makes its calls from inside of callbacks."""
    from runs import Row, build, transcript

    row = Row("generic", "unicorn", "hypercall", 32, "big", (("clock", "virtual"), ("record", f"{record},append=on")))
    transcript(row, build(row, folder), ("exit-in-callback", "chain-in-callback"))


RECIPES: dict[str, Callable[[Path, Path], None]] = {
    "callbacks-generic": conformance,
    "grub-generic": grub,
    "grub-translated": grub_translated,
    "linux-in-process": linux_in_process,
    "linux-pegasos2": linux_chrp,
    "linux-pseries": linux,
}
"""How each recording is made."""


def main(names: list[str]) -> None:
    RECORDINGS.mkdir(parents=True, exist_ok=True)
    for name in names or RECIPES:
        path = RECORDINGS / f"{name}.vof"
        path.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            RECIPES[name](path, Path(folder))
        print(f"{path.relative_to(REPOSITORY)}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
