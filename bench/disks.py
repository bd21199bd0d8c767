"""Disks and networks through the firmware: reading, booting, and TFTP, beside SLOF on the same image and QEMU."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from bench.options import Options
from bench.peers import MACHINE, MEMORY, Firmware, Machine
from bench.report import Report
from vof.backends.qemu_nbd import ImageDisk

__all__ = ["measure"]

_GUESTS = Path(__file__).resolve().parent.parent / "tests" / "guests"
_SIZE = 64 << 20
_PIECE = 1 << 20
_TFTP_SIZE = 50 << 20
_TIME, _BOOTING, _KERNEL, _LINUX = "64 MB read", "power-on to GRUB", "power-on to kernel", "power-on to user space"
_NETWORK = "50 MB by TFTP, process start to the program"
_TIMEOUT = 60
_PEERS = (Firmware.VOF, Firmware.SLOF)


def measure(options: Options) -> Report:
    """Read a disk, boot from one, and load from a network, in turns."""
    sys.path.insert(0, str(_GUESTS))
    from build import build_c

    samples: dict[tuple[str, str], list[float]] = defaultdict(list)
    report = Report("disks", "disks and networks, pseries with virtio-blk and l-lan")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image = folder / "disk.img"
        image.write_bytes(os.urandom(_SIZE))
        reader = str(build_c("reader", 32, "big", folder))
        talker = build_c("talker", 32, "big", folder)
        _pad(talker, folder / "big.elf")
        for _ in range(options.times(usual=5)):
            samples[_TIME, "NBD alone"].append(_alone(image))
            for firmware in _PEERS:
                samples[_TIME, firmware].append(_read(firmware, options, reader, image))
        for _ in range(options.times(usual=3)):
            for firmware in _PEERS:
                for what, seconds in zip((_BOOTING, _KERNEL, _LINUX), _boot(firmware, options), strict=True):
                    samples[what, firmware].append(seconds)
                samples[_NETWORK, firmware].append(_load(firmware, options, folder))
    for (what, subject), values in samples.items():
        report.add(what, subject, "ms" if what == _TIME else "s", values)
    report.expect_ratio(_TIME, Firmware.VOF, Firmware.SLOF, 0.1)
    report.expect_ratio(_TIME, Firmware.VOF, "NBD alone", 4.0)
    report.expect_ratio(_BOOTING, Firmware.VOF, Firmware.SLOF, 0.2)
    report.expect_ratio(_LINUX, Firmware.VOF, Firmware.SLOF, 0.35)
    report.expect_ratio(_NETWORK, Firmware.VOF, Firmware.SLOF, 1.0)
    return report


def _command(firmware: Firmware, options: Options, *words: str) -> list[str]:
    if firmware is Firmware.VOF:
        return [options.vof, "boot", "-machine", MACHINE, "-m", MEMORY, *words]
    plain = [options.qemu, "-nodefaults", "-display", "none", "-serial", "stdio"]
    return [*plain, "-machine", MACHINE, "-m", MEMORY, *words]


def _alone(image: Path) -> float:
    """Milliseconds of a Python program that reads by NBD, with no guest."""
    disk = ImageDisk(str(image), "raw")
    try:
        start = time.monotonic()
        for offset in range(0, _SIZE, _PIECE):
            disk.read(offset, _PIECE)
        return (time.monotonic() - start) * 1e3
    finally:
        disk.close()


def _read(firmware: Firmware, options: Options, reader: str, image: Path) -> float:
    """Milliseconds of a client program, which both get from the network: SLOF can't start it with `-kernel`."""
    folder, name = os.path.split(reader)
    words = ["-netdev", f"user,id=n,tftp={folder},bootfile={name}", "-device", "spapr-vlan,netdev=n", "-boot", "n"]
    words += ["-drive", f"file={image},format=raw,if=virtio,readonly=on"]
    with Machine(_command(firmware, options, *words)) as machine:
        machine.wait_for(r"reader: \d+ KiB in \d+ ms", _TIMEOUT)
        found = re.search(rb"reader: (\d+) KiB in (\d+) ms", machine.output)
    assert found and int(found[1]) == _SIZE >> 10
    return float(max(1, int(found[2])))


def _boot(firmware: Firmware, options: Options) -> tuple[float, float, float]:
    """Seconds to GRUB's first line, to Linux's first instruction after `prom_init`, and to its user space."""
    image = Path(options.guests[0]).parent / "boot" / "gpt.img"
    drive = f"file={image},format=raw,if=virtio,snapshot=on"
    with Machine(_command(firmware, options, "-drive", drive)) as machine:
        first = machine.wait_for(r"Welcome to GRUB", _TIMEOUT)
        machine.wait_for(r"Debian", _TIMEOUT)
        machine.send(b"\r")  # the menu need not be waited for
        kernel = machine.wait_for(r"Booting Linux via", _TIMEOUT)
        last = machine.wait_for(r"^vof: user space is up", _TIMEOUT)
    return first, kernel, last


def _load(firmware: Firmware, options: Options, folder: Path) -> float:
    network = f"user,id=n,tftp={folder},bootfile=big.elf"
    words = ["-netdev", network, "-device", "spapr-vlan,netdev=n", "-boot", "n"]
    with Machine(_command(firmware, options, *words)) as machine:
        return machine.wait_for(r"talker: ", _TIMEOUT)


def _pad(program: Path, target: Path) -> None:
    """A program with 50 MB behind it, all of which a firmware loads."""
    data = program.read_bytes()
    target.write_bytes(data + bytes(_TFTP_SIZE - len(data)))
