"""The client-interface phase while others want the CPUs, and what Python uses once the guest runs alone."""

from __future__ import annotations

import re
import time
from contextlib import nullcontext

from bench.boot import KERNEL, USER_SPACE
from bench.options import BenchError, Options
from bench.peers import Firmware, Guest, Machine, command_line
from bench.processes import busy_loops, cpu_seconds
from bench.report import Report

__all__ = ["client_phase", "measure"]

LOOPS = 4
_TIMEOUT = 180
_PHASE = r"^vof: +([\d.]+) s  {}"
_SETTLE, _WATCH = 10.0, 10.0


def measure(options: Options) -> Report:
    """Boot Linux beside nothing and beside busy loops, in turns; then watch Python while the guest waits for keys."""
    report = Report("contention", f"Linux beside {LOOPS} busy loops")
    kernel, initrd = options.guests
    guest = Guest(kernel, initrd, "console=hvc0 vof.run=poweroff")
    phases: dict[str, list[float]] = {}
    boots: dict[str, list[float]] = {}
    for _ in range(options.times(usual=5)):
        for beside in ("idle", "busy"):
            for firmware in Firmware:
                subject = f"{firmware}, {beside}"
                command = command_line(firmware, guest, options, verbose=True)
                with (
                    busy_loops(LOOPS, 2 * _TIMEOUT) if beside == "busy" else nullcontext(),
                    Machine(command) as machine,
                ):
                    boots.setdefault(subject, []).append(machine.wait_for(KERNEL, _TIMEOUT))
                    if firmware is Firmware.VOF:
                        phases.setdefault(subject, []).append(client_phase(machine.output))
    for subject, samples in boots.items():
        report.add("Linux version", subject, "s", samples)
    for subject, samples in phases.items():
        report.add("client-interface phase", subject, "ms", samples)
    report.expect_ratio("client-interface phase", "vof, busy", "vof, idle", 5)
    settled = [_settled_cpu(options, kernel, initrd) for _ in range(options.times(usual=3))]
    report.add("Python's CPU once the guest is alone", "vof, idle", "%", settled)
    report.expect("Python's CPU once the guest is alone", "vof, idle", 1, "%")
    return report


def client_phase(output: bytes) -> float:
    """Milliseconds from the start of the client program to its having the machine, by what `vof boot -v` told.

    Raises:
        BenchError: it did not tell.
    """
    seconds = []
    for name in ("client program started", "client program has the machine"):
        found = re.search(_PHASE.format(name).encode(), output, re.MULTILINE)
        if found is None:
            raise BenchError(f'vof boot -v did not print "{name}": {output[-300:]!r}')
        seconds.append(float(found[1]))
    return (seconds[1] - seconds[0]) * 1e3


def _settled_cpu(options: Options, kernel: str, initrd: str) -> float:
    """Per cent of a CPU that all but QEMU uses while the guest sits at its prompt."""
    guest = Guest(kernel, initrd, "console=hvc0")
    with Machine(command_line(Firmware.VOF, guest, options)) as machine:
        machine.wait_for(USER_SPACE, _TIMEOUT)
        time.sleep(1 if options.quick else _SETTLE)
        used, began = cpu_seconds(machine.pid), time.monotonic()
        time.sleep(1 if options.quick else _WATCH)
        return 100 * (cpu_seconds(machine.pid) - used) / (time.monotonic() - began)
