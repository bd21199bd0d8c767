"""Finding a node's child by one component of a path, without walking the children.

Ref: 1275 §4.3.3 … §4.3.6: an exact match of name and unit address, then a wildcard node; a name without its maker's
prefix is good enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vof.tree.cells import child_address_cells
from vof.tree.units import UnitError, UnitFormat, unit_format

if TYPE_CHECKING:
    from vof.tree.node import Node

__all__ = ["ChildIndex"]


class ChildIndex:
    """The children of one node by full name, by base name, and by unit address as their bus reads it.

    Of several candidates the first child wins; a full name always wins over a base name.

    Args:
        parent: the node whose children are indexed. Children added later must be told to `add`.
    """

    __slots__ = ("_bases", "_bus", "_names", "_parent", "_short", "_units")

    def __init__(self, parent: Node) -> None:
        self._parent = parent
        self._names: dict[str, Node] = {}
        self._bases: dict[str, Node] = {}
        self._short: dict[str, Node] = {}
        self._units: dict[tuple[str, object], Node] | None = None
        self._bus: tuple[UnitFormat, int] | None = None
        for child in parent.children:
            self.add(child)

    def add(self, child: Node) -> None:
        """Take in a new last child."""
        self._names.setdefault(child.name, child)
        self._bases.setdefault(child.base, child)
        _, comma, short = child.base.partition(",")
        if comma:
            self._short.setdefault(short, child)
        if self._units is not None and child.unit:
            self._add_unit(self._units, child)

    def match(self, component: str) -> Node | None:
        """The child that "name", "name@unit" or "@unit" means, or None. The name is case-sensitive."""
        child = self._names.get(component)
        if child is not None:
            return child
        base, at, unit = component.partition("@")
        if not at:
            return self._bases.get(base) or self._short.get(base)
        if not unit:
            return None
        return self._by_unit(base, unit) or self._wildcard(base, unit)

    def _by_unit(self, base: str, unit: str) -> Node | None:
        bus = unit_format(self._parent), child_address_cells(self._parent)
        if self._units is None or self._bus != bus:  # a client may have set the properties that say how to read units
            self._bus, self._units = bus, {}
            for child in self._parent.children:
                if child.unit:
                    self._add_unit(self._units, child)
        return self._units.get((base, self._key(unit)))

    def _wildcard(self, base: str, unit: str) -> Node | None:
        child = self._names.get(base) or self._short.get(base)
        wild = child is not None and not child.unit and "reg" not in child.properties
        return child if wild and isinstance(self._key(unit), tuple) else None

    def _add_unit(self, units: dict[tuple[str, object], Node], child: Node) -> None:
        key = self._key(child.unit)
        units.setdefault((child.base, key), child)
        units.setdefault(("", key), child)
        _, comma, short = child.base.partition(",")
        if comma:
            units.setdefault((short, key), child)

    def _key(self, unit: str) -> object:
        """The unit address's cells, or its text in lower case where the bus can't read it."""
        assert self._bus is not None
        form, cells = self._bus
        try:
            return form.decode(unit, cells)
        except UnitError:
            return unit.lower()
