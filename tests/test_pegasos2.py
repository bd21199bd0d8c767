"""The board `pegasos2` and clients of our own: start, reset, exceptions while the vectors are the firmware's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import guest_files
import pytest
from build import build_c

from vof.engines.qemu import QemuEngine
from vof.errors import EngineError
from vof.tree import decode_cells
from vof.vm import VM, EndReason

pytestmark = pytest.mark.guest


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("programs")
    return {name: str(build_c(name, 32, "big", folder)) for name in ("talker", "crasher", "walker")}


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


# --- PCI, and the other boards ---


def found_by_qemu(vm: VM) -> Iterator[dict[str, Any]]:
    """QEMU's own view of every function on every bus."""
    engine = vm.engine
    assert isinstance(engine, QemuEngine)

    def walk(devices: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for device in devices:
            yield device
            yield from walk(device.get("pci_bridge", {}).get("devices", []))

    for bus in engine.ask_monitor("query-pci"):
        yield from walk(bus["devices"])


CARDS = ("-device", "pci-bridge,chassis_nr=1,id=b,addr=4", "-device", "e1000,bus=b,addr=3", "-device", "VGA,addr=6")


@pytest.mark.parametrize(
    ("machine", "extra", "least"),
    [
        ("pegasos2", (), 9),
        ("pegasos2", CARDS, 12),
        ("mac99", ("-device", "VGA"), 3),
        ("g3beige", ("-device", "rtl8139"), 3),
        ("pseries", CARDS, 3),
    ],
)
def test_the_tree_tells_of_the_devices_as_qemu_has_them(
    programs: dict[str, str], machine: str, extra: tuple[str, ...], least: int
) -> None:
    with VM(machine=machine, kernel=programs["walker"], extra=extra) as vm:
        vm.run_to_client()
        at_qemu = list(found_by_qemu(vm))
        nodes = [node for node in vm.tree.root.walk() if "assigned-addresses" in node.properties]
        ours = set()
        for node in nodes:
            cells = decode_cells(node.properties["assigned-addresses"])
            for high, _, low, _, size in zip(*[iter(cells)] * 5, strict=True):
                if high & 0xFF not in (0x30, 0x38):  # ROMs are off
                    kind = "io" if high >> 24 & 3 == 1 else "memory"
                    ours.add((high >> 16 & 0xFF, high >> 11 & 31, high >> 8 & 7, kind, low, size))
    theirs = {
        (each["bus"], each["slot"], each["function"], region["type"], region["address"], region["size"])
        for each in at_qemu
        for region in each["regions"]
        if region["address"] >= 0
    }
    assert ours == theirs
    assert len(at_qemu) >= least


@pytest.mark.parametrize(("machine", "node"), [("mac99", "pci106b,22@c"), ("g3beige", "pci106b,10@10")])
def test_a_client_walks_a_mac_s_tree(programs: dict[str, str], machine: str, node: str) -> None:
    """It prints every node's path through the firmware, PCI devices included."""
    with VM(machine=machine, kernel=programs["walker"]) as vm:
        text = vm.expect("bye").decode()
        paths = [each.path for each in vm.tree.root.walk()]
    assert [line.split()[0] for line in text.splitlines()[:-1]] == paths
    assert any(path.endswith(node) for path in paths)


def test_a_card_that_finds_no_room_is_told_and_stays_off(programs: dict[str, str]) -> None:
    card = ("-object", "memory-backend-ram,id=m,size=2G", "-device", "ivshmem-plain,memdev=m,addr=5")
    with VM(machine="pegasos2", kernel=programs["walker"], extra=(*card, "-device", "VGA")) as vm:
        vm.expect("bye")
        (notice,) = vm.notices
        (found,) = [each for each in found_by_qemu(vm) if each["slot"] == 5]
        assert vm.tree.find("/pci@80000000/display@1") is not None
    assert notice == "PCI 00:05.0 (1af4:1110): no room for registers, 0x80000000 bytes of memory"
    assert all(region["address"] < 0 for region in found["regions"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-m", "4G"], "vof: qemu-system-ppc refuses: RAM size more than 2 GiB is not supported"),
        (["-m", "32M"], "vof: -m 32M is too little: pegasos2 needs at least 64 MiB"),
        (["-smp", "2"], "vof: qemu-system-ppc refuses: Invalid SMP CPUs 2"),
        (["-device", "e1000,romfile=none.rom"], 'failed to find romfile "none.rom"'),
        (["-device", "VGA,addr=1", "-device", "e1000,addr=1"], "slot 1 function 0 not available"),
        (["-device", "none-such"], "'none-such' is not a valid device model name"),
        (["--nvram", "/none/nvram"], "vof: --nvram /none/nvram: there is no folder /none"),
        (["-machine", "pegasos2,console=vga"], "vof: -machine pegasos2,console=vga: it is host or uart"),
        (["--engine", "unicorn"], "vof: pegasos2 can't run on --engine unicorn"),
        (["-machine", "mac99", "--nvram", "x"], "pseries, pegasos2, mol have an NVRAM that can be kept"),
    ],
)
def test_one_line_says_what_can_t_be(programs: dict[str, str], options: list[str], message: str) -> None:
    command = [sys.executable, "-m", "vof", "boot", "-machine", "pegasos2", "-kernel", programs["talker"], *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 2 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert message in line


@pytest.mark.parametrize("console", ["host", "uart"])
def test_grub_reads_and_prints(console: str) -> None:
    """By the host's end of the serial line, or through the board's own device."""
    core = guest_files.guests_folder() / "grub" / "core.elf"
    with VM(machine=f"pegasos2,console={console}", kernel=str(core)) as vm:
        vm.expect("grub> ")
        vm.send("set foo=bar\r")
        vm.expect("grub> ")
        vm.send("set\r")
        vm.expect("foo=bar")


def test_by_breakpoint_it_runs_and_says_that_it_can_t_be_reset(programs: dict[str, str]) -> None:
    with VM(machine="pegasos2", trap="breakpoint", kernel=programs["talker"], append="reset") as vm:
        vm.expect("calls 1000")
        with pytest.raises(EngineError, match="doesn't survive its own reset"):
            vm.wait(20)
