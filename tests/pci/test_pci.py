"""Scanning, assigning and describing, on configuration spaces that are written as data, and on made-up ones."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vof.pci import ConfigAccess, Form, Function, IndirectConfig, Space, Windows, assign, describe, scan
from vof.ports import Access, BusOp
from vof.tree import DeviceTree, decode_cells, encode_int

WINDOWS = Windows(io=(0x1000, 0xF000), memory=(0x80000000, 0x10000000))
WITH_WIDE = Windows(WINDOWS.io, WINDOWS.memory, wide=(1 << 40, 1 << 34))
IO, MEMORY, PREFETCHABLE, WIDE = 1, 0, 8, 4


@dataclass
class Device:
    """A function: its registers, and which bits of the base address registers can be written.

    Attributes:
        bars: size and low bits of each register in turn.
        behind: what is behind it, by device and function: it is a bridge then.
        passes_wide: whether its window for prefetchable memory has 64-bit addresses.
    """

    identity: int = 0x12345678
    class_code: int = 0x020000
    pin: int = 0
    bars: list[tuple[int, int]] = field(default_factory=list)
    rom: int = 0
    header: int = 0
    behind: dict[tuple[int, int], Device] | None = None
    subsystem: int = 0
    passes_wide: bool = False

    def __post_init__(self) -> None:
        if self.behind is not None:
            self.class_code, self.header = 0x060400, self.header | 1
        self.registers = bytearray(256)
        for register, value in ((0, self.identity), (8, self.class_code << 8), (0x3C, self.pin << 8)):
            self.registers[register : register + 4] = value.to_bytes(4, "little")
        self.registers[0x0E] = self.header
        self.registers[0x24] = self.passes_wide
        if self.behind is None:
            self.registers[0x2C:0x30] = self.subsystem.to_bytes(4, "little")
        self.masks: dict[int, tuple[int, int]] = {}
        register = 0x10
        for size, low in self.bars:
            keep = 3 if low & IO else 15
            self.masks[register] = (-size & 0xFFFFFFFF & ~keep, low)
            register += 4
            if low & 6 == WIDE:
                self.masks[register] = (-size >> 32 & 0xFFFFFFFF, 0)
                register += 4
        if self.rom:
            self.masks[0x38 if self.behind is not None else 0x30] = (-self.rom & 0xFFFFFFFF | 1, 0)

    def read(self, register: int, width: int) -> int:
        return int.from_bytes(self.registers[register : register + width], "little")

    def write(self, register: int, width: int, value: int) -> None:
        last = 0x38 if self.behind is not None else 0x30
        if register in self.masks or 0x10 <= register < (0x18 if self.behind is not None else 0x28) or register == last:
            mask, low = self.masks.get(register, (0, 0))
            value = value & mask | low
        elif register == 0x24 and self.behind is not None:
            value = value & 0xFFF0FFF0 | self.passes_wide * 0x00010001
        elif register < 4 or 8 <= register < 0x0C:
            return
        self.registers[register : register + width] = value.to_bytes(width, "little")


@dataclass
class Buses:
    """A configuration space. Bridges pass on what their bus numbers say."""

    root: dict[tuple[int, int], Device]

    def find(self, access: ConfigAccess) -> Device | None:
        devices, bus = self.root, 0
        while bus != access.bus:
            for each in devices.values():
                first, last = each.registers[0x19], each.registers[0x1A]
                if each.behind is not None and first and first <= access.bus <= last:
                    devices, bus = each.behind, first
                    break
            else:
                return None
        return devices.get((access.device, access.function))

    def run(self, accesses: Sequence[ConfigAccess]) -> list[int]:
        found = []
        for access in accesses:
            assert 0 <= access.register <= 256 - access.width and access.register % access.width == 0
            device = self.find(access)
            if access.value is None:
                ones = (1 << 8 * access.width) - 1
                found.append(device.read(access.register, access.width) if device else ones)
            elif device is not None:
                device.write(access.register, access.width, access.value)
        return found


def brought_up(
    devices: dict[tuple[int, int], Device], windows: Windows = WINDOWS
) -> tuple[list[Function], list[str], Buses]:
    buses = Buses(devices)
    functions = scan(buses)
    return functions, assign(buses, functions, windows, lambda function, pin: 8 + pin).reports, buses


def every(functions: list[Function]) -> Iterator[Function]:
    for function in functions:
        yield from function.walk()


# --- scanning ---


@pytest.mark.parametrize(
    ("bars", "rom", "expected"),
    [
        ([], 0, []),
        ([(0x20, IO)], 0, [(0x10, Space.IO, 0x20, False)]),
        ([(0x1000, MEMORY), (8, IO)], 0, [(0x10, Space.MEMORY, 0x1000, False), (0x14, Space.IO, 8, False)]),
        ([(1 << 24, PREFETCHABLE)], 0, [(0x10, Space.MEMORY, 1 << 24, True)]),
        ([(0x4000, WIDE), (16, IO)], 0, [(0x10, Space.WIDE, 0x4000, False), (0x18, Space.IO, 16, False)]),
        ([(8 << 30, WIDE | PREFETCHABLE)], 0, [(0x10, Space.WIDE, 8 << 30, True)]),
        ([(0, MEMORY), (16, MEMORY)], 0x10000, [(0x14, Space.MEMORY, 16, False), (0x30, Space.MEMORY, 0x10000, False)]),
    ],
)
def test_what_a_function_decodes(
    bars: list[tuple[int, int]], rom: int, expected: list[tuple[int, Space, int, bool]]
) -> None:
    (function,) = scan(Buses({(3, 0): Device(bars=bars, rom=rom)}))
    assert [(bar.register, bar.space, bar.size, bar.prefetchable) for bar in function.bars] == expected


def test_functions_are_found_where_the_first_says_so() -> None:
    several = {(4, number): Device(header=0x80) for number in (0, 3, 7)}
    alone = {(5, number): Device() for number in (0, 1)}
    found = scan(Buses({**several, **alone, (31, 0): Device(), (6, 2): Device()}))
    assert [(each.device, each.function) for each in found] == [(4, 0), (4, 3), (4, 7), (5, 0), (31, 0)]


def test_buses_are_numbered_from_bridge_to_bridge() -> None:
    inner = Device(behind={(1, 0): Device()})
    first = Device(behind={(0, 0): inner, (9, 0): Device()})
    functions, _, _ = brought_up({(1, 0): first, (2, 0): Device(behind={}), (3, 0): Device()})
    numbers = [(each.bus, each.device, each.secondary, each.subordinate) for each in every(functions)]
    assert numbers == [(0, 1, 1, 2), (1, 0, 2, 2), (2, 1, 0, 0), (1, 9, 0, 0), (0, 2, 3, 3), (0, 3, 0, 0)]
    assert first.registers[0x18:0x1B] == bytes([0, 1, 2]) and inner.registers[0x18:0x1B] == bytes([1, 2, 2])


def test_no_device_can_keep_the_scan_from_its_end() -> None:
    """Bridge numbers end at 255, bridges behind bridges long before a tree does; unknown headers hold no registers."""
    device = Device(bars=[(16, IO)])
    for _ in range(300):
        device = Device(behind={(0, 0): device})
    deep, _, _ = brought_up({(0, 0): device})
    assert max(each.bus for each in every(deep)) == 32
    assert described({(0, 0): device}).find("/pci" + "/pci@0" * 33) is not None
    bridges = {(place, 0): Device(behind={(n, 0): Device(behind={}) for n in range(20)}) for place in range(20)}
    many, _, _ = brought_up(bridges)
    assert len({each.secondary for each in every(many)}) == 256, "each number once, and 0 where none is left"
    for header in (2, 5, 0x7F):
        assert [each.bars for each in scan(Buses({(0, 0): Device(header=header, bars=[(16, IO)])}))] == [[]]


def test_what_makes_no_sense_is_left_at_nothing() -> None:
    """A register for 64 bits has no room for its other half."""
    device = Device(bars=[(16, IO)] * 5 + [(0x1000, WIDE)])
    (function,) = scan(Buses({(0, 0): device}))
    assert len(function.bars) == 5 and device.read(0x24, 4) == WIDE


# --- assigning ---


def test_addresses_lines_and_leave_to_decode() -> None:
    device = Device(pin=1, bars=[(0x20, IO), (0x1000, MEMORY)], rom=0x8000)
    functions, reports, _ = brought_up({(3, 0): device})
    assert not reports
    assert device.read(0x10, 4) == 0x1001 and device.read(0x14, 4) == 0x80008000
    assert device.read(0x30, 4) == 0x80000000, "the ROM has an address, and is off"
    assert device.read(0x04, 2) == 3 and device.registers[0x3C] == 9
    assert functions[0].line == 9


def test_what_does_not_fit_is_told_and_stays_off() -> None:
    large, small = Device(bars=[(1 << 28, MEMORY), (16, IO)]), Device(bars=[(1 << 27, MEMORY)])
    third = Device(bars=[(1 << 28, MEMORY)], identity=0x00020001)
    _, reports, _ = brought_up({(1, 0): large, (2, 0): small, (3, 0): third})
    assert reports == [
        "PCI 00:03.0 (0001:0002): no room for registers, 0x10000000 bytes of memory",
        "PCI 00:02.0 (5678:1234): no room for registers, 0x8000000 bytes of memory",
    ]
    assert [each.read(0x04, 2) for each in (large, small, third)] == [3, 0, 0]


def test_a_bridge_passes_on_what_is_behind_it() -> None:
    card = Device(bars=[(0x20000, MEMORY), (0x40, IO)])
    bridge = Device(behind={(3, 0): card}, pin=1)
    brought_up({(1, 0): bridge, (2, 0): Device(behind={})})
    assert bridge.read(0x1C, 2) == 0x1010 and bridge.read(0x20, 4) == 0x80008000
    assert bridge.read(0x24, 4) == 0x0000FFF0, "nothing is passed on as prefetchable"
    assert bridge.read(0x04, 2) == 7
    assert card.read(0x10, 4) == 0x80000000 and card.read(0x14, 4) == 0x1001


def test_a_bridge_makes_do_with_less() -> None:
    """What is too large behind it is left out, not all that is there."""
    large, small = Device(bars=[(1 << 28, MEMORY), (16, IO)]), Device(bars=[(0x1000, MEMORY)])
    inner = Device(behind={(5, 0): large, (6, 0): small})
    functions, reports, _ = brought_up(
        {(0, 0): Device(bars=[(0x1000, MEMORY)]), (1, 0): Device(behind={(2, 0): inner})}
    )
    assert reports == ["PCI 02:05.0 (5678:1234): no room for registers, 0x10000000 bytes of memory"]
    assert (large.read(0x04, 2), small.read(0x04, 2), inner.read(0x04, 2)) == (1, 2, 7)
    check_ranges(functions, WINDOWS)


def test_ports_behind_bridges_are_those_that_every_bridge_passes_on() -> None:
    windows = Windows(io=(0x1000, 0x7FF000), memory=WINDOWS.memory)
    bridges = {(place, 0): Device(behind={(0, 0): Device(bars=[(16, IO)])}) for place in range(20)}
    functions, reports, _ = brought_up({**bridges, (20, 0): Device(bars=[(0x100, IO)])}, windows)
    given = [each.windows[Space.IO] for each in functions if each.windows]
    assert given == [(port << 12, 0x1000) for port in range(1, 16)] and len(reports) == 5
    assert functions[20].bars[0].address == 0x10000


@pytest.mark.parametrize(
    ("passes_wide", "windows", "low", "high", "prefetchable"),
    [
        (True, WITH_WIDE, 0, 0x100, 0x00010001),
        (False, WITH_WIDE, 0x80000000, 0, 0x0000FFF0),
        (True, WINDOWS, 0x80000000, 0, 0x0001FFF1),
    ],
)
def test_wide_addresses_where_all_on_the_way_pass_them(
    passes_wide: bool, windows: Windows, low: int, high: int, prefetchable: int
) -> None:
    card = Device(bars=[(0x10000, WIDE | PREFETCHABLE), (0x10000, WIDE)])
    bridge = Device(behind={(3, 0): card}, passes_wide=passes_wide)
    functions, reports, _ = brought_up({(1, 0): bridge}, windows)
    assert not reports
    assert (card.read(0x10, 4) & ~15, card.read(0x14, 4)) == (low, high)
    assert card.read(0x1C, 4) == 0, "what isn't prefetchable is below 4 GiB"
    assert (bridge.read(0x24, 4), bridge.read(0x28, 4), bridge.read(0x2C, 4)) == (prefetchable, high, high)
    check_ranges(functions, windows)


def test_more_than_4_gib_find_room_where_addresses_are_wide() -> None:
    card = Device(bars=[(0x1000, MEMORY), (8 << 30, WIDE | PREFETCHABLE)])
    assert brought_up({(3, 0): card}, WITH_WIDE)[1] == []
    assert (card.read(0x14, 4), card.read(0x18, 4)) == (0xC, 0x100) and card.read(0x04, 2) == 2
    assert brought_up({(3, 0): card})[1] == [
        "PCI 00:03.0 (5678:1234): no room for registers, 0x200000000 bytes of memory"
    ]
    assert card.read(0x04, 2) == 0


def test_interrupt_pins_go_round_behind_bridges() -> None:
    cards = {(place, 0): Device(pin=1) for place in (0, 1, 6)}
    inner = Device(behind={(3, 0): Device(pin=4)})
    functions, _, _ = brought_up({(5, 0): Device(behind={**cards, (7, 0): inner}), (2, 0): Device(pin=3)})
    assert [(each.bus, each.device, each.line) for each in every(functions) if each.pin] == [
        (0, 2, 11),
        (1, 0, 9),
        (1, 1, 10),
        (1, 6, 11),
        (2, 3, 10),
    ]


def test_a_second_time_comes_to_the_same() -> None:
    devices = {(1, 0): Device(behind={(3, 0): Device(bars=[(64, IO)])}), (2, 0): Device(bars=[(4096, MEMORY)], pin=2)}
    first = brought_up(devices)[0]
    before = [bytes(device.registers) for device in devices.values()]
    assert brought_up(devices)[0] == first
    assert [bytes(device.registers) for device in devices.values()] == before


BARS = st.lists(
    st.tuples(
        st.integers(4, 29).map(lambda bits: 1 << bits),
        st.sampled_from([IO, MEMORY, PREFETCHABLE, WIDE, WIDE | PREFETCHABLE]),
    ),
    max_size=3,
)
PLAIN = st.builds(Device, bars=BARS, pin=st.integers(0, 4), rom=st.sampled_from([0, 0x800, 0x100000]))
PLACES = st.tuples(st.integers(0, 31), st.just(0))
DEVICES = st.dictionaries(
    PLACES,
    st.recursive(
        PLAIN,
        lambda inner: st.builds(Device, behind=st.dictionaries(PLACES, inner, max_size=4), passes_wide=st.booleans()),
        max_leaves=8,
    ),
    max_size=6,
)


@settings(deadline=None, max_examples=150)
@given(DEVICES, st.sampled_from([WINDOWS, WITH_WIDE]))
def test_nothing_overlaps_and_all_is_inside_what_is_passed_on(
    devices: dict[tuple[int, int], Device], windows: Windows
) -> None:
    functions, reports, buses = brought_up(devices, windows)
    check_ranges(functions, windows)
    missing = [bar for each in every(functions) for bar in each.bars if bar.address < 0]
    assert len(missing) == len(reports)
    for each in every(functions):
        lost = {bar.space is Space.IO for bar in each.bars if bar.address < 0 and not bar.rom}
        command = buses.run([each.access(0x04, 2)])[0]
        assert not (True in lost and command & 1) and not (False in lost and command & 2)


def check_ranges(functions: list[Function], windows: Windows) -> None:
    check_bus(functions, {Space.IO: windows.io, Space.MEMORY: windows.memory, Space.WIDE: windows.wide})


def check_bus(functions: list[Function], windows: dict[Space, tuple[int, int]]) -> None:
    """Every range is in a window of the bus, and apart from every other."""
    taken = []
    for each in functions:
        for bar in each.bars:
            if bar.address >= 0:
                assert bar.address % bar.size == 0
                space = Space.MEMORY if bar.space is Space.WIDE and bar.address < 1 << 32 else bar.space
                taken.append((space, bar.address, bar.size))
        taken += [(space, *window) for space, window in each.windows.items()]
    taken.sort(key=lambda one: (one[0].value, one[1]))
    for space, start, size in taken:
        first, room = windows[space]
        assert first <= start and start + size <= first + room
    for (space, start, size), (following, after, _) in itertools.pairwise(taken):
        assert space is not following or start + size <= after
    for each in functions:
        if each.is_bridge:
            check_bus(each.children, {space: each.windows.get(space, (0, 0)) for space in windows})


# --- describing ---


def described(devices: dict[tuple[int, int], Device], **existing: dict[str, bytes]) -> DeviceTree:
    functions, _, _ = brought_up(devices)
    tree = DeviceTree()
    host = tree.add("/", "pci", {"#address-cells": encode_int(3), "#size-cells": encode_int(2)})
    for name, properties in existing.items():
        tree.add(host, name, properties)
    describe(tree, host, functions, {0x0680: "other"})
    return tree


@pytest.mark.parametrize(
    ("device", "path"),
    [
        (Device(class_code=0x020000), "/pci/ethernet@3"),
        (Device(class_code=0x0C0310), "/pci/usb@3"),
        (Device(class_code=0x030000), "/pci/display@3"),
        (Device(class_code=0xFF0000), "/pci/pci5678,1234@3"),
        (Device(class_code=0x068000), "/pci/other@3"),
    ],
)
def test_a_node_is_named_by_what_it_is(device: Device, path: str) -> None:
    assert described({(3, 0): device}).find(path) is not None


def test_the_properties_of_the_binding() -> None:
    device = Device(pin=2, bars=[(0x20, IO), (0x1000, PREFETCHABLE), (0x4000, WIDE)], subsystem=0x11001AF4)
    node = described({(3, 0): device}).find("/pci/ethernet@3")
    assert node is not None
    properties = node.properties
    reg, assigned = decode_cells(properties["reg"]), decode_cells(properties["assigned-addresses"])
    assert reg[:5] == (0x1800, 0, 0, 0, 0)
    assert reg[5:] == (0x01001810, 0, 0, 0, 0x20, 0x42001814, 0, 0, 0, 0x1000, 0x03001818, 0, 0, 0, 0x4000)
    assert assigned[::5] == (0x81001810, 0xC2001814, 0x83001818)
    assert assigned[2::5] == (0x1000, 0x80004000, 0x80000000)
    assert properties["interrupts"] == encode_int(2)
    assert properties["compatible"].split(b"\0")[0] == b"pci5678,1234.1af4.1100.0"
    assert b"pciclass,0200" in properties["compatible"]


def test_what_is_there_is_completed() -> None:
    tree = described(
        {(12, 0): Device(class_code=0x060100)}, **{"isa@c": {"device_type": b"isa\0", "vendor-id": b"mine"}}
    )
    node = tree.find("/pci/isa@c")
    assert node is not None and len(node.parent.children if node.parent else ()) == 1
    assert node.properties["vendor-id"] == b"mine" and node.properties["device-id"] == encode_int(0x1234)


def test_a_bridge_tells_what_it_passes_on() -> None:
    tree = described({(1, 0): Device(behind={(3, 0): Device(bars=[(0x20000, MEMORY)])})})
    bridge = tree.find("/pci/pci@1")
    assert bridge is not None and tree.find("/pci/pci@1/ethernet@3") is not None
    assert decode_cells(bridge.properties["bus-range"]) == (1, 1)
    assert decode_cells(bridge.properties["ranges"]) == (
        0x82000000,
        0,
        0x80000000,
        0x82000000,
        0,
        0x80000000,
        0,
        0x100000,
    )


# --- configuration space ---


class Wires:
    """What an address and a data register are told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int, int]] = []

    def run(self, accesses: Sequence[Access]) -> list[int]:
        self.told += [(each.address, each.width, each.value) for each in accesses]
        return [0x78563412 >> 8 * (4 - each.width) for each in accesses if each.op is BusOp.READ]


@pytest.mark.parametrize(
    ("form", "access", "address", "data"),
    [
        (Form.PLAIN, ConfigAccess(0, 12, 1, 0x3E, 2), 0x3C610080, 0x2002),
        (Form.PLAIN, ConfigAccess(1, 3, 0, 0x10), 0x10180180, 0x2000),
        (Form.UNI_NORTH, ConfigAccess(0, 13, 2, 0x14), 0x10220000, 0x2004),
        (Form.UNI_NORTH, ConfigAccess(2, 3, 0, 0x0D, 1), 0x09180200, 0x2005),
    ],
)
def test_how_a_register_is_reached(form: Form, access: ConfigAccess, address: int, data: int) -> None:
    wires = Wires()
    values = IndirectConfig(wires, 0x1000, 0x2000, form).run([access])
    assert wires.told == [(0x1000, 4, address), (data, access.width, 0)]
    assert values == [0x12345678 if access.width == 4 else 0x5678 if access.width == 2 else 0x78]


def test_where_no_wire_leads_is_nothing() -> None:
    wires = Wires()
    assert IndirectConfig(wires, 0x1000, 0x2000, Form.UNI_NORTH).run([ConfigAccess(0, 3, 0, 0)]) == [0xFFFFFFFF]
    assert wires.told == []
