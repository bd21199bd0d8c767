"""The user's changes to a machine's tree: a flattened tree laid over it."""

from __future__ import annotations

from pathlib import Path

from vof.tree import DeviceTree, build_fdt
from vof.vm.changes import TreeChanges


def test_an_overlay_says_nothing_of_names(tmp_path: Path) -> None:
    over = DeviceTree()
    over.add("/", "bus")
    over.add("/bus", "device@1", {"reg": b"\0\0\0\1"})
    path = tmp_path / "over.dtb"
    path.write_bytes(build_fdt(over))

    tree = DeviceTree()
    tree.root.properties["name"] = b"device-tree\0"  # as the machine generic has it
    tree.add("/", "bus", {"name": b"another\0"})
    TreeChanges(str(path), ()).apply(tree)
    names = [node.properties["name"] for node in tree]
    assert names == [b"device-tree\0", b"another\0", b"device\0"]
