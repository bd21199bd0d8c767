"""`pegasos2`: Genesi's Pegasos II, a CHRP board with a Marvell MV64361 and a VIA VT8231, as QEMU emulates it.

The tree is that of the board's own firmware, with its oddities where clients count on them; but its interrupts
are those that QEMU's board raises, and a CPU's `reg` is one cell.
Ref: QEMU's hw/ppc/pegasos2.c; Linux's arch/powerpc/platforms/chrp.
"""

from __future__ import annotations

from vof.machines.pci_board import Cpus, PciBoardFacts, PciHost, store
from vof.pci import Windows
from vof.ports import Access, BusOp
from vof.tree import encode_cells, encode_int, encode_string

__all__ = ["PEGASOS2"]

_MV64361 = 0xF1000000
_IO = 0xFE000000
"""I/O space of the second PCI bus, where the VT8231 is."""
_UART = 0x2F8
_CMOS = 0x70
_BUS_FREQUENCY = 133_333_333


def _mv64361(register: int, value: int) -> Access:
    return store(_MV64361 + register, value, 4)


def _config(host: int, device: int, function: int, register: int, value: int, width: int = 1) -> tuple[Access, Access]:
    """A write to configuration space behind one of the two host bridges."""
    pair = _MV64361 + (0xCF8, 0xC78)[host]
    address = 1 << 31 | device << 11 | function << 8 | register & 0xFC
    return store(pair, address, 4), store(pair + 4 + (register & 3), value, width)


def _io(*pairs: tuple[int, int]) -> tuple[Access, ...]:
    """Writes of bytes to ports."""
    return tuple(store(_IO + port, value) for port, value in pairs)


_VIA = 12
_BRING_UP = (
    _mv64361(0x000, 0x028020FF),
    _mv64361(0x278, 0x000A31FC),  # windows: all but the second PCI bus's third, which would hide the ROM
    _mv64361(0xF300, 0x11FF0400),  # GPP interrupts are levels
    _mv64361(0xF10C, 0x80000000),  # the VT8231's interrupt, at GPP 31
    _mv64361(0x001C, 0x08000000),
    *_config(0, 0, 0, 0x04, 0x0007, 2),
    *_config(1, 0, 0, 0x04, 0x0007, 2),
    # The VT8231: the ISA bridge with its super I/O chip, IDE, two USB controllers, power management, sound, modem.
    *_config(1, _VIA, 0, 0x3C, 0x0009, 2),
    *_config(1, _VIA, 0, 0x50, 0x06),
    *_io((0x3F0, 0xF4), (0x3F1, 0xBE), (0x3F0, 0xF6), (0x3F1, 0xEF)),
    *_io((0x3F0, 0xF7), (0x3F1, 0xFC), (0x3F0, 0xF2), (0x3F1, 0x14)),
    *_config(1, _VIA, 0, 0x50, 0x02),
    *_config(1, _VIA, 0, 0x55, 0x90),
    *_config(1, _VIA, 0, 0x56, 0x99),
    *_config(1, _VIA, 0, 0x57, 0x90),
    *_config(1, _VIA, 1, 0x3C, 0x0109, 2),
    *_config(1, _VIA, 1, 0x09, 0x0F),
    *_config(1, _VIA, 1, 0x40, 0x0B),
    *_config(1, _VIA, 1, 0x50, 0x17171717, 4),
    *_config(1, _VIA, 2, 0x3C, 0x0409, 2),
    *_config(1, _VIA, 3, 0x3C, 0x0409, 2),
    *_config(1, _VIA, 4, 0x3C, 0x0009, 2),
    *_config(1, _VIA, 4, 0x48, 0x00000F00, 4),
    *_config(1, _VIA, 4, 0x40, 0x00558020, 4),
    *_config(1, _VIA, 4, 0x90, 0x00000D00, 4),
    *_config(1, _VIA, 5, 0x3C, 0x0309, 2),
    *_config(1, _VIA, 6, 0x3C, 0x0309, 2),
    # The serial line: 115200 baud, 8 bits, no parity, FIFOs on.
    *_io((_UART + 3, 0x80), (_UART, 1), (_UART + 1, 0), (_UART + 3, 3), (_UART + 2, 7), (_UART + 4, 3), (_UART + 1, 0)),
)
_INTERRUPTS = _io(
    # Both 8259s: edges, a cascade at 2, vectors 0 and 8, all masked but the cascade. Linux leaves that to the firmware.
    *((0x21, 0xFF), (0xA1, 0xFF), (0x20, 0x11), (0x21, 0x00), (0x21, 0x04), (0x21, 0x01)),
    *((0xA0, 0x11), (0xA1, 0x08), (0xA1, 0x02), (0xA1, 0x01), (0x20, 0x0B), (0xA0, 0x0B), (0xA1, 0xFF), (0x21, 0xFB)),
)


def _range(space: int, bus: int, cpu: int, size: int) -> tuple[int, ...]:
    return space << 24, 0, bus, cpu, 0, size


def _host(number: int, memory: tuple[int, int], io: int) -> dict[str, bytes]:
    return {
        "device_type": encode_string("pci"),
        "#address-cells": encode_int(3),
        "#size-cells": encode_int(2),
        "reg": encode_cells(*memory),
        "ranges": encode_cells(*_range(1, 0, io, 0x10000), *_range(2, memory[0], memory[0], memory[1])),
        "bus-range": encode_cells(0, 0),
        "pci-bridge-number": encode_int(number),
    }


def _isa(*parts: tuple[int, int] | dict[str, bytes]) -> dict[str, bytes]:
    """A device at ports: first port and how many, perhaps more such pairs, then its other properties."""
    ports = [part for part in parts if isinstance(part, tuple)]
    properties = {"reg": b"".join(encode_cells(1, start, size) for start, size in ports)}
    for part in parts:
        if isinstance(part, dict):
            properties |= part
    return properties


_PCI = "/pci@80000000"
_ISA = f"{_PCI}/isa@c"
_SERIAL = f"{_ISA}/serial@i2f8"
_RTC = f"{_ISA}/rtc@i70"
_IIC = 0x8259
"""The handle of the interrupt controllers' node."""
_LOW, _EDGE = 0, 3
"""Sense of an ISA interrupt (PCI binding §11, chrp,iic)."""
_SLOT_INTERRUPT = 9


def _routes() -> bytes:
    """`interrupt-map`: what PCI's pins come to. QEMU's VT8231 raises the same for a function whatever its pin says."""
    functions = ((1, 1, 14, _EDGE), (2, 4, 9, _LOW), (3, 4, 9, _LOW), (5, 3, 9, _LOW), (6, 3, 9, _LOW))
    rows = [(_VIA << 11 | function << 8, pin, line, sense) for function, pin, line, sense in functions]
    # A card's interrupt reaches the CPU on no QEMU up to 7.2; where it does, it is that of the VT8231's PIRQs.
    slots = (device for device in range(1, 32) if device != _VIA)
    rows += [(device << 11, pin, _SLOT_INTERRUPT, _LOW) for device in slots for pin in range(1, 5)]
    return b"".join(encode_cells(unit, 0, 0, pin, _IIC, line, sense) for unit, pin, line, sense in rows)


PEGASOS2 = PciBoardFacts(
    root={
        "name": encode_string("bplan,Pegasos2"),
        "model": encode_string("Pegasos2"),
        "device_type": encode_string("chrp"),
        "revision": encode_string("2B"),
        "CODEGEN,vendor": encode_string("bplan GmbH"),
        "CODEGEN,board": encode_string("Pegasos2"),
        "CODEGEN,description": encode_string("Pegasos CHRP PowerPC System"),
        "#address-cells": encode_int(1),
        "#size-cells": encode_int(1),
        "clock-frequency": encode_int(_BUS_FREQUENCY),
    },
    cpus=Cpus("PowerPC,G4", _BUS_FREQUENCY * 15 // 2, _BUS_FREQUENCY, _BUS_FREQUENCY // 4),
    bring_up=_BRING_UP,
    interrupts=_INTERRUPTS,
    hosts=(
        PciHost(
            _PCI,
            *(_MV64361 + 0xC78, _MV64361 + 0xC7C),
            Windows(io=(0x1000, 0xF000), memory=(0x80000000, 0x40000000)),
            lines={(_VIA, 1): 14} | {(_VIA, function): _SLOT_INTERRUPT for function in (2, 3, 5, 6)},
            slot_line=_SLOT_INTERRUPT,
            name="pcihost1",
        ),
        PciHost(
            "/pci@c0000000",
            *(_MV64361 + 0xCF8, _MV64361 + 0xCFC),
            Windows(io=(0x1000, 0xF000), memory=(0xC0000000, 0x20000000)),
            name="pcihost0",
        ),
    ),
    names={0x0680: "other"},
    nodes={
        "/openprom": {"model": encode_string("Pegasos2,1.1")},
        _PCI: {
            **_host(0, (0x80000000, 0x40000000), _IO),
            "8259-interrupt-acknowledge": encode_int(_MV64361 + 0xCB4),
            "#interrupt-cells": encode_int(1),
            "interrupt-map-mask": encode_cells(0xFF00, 0, 0, 7),
            "interrupt-map": _routes(),
        },
        "/pci@c0000000": _host(1, (0xC0000000, 0x20000000), 0xF8000000),
        _ISA: {
            "device_type": encode_string("isa"),
            "#address-cells": encode_int(2),
            "#size-cells": encode_int(1),
            "ranges": encode_cells(1, 0, 0x01006000, 0, 0, 0x10000),
            "interrupt-parent": encode_int(_IIC),
        },
        f"{_ISA}/interrupt-controller@i20": _isa(
            (0x20, 2),
            (0xA0, 2),
            (0x4D0, 2),
            {
                "device_type": encode_string("interrupt-controller"),
                "compatible": encode_string("chrp,iic"),
                "interrupt-controller": b"",
                "#interrupt-cells": encode_int(2),
                "#address-cells": encode_int(0),
                "phandle": encode_int(_IIC),
            },
        ),
        _SERIAL: _isa(
            (_UART, 8),
            {
                "device_type": encode_string("serial"),
                "compatible": encode_string("pnpPNP,501"),
                "interrupts": encode_cells(4, _EDGE),
                "clock-frequency": encode_int(1_843_200),
            },
        ),
        # Without a claim to be an interrupt controller, which the board's own firmware makes and Linux would believe.
        f"{_ISA}/8042@i60": _isa((0x60, 5), {"device_type": b"\0"}),
        f"{_ISA}/keyboard@i60": _isa(
            (0x60, 5), {"device_type": encode_string("keyboard"), "interrupts": encode_cells(1, _EDGE)}
        ),
        _RTC: _isa(
            (_CMOS, 2),
            {
                "device_type": encode_string("rtc"),
                "compatible": encode_string("ds1385-rtc"),
                "interrupts": encode_cells(8, _EDGE),
            },
        ),
        f"{_ISA}/timer@i40": _isa((0x40, 8), {"device_type": encode_string("timer")}),
        f"{_ISA}/fdc@i3f0": _isa(
            (0x3F0, 8), {"device_type": encode_string("fdc"), "interrupts": encode_cells(6, _EDGE)}
        ),
        f"{_ISA}/lpt@i3bc": _isa(
            (0x3BC, 8), {"device_type": encode_string("lpt"), "interrupts": encode_cells(7, _EDGE)}
        ),
        "/failsafe": {"device_type": encode_string("serial")},
    },
    console=_SERIAL,
    uart=_IO + _UART,
    rtc=(_RTC, _IO + _CMOS),
    rtas=True,
    alive=Access(BusOp.READ, _MV64361 + 0x278, 4),
    aliases={"ttya": _SERIAL, "rtc": _RTC, "pci": _PCI},
    disk_aliases={"disk": "hd", "cdrom": "cd"},
)
