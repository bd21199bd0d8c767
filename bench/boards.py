"""The boards with their firmware in ROM: how soon the client program has the CPU, and what Linux costs there."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.options import Options
from bench.peers import Machine
from bench.report import Report
from vof import VM
from vof.events import Phase
from vof.firmware import OpenFirmware
from vof.outcomes import Outcome

__all__ = ["measure"]

_TIMEOUT = 60
_GUESTS = Path(__file__).resolve().parent.parent / "tests" / "guests"
_BOARD, _PEER = "vof, pegasos2", "OpenBIOS, mac99"
_MAC = "vof, mac99"
_FIRST_WORDS = {_BOARD: r"^talker: ", _MAC: r"^talker: ", _PEER: r"^>> switching to new context"}
"""OpenBIOS says so right before; a program that QEMU loads for it is moved, and could not print."""


def measure(options: Options) -> Report:
    """Start Linux on `pegasos2` in this process, then a C program beside OpenBIOS, in turns."""
    sys.path.insert(0, str(_GUESTS))
    from build import build_c

    report = Report("boards", "boards with the firmware in ROM")
    samples: dict[tuple[str, str, str], list[float]] = {}
    kernel = options.chrp_kernel
    for _ in range(options.times(usual=7)):
        for what, unit, value in _start(kernel):
            samples.setdefault((what, _BOARD, unit), []).append(value)
    with tempfile.TemporaryDirectory() as folder:
        program = str(build_c("talker", 32, "big", Path(folder)))
        commands = {
            subject: [options.vof, "boot", "-machine", machine, "-kernel", program]
            for subject, machine in ((_BOARD, "pegasos2"), (_MAC, "mac99"))
        }
        commands[_PEER] = ["qemu-system-ppc", "-M", "mac99", "-m", "512", "-nographic", "-vga", "none"]
        commands[_PEER] += ["-net", "none", "-monitor", "none", "-kernel", program]
        for _ in range(options.times(usual=5)):
            for subject, command in commands.items():
                with Machine(command) as machine:
                    seconds = machine.wait_for(_FIRST_WORDS[subject], _TIMEOUT)
                samples.setdefault(("process start to the client program", subject, "s"), []).append(seconds)
    for (what, subject, unit), values in samples.items():
        report.add(what, subject, unit, values)
    report.expect("QEMU start to client entry", _BOARD, 0.25, "s")
    report.expect("board set-up and PCI scan", _BOARD, 10, "ms")
    report.expect("a call of prom_init, outside the library", _BOARD, 6, "µs")
    report.expect("all of prom_init's calls, outside the library", _BOARD, 40, "ms")
    for subject in (_BOARD, _MAC):
        report.expect_ratio("process start to the client program", subject, _PEER, 1.0)
    report.notes.append("outside the library: from one call's answer to the next call, the client's own work included")
    return report


def _start(kernel: str) -> list[tuple[str, str, float]]:
    """One start of Linux, up to where it has the machine."""
    times: dict[str, float] = {}
    spent: list[float] = []
    between: list[float] = []
    with VM(machine="pegasos2", kernel=kernel, append="console=ttyS0") as vm:
        began = time.perf_counter()

        def note(event: object) -> None:
            if isinstance(event, Phase):
                times.setdefault(event.name, time.perf_counter())

        vm.listen(note, Phase)
        vm.run_to_client(_TIMEOUT)
        firmware = vm.firmware
        assert firmware is not None
        answer, clock = OpenFirmware.call, time.perf_counter
        last = 0.0

        def timed(block: int) -> Outcome:
            nonlocal last
            start = clock()
            if last:
                between.append(start - last)
            outcome = answer(firmware, block)
            last = clock()
            spent.append(last - start)
            return outcome

        vm.engine.trap.answer = timed
        vm.run_until(lambda: firmware.quiesced, _TIMEOUT)
    return [
        ("QEMU start to client entry", "s", times["client program started"] - began),
        ("board set-up and PCI scan", "ms", (times["client program started"] - times["firmware started"]) * 1e3),
        ("a call of prom_init, outside the library", "µs", statistics.median(between) * 1e6),
        ("all of prom_init's calls, outside the library", "ms", sum(between) * 1e3),
        ("a call of prom_init, in the library", "µs", sum(spent) / len(spent) * 1e6),
    ]
