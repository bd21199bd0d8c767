"""What watching costs: events that nobody hears, recordings, their text and their replay."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import tempfile
import textwrap
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.boot import USER_SPACE
from bench.inprocess import MENU
from bench.library_cases import CASES, Desk
from bench.options import BenchError, Options
from bench.peers import Firmware, Guest, Machine, command_line
from bench.report import Report
from vof.firmware import OpenFirmware, system

__all__ = ["long_recording", "measure"]

_TIMEOUT = 120
_LONG = 100_000
_SERVICES = ("getprop", "peer", "claim", "finddevice")


def measure(options: Options) -> Report:
    """Boot with and without a recording in turns, then read a long one."""
    report = Report("tracing", "what watching costs")
    _unheard(report, options)
    _recorded_boots(report, options)
    with tempfile.TemporaryDirectory() as folder:
        count = 2000 if options.quick else _LONG
        path = Path(folder) / "long.vof"
        long_recording(path, count)
        _reading(report, options, path, count)
    report.notes.append("no events: OpenFirmware.call without the lines that tell listeners")
    report.notes.append(f"text, replay: {_LONG:,} calls of GRUB, the processes `vof trace` and `vof replay` whole")
    return report


def long_recording(path: Path, count: int) -> None:
    """Write a recording of so many calls: GRUB's at a stored menu, again and again."""
    stored = Path(__file__).resolve().parent.parent / "tests" / "data" / "recordings" / "grub-generic.vof"
    lines = zlib.decompress(stored.read_bytes(), 31).decode().splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if line.startswith('{"is":"call"'))
    # What may be asked again and again with the same answer: it is replayed, too. GRUB's `interpret` changes "stdout".
    steady = [line for line in lines if '"stdout"' not in line]
    calls = [line for line in steady if json.loads(line).get("service") in ("getprop", "finddevice", "milliseconds")]
    repeated = (calls * (count // len(calls) + 1))[:count]
    packer = zlib.compressobj(wbits=31)
    path.write_bytes(packer.compress("".join([*lines[:first], *repeated]).encode()) + packer.flush())


def _unheard(report: Report, options: Options) -> None:
    """One call where nobody listens, beside a firmware that has nothing to tell."""
    mute = _without_events()
    times: dict[tuple[str, str], list[float]] = {}
    desks = {"nobody listens": (Desk(100), OpenFirmware.call), "no events": (Desk(100), mute)}
    turns = list(desks.items())
    for _ in range(options.times(usual=100, quick=2)):
        turns.reverse()  # who comes second finds the caches warm
        for case in CASES:
            if case.service in _SERVICES:
                for subject, (desk, call) in turns:
                    blocks = case.prepare(desk)
                    began = time.perf_counter_ns()
                    for block in blocks:
                        call(desk.firmware, block)
                    elapsed = (time.perf_counter_ns() - began) / len(blocks)
                    times.setdefault((case.service, subject), []).append(elapsed)
                    case.clean_up(desk)
    for (service, subject), samples in times.items():
        report.add(f"one {service}", subject, "ns", samples)
    for service in _SERVICES:
        report.expect_ratio(f"one {service}", "nobody listens", "no events", 1.03)


def _without_events() -> Callable[[OpenFirmware, int], Any]:
    """`OpenFirmware.call` without what it does for listeners."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(OpenFirmware.call)))
    removed = []

    class Removing(ast.NodeTransformer):
        def visit_If(self, node: ast.If) -> ast.AST | None:
            if ast.unparse(node.test) == "self.listeners":
                removed.append(node)
                return None
            return self.generic_visit(node)

    changed = ast.fix_missing_locations(Removing().visit(tree))
    if len(removed) != 2:
        raise BenchError("OpenFirmware.call is not as bench/tracing.py knows it")
    names: dict[str, Any] = {}
    exec(compile(changed, "call without events", "exec"), vars(system), names)
    call: Callable[[OpenFirmware, int], Any] = names["call"]
    return call


def _recorded_boots(report: Report, options: Options) -> None:
    kernel, initrd = options.guests
    guest = Guest(kernel, initrd, "console=hvc0 vof.run=poweroff")
    core, disk = options.grub
    linux = command_line(Firmware.VOF, guest, options)
    grub = [options.vof, "boot", "--engine", "unicorn", "-kernel", core, "-drive"]
    grub.append(f"file={disk},format=raw,snapshot=on")
    boots = {"Linux to user space": (linux, USER_SPACE), "GRUB to its menu": (grub, MENU.decode())}
    times: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        record = ["--record", f"{folder}/boot.vof"]
        for _ in range(options.times(usual=9)):
            for what, (command, pattern) in boots.items():
                for subject, more in (("recorded", record), ("not recorded", [])):
                    with Machine([*command, *more]) as machine:
                        times.setdefault((what, subject), []).append(machine.wait_for(pattern, _TIMEOUT))
    for (what, subject), samples in times.items():
        report.add(what, subject, "s", samples)
    for what in boots:
        report.expect_ratio(what, "recorded", "not recorded", 1.1)


def _reading(report: Report, options: Options, path: Path, count: int) -> None:
    text, replay = [], []
    for _ in range(options.times(usual=5)):
        text.append(_seconds([options.vof, "trace", str(path)]))
        replay.append(_seconds([options.vof, "replay", str(path)]) / count * 1e6)
    report.add("text of all calls", "vof", "s", text)
    report.expect("text of all calls", "vof", 1.5, "s")
    report.add("replay of one call", "vof", "µs", replay)
    report.expect("replay of one call", "vof", 20, "µs")


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{command[1]} of a recording ended with status {done.returncode}: {done.stderr.strip()}")
    return time.perf_counter() - began
