"""Unit addresses: the text after "@", as each bus writes and reads it.

A unit address is what `decode-unit` of the parent makes of its text, a few cells (1275 §3.2.1.1); two texts that decode
to the same cells name the same node. One row for each way of writing, in `FORMATS`.

Ref: 1275 annex D.4 (simple), 1275 PCI binding §2.2.1, 1275 ISA binding §2.1, 1275 SCSI-3 binding, PAPR B.6.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vof.errors import VofError
from vof.tree.cells import child_address_cells

if TYPE_CHECKING:
    from vof.tree.node import Node

__all__ = ["FORMATS", "UnitError", "UnitFormat", "decode_unit", "encode_unit", "unit_format"]

Cells = tuple[int, ...]


class UnitError(VofError, ValueError):
    """A text that is no unit address on its bus, or cells that have no text there."""


@dataclass(frozen=True, slots=True)
class UnitFormat:
    """How one kind of bus writes unit addresses.

    Attributes:
        name: the kind, for messages.
        decode: (text, number of cells on this bus) to exactly as many cells, the high one first. Raises UnitError.
        encode: the address cells of `reg` to text, lower case, without leading zeros. Raises UnitError.
    """

    name: str
    decode: Callable[[str, int], Cells]
    encode: Callable[[Sequence[int]], str]


def _hex_decode(text: str, count: int) -> Cells:
    # The firmwares write "1,0", a flattened tree writes "100000000": both are the two cells 1 and 0.
    parts = text.split(",")
    if len(parts) > count:
        raise UnitError(f'"{text[:40]}" has more than {count} cells')
    value = 0
    for part in parts:
        value = value << 32 | _hex(part, 8 if len(parts) > 1 else 8 * count)
    return _spread(value, count, text)


def _hex_encode(cells: Sequence[int]) -> str:
    digits = [f"{cell:x}" for cell in cells]
    while len(digits) > 1 and digits[0] == "0":
        del digits[0]
    return ",".join(digits)


def _wide_encode(cells: Sequence[int]) -> str:
    value = 0
    for cell in cells:
        value = value << 32 | cell
    return f"{value:x}"


def _scsi_decode(text: str, count: int) -> Cells:
    # "id,lun", where a missing lun is 0 (SCSI binding); a single long number is a 64-bit LUN (PAPR v-scsi, SAS).
    parts = text.split(",")
    if len(parts) == 1 and len(text) > 8:
        return _spread(_hex(text, 16), count, text)
    numbers = [_hex(part, 8) for part in parts]
    numbers += [0] * (count - len(numbers))
    if any(numbers[count:]):
        raise UnitError(f'"{text[:40]}" has more than {count} cells')
    return tuple(numbers[:count])


def _scsi_encode(cells: Sequence[int]) -> str:
    return ",".join(f"{cell:x}" for cell in cells)


_ISA = re.compile(r"([im]?)t?([0-9a-f]{1,8})", re.IGNORECASE)


def _isa_decode(text: str, count: int) -> Cells:
    match = _ISA.fullmatch(text)
    if match is None or count != 2:
        return _hex_decode(text, count)
    return int(match[1] in ("i", "I")), int(match[2], 16)


def _isa_encode(cells: Sequence[int]) -> str:
    if len(cells) != 2 or cells[0] > 1:
        return _hex_encode(cells)
    return f"{'i' if cells[0] else ''}{cells[1]:x}"


_PCI_SLOT = re.compile(r"([0-9a-f]{1,2})(?:,([0-7]))?", re.IGNORECASE)
_PCI_SPACE = re.compile(r"(n?)([imx])(t?)(p?)([0-9a-f]{1,2}),([0-7]),([0-9a-f]{1,2}),([0-9a-f]{1,16})", re.IGNORECASE)
_PCI_SPACES = {"i": 1, "m": 2, "x": 3}


def _pci_decode(text: str, count: int) -> Cells:
    # A configuration address is "DD" or "DD,F"; the others say their space first. No text carries the bus number.
    slot = _PCI_SLOT.fullmatch(text)
    if slot is not None:
        return _pci_cells(0, slot[1], slot[2] or "0", 0, 0, count, text)
    space = _PCI_SPACE.fullmatch(text)
    if space is None:
        return _hex_decode(text, count)  # "pci@800000020000000" stands on its own bus in some trees
    flags = bool(space[1]) << 31 | bool(space[4]) << 30 | bool(space[3]) << 29
    high = flags | _PCI_SPACES[space[2].lower()] << 24
    return _pci_cells(high, space[5], space[6], int(space[7], 16), int(space[8], 16), count, text)


def _pci_cells(high: int, device: str, function: str, register: int, address: int, count: int, text: str) -> Cells:
    number = int(device, 16)
    if count != 3 or number > 0x1F:
        return _hex_decode(text, count)
    return high | number << 11 | int(function) << 8 | register, address >> 32, address & 0xFFFF_FFFF


def _pci_encode(cells: Sequence[int]) -> str:
    if len(cells) != 3:
        return _hex_encode(cells)
    high, middle, low = cells
    device, function, space = high >> 11 & 0x1F, high >> 8 & 7, high >> 24 & 3
    if not space:
        return f"{device:x},{function:x}" if function else f"{device:x}"
    flags = "n" * (high >> 31) + " imx"[space] + "t" * (high >> 29 & 1) + "p" * (high >> 30 & 1)
    address = (middle << 32 | low) if space == 3 else low
    return f"{flags}{device:x},{function:x},{high & 0xFF:x},{address:x}"


_HEX = re.compile(r"[0-9A-Fa-f]+")


def _hex(text: str, width: int) -> int:
    # int() alone would take signs, spaces, underscores and the digits of all scripts.
    if not 0 < len(text) <= width or not _HEX.fullmatch(text):
        raise UnitError(f'"{text[:40]}" is not a hexadecimal number of up to {width} digits')
    return int(text, 16)


def _spread(value: int, count: int, text: str) -> Cells:
    if value >> 32 * count:
        raise UnitError(f'"{text[:40]}" has more than {count} cells')
    return tuple(value >> 32 * place & 0xFFFF_FFFF for place in reversed(range(count)))


HEX = UnitFormat("hex", _hex_decode, _hex_encode)
WIDE = UnitFormat("wide hex", _hex_decode, _wide_encode)
PCI = UnitFormat("pci", _pci_decode, _pci_encode)
ISA = UnitFormat("isa", _isa_decode, _isa_encode)
SCSI = UnitFormat("scsi", _scsi_decode, _scsi_encode)

FORMATS: dict[str, UnitFormat] = {
    # the parent's "device_type", or else its base name
    "pci": PCI,
    "pciex": PCI,
    "ht": PCI,
    "isa": ISA,
    "eisa": ISA,
    "lpc": ISA,
    "scsi": SCSI,
    "scsi-2": SCSI,
    "scsi-3": SCSI,
    "ide": SCSI,
    "ata": SCSI,
    "vscsi": WIDE,
    "v-scsi": WIDE,
    "cpus": HEX,
    "vdevice": HEX,
    "": WIDE,  # the root: pseries writes "memory@100000000", and so does every flattened tree
}


def unit_format(bus: Node) -> UnitFormat:
    """The way in which `bus` writes its children's unit addresses; plain hexadecimal when nothing else is known."""
    device_type = (bus.properties.get("device_type") or b"").rstrip(b"\0").decode("latin-1")
    known = FORMATS.get(device_type) if device_type else None
    return known or FORMATS.get(bus.base, HEX)


def decode_unit(bus: Node, text: str) -> tuple[int, ...]:
    """The address cells that `text` means on `bus`, as many as its "#address-cells" says (`decode-unit`).

    Raises:
        UnitError: it is no unit address there.
    """
    return unit_format(bus).decode(text, child_address_cells(bus))


def encode_unit(bus: Node, cells: Sequence[int]) -> str:
    """The canonical text of the unit address `cells`, the high cell first, on `bus` (`encode-unit`).

    Raises:
        UnitError: no cells, or one that isn't 32 bits.
    """
    if not cells or any(not 0 <= cell <= 0xFFFF_FFFF for cell in cells):
        raise UnitError(f"{list(cells)} is no unit address")
    return unit_format(bus).encode(cells)
