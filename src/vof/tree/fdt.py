"""The flattened device tree, version 17: blob to tree and back.

Ref: Devicetree Specification v0.4 §5. A blob may be damaged on purpose: every offset and length is checked before use,
names and nesting are bounded, and all work is linear in the blob's length.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntEnum

from vof.errors import UsageError
from vof.tree.device_tree import MAX_DEPTH, MAX_NAME, DeviceTree
from vof.tree.node import Node

__all__ = ["FdtError", "build_fdt", "is_tree_source", "parse_fdt"]

MAGIC = 0xD00D_FEED
VERSION = 17
LAST_COMPATIBLE_VERSION = 16
MAX_SIZE = 1 << 28  # far above any real tree; keeps a wrong file from becoming a tree of a million nodes

_HEADER = struct.Struct(
    ">10I"
)  # magic totalsize off_struct off_strings off_reserve version compatible cpu n_strings n_struct
_RESERVATION = struct.Struct(">QQ")
_CELL = struct.Struct(">I")
_PROPERTY = struct.Struct(">II")  # length of the value, offset of the name
_PROPERTY_TOKEN = struct.Struct(">III")
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")


class Token(IntEnum):
    """What the structure block is made of."""

    BEGIN_NODE = 1
    END_NODE = 2
    PROPERTY = 3
    NOP = 4
    END = 9


_SOURCE, _SOURCE_WITHIN = b"/dts-v1/", 4096  # comments may come before it


class FdtError(UsageError):
    """The blob isn't a flattened device tree, or a damaged one.

    Attributes:
        offset: the byte in the blob where the trouble is.
    """

    def __init__(self, offset: int, cause: str) -> None:
        super().__init__(f"damaged device tree blob: {cause} (at byte {offset:#x})")
        self.offset = offset


def is_tree_source(data: bytes) -> bool:
    """Whether a file is no blob but a tree's source, as `dtc` compiles it: text with `/dts-v1/` near its beginning."""
    return _SOURCE in data[:_SOURCE_WITHIN] and b"\0" not in data[:_SOURCE_WITHIN]


def parse_fdt(blob: bytes) -> DeviceTree:
    """The tree that `blob` describes.

    Args:
        blob: the whole blob, version 16 or later; anything after its own total size is ignored.

    Returns:
        A tree with `reservations` and `boot_cpuid` set. Handles as in `DeviceTree`: what the blob gives is honoured.

    Raises:
        FdtError: what is wrong and where.
    """
    blob = bytes(blob)
    if is_tree_source(blob):
        raise FdtError(0, "it is a tree's source: dtc -o FILE.dtb makes a blob of it")
    if len(blob) < _HEADER.size:
        raise FdtError(len(blob), f"the header takes {_HEADER.size} bytes")
    magic, size, structure, strings, reserve, version, compatible, cpu, strings_size, structure_size = (
        _HEADER.unpack_from(blob)
    )
    if magic != MAGIC:
        raise FdtError(0, f"it begins with {magic:#010x} instead of {MAGIC:#010x}")
    if not _HEADER.size - 4 <= size <= min(len(blob), MAX_SIZE):
        raise FdtError(4, f"a total size of {size} bytes, where {len(blob)} are there and {MAX_SIZE} allowed")
    if version < LAST_COMPATIBLE_VERSION or compatible > VERSION:
        raise FdtError(20, f"version {version}, compatible with {compatible}; versions 16 and 17 can be read")
    structure_end = size if version < VERSION else structure + structure_size
    if structure % 4 or structure > size or structure_end > size:
        raise FdtError(8, f"a structure block from {structure:#x} to {structure_end:#x} in {size:#x} bytes")
    if strings + strings_size > size:
        raise FdtError(12, f"a strings block from {strings:#x} to {strings + strings_size:#x} in {size:#x} bytes")
    tree = DeviceTree(_parse_structure(blob, structure, structure_end, strings, strings + strings_size))
    tree.reservations = _parse_reservations(blob, reserve, size)
    tree.boot_cpuid = cpu
    return tree


def _parse_reservations(blob: bytes, offset: int, end: int) -> tuple[tuple[int, int], ...]:
    if offset % 8:
        raise FdtError(16, f"a memory reserve block at {offset:#x}, which isn't a multiple of 8")
    reservations: list[tuple[int, int]] = []
    while offset + _RESERVATION.size <= end:
        address, length = _RESERVATION.unpack_from(blob, offset)
        if not address and not length:
            return tuple(reservations)
        reservations.append((address, length))
        offset += _RESERVATION.size
    raise FdtError(offset, "the memory reserve block has no end")


def _parse_structure(blob: bytes, at: int, end: int, strings: int, strings_end: int) -> Node:
    """The root node, with all the others linked below it and without handles."""
    names: dict[int, str] = {}
    cell, prop = _CELL.unpack_from, _PROPERTY.unpack_from
    root: Node | None = None
    node: Node | None = None
    while True:
        if at + 4 > end:
            raise FdtError(at, "the structure block has no end")
        (token,) = cell(blob, at)
        if token == 3:  # PROPERTY: most tokens by far, and an enum's look-up would cost as much as the rest
            if at + 12 > end:
                raise FdtError(at, "a property is cut off")
            length, name_offset = prop(blob, at + 4)
            value_end = at + 12 + length
            if value_end > end:
                raise FdtError(at, f"a property of {length} bytes doesn't fit the structure block")
            if node is None:
                raise FdtError(at, "a property outside of all nodes")
            name = names.get(name_offset)
            if name is None:
                name = names[name_offset] = _name(blob, strings + name_offset, strings_end)
                if not name:
                    raise FdtError(at, "a property without a name")
            if name in node.properties and name != "name":
                raise FdtError(at, f"a second property {name}")
            node.properties[name] = blob[at + 12 : value_end]
            at = value_end + 3 & ~3
        elif token == Token.BEGIN_NODE:
            name = _name(blob, at + 4, end)
            if node is None:
                if root is not None:
                    raise FdtError(at, "a second root")
                if name not in ("", "/"):
                    raise FdtError(at, f"a root called {name}")
                root = node = Node("")
            else:
                child = _child(at, name, node)
                node.link(child)
                node = child
            at = at + 4 + len(name) + 4 & ~3
        elif token == Token.END_NODE:
            if node is None:
                raise FdtError(at, "the end of a node that never began")
            node = node.parent
            at += 4
        elif token == Token.NOP:
            at += 4
        elif token == Token.END:
            if root is None or node is not None:
                raise FdtError(at, "the tree ends inside a node" if root else "there is no root")
            return root
        else:
            raise FdtError(at, f"an unknown token {token:#x}")


def _child(at: int, name: str, parent: Node) -> Node:
    if not name or "/" in name:
        raise FdtError(at, f"a node called {name!r}")
    if parent.depth >= MAX_DEPTH:
        raise FdtError(at, f"nodes more than {MAX_DEPTH} deep")
    return Node(name)


def _name(blob: bytes, start: int, end: int) -> str:
    stop = blob.find(b"\0", start, min(end, start + MAX_NAME + 1))
    if stop < 0:
        raise FdtError(start, f"a name that has no end, or more than {MAX_NAME} characters")
    return blob[start:stop].decode("latin-1")


def build_fdt(
    tree: DeviceTree, *, boot_cpuid: int | None = None, reservations: Sequence[tuple[int, int]] | None = None
) -> bytes:
    """The blob that describes `tree`, version 17.

    The "name" property is left out where it only repeats the node's name. Computed properties are read once.

    Args:
        boot_cpuid: physical number of the boot CPU; the tree's own if None.
        reservations: (address, size) pairs of 64-bit numbers; the tree's own if None.
    """
    strings = bytearray()
    offsets: dict[str, int] = {}
    parts: list[bytes] = []
    depth = -1
    for node in tree.walk():
        parts.append(_END_NODE * (depth - node.depth + 1))
        depth = node.depth
        encoded = node.name.encode("latin-1") + b"\0"
        parts += (_BEGIN_NODE, encoded, _PADDING[len(encoded) & 3])
        for name, value in node.explicit_properties():
            offset = offsets.get(name)
            if offset is None:
                offset = offsets[name] = len(strings)
                strings += name.encode("latin-1") + b"\0"
            parts += (_PROPERTY_TOKEN.pack(3, len(value), offset), value, _PADDING[len(value) & 3])
    parts.append(_END_NODE * (depth + 1) + _CELL.pack(Token.END))
    structure = b"".join(parts)
    reserved = tree.reservations if reservations is None else reservations
    reserve = b"".join(_RESERVATION.pack(*pair) for pair in reserved) + bytes(_RESERVATION.size)
    at_structure = _HEADER.size + len(reserve)
    at_strings = at_structure + len(structure)
    header = _HEADER.pack(
        MAGIC,
        at_strings + len(strings),
        at_structure,
        at_strings,
        _HEADER.size,
        VERSION,
        LAST_COMPATIBLE_VERSION,
        tree.boot_cpuid if boot_cpuid is None else boot_cpuid,
        len(strings),
        len(structure),
    )
    return header + reserve + structure + bytes(strings)


_BEGIN_NODE = _CELL.pack(Token.BEGIN_NODE)
_END_NODE = _CELL.pack(Token.END_NODE)
