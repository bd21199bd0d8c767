"""`mac99` and `g3beige`: Apple's Power Macs as QEMU emulates them, as far as a client that walks the tree needs them.

The trees hold the CPU, RAM, the console, the host bridges and the PCI devices found behind them; Apple's own I/O
controllers and their devices are later work.
Ref: QEMU's hw/ppc/mac_newworld.c, hw/ppc/mac_oldworld.c.
"""

from __future__ import annotations

from vof.machines.pci_board import Cpus, PciBoardFacts, PciHost
from vof.pci import Form, Windows
from vof.tree import encode_cells, encode_int, encode_string

__all__ = ["G3BEIGE", "MAC99"]


def _root(model: str, *compatible: str) -> dict[str, bytes]:
    return {
        "name": encode_string("device-tree"),
        "model": encode_string(model),
        "compatible": b"".join(encode_string(each) for each in (model, *compatible)),
        "device_type": encode_string("bootrom"),
        "#address-cells": encode_int(1),
        "#size-cells": encode_int(1),
    }


def _host(compatible: str, reg: tuple[int, int], io: tuple[int, int], memory: tuple[int, int]) -> dict[str, bytes]:
    return {
        "device_type": encode_string("pci"),
        "compatible": encode_string(compatible),
        "#address-cells": encode_int(3),
        "#size-cells": encode_int(2),
        "reg": encode_cells(*reg),
        "ranges": encode_cells(1 << 24, 0, 0, io[0], 0, io[1], 2 << 24, 0, memory[0], memory[0], 0, memory[1]),
        "bus-range": encode_cells(0, 0),
        "clock-frequency": encode_int(33_333_333),
    }


_SERIAL = {"device_type": encode_string("serial")}

MAC99 = PciBoardFacts(
    root=_root("PowerMac3,1", "MacRISC", "MacRISC2", "Power Macintosh"),
    cpus=Cpus("PowerPC,G4", 900_000_000, 100_000_000, 25_000_000),
    bring_up=(),
    interrupts=(),
    hosts=(
        PciHost(
            "/pci@f2000000",
            *(0xF2800000, 0xF2C00000),
            Windows(io=(0x1000, 0x7FF000), memory=(0x80000000, 0x10000000)),
            Form.UNI_NORTH,
        ),
    ),
    nodes={
        "/openprom": {"model": encode_string("OpenFirmware 3")},
        "/pci@f2000000": _host(
            "uni-north", (0xF2000000, 0x02000000), (0xF2000000, 0x00800000), (0x80000000, 0x10000000)
        ),
        "/serial": _SERIAL,
    },
    console="/serial",
    aliases={"ttya": "/serial", "pci": "/pci@f2000000"},
)

G3BEIGE = PciBoardFacts(
    root=_root("AAPL,PowerMac G3", "MacRISC", "Power Macintosh"),
    cpus=Cpus("PowerPC,750", 233_333_333, 66_666_666, 16_600_000),
    bring_up=(),
    interrupts=(),
    hosts=(
        PciHost(
            "/pci@80000000",
            *(0xFEC00000, 0xFEE00000),
            Windows(io=(0x1000, 0x1FF000), memory=(0x80000000, 0x7E000000)),
        ),
    ),
    nodes={
        "/openprom": {"model": encode_string("Open Firmware, 2.4")},
        "/pci@80000000": _host("grackle", (0x80000000, 0x7F000000), (0xFE000000, 0x00200000), (0x80000000, 0x7E000000)),
        "/serial": _SERIAL,
    },
    console="/serial",
    aliases={"ttya": "/serial", "pci": "/pci@80000000"},
)
