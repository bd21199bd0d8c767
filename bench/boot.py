"""From the start of a process to Linux, and to its user space."""

from __future__ import annotations

from bench.options import Options
from bench.peers import Firmware, Guest, Machine, command_line
from bench.report import Report

__all__ = ["KERNEL", "USER_SPACE", "measure"]

KERNEL = r"^\[ *\d+\.\d+\] Linux version "
"""Not the firmware's "Preparing to boot Linux version", which QEMU's own VOF doesn't show."""
USER_SPACE = r"^vof: user space is up"
_TIMEOUT = 120


def measure(options: Options) -> Report:
    """Boot Debian's kernel under each firmware, in turns."""
    report = Report("boot", "Linux on pseries, 1 GiB, 1 CPU, from the start of the process")
    kernel, initrd = options.guests
    guest = Guest(kernel, initrd, "console=hvc0 vof.run=poweroff")
    times: dict[str, dict[Firmware, list[float]]] = {"Linux version": {}, "user space": {}}
    for _ in range(options.times(usual=7)):
        for firmware in Firmware:
            with Machine(command_line(firmware, guest, options)) as machine:
                for what, pattern in (("Linux version", KERNEL), ("user space", USER_SPACE)):
                    times[what].setdefault(firmware, []).append(machine.wait_for(pattern, _TIMEOUT))
    for what, by_firmware in times.items():
        for firmware, samples in by_firmware.items():
            report.add(what, firmware, "s", samples)
        report.expect_ratio(what, Firmware.VOF, Firmware.X_VOF, 1.0)
        report.expect_ratio(what, Firmware.VOF, Firmware.SLOF, 0.33)
    return report
