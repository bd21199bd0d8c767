"""Forth: the same source at the prompts of SLOF and OpenBIOS under QEMU, and in this process."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from bench.options import BenchError, Options
from bench.peers import MACHINE, MEMORY, Machine
from bench.report import Report

__all__ = ["measure"]

_SOURCE = (
    ": empty ;",
    ": calls 0 do empty loop ;",
    ": loops 0 do loop ;",
    ": fib dup 2 < if drop 1 else dup 1- recurse swap 2 - recurse + then ;",
    "variable flags 2000 allot",
    ": clear flags 2000 1 fill ;",
    ": strike begin dup 2000 < while dup flags + 0 swap c! over + repeat drop drop ;",
    ": sift 2000 0 do flags i + c@ if i dup + 3 + dup i + strike then loop ;",
    ": sieve 0 do clear sift loop ;",
    ': strings 0 do " abcdefghijklmnop" drop " abcdefghijklmnoq" comp drop loop ;',
    ": timed get-msecs swap execute get-msecs swap - ;",
)
"""Definitions; all numbers are hexadecimal."""
_STACK, _MEMORY = 10.0, 15.0
"""At most so many times SLOF's time, of words on the stack and of words on memory."""
_RUNS = {
    "3 million empty calls": ("2dc6c0 calls", _STACK),
    "3 million rounds of a loop": ("2dc6c0 loops", _STACK),
    "fib, 400,000 calls": ("1a fib drop", _STACK),
    "sieve of 8,192, 10 times": ("a sieve", _MEMORY),
    "300,000 string compares": ("493e0 strings", _MEMORY),
}
_START = "process start to an answer at ok"
_START_LIMIT = 250.0
"""Milliseconds."""
_OUT = re.compile(rb"took ([0-9a-f]+) ms")
_TIMEOUT = 60.0
_PEERS = {
    "SLOF": [
        "qemu-system-ppc64",
        "-machine",
        MACHINE,
        "-m",
        MEMORY,
        "-nodefaults",
        "-display",
        "none",
        "-serial",
        "stdio",
    ],
    "OpenBIOS": ["qemu-system-ppc", "-machine", "g3beige", "-nographic"],
}
_PLAIN = ("-vga", "none", "-prom-env", "auto-boot?=false")
_PROMPT = r"^0 > "


def measure(options: Options) -> Report:
    """Type the source at each prompt, and run it."""
    samples: dict[tuple[str, str], list[float]] = defaultdict(list)
    report = Report("forth", "Forth: the same source in vof, and at prompts under QEMU")
    for _ in range(options.times(usual=3)):
        for name, milliseconds in _in_process(options).items():
            samples[name, "vof"].append(milliseconds)
        samples[_START, "vof"].append(_start(options))
        for peer, command in _PEERS.items():
            for name, milliseconds in _at_prompt([*command, *_PLAIN]).items():
                samples[name, peer].append(milliseconds)
    for (what, subject), values in samples.items():
        report.add(what, subject, "ms", values)
    for name, (_, limit) in _RUNS.items():
        report.expect_ratio(name, "vof", "SLOF", limit)
    report.expect(_START, "vof", _START_LIMIT, "ms")
    return report


def _start(options: Options) -> float:
    """Milliseconds of `vof ok` with one line, to its end."""
    start = time.monotonic()
    done = subprocess.run([options.vof, "ok"], input=b"1 2 + .\n", capture_output=True, timeout=_TIMEOUT, check=False)
    if b"3 " not in done.stdout:
        raise BenchError(f"vof ok: {done.stderr.decode(errors='replace').strip()}")
    return (time.monotonic() - start) * 1e3


def _lines() -> list[str]:
    """What is typed, or in the file: definitions, then each run with the milliseconds that it took."""
    lines = ["hex", *_SOURCE]
    for number, (run, _) in enumerate(_RUNS.values()):
        lines += [f": run{number} {run} ;", f'\' run{number} timed ." took " (u.) type ."  ms" cr']
    return lines


def _in_process(options: Options) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "bench.fs"
        source.write_text("\n".join(_lines()) + "\n")
        done = subprocess.run([options.vof, "forth", source], capture_output=True, timeout=_TIMEOUT, check=False)
    if done.returncode:
        raise BenchError(f"vof forth: {done.stderr.decode(errors='replace').strip()}")
    return _figures(done.stdout)


def _at_prompt(command: Sequence[str]) -> dict[str, float]:
    """Milliseconds by the host's clock, from the last key to the answer: OpenBIOS has none of its own."""
    figures = []
    with Machine(command) as machine:
        machine.wait_for(_PROMPT, _TIMEOUT)
        for line in _lines():
            machine.send(line.encode())
            machine.wait_for(re.escape(line), _TIMEOUT)
            machine.forget()
            start = time.monotonic()
            machine.send(b"\r")
            machine.wait_for(_PROMPT, _TIMEOUT)
            if line.startswith("' run"):
                figures.append((time.monotonic() - start) * 1e3)
            machine.forget()
    return dict(zip(_RUNS, figures, strict=True))


def _figures(output: bytes) -> dict[str, float]:
    found = _OUT.findall(output)
    if len(found) != len(_RUNS):
        raise BenchError(f"{len(found)} of {len(_RUNS)} figures:\n{output[-800:].decode(errors='replace')}")
    return {name: float(max(1, int(figure, 16))) for name, figure in zip(_RUNS, found, strict=True)}
