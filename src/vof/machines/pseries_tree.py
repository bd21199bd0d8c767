"""The tree of `pseries` where there is no QEMU to give one: a recorded one, or the user's own."""

from __future__ import annotations

import os

from vof.errors import UsageError
from vof.machines.machine import memory_nodes, memory_ranges
from vof.machines.papr import RTAS_CALLS
from vof.tree import CellError, DeviceTree, FdtError, encode_int, encode_reg, encode_string, parse_fdt

__all__ = ["VSCSI", "add_vscsi", "memory_of", "pseries_tree"]

_RECORDED = os.path.join(os.path.dirname(__file__), "pseries.dtb")
VSCSI = 0x71000003
"""The address of the SCSI adapter on PAPR's virtual I/O bus."""
_CPUS = "/cpus"
_FIRST_TOKEN = 0x2000
_GRAIN = 1 << 20


def pseries_tree(memory: int, cpu: str, pvr: int) -> DeviceTree:
    """QEMU's tree, recorded, without what only QEMU has: PCI and virtual I/O devices, and RTAS calls.

    A client program takes the token of an RTAS call for the call (PAPR 7.2.8).

    Args:
        memory: bytes of RAM.
        cpu: the CPU model's name.
        pvr: its processor version.
    """
    with open(_RECORDED, "rb") as file:
        tree = parse_fdt(file.read())
    node = tree.find("/memory")
    assert node is not None
    node.properties["reg"] = encode_reg([(0, memory)], 2, 2)
    cpus = tree.find(_CPUS)
    assert cpus is not None
    first = next(iter(cpus.children))
    tree.rename(first, f"PowerPC,{cpu.upper()}@0")
    first.properties["cpu-version"] = encode_int(pvr)
    rtas = tree.find("/rtas")
    assert rtas is not None
    for name, value in list(rtas.properties.items()):
        if len(value) == 4 and int.from_bytes(value) >= _FIRST_TOKEN and name not in RTAS_CALLS:
            del rtas.properties[name]
    return tree


def memory_of(flattened: bytes) -> int:
    """The bytes of RAM from address 0 that a user's flattened tree tells of.

    Raises:
        UsageError: it is no flattened tree, tells of none, or of some elsewhere.
    """
    try:
        tree = parse_fdt(flattened)
        nodes = memory_nodes(tree)
        if not nodes:
            raise UsageError("the tree has no /memory")
        ranges = sorted(pair for node in nodes for pair in memory_ranges(node) if pair[1])
    except (FdtError, CellError, KeyError) as fault:
        raise UsageError(f"the tree can't be used: {fault}") from None
    if not ranges or ranges[0][0]:
        raise UsageError("the tree has no memory at 0")
    end = 0
    for start, size in ranges:
        if start != end:
            raise UsageError(f"its memory at {start:#x} doesn't follow that below, which ends at {end:#x}")
        end += size
    if end % _GRAIN:
        raise UsageError(f"its memory at 0 has {end:#x} bytes: whole MiB would work")
    return end


def add_vscsi(tree: DeviceTree) -> None:
    """Add a SCSI adapter for the firmware's disks, where the tree has none at that address."""
    if tree.find("/vdevice") is None or tree.find(f"/vdevice/@{VSCSI:x}") is not None:
        return
    properties = {
        "device_type": encode_string("vscsi"),
        "compatible": encode_string("IBM,v-scsi"),
        "reg": encode_int(VSCSI),
    }
    tree.add("/vdevice", f"v-scsi@{VSCSI:x}", properties)
