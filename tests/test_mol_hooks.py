"""Hooks, faults and breakpoints at Mac-on-Linux's calls."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from build import build_mol

from vof.errors import UsageError
from vof.events import Event, Injected, OsiCall
from vof.vm import VM, EndReason

PATIENCE = 30


def caller(folder: Path, calls: list[tuple[int, ...]], **options: Any) -> VM:
    """A machine with a program that makes these calls, each a selector and its arguments."""
    cells = [value for call in calls for value in (*call, *[0] * (7 - len(call)))]
    (folder / "cases").write_bytes(struct.pack(f">{len(cells)}I", *cells))
    files = [f"cases={folder / 'cases'}", f"arena={folder / 'cases'}"]
    kernel = str(build_mol("calls", folder))
    return VM(machine="mol", kernel=kernel, clock="virtual", pseudo_files=files, **options)


def answers(said: bytes) -> list[list[int]]:
    lines = said.decode().replace("\r", "").splitlines()
    return [[int(word, 16) for word in line.split(": ")[1].split()] for line in lines if line.startswith("= ")]


@pytest.mark.guest
def test_hooks_come_before_after_and_instead(tmp_path: Path) -> None:
    seen: list[Any] = []
    with caller(tmp_path, [(32,), (91,), (53, 7), (52, 7, 8), (77, 17, 0x100000)]) as vm:

        @vm.on("GET_FB_INFO", "after")
        def shape(call: Any) -> tuple[int | None, ...]:
            seen.append(call.results)
            return 0, 0x1000, None, 5

        @vm.on("NVRAM_SIZE", "instead")
        def size(call: Any) -> int:
            return 42

        @vm.on("READ_NVRAM_BYTE", "before")
        def read(call: Any) -> None:
            seen.append((call.service, call["offset"], call.arguments))
            call.fail("worn out")

        @vm.on("READ_NVRAM_BYTE", "after")
        def failed(call: Any) -> None:
            seen.append((call.results, call.fault))

        @vm.on("WRITE_NVRAM_BYTE", "before")
        def stop(call: Any) -> None:
            call.stop()

        told: list[Event] = []
        vm.listen(told.append, OsiCall)
        vm.run_until(lambda: vm.stopped is not None, PATIENCE)
        assert vm.stopped is not None and vm.stopped.service == "WRITE_NVRAM_BYTE"
        vm.off(size)
        vm.restore(vm.snapshot())  # the hooks are the VM's, and stay
        got = answers(vm.expect("done", PATIENCE))
    assert [row[0] for row in got[:4]] == [0, 42, 0, 0]
    assert got[0][1:4] == [0x1000, 32, 5]
    assert seen == [
        (0, 0x81000000, 2560, 640, 480, 32),
        ("READ_NVRAM_BYTE", 7, (7,)),
        ((0,), "worn out"),
    ]
    faults = [event.fault for event in told if isinstance(event, OsiCall) and event.name == "READ_NVRAM_BYTE"]
    assert faults == ["worn out"]


@pytest.mark.guest
def test_faults_strike_at_the_calls_that_they_name(tmp_path: Path) -> None:
    told: list[Event] = []
    with caller(tmp_path, [(81, 0, 0), (24, 0x1000), (91,), (91,), (91,)], inject=["NVRAM_SIZE:when=2"]) as vm:
        vm.listen(told.append, Injected)
        got = answers(vm.expect("done", PATIENCE))
    assert [row[0] for row in got[2:]] == [0x2000, 0, 0x2000]
    assert [event.fault for event in told if isinstance(event, Injected)] == ["NVRAM_SIZE:when=2"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("ABLK_KIK", 'no call "ABLK_KIK": did you mean "ABLK_KICK"'),
        ("OF_TRAP", 'no call "OF_TRAP"'),
        ("NVRAM_SIZE", "is one of Mac-on-Linux's calls, which -machine mol has"),
    ],
)
def test_what_cannot_be_hooked_is_said(name: str, says: str) -> None:
    with VM(machine="generic", engine="unicorn", kernel="") as vm:
        with pytest.raises(UsageError, match=says):
            vm.on(name)(lambda call: None)
        with pytest.raises(UsageError, match=says):
            vm.inject(name)


@pytest.mark.guest
def test_a_hook_may_ask_for_the_prompt(tmp_path: Path) -> None:
    asked: list[str] = []
    with caller(tmp_path, [(1, 5), (91,)]) as vm:
        vm.prompt = lambda: asked.append("asked")

        @vm.on("DEBUGGER", "after")
        def look(call: Any) -> None:
            call.prompt()

        vm.expect("done", PATIENCE)
        ending = vm.wait(PATIENCE)
    assert asked == ["asked"]
    assert ending is not None and ending.reason is EndReason.POWER_OFF
