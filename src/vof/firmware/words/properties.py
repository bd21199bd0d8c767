"""Words for properties: of any package, and those that the current instance's package or the active one is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from vof.errors import Throw, ThrowCode, UsageError
from vof.firmware.words.engine import DEVICE, faults
from vof.tree import CellError, Node, child_address_cells, child_size_cells, decode_cells, encode_unit

if TYPE_CHECKING:
    from vof.firmware.words.engine import FirmwareForth
    from vof.forth import Forth

__all__ = ["LONGEST_VALUE", "own_package", "pop_value", "set_property"]

_A = "1275 A"
LONGEST_VALUE = 1 << 16
"""Bytes of a property's value."""
_LONGEST_TEMPORARY = 0x1000
_STEPS = 60
"""What it costs to set one."""


def _fw(forth: Forth) -> FirmwareForth:
    return cast("FirmwareForth", forth)


def _push_property(forth: Forth, node: Node, name: str) -> None:
    value = node.properties.get(name)
    if value is None:
        forth.stack.append(forth.mask)
        return
    forth.pay(len(value) // 16)
    self = _fw(forth)
    address = forth.put_temporary(value) if len(value) < _LONGEST_TEMPORARY else self.put_large(value)
    forth.stack += (address, len(value), 0)


@DEVICE.word("get-package-property", "( name count phandle -- true | value count false )", _A)
def get_package_property(forth: Forth) -> None:
    """A package's property."""
    self = _fw(forth)
    node = self.node_of(forth.stack.pop())
    _push_property(forth, node, self.pop_text())


@DEVICE.word("get-property", "( name count phandle -- true | value count false )", "SLOF")
def get_property(forth: Forth) -> None:
    """A package's property."""
    get_package_property(forth)


@DEVICE.word("get-my-property", "( name count -- true | value count false )", _A)
def get_my_property(forth: Forth) -> None:
    """A property of the current instance's package."""
    self = _fw(forth)
    _push_property(forth, own_package(self), self.pop_text())


@DEVICE.word("get-inherited-property", "( name count -- true | value count false )", _A)
def get_inherited_property(forth: Forth) -> None:
    """The same, or of the nearest package above that has it."""
    self = _fw(forth)
    name, node = self.pop_text(), own_package(self)
    while name not in node.properties and node.parent is not None:
        node = node.parent
    _push_property(forth, node, name)


def own_package(self: FirmwareForth) -> Node:
    """The current instance's package, or the active one where there is none (1275 on `property`)."""
    return self.my_self.node if self.my_self is not None else self.need_active()


def set_property(self: FirmwareForth, name: str, value: bytes) -> None:
    """Set a property of the current instance's package, or of the active one; `reg` makes its unit address, too.

    Raises:
        Throw: it has no name, or it can't be set.
    """
    node = own_package(self)
    self.pay(_STEPS + len(value) // 64)
    if not name or len(name) > 63:
        raise Throw(ThrowCode.ABORT, f"a property's name of {len(name)} characters")
    with faults():
        self.firmware.client_properties.set(node, name, value)
    if name == "reg" and node.parent is not None:
        _name_unit(self, node)


def _name_unit(self: FirmwareForth, node: Node) -> None:
    """Have a node's unit address be what its `reg` says."""
    parent = node.parent
    assert parent is not None
    try:
        cells = decode_cells(node.properties["reg"])
        unit = encode_unit(parent, cells[: child_address_cells(parent)])
        if node.base:
            self.firmware.tree.rename(node, f"{node.base}@{unit}")
    except (CellError, UsageError, ValueError, KeyError):
        return  # a reg that says no address leaves the node without one


@DEVICE.word("property", "( value count name count -- )", _A)
def property_(forth: Forth) -> None:
    """Set a property of the current instance's package, or of the active one."""
    self = _fw(forth)
    name = self.pop_text()
    set_property(self, name, pop_value(self))


def pop_value(self: FirmwareForth) -> bytes:
    """A property's value that is on the stack: address and length.

    Raises:
        Throw: it is too long, or not in memory.
    """
    length, address = self.stack.pop(), self.stack.pop()
    if length > LONGEST_VALUE:
        raise Throw(ThrowCode.ABORT, f"a value of {length} bytes")
    self.pay(_STEPS + length // 64)
    return self.memory.read(address, length) if length else b""


@DEVICE.word("delete-property", "( name count -- )", _A)
def delete_property(forth: Forth) -> None:
    """Take a property away from there."""
    self = _fw(forth)
    self.pay(_STEPS)
    with faults():
        self.firmware.client_properties.delete(own_package(self), self.pop_text())


@DEVICE.word("device-name", "( name count -- )", _A)
def device_name(forth: Forth) -> None:
    """Name the active package."""
    self = _fw(forth)
    name, node = self.pop_text(), self.active if self.active is not None else own_package(self)
    with faults():
        unit = f"@{node.unit}" if node.unit else ""
        self.firmware.tree.rename(node, f"{name}{unit}")
        node.properties["name"] = name.encode("latin-1") + b"\0"
    if "reg" in node.properties and not node.unit:
        _name_unit(self, node)


@DEVICE.word("name", "( value count -- )", _A)
def name_(forth: Forth) -> None:
    """Name the active package, by an encoded name."""
    forth.stack[-1] = max(0, forth.stack[-1] - 1)
    device_name(forth)


@DEVICE.word("device-type", "( type count -- )", _A)
def device_type(forth: Forth) -> None:
    """Set `device_type`."""
    self = _fw(forth)
    set_property(self, "device_type", self.pop_text().encode("latin-1") + b"\0")


@DEVICE.word("model", "( value count -- )", _A)
def model(forth: Forth) -> None:
    """Set `model`, by an encoded value."""
    self = _fw(forth)
    set_property(self, "model", pop_value(self))


@DEVICE.word("reg", "( physical… size -- )", _A)
def reg(forth: Forth) -> None:
    """Set `reg` to one range."""
    self = _fw(forth)
    node = self.active if self.active is not None else own_package(self)
    above = node.parent or node
    addresses, sizes = child_address_cells(above), child_size_cells(above)
    size = [self.stack.pop() for _ in range(1)]
    physical = [self.stack.pop() for _ in range(addresses)]  # the high cell is on top
    cells = [*physical, *[0] * (sizes - 1), *size][: addresses + sizes]
    set_property(self, "reg", b"".join((cell & 0xFFFFFFFF).to_bytes(4) for cell in cells))
