"""Recordings: what is written is read again, whatever becomes of the file; and nobody's file is lost."""

from __future__ import annotations

import contextlib
import errno
import gzip
import io
import json
import os
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from vof import ports
from vof.errors import PortError, UsageError
from vof.events import ClientReturn, ConsoleInput, ConsoleOutput, Event, Injected, Phase, TreeReplaced, Written
from vof.outcomes import Departed, Exit, Suspended
from vof.ports import Access, BusOp
from vof.trace.recorder import METHODS, Recorder
from vof.trace.recording import Recording, is_recording, read_lines
from vof.trace.watcher import written

HEADER = {"recording": 1, "machine": "generic", "engine": "unicorn", "trap": "osi"}
TEXT = 'quoted " \\ \x00 \x1b[31m </script> \xff'
EVENTS: tuple[Event, ...] = (
    Phase("client program started", 0.25, "at 0x1000"),
    ConsoleOutput(TEXT.encode("latin-1"), 3_000),
    ConsoleInput(b"\r", 4_000),
    TreeReplaced(7),
    Injected("claim:when=3", "claim 3", 5_000),
)


def call(**facts: Any) -> ClientReturn:
    given: dict[str, Any] = {
        "service": "getprop",
        "arguments": (0x100001, 0x2000, 0x3000, 4),
        "results": (4,),
        "status": 0,
        "fault": "",
        "depth": 0,
        "block": 0x1000,
        "texts": {1: "reg"},
        "paths": {0x100001: "/cpus"},
        "writes": (Written(0x3000, 4, b"\0\0\0\1"),),
        "started": 123_000,
        "clock": 123_000,
        "phase": "client program started",
        "duration": 4_500,
        "engine": "unicorn",
        "trap": "osi",
    }
    return ClientReturn(**(given | facts))


def record(path: Path, *events: Event, end: bool = True, **options: bool) -> None:
    recorder = Recorder(path, **options)
    recorder.write_header(HEADER, virtual_clock=False)
    recorder.hear(EVENTS[0])
    for event in events:
        if isinstance(event, ClientReturn):
            recorder.begin()
            recorder.keep(event, [])
        else:
            recorder.hear(event)
    if end:
        recorder.note("end", at=9, reason="exit", message="")
    recorder.close()


@pytest.mark.parametrize(
    "event",
    [
        *EVENTS[1:],
        call(),
        call(status=-1, results=(0xFFFFFFFF,), fault=TEXT, texts={}, paths={}, writes=()),
        call(service=TEXT, arguments=(), results=(), outcome="jump 0x1000", hook="instead"),
        call(writes=(written(0x3000, bytes(5000)), Written(0, 0, b""))),
        call(texts={0: TEXT, 3: ""}, paths={}),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_is_written_is_read_again(tmp_path: Path, event: Event) -> None:
    path = tmp_path / "one.vof"
    record(path, event)
    *_, read = Recording.open(path).events()
    assert read == event
    for time in ("started", "duration", "clock", "at"):
        assert getattr(read, time, 0) == getattr(event, time, 0)


def test_a_recording_tells_what_was_recorded(tmp_path: Path) -> None:
    path = tmp_path / "one.vof"
    record(path, ConsoleOutput(b"one "), call(), ConsoleOutput(b"two"))
    recording = Recording.open(path)
    assert (recording.machine, recording.header["engine"]) == ("generic", "unicorn")
    assert recording.console() == b"one two"
    assert [event.service for event in recording.calls()] == ["getprop"]
    assert recording.complete


def test_runs_are_appended_or_replace_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "runs.vof"
    record(path, call())
    record(path, call(service="peer", texts={}, writes=()), append=True)
    assert [event.service for event in Recording.open(path).calls()] == ["getprop", "peer"]
    record(path, call(service="child", texts={}, writes=()))
    assert [event.service for event in Recording.open(path).calls()] == ["child"]


def test_of_several_runs_the_last_one_says_whether_the_end_is_there(tmp_path: Path) -> None:
    path = tmp_path / "runs.vof"
    for end in (True, False, True):
        record(path, call(), end=end, append=True)
        recording = Recording.open(path)
        assert list(recording.calls()) and recording.complete is end


@pytest.mark.parametrize(("service", "place"), [("write", 1), ("setprop", 2), ("chain", 3), ("getprop", None)])
@pytest.mark.parametrize("size", [0, 5, 300, 5000])
def test_what_a_client_gives_is_read_again(service: str, place: int | None, size: int, tmp_path: Path) -> None:
    data = bytes(number & 0xFF for number in range(size))
    event = call(service=service, arguments=(0x10, 0x20, 0x30, 0x40), texts={}, paths={}, writes=())
    given = None if place is None else written(event.arguments[place], data)
    recorder = Recorder(tmp_path / "a.vof")
    recorder.write_header(HEADER, virtual_clock=False)
    recorder.begin()
    address = 0x20 if given is None else given.address
    recorder.keep(event, [(False, 0x1000, (0, 4, 1, *event.arguments)), (False, address, data)])
    recorder.close()
    (again,) = Recording.open(tmp_path / "a.vof").calls()
    assert again.given == given


def test_what_a_process_that_died_has_left_is_read(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.vof", tmp_path / "cut.vof"
    record(whole, *[call(arguments=(number, 0, 0, 0)) for number in range(200)])
    data = whole.read_bytes()
    lines = list(read_lines(whole))
    seen = set()
    for size in range(2, len(data), 13):
        cut.write_bytes(data[:size])
        read = list(read_lines(cut))
        assert read == lines[: len(read)]
        seen.add(len(read))
    assert len(seen) > 20
    cut.write_bytes(data[: len(data) // 2])
    recording = Recording.open(cut)
    assert list(recording.calls()) and not recording.complete


def test_another_file_is_not_overwritten(tmp_path: Path) -> None:
    kernel = tmp_path / "vmlinux"
    kernel.write_bytes(b"\x7fELF and more")
    for options in ({}, {"append": True}):
        with pytest.raises(UsageError, match="is no recording; it stays as it is"):
            Recorder(kernel, **options)
    assert kernel.read_bytes() == b"\x7fELF and more"


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file or directory"):
        Recorder(tmp_path / "no" / "boot.vof")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no recording"),
        (b"plain text", "is no recording"),
        (gzip.compress(b"plain text\n"), "no recording"),
        (gzip.compress(b"[1, 2]\n"), "no recording"),
        (gzip.compress(b'{"is": "call"}\n'), "is no recording"),
        (gzip.compress(json.dumps({"is": "header", "recording": 2}).encode() + b"\n"), "this vof reads version 1"),
        (b"\x1f\x8b\x08\x00 and then nothing of the kind", "can't be read"),
    ],
)
def test_what_is_no_recording_is_told_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        Recording.open(path)
    assert not is_recording(path) or "version" in message


class Port:
    """Any port at all."""

    block_size, size = 512, 1 << 20

    def read(self, *arguments: Any) -> bytes:
        return bytes(arguments[-1])

    def wait(self, milliseconds: int) -> bool:
        raise Suspended

    def wall(self) -> int:
        raise PortError("no such disk")

    def run(self, accesses: Any) -> list[int]:
        return [1, 2]

    def list(self, path: str) -> list[str]:
        return ["one", "two"]

    def call(self, entry: int, arguments: Any) -> int:
        raise Departed(Exit())

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: None


@pytest.mark.parametrize(
    ("kind", "method", "arguments", "entry"),
    [
        ("block", "read", (0, 4), ["x", "read", [0, 4], "\0\0\0\0"]),
        ("files", "list", ("/boot",), ["x", "list", [{"text": "/boot"}], [{"text": "one"}, {"text": "two"}]]),
        ("bus", "run", ([Access(BusOp.WRITE, 16, 4, 7)],), ["x", "run", [[[1, 16, 4, 7]]], [1, 2]]),
        ("console", "write", (b"hi",), ["x", "write", ["hi"], None]),
        ("clock", "wall", (), ["x", "wall", [], {"error": "no such disk"}]),
        ("cpu", "call", (16, (1,)), ["cpu", "call", [16, [1]], {"departed": "exit"}, []]),
    ],
)
def test_questions_to_ports_are_in_the_call(
    tmp_path: Path, kind: str, method: str, arguments: tuple[Any, ...], entry: list[Any]
) -> None:
    path = tmp_path / "ports.vof"
    recorder = Recorder(path)
    recorder.write_header(HEADER, virtual_clock=False)
    port = recorder.port(entry[0], kind, Port())
    getattr(port, "write" if kind == "console" else method)  # each method is there before it is asked
    recorder.begin()
    with contextlib.suppress(PortError, Departed):
        getattr(port, method)(*arguments)
    recorder.keep(call(), [])
    recorder.close()
    *_, line = read_lines(path)
    assert line["ports"] == [entry]


def test_of_bulk_data_only_a_digest_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "ports.vof"
    recorder = Recorder(path)
    recorder.write_header(HEADER, virtual_clock=False)
    disk = recorder.port("block0", "block", Port())
    recorder.begin()
    assert disk.read(0, 1 << 20) == bytes(1 << 20)
    recorder.keep(call(), [])
    recorder.close()
    *_, line = read_lines(path)
    answer = line["ports"][0][3]
    assert (answer["bulk"], len(answer["digest"])) == (1 << 20, 16)
    assert path.stat().st_size < 1000


def test_a_suspended_call_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ports.vof"
    recorder = Recorder(path)
    recorder.write_header(HEADER, virtual_clock=False)
    console = recorder.port("console", "console", Port())
    recorder.begin()
    with pytest.raises(Suspended):
        console.wait(10)
    recorder.begin()
    recorder.keep(call(), [])
    recorder.close()
    *_, line = read_lines(path)
    assert "ports" not in line


def test_every_port_but_memory_can_be_recorded() -> None:
    protocols = {name.lower(): getattr(ports, name) for name in ports.__all__}
    for name, methods in METHODS.items():
        known = {each for each, value in vars(protocols[name]).items() if callable(value) and each[0] != "_"}
        assert set(methods) == known
    assert set(METHODS) == set(protocols) - {"memory", "access", "busop", "partition"}


class _Drop(io.RawIOBase):
    """A file that takes a few bytes at a time, and then no more."""

    def __init__(self, room: int) -> None:
        self.taken = bytearray()
        self._room = room

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if len(self.taken) >= self._room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        piece = bytes(data[:7])
        self.taken += piece
        return len(piece)


def test_file_that_takes_pieces(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run.vof")
    file = _Drop(1 << 20)
    recorder._file = cast(BinaryIO, file)
    recorder.note("phase", name="n" * 100)
    recorder.close()
    lines = gzip.decompress(bytes(file.taken)).decode().splitlines()
    assert [json.loads(line) for line in lines] == [{"is": "phase", "name": "n" * 100}]


def test_full_disk(tmp_path: Path) -> None:
    """It is said once, and the run's end has nothing more to say."""
    recorder = Recorder(tmp_path / "run.vof")
    file = _Drop(8)
    recorder._file = cast(BinaryIO, file)
    recorder.note("phase", name="n" * 100)
    with pytest.raises(UsageError, match=r"--record .*: No space left on device"):
        recorder.flush()
    assert file.closed
    recorder.note("phase", name="m")
    recorder.flush()
    recorder.close()
