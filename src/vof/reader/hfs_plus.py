"""What the library doesn't tell of HFS+: the blessed folder, and the types that the Finder gives files.

Ref: Apple's Technical Note TN1150. All numbers are big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from vof.reader.protocol import Failed

__all__ = ["blessed_folder", "files_of_type"]

Read = Callable[[int, int], bytes]
"""(offset, length) to bytes, fewer at the end."""

_HEADER_AT = 1024
_SIGNATURES = (b"H+", b"HX")
_FINDER_INFO = struct.Struct(">8I")
_FINDER_INFO_AT = 80
_TREE_HEADER = struct.Struct(">HIIIIH")
"""Depth, root, leaf records, first leaf, last leaf, size of a node; it follows the first node's descriptor."""
_NODE = struct.Struct(">IIbBHH")
"""Next and previous node of this kind, kind, height, records, reserved."""
_LEAF, _INDEX = -1, 0
_FILE = 2
_TYPE_AT = 48
_SMALLEST, _LARGEST = 512, 1 << 15
_DEEPEST = 16
_MOST_NODES = 4096


def blessed_folder(read: Read) -> int:
    """The number of the folder that the system is in; 0 for none.

    Args:
        read: reads the partition.

    Raises:
        Failed: it holds no HFS+.
    """
    header = read(_HEADER_AT, 512)
    if header[:2] not in _SIGNATURES or len(header) < 512:
        raise Failed("no HFS+, so no blessed folder")
    folder, _, _, _, _, system, *_ = _FINDER_INFO.unpack_from(header, _FINDER_INFO_AT)
    return int(folder or system)


def files_of_type(catalog: Read, folder: int, kind: bytes) -> list[str]:
    """Names of the files in a folder whose type is this.

    Args:
        catalog: reads the catalog file.
        folder: the folder's number.
        kind: the type, four bytes.

    Raises:
        Failed: the catalog is damaged.
    """
    return [
        name for name, data in _children(catalog, folder) if _is_file(data) and data[_TYPE_AT : _TYPE_AT + 4] == kind
    ]


def _is_file(data: bytes) -> bool:
    return len(data) >= _TYPE_AT + 4 and int.from_bytes(data[:2]) == _FILE


def _children(catalog: Read, folder: int) -> Iterator[tuple[str, bytes]]:
    """Names and records of what is in a folder."""
    first = catalog(0, _SMALLEST)
    if len(first) < _NODE.size + _TREE_HEADER.size:
        raise Failed("the HFS+ catalog is cut short")
    _, number, _, _, _, node_size = _TREE_HEADER.unpack_from(first, _NODE.size)
    if not _SMALLEST <= node_size <= _LARGEST:
        raise Failed("the HFS+ catalog is damaged")
    for _ in range(_DEEPEST):
        kind, _, records = _records(catalog, number, node_size)
        if kind == _LEAF:
            break
        if kind != _INDEX or not records:
            raise Failed("the HFS+ catalog is damaged")
        below = [record for record in records if record[0] < folder] or records[:1]
        number = int.from_bytes(below[-1][2][:4])
    else:
        raise Failed("the HFS+ catalog is damaged: its tree has a loop")
    for _ in range(_MOST_NODES):
        kind, following, records = _records(catalog, number, node_size)
        for parent, name, data in records:
            if parent > folder:
                return
            if parent == folder:
                yield name, data
        if kind != _LEAF or not following:
            return
        number = following
    raise Failed("the HFS+ catalog is damaged: its leaves have a loop")


def _records(catalog: Read, number: int, node_size: int) -> tuple[int, int, list[tuple[int, str, bytes]]]:
    """Kind of a node, the next one, and its records: the folder's number, the name, and what follows the key."""
    node = catalog(number * node_size, node_size)
    if len(node) < node_size:
        raise Failed("the HFS+ catalog is cut short")
    following, _, kind, _, count, _ = _NODE.unpack_from(node)
    if 2 * count > node_size - _NODE.size:
        raise Failed("the HFS+ catalog is damaged")
    records = []
    for place in range(count):
        start = int.from_bytes(node[node_size - 2 * place - 2 : node_size - 2 * place])
        key_length, parent, length = struct.unpack_from(">HIH", node.ljust(node_size + 8, b"\0"), min(start, node_size))
        name = node[start + 8 : start + 8 + 2 * length].decode("utf-16-be", "replace")
        after = start + 2 + key_length
        records.append((parent, name, node[after : after + 256]))
    return kind, following, records
