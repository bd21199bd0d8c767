"""Property values: cells, strings and `reg` as bytes (IEEE 1275 §5.3.5, property value arrays).

Every cell is 32 bits, big-endian, on all PowerPC machines.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import TYPE_CHECKING

from vof.errors import VofError

if TYPE_CHECKING:
    from vof.tree.node import Node

__all__ = [
    "CellError",
    "address_cells",
    "child_address_cells",
    "child_size_cells",
    "decode_cells",
    "decode_int",
    "decode_int64",
    "decode_reg",
    "decode_string",
    "decode_strings",
    "encode_cells",
    "encode_int",
    "encode_int64",
    "encode_reg",
    "encode_string",
    "encode_strings",
    "size_cells",
]

DEFAULT_ADDRESS_CELLS = 2  # 1275 §3.2.2.1.1 "#address-cells"
DEFAULT_SIZE_CELLS = 1  # 1275 §3.2.2.1.1 "#size-cells"
MAX_CELLS = 8  # more than any bus has; what a client writes there must not decide how much we allocate


class CellError(VofError, ValueError):
    """A property value that doesn't have the shape asked for, or a number that doesn't fit its cells."""


def encode_int(value: int) -> bytes:
    """One cell. Negative numbers are taken as the cell's 32 bits.

    Args:
        value: -2**31 … 2**32 - 1.

    Raises:
        CellError: it doesn't fit a cell.
    """
    if not -0x8000_0000 <= value <= 0xFFFF_FFFF:
        raise CellError(f"{value:#x} doesn't fit a 32-bit cell")
    return (value & 0xFFFF_FFFF).to_bytes(4, "big")


def encode_cells(*values: int) -> bytes:
    """Cells in a row; each as `encode_int`."""
    return b"".join(map(encode_int, values))


def encode_int64(value: int) -> bytes:
    """Two cells, the high one first.

    Raises:
        CellError: `value` is not in -2**63 … 2**64 - 1.
    """
    if not -(1 << 63) <= value < 1 << 64:
        raise CellError(f"{value:#x} doesn't fit two 32-bit cells")
    return (value & 0xFFFF_FFFF_FFFF_FFFF).to_bytes(8, "big")


def encode_string(text: str) -> bytes:
    """A NUL-terminated Latin-1 string.

    Raises:
        CellError: a character is NUL or not Latin-1.
    """
    try:
        data = text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise CellError(f"{text!r} is not Latin-1") from error
    if b"\0" in data:
        raise CellError(f"{text!r} holds a NUL, which ends a string")
    return data + b"\0"


def encode_strings(texts: Iterable[str]) -> bytes:
    """NUL-terminated strings one after another, as in "compatible"."""
    return b"".join(map(encode_string, texts))


def encode_reg(pairs: Iterable[tuple[int, int]], address_cells: int, size_cells: int) -> bytes:
    """A `reg` property of (address, size) pairs, each number spread over its cells, high cell first.

    Raises:
        CellError: a number doesn't fit its cells.
    """
    parts = []
    for pair in pairs:
        for number, cells in zip(pair, (address_cells, size_cells), strict=True):
            if not 0 <= number < 1 << 32 * cells:
                raise CellError(f"{number:#x} doesn't fit {cells} cells")
            parts.append(number.to_bytes(4 * cells, "big"))
    return b"".join(parts)


def decode_int(data: bytes) -> int:
    """One unsigned cell.

    Raises:
        CellError: not exactly 4 bytes.
    """
    if len(data) != 4:
        raise CellError(f"a cell has 4 bytes, not {len(data)}")
    return int.from_bytes(data, "big")


def decode_cells(data: bytes) -> tuple[int, ...]:
    """All the unsigned cells.

    Raises:
        CellError: the length is no multiple of 4.
    """
    if len(data) % 4:
        raise CellError(f"cells have a multiple of 4 bytes, not {len(data)}")
    return struct.unpack(f">{len(data) // 4}I", data)


def decode_int64(data: bytes) -> int:
    """Two cells as one unsigned number.

    Raises:
        CellError: not exactly 8 bytes.
    """
    if len(data) != 8:
        raise CellError(f"two cells have 8 bytes, not {len(data)}")
    return int.from_bytes(data, "big")


def decode_string(data: bytes) -> str:
    """The first string, without its NUL.

    Raises:
        CellError: there is no NUL.
    """
    text, nul, _ = data.partition(b"\0")
    if not nul:
        raise CellError(f"no NUL ends the string in {len(data)} bytes")
    return text.decode("latin-1")


def decode_strings(data: bytes) -> tuple[str, ...]:
    """All the strings, without their NULs; none for no bytes.

    Raises:
        CellError: the last one lacks its NUL.
    """
    if data and data[-1]:
        raise CellError(f"no NUL ends the last string in {len(data)} bytes")
    return tuple(data.decode("latin-1").split("\0")[:-1])


def decode_reg(data: bytes, address_cells: int, size_cells: int) -> tuple[tuple[int, int], ...]:
    """The (address, size) pairs of a `reg` property.

    Raises:
        CellError: the length is no multiple of a pair's.
    """
    split, step = 4 * address_cells, 4 * (address_cells + size_cells)
    if not step or len(data) % step:
        raise CellError(f"pairs of {address_cells}+{size_cells} cells have a multiple of {step} bytes, not {len(data)}")
    pairs = (data[start : start + step] for start in range(0, len(data), step))
    return tuple((int.from_bytes(pair[:split], "big"), int.from_bytes(pair[split:], "big")) for pair in pairs)


def child_address_cells(node: Node) -> int:
    """How many cells an address has on the bus that `node` is: its "#address-cells".

    A missing value means 2 (1275; Linux assumes 2 too where it walks a tree, GRUB 1). A value that is not one cell, or
    more than 8, counts as missing.
    """
    return _count(node, "#address-cells", DEFAULT_ADDRESS_CELLS)


def child_size_cells(node: Node) -> int:
    """How many cells a size has on the bus that `node` is: its "#size-cells", 1 when missing, as for addresses."""
    return _count(node, "#size-cells", DEFAULT_SIZE_CELLS)


def address_cells(node: Node) -> int:
    """How many cells an address has in `node`'s own `reg`: its parent's "#address-cells"; 2 for the root."""
    return DEFAULT_ADDRESS_CELLS if node.parent is None else child_address_cells(node.parent)


def size_cells(node: Node) -> int:
    """How many cells a size has in `node`'s own `reg`: its parent's "#size-cells"; 1 for the root."""
    return DEFAULT_SIZE_CELLS if node.parent is None else child_size_cells(node.parent)


def _count(node: Node, name: str, default: int) -> int:
    data = node.properties.get(name)
    if data is None or len(data) != 4 or data[:3] != b"\0\0\0" or data[3] > MAX_CELLS:
        return default
    return data[3]
