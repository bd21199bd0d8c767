"""Replays: recordings of real boots, made again without a guest, are as they were; and what isn't is noticed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from subtree import install_methods

from vof.errors import UsageError
from vof.trace.recording import Recording
from vof.vm.replay import Replayed, replay

RECORDINGS = Path(__file__).resolve().parent.parent / "data" / "recordings"
CALLBACKS = "callbacks-generic"
"""Its client calls methods that a script gave to some nodes."""
Line = dict[str, Any]


@pytest.mark.parametrize("path", sorted(RECORDINGS.glob("*.vof")), ids=lambda path: path.stem)
def test_real_boots_go_as_they_went(path: Path) -> None:
    recording = Recording.open(path)
    done = replay(recording, install_methods if path.stem == CALLBACKS else None)
    assert done.same, done.differences[:3]
    assert done.boots >= 1 and done.calls > 30
    assert not (done.hooked or done.restored)
    assert recording.complete


def test_calls_inside_of_callbacks_are_replayed() -> None:
    recording = Recording.open(RECORDINGS / f"{CALLBACKS}.vof")
    depths = {event.depth for event in recording.calls()}
    assert max(depths) >= 1
    assert replay(recording, install_methods).calls == sum(1 for _ in recording.calls())


def answer(line: Line) -> None:
    line["results"][0] ^= 1


def status(line: Line) -> None:
    line["status"] = -1


def data(line: Line) -> None:
    address, value = line["wrote"][0]
    line["wrote"][0] = [address, "\x7f" + value[1:]]


def place(line: Line) -> None:
    line["wrote"][0][0] += 4


def more_data(line: Line) -> None:
    line["wrote"].append(line["wrote"][0])


def question(line: Line) -> None:
    line["reads"] = [[where - 64, value] for where, value in line["reads"][:2]] + line["reads"][2:]


def port(line: Line) -> None:
    line["ports"][0][1] = "wall"


def one_port_more(line: Line) -> None:
    line["ports"].append(line["ports"][0])


def no_port(line: Line) -> None:
    line["ports"].clear()


@pytest.mark.parametrize(
    ("change", "service", "what"),
    [
        (answer, "getproplen", "the answer"),
        (answer, "finddevice", "the answer"),
        (status, "getprop", "status"),
        (data, "getprop", "what was written"),
        (place, "nextprop", "where was written"),
        (more_data, "getprop", "what was written"),
        (question, "getprop", "memory"),
        (port, "milliseconds", "a port"),
        (one_port_more, "milliseconds", "a port"),
        (no_port, "milliseconds", "a port"),
    ],
)
def test_one_call_that_went_differently_is_found(
    tmp_path: Path, change: Callable[[Line], None], service: str, what: str
) -> None:
    lines = read("grub-generic")
    calls = [line for line in lines if line["is"] == "call"]
    number = next(
        number
        for number, line in enumerate(calls)
        if number > 60 and line["service"] == service and (line.get("wrote") or change not in (data, place, more_data))
    )
    change(calls[number])
    done = replay_lines(tmp_path, lines)
    first = done.differences[0]
    assert (done.found, first.number, first.what) == (1, number, what), done.differences
    assert first.call is not None and first.call.service == service
    assert first.recorded != first.today


def test_another_tree_is_found(tmp_path: Path) -> None:
    lines = read("linux-pseries")
    boot = next(line for line in lines if line["is"] == "boot")
    boot["tree"][3][0][2]["colour"] = "green\0"
    done = replay_lines(tmp_path, lines)
    assert done.found == 1 and done.differences[0].what.endswith(":colour")
    assert done.differences[0].today == "no such property"


def test_a_machine_that_cannot_start_is_one_difference_and_no_end(tmp_path: Path) -> None:
    lines = read("linux-pseries")
    boot = next(line for line in lines if line["is"] == "boot")
    boot["reads"].clear()
    done = replay_lines(tmp_path, lines)
    assert done.found == 1 and done.differences[0].call is None


def test_what_a_hook_answered_is_left_out(tmp_path: Path) -> None:
    lines = read("grub-generic")
    call = next(line for line in lines if line["is"] == "call" and line["service"] == "milliseconds")
    call["hook"], call["results"] = "instead", [0]
    done = replay_lines(tmp_path, lines)
    assert done.same and done.hooked == 1


def test_a_recording_that_was_cut_off_is_replayed_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = (RECORDINGS / "linux-pseries.vof").read_bytes()
    cut = tmp_path / "cut.vof"
    cut.write_bytes(whole[: len(whole) // 2])
    recording = Recording.open(cut)
    done = replay(recording)
    assert done.same and done.calls > 100 and not recording.complete


@pytest.mark.parametrize("harm", ["boot", "region", "reads", "machine", "args", "us"])
def test_a_damaged_line_is_told_in_one_line(tmp_path: Path, harm: str) -> None:
    lines = read("grub-generic")
    line = next(line for line in lines[1:] if harm in line or line["is"] == harm)
    line.pop(harm, None)
    if harm == "boot":
        line.clear()
        line["is"] = "boot"
    if harm in ("args", "us"):  # read only where there is something to tell
        line["results"] = [7]
    with pytest.raises(UsageError, match="is damaged"):
        replay_lines(tmp_path, lines)


def read(name: str) -> list[Line]:
    with gzip.open(RECORDINGS / f"{name}.vof", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def replay_lines(folder: Path, lines: list[Line]) -> Replayed:
    path = folder / "changed.vof"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    return replay(Recording.open(path))
