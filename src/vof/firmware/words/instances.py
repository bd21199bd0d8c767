"""Words for instances: opening packages and calling their methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from vof.errors import GuestFault, Throw, ThrowCode
from vof.firmware.words.engine import DEVICE, faults
from vof.packages import Instance, find_method
from vof.tree import Node, decode_unit

if TYPE_CHECKING:
    from vof.firmware.words.engine import FirmwareForth
    from vof.forth import Forth

__all__ = ["call_parent"]

_A = "1275 A"


def _fw(forth: Forth) -> FirmwareForth:
    return cast("FirmwareForth", forth)


def _handle(instance: Instance | None) -> int:
    return 0 if instance is None else instance.ihandle


@DEVICE.word("open-dev", "( path count -- ihandle | 0 )", _A)
def open_dev(forth: Forth) -> None:
    """Open a device."""
    self = _fw(forth)
    path = self.pop_text()
    forth.pay(100)
    try:
        forth.stack.append(self.firmware.instances.open(path).ihandle)
    except GuestFault:
        forth.stack.append(0)


@DEVICE.word("close-dev", "( ihandle -- )", _A)
def close_dev(forth: Forth) -> None:
    """Close a device, with what was opened above it."""
    self = _fw(forth)
    with faults():
        self.firmware.instances.close(self.instance_of(forth.stack.pop()))


@DEVICE.word("select-dev", "( path count -- )", _A)
def select_dev(forth: Forth) -> None:
    """Open a device, and have it be the current instance and its package the active one."""
    _select(_fw(forth), forth.pop_text())


@DEVICE.word("begin-select-dev", "( path count -- )", "OpenFirmware")
def begin_select_dev(forth: Forth) -> None:
    """The same, without calling the device's open."""
    _select(_fw(forth), forth.pop_text(), last=False)


@DEVICE.word("begin-select", "( -- )", "OpenFirmware, OpenBIOS")
def begin_select(forth: Forth) -> None:
    """The same, with the path that follows."""
    _select(_fw(forth), forth.parse_name(), last=False)


def _select(self: FirmwareForth, path: str, *, last: bool = True) -> None:
    with faults():
        instance = self.firmware.instances.open(path, last=last)
    self.enter_instance(instance)
    self.activate(instance.node)


@DEVICE.word("unselect-dev", "( -- )", _A)
def unselect_dev(forth: Forth) -> None:
    """Close what select-dev opened, if it did, and have no active package."""
    self = _fw(forth)
    instance = self.my_self
    self.enter_instance(None)
    self.activate(None)
    if instance is not None and instance in self.firmware.instances:
        with faults():
            self.firmware.instances.close(instance)


@DEVICE.word("unselect", "( -- )", "OpenFirmware")
def unselect(forth: Forth) -> None:
    """The same."""
    unselect_dev(forth)


def _open_package(self: FirmwareForth, node: Node, arguments: str) -> None:
    with faults():
        self.stack.append(_handle(self.firmware.instances.open_package(node, self.my_self, arguments)))


@DEVICE.word("open-package", "( arguments count phandle -- ihandle | 0 )", _A)
def open_package(forth: Forth) -> None:
    """Open a support package, as the current instance's own."""
    self = _fw(forth)
    node = self.node_of(forth.stack.pop())
    _open_package(self, node, self.pop_text())


@DEVICE.word("$open-package", "( arguments count name count -- ihandle | 0 )", _A)
def dollar_open_package(forth: Forth) -> None:
    """The same, of /packages by its name."""
    self = _fw(forth)
    name = self.pop_text()
    arguments = self.pop_text()
    node = self.firmware.tree.find(name if name.startswith("/") else f"/packages/{name}")
    if node is None:
        forth.stack.append(0)
    else:
        _open_package(self, node, arguments)


@DEVICE.word("close-package", "( ihandle -- )", _A)
def close_package(forth: Forth) -> None:
    """Close it."""
    self = _fw(forth)
    instance = self.instance_of(forth.stack.pop())
    with faults():
        self.firmware.instances.close_package(instance)


@DEVICE.word("$call-method", "( … name count ihandle -- … )", _A)
def dollar_call_method(forth: Forth) -> None:
    """Call a method of an instance."""
    self = _fw(forth)
    instance = self.instance_of(forth.stack.pop())
    self.call_instance(instance, self.pop_text())


@DEVICE.word("$call-parent", "( … name count -- … )", _A)
def dollar_call_parent(forth: Forth) -> None:
    """Call a method of the current instance's parent."""
    call_parent(_fw(forth), forth.pop_text())


def call_parent(self: FirmwareForth, name: str) -> None:
    """Call a method of the current instance's parent.

    Raises:
        Throw: there is no parent, it has no such method, or that threw.
    """
    above = self.need_self().parent
    if above is None:
        raise Throw(ThrowCode.UNSUPPORTED_OPERATION, f'"{name}" of a parent, and there is none')
    self.call_instance(above, name)


@DEVICE.word("call-package", "( … xt ihandle -- … )", _A)
def call_package(forth: Forth) -> None:
    """Run a word with an instance being the current one."""
    self = _fw(forth)
    instance = self.instance_of(forth.stack.pop())
    word = forth.word_of(forth.stack.pop())
    before = self.my_self, self.instance_store
    self.enter_instance(instance)
    try:
        forth.run(word)
    finally:
        self.my_self, self.instance_store = before


@DEVICE.word("execute-device-method", "( … path count name count -- … false | … true )", _A)
def execute_device_method(forth: Forth) -> None:
    """Call a method of a device that isn't open, as test does; false where there is no such device or method."""
    self = _fw(forth)
    name = self.pop_text()
    path = self.pop_text()
    try:
        instance = self.firmware.instances.open(path, last=False)
    except GuestFault:
        forth.stack.append(0)
        return
    if find_method(instance.node, name) is None:
        with faults():
            self.firmware.instances.close(instance)
        forth.stack.append(0)
        return
    _call_unopened(self, instance, name)
    forth.stack.append(forth.mask)


@DEVICE.word("apply", "( … -- … )", _A)
def apply(forth: Forth) -> None:
    """Call a method of a device that isn't open: `apply method device`."""
    self = _fw(forth)
    name, path = self.parse_name(), self.parse_name()
    if not path:
        raise Throw(ThrowCode.ABORT, "apply METHOD DEVICE")
    with faults():
        instance = self.firmware.instances.open(path, last=False)
    _call_unopened(self, instance, name)


def _call_unopened(self: FirmwareForth, instance: Instance, name: str) -> None:
    try:
        self.call_instance(instance, name)
    finally:
        with faults():
            self.firmware.instances.close(instance)


@DEVICE.word("interpose", "( arguments count phandle -- )", "1275 practice: Interposition")
def interpose(forth: Forth) -> None:
    """In a device's open: have a package be opened behind it, before what follows in the path."""
    self = _fw(forth)
    node = self.node_of(forth.stack.pop())
    arguments = self.pop_text()
    with faults():
        self.firmware.instances.interpose(node, arguments)


@DEVICE.word("my-self", "( -- ihandle | 0 )", _A)
def my_self(forth: Forth) -> None:
    """The current instance."""
    forth.stack.append(_handle(_fw(forth).my_self))


@DEVICE.word("my-parent", "( -- ihandle | 0 )", _A)
def my_parent(forth: Forth) -> None:
    """Its parent."""
    forth.stack.append(_handle(_fw(forth).need_self().parent))


@DEVICE.word("ihandle>phandle", "( ihandle -- phandle )", _A)
def ihandle_to_phandle(forth: Forth) -> None:
    """The package of an instance."""
    forth.stack.append(_fw(forth).instance_of(forth.stack.pop()).node.phandle)


@DEVICE.word("my-args", "( -- text count )", _A)
def my_args(forth: Forth) -> None:
    """The current instance's arguments."""
    forth.push_text(_fw(forth).need_self().arguments)


def _unit(self: FirmwareForth) -> tuple[int, ...]:
    """The unit address of the current instance, the high cell first."""
    instance = self.need_self()
    parent = instance.node.parent or instance.node
    try:
        cells = decode_unit(parent, instance.unit or instance.node.unit or "0")
    except ValueError as error:
        raise Throw(ThrowCode.ABORT, str(error)) from None
    if parent.properties.get("device_type") != b"pci\0" or len(cells) != 3:
        return cells
    bus = int.from_bytes(parent.properties.get("bus-range", b"")[:4]) & 0xFF
    return cells[0] | bus << 16, *cells[1:]  # no text has the bus number (PCI binding §2.2.1.2)


@DEVICE.word("my-unit", "( -- physical… )", _A)
def my_unit(forth: Forth) -> None:
    """The current instance's unit address, the high cell on top."""
    forth.stack += reversed(_unit(_fw(forth)))


@DEVICE.word("my-address", "( -- physical… )", _A)
def my_address(forth: Forth) -> None:
    """The same without the high cell."""
    cells = _unit(_fw(forth))
    forth.stack += reversed(cells[1:] if len(cells) > 1 else cells)


@DEVICE.word("my-space", "( -- physical )", _A)
def my_space(forth: Forth) -> None:
    """The high cell of it."""
    cells = _unit(_fw(forth))
    forth.stack.append(cells[0] if len(cells) > 1 else 0)


@DEVICE.word("map-low", "( physical… size -- address )", _A)
def map_low(forth: Forth) -> None:
    """Map a range of the parent's addresses, by its map-in."""
    self = _fw(forth)
    size = forth.stack.pop()
    forth.stack += (_unit(self)[0], size)
    call_parent(self, "map-in")


@DEVICE.word("map-in", "( physical… size -- address )", _A)
def map_in(forth: Forth) -> None:
    """The same, with all cells of the address."""
    call_parent(_fw(forth), "map-in")


@DEVICE.word("free-virtual", "( address size -- )", _A)
def free_virtual(forth: Forth) -> None:
    """Undo it, by the parent's map-out; an `address` property that told of it goes, too."""
    self = _fw(forth)
    address, node = forth.stack[-2], self.need_self().node
    if node.properties.get("address", b"")[:4] == (address & 0xFFFFFFFF).to_bytes(4):
        with faults():
            self.firmware.client_properties.delete(node, "address")
    call_parent(self, "map-out")
