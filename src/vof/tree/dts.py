"""The tree as text: device tree source as `dtc` writes it, and JSON.

Ref: what `dtc -I dtb -O dts` prints, 1.7 and later (1.6 writes "a\\0b" where these write "a", "b").
"""

from __future__ import annotations

import json
from enum import Enum
from typing import Any

from vof.tree.cells import decode_cells, decode_strings
from vof.tree.device_tree import DeviceTree
from vof.tree.node import Node

__all__ = ["Reading", "assignment", "guess_reading", "to_dts", "to_json"]

_CONTROL = b"\a\b\t\n\v\f\r"
_TEXT = bytes([0, *_CONTROL, *range(0x20, 0x7F)])
_ESCAPES = {ord(plain): "\\" + letter for plain, letter in zip('\a\b\t\n\v\f\r\\"', 'abtnvfr\\"', strict=True)}


class Reading(Enum):
    """What a property's value looks like; nothing in a blob says so."""

    EMPTY = "empty"
    STRINGS = "strings"
    CELLS = "cells"
    BYTES = "bytes"


def guess_reading(value: bytes) -> Reading:
    """How `dtc` would show `value`: strings if it is text that ends in NUL and no more than half NULs, else cells."""
    if not value:
        return Reading.EMPTY
    if not value[-1] and 2 * value.count(0) <= len(value) and not value.translate(None, _TEXT):
        return Reading.STRINGS
    return Reading.BYTES if len(value) % 4 else Reading.CELLS


def to_dts(tree: DeviceTree, node: Node | None = None) -> str:
    """Device tree source of the whole tree, or of `node` and what is below it, without the file's header then."""
    lines = []
    if node is None:
        lines += ["/dts-v1/;", ""]
        lines += [f"/memreserve/\t{address:#018x} {size:#018x};" for address, size in tree.reservations]
    top = tree.root if node is None else node
    depth = 0
    for each in top.walk():
        below = each.depth - top.depth
        lines += ["\t" * level + "};" for level in range(depth - 1, below - 1, -1)]
        if below:
            lines.append("")
        indent = "\t" * below
        lines.append(f"{indent}{each.name or '/'} {{")
        lines += [f"{indent}\t{name}{assignment(value)};" for name, value in each.explicit_properties()]
        depth = below + 1
    lines += ["\t" * level + "};" for level in range(depth - 1, -1, -1)]
    return "\n".join(lines) + "\n"


def assignment(value: bytes) -> str:
    """What follows a property's name: ` = ` and the value, or nothing where there is none."""
    match guess_reading(value):
        case Reading.EMPTY:
            return ""
        case Reading.STRINGS:
            return " = " + ", ".join(f'"{text.translate(_ESCAPES)}"' for text in decode_strings(value))
        case Reading.CELLS:
            return " = <" + " ".join(f"0x{cell:02x}" for cell in decode_cells(value)) + ">"
        case Reading.BYTES:
            return f" = [{value.hex(' ')}]"


def to_json(tree: DeviceTree, node: Node | None = None) -> str:
    """JSON of the whole tree, or of `node` and what is below it.

    Each node is an object {"path": text, "phandle": number, "properties": object, "children": list of nodes}, each
    property an object {"hex": its bytes} with "strings" (a list of texts) or "cells" (a list of numbers) if it looks
    like that (`guess_reading`). A "name" that only repeats the node's name is left out.
    """
    top = tree.root if node is None else node
    line: list[dict[str, Any]] = []  # the last node of each depth
    for each in top.walk():
        properties = {name: _json_value(value) for name, value in each.explicit_properties()}
        shown = {"path": each.path, "phandle": each.phandle, "properties": properties, "children": []}
        del line[each.depth - top.depth :]
        if line:
            line[-1]["children"].append(shown)
        line.append(shown)
    return json.dumps(line[0], indent=2)


def _json_value(value: bytes) -> dict[str, Any]:
    shown: dict[str, Any] = {"hex": value.hex()}
    match guess_reading(value):
        case Reading.STRINGS:
            shown["strings"] = list(decode_strings(value))
        case Reading.CELLS:
            shown["cells"] = list(decode_cells(value))
    return shown
