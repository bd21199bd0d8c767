"""The device tree by calls, held against what Mac-on-Linux's own did."""

from __future__ import annotations

import pytest
from osi_machine import RAM, Bench

PATH, NAME, BUFFER = 0x100, 0x200, 0x1000
CLOSE, PEER, CHILD, PARENT, TO_PATH, LENGTH, GET, NEXT, SET, CHANGE, CREATE, FIND = *range(10), 16, 17
BAD = -1


def path_call(bench: Bench, what: int, path: str) -> int:
    bench.memory.write(PATH, path.encode("latin-1") + b"\0")
    answer = bench.call(77, what, PATH)
    assert isinstance(answer, int)
    return answer


def named(bench: Bench, what: int, node: int, name: str, *rest: int) -> int:
    bench.memory.write(NAME, name.encode() + b"\0")
    answer = bench.call(76, what, node, NAME, *rest)
    assert isinstance(answer, int)
    return answer


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/", "/"),
        ("//MOL/", "/mol"),
        ("/mol:args", "/mol"),
        ("/mol/disk", "/mol/disk@1f"),  # without a unit, the first of the name
        ("/mol/disk@1F:0,x", "/mol/disk@1f"),
        ("/mol/disk@001f,7", "/mol/disk@1f"),  # units are what strtoul makes of them
        ("/mol/@0x20", "/mol/disk@20"),
        ("/mol/disk@*", None),  # which is 0
        ("/mol/zero@*", "/mol/zero@0"),
        ("/mol/any@77", "/mol/any@*"),
        ("/mol/any@", "/mol/any@*"),
        ("/mol/plain@0", None),  # without a unit there is none to compare
        ("/mol/disk@21", None),
        ("mol", "/mol"),
        ("disk-alias", None),
        ("", "/"),
    ],
)
def test_paths_are_matched_as_mac_on_linux_did(path: str, found: str | None) -> None:
    bench = Bench()
    for name in ("disk@1f", "disk@20", "zero@0", "any@*", "plain"):
        bench.tree.add("/mol", name)
    bench.tree.add("/", "aliases", {"disk-alias": b"/mol/plain\0"})
    handle = path_call(bench, FIND, path)
    node = bench.tree.by_phandle.get(handle)
    assert (node and node.path) == found


def test_a_new_node_is_the_first_child_and_what_is_missing_above_is_made() -> None:
    bench = Bench()
    old = bench.tree.add("/mol", "old")
    made = path_call(bench, CREATE, "/mol/between/new@1f,2")
    assert bench.tree.by_phandle[made].path == "/mol/between/new@1f,2"
    assert [node.name for node in bench.tree.root.children] == ["mol"]
    assert [node.name for node in bench.tree.find("/mol").children] == ["between", "old"]  # type: ignore[union-attr]
    assert bench.call(76, PEER, bench.tree.find("/mol/between").phandle) == old.phandle  # type: ignore[union-attr]
    assert bench.call(76, CHILD, bench.tree.find("/mol").phandle) != old.phandle  # type: ignore[union-attr]
    assert path_call(bench, CREATE, "/MOL/BETWEEN/") == bench.tree.find("/mol/between").phandle  # type: ignore[union-attr]
    assert path_call(bench, CREATE, "/mol/old") == old.phandle
    assert named(bench, LENGTH, made, "name") == 4
    assert bench.call(76, PARENT, made) == bench.tree.find("/mol/between").phandle  # type: ignore[union-attr]
    assert bench.call(76, PARENT, bench.tree.root.phandle) == 0
    assert bench.call(76, CHILD, made) == bench.call(76, PEER, bench.tree.root.phandle) == 0


def test_a_path_is_cut_as_strncpy_cuts_it() -> None:
    bench = Bench()
    node = bench.tree.add("/mol", "disk@0")
    for size, written in ((5, b"/mol/"), (12, b"/mol/disk@0\0"), (16, b"/mol/disk@0\0\0\0\0\0"), (0, b"")):
        bench.memory.write(BUFFER, b"\xff" * 20)
        assert bench.call(76, TO_PATH, node.phandle, BUFFER, size) == 11
        assert bench.memory.read(BUFFER, 20) == written + b"\xff" * (20 - len(written))
    assert bench.call(76, TO_PATH, node.phandle, BUFFER, 0xFFFFFFFF) == 11
    assert bench.call(76, TO_PATH, node.phandle, RAM - 2, 5) == BAD


def test_properties_are_walked_with_one_buffer() -> None:
    bench = Bench()
    node = bench.tree.add("/mol", "node", {"one": b"1", "two": b"", "three": b"333"})
    bench.memory.write(BUFFER, b"\0")
    names = []
    while bench.call(76, NEXT, node.phandle, BUFFER, BUFFER) == 1:
        names.append(bench.memory.read_string(BUFFER, 40))
    assert names == ["name", "one", "two", "three"]
    assert named(bench, NEXT, node.phandle, "none", BUFFER) == 0
    assert named(bench, LENGTH, node.phandle, "two") == 0 and named(bench, LENGTH, node.phandle, "none") == BAD
    assert bench.call(76, LENGTH, node.phandle, RAM) == BAD
    bench.memory.write(BUFFER, b"\xff" * 4)
    assert named(bench, GET, node.phandle, "three", BUFFER, 2) == 3
    assert bench.memory.read(BUFFER, 4) == b"33\xff\xff"
    assert named(bench, GET, node.phandle, "three", BUFFER, 0xFFFFFFFF) == BAD
    assert named(bench, GET, node.phandle, "three", RAM - 2, 3) == BAD
    assert named(bench, GET, node.phandle, "none", BUFFER, 3) == BAD


def test_a_property_is_set_by_the_firmwares_rules() -> None:
    bench = Bench()
    node = bench.tree.add("/mol", "node", {"fixed": b"1"})
    assert named(bench, SET, node.phandle, "large", BUFFER, 0x1000) == 0x1000
    assert named(bench, SET, node.phandle, "large", BUFFER, 0x1001) == BAD
    assert named(bench, SET, node.phandle, "large", RAM - 4, 8) == BAD
    assert named(bench, SET, node.phandle, "", BUFFER, 4) == BAD
    assert named(bench, SET, node.phandle, "empty", BUFFER, 0) == 0
    assert named(bench, SET, node.phandle, "fixed", BUFFER, 4) == BAD
    assert (len(node.properties["large"]), node.properties["empty"], node.properties["fixed"]) == (0x1000, b"", b"1")


def test_handles_can_be_changed_and_are_never_two_nodes() -> None:
    bench = Bench()
    one, other = bench.tree.add("/mol", "one"), bench.tree.add("/mol", "other")
    assert bench.call(76, CHANGE, one.phandle, 0x4711) == 0
    assert bench.call(76, PARENT, one.phandle) == BAD
    assert bench.call(76, PARENT, 0x4711) == bench.tree.find("/mol").phandle  # type: ignore[union-attr]
    assert path_call(bench, FIND, "/mol/one") == 0x4711
    assert bench.call(76, CHANGE, other.phandle, 0x4711) == BAD
    assert bench.call(76, CHANGE, 0x4711, 0x4711) == 0
    assert bench.call(76, CHANGE, other.phandle, 0) == bench.call(76, CHANGE, other.phandle, 0xFFFFFFFF) == BAD
    assert bench.call(76, CHANGE, 0x4711, one.phandle) == 0
    assert bench.call(76, CHANGE, other.phandle, 0x4711) == 0
    assert (path_call(bench, FIND, "/mol/one"), path_call(bench, FIND, "/mol/other")) == (one.phandle, 0x4711)


def test_close_is_quiesce_once() -> None:
    bench = Bench()
    close = bench.devices.osi[76]
    assert bench.call(76, CLOSE) == 0
    assert bench.owner.quiesced
    assert 76 not in bench.devices.osi and 77 not in bench.devices.osi
    assert close(CLOSE, 0, 0, 0, 0, 0) == 0
