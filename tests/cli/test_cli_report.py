"""`vof report`: the files that it writes, and what it refuses."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from program import vof

STORED = Path(__file__).resolve().parent.parent / "data" / "recordings" / "callbacks-generic.vof"


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return Path(shutil.copy(STORED, tmp_path / "boot.vof"))


def data_of(page: Path) -> dict[str, Any]:
    (block,) = re.findall(r'id="data">([A-Za-z0-9+/=]+)</script>', page.read_text())
    data: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(block)))
    return data


def test_without_a_name_the_page_stands_beside_the_recording(recording: Path) -> None:
    done = vof("report", recording)
    page = recording.with_suffix(".html")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(rf"{re.escape(str(page))}: \d+ calls, \d+ KiB; open it in a browser\n", done.stdout)
    assert data_of(page)["name"] == "boot.vof"


def test_a_page_of_that_name_and_trace_events(recording: Path, tmp_path: Path) -> None:
    done = vof("report", recording, "-o", tmp_path / "a.html", "--perfetto", tmp_path / "a.json")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 2
    calls = [event for event in json.loads((tmp_path / "a.json").read_text())["traceEvents"] if event["tid"] == 1]
    assert len(data_of(tmp_path / "a.html")["calls"]["service"]) == sum(event["ph"] == "X" for event in calls)


def test_of_a_recording_that_was_cut_off_there_is_what_it_has(recording: Path) -> None:
    recording.write_bytes(recording.read_bytes()[:-2000])
    done = vof("report", recording)
    assert done.returncode == 0
    assert done.stderr == f"vof: {recording}: its end is missing: the run was cut off, or it goes on\n"
    data = data_of(recording.with_suffix(".html"))
    assert not data["complete"] and data["calls"]["service"]


def test_the_page_needs_nothing_else(recording: Path) -> None:
    vof("report", recording)
    page = recording.with_suffix(".html").read_text()
    assert "default-src 'none'" in page
    assert not re.search(r"https?://|@import|url\(|\bsrc=|<link", page)


def test_the_same_recording_gives_the_same_page(recording: Path) -> None:
    page = recording.with_suffix(".html")
    vof("report", recording)
    first = page.read_bytes()
    vof("report", recording)
    assert page.read_bytes() == first


REFUSED = [
    ([], "which recording? `vof report FILE`; `vof boot --record FILE` makes one"),
    (["{folder}/none.vof"], "{folder}/none.vof: No such file or directory"),
    (
        ["{folder}/boot.vof", "-o", "{folder}/boot.vof"],
        "-o {folder}/boot.vof: that is the recording itself; name another file",
    ),
    (["{folder}/boot.vof", "-o", "{folder}/no/a.html"], "{folder}/no/a.html: No such file or directory"),
    (
        ["{folder}/boot.vof", "-o", "{folder}/a", "--perfetto", "{folder}/a"],
        "--perfetto {folder}/a: the page goes there; name another file",
    ),
    (["{folder}/text"], "{folder}/text is no recording; `vof boot --record FILE` makes one"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_what_is_refused(recording: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    before = recording.read_bytes()
    (tmp_path / "text").write_text("hello\n")
    done = vof("report", *[each.format(folder=tmp_path) for each in arguments])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"vof: {message.format(folder=tmp_path)}\n"
    assert recording.read_bytes() == before
