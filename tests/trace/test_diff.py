"""Comparing two runs: what may differ does not count, and what counts is found where it is."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vof.trace.beside_qemu import compare_with_qemu
from vof.trace.diff import Comparison, compare
from vof.trace.qemu_log import TRACED, is_qemu_log, read_qemu_log
from vof.trace.recording import Recording
from vof.trace.text import call_text

DATA = Path(__file__).resolve().parent.parent / "data"
RECORDINGS = DATA / "recordings"
Line = dict[str, Any]
Change = Callable[[list[Line]], None]


def lines_of(name: str) -> list[Line]:
    with gzip.open(RECORDINGS / f"{name}.vof", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def compared(folder: Path, change: Change, name: str = "linux-pseries", **options: Any) -> Comparison:
    """A stored run against itself, changed."""
    lines = lines_of(name)
    change(lines)
    path = folder / "changed.vof"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    return compare(Recording.open(RECORDINGS / f"{name}.vof"), Recording.open(path), **options)


def calls(lines: list[Line], service: str) -> list[Line]:
    return [line for line in lines if line.get("service") == service]


def one(service: str, text: str = "") -> Callable[[list[Line]], Line]:
    def find(lines: list[Line]) -> Line:
        return next(line for line in calls(lines, service) if text in str(line.get("texts", "")))

    return find


# --- what doesn't count ---


def later(lines: list[Line]) -> None:
    for line in lines:
        if "us" in line:
            line["us"] = [line["us"][0] + 5_000_000, line["us"][1] * 3]


def elsewhere(lines: list[Line]) -> None:
    """Every buffer and every block is somewhere else."""
    for line in lines:
        if line["is"] == "call":
            line["block"] += 0x100000
            if line["service"] in ("getprop", "nextprop"):
                line["args"] = [line["args"][0], *(cell + 64 for cell in line["args"][1:3]), *line["args"][3:]]
                line["wrote"] = [[address + 64, value] for address, value in line.get("wrote", ())]


def other_handles(lines: list[Line]) -> None:
    known: dict[int, int] = {}
    for line in lines:
        for handle, _ in line.get("names", ()):
            known[handle] = handle + 0x5000
    for line in lines:
        if line["is"] == "call" and line["service"] != "claim":  # whose sizes look like handles
            for cells in ("args", "results"):
                line[cells] = [known.get(cell, cell) for cell in line.get(cells, ())]
            line["names"] = [[known[handle], path] for handle, path in line.get("names", ())]


def another_seed(lines: list[Line]) -> None:
    for line in calls(lines, "getprop"):
        if [text for _, text in line.get("texts", ())] == ["rng-seed"]:
            line["wrote"][0][1] = "x" * len(line["wrote"][0][1])


def more_polls(lines: list[Line]) -> None:
    poll = next(line for line in lines if line.get("service") == "milliseconds")
    place = lines.index(poll)
    lines[place:place] = [dict(poll)] * 500


def other_options(lines: list[Line]) -> None:
    lines[0]["options"]["memory"] = "4G"
    lines[0]["engine"] = "unicorn"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda lines: None, "linux-pseries"),
        (later, "linux-pseries"),
        (elsewhere, "linux-pseries"),
        (other_handles, "linux-pseries"),
        (another_seed, "linux-pseries"),
        (more_polls, "grub-generic"),
        (other_options, "linux-pseries"),
    ],
)
def test_two_boots_that_are_alike(tmp_path: Path, change: Change, name: str) -> None:
    comparison = compared(tmp_path, change, name)
    assert comparison.same, comparison.first
    if change is other_options:
        assert comparison.headers == (("engine", "qemu", "unicorn"), ("memory", "", "4G"))


def test_the_same_boot_under_translation_differs_only_where_it_must() -> None:
    plain, translated = (Recording.open(RECORDINGS / f"grub-{name}.vof") for name in ("generic", "translated"))
    comparison = compare(plain, translated)
    assert {path for path, _, _ in comparison.trees} == {"/options:real-mode?", "/mmu:translations"}
    assert comparison.first is not None and comparison.found < 30


# --- what counts ---


def answer(lines: list[Line]) -> None:
    one("getproplen", "ibm,hypertas-functions")(lines)["results"] = [7]


def data(lines: list[Line]) -> None:
    write = one("getprop", "compatible")(lines)["wrote"][0]
    write[1] = "other,pseries"


def failure(lines: list[Line]) -> None:
    line = one("finddevice", "/rtas")(lines)
    line["results"], line["fault"] = [0xFFFFFFFF], 'no device "/rtas"'


def another_question(lines: list[Line]) -> None:
    one("getproplen", "ibm,hypertas-functions")(lines)["texts"] = [[1, "ibm,other"]]


def another_text(lines: list[Line]) -> None:
    line = next(line for line in calls(lines, "write") if "Preparing" in str(line["reads"]))
    line["reads"] = [
        [where, value.replace("Preparing", "Wondering") if isinstance(value, str) else value]
        for where, value in line["reads"]
    ]


def one_less(lines: list[Line]) -> None:
    lines.remove(one("getproplen", "ibm,hypertas-functions")(lines))


def two_more(lines: list[Line]) -> None:
    line = one("getproplen", "ibm,hypertas-functions")(lines)
    lines[lines.index(line) : lines.index(line)] = calls(lines, "claim")[:2]


def cut_off(lines: list[Line]) -> None:
    del lines[400:]


@pytest.mark.parametrize(
    ("change", "why", "service", "found"),
    [
        (answer, "another answer", "getproplen", 1),
        (data, "the same answer, other data", "getprop", 1),
        (failure, "another answer", "finddevice", 1),
        (another_question, "the same service, another name", "getproplen", 1),
        (another_text, "the same service, given something else", "write", 1),
        (one_less, "1 call more in the first", "getproplen", 1),
        (two_more, "2 calls more in the second", "claim", 1),
        (cut_off, "calls more in the first", None, 1),
    ],
)
def test_the_call_that_differs_is_named(
    tmp_path: Path, change: Change, why: str, service: str | None, found: int
) -> None:
    comparison = compared(tmp_path, change)
    first = comparison.first
    assert first is not None and not comparison.same
    assert why in first.why and comparison.found == found
    differing = {event.service for event in (*first.good.calls, *first.bad.calls)}
    assert service is None or differing == {service}
    assert len(first.before) == 3
    if change is cut_off:
        assert comparison.ends == ("power-off", "it has no end")
    else:
        assert len(first.after) == 3


def test_several_differences_are_found_one_by_one(tmp_path: Path) -> None:
    def several(lines: list[Line]) -> None:
        for change in (answer, data, failure):
            change(lines)
        lines.remove(calls(lines, "parent")[5])

    comparison = compared(tmp_path, several)
    assert comparison.found == 4
    places = [difference.good.number for difference in comparison.differences]
    assert places == sorted(places)


def test_another_tree_and_end_count(tmp_path: Path) -> None:
    def change(lines: list[Line]) -> None:
        boot = next(line for line in lines if line["is"] == "boot")
        boot["tree"][3][0][2]["colour"] = "green\0"
        boot["tree"][3][1][0] = "renamed"
        lines[-1]["reason"] = "panic"

    comparison = compared(tmp_path, change)
    assert ("no such property", '"green"') in {(one, other) for _, one, other in comparison.trees}
    assert ("/renamed", "", "a node") in comparison.trees
    assert comparison.ends == ("power-off", "panic")


def test_services_can_be_left_out(tmp_path: Path) -> None:
    assert compared(tmp_path, answer, ignore=["getproplen"]).same


# --- QEMU's own VOF ---


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Of QEMU 7.2.22 with x-vof, booting the kernel of linux-pseries.vof."""
    path = tmp_path / "xvof.log"
    path.write_bytes(gzip.decompress((DATA / "xvof.log.gz").read_bytes()))
    return path


def test_qemus_log_is_calls(log: Path) -> None:
    events = read_qemu_log(log)
    texts = [call_text(event).rstrip() for event in events]
    assert 'finddevice("/chosen") = /chosen' in texts
    assert 'getproplen(/rtas, "ibm,hypertas-functions") = 212' in texts
    assert any(text.startswith('write(/vdevice/vty@71000000, "Preparing to boot ", 18) = 18') for text in texts)
    assert {event.service for event in events} <= set(TRACED)
    assert is_qemu_log(log) and not is_qemu_log(RECORDINGS / "linux-pseries.vof")


def test_qemus_vof_answers_as_ours_but_where_it_is_known_to_differ(log: Path) -> None:
    ours = Recording.open(RECORDINGS / "linux-pseries.vof").calls()
    beside = compare_with_qemu(ours, read_qemu_log(log))
    assert [each for each in beside.unlike if not each.reason] == []
    assert beside.asked > 400 and 0 < beside.different < 50
