"""What PAPR's hypervisor leaves out of its tree about PCI bridges: Linux scans PCI by the tree alone.

QEMU numbers the buses and names the devices behind each bridge, but their nodes are found only where the bridge's own
says that it is one (PCI binding §3.1.1, §3.1.2). SLOF adds that; x-vof does not, and loses the devices.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from vof.errors import GuestFault, PortError
from vof.tree import CellError, DeviceTree, Node, decode_cells, encode_cells

__all__ = ["describe_bridges"]

ReadConfig = Callable[[int, int, int], int]
"""Reads four bytes of configuration space (PAPR 7.3.4): the two cells of the host bridge's number, and the address."""

_BRIDGE_CLASS = 0x0604
_BUS_NUMBERS = 0x18
_FUNCTION = 0x00FFFF00


def describe_bridges(tree: DeviceTree, read_config: ReadConfig) -> None:
    """Give every PCI bridge that lacks them `device_type`, `bus-range` and empty `ranges`: Linux places windows itself.

    Args:
        tree: the tree, as the hypervisor gave it.
        read_config: reads a register of a device behind a host bridge. A bridge that it can't read stays as it is.
    """
    for host in tree.root.children:
        unit = _cells(host, "reg")
        if host.properties.get("device_type") != b"pci\0" or len(unit) < 2:
            continue
        for node in host.walk():
            where = _cells(node, "reg")
            if node is not host and where and [cell >> 8 for cell in _cells(node, "class-code")] == [_BRIDGE_CLASS]:
                with suppress(GuestFault, PortError):
                    _describe(node, read_config(unit[0], unit[1], where[0] & _FUNCTION | _BUS_NUMBERS))


def _describe(bridge: Node, bus_numbers: int) -> None:
    first, last = bus_numbers >> 8 & 0xFF, bus_numbers >> 16 & 0xFF
    bridge.properties.setdefault("device_type", b"pci\0")
    bridge.properties.setdefault("bus-range", encode_cells(first, last))
    bridge.properties.setdefault("ranges", b"")


def _cells(node: Node, name: str) -> tuple[int, ...]:
    try:
        return decode_cells(node.properties.get(name, b""))
    except CellError:
        return ()
