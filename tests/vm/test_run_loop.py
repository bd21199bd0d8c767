"""The run loop at awkward moments: a reset and a snapshot at the prompt, full disks, and a guest that says hello."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vof.engines.external import ExternalEngine
from vof.engines.unicorn.models import find_model
from vof.errors import EngineError, UsageError
from vof.machines.pseries_tree import pseries_tree
from vof.outcomes import Boot
from vof.trace.recording import Recording
from vof.tree import DeviceTree, build_fdt
from vof.vm import VM, EndReason
from vof.vm.replay import replay

BOX = 0x1000
HELLO = 0x80000000


def at_the_prompt(**options: Any) -> VM:
    return VM(machine="generic", engine="unicorn", prompt=True, **options)


# --- the prompt ---


def test_reset_at_the_prompt() -> None:
    """What had the prompt is gone with its firmware; the next one gives it again."""
    with at_the_prompt() as vm:
        vm.expect("ok")
        vm.send(": greet 1 ; ")
        vm.wait(0.1)
        vm.reset()
        vm.send("greet\r")
        assert b"greet" in vm.expect("ok", timeout=10)
        assert vm.boots == 2


def test_no_snapshot_while_somebody_has_the_prompt() -> None:
    """It would not hold what he has typed, and nobody would have the prompt after it."""
    with at_the_prompt() as vm:
        vm.expect("ok")
        with pytest.raises(UsageError, match="start of the client program"):
            vm.snapshot()


def test_no_run_from_inside_of_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener or a hook that waits for the guest would wait for itself."""
    with at_the_prompt() as vm:
        vm.expect("ok")
        vm._prompts.close()
        monkeypatch.setattr(vm.engine.trap, "serve", lambda: vm.wait(1))
        with pytest.raises(UsageError, match="runs already"):
            vm.wait(1)
        monkeypatch.undo()
        assert vm.run_until(lambda: True)


# --- what is started next ---


@pytest.fixture
def blank(tmp_path: Path) -> str:
    path = tmp_path / "blank"
    path.write_bytes(bytes(1 << 20))
    return str(path)


def asks_to_boot(vm: VM, command: str) -> None:
    """What a client program's `boot` comes to."""
    vm.expect("ok")
    vm._prompts.close()
    vm._loop._act(Boot(command))


def test_client_boots_nothing_and_the_user_has_the_prompt(blank: str) -> None:
    with at_the_prompt(drives=[blank]) as vm:
        asks_to_boot(vm, "disk:1,nothing")
        assert b"nothing boots: disk:1,nothing" in vm.expect("ok", timeout=10)


def test_client_boots_nothing_and_nobody_is_there(blank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guest's wish is no mistake of the user's: nothing is raised."""
    with at_the_prompt(drives=[blank]) as vm:
        asks_to_boot(vm, "disk:1,nothing")
        monkeypatch.setattr(type(vm._prompts), "someone_is_there", False)
        ending = vm.wait(10)
    assert ending is not None
    assert ending.reason is EndReason.EXIT
    assert "nothing boots: disk:1,nothing" in ending.message


def test_nothing_to_boot_at_first(blank: str) -> None:
    with (
        VM(machine="generic", engine="unicorn", drives=[blank]) as vm,
        pytest.raises(UsageError, match="nothing boots"),
    ):
        vm.wait(10)


# --- the end ---


class Deliberate(Exception):
    pass


def test_close_goes_on_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise Deliberate

    vm = at_the_prompt()
    vm.start()
    vm.expect("ok")
    monkeypatch.setattr(vm._machinery.observers, "end", fail)
    with pytest.raises(Deliberate):
        vm.close()
    assert vm.engine.ram is not None and vm.engine.ram.closed
    vm.close()


def test_started_once_only() -> None:
    with at_the_prompt() as vm:
        with pytest.raises(UsageError, match="once"):
            vm.start()
        vm.close()
        with pytest.raises(UsageError, match="once"):
            vm.start()


# --- recordings ---


def test_recording_to_a_full_disk() -> None:
    vm = at_the_prompt(record="/dev/full")
    with pytest.raises(UsageError, match="--record /dev/full: No space left on device"):
        vm.start()
    vm.close()


def test_recording_has_the_tree_that_was_read(tmp_path: Path) -> None:
    """The user's file may be gone by the time that the machine starts, or be a pipe."""
    tree = DeviceTree()
    tree.add("/", "extra", {"mark": b"1"})
    path = tmp_path / "extra.dtb"
    path.write_bytes(build_fdt(tree))
    recording = str(tmp_path / "run.vof")
    with at_the_prompt(dtb=str(path), record=recording) as vm:
        path.unlink()
        vm.expect("ok")
    assert replay(Recording.open(recording)).same


# --- hostile guests ---


def say_hello(vm: VM, path: str, tree: int, number: int) -> None:
    """Do what the stub does when the machine starts, or whoever has read it."""
    assert isinstance(vm.engine, ExternalEngine)
    page = vm.engine.layout.page
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as ram:
        struct.pack_into(">I4xQ", ram, page + BOX + 0x10, 1, tree)
        nonce = ram[page + BOX + 0x0C : page + BOX + 0x10]
        ram[page + BOX + 0x08 : page + BOX + 0x10] = struct.pack("<I", HELLO | number) + nonce


def good_tree() -> DeviceTree:
    model = find_model("", 64)
    tree = pseries_tree(64 << 20, model.name, model.pvr)
    for node in [node for node in tree.walk() if node.base == "nvram"]:  # which takes a guest to read it
        tree.remove(node)
    return tree


def without_reg(tree: DeviceTree) -> None:
    node = tree.find("/memory@0")
    assert node is not None
    del node.properties["reg"]


def with_crooked_reg(tree: DeviceTree) -> None:
    tree.set("/memory@0", "reg", b"\1\2\3")


def with_much_nvram(tree: DeviceTree) -> None:
    tree.add("/", "nvram", {"device_type": b"nvram\0", "#bytes": b"\xff\xff\xff"})


def without_console(tree: DeviceTree) -> None:
    for node in [node for node in tree.walk() if node.base == "vty"]:
        tree.remove(node)


TREES = (None, without_reg, with_crooked_reg, with_much_nvram, without_console)


@pytest.fixture
def memory_file(tmp_path: Path) -> str:
    path = tmp_path / "ram"
    with path.open("wb") as file:
        file.truncate(64 << 20)
    return str(path)


@pytest.mark.parametrize("crook", TREES)
def test_hello_with_a_crooked_tree(memory_file: str, crook: Callable[[DeviceTree], None] | None) -> None:
    """From the machine itself it is the engine's failure; later it is the guest's, and the guest's end."""
    tree = good_tree()
    blob = bytes(64)
    if crook is not None:
        crook(tree)
        blob = build_fdt(tree)
    with VM(machine="pseries", memory_file=memory_file, prompt=True) as vm:
        place = vm.engine.layout.tree[0]
        vm.engine.memory.write(place, blob)
        say_hello(vm, memory_file, place, 1)
        with pytest.raises(EngineError, match="the machine's tree can't be used"):
            vm.expect("ok", timeout=5)
    with VM(machine="pseries", memory_file=memory_file, prompt=True) as vm:
        vm.engine.memory.write(place, build_fdt(good_tree()))
        say_hello(vm, memory_file, place, 1)
        vm.expect("ok", timeout=5)
        vm._prompts.close()
        vm.engine.memory.write(place, blob)
        say_hello(vm, memory_file, place, 2)
        ending = vm.wait(5)
    assert ending is not None
    assert ending.reason is EndReason.CRASH
    assert "tree can't be used" in ending.message


def test_guest_that_owes_an_answer(memory_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may take its time, but not all of it: the firmware asks for NVRAM, and nobody makes the hypercall."""
    monkeypatch.setattr("vof.vm.run_loop._ORDER_PATIENCE", 0.2)
    model = find_model("", 64)
    with VM(machine="pseries", memory_file=memory_file, prompt=True) as vm:
        place = vm.engine.layout.tree[0]
        vm.engine.memory.write(place, build_fdt(pseries_tree(64 << 20, model.name, model.pvr)))
        say_hello(vm, memory_file, place, 1)
        ending = vm.wait(0.1)
    assert ending is not None
    assert "doesn't come back" in ending.message
