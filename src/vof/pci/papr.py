"""PCI on a PAPR machine: QEMU's hypervisor numbers the buses and makes the nodes; addresses it leaves to the firmware.

SLOF gives them, x-vof doesn't. Linux would; a client program that doesn't assign addresses finds no card that answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vof.errors import GuestFault, PortError
from vof.pci.assign import Windows, assign
from vof.pci.config import ConfigAccess, ConfigSpace
from vof.pci.describe import describe
from vof.pci.scan import Function, Space, scan
from vof.tree import CellError, DeviceTree, Node, decode_cells

__all__ = ["PaprHost", "complete_pci"]

Rtas = Callable[[str, tuple[int, ...], int], tuple[int, ...]]
"""Makes a call by its name, with arguments and the number of results behind the status; a `GuestFault` if it failed."""

_RANGE_CELLS = 7
_IO, _MEMORY, _WIDE = (space.value for space in (Space.IO, Space.MEMORY, Space.WIDE))
_ISA_PORTS = 0x1000


@dataclass(frozen=True, slots=True)
class PaprHost:
    """A host bridge with what was found behind it.

    Attributes:
        node: its node.
        config: configuration space.
        nodes: all nodes behind it, and what each is the node of.
        reports: what found no room, in words.
    """

    node: Node
    config: ConfigSpace
    nodes: list[tuple[Node, Function]]
    reports: list[str]


class _PaprConfig:
    """Configuration space by RTAS (PAPR 7.3.4). What can't be read is all ones."""

    def __init__(self, rtas: Rtas, unit: tuple[int, int]) -> None:
        self._rtas = rtas
        self._unit = unit

    def run(self, accesses: Sequence[ConfigAccess]) -> list[int]:
        """See `ConfigSpace`."""
        values: list[int] = []
        for access in accesses:
            where = access.bus << 16 | access.device << 11 | access.function << 8 | access.register
            arguments = (where, *self._unit, access.width)
            try:
                if access.value is not None:
                    self._rtas("ibm,write-pci-config", (*arguments, access.value), 0)
                else:
                    values += self._rtas("ibm,read-pci-config", arguments, 1)
            except (GuestFault, PortError):
                if access.value is None:
                    values.append((1 << 8 * access.width) - 1)
        return values


def complete_pci(tree: DeviceTree, rtas: Rtas) -> list[PaprHost]:
    """Give everything behind every host bridge its addresses, and tell of them in its node.

    Args:
        tree: the tree, as the hypervisor gave it.
        rtas: calls RTAS.

    Returns:
        The host bridges that something is behind.
    """
    hosts: list[PaprHost] = []
    for node in tree.root.children:
        unit = _cells(node, "reg")
        if node.properties.get("device_type") != b"pci\0" or len(unit) < 2 or not node.children:
            continue
        config = _PaprConfig(rtas, (unit[0], unit[1]))
        functions = scan(config, numbered=True)
        reports = assign(config, functions, _windows(node)).reports
        hosts.append(PaprHost(node, config, describe(tree, node, functions), reports))
    return hosts


def _windows(host: Node) -> Windows:
    """What a host bridge's `ranges` says that it passes on."""
    io, memory, wide = (0, 0), (0, 0), (0, 0)
    cells = _cells(host, "ranges")
    for high, upper, lower, _, _, size_high, size in zip(*[iter(cells)] * _RANGE_CELLS, strict=False):
        kind = high >> 24 & 3
        if kind == _IO and size > _ISA_PORTS:
            io = (lower + _ISA_PORTS, size - _ISA_PORTS)
        elif kind == _MEMORY and not upper:
            memory = (lower, min((size_high << 32) + size, (1 << 32) - lower))
        elif kind == _WIDE and upper:
            wide = ((upper << 32) + lower, (size_high << 32) + size)
    return Windows(io, memory, wide)


def _cells(node: Node, name: str) -> tuple[int, ...]:
    try:
        return decode_cells(node.properties.get(name, b""))
    except CellError:
        return ()
