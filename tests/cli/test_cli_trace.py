"""`vof trace`, `vof boot --trace` and the progress line, as a user meets them."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import pty
import re
import select
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import guest_files
import pytest
from program import VOF, boot_arguments, elf, running, vof

from vof.cli import main

REPOSITORY = Path(__file__).resolve().parents[2]
STORED = REPOSITORY / "tests" / "data" / "recordings"
LINUX = STORED / "linux-pseries.vof"
NESTED = STORED / "callbacks-generic.vof"
PATIENCE = 60.0
GUIDE = (REPOSITORY / "docs" / "trace.md").read_text()
CALL = re.compile(r" *(<\.\.\. )?[a-z-]+(\(.*\) += | resumed>|\(.*<unfinished \.\.\.>$)")


def lines_of(*arguments: str | Path) -> list[str]:
    done = vof("trace", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def recording(path: Path, *lines: dict[str, Any], end: bool = True) -> Path:
    header = {"is": "header", "recording": 1, "machine": "generic", "engine": "unicorn", "trap": "osi"}
    last = [{"is": "end", "at": 9, "reason": "exit", "message": "it ended"}] if end else []
    text = "".join(json.dumps(line) + "\n" for line in [header, *lines, *last])
    path.write_bytes(gzip.compress(text.encode()))
    return path


def call(service: str, **facts: Any) -> dict[str, Any]:
    return {"is": "call", "service": service, "us": [1, 2.5], "block": 0, "args": [], "reads": []} | facts


# --- a recording ---


@pytest.mark.parametrize("command", re.findall(r"^ {4}\$ (vof trace .*)\n((?: {4}[^$\n].*\n)+)", GUIDE, re.MULTILINE))
def test_the_guide_shows_what_is_printed(command: tuple[str, str], tmp_path: Path) -> None:
    line, shown = command
    (tmp_path / "vof").write_text(f'#!/bin/sh\nexec {shlex.join(VOF)} "$@"\n')
    (tmp_path / "vof").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(line, shell=True, cwd=STORED, env=environment, capture_output=True, text=True, check=True)
    wanted = "".join(each.removeprefix("    ") for each in shown.splitlines(keepends=True))
    assert re.sub(r"process \d+", "process", done.stdout) == re.sub(r"process \d+", "process", wanted)


@pytest.mark.parametrize("path", sorted(STORED.glob("*.vof")), ids=lambda path: path.stem)
def test_every_call_of_a_real_boot_is_a_line(path: Path) -> None:
    lines = lines_of(path, "-v", "-T")
    events = [json.loads(line) for line in lines_of(path, "--json", "-v")]
    calls = [event for event in events if event["event"] == "call"]
    shown = [line for line in lines if CALL.match(line)]
    assert len([line for line in shown if not line.endswith("<unfinished ...>")]) == len(calls)
    others = [line for line in lines if not CALL.match(line)]
    assert all(re.fullmatch(r"\+\+\+ .* \+\+\+|--- (console|typed): \".*\" ---", line) for line in others)
    assert len(others) == len(events) - len(calls)
    assert all(line.isprintable() for line in lines)


def test_failures_have_their_reasons_and_the_counts_agree() -> None:
    failed = lines_of(LINUX, "-q", "-Z")
    assert failed and all(re.search(r"= (-1|0) \(.+\)$", line) for line in failed)
    whole = lines_of(LINUX, "-q")
    assert len(whole) == len(failed) + len(lines_of(LINUX, "-q", "-z"))
    assert len(lines_of(LINUX, "-q", "-e", "status=failed", "-e", "claim")) == 3
    total = lines_of(LINUX, "-c")[-1].split()
    assert total[-3:] == [str(len(whole)), str(len(failed)), "total"]


def test_the_table_is_sorted_and_adds_up() -> None:
    for order, column in (("time", 1), ("calls", 3), ("avg-time", 2)):
        rows = [line.split() for line in lines_of(LINUX, "-c", "-S", order)[2:-2]]
        values = [float(row[column]) for row in rows]
        assert values == sorted(values, reverse=True)
    names = [line.split()[-1] for line in lines_of(LINUX, "-c", "-S", "name")[2:-2]]
    assert names == sorted(names)
    both = lines_of(NESTED, "-C", "-e", "call-method")
    assert both[-1].endswith("total") and any(line.startswith("call-method(") for line in both)
    shares = [float(line.split()[0]) for line in lines_of(NESTED, "-c")[2:-2]]
    assert sum(shares) == pytest.approx(100, abs=0.1)


def test_console_lines_are_all_that_the_console_showed() -> None:
    shown = lines_of(LINUX, "-q", "-e", "console")
    text = "".join(json.loads(line)["text"] for line in lines_of(LINUX, "-q", "-e", "console", "--json"))
    assert "reboot: Power down" in text and len(shown) > 100
    assert all(line.startswith("--- console: ") for line in shown)  # nobody typed


def test_times_stand_where_they_are_asked_for() -> None:
    for letter, pattern in (
        ("-t", r"\d\d:\d\d:\d\d "),
        ("-tt", r"\d\d:\d\d:\d\d\.\d{6} "),
        ("-ttt", r" +\d+\.\d{6} "),
        ("-r", r" +\d+\.\d{6} "),
    ):
        assert all(re.match(pattern, line) for line in lines_of(LINUX, letter))
    assert all(re.search(r" <[\d.]+ [µm]?s>$", line) for line in lines_of(LINUX, "-q", "-T"))


def test_a_file_gets_what_the_terminal_would(tmp_path: Path) -> None:
    assert lines_of(LINUX, "-N", "-s", "80", "-a", "60", "-o", tmp_path / "a") == []
    lines = lines_of(LINUX, "-N", "-s", "80", "-a", "60")
    assert (tmp_path / "a").read_text().splitlines() == lines
    assert any(line.startswith('finddevice(device-specifier="/chosen")'.ljust(60) + "= ") for line in lines)


def test_json_has_names_strings_paths_and_data() -> None:
    event = json.loads(lines_of(LINUX, "--json", "-q", "-e", "instance-to-path")[0])
    assert event["paths"] == {"ihandle": "/vdevice/vty@71000000"} and event["results"] == {"length": 21}
    assert bytes.fromhex(event["written"][0]["hex"]) == b"/vdevice/vty@71000000\0"
    (missed, *_) = [json.loads(line) for line in lines_of(LINUX, "--json", "-q", "-Z", "-e", "getprop")]
    assert missed["strings"] == {"name": "device_type"} and missed["failed"].startswith("no property")
    assert missed["arguments"]["buflen"] == 64 and missed["results"]["size"] == 0xFFFFFFFF


def test_a_reader_that_leaves_is_no_error() -> None:
    command = f"{shlex.join(VOF)} trace {shlex.quote(str(STORED / 'grub-generic.vof'))} | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("+++ phase: engine started") and done.stderr == ""


def test_a_full_disk_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*VOF, "trace", str(LINUX)], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (2, "vof: the output can't be written: No space left on device\n")
    done = vof("trace", LINUX, "-o", "/dev/full")
    assert (done.returncode, done.stderr) == (2, "vof: -o /dev/full: No space left on device\n")


def test_a_terminal_that_knows_no_greek() -> None:
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""}
    command = [*VOF, "trace", "-q", "-T", str(NESTED)]
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert done.stdout.isascii() and b"\\xb5s>" in done.stdout


# --- recordings that are less than whole ---


def test_of_a_recording_that_was_cut_off_what_is_there_is_shown(tmp_path: Path) -> None:
    cut = tmp_path / "cut.vof"
    cut.write_bytes(LINUX.read_bytes()[:20000])
    done = vof("trace", cut, "-q")
    lines = done.stdout.splitlines()
    assert lines == lines_of(LINUX, "-q")[: len(lines)] and len(lines) > 50
    assert done.returncode == 0
    assert done.stderr == f"vof: {cut}: its end is missing: the run was cut off, or it goes on\n"


def test_of_a_recording_that_was_overwritten_what_is_sound_is_shown(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.vof"
    data = bytearray(LINUX.read_bytes())
    data[20000:20100] = bytes(range(100))
    damaged.write_bytes(data)
    done = vof("trace", damaged, "-q")
    lines = done.stdout.splitlines()
    assert done.returncode == 2 and len(lines) > 50 and "Traceback" not in done.stderr
    assert done.stderr.startswith(f"vof: {damaged} is damaged") and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "line",
    [
        {"is": "call"},
        call("peer", us=None),
        call("peer", us=["a", 1]),
        call("peer", args=["x"]),
        call("peer", args=[1.5]),
        call("peer", args=[[1]]),
        call("peer", results=5),
        call("peer", depth="x"),
        call("peer", depth=[]),
        call("peer", names=[[1]]),
        call("peer", wrote=[[1]]),
        call("peer", wrote=[["x", {"bulk": "y", "digest": 1, "head": "z"}]]),
        call("peer", ports=[[1]]),
        call("write", args=[1, 2, 3], reads=[0, [2, {}]]),
        call("open", args=[1], texts=[[0, 5]]),
        call(["peer"]),  # type: ignore[arg-type]
        call("peer", fault=7),
        {"is": "phase", "name": 1, "seconds": "x", "detail": None},
        {"is": "out", "at": 1, "data": "\u1234"},
        {"is": "out", "at": [], "data": "a"},
        {"is": ["out"]},
    ],
    ids=str,
)
@pytest.mark.parametrize("options", [["-v", "-T", "-tt"], ["--json", "-v"], ["-c"]], ids=" ".join)
def test_a_recording_may_hold_anything(
    line: dict[str, Any], options: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = recording(tmp_path / "odd.vof", call("quiesce"), line, call("exit"))
    status = main(["trace", *options, str(path)])
    shown = capfd.readouterr()
    assert status in (0, 2)
    assert status == 0 or re.fullmatch(rf"vof: {re.escape(str(path))} is damaged.*\n", shown.err)


def test_numbers_beyond_every_clock_are_no_reason_to_fail(tmp_path: Path) -> None:
    path = recording(tmp_path / "odd.vof", call("quiesce", us=[1 << 80, 1e300], depth=1 << 70))
    for letter in ("-t", "-tt", "-ttt", "-r"):
        done = vof("trace", path, letter, "-T")
        assert done.returncode in (0, 2) and "Traceback" not in done.stderr


# --- what can't be done ---


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no recording is named"),
        (["nowhere.vof"], "nowhere.vof: No such file"),
        ([LINUX, "-e", "clam"], "did you mean claim?"),
        ([LINUX, "-S", "size"], "-S size: the table is sorted by time, calls"),
        ([LINUX, "-s", "-1"], "-s -1: it takes a number, as in -s 32"),
        ([LINUX, "-a", ""], "-a : it takes a number, as in -a 40"),
        ([LINUX, "--json", "-c"], "--json has no table"),
        ([LINUX, "-o", "/nowhere/x"], "-o /nowhere/x: No such file"),
        ([LINUX, LINUX], "belongs to no option"),
        ([REPOSITORY / "README.md"], "is no recording; `vof boot --record FILE` makes one"),
    ],
)
def test_errors_are_one_line(arguments: list[str | Path], message: str) -> None:
    done = vof("trace", *arguments)
    assert done.returncode == 2 and done.stdout == ""
    assert message in done.stderr and done.stderr.count("\n") == 1


def test_a_recording_is_not_overwritten_by_its_trace(tmp_path: Path) -> None:
    path = Path(shutil.copy(NESTED, tmp_path / "a.vof"))
    done = vof("trace", path, "-o", path)
    assert done.returncode == 2 and "that is the recording itself" in done.stderr
    assert path.read_bytes() == NESTED.read_bytes()


@pytest.mark.parametrize(
    ("option", "message"),
    [(["-e", "clam"], "did you mean claim?"), (["--trace=/nowhere/x"], "--trace=/nowhere/x: No such file")],
)
def test_a_live_trace_that_can_not_be_had(option: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / "kernel").write_bytes(elf())
    done = vof("boot", "-kernel", tmp_path / "kernel", *option)
    assert done.returncode == 2 and message in done.stderr and done.stderr.count("\n") == 1


# --- live ---

POWEROFF = "console=hvc0 vof.run=poweroff"


@pytest.mark.guest
def test_a_live_trace_is_that_of_the_recording(tmp_path: Path) -> None:
    files = [f"--trace={tmp_path / 'live'}", "--record", str(tmp_path / "boot.vof")]
    done = vof(*boot_arguments(POWEROFF), "--console", "none", *files, "-ttt", "-T")
    assert (done.returncode, done.stderr) == (0, "")
    live = (tmp_path / "live").read_text().splitlines()
    assert len(live) > 1000
    stamp = re.compile(r"^ *\d+\.\d+ | <[\d.]+ .?s>$")
    later = lines_of(tmp_path / "boot.vof", "-ttt", "-T")
    assert [stamp.sub("", line) for line in live] == [stamp.sub("", line) for line in later]


@pytest.mark.guest
def test_on_stderr_and_filtered() -> None:
    done = vof(*boot_arguments(POWEROFF), "-e", "claim,quiesce")
    assert done.returncode == 0 and "Linux version" in done.stdout
    lines = done.stderr.splitlines()
    assert {line.split("(")[0] for line in lines if not line.startswith("+++")} == {"claim", "quiesce"}


@pytest.mark.guest
def test_beside_the_console_on_a_terminal_each_line_begins_at_its_left_edge() -> None:
    screen = on_terminal(*boot_arguments(POWEROFF), "--trace", "-e", "write,claim")
    lines = screen.decode().splitlines()
    traced = [line for line in lines if re.search(r"(write|claim)\(.*\) +=", line)]
    assert len(traced) > 50 and all(line.startswith(("write(", "claim(")) for line in traced)


@pytest.mark.guest
def test_a_live_trace_is_whole_however_the_run_ends(tmp_path: Path) -> None:
    folder = guest_files.guests_folder() / "grub"
    disk = shutil.copy(folder / "disk.img", tmp_path / "disk.img")
    program = ["--engine", "unicorn", "-kernel", str(folder / "core.elf"), "-drive", f"file={disk},format=raw"]
    trace = tmp_path / "trace"
    with running("boot", *program, "--console", "none", f"--trace={trace}", stdout=subprocess.DEVNULL) as process:
        wait_for(lambda: trace.exists() and trace.stat().st_size > 10000)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    *whole, last = trace.read_text().splitlines()
    assert all(line.startswith("+++") or CALL.match(line) for line in whole)
    assert CALL.match(last)


# --- progress ---

DRAWN = re.compile(rb"\r\x1b\[Kvof: +[\d.]+ s  ([\w ]+?)  ([\d,]+) calls  [\d,]+/s  ([\d.]+ [KM]iB) loaded")


@pytest.mark.guest
def test_progress_is_one_line_that_is_gone_at_the_end(tmp_path: Path) -> None:
    screen = on_terminal(*boot_arguments(POWEROFF), "--console", f"file:{tmp_path / 'console'}")
    drawn = DRAWN.findall(screen)
    assert len(drawn) > 3 and b"\n" not in screen
    assert b"client program has the machine" in [phase for phase, _, _ in drawn]
    assert int(drawn[-1][1].replace(b",", b"")) > 1000
    assert what_is_left(screen) == [""]


@pytest.mark.guest
def test_progress_makes_room_for_messages_and_for_the_end_by_a_signal(tmp_path: Path) -> None:
    arguments = [*boot_arguments("console=hvc0"), "-v", "--console", f"file:{tmp_path / 'console'}"]
    screen = on_terminal(*arguments, once=rb"has the machine: after \d+ calls\r\n", act=press_interrupt)
    *lines, last = what_is_left(screen)
    assert DRAWN.search(screen) and last.strip() in ("", "^C")
    assert [line.split("  ")[-1].split(":")[0].strip() for line in lines][:2] == [
        "engine started",
        "client program loaded",
    ]
    assert all(re.match(r"vof: +[\d.]+ s  \w", line) for line in lines)


@pytest.mark.guest
def test_progress_ends_where_the_console_of_that_terminal_begins() -> None:
    screen = on_terminal(*boot_arguments(POWEROFF))
    begin = screen.index(b"OF stdout device")
    assert not DRAWN.search(screen, begin)
    assert what_is_left(screen[:begin])[-1] == ""


@pytest.mark.guest
def test_an_engine_that_takes_its_process_down_leaves_no_progress_behind() -> None:
    files = guest_files.guests_folder() / "grub"
    program = ["--engine", "unicorn", "-kernel", str(files / "core.elf")]
    drive = ["-drive", f"file={files / 'disk.img'},format=raw,snapshot=on"]

    def crash(process: Running) -> None:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGSEGV)

    screen = on_terminal("boot", *program, *drive, "--console", "none", once=b"0 calls  ", act=crash)
    assert DRAWN.search(screen)
    (line, last) = what_is_left(screen)
    assert line.startswith("vof: the guest brought the unicorn engine down (SIGSEGV)") and last == ""


@pytest.mark.guest
def test_without_a_terminal_or_on_a_dumb_one_there_is_none() -> None:
    assert vof(*boot_arguments(POWEROFF), "--console", "none").stderr == ""
    assert on_terminal(*boot_arguments(POWEROFF), "--console", "none", terminal="dumb") == b""


def on_terminal(
    *arguments: str, once: bytes = b"", act: Callable[[Running], None] | None = None, terminal: str = "xterm"
) -> bytes:
    """Run it on a terminal of 100 columns, act once a pattern is there, and tell what was sent to it.

    The terminal drops what it has not shown yet when an interrupt is typed: a pattern before one has to end a line.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    take = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
    command = ["env", "--default-signal", f"TERM={terminal}", sys.executable, "-c", take, *VOF, *arguments]
    heard = b""
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as process:
        os.close(theirs)
        while data := read_some(ours):
            heard += data
            if act is not None and re.search(once, heard):
                act(Running(process.pid, ours))
                act = None
    os.close(ours)
    return heard


@dataclass(frozen=True, slots=True)
class Running:
    """A program on a terminal.

    Attributes:
        pid: its process.
        terminal: our end of its terminal.
    """

    pid: int
    terminal: int


def press_interrupt(program: Running) -> None:
    os.write(program.terminal, b"\x03")


def read_some(descriptor: int) -> bytes:
    """What comes next; nothing at the end, which a terminal tells by an error."""
    assert select.select([descriptor], [], [], PATIENCE)[0], "it says nothing more, and does not end"
    try:
        return os.read(descriptor, 4096)
    except OSError:
        return b""


def what_is_left(screen: bytes) -> list[str]:
    """The lines that a terminal shows after all this."""
    lines = [""]
    for piece in re.split(r"(\r\x1b\[K|\r\n|\n|\r)", screen.decode()):
        if piece == "\r\x1b[K":
            lines[-1] = ""
        elif piece in ("\r\n", "\n"):
            lines.append("")
        elif piece != "\r":
            lines[-1] += piece
    return lines


def wait_for(done: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)
