"""Chrome's trace events: their form, and that slices nest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from made_recordings import boot, call, write_recording

from vof.errors import UsageError
from vof.trace.perfetto import write_perfetto
from vof.trace.recording import Recording

STORED = sorted((Path(__file__).resolve().parent.parent / "data" / "recordings").glob("*.vof"))
ALWAYS = {"ph": str, "name": str, "pid": int, "tid": int, "ts": float, "cat": str}
BESIDES = {"X": {"dur", "args"}, "i": {"s", "args"}, "C": {"args"}, "M": {"args"}}


def written(path: Path, recording: Path) -> list[dict[str, Any]]:
    write_perfetto(Recording.open(recording), path / "trace.json")
    whole = json.loads((path / "trace.json").read_text())
    assert whole.keys() == {"traceEvents", "displayTimeUnit"}
    events: list[dict[str, Any]] = whole["traceEvents"]
    return events


@pytest.mark.parametrize("recording", STORED, ids=[path.stem for path in STORED])
def test_each_event_has_what_the_format_asks_for(tmp_path: Path, recording: Path) -> None:
    for event in written(tmp_path, recording):
        for name, kind in ALWAYS.items():
            assert isinstance(event[name], kind), event
        assert event.keys() == ALWAYS.keys() | BESIDES[event["ph"]]


@pytest.mark.parametrize("recording", STORED, ids=[path.stem for path in STORED])
def test_the_slices_of_a_track_nest(tmp_path: Path, recording: Path) -> None:
    tracks: dict[int, list[tuple[float, float]]] = {}
    for event in written(tmp_path, recording):
        if event["ph"] == "X":
            tracks.setdefault(event["tid"], []).append((event["ts"], event["ts"] + event["dur"]))
    assert tracks
    for slices in tracks.values():
        around: list[float] = []
        for start, end in sorted(slices, key=lambda each: (each[0], -each[1])):
            while around and around[-1] <= start + 1e-6:
                around.pop()
            assert not around or end <= around[-1] + 1e-6
            around.append(end)


def test_a_call_says_what_it_was_about(tmp_path: Path) -> None:
    found = write_recording(
        tmp_path / "a.vof",
        boot(),
        call("getprop", 5, 6, 0x1000, 4, at=10, took=2.5, results=[4], texts=[[1, "reg"]], names=[[5, "/chosen"]]),
        call("peer", 5, at=20, results=[0], fault="no such thing"),
    )
    getprop, peer = (event for event in written(tmp_path, found) if event["ph"] == "X")
    assert (getprop["name"], getprop["ts"], getprop["dur"]) == ("getprop", 10, 2.5)
    assert getprop["args"] == {"phandle": "/chosen", "name": "reg", "buf": "0x1000", "buflen": 4, "= size": 4}
    assert peer["args"]["failed"] == "no such thing"


def test_claimed_bytes_are_counted(tmp_path: Path) -> None:
    found = write_recording(
        tmp_path / "a.vof",
        boot(),
        call("claim", 0x1000, 0x100, 0, at=10, results=[0x1000]),
        call("claim", 0x2000, 0x300, 0, at=20, results=[0x2000]),
        call("release", 0x1000, 0x100, at=30),
        {"is": "end", "at": 90, "reason": "exit", "message": ""},
    )
    counted = [(event["ts"], event["args"]["bytes"]) for event in written(tmp_path, found) if event["ph"] == "C"]
    assert counted == [(10, 0x100), (20, 0x400), (30, 0x300)]


def test_a_file_that_can_t_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file or directory"):
        write_perfetto(Recording.open(STORED[0]), tmp_path / "no" / "trace.json")
