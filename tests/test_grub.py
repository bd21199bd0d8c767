"""Debian's GRUB for powerpc-ieee1275, unmodified, in process: menu, keys, commands, disks, and starting a client."""

from __future__ import annotations

import faulthandler
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import grub_files
import guest_files
import pytest
from build import build_c

from vof import VM, Config, EndReason
from vof.events import ClientCall, ConsoleOutput, Event

pytestmark = pytest.mark.guest

REPOSITORY = Path(__file__).resolve().parent.parent
COUNTDOWN, PROMPT = "automatically in", "grub> "
TRAPS = ("hypercall", "illegal", "osi", "mailbox")


@pytest.fixture(scope="module")
def core() -> Path:
    return guest_files.guests_folder() / "grub" / "core.elf"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GRUB's disk with a client program on it."""
    folder = tmp_path_factory.mktemp("grub")
    disk = folder / "disk.img"
    shutil.copyfile(guest_files.guests_folder() / "grub" / "disk.img", disk)
    client = build_c("elfclient", 32, "big", folder)
    debugfs(disk, f"write {client} /boot/client.elf", write=True)
    return disk


@pytest.fixture
def disk(template: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "disk.img"
    shutil.copyfile(template, copy)
    return copy


def debugfs(disk: Path, request: str, *, write: bool = False) -> bytes:
    place = f"{disk}?offset={grub_files.PARTITION_AT}"
    command = ["debugfs", *(["-w"] if write else []), "-R", request, place]
    return subprocess.run(command, capture_output=True, check=True, env={"PATH": "/usr/sbin:/sbin:/usr/bin"}).stdout


def grub(core: Path, disk: Path, **options: Any) -> VM:
    drives = [f"file={disk},format=raw{options.pop('drive', '')}"]
    return VM(Config(**{"engine": "unicorn", "kernel": str(core), "drives": drives, "clock": "virtual", **options}))


def command(vm: VM, line: str) -> bytes:
    vm.send(line + "\r")
    return vm.expect(PROMPT, timeout=60)


@pytest.mark.parametrize("machine", ["generic", "generic,real-mode=off"])
@pytest.mark.parametrize("trap", TRAPS)
def test_menu_keys_and_command_line(core: Path, disk: Path, trap: str, machine: str) -> None:
    with grub(core, disk, trap=trap, machine=machine) as vm:
        menu = vm.expect(COUNTDOWN, timeout=60)
        assert b"GNU GRUB" in menu and b"Boot the client" in menu and b"Say hello" in menu
        vm.send("\x1b[B\r")  # down, Enter
        vm.expect("hello from the menu", timeout=60)
        vm.expect("GNU GRUB", timeout=60)
        vm.send("c")
        vm.expect(PROMPT, timeout=60)
        assert b"(ieee1275/disk,msdos1)" in command(vm, "ls")
        assert b"grub.cfg" in command(vm, "ls /boot/grub/")
        digest = hashlib.md5(grub_files.big_file()).hexdigest().encode()
        assert digest in command(vm, f"md5sum /{grub_files.BIG_FILE}")
        vm.send("halt\r")
        ending = vm.wait(20)
        assert ending is not None and ending.reason is EndReason.POWER_OFF


def test_the_timeout_boots_the_client_with_its_initrd(core: Path, disk: Path) -> None:
    initrd = debugfs(disk, "cat /boot/initrd")
    checksum = 0
    for byte in initrd:
        checksum = (checksum * 31 + byte) & 0xFFFFFFFF
    with grub(core, disk) as vm:
        vm.expect(COUNTDOWN, timeout=60)
        vm.expect("client: BOOT_IMAGE=/boot/client.elf some arguments", timeout=60)
        vm.expect(f"initrd: {len(initrd)} bytes, {checksum:#x}", timeout=60)
        ending = vm.wait(20)
        assert ending is not None and ending.reason is EndReason.EXIT


def test_the_command_line_boots_the_client(core: Path, disk: Path) -> None:
    with grub(core, disk) as vm:
        vm.expect(COUNTDOWN, timeout=60)
        vm.send("c")
        vm.expect(PROMPT, timeout=60)
        for line in ("linux /boot/client.elf one two", "initrd /boot/initrd"):
            command(vm, line)
        vm.send("boot\r")
        vm.expect("client: BOOT_IMAGE=/boot/client.elf one two", timeout=60)


def test_what_grub_saves_is_in_the_image(core: Path, disk: Path) -> None:
    before = disk.read_bytes()
    with grub(core, disk) as vm:
        vm.expect(COUNTDOWN, timeout=60)
        vm.send("\x1b[B\x1b[B\r")
        vm.expect("saved it", timeout=60)
    assert b"saved=yes" in debugfs(disk, "cat /boot/grub/grubenv")
    after = disk.read_bytes()
    assert sum(one != other for one, other in zip(before, after, strict=True)) < 1024  # and nothing else is


@pytest.mark.parametrize("drive", [",readonly=on", ",snapshot=on"])
def test_an_image_that_is_not_to_be_written_stays(core: Path, disk: Path, drive: str) -> None:
    before = disk.read_bytes()
    with grub(core, disk, drive=drive) as vm:
        vm.expect(COUNTDOWN, timeout=60)
        vm.send("\x1b[B\x1b[B\r")
        vm.expect("saved it" if "snapshot" in drive else "error", timeout=60)
    assert disk.read_bytes() == before


def test_qemus_own_vof_starts_grub(core: Path, disk: Path) -> None:
    events: list[Event] = []
    with grub(core, disk, bios="vof.bin") as vm:
        vm.listen(events.append)
        vm.expect(COUNTDOWN, timeout=60)
        vm.expect("client: BOOT_IMAGE=/boot/client.elf some arguments", timeout=60)
    calls = [event.service for event in events if isinstance(event, ClientCall)]
    assert calls[:2] == ["finddevice", "getprop"] and len(calls) > 1000  # it looks for qemu,boot-kernel


def test_two_runs_are_the_same(core: Path, disk: Path) -> None:
    runs = []
    for _ in range(2):
        events: list[Event] = []
        with grub(core, disk, drive=",snapshot=on") as vm:
            vm.listen(events.append)
            vm.expect(COUNTDOWN, timeout=60)
            vm.send("c")
            vm.expect(PROMPT, timeout=60)
            command(vm, "ls /boot")
            vm.send("halt\r")
            vm.wait(20)
        runs.append([event for event in events if isinstance(event, ClientCall | ConsoleOutput)])
    assert len(runs[0]) > 3000 and runs[0] == runs[1]


# Snapshots


@pytest.fixture
def at_menu(core: Path, disk: Path) -> Iterator[VM]:
    with grub(core, disk) as vm:
        vm.expect(COUNTDOWN, timeout=60)
        yield vm


def on_command_line(vm: VM, line: str) -> tuple[bytes, int]:
    vm.send("c")
    vm.expect(PROMPT, timeout=60)
    return command(vm, line), vm.engine.trap.calls


def test_a_snapshot_is_resumed_many_times(at_menu: VM, disk: Path) -> None:
    before = disk.read_bytes()
    menu = at_menu.snapshot()
    first = on_command_line(at_menu, "ls /boot/grub")
    line = at_menu.snapshot()
    at_menu.restore(menu)
    at_menu.send("\x1b[B\x1b[B\r")
    at_menu.expect("saved it", timeout=60)
    for _ in range(3):
        at_menu.restore(menu)
        assert on_command_line(at_menu, "ls /boot/grub") == first
    at_menu.restore(line)
    assert b"saved=yes" not in command(at_menu, "cat /boot/grub/grubenv")  # another run wrote that
    assert disk.read_bytes() == before  # and none of it has reached the image
    at_menu.restore(menu)
    at_menu.expect("client: BOOT_IMAGE=/boot/client.elf some arguments", timeout=60)


def try_item(vm: VM, item: int) -> int:
    if item == 3:
        faulthandler.disable()  # pytest's, which would tell of it at length
        os.abort()  # as a guest can make Unicorn do
    if item == 5:
        raise ValueError("five")
    return on_command_line(vm, "ls /boot")[1]


def test_runs_in_workers_and_the_death_of_one(at_menu: VM) -> None:
    menu = at_menu.snapshot()
    expected = on_command_line(at_menu, "ls /boot")[1]
    results = {
        result.item: result for result in at_menu.run_in_workers(menu, try_item, range(7), workers=2, timeout=30)
    }
    assert set(results) == set(range(7))
    assert results[3].error == "the guest brought its process down (SIGABRT)"
    assert results[5].error == "ValueError: five"
    assert {results[item].value for item in (0, 1, 2, 4, 6)} == {expected}
    at_menu.restore(menu)
    assert on_command_line(at_menu, "ls /boot")[1] == expected  # the parent is as it was


# A machine that runs elsewhere


def test_a_simulator_of_somebody_elses_is_served(core: Path, disk: Path, tmp_path: Path) -> None:
    ram = tmp_path / "ram"
    with ram.open("wb") as file:
        file.truncate(128 << 20)
    simulator: subprocess.Popen[bytes] | None = None
    vm = VM(Config(memory_file=str(ram), machine="generic", kernel=str(core), drives=[f"file={disk},format=raw"]))
    try:
        with vm:
            start = vm.engine.layout.client_entry + 4
            program = REPOSITORY / "examples" / "simulator.py"
            simulator = subprocess.Popen([sys.executable, str(program), str(ram), hex(start)])
            vm.expect(COUNTDOWN, timeout=60)
            vm.send("c")
            vm.expect(PROMPT, timeout=60)
            digest = hashlib.md5(grub_files.big_file()).hexdigest().encode()
            assert digest in command(vm, f"md5sum /{grub_files.BIG_FILE}")
    finally:
        if simulator is not None:
            simulator.kill()
            simulator.wait()


def test_what_serve_says(core: Path, disk: Path, tmp_path: Path) -> None:
    ram = tmp_path / "ram"
    with ram.open("wb") as file:
        file.truncate(64 << 20)
    serve = [sys.executable, "-m", "vof", "serve", "--memory", str(ram), "--timeout", "0.5"]
    done = subprocess.run([*serve, "-kernel", str(core)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 124 and "start the CPU at 0x3de0004" in done.stderr
    assert ram.read_bytes()[0x3DE1000:0x3DE1004] == b"vofm"
    for arguments, message in (
        (["--memory", str(tmp_path / "no")], "No such file"),
        (["--memory", str(core)], "truncate -s 128M"),
        ([], "--memory FILE"),
    ):
        done = subprocess.run([*serve[:4], *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert done.returncode == 2 and message in done.stderr and done.stderr.count("\n") == 1


def test_no_prompt_is_lost_where_the_user_waits(core: Path, disk: Path) -> None:
    """With the host's clock the menu waits for a key without taking the CPU."""
    with grub(core, disk, clock="host") as vm:
        vm.expect(COUNTDOWN, timeout=60)
        calls = vm.engine.trap.calls
        vm.run_until(partial(bool, 0), 0.5)
        assert vm.engine.trap.calls - calls < 3000
        vm.send("c")
        vm.expect(PROMPT, timeout=60)
