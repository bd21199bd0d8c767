"""The disks of a machine: their nodes under the controllers that the guest has, their methods and aliases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from vof.memory import Claims
from vof.packages import OPENABLE, Instance, Method, Stack
from vof.packages.deblocker import Deblocker
from vof.packages.disk import DiskPackage
from vof.packages.disk_label import DiskLabel
from vof.ports import Block, Files, Memory, Partitions
from vof.tree import DeviceTree, Node, encode_int, encode_int64, encode_reg, encode_string

__all__ = ["Controller", "Disk", "DiskKind", "DiskNodes", "DiskPlace", "add_support_packages", "set_aliases"]

DiskKind = Literal["virtio-blk", "virtio-scsi", "vscsi", "scsi", "ide"]
_BUSES = ("virtio-scsi", "vscsi", "scsi")


@dataclass(frozen=True, slots=True)
class Controller:
    """Where a controller or card is.

    Attributes:
        host: the emulator's name of its host bridge, or that one's unit address; "" on PAPR's virtual I/O bus.
        functions: device and function of each bridge below that and of the controller itself; empty there.
        vio: its unit address on PAPR's virtual I/O bus.
    """

    host: str = ""
    functions: tuple[tuple[int, int], ...] = ()
    vio: int = 0

    def find(self, tree: DeviceTree, hosts: Mapping[str, str]) -> Node | None:
        """Its node.

        Args:
            tree: the tree.
            hosts: paths of host bridges by name; one that isn't there is `/pci@NAME`.
        """
        if self.vio:
            return tree.find(f"/vdevice/@{self.vio:x}")
        node = tree.find(hosts.get(self.host, f"/pci@{self.host}"))
        for device, function in self.functions:
            if node is None:
                return None
            units = (f"{device:x},{function:x}",) if function else (f"{device:x}", f"{device:x},0")
            node = next((child for child in node.children if child.unit in units), None)
        return node


@dataclass(frozen=True, slots=True)
class DiskPlace:
    """How a disk is attached.

    Attributes:
        kind: by what.
        controller: to which.
        channel, target, lun: its address there: SCSI's; of IDE the channel and, as target, the unit.
    """

    kind: DiskKind
    controller: Controller
    channel: int = 0
    target: int = 0
    lun: int = 0

    @property
    def lun64(self) -> int:
        """Its address as 64 bits: virtio's (virtio 1.1 §5.6.6.1), or SAM's logical unit format as PAPR has it."""
        if self.kind == "virtio-scsi":
            return (0x01000000 | self.target << 16 | self.lun) << 32
        return (0x8000 | self.target << 8 | self.channel << 5 | self.lun) << 48

    @property
    def unit(self) -> str:
        """Its unit address."""
        if self.kind == "ide":
            return f"{self.channel:x},{self.target:x}"
        if self.kind == "scsi":
            return f"{self.target:x},{self.lun:x}"
        return f"{self.lun64:x}"

    @property
    def reg(self) -> bytes:
        """What its node's `reg` says."""
        if self.kind in ("ide", "scsi"):
            first, second = (self.channel, self.target) if self.kind == "ide" else (self.target, self.lun)
            return encode_reg([(first, second)], 1, 1)
        return encode_int64(self.lun64)


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk of a machine.

    Attributes:
        name: what to call it besides `disk` and a number, an alias too; "" for nothing.
        block: its contents.
        partitions: its partitions.
        cdrom: whether it is a CD-ROM, whose aliases are `cdrom` and a number.
        place: how it is attached; None where the machine has no controllers.
        boot_index: its place among those that the user gave one (`bootindex=`); -1 for none.
        files: its files; None where nobody reads them.
    """

    name: str
    block: Block
    partitions: Partitions
    cdrom: bool = False
    place: DiskPlace | None = None
    boot_index: int = -1
    files: Files | None = None


class DiskNodes:
    """The nodes of a machine's disks.

    Args:
        memory: guest memory.
        claims: where a controller's methods may put what they have to tell.
        disks: the disks, in the user's order.
        hosts: paths of PCI host bridges by the emulator's name of them.
        top: the first address that a program may not be loaded to.

    Attributes:
        reports: of those that have none, in words.
    """

    def __init__(
        self, memory: Memory, claims: Claims, disks: Sequence[Disk], hosts: Mapping[str, str], top: int
    ) -> None:
        self._memory = memory
        self._claims = claims
        self._disks = disks
        self._hosts = dict(hosts)
        self._top = top
        self._nodes: list[tuple[Node, Disk]] = []
        self.reports: list[str] = []

    def add(self, tree: DeviceTree, aliases: Mapping[str, str] | None = None) -> None:
        """Put them into a tree, and their aliases. Nodes that are there get what they lack.

        Args:
            tree: the tree, which has `/aliases`.
            aliases: the machine's own alias for `disk` and for `cdrom`.
        """
        self._nodes.clear()
        luns: dict[str, tuple[Node, list[int]]] = {}
        packages: dict[int, DiskPackage] = {}
        for disk in self._disks:
            if disk.place is None:
                continue
            node = self._node(tree, disk.place, disk.name)
            if node is None:
                continue
            node.properties["device_type"] = encode_string("block")
            package = DiskPackage(self._memory, disk.block, disk.partitions, disk.files, self._top)
            node.methods.update(package.methods())
            packages[node.phandle] = package
            self._nodes.append((node, disk))
            if disk.place.kind in _BUSES and node.parent is not None:
                luns.setdefault(node.parent.path, (node.parent, []))[1].append(disk.place.lun64)
        for node, numbers in luns.values():
            node.methods.update(_ScsiBus(self._memory, self._claims, numbers).methods())
        set_aliases(tree, self.paths, aliases or {})
        if self._nodes:
            add_support_packages(tree, self._memory, self._claims, packages)

    @property
    def paths(self) -> list[tuple[str, Disk]]:
        """Paths of the disks that have a node, with the disk, in their order."""
        return [(node.path, disk) for node, disk in self._nodes]

    @property
    def first(self) -> list[tuple[int, str]]:
        """Boot index and path of the disks that the user gave one."""
        return [(disk.boot_index, path) for path, disk in self.paths if disk.boot_index >= 0]

    def _node(self, tree: DeviceTree, place: DiskPlace, name: str) -> Node | None:
        controller = place.controller.find(tree, self._hosts)
        if controller is None:
            report = f"{name}: its controller has no node: the firmware can't reach it"
            if report not in self.reports:
                self.reports.append(report)
            return None
        if place.kind == "virtio-blk":
            return controller
        controller.properties.setdefault("#address-cells", encode_int(2))
        controller.properties.setdefault("#size-cells", encode_int(0))
        if place.kind != "vscsi":
            controller.properties.setdefault("device_type", encode_string("ide" if place.kind == "ide" else "scsi"))
        for method, function in OPENABLE.items():
            controller.methods.setdefault(method, function)
        unit = place.unit
        node = next((child for child in controller.children if child.unit == unit), None)
        if node is None:
            node = tree.add(controller, f"disk@{unit}", {"reg": place.reg})
        return node


def set_aliases(tree: DeviceTree, paths: Sequence[tuple[str, Disk]], own: Mapping[str, str]) -> None:
    """Give disks their aliases: `disk` and `disk0` for the first, `cdrom` likewise, and each its own name.

    Args:
        tree: the tree, which has `/aliases`.
        paths: paths and disks, in the user's order.
        own: the machine's own alias for `disk` and for `cdrom`.
    """
    aliases = tree.find("/aliases")
    assert aliases is not None
    counts = {"disk": 0, "cdrom": 0}
    for path, disk in paths:
        kind = "cdrom" if disk.cdrom else "disk"
        for alias in (kind, own.get(kind, ""), f"{kind}{counts[kind]}", disk.name):
            if alias:
                aliases.properties.setdefault(alias, encode_string(path))
        counts[kind] += 1


def add_support_packages(tree: DeviceTree, memory: Memory, claims: Claims, disks: Mapping[int, DiskPackage]) -> None:
    """Put `deblocker` and `disk-label` under `/packages`.

    Args:
        tree: the tree.
        memory: guest memory.
        claims: where their buffers are taken from.
        disks: the disks' packages by the handles of their nodes.
    """
    for name, methods in (
        ("deblocker", Deblocker(memory, claims).methods()),
        ("disk-label", DiskLabel(disks).methods()),
    ):
        node = tree.find(f"/packages/{name}") or tree.add("/packages", name)
        node.methods.update(methods)


class _ScsiBus:
    """Methods of a SCSI controller: what is on its bus."""

    def __init__(self, memory: Memory, claims: Claims, luns: Sequence[int]) -> None:
        self._memory = memory
        self._claims = claims
        self._luns = tuple(luns)
        self._table = 0

    def methods(self) -> dict[str, Method]:
        """The methods, by name, for `Node.methods`."""
        return {**OPENABLE, "vscsi-report-luns": self.report_luns}

    def report_luns(self, instance: Instance, stack: Stack) -> None:
        """( -- table entries ): SLOF's; an entry is the address, in 64 bits, of a list of LUNs that ends with 0."""
        if not self._table:
            count = len(self._luns)
            base = self._claims.claim(0, 8 * count + 16 * count, 16)
            lists = base + 8 * count
            data = b"".join((lists + 16 * place).to_bytes(8) for place in range(count))
            self._memory.write(base, data + b"".join(lun.to_bytes(8) + bytes(8) for lun in self._luns))
            self._table = base
        stack += [self._table, len(self._luns)]
