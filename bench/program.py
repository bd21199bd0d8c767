"""The command: which benchmarks to run and how, and where the figures go."""

from __future__ import annotations

import argparse
import compileall
import importlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import vof
from bench.options import BenchError, Options
from bench.report import Report, render

__all__ = ["BENCHMARKS", "main"]

BENCHMARKS = (
    "boot",
    "getprop",
    "contention",
    "library",
    "inprocess",
    "boards",
    "disks",
    "forth",
    "osi",
    "start",
    "tracing",
    "report_page",
)
"""Each is a module of this package, with a function `measure`."""
_JSON = "build/bench.json"


def main(words: Sequence[str] | None = None) -> int:
    """Run the benchmarks.

    Returns:
        0, also where a target is missed: a figure on a busy machine is no failure; 1 if one could not be run.
    """
    parser = argparse.ArgumentParser(prog="bench/run.py", description="Measure vof beside QEMU's own VOF and SLOF.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHMARKS)}; all where none is named")
    parser.add_argument("--json", type=Path, default=Path(_JSON), metavar="FILE", help=f"default: {_JSON}")
    parser.add_argument("--quick", action="store_true", help="only see that everything runs: one run, few calls")
    parser.add_argument(
        "--runs", type=int, default=0, metavar="N", help="runs, in place of each benchmark's own number"
    )
    given = parser.parse_args(words)
    unknown = [name for name in given.names if name not in BENCHMARKS]
    if unknown or given.runs < 0:
        parser.error(f"no benchmark {unknown[0]}: {', '.join(BENCHMARKS)}" if unknown else "--runs takes 1 or more")
    options = Options(runs=given.runs, quick=given.quick)
    # As at every start but the first, even where PYTHONDONTWRITEBYTECODE is set.
    compileall.compile_dir(Path(vof.__file__).parent, quiet=1)
    reports: list[Report] = []
    try:
        for name in dict.fromkeys(given.names or BENCHMARKS):
            report: Report = importlib.import_module(f"bench.{name}").measure(options)
            reports.append(report)
            print(render(report), flush=True)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    missed = [target for report in reports for target in report.targets if not target.met]
    count = sum(len(report.targets) for report in reports)
    print(f"{count - len(missed)} of {count} targets are met.")
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps(_record(reports, options), indent=1, ensure_ascii=False) + "\n")
    return 0


def _record(reports: Sequence[Report], options: Options) -> dict[str, Any]:
    """All figures, and where they come from."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": options.quick,
        "host": {
            "cpus": os.cpu_count(),
            "machine": platform.machine(),
            "kernel": platform.release(),
            "python": platform.python_version(),
            "qemu": _first_line([options.qemu, "--version"]),
            "commit": _first_line(["git", "describe", "--always", "--dirty"]),
        },
        "benchmarks": {report.name: report.to_json() for report in reports},
    }


def _first_line(command: Sequence[str]) -> str:
    try:
        lines = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    except FileNotFoundError:
        return ""
    return lines[0] if lines else ""
