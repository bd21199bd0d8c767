"""The device tree: nodes with handles, and their names as clients write them.

Handles are counted, never drawn from anything else, so that a run repeats exactly; one that was given out is never
given to another node, so that a stale handle of a client can't reach the wrong device.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from vof.errors import UsageError
from vof.tree.node import Node
from vof.tree.paths import Step, canonical, resolve_steps

__all__ = ["MAX_DEPTH", "MAX_HANDLE", "MAX_NAME", "DeviceTree"]

MAX_DEPTH = 64  # as deep as Linux unflattens; a client's Forth must not make paths without end
MAX_NAME = 255  # characters in a component or a property's name; 1275 allows 31, Linux reads 63, trees in the wild more
MAX_HANDLE = 0x7FFF_FFFF
FIRST_COUNTED_HANDLE = 0x10_0000  # above all that emulators write into their trees, so that given handles stay free


class DeviceTree:
    """A whole device tree. It begins as a lone root.

    A node's handle is settled when it joins the tree: a "phandle" or "linux,phandle" property that holds one cell in
    1 … 0x7fffffff is honoured if no node ever had that handle; otherwise one is counted. Setting such a property later
    is like setting any other: the handle that clients hold doesn't change.

    A tree can be pickled and deep-copied, together with instances that hold its nodes. A node pickled without its tree
    is a loose one.

    Args:
        root: a root with all its nodes linked below, to be numbered here; a new one if None.

    Attributes:
        by_phandle: all nodes by handle.
        reservations: (address, size) pairs of the flattened form's memory reserve block.
        boot_cpuid: the flattened form's physical number of the boot CPU.
    """

    __slots__ = ("_next_handle", "_spent", "boot_cpuid", "by_phandle", "reservations", "root")

    def __init__(self, root: Node | None = None) -> None:
        self.root = Node("") if root is None else root
        self.by_phandle: dict[int, Node] = {}
        self.reservations: Sequence[tuple[int, int]] = ()
        self.boot_cpuid = 0
        self._next_handle = FIRST_COUNTED_HANDLE
        self._spent: set[int] = set()  # given handles of nodes that are gone
        self._number(list(self.root.walk()))

    def __iter__(self) -> Iterator[Node]:
        return self.walk()

    def __len__(self) -> int:
        return len(self.by_phandle)

    def __repr__(self) -> str:
        return f"<DeviceTree of {len(self)} nodes>"

    def walk(self) -> Iterator[Node]:
        """All nodes in document order: each node before its children, and they before its next sibling."""
        return self.root.walk()

    # Changing

    def add(
        self,
        parent: Node | str,
        name: str,
        properties: Mapping[str, bytes] | None = None,
        *,
        phandle: int | None = None,
        first: bool = False,
    ) -> Node:
        """A new child of `parent`: its last, or its first.

        Args:
            parent: the node, or its path.
            name: the full component, "vty@71000000".
            properties: copied, in order.
            phandle: the handle to give, instead of what `properties` may say.
            first: whether it goes before its siblings.

        Raises:
            UsageError: no such parent, an impossible name, a handle out of range or not free, or a tree too deep.
        """
        above = self._node(parent)
        check_name(name)
        if above.depth >= MAX_DEPTH:
            raise UsageError(f"{name} would be more than {MAX_DEPTH} levels deep")
        if phandle is not None and not (0 < phandle <= MAX_HANDLE and self._is_free(phandle)):
            raise UsageError(f"phandle {phandle:#x} can't be given to {name}: it must be unused and in 1 … 0x7fffffff")
        node = Node(name, properties, phandle or 0)
        above.link(node, first=first)
        self._number([node])
        return node

    def remove(self, node: Node) -> None:
        """Take out `node` with all that is below it. Their handles are gone for good.

        Raises:
            UsageError: it is the root, or not in this tree.
        """
        if node.parent is None or self.by_phandle.get(node.phandle) is not node:
            raise UsageError(f"{node.path} can't be removed: it is the root, or not in this tree")
        node.unlink()
        self._retire(node)

    def rename(self, node: Node, name: str) -> None:
        """Give `node` another full component, as `device-name` and `reg` do in Forth. Paths and lookups follow.

        The "name" property follows too if it said the old base name; setting that property renames nothing.

        Raises:
            UsageError: an impossible name, or the root.
        """
        check_name(name)
        if node.parent is None:
            raise UsageError("the root can't be renamed")
        node.rename(name)

    def set(self, target: Node | str, name: str, value: bytes) -> None:
        """Set a property of a node, or of the node that a path names. It replaces a computed one.

        Raises:
            UsageError: no such node, or an impossible name.
        """
        check_name(name)
        self._node(target).properties[name] = value

    def replace_from(self, other: DeviceTree) -> None:
        """Become a copy of `other`, as after `ibm,client-architecture-support` (PAPR B.6.2.3).

        A node that both have at the same path stays the same object, with its handle, its methods and its computed
        properties; its plain properties become those of `other`. New nodes get handles as in `add`. Nodes that `other`
        lacks are removed. Everything is in the order of `other`, which is left alone.
        """
        new: list[Node] = []
        pairs = [(self.root, other.root)]
        while pairs:
            mine, theirs = pairs.pop()
            mine.properties.replace_from(theirs.properties)
            below = self._match_children(mine, theirs, new)
            pairs.extend(zip(below, theirs.children, strict=True))
        self._number(new)
        self.reservations = tuple(other.reservations)
        self.boot_cpuid = other.boot_cpuid

    def _match_children(self, mine: Node, theirs: Node, new: list[Node]) -> list[Node]:
        old: dict[str, list[Node]] = {}
        for child in reversed(mine.children):
            old.setdefault(child.name, []).append(child)
        below = []
        for child in theirs.children:
            same = old.get(child.name)
            if same:
                below.append(same.pop())
            else:
                node = Node(child.name)
                node.methods.update(child.methods)
                new.append(node)
                below.append(node)
        for gone in old.values():
            for child in gone:
                child.unlink()
                self._retire(child)
        mine.reorder(below)
        return below

    # Finding

    def find(self, path: str) -> Node | None:
        """The node that a device specifier names, or None. Never walks the tree.

        Takes absolute paths and paths that begin with an alias; arguments after ":" are ignored. A component without
        unit address means the first child of that name, "@unit" alone the child with that unit address. Names are
        case-sensitive; unit addresses are compared as the parent's bus reads them (1275 §4.3).
        """
        steps = resolve_steps(self.root, path)
        return None if steps is None else steps[-1].node

    def steps(self, path: str) -> tuple[Step, ...] | None:
        """The nodes along a device specifier with their arguments, root first: what `open` opens one after another."""
        return resolve_steps(self.root, path)

    def resolve(self, path: str) -> tuple[Node, str] | None:
        """The node that a device specifier names, and the arguments of its last component; None if there is none."""
        steps = resolve_steps(self.root, path)
        return None if steps is None else (steps[-1].node, steps[-1].arguments)

    def canon(self, path: str) -> str | None:
        """The fully qualified path with arguments (1275 §6.3.2.2): "disk:2" to "/pci@8/scsi@1/disk@0,0:2", or None."""
        steps = resolve_steps(self.root, path)
        return None if steps is None else canonical(steps)

    def _node(self, target: Node | str) -> Node:
        node = self.find(target) if isinstance(target, str) else target
        if node is None:
            raise UsageError(f"there is no node {target}")
        return node

    # Handles

    def _is_free(self, handle: int) -> bool:
        counted = FIRST_COUNTED_HANDLE <= handle < self._next_handle
        return not counted and handle not in self.by_phandle and handle not in self._spent

    def _number(self, nodes: Iterable[Node]) -> None:
        """Give handles to new nodes: first those that they bring, so that no counted one takes such a handle away."""
        waiting = []
        for node in nodes:
            handle = node.phandle or given_handle(node)
            if handle and self._is_free(handle):
                node.phandle = handle
                self.by_phandle[handle] = node
            else:
                waiting.append(node)
        for node in waiting:
            while self._next_handle in self.by_phandle or self._next_handle in self._spent:
                self._next_handle += 1
            node.phandle = self._next_handle
            self.by_phandle[self._next_handle] = node
            self._next_handle += 1

    def _retire(self, top: Node) -> None:
        for node in top.walk():
            del self.by_phandle[node.phandle]
            if not FIRST_COUNTED_HANDLE <= node.phandle < self._next_handle:
                self._spent.add(node.phandle)

    # Copying: a flat list, since following the links would recurse once for every sibling

    def __getstate__(self) -> dict[str, Any]:
        return {
            "nodes": [(node, node.depth) for node in self.walk()],
            "handles": (self._next_handle, sorted(self._spent)),
            "flat": (tuple(self.reservations), self.boot_cpuid),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._next_handle, spent = state["handles"]
        self._spent = set(spent)
        self.reservations, self.boot_cpuid = state["flat"]
        self.by_phandle = {}
        line: list[Node] = []  # the last node of each depth
        for node, depth in state["nodes"]:
            self.by_phandle[node.phandle] = node
            del line[depth:]
            if line:
                line[-1].link(node)
            line.append(node)
        self.root = line[0]


def check_name(name: str) -> None:
    """Raise UsageError unless `name` can be a component of a path, or a property's name."""
    if not 0 < len(name) <= MAX_NAME or "/" in name or "\0" in name or max(name) > "\xff":
        raise UsageError(f"{name[:40]!r} can't be a name: it takes 1 to {MAX_NAME} Latin-1 characters, none of them /")


def given_handle(node: Node) -> int:
    """The handle that a node brings along in its properties, 0 if it brings none that is good."""
    for name in ("phandle", "linux,phandle"):
        value = node.properties.get(name)
        if value is not None and len(value) == 4:
            handle = int.from_bytes(value, "big")
            if 0 < handle <= MAX_HANDLE:
                return handle
    return 0
