"""Real boots, recorded and replayed: Linux under QEMU and in process, GRUB, the conformance client."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import guest_files
import pytest
from runs import Row, build, transcript
from subtree import install_methods

from vof.events import ClientReturn, Event, Injected
from vof.trace.recording import Recording
from vof.vm import VM
from vof.vm.hooks import Call
from vof.vm.replay import Replayed, replay

pytestmark = pytest.mark.guest

LIMIT = 300 << 10
"""Bytes that the recording of a Linux boot may have."""


def linux(**options: Any) -> VM:
    guests = guest_files.guests_folder()
    given = {"kernel": str(guests / "vmlinux"), "initrd": str(guests / "initrd.gz"), "append": "console=hvc0"}
    return VM(**(given | options))


def grub(folder: Path, **options: Any) -> VM:
    files = guest_files.guests_folder() / "grub"
    disk = folder / "disk.img"
    shutil.copyfile(files / "disk.img", disk)
    drives = [f"file={disk},format=raw"]
    return VM(
        **{"engine": "unicorn", "kernel": str(files / "core.elf"), "drives": drives, "clock": "virtual", **options}
    )


def replayed(path: Path) -> Replayed:
    recording = Recording.open(path)
    done = replay(recording)
    assert done.same, done.differences[:3]
    assert recording.complete
    return done


@pytest.mark.parametrize("options", [{}, {"trap": "breakpoint"}, {"smp": "2", "memory": "2G"}], ids=str)
def test_linux_under_qemu(tmp_path: Path, options: dict[str, str]) -> None:
    path = tmp_path / "linux.vof"
    with linux(append="console=hvc0 vof.run=poweroff", record=str(path), **options) as vm:
        vm.expect("user space is up", timeout=120)
        calls = vm.engine.trap.calls
        vm.wait(30)
    assert path.stat().st_size < LIMIT
    assert calls <= replayed(path).calls <= calls + 1  # quiesce is the run loop's
    assert b"user space is up" in Recording.open(path).console()


def test_linux_in_process(tmp_path: Path) -> None:
    path = tmp_path / "linux.vof"
    with linux(machine="pseries", engine="unicorn", record=str(path)) as vm:
        vm.wait(60)
    assert replayed(path).calls > 500


@pytest.mark.parametrize("machine", ["generic", "generic,real-mode=off"])
def test_grub_with_a_reset(tmp_path: Path, machine: str) -> None:
    path = tmp_path / "grub.vof"
    with grub(tmp_path, machine=machine, record=str(path)) as vm:
        vm.expect("highlighted entry will be executed")
        vm.send("c")
        vm.expect("grub> ")
        vm.send("reboot\r")
        vm.expect("highlighted entry will be executed")
    assert replayed(path).boots == 2


def test_all_of_the_conformance_client(tmp_path: Path) -> None:
    """Its calls are malformed, nested, endless and rude: none of them may replay otherwise."""
    path = tmp_path / "conformance.vof"
    for endian, engine, trap, machine in (
        ("big", "unicorn", "hypercall", "generic"),
        ("little", "unicorn", "mailbox", "pseries"),
        ("big", "qemu", "mailbox", "pseries"),
    ):
        row = Row(machine, engine, trap, 32 if machine == "generic" else 64, endian, (("record", str(path)),))
        transcript(row, build(row, tmp_path), ("",))
        done = replay(Recording.open(path), install_methods)
        assert done.same, (row, done.differences[:3])
        assert done.calls > 2000


def test_hooks_and_faults_are_in_the_recording(tmp_path: Path) -> None:
    path = tmp_path / "grub.vof"
    with grub(tmp_path, record=str(path), inject=["write:when=2", "disk:when=3"]) as vm:
        heard: list[Event] = []
        vm.listen(heard.append, Injected, ClientReturn)

        @vm.on("milliseconds", "after")
        def stand_still(call: Call) -> int:
            return 0 if call.results[0] < 10 else call.results[0]

        vm.run_until(lambda: sum(isinstance(event, Injected) for event in heard) == 2, 30)
    events = list(Recording.open(path).events())
    assert [event.fault for event in events if isinstance(event, Injected)] == ["write:when=2", "disk:when=3"]
    calls = [event for event in events if isinstance(event, ClientReturn)]
    assert {call.hook for call in calls} == {"", "instead", "after"}
    assert any(call.fault == "injected: disk:when=3" for call in calls)
    done = replay(Recording.open(path))
    assert done.same and done.hooked == 1, done.differences[:3]
    live = [event for event in heard if isinstance(event, ClientReturn)]
    for then, now in zip(calls, live, strict=True):
        assert now.paths.items() <= then.paths.items()  # a recording names a handle once
        assert replace(then, paths={}) == replace(now, paths={})


def test_a_run_from_a_snapshot_ends_the_replay(tmp_path: Path) -> None:
    path = tmp_path / "grub.vof"
    with grub(tmp_path, record=str(path)) as vm:
        vm.expect("highlighted entry will be executed")
        snapshot = vm.snapshot()
        vm.send("c")
        vm.expect("grub> ")
        vm.restore(snapshot)
        vm.send("c")
        vm.expect("grub> ")
    done = replay(Recording.open(path))
    assert done.same and done.restored


def test_stopping_and_stepping(tmp_path: Path) -> None:
    with grub(tmp_path) as vm:
        seen: list[str] = []

        @vm.on("open", "after")
        def opened(call: Call) -> None:
            seen.append(call.text("device-specifier"))
            call.stop()

        for count in range(1, 4):
            assert vm.wait(30) is None
            assert vm.stopped is not None and vm.stopped.service == "open"
            assert len(seen) == count
        vm.off(opened)
        vm.expect("highlighted entry will be executed")
        assert len(seen) == 3 and vm.stopped is None


def test_the_prompt_comes_between_two_calls(tmp_path: Path) -> None:
    prompted: list[int] = []
    with grub(tmp_path) as vm:
        vm.prompt = lambda: prompted.append(vm.engine.trap.calls)
        vm.on("claim", "after")(lambda call: call.prompt())
        vm.expect("highlighted entry will be executed")
    assert len(prompted) == 2 and prompted[0] < prompted[1]
