"""Describing: a node for each function, with the properties of the PCI binding (revision 2.1, §4.1)."""

from __future__ import annotations

from collections.abc import Mapping

from vof.pci.scan import Bar, Function, Space
from vof.tree import DeviceTree, Node, encode_cells, encode_int, encode_string

__all__ = ["describe"]

_NAMES: Mapping[int, str] = {
    0x0100: "scsi",
    0x0101: "ide",
    0x0102: "fdc",
    0x0104: "raid",
    0x0106: "sata",
    0x0108: "nvme",
    0x0200: "ethernet",
    0x0201: "token-ring",
    0x0202: "fddi",
    0x0203: "atm",
    0x0300: "display",
    0x0380: "display",
    0x0400: "video",
    0x0401: "sound",
    0x0403: "sound",
    0x0500: "memory",
    0x0501: "flash",
    0x0600: "host",
    0x0601: "isa",
    0x0602: "eisa",
    0x0603: "mca",
    0x0604: "pci",
    0x0605: "pcmcia",
    0x0607: "cardbus",
    0x0700: "serial",
    0x0701: "parallel",
    0x0800: "interrupt-controller",
    0x0801: "dma-controller",
    0x0802: "timer",
    0x0803: "rtc",
    0x0900: "keyboard",
    0x0901: "pen",
    0x0902: "mouse",
    0x0C00: "firewire",
    0x0C01: "access-bus",
    0x0C02: "ssa",
    0x0C03: "usb",
    0x0C04: "fibre-channel",
    0x0C05: "smb",
}
"""Generic names by class and subclass; what isn't here is called `pci` and its numbers."""
_RELOCATABLE, _PREFETCHABLE = 0x80000000, 0x40000000
_RANGES = {Space.IO: 0x81000000, Space.MEMORY: 0x82000000, Space.WIDE: 0xC3000000}
"""What a bridge passes on, as the first cell of an address."""
_FAST_BACK_TO_BACK, _66_MHZ = 0x80, 0x20


def describe(
    tree: DeviceTree, host: Node, functions: list[Function], names: Mapping[int, str] | None = None
) -> list[tuple[Node, Function]]:
    """Add nodes below a host bridge's node. What is there already is completed: nothing of it is replaced.

    Args:
        tree: the tree.
        host: the host bridge's node, whose `#address-cells` is 3.
        functions: what is on its bus.
        names: names by class and subclass that the machine has for them, before the generic ones.

    Returns:
        All nodes with what each is the node of, those of bridges before what is behind them.
    """
    described: list[tuple[Node, Function]] = []
    named = {**_NAMES, **(names or {})}
    for function in functions:
        unit = f"{function.device:x}" + (f",{function.function:x}" if function.function else "")
        node = next((child for child in host.children if child.name.partition("@")[2] == unit), None)
        if node is None:
            name = named.get(function.class_code >> 8) or f"pci{function.vendor:x},{function.device_id:x}"
            node = tree.add(host, f"{name}@{unit}")
        described.append((node, function))
        for key, value in _properties(function).items():
            if not node.properties.get(key):  # QEMU's pseries has empty ones
                node.properties[key] = value
        if function.is_bridge:
            for key, value in _bridge_properties(function).items():
                node.properties.setdefault(key, value)
            described += describe(tree, node, function.children, names)
    return described


def _properties(function: Function) -> dict[str, bytes]:
    where = function.bus << 16 | function.device << 11 | function.function << 8
    properties = {
        "vendor-id": encode_int(function.vendor),
        "device-id": encode_int(function.device_id),
        "revision-id": encode_int(function.revision),
        "class-code": encode_int(function.class_code),
        "devsel-speed": encode_int(function.status >> 9 & 3),
        "compatible": _compatible(function),
    }
    if function.subsystem_vendor or function.subsystem:
        properties["subsystem-vendor-id"] = encode_int(function.subsystem_vendor)
        properties["subsystem-id"] = encode_int(function.subsystem)
    if not function.header:
        properties["min-grant"] = encode_int(function.min_grant)
        properties["max-latency"] = encode_int(function.max_latency)
    if function.status & _FAST_BACK_TO_BACK:
        properties["fast-back-to-back"] = b""
    if function.status & _66_MHZ:
        properties["66mhz-capable"] = b""
    if function.pin:
        properties["interrupts"] = encode_int(function.pin)
    cells = [where, 0, 0, 0, 0]
    assigned: list[int] = []
    for bar in function.bars:
        high = where | _high(bar)
        cells += [high, 0, 0, bar.size >> 32, bar.size & 0xFFFFFFFF]
        if bar.address >= 0:
            address = bar.address >> 32, bar.address & 0xFFFFFFFF
            assigned += [_RELOCATABLE | high, *address, bar.size >> 32, bar.size & 0xFFFFFFFF]
    properties["reg"] = encode_cells(*cells)
    if assigned:
        properties["assigned-addresses"] = encode_cells(*assigned)
    return properties


def _high(bar: Bar) -> int:
    return bar.space.value << 24 | (_PREFETCHABLE if bar.prefetchable else 0) | bar.register


def _compatible(function: Function) -> bytes:
    """From the most to the least particular (§4.1.2.1)."""
    name = f"pci{function.vendor:x},{function.device_id:x}"
    subsystem = f"{function.subsystem_vendor:x}.{function.subsystem:x}"
    each = []
    if function.subsystem_vendor or function.subsystem:
        each += [f"{name}.{subsystem}.{function.revision:x}", f"{name}.{subsystem}"]
        each.append(f"pci{function.subsystem_vendor:x},{function.subsystem:x}")
    each += [f"{name}.{function.revision:x}", name]
    each += [f"pciclass,{function.class_code:06x}", f"pciclass,{function.class_code >> 8:04x}"]
    return b"".join(encode_string(text) for text in each)


def _bridge_properties(bridge: Function) -> dict[str, bytes]:
    ranges = b""
    for space, high in _RANGES.items():
        if space in bridge.windows:
            start, size = (divmod(number, 1 << 32) for number in bridge.windows[space])
            ranges += encode_cells(high, *start, high, *start, *size)
    return {
        "device_type": encode_string("pci"),
        "#address-cells": encode_int(3),
        "#size-cells": encode_int(2),
        "bus-range": encode_cells(bridge.secondary, bridge.subordinate),
        "ranges": ranges,
    }
