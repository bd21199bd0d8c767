"""Nodes, properties and handles, and the tree that changes."""

import copy
import pickle
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tree_samples import property_names, trees, values

from vof.errors import UsageError
from vof.tree import DeviceTree, Node, Properties, build_fdt


def handle(value: int) -> bytes:
    return value.to_bytes(4, "big")


# Properties

steps = st.lists(
    st.one_of(
        st.tuples(st.just("set"), property_names, values),
        st.tuples(st.just("compute"), property_names, values),
        st.tuples(st.just("delete"), property_names, st.just(b"")),
        st.tuples(st.just("follow"), property_names, st.just(b"")),
    ),
    max_size=30,
)


@given(steps)
def test_properties_are_an_ordered_dictionary(script: list[tuple[str, str, bytes]]) -> None:
    properties, model = Properties(), dict[str, bytes]()
    for act, name, value in script:
        match act:
            case "set":
                properties[name] = model[name] = value
            case "compute":
                model[name] = value
                properties.compute(name, partial(bytes, value))
            case "delete" if name in model:
                del properties[name], model[name]
            case "follow":
                names = ["", *model]
                if name in model:
                    after = names[names.index(name) + 1 :]
                    assert properties.following(name) == (after[0] if after else None)
                else:
                    with pytest.raises(KeyError):
                        properties.following(name)
        assert list(properties.items()) == list(model.items())
        assert properties.get(name) == model.get(name)
        assert properties.following("") == next(iter(model), None)


def test_nextprop_visits_each_property_once() -> None:
    node = Node("vty@0", {"reg": b"", "a": b"1"})
    assert node.properties.following("") == "name"
    assert node.properties.following("name") == "reg"
    node.properties["b"] = b""
    assert node.properties.following("a") == "b"
    assert node.properties.following("b") is None
    del node.properties["a"]
    assert node.properties.following("reg") == "b"


def test_a_computed_property_is_asked_at_every_read() -> None:
    answers = iter([b"1", b"2", b"3"])
    node = Node("memory@0", {"available": b"", "reg": b""})
    node.properties.compute("available", lambda: next(answers))
    assert list(node.properties) == ["name", "available", "reg"]
    assert [node.properties.get("available"), node.properties["available"]] == [b"1", b"2"]
    assert dict(node.properties)["available"] == b"3"
    assert node.properties.is_computed("available")
    assert not node.properties.is_computed("reg")
    assert not node.properties.is_computed("none")
    node.properties["available"] = b"plain"
    assert node.properties.get("available") == b"plain"
    assert not node.properties.is_computed("available")


def test_a_property_keeps_its_own_copy() -> None:
    value = bytearray(b"ab")
    properties = Properties({"a": memoryview(value)})  # type: ignore[dict-item]
    value[0] = 0
    assert properties["a"] == b"ab"
    with pytest.raises(TypeError):
        properties["a"] = 5  # type: ignore[assignment]


def test_missing_properties_have_a_default() -> None:
    assert Properties().get("a") is None
    assert Properties().get("a", b"x") == b"x"
    assert Properties().get("a", default=b"x") == b"x"


# Nodes

NAMES = [
    ("vty@71000000", "vty", "71000000"),
    ("chosen", "chosen", ""),
    ("ide@C,1", "ide", "C,1"),
    ("a@b@c", "a", "b@c"),
]


@pytest.mark.parametrize(("name", "base", "unit"), NAMES)
def test_a_name_has_two_parts(name: str, base: str, unit: str) -> None:
    node = Node(name)
    assert (node.name, node.base, node.unit) == (name, base, unit)
    assert dict(node.properties) == {"name": base.encode() + b"\0"}


def test_siblings_are_linked_both_ways() -> None:
    tree = DeviceTree()
    a, b, c = (tree.add("/", name) for name in "abc")
    assert list(tree.root.children) == [a, b, c]
    assert list(reversed(tree.root.children)) == [c, b, a]
    assert (tree.root.first_child, a.next_sibling, b.next_sibling, c.next_sibling) == (a, b, c, None)
    assert len(tree.root.children) == 3
    assert b in tree.root.children
    tree.remove(b)
    assert list(tree.root.children) == [a, c]
    assert list(reversed(tree.root.children)) == [c, a]
    assert b not in tree.root.children
    tree.remove(c)
    tree.remove(a)
    assert not tree.root.children
    assert tree.root.first_child is None


def test_peer_is_one_link_on_a_bus_of_any_width() -> None:
    tree = DeviceTree()
    nodes = [tree.add(tree.root, f"d@{number:x}") for number in range(100_000)]
    assert all(node.next_sibling is after for node, after in zip(nodes, [*nodes[1:], None], strict=True))
    assert tree.find("/d@1869f") is nodes[-1]
    copied = pickle.loads(pickle.dumps(tree))  # no recursion either
    assert len(copied) == 100_001


def test_paths_follow_a_rename_and_outlive_a_removal() -> None:
    tree = DeviceTree()
    bus = tree.add("/", "bus")
    node = tree.add(bus, "a@1")
    assert (tree.root.path, bus.path, node.path) == ("/", "/bus", "/bus/a@1")
    tree.rename(bus, "other@2")
    assert node.path == "/other@2/a@1"
    assert bus.properties["name"] == b"other\0"
    tree.remove(bus)
    assert (bus.path, node.path) == ("/other@2", "/other@2/a@1")


def test_a_name_property_of_its_own_survives_a_rename() -> None:
    tree = DeviceTree()
    node = tree.add("/", "a", {"name": b"own\0"})
    tree.rename(node, "b")
    assert node.properties["name"] == b"own\0"


@pytest.mark.parametrize("name", ["", "a/b", "a\0", "x" * 256, "\u20ac"])
def test_impossible_names_are_refused(name: str) -> None:
    tree = DeviceTree()
    node = tree.add("/", "a")
    for act in (lambda: tree.add("/", name), lambda: tree.rename(node, name), lambda: tree.set(node, name, b"")):
        with pytest.raises(UsageError, match="name"):
            act()


def test_depth_is_bounded() -> None:
    tree = DeviceTree()
    node = tree.root
    for _ in range(64):
        node = tree.add(node, "a")
    with pytest.raises(UsageError, match="64 levels"):
        tree.add(node, "a")


def test_a_path_that_names_nothing_is_the_callers_mistake() -> None:
    with pytest.raises(UsageError, match="/nowhere"):
        DeviceTree().set("/nowhere", "a", b"")
    with pytest.raises(UsageError, match="/nowhere"):
        DeviceTree().add("/nowhere", "a")


# Handles

GIVEN = [
    # properties, the handle that comes of them (None: one is counted)
    ({"phandle": handle(0x1111)}, 0x1111),
    ({"linux,phandle": handle(0x1112)}, 0x1112),
    ({"phandle": handle(0x7FFF_FFFF)}, 0x7FFF_FFFF),
    ({"phandle": handle(0)}, None),
    ({"phandle": handle(0x8000_0000)}, None),
    ({"phandle": b"\1"}, None),
    ({"phandle": b""}, None),
    ({}, None),
]


@pytest.mark.parametrize(("properties", "wanted"), GIVEN)
def test_a_given_handle_is_honoured_if_it_can_be(properties: dict[str, bytes], wanted: int | None) -> None:
    tree = DeviceTree()
    node = tree.add("/", "a", properties)
    assert tree.by_phandle[node.phandle] is node
    assert 1 <= node.phandle <= 0x7FFF_FFFF
    assert (node.phandle == wanted) == (wanted is not None)


def test_a_handle_is_never_given_twice() -> None:
    tree = DeviceTree()
    spent = {tree.root.phandle}
    for given_handle in (5, None, tree.root.phandle + 2, 5, None):
        node = tree.add("/", "a", {} if given_handle is None else {"phandle": handle(given_handle)})
        assert node.phandle not in spent
        spent.add(node.phandle)
        tree.remove(node)
        assert node.phandle not in tree.by_phandle
    with pytest.raises(UsageError, match="phandle"):
        tree.add("/", "a", phandle=5)
    with pytest.raises(UsageError, match="phandle"):
        tree.add("/", "a", phandle=0x8000_0000)
    assert not tree.root.children


def test_the_handle_asked_for_is_given() -> None:
    tree = DeviceTree()
    assert tree.add("/", "a", {"phandle": handle(7)}, phandle=6).phandle == 6


def test_setting_the_property_later_changes_no_handle() -> None:
    tree = DeviceTree()
    node = tree.add("/", "a")
    before = node.phandle
    tree.set(node, "phandle", handle(5))
    assert node.phandle == before
    assert node.properties["phandle"] == handle(5)


def test_only_what_is_in_the_tree_can_be_removed() -> None:
    tree = DeviceTree()
    node = tree.add("/", "a")
    tree.remove(node)
    for loose in (tree.root, node, DeviceTree().add("/", "b")):
        with pytest.raises(UsageError, match="removed"):
            tree.remove(loose)


def test_removing_takes_the_subtree_along() -> None:
    tree = DeviceTree()
    bus = tree.add("/", "bus")
    below = tree.add(bus, "a")
    tree.remove(bus)
    assert list(tree) == [tree.root]
    assert below.phandle not in tree.by_phandle


# Copies


def flags() -> bytes:
    return b"computed"


@given(trees())
def test_copies_are_the_same_tree_with_its_own_nodes(tree: DeviceTree) -> None:
    tree.root.properties.compute("c", flags)
    tree.remove(tree.add("/", "gone", {"phandle": handle(77)}))
    for twin in (copy.deepcopy(tree), pickle.loads(pickle.dumps(tree))):
        assert build_fdt(twin) == build_fdt(tree)
        assert [node.phandle for node in twin] == [node.phandle for node in tree]
        assert all(twin.by_phandle[node.phandle] is node and twin.find(node.path) is node for node in twin)
        assert not set(twin) & set(tree)
        assert twin.root.properties.is_computed("c")
        assert twin.add("/", "new", {"phandle": handle(77)}).phandle not in (77, *tree.by_phandle)


def test_an_instance_is_copied_along_with_its_node() -> None:
    tree = DeviceTree()
    node = tree.add("/", "a")
    node.methods["open"] = tree  # a ring through the node, the methods and the tree
    copies: list[tuple[Node, DeviceTree]]
    copies = [copy.deepcopy((node, tree)), pickle.loads(pickle.dumps((node, tree)))]
    for instance, twin in copies:
        assert twin.find("/a") is instance
        assert instance.methods["open"] is twin
        assert instance.parent is twin.root


# Replacing the whole tree


def test_replacing_keeps_who_a_node_is() -> None:
    tree = DeviceTree()
    memory = tree.add("/", "memory@0", {"available": b"", "old": b"1"})
    memory.properties.compute("available", flags)
    memory.methods["open"] = flags
    gone = tree.add("/", "gone", {"phandle": handle(9)})
    below = tree.add(gone, "below")
    bus = tree.add("/", "bus")
    kept = tree.add(bus, "kept@1", {"phandle": handle(3)})
    before = {node: node.phandle for node in (tree.root, memory, bus, kept)}

    other = DeviceTree()
    other.root.properties["model"] = b"new\0"
    new_bus = other.add("/", "bus", {"phandle": handle(4)})
    other.add(new_bus, "new@0", {"phandle": handle(0x20)})
    other.add(new_bus, "kept@1")
    other.add("/", "fresh", {"phandle": handle(3)})
    other.add("/", "spent", {"phandle": handle(9)})
    other.add("/", "memory@0", {"reg": b"r", "available": b"plain", "more": b"m"})
    other.reservations, other.boot_cpuid = [(1, 2)], 8
    tree.replace_from(other)

    assert [node.path for node in tree] == [node.path for node in other]
    assert {node: node.phandle for node in before} == before
    assert tree.find("/memory@0") is memory
    assert tree.find("/bus/kept@1") is kept
    assert list(memory.properties) == ["name", "reg", "available", "more"]
    assert memory.properties["available"] == b"computed"
    assert memory.methods == {"open": flags}
    new, fresh, spent = (tree.find(path) for path in ("/bus/new@0", "/fresh", "/spent"))
    assert new is not None
    assert fresh is not None
    assert spent is not None
    assert new.phandle == 0x20
    assert fresh.phandle not in (3, 0)
    assert spent.phandle not in (9, 0)
    assert not {gone.phandle, below.phandle} & set(tree.by_phandle)
    assert (tree.reservations, tree.boot_cpuid) == (((1, 2),), 8)
    assert gone.path == "/gone"
    assert gone.next_sibling is None


@given(trees(), trees())
def test_replacing_makes_a_copy_of_the_other_tree(tree: DeviceTree, other: DeviceTree) -> None:
    before = {node.path: (node, node.phandle) for node in tree}
    wanted = build_fdt(other)
    tree.replace_from(other)
    assert build_fdt(tree) == wanted == build_fdt(other)
    assert not set(tree) & set(other)
    assert tree.by_phandle == {node.phandle: node for node in tree}
    for node in tree:
        assert tree.find(node.path) is node
        assert list(reversed(node.children)) == list(node.children)[::-1]
        assert all(child.parent is node and child.depth == node.depth + 1 for child in node.children)
        if node.path in before:
            assert (node, node.phandle) == before[node.path]


def test_a_node_can_be_made_the_first_child() -> None:
    tree = DeviceTree()
    old = tree.add("/", "disk@1")
    assert tree.find("/disk") is old
    new = tree.add("/", "disk@2", first=True)
    assert (tree.root.first_child, new.next_sibling, old.next_sibling) == (new, old, None)
    assert [*reversed(tree.root.children)] == [old, new] and tree.find("/disk") is new
    tree.remove(new)
    alone = tree.add(old, "only", first=True)
    assert (tree.root.first_child, old.first_child, [*tree.walk()]) == (old, alone, [tree.root, old, alone])
