"""The virtual hypervisor: hypercalls and RTAS calls by case tables, and the same statuses from real QEMU."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from fakes import FakeClock, FakeConsole
from hypothesis import given
from hypothesis import strategies as st

from vof import VM, Config, UsageError
from vof.errors import GuestFault, PortError
from vof.firmware.hypervisor import HcallRow, RtasRow, VirtualHypervisor
from vof.machines.papr import HYPERCALLS, RTAS_CALLS, Papr
from vof.machines.papr_cas import read_support
from vof.machines.pseries_tree import memory_of, pseries_tree
from vof.memory import GuestMemory
from vof.outcomes import Panic, PowerOff, Reset
from vof.ports import Memory
from vof.tree import build_fdt, encode_reg, parse_fdt

RAM = 64 << 20
BLOCK, DATA = 0x3000000, 0x3010000
VTY = 0x71000000
BEYOND = 1 << 40
VECTOR, ANSWER, ROOM = 0x3020000, 0x2000000, 0x200000
ANY_CPU, NO_MORE_CPUS = bytes(8), bytes(4) + b"\xff" * 4

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
    ("memop of nothing", 0xF001, (DATA, DATA + 64, 3, 0, 0), 0),
    ("no number", 0, (), -2),
    ("a number of 64 bits", (1 << 64) - 4, (), -2),
    ("put char, nothing", 0x58, (VTY, 0, 0, 0), 0),
    ("put char, longer than anything", 0x58, (VTY, 1 << 63, 0, 0), -4),
    ("load of nothing", 0x3C, (0, DATA), -4),
    ("load of 2**63 bytes", 0x3C, (1 << 63, DATA), -4),
    ("load, unaligned", 0x3C, (4, DATA + 1), 0),
    ("instruction cache", 0x4C, (DATA,), 0),
    ("data cache", 0x50, (DATA,), 0),
    ("RTAS block beyond memory", 0xF000, (BEYOND,), -4),
    ("CAS, a vector of zeros", 0xF002, (DATA, ANSWER, ROOM), -4),
]

VECTORS = [
    # what, vector, status
    ("any CPU, nothing asked", ANY_CPU + NO_MORE_CPUS + b"\4" + bytes(10), 0),
    ("any CPU, affinity in form 1", ANY_CPU + NO_MORE_CPUS + b"\4" + bytes(8) + b"\4\0\0\0\0\x80", 0),
    ("no CPU", NO_MORE_CPUS + b"\4" + bytes(10), -1),
    ("four option vectors", ANY_CPU + NO_MORE_CPUS + b"\3" + bytes(8), -4),
]

RTAS = [
    # name, arguments, result cells, status
    ("start-cpu", (0, 0, 0), 1, -1),
    ("start-cpu", (77, 0, 0), 1, -3),
    ("event-scan", (0xFFFFFFFF, 0, DATA, 64), 1, 1),
    ("get-time-of-day", (), 7, -3),
    ("get-time-of-day", (1,), 8, -3),
    ("power-off", (0,), 1, -3),
    ("system-reboot", (0,), 1, -3),
    ("query-cpu-stopped-state", (0,), 1, -3),
    ("ibm,get-system-parameter", (20, DATA, 200), 1, 0),
    ("ibm,get-system-parameter", (20, DATA, 2), 1, 0),
    ("ibm,get-system-parameter", (20, DATA, 1), 1, -9999),
    ("ibm,get-system-parameter", (42, DATA, 3), 1, 0),
    ("ibm,get-system-parameter", (48, DATA, 18), 1, 0),
    ("ibm,get-system-parameter", (7, DATA, 200), 1, -3),
    ("ibm,set-system-parameter", (20, DATA), 1, -9002),
    ("ibm,set-system-parameter", (7, DATA), 1, -3),
    ("read-pci-config", (0xF800, 4), 2, -1),
    ("write-pci-config", (0xF800, 4, 1), 1, -1),
    ("ibm,read-pci-config", (0xF800, 0, 0, 4), 2, -1),
    ("ibm,write-pci-config", (0xF800, 0, 0, 4, 1), 1, -1),
    ("nvram-store", (0xFFF8, DATA, 8), 2, 0),
    ("nvram-store", (0xFFF8, DATA, 9), 2, -3),
    ("nvram-store", (0x10000, DATA, 0), 2, 0),
    ("nvram-fetch", (0xFFF8, DATA, 8), 2, 0),
    ("nvram-fetch", (0xFFF8, DATA, 9), 2, -3),
    ("nvram-fetch", (0xFFFFFFFF, DATA, 0xFFFFFFFF), 2, -3),
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
    def __init__(self, *typed: bytes, console: FakeConsole | None = None, without: str = "") -> None:
        self.memory = GuestMemory(bytearray(RAM))
        self.console = console or FakeConsole(b"".join(typed))
        self.clock = FakeClock()
        tree = pseries_tree(RAM, "power10", 0x800200)
        if without:
            node = tree.find(without)
            assert node is not None
            tree.remove(node)
        self.papr = Papr(tree, self.memory, self.console, self.clock)
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


@pytest.mark.parametrize(("vector", "status"), [case[1:] for case in VECTORS], ids=[case[0] for case in VECTORS])
def test_vectors(vector: bytes, status: int) -> None:
    ours = Ours()
    ours.memory.write(VECTOR, vector)
    for _ in range(2):
        assert ours.hypercall(0xF002, VECTOR, ANSWER, ROOM)[0] == status
    assert bool(ours.memory.read_cells(ANSWER, 1)[0]) is (status == 0), "nothing is written if it is refused"


def test_cas_gives_a_whole_tree_or_nothing() -> None:
    ours = Ours()
    ours.memory.write(VECTOR, VECTORS[0][1])
    assert ours.hypercall(0xF002, VECTOR, ANSWER, ROOM) == (0,)
    assert ours.memory.read(ANSWER, 8) == b"\0\0\0\1\xd0\x0d\xfe\xed"
    for arguments in (
        (VECTOR, ANSWER, 0x100),
        (BEYOND, ANSWER, ROOM),
        (VECTOR, BEYOND, ROOM),
        (VECTOR, RAM - 0x100, ROOM),
    ):
        assert ours.hypercall(0xF002, *arguments)[0] == -4


CPUS = [
    # what, mask, version, whether it is ours
    ("ours", 0xFFFFFFFF, 0x800200, True),
    ("our family", 0xFFFF0000, 0x800000, True),
    ("another", 0xFFFF0000, 0x4E0000, False),
    ("an architecture level", 0xFFFFFFFF, 0x0F000006, True),
]


@pytest.mark.parametrize(("mask", "version", "fits"), [case[1:] for case in CPUS], ids=[case[0] for case in CPUS])
def test_the_processors_of_a_vector(mask: int, version: int, fits: bool) -> None:
    ours = Ours()
    ours.memory.write_cells(VECTOR, (mask, version))
    ours.memory.write(VECTOR + 8, VECTORS[2][1])
    assert ours.hypercall(0xF002, VECTOR, ANSWER, ROOM)[0] == (0 if fits else -1)


@pytest.mark.parametrize(
    ("asked", "agreed"),
    [
        (b"\0", b"\0\0"),
        (b"\xff" * 4, b"\0\0"),
        (b"\xff" * 5, b"\4\0\0\0\0\x80"),
        (bytes(22) + b"\xc0\x40\0\x40", b"\x19" + bytes(22) + b"\0\x40\0\x40"),
        (b"\xff" * 256, b"\x19" + bytes(4) + b"\x80" + bytes(18) + b"\x40\0\x40"),
    ],
    ids=["nothing", "what isn't there", "affinity", "radix, and XIVE, which isn't there", "everything"],
)
def test_what_is_agreed_on(asked: bytes, agreed: bytes) -> None:
    ours = Ours()
    vector = ANY_CPU + NO_MORE_CPUS + b"\4" + bytes(8) + bytes([len(asked) - 1]) + asked
    ours.memory.write(VECTOR, vector)
    assert ours.hypercall(0xF002, VECTOR, ANSWER, ROOM) == (0,)
    (size,) = ours.memory.read_cells(ANSWER + 8, 1)
    chosen = parse_fdt(ours.memory.read(ANSWER + 4, size)).find("/chosen")
    assert chosen is not None and chosen.properties["ibm,architecture-vec-5"] == agreed


@given(vector=st.binary(max_size=300), at_end=st.booleans())
def test_no_vector_does_more_than_fail(vector: bytes, at_end: bool) -> None:
    memory = GuestMemory(bytearray(0x4000))
    address = memory.size - len(vector) if at_end else 0
    memory.write(address, vector)
    try:
        support = read_support(memory, address)
    except GuestFault:
        return
    assert len(support.versions) < 512 and 1 <= len(support.options) <= 256
    assert all(1 <= len(option) <= 256 for option in support.options)


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
    for name, arguments, outcome in (
        ("power-off", (0, 0), PowerOff()),
        ("system-reboot", (), Reset()),
        ("ibm,os-term", (DATA,), Panic()),
    ):
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
    assert ours.bench.rtas("set-time-of-day", (0xFFFFFFFF, 1, 1, 0, 0, 0, 0), 1) == (0xFFFFFFFD,)


def test_the_end_and_the_beginning_of_time() -> None:
    ours = Ours()
    assert ours.bench.rtas("set-time-of-day", (9999, 12, 31, 23, 59, 59, 0), 1) == (0,)
    assert ours.bench.rtas("get-time-of-day", (), 8)[:2] == (0, 9999)
    ours.clock.sleep(1000)
    assert ours.bench.rtas("get-time-of-day", (), 8)[0] == 0xFFFFFFFF
    assert ours.bench.rtas("set-time-of-day", (1, 1, 1, 0, 0, 0, 0), 1) == (0,)
    assert ours.bench.rtas("get-time-of-day", (), 8)[:7] == (0, 1, 1, 1, 0, 0, 0)


def test_nvram() -> None:
    ours = Ours()
    ours.memory.write(DATA, b"boot-device")
    assert ours.bench.rtas("nvram-store", (0x100, DATA, 11), 2) == (0, 11)
    assert ours.bench.rtas("nvram-fetch", (0x102, DATA + 64, 20), 2) == (0, 20)
    assert ours.memory.read(DATA + 64, 20) == b"ot-device".ljust(20, b"\0")
    for call in ("nvram-fetch", "nvram-store"):
        assert ours.bench.rtas(call, (0, RAM - 4, 8), 2) == (0xFFFFFFFD, 0)
        assert Ours(without="/vdevice/nvram").bench.rtas(call, (0, DATA, 1), 2) == (0xFFFFFFFF, 0)
    again = Papr(pseries_tree(RAM, "power10", 0), ours.memory, ours.console, ours.clock, nvram=ours.papr.nvram)
    assert again.nvram is not None and again.nvram.read(0x100, 11) == b"boot-device", "after a reset"


def test_system_parameters() -> None:
    ours = Ours()
    assert ours.bench.rtas("ibm,get-system-parameter", (20, DATA, 200), 1) == (0,)
    text = b"MaxEntCap=1,DesMem=64,DesProcs=1,MaxPlatProcs=1\0"
    assert ours.memory.read(DATA, 2 + len(text)) == len(text).to_bytes(2) + text
    ours.memory.write(DATA, b"\xff" * 8)
    assert ours.bench.rtas("ibm,get-system-parameter", (20, DATA, 5), 1) == (0,)
    assert ours.memory.read(DATA, 8) == len(text).to_bytes(2) + b"Max" + b"\xff" * 3, "cut to the buffer"
    assert ours.bench.rtas("ibm,get-system-parameter", (20, RAM - 4, 200), 1) == (-9999 & 0xFFFFFFFF,)


class BrokenConsole(FakeConsole):
    """A console whose other end has gone."""

    def write(self, data: bytes) -> None:
        raise PortError("gone")

    def read(self, limit: int) -> bytes:
        raise PortError("gone")


def test_a_console_that_fails_is_a_hardware_error() -> None:
    ours = Ours(console=BrokenConsole())
    assert ours.hypercall(0x54, VTY) == (-1,)
    assert ours.hypercall(0x58, VTY, 1, 0, 0) == (-1,)
    assert ours.bench.rtas("display-character", (0x21,), 1) == (0xFFFFFFFF,)


def test_the_tree_has_the_tokens_of_the_calls_that_are_there() -> None:
    rtas = pseries_tree(RAM, "power10", 0).find("/rtas")
    assert rtas is not None
    tokens = {name: int.from_bytes(value) for name, value in rtas.properties.items() if value[:3] == b"\0\0\x20"}
    assert set(tokens) == set(RTAS_CALLS) and len(set(tokens.values())) == len(tokens)


def flattened(size: int, *further: tuple[int, int]) -> bytes:
    tree = pseries_tree(RAM, "power10", 0)
    first = tree.find("/memory@0")
    assert first is not None
    tree.remove(first)
    for start, length in (*further, (0, size)):  # QEMU's order with NUMA: memory@0 is the last
        tree.add("/", f"memory@{start:x}", {"reg": encode_reg([(start, length)], 2, 2)})
    return build_fdt(tree)


@pytest.mark.parametrize("size", [0, 1, (256 << 20) + 123])
def test_a_tree_without_usable_memory_is_refused(size: int) -> None:
    with pytest.raises(UsageError, match="memory at 0"):
        memory_of(flattened(size))


def test_the_memory_of_the_users_tree() -> None:
    assert memory_of(flattened(3 << 30)) == 3 << 30
    assert memory_of(flattened(1 << 30, (3 << 29, 1 << 29), (1 << 30, 1 << 29))) == 2 << 30
    for hole in ((3 << 29, 1 << 29), (1 << 29, 1 << 30)):  # a gap, and an overlap
        with pytest.raises(UsageError, match="doesn't follow"):
            memory_of(flattened(1 << 30, hole))
    with pytest.raises(UsageError, match="can't be used"):
        memory_of(flattened(1 << 30)[:-1])


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
        for what, vector, status in VECTORS:
            theirs.memory.write(VECTOR, vector)
            assert [theirs.hypercall(0xF002, VECTOR, ANSWER, ROOM)[0] for _ in range(2)] == [status] * 2, what
        # no row with too little room for the tree: that ends QEMU itself
        assert theirs.rtas("ibm,get-system-parameter", (20, DATA, 200), 1) == (0,)
        assert theirs.memory.read(DATA + 2, 51).startswith(b"MaxEntCap=1,DesMem=256,DesProcs=1,MaxPlatProcs=1")
