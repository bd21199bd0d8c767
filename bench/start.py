"""How long the commands take to start, and how much memory Python takes beside the guest's."""

from __future__ import annotations

import subprocess
import time

from bench.boot import USER_SPACE
from bench.options import Options
from bench.peers import Firmware, Guest, Machine, command_line
from bench.processes import MemorySampler
from bench.report import Report

__all__ = ["measure"]

_TIMEOUT = 60


def measure(options: Options) -> Report:
    """Time the commands in turns; then watch Python's memory from its start to the guest's user space."""
    report = Report("start", "commands, and Python's memory while Linux boots")
    commands = {
        "python -c pass": [options.python, "-c", "pass"],
        "import vof": [options.python, "-c", "import vof"],
        "vof --help": [options.vof, "--help"],
    }
    times: dict[str, list[float]] = {}
    for _ in range(options.times(usual=31, quick=3)):
        for what, command in commands.items():
            began = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            times.setdefault(what, []).append((time.perf_counter() - began) * 1e3)
    for what, samples in times.items():
        report.add(what, Firmware.VOF, "ms", samples)
    for what in ("import vof", "vof --help"):
        report.expect(what, Firmware.VOF, 100, "ms")
    memory = [_peak_memory(options) for _ in range(options.times(usual=3))]
    report.add("peak memory beside guest RAM", Firmware.VOF, "MB", memory)
    report.expect("peak memory beside guest RAM", Firmware.VOF, 120, "MB")
    return report


def _peak_memory(options: Options) -> float:
    kernel, initrd = options.guests
    guest = Guest(kernel, initrd, "console=hvc0")
    with Machine(command_line(Firmware.VOF, guest, options)) as machine, MemorySampler(machine.pid) as sampler:
        machine.wait_for(USER_SPACE, _TIMEOUT)
        time.sleep(0.1 if options.quick else 2)
    return sampler.peak
