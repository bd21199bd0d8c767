"""The board `pegasos2` and clients of our own: start, reset, exceptions while the vectors are the firmware's."""

from __future__ import annotations

import pytest
from build import build_c

from vof.engines.qemu import QemuEngine
from vof.vm import VM, EndReason

pytestmark = pytest.mark.guest


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("programs")
    return {name: str(build_c(name, 32, "big", folder)) for name in ("talker", "crasher")}


@pytest.mark.parametrize("memory", ["64M", "512M", "2G"])
def test_a_client_program_runs(programs: dict[str, str], memory: str) -> None:
    with VM(machine="pegasos2", kernel=programs["talker"], memory=memory) as vm:
        ending = vm.wait(30)
        text = vm.expect("bye")
        assert b"zeroes 0\r\ncalls 1000 in" in text.replace(b"\n", b"\r\n").replace(b"\r\r", b"\r")
        assert ending is not None and ending.reason is EndReason.EXIT


def test_a_reset_starts_everything_again(programs: dict[str, str]) -> None:
    with VM(machine="pegasos2", kernel=programs["talker"], append="reset") as vm:
        for _ in range(3):
            vm.expect("zeroes 0")
        assert vm.boots == 3


@pytest.mark.parametrize("by", ["vof", "the guest"])
def test_a_reset_while_the_guest_is_busy_takes_another_qemu(programs: dict[str, str], by: str) -> None:
    """QEMU's own reset takes the bridge's registers away: nothing on PCI would be left."""
    with VM(machine="pegasos2", kernel=programs["talker"], append="spin") as vm:
        engine = vm.engine
        assert isinstance(engine, QemuEngine)
        for boots in (1, 2, 3):
            vm.expect("calls 1000")
            assert vm.boots == boots
            vm.wait(0.2)  # until the guest is at its loop
            before = engine.pid
            if by == "vof":
                vm.reset()
            else:
                engine.ask_monitor("system_reset")
        vm.expect("calls 1000")
        assert engine.pid != before
        vm.quit()
        ending = vm.wait(5)
    assert ending is not None and ending.reason is EndReason.QUIT


@pytest.mark.parametrize(
    ("how", "message", "vector"),
    [
        ("illegal", "ran into what is no instruction of this CPU", 0x700),
        ("trap", "executed a trap", 0x700),
        ("sc", "made a system call", 0xC00),
        ("vector", "used the vector unit", 0xF20),
        ("translation", "accessed data at an address that nothing is mapped to (0x", 0x300),
    ],
)
def test_an_exception_is_told_with_the_registers(programs: dict[str, str], how: str, message: str, vector: int) -> None:
    with VM(machine="pegasos2", kernel=programs["crasher"], append=how) as vm:
        ending = vm.wait(30)
    assert ending is not None and ending.reason is EndReason.CRASH
    assert ending.message.startswith(f"the client program {message}") and "(client_main+" in ending.message
    registers = dict(ending.registers)
    assert registers["vector"] == vector
    assert how != "illegal" or registers["r31"] == 0x1234
    assert registers["srr0"] < 0x2100000 and registers["r12"]


def test_nobody_s_interrupt_does_no_harm(programs: dict[str, str]) -> None:
    with VM(machine="pegasos2", kernel=programs["crasher"], append="decrementer") as vm:
        vm.expect("nothing happened")
