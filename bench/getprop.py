"""One `getprop` from a guest's loop: the way to the firmware and back, and the service itself."""

from __future__ import annotations

import re
import statistics
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.options import BenchError, Options
from bench.peers import Firmware, Guest, Machine, command_line
from bench.report import Report

__all__ = ["Timing", "devices", "measure", "parse_output"]

ROUNDS = 10
CALLS = 2000
_TIME_BASE = 512e6
_SOURCE = Path(__file__).with_name("getprop.S")
_LINKER_SCRIPT = Path(__file__).with_name("getprop.ld")
_TIMEOUT = 90
_LARGE = 985
"""PCI devices that make QEMU's tree one of 1,000 nodes."""
_SLOTS = 31


@dataclass(frozen=True, slots=True)
class Timing:
    """What the client printed.

    Attributes:
        nodes: how many nodes the tree has.
        getprop: µs a call, one value a round.
        handoff: the same of `milliseconds`, the cheapest service.
    """

    nodes: int
    getprop: tuple[float, ...]
    handoff: tuple[float, ...]


def measure(options: Options) -> Report:
    """Run the client on the machine's own tree and on one of 1,000 nodes, under each firmware, in turns."""
    rounds, calls = (2, 200) if options.quick else (ROUNDS, CALLS)
    report = Report("getprop", f"one call from a guest's loop, {rounds * calls:,} calls a run")
    with tempfile.TemporaryDirectory(prefix="vof-bench-") as folder:
        client = _build(Path(folder), rounds, calls)
        trees = {
            "default tree": Guest(client, append="stdout"),
            "1,000 nodes": Guest(client, append="vendor-id", devices=devices(_LARGE)),
        }
        for tree, guest in trees.items():
            timings: dict[Firmware, list[Timing]] = {}
            for _ in range(options.times(usual=5)):
                for firmware in Firmware:
                    with Machine(command_line(firmware, guest, options)) as machine:
                        machine.wait_for(r"^E[0-9a-f]{8}$", _TIMEOUT)
                    timings.setdefault(firmware, []).append(parse_output(machine.output, calls))
            _add(report, tree, timings)
    report.expect_ratio("getprop, default tree", Firmware.VOF, Firmware.X_VOF, 1.0)
    report.expect_ratio("getprop, 1,000 nodes", Firmware.VOF, Firmware.X_VOF, 0.2)
    report.notes.append("hand-off: `milliseconds`, the cheapest service; service: what `getprop` takes beyond it")
    return report


def devices(count: int) -> list[str]:
    """Values of `-device` for so many PCI devices: bridges on the root bus, and what they hold."""
    made: list[str] = []
    bridge = 0
    while len(made) < count:
        bridge += 1
        made.append(f"pci-bridge,id=bridge{bridge},chassis_nr={bridge},addr={bridge:#x}")
        made += [f"pci-testdev,bus=bridge{bridge},addr={slot:#x}" for slot in range(1, _SLOTS + 1)]
    return made[:count]


def parse_output(output: bytes, calls: int) -> Timing:
    """Read what the client printed.

    Args:
        output: all of the machine's output.
        calls: how many calls a line stands for.

    Raises:
        BenchError: lines are missing, or getprop did not find the property.
    """
    found: dict[bytes, list[int]] = {}
    for letter, digits in re.findall(rb"^([NGHE])([0-9a-f]{8})$", output, re.MULTILINE):
        found.setdefault(letter, []).append(int(digits, 16))
    if found.keys() != {b"N", b"G", b"H", b"E"}:
        raise BenchError(f"the getprop client printed only {output[-200:]!r}")
    if found[b"E"] != [4]:
        raise BenchError(f"getprop answered {found[b'E'][0]:#x} in place of 4")
    getprop, handoff = (tuple(ticks / _TIME_BASE / calls * 1e6 for ticks in found[letter]) for letter in (b"G", b"H"))
    return Timing(found[b"N"][0], getprop, handoff)


def _add(report: Report, tree: str, timings: dict[Firmware, list[Timing]]) -> None:
    for firmware, runs in timings.items():
        getprop = [statistics.median(run.getprop) for run in runs]
        handoff = [statistics.median(run.handoff) for run in runs]
        report.add(f"getprop, {tree}", firmware, "µs", getprop)
        report.add(f"hand-off, {tree}", firmware, "µs", handoff)
        report.add(f"service, {tree}", firmware, "µs", [a - b for a, b in zip(getprop, handoff, strict=True)])
    nodes = ", ".join(f"{firmware} {runs[0].nodes:,}" for firmware, runs in timings.items())
    report.notes.append(f"nodes that the client counted, {tree}: {nodes}")


def _build(folder: Path, rounds: int, calls: int) -> str:
    """Assemble and link the client."""
    loose, linked = folder / "getprop.o", folder / "getprop.elf"
    symbols = ["--defsym", f"ROUNDS={rounds}", "--defsym", f"CALLS={calls}"]
    for command in (
        ["powerpc-linux-gnu-as", "-a32", "-mbig", *symbols, "-o", str(loose), str(_SOURCE)],
        ["powerpc-linux-gnu-ld", "--no-warn-rwx-segments", "-T", str(_LINKER_SCRIPT), "-o", str(linked), str(loose)],
    ):
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except FileNotFoundError:
            raise BenchError(f"{command[0]} does not exist: `make setup` installs it") from None
        if done.returncode:
            raise BenchError(f"{command[0]} failed: {done.stderr}")
    return str(linked)
