"""The ends of a VM in a script: what closing, exceptions, threads, event loops and hostile guests leave behind."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import guest_files
import pytest

from vof.backends import SocketEnd
from vof.engines.guardian import Guardian
from vof.engines.qemu import QemuEngine
from vof.errors import EngineError
from vof.events import ClientCall, Event, Phase
from vof.packages import Instance
from vof.vm import VM, Config, EndReason

pytestmark = pytest.mark.guest


def qemu(vm: VM) -> QemuEngine:
    assert isinstance(vm.engine, QemuEngine)
    return vm.engine


def machine(append: str = "console=hvc0", **options: Any) -> VM:
    folder = guest_files.guests_folder()
    files: dict[str, Any] = {"kernel": str(folder / "vmlinux"), "initrd": str(folder / "initrd.gz")}
    return VM(Config(machine="pseries", memory="512M", append=append, **files, **options))


def descriptors() -> dict[str, str]:
    found = {}
    for path in Path("/proc/self/fd").iterdir():
        try:
            found[path.name] = os.readlink(path)
        except FileNotFoundError:  # the one that lists the folder
            continue
    return found


def children() -> list[str]:
    return Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No test here leaves a child, a zombie or a descriptor behind."""
    before = descriptors(), children(), threading.active_count()
    yield
    gc.collect()
    assert (descriptors(), children(), threading.active_count()) == before


def on_phase(vm: VM, name: str, act: Any) -> None:
    def listener(event: Event) -> None:
        if type(event) is Phase and event.name == name:
            act()

    vm.listen(listener)


def until_linux(vm: VM) -> None:
    vm.expect("] Linux version")


# --- closing ---


def test_never_started() -> None:
    for _ in range(20):
        machine().close()


def test_started_and_closed_at_once() -> None:
    for _ in range(5):
        with machine():
            pass


def test_closed_twice() -> None:
    vm = machine()
    vm.start()
    vm.run_to_client()
    vm.close()
    vm.close()


def test_one_after_the_other() -> None:
    for _ in range(3):
        with machine() as vm:
            until_linux(vm)


def test_two_at_the_same_time() -> None:
    with machine() as one, machine() as other:
        one.run_to_client()
        other.run_to_client()
        until_linux(one)
        until_linux(other)
        one.close()
        other.expect("Kernel command line")


def test_two_with_one_guardian() -> None:
    guardian = Guardian()
    one, other = machine(), machine()
    one.start(guardian)
    other.start(guardian)
    pids = qemu(one).pid, qemu(other).pid
    one.close()
    assert [Path(f"/proc/{pid}").exists() for pid in pids] == [False, True]
    guardian.close()
    assert qemu(other).ended is not None
    other.close()


def test_guardian_killed() -> None:
    """Nobody guards us then, but everything else goes on."""
    with machine() as vm:
        guardian = vm._machinery.guardian
        assert guardian is not None
        guardian._process.kill()
        until_linux(vm)


def test_socket_end_closed_after_the_vm(tmp_path: Path) -> None:
    guardian = Guardian()
    path = tmp_path / "console"
    end = SocketEnd(str(path), guardian)
    vm = machine()
    vm.console.user = end
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(path))
        vm.start(guardian)
        vm.run_to_client()
        vm.close()
        end.close()
        end.close()
        guardian.close()
    assert list(tmp_path.iterdir()) == []


def test_socket_that_nobody_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vof.backends.user_ends._PEER_PATIENCE", 0.2)
    path = tmp_path / "console"
    with (
        closing(Guardian()) as guardian,
        socket.socket(socket.AF_UNIX) as peer,
        closing(SocketEnd(str(path), guardian)) as end,
        closing(machine()) as vm,
    ):
        vm.console.user = end
        peer.connect(str(path))
        vm.start(guardian)
        vm.expect("user space is up")


def test_closed_while_the_guest_talks() -> None:
    """Nobody takes the output any more: QEMU must end all the same, and at once."""
    with machine() as vm:
        until_linux(vm)
        time.sleep(1)
        started = time.monotonic()
    assert time.monotonic() - started < 2


# --- exceptions ---


class Deliberate(Exception):
    pass


@pytest.mark.parametrize(
    "name", ["engine started", "client program loaded", "firmware started", "client program has the machine"]
)
def test_exception_in_a_listener(name: str) -> None:
    def fail() -> None:
        raise Deliberate

    vm = machine()
    on_phase(vm, name, fail)
    with pytest.raises(Deliberate), vm:
        until_linux(vm)


def test_exception_inside_a_call() -> None:
    def fail(event: Event) -> None:
        if type(event) is ClientCall:
            raise Deliberate

    vm = machine()
    vm.listen(fail)
    with pytest.raises(Deliberate), vm:
        until_linux(vm)


@pytest.mark.parametrize("delay", [0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.6, 1.0])
def test_keyboard_interrupt(delay: float) -> None:
    """At whatever moment, closing included: the VM lives for about half a second here."""
    timer = threading.Timer(delay, signal.raise_signal, [signal.SIGINT])
    with pytest.raises(KeyboardInterrupt):
        timer.start()
        with machine() as vm:
            vm.run_until(lambda: False, 0.5)
        time.sleep(1)
    timer.join()


def test_keyboard_interrupt_while_closing() -> None:
    for delay in (0, 0.001, 0.005, 0.01, 0.02):
        vm = machine()
        vm.start()
        vm.run_to_client()
        timer = threading.Timer(delay, signal.raise_signal, [signal.SIGINT])
        with pytest.raises(KeyboardInterrupt):
            timer.start()
            vm.close()
            time.sleep(1)
        vm.close()
        assert qemu(vm).ended is not None
        timer.join()


def test_no_signal_is_lost_or_kept() -> None:
    before = signal.getsignal(signal.SIGINT)
    with machine():
        pass
    assert signal.getsignal(signal.SIGINT) is before


# --- QEMU's death ---


def test_qemu_dies_before_its_monitor_is_asked() -> None:
    with machine() as vm:
        vm.run_to_client()
        os.kill(qemu(vm).pid, signal.SIGKILL)
        with pytest.raises(EngineError, match="ended by SIGKILL") as raised:
            vm.reset()
        assert "-machine" in raised.value.command


def test_qemu_dies_after_its_monitor_was_asked() -> None:
    with machine() as vm:
        until_linux(vm)
        qemu(vm).ask_monitor("query-status")
        os.kill(qemu(vm).pid, signal.SIGKILL)
        with pytest.raises(EngineError, match="ended by SIGKILL"):
            vm.wait(10)


def test_panic_that_ends_qemu() -> None:
    with machine("console=hvc0 vof.run=panic", extra=("-action", "panic=shutdown")) as vm:
        ending = vm.wait(60)
    assert ending is not None
    assert ending.reason is EndReason.PANIC


def test_panic_before_the_monitor_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    with machine("console=hvc0 vof.run=panic") as vm:
        with monkeypatch.context() as blind:
            blind.setattr(qemu(vm), "_watch_monitor", lambda: None)
            vm.expect("Kernel panic")
            time.sleep(0.5)
        ending = vm.wait(10)
    assert ending is not None
    assert ending.reason is EndReason.PANIC


def test_panic_after_the_monitor_was_used() -> None:
    """The connection that a reset makes is watched like any other."""
    with machine("console=hvc0 vof.run=panic") as vm:
        until_linux(vm)
        vm.reset()
        ending = vm.wait(60)
    assert ending is not None
    assert ending.reason is EndReason.PANIC


# --- the caller's surroundings ---


def test_inside_a_running_event_loop() -> None:
    async def script() -> None:
        with machine() as vm:
            until_linux(vm)
            vm.reset()
            until_linux(vm)
        await asyncio.sleep(0)

    asyncio.run(script())


def test_in_another_thread() -> None:
    result: list[int] = []

    def script() -> None:
        with machine() as vm:
            until_linux(vm)
            vm.reset()
            until_linux(vm)
            result.append(vm.boots)

    thread = threading.Thread(target=script)
    thread.start()
    thread.join()
    assert result == [2]


def test_child_signals_ignored() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with machine() as vm:
            until_linux(vm)
    finally:
        signal.signal(signal.SIGCHLD, before)


# --- hostile guests ---


def test_guest_that_resets_all_the_time() -> None:
    """Deadlines hold, and so does the wish to quit."""
    vm = machine()
    on_phase(vm, "client program started", vm.reset)
    with vm:
        started = time.monotonic()
        assert not vm.run_until(lambda: False, 2)
        assert time.monotonic() - started < 4
        assert vm.boots > 3
        on_phase(vm, "client program started", vm.quit)
        ending = vm.wait(10)
    assert ending is not None
    assert ending.reason is EndReason.QUIT


def test_quit_while_the_guest_owes_an_answer() -> None:
    """A callback that never returns must not keep the user from ending the machine."""
    vm = machine()

    def loop_forever(instance: Instance, stack: list[int]) -> None:
        vm.engine.memory.write_cells(vm.engine.layout.scratch, (0x48000000,))  # b .
        threading.Timer(0.3, vm.quit).start()
        vm.engine.trap.call(vm.engine.layout.scratch, ())

    with vm:
        vm.run_to_client()
        console = vm.tree.find("/vdevice/vty")
        assert console is not None
        console.methods["write"] = loop_forever
        ending = vm.wait(10)
    assert ending is not None
    assert ending.reason is EndReason.QUIT
