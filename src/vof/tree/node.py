"""One node of the device tree, and its links to its neighbours."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from vof.tree.index import ChildIndex
from vof.tree.properties import Properties

__all__ = ["Children", "Node"]


class Node:
    """A device node (a package, in 1275's word). Two nodes are the same only if they are the same object.

    Everything but `properties` and `methods` is the `DeviceTree`'s to change; read it freely.

    Args:
        name: the full component, "vty@71000000"; "" for the root.
        properties: its properties; "name" is put first, made from the base name unless it is given.
        phandle: its handle, 1 … 0x7fffffff; 0 until a tree has numbered it.

    Attributes:
        name, base, unit: "vty@71000000", "vty" and "71000000"; `unit` is "" for a node without a unit address.
        parent: the node above; None for the root and for a node that was removed.
        first_child, next_sibling: what the services `child` and `peer` answer; None at the end.
        phandle: never changes, and is never given to another node.
        properties: see `Properties`. There is always a real "name", unless somebody deletes it.
        methods: what can be called on the package, by name; the tree only keeps it.
        depth: 0 for the root.
    """

    __slots__ = (
        "_index",
        "_last_child",
        "_path",
        "_previous_sibling",
        "base",
        "depth",
        "first_child",
        "methods",
        "name",
        "next_sibling",
        "parent",
        "phandle",
        "properties",
        "unit",
    )

    def __init__(self, name: str, properties: Mapping[str, bytes] | None = None, phandle: int = 0) -> None:
        self.name = name
        self.base, _, self.unit = name.partition("@")
        self.phandle = phandle
        self.properties = Properties({"name": self.base.encode("latin-1") + b"\0"})
        if properties:
            self.properties.update(properties)
        self.methods: dict[str, Any] = {}
        self.depth = 0
        self.parent: Node | None = None
        self.first_child: Node | None = None
        self.next_sibling: Node | None = None
        self._last_child: Node | None = None
        self._previous_sibling: Node | None = None
        self._path: str | None = None
        self._index: ChildIndex | None = None

    def __repr__(self) -> str:
        return f"<Node {self.path} {self.phandle:#x}>"

    # The links are the tree's to save: following them here would recurse once for every sibling.
    def __reduce__(self) -> tuple[Any, ...]:
        return Node, (self.name, None, self.phandle), (self.properties, self.methods)

    def __setstate__(self, state: tuple[Properties, dict[str, Any]]) -> None:
        self.properties, self.methods = state

    @property
    def path(self) -> str:
        """The canonical full path, "/vdevice/vty@71000000"; "/" for the root. A removed node keeps its last path."""
        if self._path is None:
            if self.parent is None:
                self._path = "/" + self.name
            else:
                self._path = self.parent.path.rstrip("/") + "/" + self.name
        return self._path

    @property
    def children(self) -> Children:
        """The nodes right below, in order: a live view."""
        return Children(self)

    @property
    def index(self) -> ChildIndex:
        """Finds a child by the component of a path; made at first use."""
        if self._index is None:
            self._index = ChildIndex(self)
        return self._index

    def explicit_properties(self) -> Iterator[tuple[str, bytes]]:
        """The properties that the flattened form holds: all, but for a "name" that only repeats the node's name."""
        implied = self.base.encode("latin-1") + b"\0"
        for name, value in self.properties.items():
            if name != "name" or value != implied:
                yield name, value

    def link(self, child: Node, *, first: bool = False) -> None:
        """Make the loose `child` the last child here, or the first. For `DeviceTree`: handles are left alone."""
        child.parent = self
        child.depth = self.depth + 1
        if first and self.first_child is not None:
            child.next_sibling = self.first_child
            self.first_child._previous_sibling = child
            self.first_child = child
            self._index = None
            return
        last = self._last_child
        if last is None:
            self.first_child = child
        else:
            last.next_sibling = child
            child._previous_sibling = last
        self._last_child = child
        if self._index is not None:
            self._index.add(child)

    def unlink(self) -> None:
        """Take this node away from its parent, with all that is below. For `DeviceTree`: handles stay in its table."""
        parent, before, after = self.parent, self._previous_sibling, self.next_sibling
        if parent is None:
            return
        self._path = self.path
        if before is None:
            parent.first_child = after
        else:
            before.next_sibling = after
        if after is None:
            parent._last_child = before
        else:
            after._previous_sibling = before
        parent._index = None
        self.parent = self.next_sibling = self._previous_sibling = None

    def reorder(self, children: list[Node]) -> None:
        """Put the children in this order. For `DeviceTree`: all must be there, and a loose node becomes a child."""
        self.first_child = self._last_child = self._index = None
        for child in children:
            child.next_sibling = child._previous_sibling = None
            self.link(child)

    def rename(self, name: str) -> None:
        """Change the full component; "name" follows when it said the old one. For `DeviceTree`."""
        old = self.base.encode("latin-1") + b"\0"
        self.name = name
        self.base, _, self.unit = name.partition("@")
        if self.properties.get("name", old) == old:
            self.properties["name"] = self.base.encode("latin-1") + b"\0"
        if self.parent is not None:
            self.parent._index = None
        for node in self.walk():
            node._path = None

    def walk(self) -> Iterator[Node]:
        """This node and all below it, in document order. No link may change meanwhile; properties may."""
        node = self
        while True:
            yield node
            if node.first_child is not None:
                node = node.first_child
                continue
            while node.next_sibling is None and node is not self and node.parent is not None:
                node = node.parent
            if node is self or node.next_sibling is None:
                return
            node = node.next_sibling


class Children(Collection[Node]):
    """A live, ordered view of a node's children."""

    __slots__ = ("_parent",)

    def __init__(self, parent: Node) -> None:
        self._parent = parent

    def __iter__(self) -> Iterator[Node]:
        child = self._parent.first_child
        while child is not None:
            yield child
            child = child.next_sibling

    def __reversed__(self) -> Iterator[Node]:
        child = self._parent._last_child
        while child is not None:
            yield child
            child = child._previous_sibling

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return self._parent.first_child is not None

    def __contains__(self, node: object) -> bool:
        return isinstance(node, Node) and node.parent is self._parent

    def __repr__(self) -> str:
        return f"<Children of {self._parent.path}: {[child.name for child in self]}>"
