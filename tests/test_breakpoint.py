"""The trap `breakpoint` on stock QEMU: a machine that shares no RAM, Linux, and a user's own gdb beside it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from build import build_c
from guest_files import guests_folder

from vof.engines.qemu import QemuEngine
from vof.engines.qemu.breakpoint import BreakpointTrap
from vof.errors import EngineError, MemoryFault, UsageError
from vof.ports import Access, BusOp
from vof.vm import VM, EndReason

pytestmark = pytest.mark.guest

BOOT = 60.0
MACHINES = [("40p", 32), ("pseries", 64), ("pseries", 32)]
AT = 0x2000000


@pytest.fixture(scope="module")
def talkers(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("talkers")
    return {bits: build_c("talker", bits, "big", folder, at=AT) for bits in (32, 64)}


@pytest.fixture(params=MACHINES, ids="{0[0]}-{0[1]}".format)
def options(request: pytest.FixtureRequest, talkers: dict[int, Path]) -> dict[str, Any]:
    """A machine with the talker."""
    machine, bits = request.param
    return {"machine": machine, "kernel": str(talkers[bits]), "trap": "breakpoint"}


def engine_of(vm: VM) -> QemuEngine:
    assert isinstance(vm.engine, QemuEngine)
    return vm.engine


def test_a_client_talks_to_the_firmware(options: dict[str, Any]) -> None:
    with VM(**options, append="hello") as vm:
        heard = vm.expect("bye\n", 20).decode()
        assert re.fullmatch(
            r"talker: hello\r?\nmemory 0x0\r?\nzeroes 0\r?\ncalls 1000 in \d+ ms\r?\nbye\r?\n", heard
        ), heard
        ending = vm.wait(5)
        assert ending is not None
        assert ending.reason is EndReason.EXIT


def test_a_client_that_resets_the_machine_finds_it_as_new(options: dict[str, Any]) -> None:
    with VM(**options, append="reset") as vm:
        for _ in range(3):  # which has filled its zeroes before
            vm.expect("zeroes 0", 20)
            vm.expect("calls 1000", 20)
        assert vm.boots >= 3


def test_a_script_resets_it(options: dict[str, Any]) -> None:
    with VM(**options, append="spin") as vm:
        vm.expect("calls 1000", 20)
        vm.run_until(lambda: False, 0.1)
        vm.reset()  # while the guest computes
        vm.expect("zeroes 0", 20)
        vm.reset()  # between two calls
        vm.expect("zeroes 0", 20)
        vm.expect("calls 1000", 20)
        assert vm.boots == 3


def test_a_guest_that_somebody_else_stopped(options: dict[str, Any]) -> None:
    with VM(**options, append="spin") as vm:
        vm.expect("calls 1000", 20)
        engine = engine_of(vm)
        engine.ask_monitor("stop")
        vm.run_until(lambda: False, 0.1)
        assert engine.ask_monitor("query-status")["status"] == "paused"
        assert engine.memory.read(AT, 4) == engine.memory.read(AT, 4) != bytes(4)
        engine.ask_monitor("cont")
        vm.run_until(lambda: False, 0.1)
        assert engine.memory.read(AT, 4) != bytes(4)
        assert engine.ask_monitor("query-status")["status"] == "running"
        vm.reset()
        vm.expect("calls 1000", 20)


def test_the_same_address_in_a_program_of_the_client_s_own_is_no_call(talkers: dict[int, Path]) -> None:
    """A client that runs user programs may have anything at the entry's address in theirs."""
    with VM(machine="40p", kernel=str(talkers[32]), append="spin") as vm:
        vm.expect("ms", 20)
        vm.run_until(lambda: False, 0.1)
        trap = vm.engine.trap
        assert isinstance(trap, BreakpointTrap)
        client, calls = trap._client, trap.calls
        with client.halted():
            image = client.read_image()
            spinning = image["pc"]
            image["msr"] |= 0x4000
            image["lr"], image["pc"] = spinning, vm.engine.layout.client_entry
            client.do(image.packet())
        vm.run_until(lambda: False, 0.2)
        with client.halted():
            assert client.read_image()["pc"] == spinning
        assert trap.calls == calls


def test_distant_memory(talkers: dict[int, Path]) -> None:
    with VM(machine="40p", kernel=str(talkers[32]), append="spin") as vm:
        vm.expect("calls 1000", 20)
        memory = vm.engine.memory
        size = 128 << 20
        assert memory.size == size
        data = bytes(range(256)) * 300
        for address in (0x10000, 0x10003, size - len(data)):
            memory.write(address, data)
            assert memory.read(address, len(data)) == data
        memory.write_cells(0x8001, (1, -1, 1 << 32))
        assert memory.read(0x8000, 14)[1:13] == bytes.fromhex("00000001ffffffff00000000")
        assert memory.read_cells(0x8001, 3) == (1, 0xFFFFFFFF, 0)
        memory.write(0x9000, b"x" * 200 + b"\0")
        assert memory.read_string(0x9000, 201) == "x" * 200
        assert memory.read(size, 0) == memory.read(0, 0) == b""
        for wrong in (
            lambda: memory.read(size, 1),
            lambda: memory.read(-1, 1),
            lambda: memory.read(0, -1),
            lambda: memory.read(0, 1 << 62),
            lambda: memory.read_cells(0, 1 << 62),
            lambda: memory.write(size - 1, b"ab"),
            lambda: memory.write_cells(size - 4, (1, 2)),
            lambda: memory.read_string(0x9000, 200),
            lambda: memory.read_string(size, 10),
        ):
            with pytest.raises(MemoryFault):
                wrong()


def test_devices(talkers: dict[int, Path]) -> None:
    """The Raven's configuration registers: a little-endian device on a big-endian bus."""
    with VM(machine="40p", kernel=str(talkers[32]), append="spin") as vm:
        vm.expect("calls 1000", 20)
        accesses = [Access(BusOp.WRITE, 0x80000CF8, 4, 0x00000080)]
        accesses += [Access(BusOp.READ, 0x80000CFC + at, width) for at, width in ((0, 4), (0, 2), (2, 2), (1, 1))]
        assert vm.engine.trap.run(accesses * 20) == [0x57100148, 0x5710, 0x0148, 0x10] * 20


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"extra": ("-device", "nonsense")}, r"^qemu-system-ppc(64)? refuses: .*nonsense"),
        ({"extra": ("-S",)}, "-S: .*add -s"),
        ({"extra": ("-gdb", "udp::1234")}, r'-gdb "udp::1234": .*tcp:\[HOST\]:PORT'),
        ({"extra": ("-gdb", "tcp:192.0.2.1:0")}, "gdb can't be listened for on 192.0.2.1 port 0: [^(]*$"),
    ],
)
def test_what_is_refused(options: dict[str, Any], more: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message), VM(**options, **more) as vm:
        vm.wait(10)


def test_a_mailbox_needs_shared_memory(talkers: dict[int, Path]) -> None:
    with pytest.raises(UsageError, match="--trap breakpoint does without"):
        VM(machine="40p", kernel=str(talkers[32]), trap="mailbox")


@pytest.mark.parametrize("when", ["zeroes", "ms"])
def test_qemu_is_killed(options: dict[str, Any], when: str) -> None:
    with VM(**options, append="spin") as vm:
        vm.expect(when, 20)
        killer = threading.Timer(0.05, os.kill, (engine_of(vm).pid, signal.SIGKILL))
        killer.start()
        with pytest.raises(EngineError, match="SIGKILL"):
            vm.wait(10)


def test_a_key_in_the_middle_of_calls_leaves_nothing(options: dict[str, Any]) -> None:
    vm = VM(**options, append="reset")
    timer = threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt), vm:
        vm.expect("talker", 20)
        timer.start()
        vm.wait(20)
    assert engine_of(vm).ended is not None


# Linux


def linux(append: str = "", **options: Any) -> VM:
    folder = guests_folder()
    kernel, initrd = str(folder / "vmlinux"), str(folder / "initrd.gz")
    append = f"console=hvc0 {append}".strip()
    return VM(kernel=kernel, initrd=initrd, memory="512M", append=append, trap="breakpoint", **options)


def test_linux_boots_reboots_and_powers_off() -> None:
    with linux(smp="2") as vm:
        for boots in (1, 2):
            vm.expect("/ # ", BOOT)
            assert vm.boots == boots
            vm.send("nproc; echo d''one\n")
            vm.expect("2\r\ndone\r\n/ # ", 10)
            vm.send("reboot -f\n" if boots == 1 else "poweroff -f\n")
        ending = vm.wait(BOOT)
        assert ending is not None
        assert ending.reason is EndReason.POWER_OFF


def test_a_panic_is_told() -> None:
    with linux("vof.run=panic") as vm:
        ending = vm.wait(BOOT)
        assert ending is not None
        assert ending.reason is EndReason.PANIC


# The user's own gdb


@pytest.fixture(params=[("40p", 32), ("pseries", 64)], ids="{0[0]}-{0[1]}".format)
def debugged(request: pytest.FixtureRequest, talkers: dict[int, Path]) -> dict[str, Any]:
    """A machine with a talker of its own width: gdb wants both the same."""
    machine, bits = request.param
    return {"machine": machine, "kernel": str(talkers[bits]), "trap": "breakpoint"}


@contextmanager
def gdb(vm: VM, program: Path, *commands: str) -> Iterator[subprocess.Popen[str]]:
    """The real gdb, connected, with commands to obey."""
    server = engine_of(vm).user_gdb
    assert server is not None
    first = ["set confirm off", "set pagination off", "set remotetimeout 20", f"file {program}"]
    first.append(f"target remote 127.0.0.1:{server.port}")
    arguments = [part for command in (*first, *commands) for part in ("-ex", command)]
    process = subprocess.Popen(
        ["gdb-multiarch", "-nx", "-batch", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def debug(vm: VM, program: Path, *commands: str) -> str:
    """Run gdb with commands while the machine goes on; what gdb printed."""
    with gdb(vm, program, *commands) as process:
        assert vm.run_until(lambda: process.poll() is not None, 30), "gdb doesn't end"
        assert process.stdout is not None
        return process.stdout.read()


GDB = ("-gdb", "tcp::0")


def test_gdb_from_the_first_instruction(debugged: dict[str, Any]) -> None:
    program = Path(debugged["kernel"])
    with VM(**debugged, append="hello", extra=(*GDB, "-S")) as vm:
        vm.run_until(lambda: False, 0.3)
        assert vm.boots == 0
        said = debug(
            vm,
            program,
            "break say",
            "continue",
            "backtrace",
            "continue",
            "delete",
            "info breakpoints",
            "detach",
        )
        assert said.count("Breakpoint 1, ") == 2
        assert re.search(r"#1 .* in client_main", said)
        vm.expect("talker: hello", 5)
        vm.expect("calls 1000 in ", 20)  # which our breakpoint answers on
        vm.expect("bye", 5)


def test_gdb_at_the_client_interface_s_entry(debugged: dict[str, Any]) -> None:
    """Our breakpoint and the user's are at one address; a step over the call has it answered."""
    program = Path(debugged["kernel"])
    with VM(**debugged, append="hello", extra=(*GDB, "-S")) as vm:
        said = debug(
            vm,
            program,
            "break client_main",
            "continue",
            "set $entry = *(unsigned*)&client_interface",
            "break *$entry",
            "continue",
            'printf "at %d\\n", $pc == $entry',
            "set $link = $lr",
            "stepi",
            'printf "back %d, status %d\\n", $pc == $link, $r3',
            "continue",
            'printf "at %d again\\n", $pc == $entry',
            "delete",
            "detach",
        )
        assert [line for line in said.splitlines() if line.startswith(("at", "back"))] == [
            "at 1",
            "back 1, status 0",
            "at 1 again",
        ], said
        vm.expect("bye", 20)


def test_gdb_stops_a_guest_that_computes_and_one_that_calls(debugged: dict[str, Any]) -> None:
    program = Path(debugged["kernel"])
    with VM(**debugged, append="reset", extra=GDB) as vm:
        vm.expect("zeroes", 20)
        said = debug(vm, program, 'printf "msr %d\\n", $msr != 0', "monitor info status", "detach")
        assert "msr 1" in said
        assert "VM status: paused" in said
        vm.expect("calls 1000", 20)
    with VM(**debugged, append="spin", extra=GDB) as vm:
        vm.expect("ms", 20)
        for _ in range(2):
            said = debug(vm, program, "info symbol $pc", "stepi", "stepi", "info symbol $pc", "detach")
            assert said.count("client_main") >= 2, said
        vm.reset()
        vm.expect("ms", 20)


def test_gdb_interrupts_with_its_key(debugged: dict[str, Any]) -> None:
    program = Path(debugged["kernel"])
    with (
        VM(**debugged, append="spin", extra=GDB) as vm,
        gdb(vm, program, "continue", "info symbol $pc", "detach") as process,
    ):
        vm.expect("ms", 20)
        vm.run_until(lambda: False, 0.5)
        process.send_signal(signal.SIGINT)
        assert vm.run_until(lambda: process.poll() is not None, 20)
        assert process.stdout is not None
        said = process.stdout.read()
        assert "SIGINT" in said
        assert "client_main" in said


def test_a_gdb_that_is_killed_leaves_no_breakpoint(debugged: dict[str, Any]) -> None:
    program = Path(debugged["kernel"])
    commands = ("break say", "continue", "python import time; time.sleep(60)")
    with VM(**debugged, append="hello", extra=(*GDB, "-S")) as vm, gdb(vm, program, *commands) as process:
        server = engine_of(vm).user_gdb
        assert server is not None
        assert vm.run_until(lambda: vm.boots == 1 and bool(server.breakpoints) and server.holds, 20)
        process.kill()
        process.wait()
        vm.expect("bye", 20)


def test_one_gdb_at_a_time_and_nobody_s_nonsense_matters(debugged: dict[str, Any]) -> None:
    with VM(**debugged, append="reset", extra=GDB) as vm:
        vm.expect("talker", 20)
        server = engine_of(vm).user_gdb
        assert server is not None
        for nonsense in (
            b"GET / HTTP/1.0\r\n\r\n",
            b"$Z0,zz,4#00",
            b"$" + b"A" * 100_000,
            b"$Zx#d2$m0#9d+++---\x03\x03",
        ):
            first, second = (socket.create_connection(("127.0.0.1", server.port)) for _ in range(2))
            with first, second:
                assert vm.run_until(lambda: server.connected, 5)
                first.sendall(nonsense)
                vm.run_until(lambda: False, 0.1)
            vm.expect("calls 1000", 20)
            vm.expect("talker", 20)


def test_gdb_in_linux() -> None:
    with linux(smp="2", extra=GDB) as vm:
        vm.expect("/ # ", BOOT)
        program = guests_folder() / "vmlinux"
        said = debug(vm, program, "info threads", "hbreak *0xc000000000000700", "stepi", "delete", "detach")
        assert "CPU#1" in said
        vm.send("echo still; poweroff -f\n")
        vm.expect("still\r\n", 10)
        assert vm.wait(20) is not None
