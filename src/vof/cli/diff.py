"""`vof diff`: where two recorded boots part."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vof.cli.commands import Command
from vof.cli.machine_options import HELP
from vof.cli.options import Given, Group, Option
from vof.errors import UsageError

if TYPE_CHECKING:
    from vof.trace.diff import Comparison, Side

__all__ = ["COMMAND"]

_DIFFER = 1
_CONTEXT = 3
_RED, _GREEN, _CYAN, _PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[36m", "\x1b[m"


def _run(given: Given) -> int:
    from vof.trace.diff import compare
    from vof.trace.diff_text import comparison_lines
    from vof.trace.recording import Recording

    if len(given.operands) != 2:
        raise UsageError("two recordings are compared: vof diff GOOD BAD; `vof boot --record FILE` makes one")
    first, second = map(Path, given.operands)
    context = _context(given.last("-U"))
    ignore = _services(given.last("--ignore"))
    logs = [path for path in (first, second) if _is_log(path)]
    if logs:
        return _compare_with_qemu(first, second, logs)
    recordings = (Recording.open(first), Recording.open(second))
    comparison = compare(*recordings, context=context, ignore=ignore)
    if "--json" in given:
        print(json.dumps(_plain(comparison), indent=1))
    else:
        paint = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        for line in comparison_lines(comparison, recordings, everything="--all" in given):
            colour = _COLOURS.get(line[:1], "") if paint else ""
            print(f"{colour}{line}{_PLAIN}" if colour else line)
    return 0 if comparison.same else _DIFFER


def _plain(comparison: Comparison) -> dict[str, Any]:
    from vof.trace.objects import event_object

    def side(each: Side) -> dict[str, Any]:
        return {"number": each.number, "calls": [event_object(event) for event in each.calls]}

    return {
        "same": comparison.same,
        "calls": comparison.calls,
        "headers": comparison.headers,
        "trees": comparison.trees,
        "ends": comparison.ends,
        "found": comparison.found,
        "differences": [
            {"why": each.why, "good": side(each.good), "bad": side(each.bad)} for each in comparison.differences
        ],
    }


def _compare_with_qemu(first: Path, second: Path, logs: list[Path]) -> int:
    """Compare a recording with what QEMU's own VOF answered."""
    from vof.trace.diff import compare_answers
    from vof.trace.qemu_log import TRACED, read_qemu_log, why_known
    from vof.trace.recording import Recording
    from vof.trace.text import call_text

    if len(logs) == 2:
        raise UsageError("two logs of QEMU's own VOF: one of the two is a recording")
    (log,) = logs
    recording = Recording.open(second if log == first else first)
    theirs = read_qemu_log(log)
    asked, different = compare_answers(recording.calls(), theirs, TRACED)
    news = [(ours, other) for ours, other in different if not why_known(ours)]
    print(f"{asked} questions were asked of both, {asked - len(different)} answered alike")
    reasons: dict[str, int] = {}
    for ours, _ in different:
        reason = why_known(ours)
        if reason:
            reasons[f"{ours.service}: {reason}"] = reasons.get(f"{ours.service}: {reason}", 0) + 1
    for reason, count in sorted(reasons.items()):
        print(f"  known, {count} of {reason}")
    for ours, other in news:
        print(f"-{call_text(ours)}\n+{call_text(other)}")
    return _DIFFER if news else 0


def _is_log(path: Path) -> bool:
    from vof.trace.qemu_log import is_qemu_log

    return is_qemu_log(path)


def _context(text: str) -> int:
    if not text:
        return _CONTEXT
    if not text.isascii() or not text.isdigit():
        raise UsageError(f"-U {text}: it takes a number of calls")
    return int(text)


def _services(text: str) -> list[str]:
    from vof.vm.hooks import find_service

    return [find_service(name).name for name in text.split(",") if name]


_COLOURS = {"-": _RED, "+": _GREEN, "@": _CYAN}

COMMAND = Command(
    usage="[OPTION]... GOOD BAD",
    about="""
        Compares two recorded boots call by call, and shows the first place where they part. What may differ between
        two boots that are alike doesn't count: addresses, handles, times, seeds, and how often a client asked for the
        time or for a key that had not come. The trees at the start and the ends are compared, too.

        One of the two may be the log of QEMU's own VOF (-trace 'vof_*' -D FILE): then the answers of both firmwares
        are compared, over the services that QEMU tells of.

        The status is 0 if they are alike, 1 if not, 2 if a file can't be used.
    """,
    groups=(
        Group(
            "Options",
            (
                Option(("-U", "--unified"), "N", "calls to show around a difference (3)"),
                Option(("--all",), "", "show every difference, not only the first"),
                Option(("--ignore",), "SERVICE[,...]", "leave services out"),
                Option(("--json",), "", "all differences, as JSON"),
            ),
        ),
        HELP,
    ),
    run=_run,
    operands=2,
)
