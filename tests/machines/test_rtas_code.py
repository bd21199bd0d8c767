"""RTAS's code by itself: devices that are made to misbehave, registers, bases, and a store that is cut short."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
import unicorn
from unicorn import ppc_const, unicorn_const

from vof.errors import MemoryFault
from vof.machines.machine import Site
from vof.machines.rtas import CALLS, NVRAM_SIZE, GuestRtas
from vof.memory import GuestMemory
from vof.packages import Instance
from vof.ports import Access, BusOp
from vof.tree import DeviceTree, Node, decode_int

pytestmark = pytest.mark.guest

BRIDGE, IO, ROM = 0xF1000000, 0xFE000000, 0xFFF00000
SIZE, LIMIT = 1 << 20, 0xF0000
BASES = (0x40000, 0x81234)
BLOCK, BUFFER, BACK = 0x1000, 0x2000, 0x3000
UNTOUCHED = 0x5A5A5A5A
OK, FAILED, BUSY, BAD, NONE = 0, 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, 1
TOKENS = {call.name: call.token for call in CALLS}
KEPT = (1, 2, *range(13, 32))


class Board:
    """The CPU, RAM and whatever the code talks to.

    Attributes:
        seen: every access of a device: "r" or "w", address, width, value.
        cmos: the clock's registers.
        busy: how often a look at the clock finds it being updated.
        ticks: whether the hour 1 begins when the hour was just read, once.
        sends: whether the serial line takes a character.
    """

    def __init__(self, base: int = BASES[0], nvram: bytes = bytes(NVRAM_SIZE)) -> None:
        self.ram = mmap.mmap(-1, SIZE)
        self.memory = GuestMemory(self.ram)
        uc = self.uc = unicorn.Uc(
            unicorn_const.UC_ARCH_PPC, unicorn_const.UC_MODE_PPC32 | unicorn_const.UC_MODE_BIG_ENDIAN
        )
        uc.ctl_set_cpu_model(ppc_const.UC_CPU_PPC32_7400_V2_9)
        uc.mem_map_ptr(0, SIZE, unicorn_const.UC_PROT_ALL, ctypes.addressof(ctypes.c_char.from_buffer(self.ram)))
        for start in (BRIDGE, IO):
            uc.mmio_map(start, 0x10000, self._read, start, self._write, start)
        uc.mem_map(ROM, 0x1000, unicorn_const.UC_PROT_ALL)
        self.seen: list[tuple[str, int, int, int]] = []
        self.cmos = bytearray(128)
        self.cmos[11] = 2
        self.index = self.selected = 0
        self.busy, self.ticks, self.sends = 0, False, True
        site = SimpleNamespace(bus=self, memory=self.memory, region=(LIMIT, SIZE - LIMIT))
        self.rtas = GuestRtas(cast(Site, site), nvram)
        self.tree = DeviceTree()
        self.rtas.furnish(self.tree, self.tree.add("/", "serial"))
        self.base = base
        self.instantiate(base)

    def instantiate(self, base: int) -> None:
        node = self.tree.find("/rtas")
        assert node is not None
        stack = [base]
        Instance(0x40000000, node, None).call("instantiate-rtas", stack)
        assert stack == [base]

    def run(self, accesses: Sequence[Access]) -> list[int]:
        """Port `Bus`."""
        for access in accesses:
            assert access.op is BusOp.WRITE and access.width == 4
            self.memory.write_cells(access.address, [access.value])
        return []

    def start(self, name: str | int, *arguments: int, results: int, count: int = 0, until: int = BACK) -> None:
        """Have the CPU run into a call, with no stack, for so many instructions or to its end."""
        token = TOKENS[name] if isinstance(name, str) else name
        self.memory.write_cells(BLOCK, [token, len(arguments), results, *arguments, *[UNTOUCHED] * 10])
        for number in range(32):
            self.uc.reg_write(ppc_const.UC_PPC_REG_0 + number, 0x11110000 + number)
        self.uc.reg_write(ppc_const.UC_PPC_REG_3, BLOCK)
        self.uc.reg_write(ppc_const.UC_PPC_REG_4, self.base)
        self.uc.reg_write(ppc_const.UC_PPC_REG_LR, BACK)
        self.uc.reg_write(ppc_const.UC_PPC_REG_CR, 0x12345678)
        self.uc.emu_start(self.base, until, count=count)

    def call(self, name: str | int, *arguments: int, results: int) -> list[int]:
        """The result cells of a call that comes back, which leaves all else as it was."""
        before = bytearray(self.ram)
        msr = self.uc.reg_read(ppc_const.UC_PPC_REG_MSR)
        self.start(name, *arguments, results=results)
        assert self.uc.reg_read(ppc_const.UC_PPC_REG_PC) == BACK
        for number in KEPT:
            assert self.uc.reg_read(ppc_const.UC_PPC_REG_0 + number) == 0x11110000 + number, number
        assert self.uc.reg_read(ppc_const.UC_PPC_REG_LR) == BACK
        assert self.uc.reg_read(ppc_const.UC_PPC_REG_CR) == 0x12345678
        assert self.uc.reg_read(ppc_const.UC_PPC_REG_MSR) == msr
        after = bytearray(self.ram)
        for start, size in ((BLOCK, 0x100), (BUFFER, NVRAM_SIZE), (self.base, 0x3000)):
            before[start : start + size] = after[start : start + size] = bytes(size)
        assert before == after
        first = BLOCK + 12 + 4 * len(arguments)
        cells = list(self.memory.read_cells(first, results + 1))
        assert cells.pop() == UNTOUCHED
        return cells

    def set_time(self, mode: int, year: int, month: int, day: int, hour: int, minute: int, second: int) -> None:
        self.cmos[11] = mode
        for register, value in zip((9, 8, 7, 4, 2, 0), (year, month, day, hour, minute, second), strict=True):
            self.cmos[register] = value

    def _read(self, uc: object, offset: int, width: int, start: int) -> int:
        value = self._value(start + offset, width)
        self.seen.append(("r", start + offset, width, value))
        return int.from_bytes(value.to_bytes(width, "little"))

    def _value(self, address: int, width: int) -> int:
        if address == IO + 0x71:
            if self.index == 10 and self.busy:
                self.busy -= 1
                return 0x80
            found = self.cmos[self.index]
            if self.index == 4 and self.ticks:
                self.ticks = False
                self.cmos[0], self.cmos[2], self.cmos[4] = 0, 0, 1
            return found
        if address == IO + 0x2FD:
            return 0x60 * self.sends
        if BRIDGE <= address < IO:
            return 0x87654321 >> 8 * (address & 3) & (1 << 8 * width) - 1
        raise AssertionError(hex(address))

    def _write(self, uc: object, offset: int, width: int, value: int, start: int) -> None:
        value = int.from_bytes(value.to_bytes(width, "big"), "little")
        address = start + offset
        self.seen.append(("w", address, width, value))
        if address == IO + 0x70:
            self.index = value
        elif address == IO + 0x71:
            self.cmos[self.index] = value


@pytest.fixture
def board() -> Iterator[Board]:
    yield Board()


# --- what every call has in common ---


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
@pytest.mark.parametrize("more", [-1, 1])
def test_a_wrong_count_of_arguments(call: Any, more: int, base: int) -> None:
    count = len(call.arguments) + more
    if count < 0:
        count = 15
    board = Board(base)
    assert board.call(call.token, *[0] * count, results=3) == [BAD, UNTOUCHED, UNTOUCHED]
    assert not board.seen


@pytest.mark.parametrize("token", [5, 13, 18, 21, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_no_such_token(board: Board, token: int) -> None:
    assert board.call(token, results=1) == [BAD]


@pytest.mark.parametrize("results", [0, 0x80000000])
def test_no_cell_for_a_status_or_cells_without_end(board: Board, results: int) -> None:
    board.start("event-scan", 0, 0, 0, 0, results=results)
    assert board.memory.read_cells(BLOCK + 28, 2) == ((NONE if results else UNTOUCHED), UNTOUCHED)


def test_more_arguments_than_any_call_has(board: Board) -> None:
    before = bytes(board.ram[BLOCK + 12 :])
    board.memory.write_cells(BLOCK, [0, 0x40000000, 1])
    board.uc.reg_write(ppc_const.UC_PPC_REG_3, BLOCK)
    board.uc.reg_write(ppc_const.UC_PPC_REG_LR, BACK)
    board.uc.emu_start(board.base, BACK)
    assert bytes(board.ram[BLOCK + 12 : BASES[0]]) == before[: BASES[0] - BLOCK - 12]


# --- PCI ---


@pytest.mark.parametrize(
    ("address", "width", "expected", "accesses"),
    [
        # configuration address, width, what is read, the bridge's registers and what they get
        (0x00006008, 4, 0x87654321, (0xC78, 0x80006008, 0xC7C)),
        (0x0000600A, 2, 0x8765, (0xC78, 0x80006008, 0xC7E)),
        (0x0000600B, 1, 0x87, (0xC78, 0x80006008, 0xC7F)),
        (0x00000001, 1, 0x43, (0xC78, 0x80000000, 0xC7D)),
        (0x0002F810, 4, 0x87654321, (0xC78, 0x8002F810, 0xC7C)),
        (0x01000000, 4, 0x87654321, (0xCF8, 0x80000000, 0xCFC)),
        (0xFFFFFFFC, 4, 0x87654321, (0xCF8, 0x80FFFFFC, 0xCFC)),
    ],
)
@pytest.mark.parametrize("base", BASES)
def test_configuration(base: int, address: int, width: int, expected: int, accesses: tuple[int, int, int]) -> None:
    board = Board(base)
    index, selected, data = accesses
    assert board.call("read-pci-config", address, width, results=2) == [OK, expected]
    assert board.call("write-pci-config", address, width, 0x12345678, results=1) == [OK]
    assert board.seen == [
        ("w", BRIDGE + index, 4, selected),
        ("r", BRIDGE + data, width, expected),
        ("w", BRIDGE + index, 4, selected),
        ("w", BRIDGE + data, width, 0x12345678 & (1 << 8 * width) - 1),
    ]


@pytest.mark.parametrize(("address", "width"), [(0, 0), (0, 3), (0, 8), (0, 0xFFFFFFFF), (1, 2), (3, 2), (2, 4)])
def test_no_such_configuration_register(board: Board, address: int, width: int) -> None:
    assert board.call("read-pci-config", address, width, results=2) == [BAD, UNTOUCHED]
    assert board.call("write-pci-config", address, width, 0, results=1) == [BAD]
    assert not board.seen


# --- the clock ---

TIMES = [
    # the clock's mode, its registers, the time
    (0x02, (0x26, 0x11, 0x23, 0x12, 0x31, 0x15), (2026, 11, 23, 12, 31, 15)),
    (0x06, (26, 11, 23, 12, 31, 15), (2026, 11, 23, 12, 31, 15)),
    (0x02, (0x99, 0x12, 0x31, 0x23, 0x59, 0x59), (2099, 12, 31, 23, 59, 59)),
    (0x02, (0x00, 0x01, 0x01, 0x00, 0x00, 0x00), (2000, 1, 1, 0, 0, 0)),
    (0x00, (0x28, 0x02, 0x29, 0x12, 0x00, 0x00), (2028, 2, 29, 0, 0, 0)),
    (0x00, (0x28, 0x02, 0x29, 0x92, 0x00, 0x00), (2028, 2, 29, 12, 0, 0)),
    (0x00, (0x28, 0x02, 0x29, 0x91, 0x00, 0x00), (2028, 2, 29, 23, 0, 0)),
    (0x04, (28, 2, 29, 0x80 | 11, 58, 59), (2028, 2, 29, 23, 58, 59)),
    (0x04, (28, 2, 29, 1, 58, 59), (2028, 2, 29, 1, 58, 59)),
]


@pytest.mark.parametrize(("mode", "registers", "time"), TIMES)
@pytest.mark.parametrize("busy", [0, 3])
def test_the_time_is_read(mode: int, registers: Any, time: tuple[int, ...], busy: int) -> None:
    board = Board(BASES[1])
    board.set_time(mode, *registers)
    board.busy = busy
    assert board.call("get-time-of-day", results=8) == [OK, *time, 0]


def test_a_second_that_passes_meanwhile(board: Board) -> None:
    """The hour is read at 00:59:59, and the minute a second later: 00:00:00 was never."""
    board.set_time(0x02, 0x26, 0x11, 0x23, 0x00, 0x59, 0x59)
    board.ticks = True
    assert board.call("get-time-of-day", results=8) == [OK, 2026, 11, 23, 1, 0, 0, 0]


def test_a_clock_that_never_comes_to_rest(board: Board) -> None:
    board.busy = 1 << 30
    assert board.call("get-time-of-day", results=8) == [FAILED, *[UNTOUCHED] * 7]


@pytest.mark.parametrize("mode", [0x00, 0x02, 0x04, 0x06])
@pytest.mark.parametrize("time", [(2028, 2, 29, 0, 0, 0), (2099, 12, 31, 23, 59, 59), (2000, 10, 10, 12, 10, 9)])
def test_the_time_is_set(board: Board, mode: int, time: tuple[int, ...]) -> None:
    board.cmos[11] = mode
    assert board.call("set-time-of-day", *time, 999_999_999, results=1) == [OK]
    data = [access[3] for access in board.seen if access[:2] == ("w", IO + 0x71)]
    assert data[0] & 0x82 == 0x82 and data[-1] & 0x82 == 0x02  # it stands meanwhile
    assert data[0] & 0x04 == data[-1] & 0x04 == mode & 0x04
    assert board.call("get-time-of-day", results=8) == [OK, *time, 0]


@pytest.mark.parametrize(
    "time",
    [
        (1999, 12, 31, 23, 59, 59),
        (2100, 1, 1, 0, 0, 0),
        (0xFFFFFFFF, 1, 1, 0, 0, 0),
        (2026, 0, 1, 0, 0, 0),
        (2026, 13, 1, 0, 0, 0),
        (2026, 1, 0, 0, 0, 0),
        (2026, 1, 32, 0, 0, 0),
        (2026, 2, 29, 0, 0, 0),
        (2026, 4, 31, 0, 0, 0),
        (2026, 1, 1, 24, 0, 0),
        (2026, 1, 1, 0, 60, 0),
        (2026, 1, 1, 0, 0, 60),
    ],
)
def test_no_such_time(board: Board, time: tuple[int, ...]) -> None:
    assert board.call("set-time-of-day", *time, 0, results=1) == [BAD]
    assert not board.seen


# --- NVRAM ---


@pytest.mark.parametrize("base", BASES)
def test_nvram(base: int) -> None:
    first = bytes(range(256)) * 32
    board = Board(base, first)
    assert board.call("nvram-fetch", 0, BUFFER, NVRAM_SIZE, results=2) == [OK, NVRAM_SIZE]
    assert board.memory.read(BUFFER, NVRAM_SIZE) == first == board.rtas.nvram(board.memory)
    board.memory.write(BUFFER, b"abcde")
    assert board.call("nvram-store", NVRAM_SIZE - 5, BUFFER, 5, results=2) == [OK, 5]
    assert board.call("nvram-store", 1, BUFFER, 1, results=2) == [OK, 1]
    assert board.rtas.nvram(board.memory) == b"\x00a" + first[2:-5] + b"abcde"


@pytest.mark.parametrize("name", ["nvram-fetch", "nvram-store"])
@pytest.mark.parametrize(
    ("offset", "size"),
    [(NVRAM_SIZE + 1, 0), (NVRAM_SIZE, 1), (0, NVRAM_SIZE + 1), (1, NVRAM_SIZE), (0xFFFFFFFF, 2), (2, 0xFFFFFFFF)],
)
def test_outside_nvram(board: Board, name: str, offset: int, size: int) -> None:
    assert board.call(name, offset, BUFFER, size, results=2) == [BAD, UNTOUCHED]
    assert board.call(name, NVRAM_SIZE, BUFFER, 0, results=2) == [OK, 0]
    assert board.rtas.nvram(board.memory) == bytes(NVRAM_SIZE)


def test_a_store_that_is_cut_short_is_whole_or_nothing(board: Board) -> None:
    """Stopped at every instruction of it: what the host would keep is what was there before, or after."""
    after = b"new!" + bytes(NVRAM_SIZE - 4)
    states = []
    for count in [*range(1, 120), *range(4150, 4300, 3), 8000, 100_000]:
        board.instantiate(board.base)
        assert board.call("nvram-store", 0, BUFFER, 0, results=2) == [OK, 0]
        board.memory.write(board.base + 0x1000, bytes(NVRAM_SIZE))
        board.memory.write_cells(board.base + 0xFE4, [0])
        board.memory.write_cells(board.base + 0xFEC, [0])
        board.memory.write(BUFFER, b"new!")
        board.start("nvram-store", 0, BUFFER, 4, results=2, count=count)
        found = board.rtas.nvram(board.memory)
        assert found in (None, bytes(NVRAM_SIZE), after), count
        states.append(found)
    assert states[0] == bytes(NVRAM_SIZE) and None in states and states[-1] == after


@pytest.mark.parametrize(
    ("place", "data"),
    [(0xFE0, b"x"), (0xFE7, b"\x01"), (0xFE8, b"\x01"), (0xFEC, b"\x01"), (0x1000, b"\x01"), (0x2FFF, b"\x01")],
)
def test_what_was_written_over_is_not_kept(board: Board, place: int, data: bytes) -> None:
    assert board.rtas.nvram(board.memory) is not None
    board.memory.write(board.base + place, data)
    assert board.rtas.nvram(board.memory) is None


def test_rtas_is_instantiated_again_elsewhere(board: Board) -> None:
    board.memory.write(BUFFER, b"kept")
    assert board.call("nvram-store", 0, BUFFER, 4, results=2) == [OK, 4]
    board.base = BASES[1]
    board.instantiate(board.base)
    assert board.call("nvram-fetch", 0, BUFFER + 8, 4, results=2) == [OK, 4]
    assert board.memory.read(BUFFER + 8, 4) == b"kept"


@pytest.mark.parametrize("base", [1, 2, LIMIT - 0x3000 + 4, LIMIT, 0xFFFFFFFC, 0xFFFFF000])
def test_where_it_cannot_be(board: Board, base: int) -> None:
    with pytest.raises(MemoryFault):
        board.instantiate(base)
    board.instantiate(LIMIT - 0x3000)


# --- the rest ---


def test_the_tree(board: Board) -> None:
    rtas, serial, nvram = (cast(Node, board.tree.find(path)) for path in ("/rtas", "/serial", "/nvram"))
    cells = {name: decode_int(value) for name, value in rtas.properties.items() if name != "name"}
    assert {name: cells[name] for name in TOKENS} == TOKENS
    assert cells["rtas-size"] == 0x3000 and cells["rtas-display-device"] == serial.phandle
    assert decode_int(nvram.properties["#bytes"]) == NVRAM_SIZE


def test_a_character(board: Board) -> None:
    assert board.call("display-character", 0x141, results=1) == [OK]
    assert board.seen == [("r", IO + 0x2FD, 1, 0x60), ("w", IO + 0x2F8, 1, 0x41)]


def test_a_serial_line_that_takes_nothing(board: Board) -> None:
    board.sends = False
    assert board.call("display-character", 0x41, results=1) == [BUSY]
    assert all(access[0] == "r" for access in board.seen)


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("restart-rtas", (), [OK]),
        ("event-scan", (0xFFFFFFFF, 0, BUFFER, 64), [NONE]),
        ("check-exception", (0x500, 0, 0xFFFFFFFF, 0, BUFFER, 64), [NONE]),
        ("set-indicator", (1, 0, 1), [BAD]),
        ("get-sensor-state", (3, 0), [BAD, UNTOUCHED]),
    ],
)
def test_what_there_is_none_of(board: Board, name: str, arguments: tuple[int, ...], expected: list[int]) -> None:
    assert board.call(name, *arguments, results=len(expected)) == expected
    assert not board.seen


def test_power_off_sets_up_what_it_needs(board: Board) -> None:
    """The operating system may have done anything to the VT8231. A machine that stays on is a hardware error."""
    assert board.call("power-off", 0, 0, results=1) == [FAILED]
    assert board.seen == [
        ("w", BRIDGE + 0xC78, 4, 0x80006448),
        ("w", BRIDGE + 0xC7C, 4, 0xF00),
        ("w", BRIDGE + 0xC78, 4, 0x80006440),
        ("w", BRIDGE + 0xC7C, 4, 0x558020),
        ("w", IO + 0xF04, 2, 0x2000),
    ]


def test_reboot_goes_to_the_rom(board: Board) -> None:
    board.start("system-reboot", results=1, until=ROM + 0x100)
    assert board.uc.reg_read(ppc_const.UC_PPC_REG_PC) == ROM + 0x100
    assert board.uc.reg_read(ppc_const.UC_PPC_REG_MSR) == 0x40
