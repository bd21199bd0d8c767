"""What every machine has in common: where it stands, what it is asked, and the standard's own nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from vof.firmware import OpenFirmware
from vof.memory import ClaimMap, SeenMemory
from vof.ports import Bus, Clock, Console, Cpu, Hypervisor, Memory
from vof.tree import DeviceTree, Node, child_address_cells, child_size_cells, decode_reg, encode_reg, encode_string

__all__ = [
    "LOAD_BASE",
    "Machine",
    "Program",
    "Site",
    "StartState",
    "furnish_standard_nodes",
    "memory_nodes",
    "memory_ranges",
    "publish_available",
]


LOAD_BASE = 64 << 20
"""Where the file of a program is loaded to before it is put where it runs."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a machine's firmware stands: its ports, and its own region of guest memory.

    Attributes:
        memory, cpu, hypervisor, bus, console, clock: the ports.
        region: start and size of the firmware's own memory, which no client may claim.
        scratch: a page in it.
        tree_room: address and size of the room in it for a flattened tree.
        taken_over: called, if given, when the client program takes the machine over.
        remembers: whether the emulator may remember code of an earlier boot, in memory that is written from outside.
        flush_translations: called, if given, when the firmware has changed the page table.
    """

    memory: Memory
    cpu: Cpu
    hypervisor: Hypervisor
    bus: Bus
    console: Console
    clock: Clock
    region: tuple[int, int]
    scratch: int
    tree_room: tuple[int, int]
    taken_over: Callable[[], None] | None = None
    flush_translations: Callable[[], None] | None = None
    remembers: bool = False

    @property
    def loading(self) -> Memory:
        """Memory for what is read from disks and networks, which may be code."""
        return SeenMemory(self.memory, self.bus) if self.remembers else self.memory


@dataclass(frozen=True, slots=True)
class StartState:
    """What a CPU needs, besides the usual, before it starts the client program: see `vof.outcomes.Jump`.

    Attributes:
        msr: bits of the machine state register to set.
        sprs: special purpose registers by number.
        segments: the segment registers 0 … 15; none to leave them as they are.
    """

    msr: int = 0
    sprs: Mapping[int, int] = field(default_factory=dict)
    segments: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Program:
    """What was loaded for the client program.

    Attributes:
        kernel: start and size of the loaded program; (0, 0) if there is none.
        initrd: start and size of the initial RAM disk; (0, 0) if there is none.
        arguments: its command line.
    """

    kernel: tuple[int, int] = (0, 0)
    initrd: tuple[int, int] = (0, 0)
    arguments: str = ""


class Machine(Protocol):
    """One machine, for one boot."""

    def power_on(self, tree_address: int, program: Program, change: Callable[[DeviceTree], None]) -> OpenFirmware:
        """Make the firmware.

        Args:
            tree_address: where the engine's flattened tree is.
            program: what has been loaded.
            change: makes the user's own changes to a tree that the machine has furnished.
        """
        ...


def furnish_standard_nodes(tree: DeviceTree, model: str) -> None:
    """Add the nodes that every Open Firmware has (1275 §3.5), where the tree lacks them."""
    for path, properties in (
        ("/aliases", {}),
        ("/chosen", {}),
        ("/openprom", {"model": encode_string(model)}),
        ("/openprom/client-services", {}),
        ("/options", {"real-mode?": encode_string("true")}),
        ("/packages", {}),
    ):
        if tree.find(path) is None:
            parent, _, name = path.rpartition("/")
            tree.add(parent or "/", name, properties)


def memory_nodes(tree: DeviceTree) -> list[Node]:
    """The nodes that tell of RAM, in the tree's order: QEMU has one for each NUMA node, and the last of them first."""
    return [node for node in tree.root.children if node.base == "memory"]


def memory_ranges(node: Node) -> tuple[tuple[int, int], ...]:
    """The addresses and sizes that a memory node tells of.

    Raises:
        KeyError: it has no `reg`.
        CellError: its `reg` is no list of ranges.
    """
    return decode_reg(node.properties["reg"], *_cell_counts(node))


def publish_available(node: Node, claims: ClaimMap) -> None:
    """Have a memory node's `available` say what the claim map says, whenever it is read (1275 §3.7.6)."""
    node.properties.compute("available", partial(_available, claims, memory_ranges(node), *_cell_counts(node)))


def _cell_counts(node: Node) -> tuple[int, int]:
    return (child_address_cells(node.parent), child_size_cells(node.parent)) if node.parent else (2, 1)


def _available(claims: ClaimMap, ranges: tuple[tuple[int, int], ...], addresses: int, sizes: int) -> bytes:
    return encode_reg(claims.free(ranges), addresses, sizes)
