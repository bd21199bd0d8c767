"""A board with a 32-bit CPU, PCI and a serial line, whose firmware is in ROM: made from a table of facts.

The machines of this kind differ in the table alone: `vof.machines.pegasos2` has one, and so have others. Nothing but
the CPU and RAM works before `power_on` has run the table's set-up over the `Bus` port.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from vof.errors import GuestFault, UsageError
from vof.firmware import Hooks, OpenFirmware
from vof.firmware.options import Options
from vof.machines.disks import Disk, DiskNodes
from vof.machines.machine import LOAD_BASE, Program, Site, furnish_standard_nodes, publish_available
from vof.machines.networks import Card, CardNodes
from vof.machines.pci_bus import DeviceMaps, PciBus
from vof.machines.pci_roms import RomDriver, find_drivers, run_drivers
from vof.machines.rtas import NVRAM_SIZE, GuestRtas
from vof.machines.uart import UartConsole
from vof.memory import ClaimMap
from vof.outcomes import Outcome, PowerOff, Reset
from vof.packages import OPENABLE, ConsolePackage, MemoryPackage
from vof.packages.cmos_rtc import CmosRtcPackage
from vof.pci import Form, Function, IndirectConfig, Windows, assign, describe, scan
from vof.ports import Access, BusOp, Console
from vof.tree import DeviceTree, encode_cells, encode_int, encode_reg, encode_string

__all__ = ["Cpus", "PciBoard", "PciBoardFacts", "PciHost", "store"]

_COMMANDS: Mapping[str, Outcome] = {"reset-all": Reset(), "power-off": PowerOff(), "shut-down": PowerOff()}


def store(address: int, value: int, width: int = 1) -> Access:
    """A write to a device's register, which is little-endian, as everything behind PCI is."""
    return Access(BusOp.WRITE, address, width, int.from_bytes(value.to_bytes(width, "little")))


@dataclass(frozen=True, slots=True)
class Cpus:
    """The processors of a board.

    Attributes:
        name: their nodes' name, before the unit address.
        clock_frequency, bus_frequency, timebase_frequency: in hertz.
    """

    name: str
    clock_frequency: int
    bus_frequency: int
    timebase_frequency: int


@dataclass(frozen=True, slots=True)
class PciHost:
    """A host bridge.

    Attributes:
        path: its node's.
        address, data: the registers that configuration space is reached by.
        windows: what it passes on, as bus addresses.
        form: how the first register is written.
        lines: interrupt lines by device and function.
        slot_line: the line of any other function; 255 for none.
        name: what QEMU calls it.
    """

    path: str
    address: int
    data: int
    windows: Windows
    form: Form = Form.PLAIN
    lines: Mapping[tuple[int, int], int] = field(default_factory=dict)
    slot_line: int = 255
    name: str = ""

    def route(self, function: Function, pin: int) -> int:
        """The interrupt line of a function: the boards that are known have the same for all its pins."""
        return self.lines.get((function.device, function.function), self.slot_line)


@dataclass(frozen=True, slots=True)
class PciBoardFacts:
    """What tells one board from the others.

    Attributes:
        root: properties of the root node, `name` included.
        cpus: its processors.
        alive: a read of what is not 0 unless the machine was reset and didn't survive it; None where it always does.
        bring_up: what makes the host bridges and the devices on board reachable, in order.
        interrupts: what sets up the interrupt controllers; run after the devices have got their addresses.
        hosts: its PCI host bridges.
        nodes: nodes and properties, parents first; those of PCI devices are found.
        console: the path of the console's node.
        uart: the address of the first register of its serial line's 16550; 0 for none that is known.
        rtc: the path of the clock's node and the address of its index port; "" where there is none.
        aliases: names and paths.
        disk_aliases: the board's own names for the first disk and the first CD-ROM: by `disk` and `cdrom`.
        names: names of PCI devices by class and subclass, where the board has other than the usual ones.
        rtas: whether it has RTAS.
    """

    root: Mapping[str, bytes]
    cpus: Cpus
    bring_up: tuple[Access, ...]
    interrupts: tuple[Access, ...]
    hosts: tuple[PciHost, ...]
    nodes: Mapping[str, Mapping[str, bytes]]
    console: str
    uart: int = 0
    rtc: tuple[str, int] = ("", 0)
    aliases: Mapping[str, str] = field(default_factory=dict)
    disk_aliases: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    rtas: bool = False
    alive: Access | None = None


class PciBoard:
    """The machine, for one boot.

    Args:
        site: ports and the firmware's region, which ends where RAM does.
        model: what `/openprom` `model` says, unless the facts have one.
        facts: which board it is.
        pvr: its processor's version.
        nvram: what is in its NVRAM, `vof.machines.rtas.NVRAM_SIZE` bytes.
        by_uart: whether the console's characters pass through the serial line's device.
        disks: its disks.
        cards: its network cards.
        variables: the user's configuration variables for this run.

    Attributes:
        rtas: its RTAS, if it has one.
        reports: what of its devices found no room, in words.
    """

    def __init__(
        self,
        site: Site,
        model: str,
        facts: PciBoardFacts,
        pvr: int,
        nvram: bytes = b"",
        *,
        by_uart: bool = False,
        disks: Sequence[Disk] = (),
        cards: Sequence[Card] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self._site = site
        self._model = model
        self._facts = facts
        self._pvr = pvr
        self._claims = ClaimMap(site.memory.size)
        self._claims.reserve(*site.region)
        self.reports: list[str] = []
        self._maps = DeviceMaps(site.bus, site.memory.size)
        self._drivers: list[RomDriver] = []
        self._port: Console = UartConsole(site.bus, facts.uart, site.console) if by_uart else site.console
        hosts = {host.name: host.path for host in facts.hosts}
        self.disks = DiskNodes(site.loading, self._claims, disks, hosts, site.region[0])
        self.cards = CardNodes(site.loading, site.clock, cards, hosts, site.region[0])
        self.rtas = GuestRtas(site, nvram or bytes(NVRAM_SIZE)) if facts.rtas else None
        self.options = Options({"load-base": f"{LOAD_BASE:x}"}, variables, self.rtas)
        if self.options.notice:
            self.reports.append(self.options.notice)

    def power_on(self, tree_address: int, program: Program, change: Callable[[DeviceTree], None]) -> OpenFirmware:
        """See `vof.machines.Machine`. There is no flattened tree here: `tree_address` says nothing.

        Raises:
            UsageError: the program can't be where it is, or `change` took away what the machine needs.
        """
        site, facts = self._site, self._facts
        for what, (start, size) in (("program", program.kernel), ("initial RAM disk", program.initrd)):
            if size:
                try:
                    self._claims.claim(start, size, 0)
                except GuestFault as fault:
                    raise UsageError(f"no room for the {what} at {start:#x} ({fault}): try a larger -m") from None
        site.bus.run(facts.bring_up)
        tree = DeviceTree()
        self._furnish(tree, program)
        site.bus.run(facts.interrupts)
        change(tree)
        firmware = OpenFirmware(
            tree,
            site.memory,
            self._claims,
            clock=site.clock,
            cpu=site.cpu,
            hooks=Hooks(quiesce=site.taken_over, commands=_COMMANDS, device=self._maps.access),
            scratch=site.scratch,
            options=self.options,
        )
        try:
            firmware.console.use(facts.console)
            for name, path in (("memory", "/memory"), ("cpu", f"/cpus/{facts.cpus.name}")):
                tree.set("/chosen", name, encode_int(firmware.instances.open(path).ihandle))
        except GuestFault as fault:
            raise UsageError(f"the tree as changed can't be used: {fault}") from None
        run_drivers(firmware, self._drivers, self.reports)
        return firmware

    def _furnish(self, tree: DeviceTree, program: Program) -> None:
        site, facts = self._site, self._facts
        tree.root.properties.update(facts.root)
        tree.root.methods.update(OPENABLE)
        for path, properties in facts.nodes.items():
            parent, _, name = path.rpartition("/")
            tree.add(parent or "/", name, dict(properties)).methods.update(OPENABLE)
        for host in facts.hosts:
            self._find_devices(tree, host)
        furnish_standard_nodes(tree, self._model)
        self._add_cpu(tree)
        memory = tree.add(
            "/",
            "memory@0",
            {"device_type": encode_string("memory"), "reg": encode_reg([(0, site.region[0])], 1, 1)},
        )
        memory.methods.update(MemoryPackage(self._claims).methods())
        publish_available(memory, self._claims)
        console = tree.find(facts.console)
        assert console is not None
        console.methods.update(ConsolePackage(site.memory, self._port).methods())
        clock = tree.find(facts.rtc[0]) if facts.rtc[0] else None
        if clock is not None:
            clock.methods.update(CmosRtcPackage(site.bus, facts.rtc[1]).methods())
        if self.rtas is not None:
            self.rtas.furnish(tree, console)
        for name, path in facts.aliases.items():
            tree.set("/aliases", name, encode_string(path))
        self.disks.add(tree, facts.disk_aliases)
        self.cards.add(tree)
        self.options.furnish(tree)
        chosen = tree.find("/chosen")
        assert chosen is not None
        chosen.properties["bootargs"] = encode_string(program.arguments)
        start, size = program.initrd
        if size:
            chosen.properties["linux,initrd-start"] = encode_int(start)
            chosen.properties["linux,initrd-end"] = encode_int(start + size)

    def _find_devices(self, tree: DeviceTree, host: PciHost) -> None:
        """See what is on a PCI bus, and have it work and be told of."""
        config = IndirectConfig(self._site.bus, host.address, host.data, host.form)
        functions = scan(config)
        self.reports += assign(config, functions, host.windows, host.route).reports
        node = tree.find(host.path)
        assert node is not None
        last = max([function.subordinate for function in functions], default=0)
        node.properties["bus-range"] = encode_cells(0, last)
        nodes = describe(tree, node, functions, self._facts.names)
        bus = PciBus(node, config, nodes, self._claims, self._maps)
        self._drivers += find_drivers(self._site.bus, bus, self.reports)

    def _add_cpu(self, tree: DeviceTree) -> None:
        cpus = self._facts.cpus
        tree.add("/", "cpus", {"#address-cells": encode_int(1), "#size-cells": encode_int(0)})
        cpu = tree.add(
            "/cpus",
            f"{cpus.name}@0",
            {
                "device_type": encode_string("cpu"),
                "reg": encode_int(0),  # one cell: Linux takes two for two threads
                "cpu-version": encode_int(self._pvr),
                "clock-frequency": encode_int(cpus.clock_frequency),
                "bus-frequency": encode_int(cpus.bus_frequency),
                "timebase-frequency": encode_int(cpus.timebase_frequency),
                "reservation-granule-size": encode_int(32),
                "tlb-size": encode_int(128),
                "tlb-sets": encode_int(64),
                "i-cache-size": encode_int(0x8000),
                "i-cache-sets": encode_int(128),
                "i-cache-line-size": encode_int(32),
                "i-cache-block-size": encode_int(32),
                "d-cache-size": encode_int(0x8000),
                "d-cache-sets": encode_int(128),
                "d-cache-line-size": encode_int(32),
                "d-cache-block-size": encode_int(32),
                "graphics": b"",
                "performance-monitor": b"",
                "general-purpose": b"",
                "external-control": b"",
                "state": encode_string("running"),
            },
        )
        cpu.methods.update(OPENABLE)
