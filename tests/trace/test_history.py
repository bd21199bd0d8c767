"""Recordings put in order: what the report and the trace events are made of."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_recordings import HEADER, boot, call, write_recording

from vof.errors import UsageError
from vof.trace.history import History, read_history
from vof.trace.perfetto import trace_events
from vof.trace.recording import Recording
from vof.trace.report.page import render

STORED = Path(__file__).resolve().parent.parent / "data" / "recordings"


def history(path: Path, *lines: dict[str, Any]) -> History:
    return read_history(Recording.open(write_recording(path / "made.vof", *lines)))


def times(found: History) -> list[tuple[str, int, float, float]]:
    return [(each.service, each.depth, each.started / 1000, each.took / 1000) for each in found.calls]


def test_calls_stand_as_they_began_with_those_inside_of_them_behind(tmp_path: Path) -> None:
    inner = [call("child", 1, at=12, took=3), call("peer", 2, at=16, took=1)]
    outer = call("call-method", 5, at=10, took=20, ports=[["cpu", "call", [], 0, inner]])
    found = history(tmp_path, boot(), call("test", at=1), outer, call("exit", at=40))
    assert times(found) == [
        ("test", 0, 1, 1),
        ("call-method", 0, 10, 20),
        ("child", 1, 12, 3),
        ("peer", 1, 16, 1),
        ("exit", 0, 40, 1),
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        # The microsecond in which the second began is rounded down: it began when the first had ended.
        ([call("a", at=10, took=4.6), call("b", at=14, took=2)], [("a", 0, 10, 4.6), ("b", 0, 14.6, 2)]),
        # What is inside ends no later than what is around it.
        (
            [call("a", at=10, took=5, ports=[["cpu", "call", [], 0, [call("b", at=14, took=1.9)]]])],
            [("a", 0, 10, 5), ("b", 1, 14, 1)],
        ),
        ([call("b", at=50), call("a", at=10)], [("a", 0, 10, 1), ("b", 0, 50, 1)]),
    ],
    ids=["beside", "inside", "behind"],
)
def test_no_call_reaches_into_another(
    tmp_path: Path, lines: list[dict[str, Any]], expected: list[tuple[str, int, float, float]]
) -> None:
    assert times(history(tmp_path, boot(), *lines)) == expected


def test_runs_of_one_file_follow_each_other(tmp_path: Path) -> None:
    end = {"is": "end", "at": 100, "reason": "exit", "message": "done"}
    found = history(tmp_path, boot(), call("test", at=1), end, HEADER, boot(), call("exit", at=2), end)
    assert [each.started // 1000 for each in found.calls] == [1, 102]
    assert [(each.kind, each.at // 1000) for each in found.happenings] == [("end", 100), ("run", 100), ("end", 200)]
    assert (found.span, found.complete) == (200_000, True)


CLAIMED = [
    # calls, then (address, size, since, until, released by)
    ("kept", [call("claim", 0x1000, 0x100, 0, at=10, results=[0x1000])], [(0x1000, 0x100, 10, 100, -1)]),
    ("refused", [call("claim", 0x1000, 0x100, 0, at=10, results=[0xFFFFFFFF], fault="no")], []),
    (
        "released in part",
        [call("claim", 0, 0x300, 16, at=10, results=[0x1000]), call("release", 0x1100, 0x100, at=20)],
        [(0x1000, 0x100, 10, 100, -1), (0x1100, 0x100, 10, 20, 1), (0x1200, 0x100, 10, 100, -1)],
    ),
    (
        "by a method, the alignment on top of the stack",
        [call("call-method", 9, 7, 0, 0x200, 0x4000, at=10, results=[0, 0x4000], texts=[[0, "claim"]])],
        [(0x4000, 0x200, 10, 100, -1)],
    ),
    (
        "released by a method",
        [
            call("call-method", 9, 7, 16, 0x200, at=10, results=[0, 0x4000], texts=[[0, "claim"]]),
            call("call-method", 9, 7, 0x200, 0x4000, at=30, results=[0], texts=[[0, "release"]]),
        ],
        [(0x4000, 0x200, 10, 30, 1)],
    ),
    (
        "a reset frees all",
        [call("claim", 0x1000, 0x100, 0, at=10, results=[0x1000]), boot(at=50), call("test", at=60)],
        [(0x1000, 0x100, 10, 60, -1)],
    ),
]


@pytest.mark.parametrize(("lines", "spans"), [case[1:] for case in CLAIMED], ids=[case[0] for case in CLAIMED])
def test_claims_are_followed(
    tmp_path: Path, lines: list[dict[str, Any]], spans: list[tuple[int, int, int, int, int]]
) -> None:
    found = history(tmp_path, boot(), *lines, {"is": "end", "at": 100, "reason": "exit", "message": ""})
    claims = sorted(
        (each.address, each.size, each.since // 1000, each.until // 1000, each.released) for each in found.claims
    )
    assert claims == spans


def test_a_real_boot_has_what_its_recording_has() -> None:
    recording = Recording.open(STORED / "linux-pseries.vof")
    found = read_history(recording)
    calls = list(recording.calls())
    assert sorted(each.service for each in found.calls) == sorted(each.service for each in calls)
    assert "".join(each.text for each in found.outputs if not each.typed).encode("latin-1") == recording.console()
    assert found.complete and found.boots[0].memory == 512 << 20
    assert found.boots[0].paths[0x100002] == "/chosen"


def test_every_stored_recording_is_read() -> None:
    for path in STORED.glob("*.vof"):
        found = read_history(Recording.open(path))
        assert found.calls and found.boots, path.name


def test_what_is_too_much_is_left_out_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vof.trace.history.CALLS_LIMIT", 2)
    found = history(tmp_path, boot(), *[call("peer", 0, at=each) for each in range(5)])
    assert (len(found.calls), found.left_out) == (2, 3)


DAMAGED: list[tuple[str, Any]] = [
    ("a call without its times", {"is": "call", "service": "peer", "args": [0]}),
    ("a time that is a word", call("peer", 0) | {"us": ["x" * 9, 1]}),
    ("a time that is no number", '{"is": "call", "service": "peer", "us": [NaN, 1], "args": []}'),
    ("a time without an end", '{"is": "out", "at": 1e999, "data": ""}'),
    ("a service that is a number", call("peer", 0) | {"service": 7}),
    ("arguments that are a number", call("peer", 0) | {"args": 7}),
    ("texts of the wrong shape", call("peer", 0, texts=[[1]])),
    ("ports of the wrong shape", call("peer", 0, ports=[["cpu", "call", [], 0, 7]])),
    ("a tree that is a word", boot(["x"])),
    ("a property with letters that are no bytes", boot(["", 1, {"a": "\u20ac"}, []])),
    ("output that is a number", {"is": "in", "data": 5}),
]


@pytest.mark.parametrize("line", [case[1] for case in DAMAGED], ids=[case[0] for case in DAMAGED])
def test_what_makes_no_sense_is_told_in_one_line(tmp_path: Path, line: Any) -> None:
    path = tmp_path / "bad.vof"
    text = line if isinstance(line, str) else json.dumps(line)
    path.write_bytes(gzip.compress(f"{json.dumps(HEADER)}\n{json.dumps(boot())}\n{text}\n".encode()))
    with pytest.raises(UsageError, match=r"bad\.vof is damaged: line 3 makes no sense$"):
        read_history(Recording.open(path))


def test_numbers_and_texts_are_bounded(tmp_path: Path) -> None:
    wild = call("s" * 9999, *([1 << 200] * 99), at=1 << 90, took=1 << 90, results=[-1], texts=[[0, "t" * 9999]])
    found = history(tmp_path, boot(["n" * 9999, -5, {"p" * 9999: "v" * 99999}, []]), wild)
    (one,) = found.calls
    assert (len(one.service), len(one.arguments), len(one.texts[0]), one.results) == (256, 32, 256, (0xFFFFFFFF,))
    assert found.span <= 1 << 52
    _, phandle, properties, _ = found.boots[0].tree
    ((value, size),) = properties.values()
    assert (phandle, len(value), size) == (0xFFFFFFFB, 4096, 99999)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
LINES: list[dict[str, Any]] = [
    HEADER,
    boot(["", 1, {"reg": "\0"}, [["cpus", 2, {}, []]]]),
    call("getprop", 5, 6, 7, 4, results=[4], texts=[[1, "reg"]], names=[[5, "/"]], wrote=[[7, "abcd"]]),
    call("write", 5, 6, 3, results=[3], reads=[[0, [1, 2, 3]], [6, {"whole": "abc"}]], fault="no", status=-1),
    call("call-method", 1, 2, 0, 8, 4, results=[0, 4], texts=[[0, "claim"]], outcome="exit", hook="after"),
    {"is": "phase", "name": "a", "seconds": 1, "detail": ""},
    {"is": "out", "at": 5, "data": "x"},
    {"is": "injected", "at": 5, "fault": "x", "what": "y"},
    {"is": "end", "at": 9, "reason": "exit", "message": ""},
]


@st.composite
def damaged_lines(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Sound lines, of which some fields, or fields of fields, are anything."""
    lines: list[dict[str, Any]] = json.loads(json.dumps(LINES))
    for _ in range(draw(st.integers(1, 3))):
        where: Any = lines[draw(st.integers(0, len(lines) - 1))]
        key = draw(st.sampled_from([*where]))
        while isinstance(where[key], list | dict) and where[key] and draw(st.booleans()):
            where = where[key]
            key = draw(st.sampled_from([*where] if isinstance(where, dict) else range(len(where))))
        where[key] = draw(ANYTHING)
    return lines


@given(damaged_lines())
def test_whatever_a_recording_holds_is_drawn_or_refused(lines: list[dict[str, Any]]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "any.vof"
        path.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode()))
        try:
            found = read_history(Recording.open(path))
        except UsageError as error:
            assert "\n" not in str(error)
            return
    page = render(found, path.name)
    assert page.count("<script") == 2
    json.dumps([*trace_events(found)], allow_nan=False)
