"""`vof boot --break` and `--inject` as a user has them, on a terminal and without one."""

from __future__ import annotations

import os
import pty
import shutil
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import guest_files
import pytest
from build import build_mol
from program import running, vof
from test_cli_boot import PATIENCE, read_until

pytestmark = pytest.mark.guest

PROMPT = b"vof> "


def arguments(folder: Path, *more: str) -> list[str]:
    files = guest_files.guests_folder() / "grub"
    disk = folder / "disk.img"
    shutil.copyfile(files / "disk.img", disk)
    drive = f"file={disk},format=raw,snapshot=on"
    return ["boot", "--engine", "unicorn", "-kernel", str(files / "core.elf"), "-drive", drive, *more]


@contextmanager
def on_a_terminal(words: Sequence[str]) -> Iterator[int]:
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    try:
        with running(*words, stdin=theirs, stdout=theirs, stderr=theirs) as process:
            yield ours
            assert process.wait(PATIENCE) == 0
        assert termios.tcgetattr(theirs) == before
    finally:
        os.close(ours)
        os.close(theirs)


def ask(terminal: int, line: str) -> str:
    os.write(terminal, line.encode() + b"\n")
    return read_until(terminal, PROMPT).decode()


def test_the_prompt_at_a_call(tmp_path: Path) -> None:
    with on_a_terminal(arguments(tmp_path, "--break", "claim")) as terminal:
        first = read_until(terminal, PROMPT)
        assert b"--break claim; help lists the commands" in first and b"claim(0x0, " in first
        for line, answer in (
            ("help", ".properties"),
            ("ls /", "/chosen"),
            (".properties /chosen", 'bootpath = "/disks/disk@0"'),
            ("claims", "KiB"),
            ("dump 0x200000 16", "00200000  7c0000a6"),
            ("dump 0xfffffff0", "are outside memory"),
            ("dump here", '"here" is no number'),
            ("ls /none", 'no device "/none"'),
            ("nonsense", "help lists those there are"),
            ("'", "No closing quotation"),
            ("calls 1", "claim(0x0, "),
        ):
            assert answer in ask(terminal, line), line
        for _ in range(2):
            assert "step; help lists the commands" in ask(terminal, "step")
        os.write(terminal, b"go\n")
        read_until(terminal, b"GNU GRUB")
        os.write(terminal, b"\x01x")
        read_until(terminal, b"ended by the user")


@pytest.mark.parametrize("last", [b"quit\n", b"\x04"])
def test_the_prompt_ends_the_machine(tmp_path: Path, last: bytes) -> None:
    with on_a_terminal(arguments(tmp_path, "--break", "open:failed", "--inject", "open:when=2")) as terminal:
        assert b"(injected: open:when=2)" in read_until(terminal, PROMPT)
        os.write(terminal, last)
        read_until(terminal, b"ended by the user")


def test_without_a_terminal_the_machine_ends_and_says_where(tmp_path: Path) -> None:
    done = vof(*arguments(tmp_path, "--break", "claim:-1", "--inject", "claim:when=2"))
    assert done.returncode == 7
    *_, call, why = done.stderr.splitlines()
    assert call.startswith("claim(") and call.endswith("= -1 (injected: claim:when=2) [instead]")
    assert why == "vof: stopped at a call (--break claim:-1), and there is no terminal to ask at"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--break", "clam"), 'vof: no service "clam": did you mean "claim"?'),
        (("--break", "claim:x"), "vof: --break claim:x: after the colon comes the result to stop at"),
        (("--inject", "clam"), 'vof: --inject clam: nothing is called "clam": did you mean "claim"?'),
        (("--record", "/proc/none"), "vof: --record /proc/none: "),
        (("--record", "x.vof,append"), "vof: --record x.vof,append: after the file's name only append=on may follow"),
    ],
)
def test_what_cannot_be_is_told(tmp_path: Path, more: tuple[str, str], message: str) -> None:
    done = vof(*arguments(tmp_path, *more))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(message)


def test_mac_on_linux_s_own_way_to_ask_for_a_debugger(tmp_path: Path) -> None:
    (tmp_path / "cases").write_bytes(bytes([0, 0, 0, 1, 0, 0, 0, 5]) + bytes(20))
    files = [f"{name}={tmp_path / 'cases'}" for name in ("cases", "arena")]
    words = ["boot", "-machine", "mol", "-kernel", str(build_mol("calls", tmp_path))]
    words += ["--pseudo-file", files[0], "--pseudo-file", files[1]]
    done = vof(*words, "--break", "DEBUGGER")
    assert done.returncode == 7
    *_, call, why = done.stderr.splitlines()
    assert call.startswith("osi DEBUGGER(5)") and call.endswith("= 0")
    assert why == "vof: stopped at a call (--break DEBUGGER), and there is no terminal to ask at"
    with on_a_terminal([*words, "--break", "*:failed", "--inject", "DEBUGGER"]) as terminal:
        assert b"osi DEBUGGER(5)" in read_until(terminal, PROMPT)
        assert "osi TTY_PUTC" in ask(terminal, "step")
        os.write(terminal, b"go\n")
        read_until(terminal, b"done")
