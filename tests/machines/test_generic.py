"""The machine `generic`: its tree, and its devices as client programs use them, in real and in translated mode."""

from __future__ import annotations

import io
import mmap
import pickle
from collections.abc import Callable

import pytest
from fakes import LOST, Answer, Caller, FakeBus, FakeClock, FakeConsole, FakeCpu, FakeHypervisor

from vof.errors import MemoryFault, PortError, UsageError
from vof.firmware import OpenFirmware, Outcome, Return
from vof.machines.disks import Disk
from vof.machines.generic import Generic, GenericOptions, page_table_room
from vof.machines.machine import Program, Site, StartState
from vof.memory import GuestMemory, TranslatedMemory
from vof.outcomes import PowerOff, Reset
from vof.ports import Partition
from vof.tree import DeviceTree, Node, decode_cells, decode_int, decode_reg, decode_string

RAM = 64 << 20
REGION = (RAM - 0x220000, 0x220000)
KERNEL = (0x200000, 0x100000)
INITRD = (0x1000000, 0x123456)


class MemoryDisk:
    """The port `Block` over bytes."""

    block_size = 512

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, offset: int, length: int) -> bytes:
        return bytes(self.data[offset : offset + length])

    def write(self, offset: int, data: bytes) -> None:
        self.data[offset : offset + len(data)] = data


class OnePartition:
    """The port `Partitions`: partition 1 is all but the first 1,024 bytes."""

    def __init__(self, size: int) -> None:
        self.size = size

    def find(self, number: int) -> tuple[int, int]:
        if number != 1:
            raise PortError(f"no partition {number}")
        return 1024, self.size - 1024

    def list(self) -> list[Partition]:
        return [Partition(1, *self.find(1), "0x83")]


def disk(name: str, fill: bytes, *, cdrom: bool = False) -> Disk:
    data = b"".join(fill + b"%6d" % index for index in range(1024))
    return Disk(name, MemoryDisk(data), OnePartition(len(data)), cdrom)


class World:
    """The machine, powered on with fake ports."""

    def __init__(
        self,
        options: GenericOptions | None = None,
        program: Program | None = None,
        change: Callable[[DeviceTree], None] | None = None,
        ram: int = RAM,
    ) -> None:
        self.memory = GuestMemory(mmap.mmap(-1, ram))
        self.console = FakeConsole(b"keys")
        self.clock = FakeClock()
        self.flushes = 0
        self.taken = 0
        region = (ram - REGION[1], REGION[1])
        site = Site(
            memory=self.memory,
            cpu=FakeCpu(),
            hypervisor=FakeHypervisor(),
            bus=FakeBus(self.memory),
            console=self.console,
            clock=self.clock,
            region=region,
            scratch=region[0] + 0x4000,
            tree_room=(region[0] + 0x20000, 2 << 20),
            taken_over=self.take,
            flush_translations=self.flush,
        )
        self.machine = Generic(site, "vof,test", options)
        self.firmware: OpenFirmware = self.machine.power_on(
            0, program or Program(KERNEL, INITRD, "root=/dev/sda1"), change or (lambda tree: None)
        )
        self.call = Caller(self.machine.memory, 0x10000, 0x80000, self.invoke)
        self.outcome: Outcome = Return(LOST)

    def take(self) -> None:
        self.taken += 1

    def flush(self) -> None:
        self.flushes += 1

    def invoke(self, address: int) -> int:
        self.outcome = self.firmware.call(address)
        return self.outcome.r3 if isinstance(self.outcome, Return) else LOST

    def node(self, path: str) -> Node:
        node = self.firmware.tree.find(path)
        assert node is not None, path
        return node

    def text(self, path: str, name: str) -> str:
        return decode_string(self.node(path).properties[name])

    def chosen(self, name: str) -> int:
        return decode_int(self.node("/chosen").properties[name])

    def method(self, ihandle: int, name: str, *cells: int, results: int = 0) -> tuple[int, ...] | None:
        """Call a method as a C client does: arguments and results top first. None where it failed."""
        answer: Answer = self.call("call-method", name, ihandle, *cells, nret=1 + results)
        assert answer.r3 == 0
        return None if answer.results[0] else answer.results[1:]


REAL = GenericOptions()
TRANSLATED = GenericOptions(real_mode=False)
MODES = [pytest.param(REAL, id="real"), pytest.param(TRANSLATED, id="translated")]


@pytest.mark.parametrize("options", MODES)
def test_the_tree_is_what_clients_ask_for(options: GenericOptions) -> None:
    world = World(options)
    assert (world.text("/", "model"), world.text("/", "compatible")) == ("vof,generic", "vof,generic")
    assert "device_type" not in world.node("/").properties  # neither chrp nor a Mac
    assert decode_cells(world.node("/").properties["#address-cells"]) == (1,)
    assert decode_cells(world.node("/").properties["#size-cells"]) == (1,)
    assert world.text("/openprom", "model") == "vof,test"
    assert world.text("/options", "real-mode?") == ("true" if options.real_mode else "false")
    assert decode_reg(world.node("/memory").properties["reg"], 1, 1) == ((0, RAM),)
    cpu = world.node("/cpus/PowerPC,750@0")
    assert decode_int(cpu.properties["timebase-frequency"]) == 25_000_000
    assert decode_int(cpu.properties["cpu-version"]) == 0x80301
    assert world.text("/chosen", "bootargs") == "root=/dev/sda1"
    assert world.chosen("linux,initrd-start") == INITRD[0]
    assert world.chosen("linux,initrd-end") == sum(INITRD)
    opened = {
        name: world.firmware.instances.need(world.chosen(name)).node.path for name in ("memory", "mmu", "cpu", "stdin")
    }
    assert opened == {"memory": "/memory@0", "mmu": "/mmu", "cpu": cpu.path, "stdin": "/serial"}
    assert "bootpath" not in world.node("/chosen").properties
    assert world.firmware.tree.find("/disks") is None


def test_available_is_what_nobody_has() -> None:
    world = World(TRANSLATED)
    table, size = page_table_room(REGION, RAM)
    assert (table, size) == (0x3D00000, 1 << 19)
    taken = sorted([KERNEL, INITRD, (table, size), REGION])
    expected, low = [], 0
    for start, length in [*taken, (RAM, 0)]:
        if low < start:
            expected.append((low, start - low))
        low = start + length
    available = world.node("/memory").properties
    assert list(decode_reg(available["available"], 1, 1)) == expected
    world.call("claim", 0, 0x1000, 0)
    assert decode_reg(available["available"], 1, 1)[0] == (0x1000, KERNEL[0] - 0x1000)


@pytest.mark.parametrize("options", MODES)
def test_the_console_and_what_ends_the_machine(options: GenericOptions) -> None:
    world = World(options)
    assert world.call("write", world.chosen("stdout"), b"hello", 5).results == (5,)
    assert world.call("read", world.chosen("stdin"), bytes(8), 8).buffers == (b"keys\0\0\0\0",)
    assert world.console.output == b"hello"
    world.call("quiesce")
    assert world.taken == 1


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("reset-all", Reset()),
        (" reset-all ", Reset()),
        ("power-off", PowerOff()),
        ("shut-down", PowerOff()),
        ("output-device output", Return(0)),
    ],
)
def test_commands(text: str, outcome: Outcome) -> None:
    world = World()
    world.call("interpret", text, nret=1)
    assert world.outcome == outcome


def test_the_clock_is_found_and_called_as_grub_does() -> None:
    world = World()
    (node,) = [each for each in world.firmware.tree if each.properties.get("device_type") == b"rtc\0"]
    rtc = world.call("open", node.path).results[0]
    assert world.method(rtc, "get-time", results=6) == (2023, 11, 14, 22, 13, 20)
    assert world.method(rtc, "set-time", 2031, 2, 28, 23, 59, 59) == ()
    world.clock.sleep(1000)
    assert world.method(rtc, "get-time", results=6) == (2031, 3, 1, 0, 0, 0)
    assert world.method(rtc, "set-time", 2031, 2, 29, 0, 0, 0) is None
    again = World(GenericOptions(clock_offset=world.machine.rtc.offset))
    rtc = again.call("open", "/rtc").results[0]
    assert again.method(rtc, "get-time", results=6) == (2031, 2, 28, 23, 59, 59)


@pytest.mark.parametrize("options", MODES)
def test_claims_as_freebsds_loader_makes_them(options: GenericOptions) -> None:
    """Real memory, then the virtual addresses, then a mapping: all three have to succeed."""
    world = World(options)
    memory, mmu = world.chosen("memory"), world.chosen("mmu")
    assert world.method(memory, "claim", 0, 0x80000, 0x400000, results=1) == (0x400000,)
    assert world.method(mmu, "claim", 0, 0x80000, 0x400000, results=1) == (0x400000,)
    assert world.method(mmu, "map", 0, 0x80000, 0x400000, 0x400000) == ()
    assert world.call("claim", 0x400000, 0x1000, 0).results == (0xFFFFFFFF,)
    assert world.method(mmu, "translate", 0x400004, results=3) == (
        0xFFFFFFFF,
        0x12 if options.real_mode else 0,
        0x400004,
    )
    world.call("release", 0x400000, 0x80000)
    assert world.call("claim", 0x400000, 0x80000, 0).results == (0x400000,)


@pytest.mark.parametrize("options", MODES)
def test_claims_can_be_used_at_once(options: GenericOptions) -> None:
    world = World(options)
    mmu = world.chosen("mmu")
    base = world.call("claim", 0, 0x1234, 0x1000).results[0]
    assert world.method(mmu, "translate", base, results=3) == (0xFFFFFFFF, 0x12, base)
    assert world.method(mmu, "map", 0xFFFFFFFF, 0x1234, base, base) == ()  # yaboot
    if not options.real_mode:
        # Even where a client had mapped something else there before.
        assert world.method(mmu, "map", 0, 0x1000, 0x600000, 0x700000) == ()
        assert world.call("claim", 0x600000, 0x1000, 0).results == (0x600000,)
        assert world.method(mmu, "translate", 0x600000, results=3) == (0xFFFFFFFF, 0x12, 0x600000)


@pytest.mark.parametrize("address", [REGION[0], RAM - 4, page_table_room(REGION, RAM)[0], RAM, 0xFFFFF000])
def test_the_firmwares_own_memory_is_nobodys(address: int) -> None:
    world = World(TRANSLATED)
    assert world.call("claim", address, 4, 0).results == (0xFFFFFFFF,)
    assert world.method(world.chosen("memory"), "claim", 0, 4, address, results=1) is None
    if address < RAM:
        assert world.method(world.chosen("mmu"), "claim", 0, 4, address, results=1) is None
        assert world.method(world.chosen("mmu"), "unmap", 4, address) is None


def test_pointers_are_virtual() -> None:
    world = World(TRANSLATED)
    mmu = world.chosen("mmu")
    assert world.method(mmu, "map", 0, 0x2000, 0x90000000, 0x500000) == ()
    assert world.flushes == 1
    world.memory.write(0x500FFE, b"hello")
    assert world.call("write", world.chosen("stdout"), 0x90000FFE, 5).results == (5,)
    assert world.console.output == b"hello"
    high = Caller(world.machine.memory, 0x90000000, 0x90002000, world.invoke)
    assert high("finddevice", "/chosen").results == (world.node("/chosen").phandle,)
    assert high("getprop", world.node("/").phandle, "model", bytes(16), 16).buffers == (b"vof,generic\0\0\0\0\0",)
    assert world.method(mmu, "unmap", 0x2000, 0x90000000) == ()
    assert world.call("write", world.chosen("stdout"), 0x90000FFE, 5).r3 == -1
    assert world.firmware.call(0x90000000) == Return(-1)


@pytest.mark.parametrize(
    ("ram", "size"), [(32 << 20, 1 << 18), (RAM, 1 << 19), (128 << 20, 1 << 20), (512 << 20, 1 << 22)]
)
def test_how_the_cpu_has_to_start(ram: int, size: int) -> None:
    assert World(REAL).machine.start_state == StartState()
    state = World(TRANSLATED, ram=ram).machine.start_state
    table, table_size = page_table_room((ram - REGION[1], REGION[1]), ram)
    assert table_size == size and table % size == 0 and table + size <= ram - REGION[1]
    assert (state.msr, state.sprs[25]) == (0x30, table | size // 0x10000 - 1)
    assert {number for number, value in state.sprs.items() if value == 0} == {*range(528, 543, 2)}
    assert state.segments == tuple(number << 16 for number in range(16))


def test_disks() -> None:
    disks = (disk("hd", b"A" * 10), disk("", b"B" * 10), disk("", b"C" * 10, cdrom=True))
    world = World(GenericOptions(disks=disks))
    aliases = {name: decode_string(value) for name, value in world.node("/aliases").properties.items()}
    assert {name: path for name, path in aliases.items() if path.startswith("/disks")} == {
        "disk": "/disks/disk@0",
        "disk0": "/disks/disk@0",
        "hd": "/disks/disk@0",
        "disk1": "/disks/disk@1",
        "cdrom": "/disks/disk@2",
        "cdrom0": "/disks/disk@2",
    }
    assert world.text("/chosen", "bootpath") == "/disks/disk@0"
    assert [each.properties["device_type"] for each in world.node("/disks").children] == [b"block\0"] * 3
    for path, offset, data in (
        ("disk", 0, b"AAAAAAAAAA     0"),
        ("hd:0", 1024, b"AAAAAAAAAA    64"),
        ("/disks/disk@1:1,\\boot\\grub", 16, b"BBBBBBBBBB    65"),
        ("cdrom:nolabel", 16, b"CCCCCCCCCC     1"),
    ):
        ihandle = world.call("open", path).results[0]
        assert ihandle != 0, path
        assert world.call("seek", ihandle, 0, offset).results[0] in (0, 1)
        assert world.call("read", ihandle, bytes(16), 16).buffers == (data,)
    assert world.call("open", "disk:2").results == (0,)


def test_disks_read_to_virtual_addresses() -> None:
    world = World(GenericOptions(disks=(disk("", b"A" * 10),), real_mode=False))
    world.method(world.chosen("mmu"), "map", 0, 0x1000, 0x90000000, 0x500000)
    ihandle = world.call("open", "disk").results[0]
    assert world.call("read", ihandle, 0x90000010, 16).results == (16,)
    assert world.memory.read(0x500010, 16) == b"AAAAAAAAAA     0"


@pytest.mark.parametrize(
    ("program", "complaint"),
    [
        (Program(kernel=(RAM - 0x1000, 0x1000)), "no room for the program at 0x3fff000"),
        (Program(kernel=(RAM, 0x1000)), "no room for the program"),
        (Program(KERNEL, initrd=(0x280000, 0x1000)), "no room for the initial RAM disk"),
        (Program(kernel=page_table_room(REGION, RAM)), "try a larger -m"),
    ],
)
def test_a_program_where_the_firmware_is(program: Program, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        World(TRANSLATED, program)


def test_a_change_that_takes_the_console_away() -> None:
    def change(tree: DeviceTree) -> None:
        console = tree.find("/serial")
        assert console is not None
        tree.remove(console)

    with pytest.raises(UsageError, match='the tree as changed can\'t be used: no device "/serial"'):
        World(change=change)


class _Pickler(pickle.Pickler):
    """Leaves the ports where they are."""

    def __init__(self, file: io.BytesIO, ports: list[object]) -> None:
        super().__init__(file)
        self._ports = ports

    def persistent_id(self, obj: object) -> int | None:
        return next((index for index, port in enumerate(self._ports) if port is obj), None)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, ports: list[object]) -> None:
        super().__init__(file)
        self._ports = ports

    def persistent_load(self, pid: int) -> object:
        return self._ports[pid]


def test_the_firmwares_state_can_be_taken_and_put_back() -> None:
    world = World(GenericOptions(disks=(disk("", b"A" * 10),), real_mode=False))
    ports = [world, world.memory, world.console, world.clock, world.firmware.cpu]
    ihandle = world.call("open", "disk").results[0]
    world.call("seek", ihandle, 0, 16)
    world.call("claim", 0x600000, 0x1000, 0)
    file = io.BytesIO()
    _Pickler(file, ports).dump(world.firmware)
    world.call("claim", 0x700000, 0x1000, 0)
    world.method(world.chosen("mmu"), "map", 2, 0x1000, 0x90000000, 0x500000)
    file.seek(0)
    world.firmware = _Unpickler(file, ports).load()
    assert world.call("read", ihandle, bytes(16), 16).buffers == (b"AAAAAAAAAA     1",)
    assert world.call("claim", 0x600000, 0x1000, 0).results == (0xFFFFFFFF,)
    assert world.call("claim", 0x700000, 0x1000, 0).results == (0x700000,)
    assert len(decode_cells(world.node("/mmu").properties["translations"])) == 4
    assert isinstance(world.firmware.memory, TranslatedMemory)
    with pytest.raises(MemoryFault):
        world.firmware.memory.read(0x90000000, 4)


def test_too_little_memory() -> None:
    with pytest.raises(UsageError, match="too little"):
        World(TRANSLATED, Program(), ram=REGION[1])
