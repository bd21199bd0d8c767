"""The device tree by calls, for a firmware that copies it: PROM_IFACE and PROM_PATH_IFACE.

Handles are those of the client interface, which the tree's own cells hold as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import IntEnum
from typing import Protocol

from vof.errors import GuestFault, UsageError
from vof.ports import Memory
from vof.tree import DeviceTree, Node

__all__ = ["Prom", "TreeOwner"]

_LONGEST_NAME = 32
_LONGEST_PATH = 256
_LARGEST_VALUE = 0x1000
_MOST_NODES = 1024
_CELL = 0xFFFFFFFF
_BAD = -1


class _Op(IntEnum):
    CLOSE = 0
    PEER = 1
    CHILD = 2
    PARENT = 3
    PACKAGE_TO_PATH = 4
    GET_PROP_LEN = 5
    GET_PROP = 6
    NEXT_PROP = 7
    SET_PROP = 8
    CHANGE_PHANDLE = 9
    CREATE_NODE = 16
    FIND_DEVICE = 17


class PropertySetter(Protocol):
    """What sets properties for a client program."""

    def set(self, node: Node, name: str, value: bytes) -> None:
        """Set a property. Raises GuestFault where that may not be."""
        ...


class TreeOwner(Protocol):
    """Whose tree it is: an `OpenFirmware`."""

    tree: DeviceTree
    quiesced: bool

    @property
    def client_properties(self) -> PropertySetter:
        """What sets properties for the client program."""
        ...

    def quiesce(self) -> None:
        """Let the client program have the machine."""
        ...


class Prom:
    """The tree, as these calls show it.

    Args:
        memory: guest memory.
        owner: has the device tree.
        withdraw: has these calls no more: Close.
    """

    def __init__(self, memory: Memory, owner: TreeOwner, withdraw: Callable[[], None]) -> None:
        self._memory = memory
        self._owner = owner
        self._tree = owner.tree
        self._withdraw = withdraw
        self._by_handle: dict[int, Node] = {}
        self._handles: dict[Node, int] = {}
        self._created = 0

    def prom_iface(self, what: int, phandle: int, a: int, b: int, c: int) -> int:
        """The tree by handle."""
        if what == _Op.CLOSE:
            self._withdraw()
            if not self._owner.quiesced:
                self._owner.quiesce()
            return 0
        if what == _Op.PEER and phandle == 0:
            return self._handle(self._tree.root)
        node = self._node(phandle)
        if node is None:
            return _BAD
        if what in (_Op.PEER, _Op.CHILD, _Op.PARENT):
            links = {_Op.PEER: node.next_sibling, _Op.CHILD: node.first_child, _Op.PARENT: node.parent}
            found = links[_Op(what)]
            return self._handle(found) if found is not None else 0
        if what == _Op.PACKAGE_TO_PATH:
            return self._package_to_path(node, a, b)
        if what == _Op.GET_PROP_LEN:
            value = node.properties.get(self._name(a))
            return _BAD if value is None else len(value)
        if what == _Op.GET_PROP:
            return self._get_prop(node, a, b, c)
        if what == _Op.NEXT_PROP:
            return self._next_prop(node, a, b)
        if what == _Op.SET_PROP:
            return self._set_prop(node, a, b, c)
        return self._change_handle(node, a) if what == _Op.CHANGE_PHANDLE else _BAD

    def prom_path_iface(self, what: int, path: int) -> int:
        """The tree by path."""
        if not path or what not in (_Op.CREATE_NODE, _Op.FIND_DEVICE):
            return _BAD
        text = self._memory.read_string(path, _LONGEST_PATH)
        node = self._create(text) if what == _Op.CREATE_NODE else _find(self._tree.root, text)[0]
        return self._handle(node) if node is not None else _BAD

    # What is done to a node

    def _package_to_path(self, node: Node, buffer: int, size: int) -> int:
        path = node.path.encode("latin-1")[: _LONGEST_PATH - 1]
        size = min(size, _LONGEST_PATH)
        self._memory.write(buffer, path[:size].ljust(size, b"\0"))
        return len(path)

    def _get_prop(self, node: Node, name: int, buffer: int, size: int) -> int:
        value = node.properties.get(self._name(name))
        if value is None or size > _CELL >> 1:
            return _BAD
        self._memory.write(buffer, value[:size])
        return len(value)

    def _next_prop(self, node: Node, previous: int, buffer: int) -> int:
        before = self._name(previous)  # the buffer may be the same
        if before:
            if before not in node.properties:
                return 0
            name = node.properties.following(before)
        else:
            name = next(iter(node.properties), None)
        if name is None:
            return 0
        self._memory.write(buffer, name.encode("latin-1") + b"\0")
        return 1

    def _set_prop(self, node: Node, name: int, buffer: int, length: int) -> int:
        if length > _LARGEST_VALUE:
            return _BAD
        key = self._name(name)
        if not key:
            return _BAD
        self._owner.client_properties.set(node, key, self._memory.read(buffer, length))
        return length

    def _change_handle(self, node: Node, handle: int) -> int:
        if not 0 < handle < _CELL or self._node(handle) not in (None, node):
            return _BAD
        self._by_handle.pop(self._handles.get(node, 0), None)
        self._handles[node], self._by_handle[handle] = handle, node
        return 0

    def _create(self, path: str) -> Node | None:
        node, rest = _find(self._tree.root, path)
        if node is not None:
            return node
        above, missing = rest
        try:
            for component in missing:
                if self._created >= _MOST_NODES:
                    return None
                above = self._tree.add(above, component, first=True)
                self._created += 1
        except UsageError as error:
            raise GuestFault("{}", str(error)) from None
        return above

    # Names and handles

    def _name(self, address: int) -> str:
        return self._memory.read_string(address, _LONGEST_NAME)

    def _handle(self, node: Node) -> int:
        return self._handles.get(node, node.phandle)

    def _node(self, handle: int) -> Node | None:
        node = self._by_handle.get(handle)
        if node is None:
            node = self._tree.by_phandle.get(handle)
            if node in self._handles:
                return None
        return node if node is None or node.parent is not None or node is self._tree.root else None


def _find(root: Node, path: str) -> tuple[Node | None, tuple[Node, list[str]]]:
    """The node at a path; or the last one there is on the way to it, and the components that are missing."""
    node = root
    components = [component.split(":")[0] for component in path.split("/")]
    components = [component for component in components if component]
    for place, component in enumerate(components):
        found = _match(node, component)
        if found is None:
            return None, (node, components[place:])
        node = found
    return node, (node, [])


def _match(parent: Node, component: str) -> Node | None:
    """The child that a component of a path is, as Mac-on-Linux saw it: no case, names first, then units by number.

    A node whose unit is `*` has every number.
    """
    component = component.lower()
    for child in parent.children:
        if _name_of(child) == component:
            return child
    name, at, unit = component.partition("@")
    if not at:
        return None
    for child in parent.children:
        if child.unit and name in ("", _name_of(child)) and (child.unit[0] == "*" or _hex(unit) == _hex(child.unit)):
            return child
    return None


def _name_of(node: Node) -> str:
    return (node.properties.get("name") or b"").rstrip(b"\0").decode("latin-1").lower()


def _hex(text: str) -> int:
    """The number that a text begins with, as C's `strtoul` reads it: 0 for none."""
    found = re.match(r"(?:0x)?([0-9a-f]*)", text, re.IGNORECASE)
    assert found is not None
    return int(found[1] or "0", 16)
