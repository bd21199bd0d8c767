"""The virtual hypervisor: hypercalls and RTAS calls by case tables, and the same statuses from real QEMU."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from fakes import FakeClock, FakeConsole

from vof import VM, Config
from vof.firmware.hypervisor import HcallRow, RtasRow, VirtualHypervisor
from vof.machines.papr import HYPERCALLS, RTAS_CALLS, Papr
from vof.machines.pseries_tree import pseries_tree
from vof.memory import GuestMemory
from vof.outcomes import PowerOff, Reset
from vof.ports import Memory

RAM = 64 << 20
BLOCK, DATA = 0x3000000, 0x3010000
VTY = 0x71000000
BEYOND = 1 << 40

Hypercall = Callable[..., tuple[int, ...]]

CASES: list[tuple[str, int, Sequence[int], int]] = [
    # what, number, arguments, status
    ("unknown", 0x1230, (), -2),
    ("put char, bad terminal", 0x58, (0x12345678, 1, 0, 0), -4),
    ("put char, too long", 0x58, (VTY, 17, 0, 0), -4),
    ("put char", 0x58, (VTY, 2, 0x6F6B000000000000, 0), 0),
    ("put char, terminal 0", 0x58, (0, 1, 0x2E00000000000000, 0), 0),
    ("get char, bad terminal", 0x54, (0x12345678,), -4),
    ("get char", 0x54, (VTY,), 0),
    ("load of 3 bytes", 0x3C, (3, DATA), -4),
    ("load of 8 bytes", 0x3C, (8, DATA), 0),
    ("store of 5 bytes", 0x40, (5, DATA, 1), -4),
    ("store of 4 bytes", 0x40, (4, DATA, 1), 0),
    ("cached load", 0x44, (4, DATA), 0),
    ("cached store", 0x48, (2, DATA, 7), 0),
    ("memop, bad size", 0xF001, (DATA, DATA + 64, 4, 1, 0), -4),
    ("memop, bad operation", 0xF001, (DATA, DATA + 64, 2, 1, 2), -4),
    ("memop, misaligned", 0xF001, (DATA + 1, DATA + 64, 2, 1, 0), -4),
    ("memop", 0xF001, (DATA, DATA + 64, 3, 4, 1), 0),
]

RTAS = [
    # name or token, arguments, result cells, status
    ("display-character", (ord("!"),), 1, 0),
    ("get-time-of-day", (), 8, 0),
    ("nosuch", (), 1, -3),
    ("query-cpu-stopped-state", (0,), 2, 0),
    ("query-cpu-stopped-state", (77,), 2, -3),
]


class Bench:
    """A hypervisor and the memory that it shares."""

    def __init__(self, memory: Memory, hypercall: Hypercall, tokens: dict[str, int]) -> None:
        self.memory = memory
        self.hypercall = hypercall
        self._tokens = tokens

    def rtas(self, name: str, arguments: Sequence[int], results: int) -> tuple[int, ...]:
        token = self._tokens.get(name, 0x7777)
        self.memory.write_cells(BLOCK, (token, len(arguments), results, *arguments, *[0] * results))
        self.hypercall(0xF000, BLOCK)
        return self.memory.read_cells(BLOCK + 12 + 4 * len(arguments), results)


def tokens(tree_rtas: dict[str, bytes]) -> dict[str, int]:
    return {name: int.from_bytes(value) for name, value in tree_rtas.items() if name in RTAS_CALLS and len(value) == 4}


class Ours:
    def __init__(self, *typed: bytes) -> None:
        self.memory = GuestMemory(bytearray(RAM))
        self.console = FakeConsole(b"".join(typed))
        tree = pseries_tree(RAM, "power10", 0x800200)
        self.papr = Papr(tree, self.memory, self.console, FakeClock())
        rtas = tree.find("/rtas")
        assert rtas is not None
        self.bench = Bench(self.memory, self.hypercall, tokens(dict(rtas.properties)))

    def hypercall(self, number: int, *arguments: int) -> tuple[int, ...]:
        answer = self.papr.hypervisor.hypercall(number, (*arguments, *[0] * (9 - len(arguments))))
        assert isinstance(answer, tuple)
        return answer


@pytest.mark.parametrize(
    ("number", "arguments", "status"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_statuses(number: int, arguments: Sequence[int], status: int) -> None:
    assert Ours().hypercall(number, *arguments)[0] == status


@pytest.mark.parametrize(("name", "arguments", "results", "status"), RTAS)
def test_rtas_statuses(name: str, arguments: Sequence[int], results: int, status: int) -> None:
    assert Ours().bench.rtas(name, arguments, results)[0] == status & 0xFFFFFFFF


def test_the_console() -> None:
    ours = Ours(b"typed at the terminal")
    assert ours.hypercall(0x58, VTY, 3, 0x6162630000000000, 0) == (0,)
    assert ours.hypercall(0x54, VTY) == (0, 16, int.from_bytes(b"typed at"), int.from_bytes(b" the ter"))
    assert ours.hypercall(0x54, VTY) == (0, 5, int.from_bytes(b"minal\0\0\0"), 0)
    ours.bench.rtas("display-character", (0x21,), 1)
    assert bytes(ours.console.output) == b"abc!"


def test_memory_is_big_endian_and_bounded() -> None:
    ours = Ours()
    assert ours.hypercall(0x40, 8, DATA, 0x0102030405060708) == (0,)
    assert ours.memory.read(DATA, 8) == bytes(range(1, 9))
    assert ours.hypercall(0x3C, 2, DATA + 6) == (0, 0x0708)
    for number in (0x3C, 0x44):
        assert ours.hypercall(number, 4, BEYOND)[0] == -4
    assert ours.hypercall(0x40, 4, RAM - 2, 1)[0] == -4
    assert ours.hypercall(0xF001, DATA + 64, DATA, 3, 1, 1) == (0,)
    assert ours.memory.read(DATA + 64, 8) == bytes(byte ^ 0xFF for byte in range(1, 9))
    assert ours.hypercall(0xF001, 0, 0, 3, 1 << 60, 0)[0] == -4


def test_cas_gives_a_whole_tree_or_nothing() -> None:
    ours = Ours()
    assert ours.hypercall(0xF002, DATA, 0x2000000, 0x200000) == (0,)
    assert ours.memory.read(0x2000000, 8) == b"\0\0\0\1\xd0\x0d\xfe\xed"
    assert ours.hypercall(0xF002, DATA, 0x2000000, 0x100)[0] == -4
    assert ours.hypercall(0xF002, BEYOND, 0x2000000, 0x200000)[0] == -4
    assert ours.hypercall(0xF002, DATA, BEYOND, 0x200000)[0] == -4


@pytest.mark.parametrize(
    ("address", "cells"),
    [(RAM - 8, ()), (BEYOND, ()), (BLOCK, (1, 0xFFFFFFFF, 1)), (BLOCK, (1, 1, 0x1000)), (RAM - 16, (1, 1, 1))],
)
def test_a_wild_rtas_block_is_refused(address: int, cells: Sequence[int]) -> None:
    ours = Ours()
    if cells:
        ours.memory.write_cells(address, cells)
    assert ours.hypercall(0xF000, address)[0] == -4


def test_what_ends_the_machine() -> None:
    ours = Ours()
    for name, arguments, outcome in (("power-off", (0, 0), PowerOff()), ("system-reboot", (), Reset())):
        with pytest.raises(AssertionError):
            ours.bench.rtas(name, arguments, 1)
        token = ours.bench._tokens[name]
        ours.memory.write_cells(BLOCK, (token, len(arguments), 1, *arguments, 0))
        assert ours.papr.hypervisor.hypercall(0xF000, (BLOCK, *[0] * 8)) == outcome


def test_the_time_that_a_guest_sets() -> None:
    ours = Ours()
    assert ours.bench.rtas("set-time-of-day", (2031, 2, 3, 4, 5, 6, 0), 1) == (0,)
    assert ours.bench.rtas("get-time-of-day", (), 8)[:7] == (0, 2031, 2, 3, 4, 5, 6)
    assert ours.bench.rtas("set-time-of-day", (2031, 13, 3, 4, 5, 6, 0), 1) == (0xFFFFFFFD,)


def test_a_machine_that_provides_nothing() -> None:
    nothing = VirtualHypervisor()
    assert nothing.hypercall(0x58, [0] * 9) == (-2,)
    assert nothing.osi_call(20, [0] * 6) == (0,) and nothing.osi_call(100, [0] * 6) is None


def test_every_row_says_what_it_does() -> None:
    rows: list[HcallRow | RtasRow] = [*HYPERCALLS.values(), *RTAS_CALLS.values()]
    for row in rows:
        assert row.summary.endswith(".") and row.clause and hasattr(Papr, row.method)


@pytest.mark.guest
def test_qemu_gives_the_same_statuses() -> None:
    with VM(Config(engine="qemu", machine="pseries", memory="256M")) as vm:
        vm.run_to_client()  # there is none: the stub waits for an order
        rtas = vm.tree.find("/rtas")
        assert rtas is not None
        theirs = Bench(vm.engine.memory, vm.engine.trap.hypercall, tokens(dict(rtas.properties)))
        for what, number, arguments, status in CASES:
            assert theirs.hypercall(number, *arguments)[0] == status, what
        for name, arguments, results, status in RTAS:
            assert theirs.rtas(name, arguments, results)[0] == status & 0xFFFFFFFF, name
        assert theirs.hypercall(0xF002, DATA, 0x2000000, 0x100)[0] != 0
