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
    from collections.abc import Iterable

    from vof.trace.beside_qemu import Beside
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
        return _compare_with_qemu(given, second if logs[0] == first else first, logs)
    recordings = (Recording.open(first), Recording.open(second))
    comparison = compare(*recordings, context=context, ignore=ignore)
    if "--json" in given:
        print(json.dumps(_plain(comparison), indent=1))
    else:
        _print(comparison_lines(comparison, recordings, everything="--all" in given))
    return 0 if comparison.same else _DIFFER


def _print(lines: Iterable[str]) -> None:
    """Lines, coloured on a terminal. What a recording holds may not act there."""
    paint = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for line in lines:
        clean = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in line)
        colour = _COLOURS.get(line[:1], "") if paint else ""
        print(f"{colour}{clean}{_PLAIN}" if colour else clean)


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


def _plain_beside(beside: Beside) -> dict[str, Any]:
    from vof.trace.objects import event_object

    return {
        "same": beside.same,
        "asked": beside.asked,
        "different": beside.different,
        "unlike": [
            {
                "reason": each.reason,
                "ours": each.ours and event_object(each.ours),
                "theirs": each.theirs and event_object(each.theirs),
            }
            for each in beside.unlike
        ],
    }


def _compare_with_qemu(given: Given, path: Path, logs: list[Path]) -> int:
    """Compare a recording with what QEMU's own VOF answered."""
    from vof.trace.beside_qemu import compare_with_qemu
    from vof.trace.diff import must_make_sense
    from vof.trace.diff_text import beside_lines
    from vof.trace.qemu_log import read_qemu_log
    from vof.trace.recording import Recording

    if len(logs) == 2:
        raise UsageError("two logs of QEMU's own VOF: one of the two is a recording")
    recording = Recording.open(path)
    theirs = read_qemu_log(logs[0])
    with must_make_sense(recording):
        beside = compare_with_qemu(recording.calls(), theirs, ignore=_services(given.last("--ignore")))
        lines = list(beside_lines(beside, everything="--all" in given))
    if "--json" in given:
        print(json.dumps(_plain_beside(beside), indent=1))
    else:
        _print(lines)
    return 0 if beside.same else _DIFFER


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
        are compared, over the services that QEMU tells of. What is known to differ is counted; --all shows it.

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
