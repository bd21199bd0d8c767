"""Drivers in expansion ROMs, on a PCI bus that is data: what is read, what runs, what a driver gets from its bus."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fakes import QuietConsole
from hypothesis import given, settings
from hypothesis import strategies as st

from vof.backends import VirtualClock
from vof.errors import GuestFault, PortError, Throw
from vof.firmware import OpenFirmware
from vof.machines.pci_bus import DeviceMaps, PciBus
from vof.machines.pci_roms import find_drivers, run_drivers
from vof.outcomes import Reset
from vof.packages import OPENABLE
from vof.pci import Bar, ConfigAccess, Function, Space
from vof.ports import Access, BusOp
from vof.tree import Node, encode_cells, encode_int, encode_string
from vof.vm.alone import firmware_alone

VENDOR, DEVICE = 0x1234, 0x5678
REGISTERS, ROM_AT, PORTS_AT = 0x80000000, 0x80100000, 0xFE001000


@dataclass
class Card:
    """A card with registers, ports and a ROM that answers where it is enabled.

    Attributes:
        rom: what is in the ROM.
        config: its configuration space.
        registers, ports: bytes in little-endian order, as they are on the bus.
        rom_reads: words that were read of the ROM.
        broken: whether its ROM can't be reached.
    """

    rom: bytes = b""
    config: dict[int, int] = field(default_factory=lambda: {0: DEVICE << 16 | VENDOR, 4: 0})
    registers: bytearray = field(default_factory=lambda: bytearray(range(64)))
    ports: bytearray = field(default_factory=lambda: bytearray(16))
    rom_reads: int = 0
    broken: bool = False

    @property
    def rom_answers(self) -> bool:
        return self.config.get(0x30, 0) == ROM_AT | 1 and bool(self.config[4] & 2)

    def run_config(self, accesses: Sequence[ConfigAccess]) -> list[int]:
        values = []
        for access in accesses:
            word, shift = access.register & ~3, 8 * (access.register & 3)
            mask = (1 << 8 * access.width) - 1
            if access.value is None:
                here = (access.bus, access.device, access.function) == (0, 3, 0)
                values.append(self.config.get(word, 0) >> shift & mask if here else mask)
            else:
                assert access.value <= mask
                self.config[word] = self.config.get(word, 0) & ~(mask << shift) | access.value << shift
        return values

    def run(self, accesses: Sequence[Access]) -> list[int]:
        values = []
        for access in accesses:
            data, at = self._at(access.address)
            if access.op is BusOp.READ:
                values.append(int.from_bytes(data[at : at + access.width].ljust(access.width, b"\xff")))
            else:
                assert isinstance(data, bytearray)
                data[at : at + access.width] = access.value.to_bytes(access.width)
        return values

    def _at(self, address: int) -> tuple[bytes | bytearray, int]:
        if ROM_AT <= address < ROM_AT + 0x10000:
            if self.broken:
                raise PortError("the device is gone")
            self.rom_reads += 1
            return self.rom if self.rom_answers else b"", address - ROM_AT
        if REGISTERS <= address < REGISTERS + len(self.registers):
            return self.registers, address - REGISTERS
        assert PORTS_AT <= address < PORTS_AT + len(self.ports), hex(address)
        return self.ports, address - PORTS_AT


class Config:
    """The card's configuration space as a port."""

    def __init__(self, card: Card) -> None:
        self._card = card

    def run(self, accesses: Sequence[ConfigAccess]) -> list[int]:
        return self._card.run_config(accesses)


class World:
    """A firmware with one card behind a host bridge."""

    def __init__(self, rom: bytes = b"") -> None:
        self.console = QuietConsole()
        self.firmware: OpenFirmware = firmware_alone(self.console)
        self.firmware.clock = VirtualClock()  # whoever waits for a key has waited
        self.card = Card(rom)
        self.reports: list[str] = []
        tree = self.firmware.tree
        host = tree.add(
            "/",
            "pci@80000000",
            {
                "device_type": encode_string("pci"),
                "#address-cells": encode_int(3),
                "#size-cells": encode_int(2),
                "bus-range": encode_cells(0, 0),
                "ranges": encode_cells(
                    *(1 << 24, 0, 0, 0xFE000000, 0, 0x10000),
                    *(2 << 24, 0, 0x80000000, 0x80000000, 0, 0x10000000),
                ),
            },
        )
        self.node: Node = tree.add(host, "ethernet@3", {"reg": encode_cells(0x1800, 0, 0, 0, 0)})
        bars = [
            Bar(0x10, Space.MEMORY, len(self.card.registers), address=REGISTERS),
            Bar(0x14, Space.IO, len(self.card.ports), address=0x1000),
            Bar(0x30, Space.MEMORY, 0x10000, rom=True, address=ROM_AT),
        ]
        function = Function(0, 3, 0, vendor=VENDOR, device_id=DEVICE, bars=bars)
        maps = DeviceMaps(self.card, self.firmware.memory.size)
        self.firmware.hooks.device = maps.access
        self.bus = PciBus(host, Config(self.card), [(self.node, function)], self.firmware.claims, maps)
        self.firmware.tree.set("/aliases", "net", encode_string("/pci@80000000/ethernet@3"))

    def start(self) -> None:
        run_drivers(self.firmware, find_drivers(self.card, self.bus, self.reports), self.reports)

    def property(self, name: str) -> bytes | None:
        return self.node.properties.get(name)

    def cells(self, source: str) -> list[int]:
        """What a text leaves, run as a method of the card's."""
        forth = self.firmware.forth
        forth.evaluate(f"dev /pci@80000000/@3 : try {source} ; : open true ; : close ; device-end")
        forth.evaluate('clear " /pci/@3" open-dev " try" rot $call-method')
        found = list(forth.stack)
        forth.evaluate("clear")
        return found


def toke(source: str, folder: Path) -> bytes:
    """What Debian's tokenizer makes of a source."""
    (folder / "in.fs").write_text(source)
    done = subprocess.run(
        ["toke", "-o", folder / "out.fc", folder / "in.fs"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "rror" not in done.stderr, done.stderr
    return (folder / "out.fc").read_bytes()


def image(source: str, ids: str = "1234 h# 5678") -> str:
    """A ROM's image, as toke has it."""
    return (
        f"tokenizer[ h# {ids} h# 020000 pci-header ]tokenizer fcode-version2 hex headers\n{source}\nfcode-end pci-end\n"
    )


DRIVER = """
    " my-card" device-name
    " network" device-type
    my-address my-space encode-phys 0 encode-int encode+ 0 encode-int encode+ " reg" property
    : config-l@ ( register -- value ) my-space + " config-l@" $call-parent ;
    0 config-l@ encode-int " ids" property
    my-args encode-string " arguments" property
    my-parent ihandle>phandle encode-int " above" property
    new-device " port" device-name 1 encode-int " reg" property finish-device
    external
    : open true ;
    : close ;
    : twice 2* ;
    headers
    ." hello"
"""


def test_a_driver_makes_its_package(tmp_path: Path) -> None:
    world = World(toke(image(DRIVER), tmp_path))
    world.start()
    assert world.reports == [] and world.console.written == b"hello"
    assert world.node.path == "/pci@80000000/my-card@3"
    assert {
        "name": b"my-card\0",
        "device_type": b"network\0",
        "ids": encode_int(DEVICE << 16 | VENDOR),
        "reg": encode_cells(0x1800, 0, 0, 0, 0),
        "fcode-rom-offset": encode_int(0x34),
        "arguments": b"\0",
    }.items() <= dict(world.node.properties).items()
    parent = world.node.parent
    assert parent is not None and world.property("above") == encode_int(parent.phandle)
    assert [child.name for child in world.node.children] == ["port@1"]
    assert world.firmware.tree.find("net") is world.node, "its alias has followed"
    instance = world.firmware.instances.open("net")
    stack = [21]
    instance.call("twice", stack)
    assert stack == [42]


def test_afterwards_all_is_as_it_was(tmp_path: Path) -> None:
    """The ROM is off, nothing is open or active, and what the Forth was doing goes on."""
    world = World(toke(image(DRIVER + '" new-device" evaluate'), tmp_path))
    world.card.config[4] = 0x0105
    open_before, forth = set(world.firmware.instances.by_ihandle), world.firmware.forth
    forth.evaluate("1 2 3")
    world.start()
    assert not world.card.rom_answers and world.card.config[4] == 0x0105
    assert set(world.firmware.instances.by_ihandle) == open_before
    assert (forth.active, forth.my_self, forth.new_devices, forth.fcode) == (None, None, [], None)
    assert forth.stack == [1, 2, 3] and [child.name for child in world.node.children] == ["port@1"]


def test_it_has_instance_data_of_its_own(tmp_path: Path) -> None:
    source = "3 instance value n instance variable v 5 to n 7 v ! n encode-int v @ encode-int encode+ "
    world = World(toke(image(source + '" said" property external : open n v @ + 8 = ; : close ;'), tmp_path))
    world.start()
    assert world.reports == [] and world.property("said") == encode_cells(5, 7)
    with pytest.raises(GuestFault, match="could not be opened"):
        world.firmware.instances.open("/pci/@3")  # whose n is 3 and v 0


def test_its_own_open_takes_the_place_of_the_machines_methods(tmp_path: Path) -> None:
    world = World(toke(image(DRIVER), tmp_path))
    world.node.methods.update({**OPENABLE, "load": OPENABLE["open"]})
    world.start()
    assert {"open", "close", "twice"} <= set(world.node.methods) and "load" not in world.node.methods
    silent = World(toke(image('" a" encode-string " b" property'), tmp_path))
    silent.node.methods.update({**OPENABLE, "load": OPENABLE["open"]})
    silent.start()
    assert set(silent.node.methods) == {"open", "close", "load"} and silent.property("b") == b"a\0"


def test_the_image_for_the_card_is_taken(tmp_path: Path) -> None:
    other = toke(image('" wrong" device-name', "1111 h# 2222"), tmp_path)
    other = other.replace(b"\x01\x80\0\0", b"\x01\x00\0\0", 1)  # not the last one
    ours = toke(image(DRIVER), tmp_path)
    x86 = bytearray(other)
    x86[0x1C + 0x14] = 0
    world = World(bytes(x86) + other + ours)
    world.start()
    assert world.node.name == "my-card@3" and world.property("fcode-rom-offset") == encode_int(0x434)


def test_of_a_rom_without_a_driver_only_headers_are_read() -> None:
    for path in ("/usr/lib/ipxe/qemu/efi-e1000.rom", "/usr/share/seabios/vgabios-stdvga.bin"):
        world = World(Path(path).read_bytes())
        world.start()
        assert world.reports == [] and 0 < world.card.rom_reads < 32 and world.firmware._forth is None


@pytest.mark.parametrize(
    "rom",
    [
        b"",
        b"\x55\xaa",
        b"\x55\xaa" + b"\xff" * 0x200,
        bytes(0x10000),
        struct.pack("<2sH20xH", b"\x55\xaa", 0, 0x1C) + b"    PCIR",
    ],
)
def test_what_is_no_rom_is_passed_over(rom: bytes) -> None:
    world = World(rom)
    world.start()
    assert world.reports == [] and world.node.name == "ethernet@3" and not world.card.rom_answers


def changed(rom: bytes, at: int, data: bytes) -> bytes:
    return rom[:at] + data + rom[at + len(data) :]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ((0x38, b"\0\1\0\0"), "its ROM: FCode at 0x34 of 0x10000 bytes, in an image that ends 0x1cc bytes on"),
        ((0x38, b"\xff\xff\xff\xff"), "its ROM: FCode at 0x34 of 0xffffffff bytes"),
        ((0x38, b"\0\0\0\x07"), "its ROM: FCode at 0x34 of 0x7 bytes"),
        ((0x02, b"\xff\xff"), "its ROM: FCode at 0xffff of 0x0 bytes"),
        ((0x34, b"\x99"), "the FCode in its ROM: no FCode here"),
        ((0x3C, b"\x15"), "the FCode in its ROM: "),
        (
            (0x3C, b"\xfc"),
            "the FCode in its ROM: FCode 0x0fc: a number that was never defined",
        ),
    ],
)
def test_what_is_wrong_is_told(change: tuple[int, bytes], says: str, tmp_path: Path) -> None:
    world = World(changed(toke(image("1 drop"), tmp_path), *change))
    world.start()
    (report,) = world.reports
    assert report.startswith(f"PCI 00:03.0 (1234:5678): {says}"), report
    assert world.node.name == "ethernet@3" and not world.card.rom_answers


def test_a_rom_that_cant_be_reached_is_told(tmp_path: Path) -> None:
    world = World(toke(image(DRIVER), tmp_path))
    world.card.broken = True
    world.start()
    assert world.reports == ["PCI 00:03.0 (1234:5678): its ROM: the device is gone"]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (": endless begin again ; endless", "too long"),
        ("7 throw", "threw 7"),
        (': f 0 my-space " config-q@" $call-parent ; f', 'no method "config-q@"'),
        ('" reset-all" evaluate', "wanted to reset the machine, or to end it"),
        ("ffffffff buffer: b", ""),
    ],
)
def test_a_driver_that_fails_is_told(source: str, says: str, tmp_path: Path) -> None:
    world = World(toke(image(f'" x" encode-string " before" property {source}'), tmp_path))
    world.firmware.hooks.commands = {"reset-all": Reset()}
    world.start()
    (report,) = world.reports
    assert says in report and world.property("before") == b"x\0"
    assert world.firmware.forth.active is None and world.firmware.forth.new_devices == []


def test_registers_are_mapped_and_read_as_numbers() -> None:
    world = World()
    mapped = '0 0 2001810 40 " map-in" $call-parent'
    assert world.cells(f"{mapped} dup rl@ over 4 + rw@ 2 pick 6 + rb@") == [REGISTERS, 0x03020100, 0x0504, 6]
    assert world.cells(f"{mapped} 12345678 over rl! dup 4 + aabb swap rw! 6 + 99 swap rb!") == []
    assert world.card.registers[:7] == b"\x78\x56\x34\x12\xbb\xaa\x99"
    assert world.cells(f"{mapped} dup lpeek rot 8 + 7 swap cpoke") == [0x12345678, 0xFFFFFFFF, 0xFFFFFFFF]
    ports = '4 0 1001814 4 " map-in" $call-parent'
    assert world.cells(f"{ports} dup 55 swap rb! rb@") == [0x55] and world.card.ports[4] == 0x55
    assert world.cells('80000010 0 82000000 10 " map-in" $call-parent') == [REGISTERS + 0x10]


def test_only_what_is_mapped_can_be_reached() -> None:
    world = World()
    with pytest.raises(Throw, match="no memory and no mapped device at 0x80000000"):
        world.cells("80000000 rl@")
    assert world.cells("80000000 lpeek 1 80000000 lpoke") == [0, 0]
    assert world.cells('0 0 2001810 40 " map-in" $call-parent 3c + lpeek') == [0x3F3E3D3C, 0xFFFFFFFF]
    assert world.cells("80000000 3d + lpeek") == [0], "part of it is outside"
    assert world.cells('80000000 40 " map-out" $call-parent 80000000 lpeek') == [0]
    assert world.cells("1000 rl@ drop") == [], "memory is still memory"


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("0 0 1810 10", "configuration space"),
        ("0 0 2001818 10", "register 0x18 decodes no 0x10 bytes"),
        ("0 0 2001810 41", "register 0x10 decodes no 0x41 bytes"),
        ("40 0 2001810 1", "decodes no 0x1 bytes at 0x40"),
        ("0 0 2001010 10", "decodes no"),
        ("0 0 82000000 10", "the bus passes none on"),
        ("fffffff0 ffffffff 83000000 20", "the bus passes none on"),
        ("80000000 0 82000000 0", "no address for 0x0 bytes"),
    ],
)
def test_what_is_not_there_is_not_mapped(asked: str, says: str) -> None:
    with pytest.raises(Throw, match=says):
        World().cells(f'{asked} " map-in" $call-parent')


def test_maps_are_bounded() -> None:
    world = World()
    with pytest.raises(Throw, match="256 ranges"):
        world.cells('1000 0 do i 0 82000000 80000000 + drop 80000000 i + 0 82000000 1 " map-in" $call-parent drop loop')


def test_configuration_space() -> None:
    world = World()
    assert world.cells('1800 " config-l@" $call-parent 1802 " config-w@" $call-parent') == [0x56781234, 0x5678]
    assert world.cells('1801 " config-b@" $call-parent 1000 " config-l@" $call-parent') == [0x12, 0xFFFFFFFF]
    world.cells('12346 1804 " config-w!" $call-parent ff 1842 " config-b!" $call-parent')
    assert (world.card.config[4], world.card.config[0x40]) == (0x2346, 0xFF0000)


def test_memory_for_dma() -> None:
    world = World()
    address, mapped = world.cells(
        '2000 " dma-alloc" $call-parent dup 2000 false " dma-map-in" $call-parent '
        '2dup 2000 " dma-sync" $call-parent 2dup 2000 " dma-map-out" $call-parent'
    )
    assert address == mapped
    with pytest.raises(GuestFault):
        world.firmware.claims.claim(address, 0x2000, 0)
    world.cells(f'{address:x} 2000 " dma-free" $call-parent')
    with pytest.raises(Throw, match="dma-free"):
        world.cells(f'{address:x} 2000 " dma-free" $call-parent')
    with pytest.raises(Throw, match="dma-alloc"):
        world.cells('f0000000 " dma-alloc" $call-parent')


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 0x40), st.booleans())
def test_no_rom_does_worse_than_a_report(data: bytes, at: int, whole: bool) -> None:
    structure = struct.pack("<4sHHHHB3sHHBBH", b"PCIR", VENDOR, DEVICE, 0, 24, 0, b"\0\0\2", 1, 0, 1, 0x80, 0)
    rom = struct.pack("<2sH20xHxx", b"\x55\xaa", 0x34, 0x1C) + structure
    rom += struct.pack(">BBHI", 0xF1, 8, 0, 8 + len(data)) + data
    world = World(rom if whole else changed(rom, at, data))
    world.start()
    assert world.firmware.forth.active is None and not world.card.rom_answers
