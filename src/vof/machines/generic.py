"""`generic`: a plain 32-bit machine that exists only as firmware: a CPU, RAM, a console, disks and a clock.

For the in-process engine. There is no hardware behind the nodes: a client program reaches everything by calling the
firmware, and a kernel can go no further than that. Its name is its own, for clients have workarounds for the machines
that they know: GRUB for IBM's and QEMU's, Linux and the BSDs for Macs and CHRP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from vof.errors import GuestFault, UsageError
from vof.firmware import Hooks, OpenFirmware
from vof.firmware.options import Options
from vof.machines.disks import Disk, add_support_packages, set_aliases
from vof.machines.machine import LOAD_BASE, Program, Site, StartState, furnish_standard_nodes, publish_available
from vof.machines.networks import Card, CardNodes
from vof.memory import ClaimMap, PairedClaims, TranslatedMemory
from vof.outcomes import Outcome, PowerOff, Reset
from vof.packages import OPENABLE, ConsolePackage, MemoryPackage, Mmu, PageTable, RtcPackage
from vof.packages.disk import DiskPackage
from vof.packages.page_table import PAGE
from vof.ports import Memory
from vof.tree import (
    DeviceTree,
    Node,
    child_address_cells,
    child_size_cells,
    encode_int,
    encode_reg,
    encode_string,
    parse_fdt,
)

__all__ = ["Generic", "GenericOptions", "page_table_room"]

_COMMANDS: Mapping[str, Outcome] = {
    "reset-all": Reset(),
    "power-off": PowerOff(),
    "poweroff": PowerOff(),
    "shut-down": PowerOff(),  # Haiku
}
_CONSOLE = "/serial"
_TRANSLATION = 0x30
"""MSR[IR] and MSR[DR]."""
_SDR1 = 25
_UPPER_BATS = (528, 530, 532, 534, 536, 538, 540, 542)
"""The halves that make block address translations valid: one that a client left would hide the page table."""


@dataclass(frozen=True, slots=True)
class GenericOptions:
    """What the user may choose of the machine.

    Attributes:
        cpu: the CPU model, as QEMU names it; its node is named after what comes before an underscore.
        pvr: its processor version.
        timebase_frequency: ticks of the time base in a second; the bus has four times as many.
        clock_frequency: cycles of the CPU in a second.
        disks: the disks; the first is the one that the machine boots from.
        cards: the network cards.
        bootpath: what `/chosen` `bootpath` says; "" for the first disk.
        real_mode: whether the client program runs with address translation off.
        clock_offset: seconds that the machine's time is ahead of the clock's.
        variables: the user's configuration variables for this run.
        tree: a flattened tree that the machine's nodes are added to where it lacks them; empty for none.
    """

    cpu: str = "750"
    pvr: int = 0x00080301
    timebase_frequency: int = 25_000_000
    clock_frequency: int = 400_000_000
    disks: tuple[Disk, ...] = ()
    cards: tuple[Card, ...] = ()
    bootpath: str = ""
    real_mode: bool = True
    clock_offset: int = 0
    variables: Mapping[str, str] = field(default_factory=dict)
    tree: bytes = b""


def page_table_room(region: tuple[int, int], memory: int) -> tuple[int, int]:
    """Where the page table is, if there is one: right below the firmware's region, as its alignment lets it.

    Args:
        region: start and size of the firmware's region.
        memory: bytes of RAM.

    Returns:
        Its start and its size in bytes.
    """
    size = PageTable.size_for(memory)
    return region[0] - size & -size, size


class Generic:
    """The machine, for one boot.

    Args:
        site: ports and the firmware's region.
        model: what `/openprom` `model` says.
        options: the user's choices.

    Attributes:
        memory: memory as the client program addresses it.
        claims: what of it is claimed.
        rtc: its clock; what a client set is in `rtc.offset`.

    Raises:
        UsageError: there is too little memory for the firmware.
    """

    def __init__(self, site: Site, model: str, options: GenericOptions | None = None) -> None:
        self._site = site
        self._model = model
        self._options = options = options or GenericOptions()
        self._ram = site.memory.size - site.memory.size % PAGE
        kept = [site.region]
        self._table: PageTable | None = None
        if not options.real_mode:
            room = page_table_room(site.region, self._ram)
            if room[0] <= 0:
                raise UsageError(f"{self._ram >> 20} MiB of memory are too little for a page table; 32 MiB will do")
            kept.insert(0, room)
            self._table = PageTable(site.memory, *room)
        self._mmu = Mmu(self._ram, kept, self._table, site.flush_translations)
        physical = ClaimMap(self._ram)
        for start, size in kept:
            physical.reserve(start, size)
        self.claims = PairedClaims(physical, self._mmu.claims, self._mmu.restore)
        self.memory: Memory = site.memory
        if self._table is not None:
            self.memory = TranslatedMemory(site.memory, self._mmu.translations)
        self.rtc = RtcPackage(site.clock, options.clock_offset)

    @property
    def start_state(self) -> StartState:
        """What the engine has to set before it starts the client program."""
        table = self._table
        if table is None:
            return StartState()
        return StartState(
            msr=_TRANSLATION,
            sprs={_SDR1: table.sdr1, **dict.fromkeys(_UPPER_BATS, 0)},
            segments=table.segments,
        )

    def power_on(self, tree_address: int, program: Program, change: Callable[[DeviceTree], None]) -> OpenFirmware:
        """See `vof.machines.Machine`. There is no flattened tree here: `tree_address` says nothing.

        Raises:
            UsageError: the program can't be where it is, or `change` took away what the machine needs.
        """
        site = self._site
        for what, (start, size) in (("program", program.kernel), ("initial RAM disk", program.initrd)):
            if size:
                try:
                    self.claims.claim(start, size, 0)
                except GuestFault as fault:
                    raise UsageError(f"no room for the {what} at {start:#x} ({fault}): try a larger -m") from None
        tree = parse_fdt(self._options.tree) if self._options.tree else DeviceTree()
        self._furnish(tree, program)
        defaults = {"real-mode?": "true" if self._options.real_mode else "false", "load-base": f"{LOAD_BASE:x}"}
        first = tree.find("/disks/disk@0")
        bootpath = self._options.bootpath or (first.path if first is not None else "")
        if bootpath:
            defaults["boot-device"] = bootpath
            tree.set("/chosen", "bootpath", encode_string(bootpath))
        options = Options(defaults, self._options.variables)
        options.furnish(tree)
        change(tree)
        firmware = OpenFirmware(
            tree,
            self.memory,
            self.claims,
            clock=site.clock,
            cpu=site.cpu,
            hooks=Hooks(quiesce=site.taken_over, commands=_COMMANDS),
            scratch=site.scratch,
            options=options,
        )
        try:
            firmware.console.use(_CONSOLE)
            cpu = next(iter(_node(tree, "/cpus").children))
            for name, path in (("memory", "/memory"), ("mmu", "/mmu"), ("cpu", cpu.path)):
                tree.set("/chosen", name, encode_int(firmware.instances.open(path).ihandle))
        except GuestFault as fault:
            raise UsageError(f"the tree as changed can't be used: {fault}") from None
        return firmware

    # The tree

    def _furnish(self, tree: DeviceTree, program: Program) -> None:
        for name, value in (
            ("model", encode_string("vof,generic")),
            ("compatible", encode_string("vof,generic")),
            ("#address-cells", encode_int(1)),
            ("#size-cells", encode_int(1)),
            ("clock-frequency", encode_int(4 * self._options.timebase_frequency)),
        ):
            tree.root.properties.setdefault(name, value)
        tree.root.properties["name"] = encode_string("device-tree")
        tree.root.methods.update(OPENABLE)
        furnish_standard_nodes(tree, self._model)
        self._add_cpu(tree)
        reg = encode_reg([(0, self._ram)], child_address_cells(tree.root), child_size_cells(tree.root))
        memory = tree.find("/memory") or tree.add("/", "memory@0")
        _default(memory, {"device_type": encode_string("memory"), "reg": reg})
        memory.methods.update(MemoryPackage(self.claims.physical).methods())
        publish_available(memory, self.claims.physical)
        mmu = _have(tree, "/mmu", {"page-size": encode_int(PAGE)})
        mmu.methods.update(self._mmu.methods())
        for name, read in self._mmu.properties().items():
            mmu.properties.compute(name, read)
        console = ConsolePackage(self.memory, self._site.console)
        serial = _have(tree, _CONSOLE, {"device_type": encode_string("serial")})
        serial.methods.update(console.methods())
        rtc = _have(tree, "/rtc", {"device_type": encode_string("rtc")})
        rtc.methods.update(self.rtc.methods())
        tree.set("/aliases", "ttya", encode_string(_CONSOLE))
        self._add_disks(tree)
        site = self._site
        CardNodes(self.memory, site.clock, self._options.cards, {}, site.region[0]).add(tree)
        self._fill_chosen(tree, program)

    def _add_cpu(self, tree: DeviceTree) -> None:
        options = self._options
        cpus = _have(tree, "/cpus", {"#address-cells": encode_int(1), "#size-cells": encode_int(0)})
        cpu = next(iter(cpus.children), None) or tree.add(cpus, f"PowerPC,{options.cpu.partition('_')[0]}@0")
        _default(
            cpu,
            {
                "device_type": encode_string("cpu"),
                "reg": encode_int(0),
                "cpu-version": encode_int(options.pvr),
                "clock-frequency": encode_int(options.clock_frequency),
                "bus-frequency": encode_int(4 * options.timebase_frequency),
                "timebase-frequency": encode_int(options.timebase_frequency),
                "d-cache-size": encode_int(0x8000),
                "d-cache-line-size": encode_int(32),
                "d-cache-block-size": encode_int(32),
                "i-cache-size": encode_int(0x8000),
                "i-cache-line-size": encode_int(32),
                "i-cache-block-size": encode_int(32),
                "reservation-granule-size": encode_int(32),
                "state": encode_string("running"),
            },
        )
        cpu.methods.update(OPENABLE)

    def _add_disks(self, tree: DeviceTree) -> None:
        if not self._options.disks:
            return
        disks = _have(tree, "/disks", {"#address-cells": encode_int(1), "#size-cells": encode_int(0)})
        disks.methods.update(OPENABLE)
        paths = []
        packages = {}
        for number, disk in enumerate(self._options.disks):
            node = tree.add(
                disks, f"disk@{number:x}", {"device_type": encode_string("block"), "reg": encode_int(number)}
            )
            package = DiskPackage(self.memory, disk.block, disk.partitions, disk.files, self._site.region[0])
            node.methods.update(package.methods())
            packages[node.phandle] = package
            paths.append((node.path, disk))
        set_aliases(tree, paths, {})
        add_support_packages(tree, self.memory, self.claims, packages)

    def _fill_chosen(self, tree: DeviceTree, program: Program) -> None:
        chosen = _node(tree, "/chosen").properties
        chosen["bootargs"] = encode_string(program.arguments)
        start, size = program.initrd
        if size:
            chosen["linux,initrd-start"] = encode_int(start)
            chosen["linux,initrd-end"] = encode_int(start + size)


def _have(tree: DeviceTree, path: str, properties: Mapping[str, bytes]) -> Node:
    """The node at a path right below the root, added where it isn't there, with what it lacks of these properties."""
    node = tree.find(path) or tree.add("/", path[1:])
    _default(node, properties)
    return node


def _default(node: Node, properties: Mapping[str, bytes]) -> None:
    for name, value in properties.items():
        node.properties.setdefault(name, value)


def _node(tree: DeviceTree, path: str) -> Node:
    node = tree.find(path)
    assert node is not None
    return node
