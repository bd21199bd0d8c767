"""`pseries`: a paravirtual IBM machine as PAPR describes it and QEMU emulates it.

QEMU gives the stub a flattened tree that is complete but for what firmware adds: handles, `stdout`, the boot arguments.
A hypercall, H_CAS, answers `ibm,client-architecture-support` with a whole new tree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from vof.errors import GuestFault, PortError, Throw, ThrowCode, TreeError
from vof.events import TreeReplaced
from vof.firmware import Hooks, OpenFirmware
from vof.firmware.options import Options
from vof.machines.disks import Disk, DiskNodes
from vof.machines.machine import (
    LOAD_BASE,
    Program,
    Site,
    furnish_standard_nodes,
    memory_nodes,
    memory_ranges,
    publish_available,
)
from vof.machines.networks import Card, CardNodes
from vof.machines.pci_bus import DeviceMaps, PciBus
from vof.machines.pci_roms import find_drivers, run_drivers
from vof.memory import ClaimMap
from vof.packages import OPENABLE, ConsolePackage, Instance, Stack
from vof.pci.papr import complete_pci
from vof.ports import Access, BusOp, Memory
from vof.tree import (
    CellError,
    DeviceTree,
    FdtError,
    Node,
    decode_int,
    decode_string,
    encode_int,
    encode_int64,
    encode_string,
    parse_fdt,
)

__all__ = ["Pseries"]

_H_RTAS = 0xF000
_H_CAS = 0xF002
_CAS_HEADER = 4
_FDT_MAGIC = 0xD00DFEED
_OWN_NODES = ("/aliases", "/openprom", "/options", "/packages")
"""The nodes that are the firmware's, not the hypervisor's."""
_RTAS_SHIM = (
    0x7C641B78,  # mr   r4,r3       the argument block
    0x3C600000,  # lis  r3,0
    0x6063F000,  # ori  r3,r3,H_RTAS
    0x44000022,  # sc   1
    0x4E800020,  # blr
)


class Pseries:
    """The machine, for one boot.

    Args:
        site: ports and the firmware's region.
        model: what `/openprom` `model` says.
        disks: its disks.
        cards: its network cards.
        variables: the user's configuration variables for this run.

    Attributes:
        reports: what of its devices found no room, in words.
        disks: the nodes of its disks.
        cards: the nodes of its network cards.
    """

    def __init__(
        self,
        site: Site,
        model: str,
        disks: Sequence[Disk] = (),
        cards: Sequence[Card] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self._site = site
        self._variables = variables
        self._model = model
        self.reports: list[str] = []
        self._change: Callable[[DeviceTree], None] = _no_change
        self._maps = DeviceMaps(site.bus, site.memory.size)
        self._buses: list[PciBus] = []
        self._driven: list[Node] = []
        self._console = ConsolePackage(site.memory, site.console)
        self._claims = ClaimMap(site.memory.size)
        self.disks = DiskNodes(site.loading, self._claims, disks, {}, site.region[0])
        self.cards = CardNodes(site.loading, site.clock, cards, {}, site.region[0])

    def power_on(self, tree_address: int, program: Program, change: Callable[[DeviceTree], None]) -> OpenFirmware:
        """See `vof.machines.Machine`.

        Raises:
            TreeError: the tree can't be used.
        """
        try:
            return self._power_on(tree_address, program, change)
        except KeyError as error:
            raise TreeError(f"the machine's tree can't be used: it lacks {error}") from error
        except (CellError, FdtError, GuestFault) as fault:
            raise TreeError(f"the machine's tree can't be used: {fault}") from fault

    def _power_on(self, tree_address: int, program: Program, change: Callable[[DeviceTree], None]) -> OpenFirmware:
        site = self._site
        self._change = change
        tree = parse_fdt(self._flattened(tree_address))
        self._claims.reserve(*site.region)
        for start, size in (program.kernel, program.initrd):
            if size:
                self._claims.claim(start, size, 0)
        self._tree = tree
        self._options = Options({"load-base": f"{LOAD_BASE:x}"}, self._variables, self._nvram())
        if self._options.notice:
            self.reports.append(self._options.notice)
        self._furnish(program)
        firmware = self._firmware = OpenFirmware(
            tree,
            site.memory,
            self._claims,
            clock=site.clock,
            cpu=site.cpu,
            hooks=Hooks(quiesce=site.taken_over, start_cpu=self._start_cpu, device=self._maps.access),
            scratch=site.scratch,
            options=self._options,
        )
        chosen = self._node("/chosen")
        console = decode_string(chosen.properties.get("stdout-path", b"/vdevice/vty\0"))
        firmware.console.use(console)
        chosen.properties["memory"] = encode_int(firmware.instances.open(self._boot_memory()).ihandle)
        boot_cpu = next(self._cpus(), None)
        if boot_cpu is not None:
            chosen.properties["cpu"] = encode_int(firmware.instances.open(boot_cpu.path).ihandle)
        drivers = [each for bus in self._buses for each in find_drivers(site.bus, bus, self.reports)]
        run_drivers(firmware, drivers, self.reports)
        self._driven = [each.node for each in drivers]
        return firmware

    def _furnish(self, program: Program) -> None:
        """Add what QEMU leaves to the firmware."""
        tree = self._tree
        furnish_standard_nodes(tree, self._model)
        chosen = self._node("/chosen")
        chosen.properties["bootargs"] = encode_string(program.arguments)
        start, size = program.initrd
        if size:
            chosen.properties["linux,initrd-start"] = encode_int64(start)
            chosen.properties["linux,initrd-end"] = encode_int64(start + size)
        self._complete()

    def _complete(self) -> None:
        """Add what no tree of QEMU's has. Again after the tree was replaced."""
        hosts = complete_pci(self._tree, self.rtas)
        self.reports += [each for host in hosts for each in host.reports if each not in self.reports]
        self._buses = [PciBus(host.node, host.config, host.nodes, None, self._maps) for host in hosts]
        self._install_methods()
        self._options.furnish(self._tree)
        self.disks.add(self._tree)
        self.cards.add(self._tree)
        self._change(self._tree)

    def _install_methods(self) -> None:
        """Make openable what clients open."""
        tree = self._tree
        tree.root.methods.update(OPENABLE)
        tree.root.methods["ibm,client-architecture-support"] = self._architecture_support
        for node in self._cpus():
            node.methods.update(OPENABLE)
        rtas = tree.find("/rtas")
        if rtas is not None:
            rtas.methods.update(OPENABLE)
            rtas.methods["instantiate-rtas"] = self._instantiate_rtas
        vdevice = tree.find("/vdevice")
        for node in vdevice.children if vdevice is not None else ():
            if node.base == "vty":
                node.methods.update(self._console.methods())
        for memory in memory_nodes(tree):
            memory.methods.update(OPENABLE)
            publish_available(memory, self._claims)

    def _nvram(self) -> _RtasNvram | None:
        """The machine's NVRAM, which the hypervisor has."""
        for node in self._tree.walk():
            if node.properties.get("device_type") == b"nvram\0" and "#bytes" in node.properties:
                return _RtasNvram(self, decode_int(node.properties["#bytes"]))
        return None

    def _architecture_support(self, instance: Instance, stack: Stack) -> None:
        """( vector -- err? ): PAPR B.6.2.3. The hypervisor answers with a whole new tree.

        Nodes that the client has seen keep their handles, and `/chosen` keeps what the new one does not say.
        """
        vector = stack.pop()
        room, size = self._site.tree_room
        status = self._site.hypervisor.hypercall(_H_CAS, vector, room, size)[0]
        if status:
            stack.append(-1)
            return
        try:
            new = parse_fdt(self._flattened(room + _CAS_HEADER))
        except (FdtError, GuestFault) as fault:
            raise Throw(ThrowCode.ABORT, f"the hypervisor's tree can't be used: {fault}") from None
        furnish_standard_nodes(new, self._model)
        for path in _OWN_NODES:
            _carry_over(self._node(path), new)
        for node in self._driven:
            if self._tree.by_phandle.get(node.phandle) is not node:
                continue  # the client has removed it
            _carry_name_over(node, new)
            _carry_over(node, new)
        chosen = new.find("/chosen")
        assert chosen is not None
        for name, value in self._node("/chosen").properties.items():
            chosen.properties.setdefault(name, value)
        self._tree.replace_from(new)
        self._complete()
        self._firmware.tell(TreeReplaced(len(self._tree)))
        stack.append(0)

    def _instantiate_rtas(self, instance: Instance, stack: Stack) -> None:
        """( base -- entry ): PAPR B.6.2.1. RTAS is one hypercall.

        The guest writes it, so that QEMU sees the code change.
        """
        base = stack.pop()
        words = [Access(BusOp.WRITE, base + 4 * index, 4, word) for index, word in enumerate(_RTAS_SHIM)]
        self._site.memory.read(base, 4 * len(words))
        self._site.bus.run(words)
        stack.append(base)

    def _start_cpu(self, node: Node, entry: int, r3: int) -> None:
        """Start a held CPU by RTAS `start-cpu` (PAPR 7.3.8)."""
        try:
            cpu = decode_int(node.properties["reg"])
        except (KeyError, CellError):
            raise GuestFault("{} is no CPU", node.path) from None
        self.rtas("start-cpu", (cpu, entry, r3), 0)

    def rtas(self, name: str, arguments: tuple[int, ...], result_count: int) -> tuple[int, ...]:
        """Call RTAS (PAPR 7.2.8); the results behind the status.

        Raises:
            GuestFault: there is no such call, for one because the client has changed `/rtas`, or it failed.
        """
        try:
            token = decode_int(self._node("/rtas").properties[name])
        except (KeyError, CellError):
            raise GuestFault("RTAS has no {}", name) from None
        memory, block = self._site.memory, self._site.scratch
        memory.write_cells(block, (token, len(arguments), 1 + result_count, *arguments, *[0] * (1 + result_count)))
        hypercall_status = self._site.hypervisor.hypercall(_H_RTAS, block)[0]
        status, *results = memory.read_cells(block + 12 + 4 * len(arguments), 1 + result_count)
        if hypercall_status or status:
            raise GuestFault("RTAS {}: status {}", name, hypercall_status or status - (status >> 31 << 32))
        return tuple(results)

    @property
    def nvram_buffer(self) -> tuple[Memory, tuple[int, int]]:
        """Memory, and the address and size of a room in it for what RTAS reads and writes."""
        return self._site.memory, self._site.tree_room

    def _flattened(self, address: int) -> bytes:
        magic, size = self._site.memory.read_cells(address, 2)
        room = self._site.tree_room[1]
        if magic != _FDT_MAGIC or size > room:
            raise GuestFault("no flattened tree at {:#x}", address)
        return self._site.memory.read(address, size)

    def _cpus(self) -> Iterator[Node]:
        cpus = self._tree.find("/cpus")
        if cpus is not None:
            yield from (node for node in cpus.children if "reg" in node.properties)

    def _boot_memory(self) -> str:
        """The path of the memory at 0, which need not be the tree's first; `/chosen` `memory` is an instance of it."""
        for node in memory_nodes(self._tree):
            if any(start == 0 for start, _ in memory_ranges(node)):
                return node.path
        return "/memory"

    def _node(self, path: str) -> Node:
        node = self._tree.find(path)
        if node is None:
            raise GuestFault("no {}", path)
        return node


class _RtasNvram:
    """The port `Store` by RTAS calls (PAPR 7.3.1).

    Args:
        machine: whose.
        size: its bytes.
    """

    def __init__(self, machine: Pseries, size: int) -> None:
        self._machine = machine
        self._size = size

    @property
    def size(self) -> int:
        return self._size

    def read(self, offset: int, length: int) -> bytes:
        memory, (buffer, room) = self._machine.nvram_buffer
        data = b""
        while len(data) < length:
            wanted = min(length - len(data), room)
            done = self._call("nvram-fetch", offset + len(data), buffer, wanted)
            data += memory.read(buffer, done)
        return data

    def write(self, offset: int, data: bytes) -> None:
        memory, (buffer, room) = self._machine.nvram_buffer
        done = 0
        while done < len(data):
            piece = data[done : done + room]
            memory.write(buffer, piece)
            done += self._call("nvram-store", offset + done, buffer, len(piece))

    def _call(self, name: str, offset: int, buffer: int, length: int) -> int:
        try:
            (done,) = self._machine.rtas(name, (offset, buffer, length), 1)
        except GuestFault as fault:
            raise PortError(str(fault)) from None
        if not 0 < done <= length:
            raise PortError(f"RTAS {name} did {done} of {length} bytes")
        return done


def _carry_name_over(node: Node, tree: DeviceTree) -> None:
    """Have what is at the place of `node` in `tree` have its name, too: a driver gave it that."""
    parent = None if node.parent is None else tree.find(node.parent.path)
    same = [each for each in parent.children if each.unit == node.unit] if parent is not None else []
    if len(same) == 1:
        tree.rename(same[0], node.name)


def _carry_over(node: Node, tree: DeviceTree) -> None:
    """Have `tree` hold what is at and below `node`, too."""
    for old in node.walk():
        new = tree.find(old.path)
        if new is None:
            assert old.parent is not None
            new = tree.add(old.parent.path, old.name)
        new.properties.update(old.properties)


def _no_change(tree: DeviceTree) -> None:
    pass
