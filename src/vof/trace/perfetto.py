"""A recording for the trace viewers that people know: Chrome's JSON trace events, which Perfetto and others open.

https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU says what they are. Viewers take the
slices of one track only where they nest: `read_history` sees to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from vof.errors import UsageError
from vof.firmware import SERVICES
from vof.firmware.table import Argument, Kind
from vof.trace.history import Call, History, read_history
from vof.trace.recording import Recording

__all__ = ["trace_events", "write_perfetto"]

_PROCESS = 1
_CALLS, _PHASES, _CONSOLE = 1, 2, 3
_TRACKS = {_CALLS: "client interface", _PHASES: "phases", _CONSOLE: "console"}
_FAILED = 0xFFFF_FFFF


def write_perfetto(recording: Recording, out: Path, history: History | None = None) -> None:
    """Write a recording as Chrome's trace events.

    Args:
        recording: what to write.
        out: the file; one that is there is replaced.
        history: the recording as `read_history` reads it, where it was read already.

    Raises:
        UsageError: the recording is damaged, or the file can't be written.
    """
    if history is None:
        history = read_history(recording)
    text = json.dumps({"traceEvents": [*trace_events(history)], "displayTimeUnit": "ms"}, separators=(",", ":"))
    try:
        out.write_text(text, encoding="ascii")
    except OSError as error:
        raise UsageError(f"{out}: {error.strerror}") from None


def trace_events(history: History) -> Iterator[dict[str, Any]]:
    """The events: calls and phases as slices, output and what else happened as instants, claimed bytes as a counter."""
    header = history.header
    name = " ".join(["vof", *(str(header.get(key, "")) for key in ("machine", "engine", "trap"))])
    yield _event("M", "process_name", _CALLS, args={"name": name})
    for track, title in _TRACKS.items():
        yield _event("M", "thread_name", track, args={"name": title})
        yield _event("M", "thread_sort_index", track, args={"sort_index": track})
    for call in history.calls:
        yield _event("X", call.service, _CALLS, call.started, dur=call.took / 1000, args=_arguments(call, history))
    phases = [each for each in history.happenings if each.kind == "phase"]
    ends = [*(after.at for _, after in pairwise(phases)), history.span]
    for phase, end in zip(phases, ends, strict=False):
        yield _event("X", phase.name, _PHASES, phase.at, dur=(end - phase.at) / 1000, args={"detail": phase.detail})
    for each in history.happenings:
        if each.kind != "phase":
            yield _event("i", f"{each.kind}: {each.name}", _PHASES, each.at, s="p", args={"detail": each.detail})
    for output in history.outputs:
        kind = "input" if output.typed else "output"
        yield _event("i", kind, _CONSOLE, output.at, s="t", args={"text": output.text})
    yield from _claimed(history)


def _claimed(history: History) -> Iterator[dict[str, Any]]:
    changes = [(span.since, span.size) for span in history.claims]
    changes += [(span.until, -span.size) for span in history.claims if span.until < history.span]
    total = 0
    for at, change in sorted(changes):
        total += change
        yield _event("C", "claimed bytes", _CALLS, at, args={"bytes": total})


def _event(phase: str, name: str, track: int, at: int = 0, **more: Any) -> dict[str, Any]:
    return {"ph": phase, "name": name, "cat": "vof", "pid": _PROCESS, "tid": track, "ts": at / 1000, **more}


def _arguments(call: Call, history: History) -> dict[str, Any]:
    row = SERVICES.get(call.service)
    paths = history.boots[call.boot].paths if call.boot >= 0 else {}
    cells = _cells(call.arguments, row.arguments if row else (), call.texts, paths)
    results = _cells(call.results, row.results if row else (), {}, paths)
    said = {"failed": call.fault, "outcome": call.outcome, "hook": call.hook}
    return {
        **cells,
        **{f"= {name}": value for name, value in results.items()},
        **{name: text for name, text in said.items() if text},
    }


def _cells(
    values: Sequence[int], declared: Sequence[Argument], texts: Mapping[int, str], paths: Mapping[int, str]
) -> dict[str, Any]:
    cells: dict[str, Any] = {}
    for place, value in enumerate(values):
        row = declared[place] if place < len(declared) else Argument(f"cell {place}", Kind.CELL)
        cells[row.name] = texts[place] if place in texts else _value(value, row.kind, paths)
    return cells


def _value(value: int, kind: Kind, paths: Mapping[int, str]) -> int | str:
    if kind in (Kind.PACKAGE, Kind.INSTANCE) and value in paths:
        return paths[value]
    if kind in (Kind.ADDRESS, Kind.POINTER, Kind.PACKAGE, Kind.INSTANCE) and value != _FAILED:
        return f"{value:#x}"
    return value - (1 << 32) if value == _FAILED else value
