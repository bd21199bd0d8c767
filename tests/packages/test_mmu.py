"""The MMU's package: its methods as clients call them, its page table as a real CPU model walks it."""

from __future__ import annotations

import ctypes
import pickle
from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unicorn import UC_ARCH_PPC, UC_MODE_BIG_ENDIAN, UC_MODE_PPC32, Uc
from unicorn.ppc_const import UC_CPU_PPC32_750_V3_1, UC_PPC_REG_3, UC_PPC_REG_4, UC_PPC_REG_MSR
from unicorn.unicorn_const import UC_CTL_TLB_FLUSH, UC_HOOK_INTR

from vof.errors import GuestFault, Throw
from vof.memory import GuestMemory
from vof.packages import Instance, Mmu, PageTable
from vof.packages.mmu import DEVICE_MODE, MEMORY_MODE
from vof.tree import Node, decode_cells, decode_reg

RAM = 32 << 20
KEPT = (30 << 20, 2 << 20)
TABLE = (29 << 20, 1 << 18)
PAGE = 0x1000
MINUS_1 = 0xFFFFFFFF


class Bench:
    """An MMU over memory of its own.

    Attributes:
        flushes: how often the page table was said to have changed.
    """

    def __init__(self, *, real: bool = False) -> None:
        self.memory = GuestMemory(bytearray(RAM))
        self.flushes = 0
        self.table = None if real else PageTable(self.memory, *TABLE)
        self.mmu = Mmu(RAM, (TABLE, KEPT), self.table, self.flush)
        node = Node("mmu")
        node.methods.update(self.mmu.methods())
        for name, read in self.mmu.properties().items():
            node.properties.compute(name, read)
        self.node = node
        self.instance = Instance(0x40000000, node, None)

    def flush(self) -> None:
        self.flushes += 1

    def call(self, method: str, *cells: int) -> list[int]:
        """Call a method with its arguments in the stack's order, the top last."""
        stack = list(cells)
        self.instance.call(method, stack)
        return stack

    def state(self) -> object:
        return self.mmu.translations.saved(), self.mmu.claims.claimed(), self.memory.read(*TABLE)


def test_the_methods_do_as_the_binding_says() -> None:
    bench = Bench()
    assert bench.call("open") == [-1]
    base = bench.call("claim", 0x2000, 0x1000)[0]
    assert base >= RAM and base % 0x1000 == 0
    assert bench.call("translate", base) == [0]
    assert bench.call("map", 0x300000, base, 0x2000, MINUS_1) == []
    assert bench.call("translate", base + 0x1234) == [0x301234, MEMORY_MODE, -1]
    assert bench.call("modify", base, 0x1000, 0x13) == []
    assert bench.call("translate", base) == [0x300000, 0x13, -1]
    assert bench.call("translate", base + 0x1000) == [0x301000, MEMORY_MODE, -1]
    assert bench.call("unmap", base, 0x1000) == []
    assert bench.call("translate", base) == [0]
    assert bench.call("release", base, 0x2000) == []
    assert bench.call("close") == []
    assert bench.flushes == 3


def test_all_of_memory_is_mapped_at_the_start() -> None:
    bench = Bench()
    assert bench.flushes == 0
    for address in (0, 0x4000, 0x123456, RAM - 1):
        assert bench.call("translate", address) == [address, MEMORY_MODE, -1]
    assert bench.call("translate", RAM) == [0]
    assert decode_cells(bench.node.properties["translations"]) == (0, RAM, 0, MEMORY_MODE)
    assert decode_reg(bench.node.properties["available"], 1, 1) == (
        (0, TABLE[0]),
        (TABLE[0] + TABLE[1], KEPT[0] - TABLE[0] - TABLE[1]),
        (RAM, (1 << 32) - RAM),
    )


@pytest.mark.parametrize(
    ("phys", "virt", "size", "mode", "translations"),
    [
        pytest.param(0x80000000, 0x80000000, 16, MINUS_1, [(0x80000000, 0x1000, 0x80000000, DEVICE_MODE)], id="i/o"),
        pytest.param(0x80000123, 0x90000123, 1, MINUS_1, [(0x90000000, 0x1000, 0x80000000, DEVICE_MODE)], id="a byte"),
        pytest.param(0x200FFF, 0x90000FFF, 2, 0, [(0x90000000, 0x2000, 0x200000, 0)], id="two bytes, two pages"),
        pytest.param(0x200000, 0xFFFFF000, 0x1000, 0x12, [(0xFFFFF000, 0x1000, 0x200000, 0x12)], id="the last page"),
        pytest.param(0x200000, 0x90000000, 0x1000, 0xFFFFFF12, [(0x90000000, 0x1000, 0x200000, 0x12)], id="other bits"),
        pytest.param(0x300000, 0x300000, 0x1EFFFF, MINUS_1, [], id="as it is already"),
        pytest.param(0x300000, 0x300000, 0, MINUS_1, [], id="nothing"),
        pytest.param(*KEPT[:1], *KEPT, MINUS_1, [], id="the firmware as it is"),
        pytest.param(
            RAM - PAGE, 0x90000000, 0x2000, MINUS_1,
            [(0x90000000, 0x1000, RAM - PAGE, MEMORY_MODE), (0x90001000, 0x1000, RAM, DEVICE_MODE)], id="ram's end",
        ),
    ],
)  # fmt: skip
def test_map(phys: int, virt: int, size: int, mode: int, translations: Sequence[tuple[int, int, int, int]]) -> None:
    bench = Bench()
    bench.call("map", phys, virt, size, mode)
    assert [(each.virt, each.size, each.phys, each.mode) for each in bench.mmu.translations][1:] == translations
    assert bench.flushes == (1 if translations else 0)


def test_a_mapping_replaces_another() -> None:
    bench = Bench()
    bench.call("map", 0x400000, 0x200000, 0x1000, 2)
    cells = decode_cells(bench.node.properties["translations"])
    assert cells == (
        *(0, 0x200000, 0, MEMORY_MODE),
        *(0x200000, 0x1000, 0x400000, 2),
        *(0x201000, RAM - 0x201000, 0x201000, MEMORY_MODE),
    )
    assert bench.table is not None and bench.table.find(0x200000) == (0x400000, 2)
    bench.call("map", 0x200000, 0x200000, 0x1000, MINUS_1)
    assert len(bench.mmu.translations) == 1 and bench.table.find(0x200000) == (0x200000, MEMORY_MODE)


@pytest.mark.parametrize(
    ("method", "cells", "reason"),
    [
        ("map", (0x200001, 0x90000000, 0x1000, 0), "same place of a page"),
        ("map", (0, 0x90000000, MINUS_1, 0), "bytes at"),
        ("map", (0, 0xFFFFF000, 0x1001, 0), "bytes at"),
        ("map", (0xFFFFF000, 0x90000000, 0x2000, 0), "from 0xfffff000"),
        ("map", (0, RAM, 0x10001000, 0), "65537 pages at once"),
        ("map", (0, 0x80000000, 0x7FFFF000, 0), "pages at once"),
        ("map", (0, RAM, 0x8000000, 0), "would be mapped"),
        ("map", (0x200000, KEPT[0] + PAGE, 0x1000, 0), "stays mapped"),
        ("map", (0x200000, TABLE[0] - PAGE, 0x2000, 0), "stays mapped"),
        ("unmap", (KEPT[0] - PAGE, 2 * PAGE), "stays mapped"),
        ("unmap", (0, MINUS_1), "stays mapped"),
        ("modify", (RAM - PAGE, 2 * PAGE, 0), "not all mapped"),
        ("modify", (0, MINUS_1, 0), "not all mapped"),
        ("claim", (0x1000, 0x1000, 0, 0), "of 0 bytes"),
        ("claim", (KEPT[0], 0x1000, 0), "aren't all free"),
        ("claim", (MINUS_1, 0x1000), "no room"),
        ("claim", (MINUS_1, 2, 0), "beyond"),
        ("release", (0x1000, 0x1000), "none is claimed"),
        ("release", (MINUS_1, MINUS_1), "release of"),
    ],
)
def test_what_cant_be_done_changes_nothing(method: str, cells: Sequence[int], reason: str) -> None:
    bench = Bench()
    before = bench.state()
    with pytest.raises(GuestFault, match=reason):
        bench.call(method, *cells)
    assert bench.state() == before


@pytest.mark.parametrize("method", ["claim", "release", "map", "unmap", "modify", "translate"])
def test_too_few_arguments(method: str) -> None:
    with pytest.raises(Throw, match="too few arguments"):
        Bench().call(method)


def test_a_full_group_of_the_table_refuses_a_page_and_keeps_the_rest() -> None:
    bench = Bench()
    # 4,096 groups: pages 16 MiB apart share one, and its other half. RAM has two of its sixteen entries.
    bench.call("map", 0x500000, 0x10000000, 0x1000, 2)
    taken = 0
    with pytest.raises(GuestFault, match="no room for a page at"):
        for taken in range(100):
            bench.call("map", 0x500000, 0x20000000 + (taken << 24), 0x1000, 2)
    assert 4 <= taken < 16
    before = bench.state()
    # The pages before the one that there is no room for are taken back.
    with pytest.raises(GuestFault, match="no room for a page at"):
        bench.call("map", 0x4FE000, 0x20000000 + (taken << 24) - 0x2000, 0x4000, 2)
    assert bench.state() == before
    assert bench.call("translate", 0x10000000) == [0x500000, 2, -1]


def test_many_mappings_end_at_a_bound() -> None:
    bench = Bench()
    with pytest.raises(GuestFault, match="4096 ranges"):
        for index in range(5000):
            bench.call("map", 0x200000, 0x40000000 + index * 2 * PAGE, PAGE, 2)
    assert len(bench.mmu.translations) == 4096


def test_what_a_client_claims_is_mapped_1_to_1_again() -> None:
    bench = Bench()
    bench.call("map", 0x400000, 0x200000, 0x3000, 2)
    bench.call("unmap", 0x204000, 0x1000)
    bench.call("modify", 0x205000, 0x1000, 0x13)
    bench.mmu.restore(0x200800, 0x6000)
    for page, mode in ((0x200000, 0x12), (0x202000, 0x12), (0x204000, 0x12), (0x205000, 0x13)):
        assert bench.call("translate", page) == [page, mode, -1]
        assert bench.table is not None and bench.table.find(page) == (page, mode)


def test_real_mode() -> None:
    bench = Bench(real=True)
    before = bench.state()
    assert bench.call("translate", 0x1234) == [0x1234, MEMORY_MODE, -1]
    assert bench.call("translate", 0x80000000) == [0x80000000, DEVICE_MODE, -1]
    assert bench.call("map", 0x1000, 0x1000, 0x1000, 0) == []
    assert bench.call("modify", 0x1000, 0x1000, 0) == bench.call("unmap", 0x1000, 0x1000) == []
    with pytest.raises(GuestFault, match="in real mode"):
        bench.call("map", 0x2000, 0x1000, 0x1000, 0)
    assert bench.node.properties["translations"] == b""
    assert bench.state() == before and bench.flushes == 0
    assert bench.call("claim", 0x5000, 0x1000, 0) == [0x5000]


def test_the_state_can_be_copied() -> None:
    bench = Bench()
    bench.call("map", 0x400000, 0x90000000, 0x3000, 2)
    copy = pickle.loads(pickle.dumps(bench.mmu.translations)), pickle.loads(pickle.dumps(bench.mmu.claims))
    assert list(copy[0]) == list(bench.mmu.translations) and copy[1].claimed() == []


@pytest.mark.parametrize(
    ("memory", "size"),
    [
        (1 << 20, 1 << 16),
        (8 << 20, 1 << 16),
        (32 << 20, 1 << 18),
        (33 << 20, 1 << 19),
        (128 << 20, 1 << 20),
        (2 << 30, 1 << 24),
        (4 << 30, 1 << 25),
    ],
)
def test_the_size_of_a_table(memory: int, size: int) -> None:
    assert PageTable.size_for(memory) == size


CELLS = st.one_of(
    st.sampled_from([0, 1, PAGE - 1, PAGE, 2 * PAGE, 0x12, 0x200000, 0x201000, TABLE[0], KEPT[0], RAM - PAGE, RAM]),
    st.sampled_from([0x90000000, 0x90001000, 0xFFFFF000, MINUS_1]),
    st.integers(0, 40).map(lambda page: page * PAGE),
    st.integers(0, MINUS_1),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["map", "unmap", "modify", "claim", "release"]), *[CELLS] * 4), max_size=12))
def test_whatever_a_client_does_the_page_table_is_what_the_list_says(
    calls: list[tuple[str, int, int, int, int]],
) -> None:
    bench = Bench()
    for method, *cells in calls:
        with suppress(GuestFault):
            bench.call(method, *cells)
    assert bench.table is not None
    edges = {each.virt for each in bench.mmu.translations} | {each.end - PAGE for each in bench.mmu.translations}
    for page in {*edges, *(edge - PAGE for edge in edges), *range(0, 0x40000, PAGE)}:
        if page < 0:
            continue
        found = bench.mmu.translate(page)
        assert bench.table.find(page) == found, hex(page)
    for start, size in (TABLE, KEPT):
        assert not bench.mmu.translations.gaps(start, size)
        assert all(each.virt == each.phys for each in bench.mmu.translations.within(start, size))


# The page table, walked by a CPU


class Cpu:
    """A 750 whose registers are set by its own instructions, with the MMU's page table.

    At address 0x100 is code that loads a word from r4 to r3, at 0x200 code that stores r3 there.
    """

    def __init__(self, memory: GuestMemory, buffer: bytearray, table: PageTable) -> None:
        self.uc = Uc(UC_ARCH_PPC, UC_MODE_PPC32 | UC_MODE_BIG_ENDIAN)
        self.uc.ctl_set_cpu_model(UC_CPU_PPC32_750_V3_1)
        self.uc.mem_map_ptr(0, len(buffer), 7, ctypes.addressof(ctypes.c_char.from_buffer(buffer)))
        self.exceptions: list[int] = []
        self.uc.hook_add(UC_HOOK_INTR, self._stop)
        memory.write_cells(0x100, (0x80640000, 0x60000000))  # lwz r3,0(r4); nop
        memory.write_cells(0x200, (0x90640000, 0x60000000))  # stw r3,0(r4); nop
        self.memory = memory
        self.run((0x7C7903A6,), table.sdr1)  # mtspr SDR1,r3
        for index, value in enumerate(table.segments):
            self.run((0x7C6001A4 | index << 16,), value)  # mtsr index,r3
        self.uc.reg_write(UC_PPC_REG_MSR, 0x30)

    def _stop(self, uc: Uc, number: int, data: object) -> None:
        self.exceptions.append(number)
        uc.emu_stop()

    def run(self, code: Sequence[int], r3: int) -> None:
        self.memory.write_cells(0x300, (*code, 0x60000000))
        self.uc.ctl_remove_cache(0x300, 0x308)
        self.uc.reg_write(UC_PPC_REG_3, r3)
        self.uc.emu_start(0x300, 0x304)

    def flush(self) -> None:
        # The library has no wrapper for it in Python.
        from unicorn.unicorn_py3.unicorn import uclib

        assert uclib.uc_ctl(self.uc._uch, (1 << 30) | UC_CTL_TLB_FLUSH) == 0

    def load(self, virt: int) -> int | None:
        """The word at a virtual address; None where the access traps."""
        self.exceptions.clear()
        self.uc.reg_write(UC_PPC_REG_4, virt)
        self.uc.emu_start(0x100, 0x104)
        return None if self.exceptions else int(self.uc.reg_read(UC_PPC_REG_3))

    def store(self, virt: int, value: int) -> bool:
        self.exceptions.clear()
        self.uc.reg_write(UC_PPC_REG_4, virt)
        self.uc.reg_write(UC_PPC_REG_3, value)
        self.uc.emu_start(0x200, 0x204)
        return not self.exceptions


class CpuBench(Bench):
    def __init__(self, ram: int = RAM) -> None:
        buffer = bytearray(ram)
        self.memory = GuestMemory(buffer)
        self.flushes = 0
        size = PageTable.size_for(ram)
        self.table = PageTable(self.memory, ram - size, size)
        self.cpu = Cpu(self.memory, buffer, self.table)
        self.mmu = Mmu(ram, ((ram - size, size),), self.table, self.flush)
        self.node = Node("mmu")
        self.node.methods.update(self.mmu.methods())
        self.instance = Instance(0x40000000, self.node, None)

    def flush(self) -> None:
        super().flush()
        self.cpu.flush()


@pytest.mark.parametrize("ram", [32 << 20, 48 << 20, 320 << 20])
def test_a_cpu_finds_all_of_memory(ram: int) -> None:
    bench = CpuBench(ram)
    for address in range(0x1000, ram, 0x133000):
        assert bench.table is not None and bench.table.find(address & -PAGE) == (address & -PAGE, MEMORY_MODE)
        if address < bench.table.address:
            bench.memory.write_cells(address, (address ^ 0x55555555,))
            assert bench.cpu.load(address) == address ^ 0x55555555
    assert bench.cpu.load(ram) is None and bench.cpu.exceptions == [2]
    assert bench.cpu.load(0xFFFFFFF0) is None


def test_a_cpu_follows_map_and_unmap() -> None:
    bench = CpuBench()
    bench.memory.write_cells(0x400000, (1, 2))
    bench.memory.write_cells(0x500010, (3, 4))
    for virt in (0x90000000, 0x2000000, 0xFFFFF000, 0x10000000, 0x700000):
        bench.call("map", 0x400000, virt, 0x1000, MINUS_1)
        assert [bench.cpu.load(virt), bench.cpu.load(virt + 4)] == [1, 2]
        bench.call("map", 0x500000, virt, 0x1000, MINUS_1)
        assert bench.cpu.load(virt + 0x10) == 3
        assert bench.cpu.store(virt + 0x14, 0x1234) and bench.memory.read_cells(0x500014, 1) == (0x1234,)
        bench.call("unmap", virt, 0x1000)
        assert bench.cpu.load(virt) is None


@pytest.mark.parametrize(
    ("mode", "writable"), [(MINUS_1, True), (0, True), (2, True), (0x12, True), (3, False), (1, True)]
)
def test_a_cpu_respects_the_mode(mode: int, writable: bool) -> None:
    bench = CpuBench()
    bench.memory.write_cells(0x400000, (7,))
    bench.call("map", 0x400000, 0x90000000, 0x1000, MINUS_1)
    bench.call("modify", 0x90000000, 0x1000, mode)
    assert bench.cpu.load(0x90000000) == 7
    assert bench.cpu.store(0x90000000, 8) is writable


def test_a_cpu_finds_a_page_in_its_second_group() -> None:
    bench = CpuBench()
    assert bench.table is not None
    pages = [0x20000000 + (index << 24) for index in range(9)]
    for number, virt in enumerate(pages):
        bench.memory.write_cells(0x400000 + number * PAGE, (number + 1,))
        bench.call("map", 0x400000 + number * PAGE, virt, PAGE, 2)
    assert [bench.cpu.load(virt) for virt in pages] == list(range(1, 10))


def test_a_page_table_that_the_guest_wrote_over_is_the_guests_own_trouble() -> None:
    bench = CpuBench()
    assert bench.table is not None
    bench.memory.write(bench.table.address, b"\xff" * bench.table.size)
    with pytest.raises(GuestFault, match="no room"):
        bench.call("map", 0x400000, 0x90000000, 0x1000, MINUS_1)
    assert bench.call("translate", 0x90000000) == [0]
