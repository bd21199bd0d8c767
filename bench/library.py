"""The library alone, no guest: what a call of each service costs, and whether it grows with the tree."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.library_cases import CASES, Case, Desk
from bench.options import Options
from bench.report import Report

__all__ = ["SIZES", "measure"]

SIZES = (10**2, 10**3, 10**4, 10**5)
_COLUMNS = ("10² nodes", "10³ nodes", "10⁴ nodes", "10⁵ nodes")
_ROUNDS = 20
"""How often each batch of calls is made in one sample."""


def measure(options: Options) -> Report:
    """Call each service on trees of each size, in turns."""
    report = Report("library", "one call through OpenFirmware.call, no guest")
    desks = dict(zip(_COLUMNS, (Desk(size) for size in SIZES), strict=True))
    repeats, rounds = (options.times(usual=15, quick=2), 2 if options.quick else _ROUNDS)
    for case in CASES:
        columns = _COLUMNS if case.of_tree else _COLUMNS[:1]
        times: dict[str, list[float]] = {column: [] for column in columns}
        for column in columns:
            _sample(case, desks[column], 1)  # what is made at the first use is made now
        for _ in range(repeats):
            for column in columns:
                times[column].append(_sample(case, desks[column], rounds))
        report.add(case.service, "calls", "1/s", [1e9 / nanoseconds for nanoseconds in times[_COLUMNS[0]]])
        for column, samples in times.items():
            report.add(case.service, column, "ns", samples)
        report.expect_ratio(case.service, _COLUMNS[-1], _COLUMNS[0], 1.2)
    report.notes.append("calls: a second, on the tree of 10² nodes")
    return report


def _sample(case: Case, desk: Desk, rounds: int) -> float:
    """Nanoseconds a call."""
    spent = calls = 0
    for _ in range(rounds):
        blocks = case.prepare(desk)
        spent += _time(desk.firmware.call, blocks)
        calls += len(blocks)
        case.clean_up(desk)
    return spent / calls


def _time(call: Callable[[int], object], blocks: list[int]) -> int:
    began = time.perf_counter_ns()
    for block in blocks:
        call(block)
    return time.perf_counter_ns() - began
