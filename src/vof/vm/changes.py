"""The user's own changes to a device tree: `--dtb FILE` and `--set /path:property=value`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vof.errors import UsageError

if TYPE_CHECKING:
    from vof.tree import DeviceTree

__all__ = ["TreeChanges"]

_SET = re.compile(r"(/[^:=]*):([^=]+)(?:=(.*))?", re.DOTALL)


class TreeChanges:
    """Changes that can be made to one tree after the other, since a machine may replace its tree.

    Args:
        dtb: the path of a flattened tree that is laid over the machine's; "" for none.
        sets: `/path:property=value`. A value in `<…>` is cells, in `[…]` bytes, anything else a string; without `=` the
            property is empty.

    Attributes:
        flattened: what the file holds; empty for none.

    Raises:
        UsageError: the file can't be read or is no flattened tree, or a change is malformed.
    """

    def __init__(self, dtb: str, sets: Sequence[str]) -> None:
        self.flattened = b""
        self._over: DeviceTree | None = None
        self._applied = False
        if dtb:
            from vof.vm.tree_file import read_tree_file

            self.flattened, self._over = read_tree_file(dtb)
        self._sets = [_parse(text) for text in sets]

    def lay_over(self, tree: DeviceTree) -> None:
        """Have a tree laid over the machine's, as a file of one would be."""
        self._over = tree

    def apply(self, tree: DeviceTree) -> None:
        """Make the changes. A node that was there the first time and is gone from a later tree is passed over.

        Raises:
            UsageError: a node to change isn't there.
        """
        if self._over is not None:
            for theirs in self._over.walk():
                mine = tree.find(theirs.path)
                if mine is None:
                    assert theirs.parent is not None
                    mine = tree.add(theirs.parent.path, theirs.name)
                for name, value in theirs.explicit_properties():
                    if not mine.properties.is_computed(name):
                        mine.properties[name] = value
        for path, name, value in self._sets:
            if tree.find(path) is None:
                if self._applied:
                    continue
                raise UsageError(f"--set {path}:{name}: the tree has no {path}; `vof tree -machine …` shows it")
            tree.set(path, name, value)
        self._applied = True


def _parse(text: str) -> tuple[str, str, bytes]:
    found = _SET.fullmatch(text)
    if not found:
        raise UsageError(f'--set {text}: write /path:property=value, as in "/chosen:bootargs=quiet"')
    from vof.tree import encode_cells, encode_string

    path, name, value = found.groups()
    if value is None:
        return path, name, b""
    try:
        if value.startswith("<") and value.endswith(">"):
            return path, name, encode_cells(*(int(cell, 0) for cell in value[1:-1].split()))
        if value.startswith("[") and value.endswith("]"):
            return path, name, bytes.fromhex(value[1:-1])
        return path, name, encode_string(value)
    except ValueError as error:
        raise UsageError(f"--set {text}: {error}") from None
