"""Words that make packages: what `new-device` or `begin-package` begins, up to where it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from vof.errors import Throw, ThrowCode
from vof.firmware.words.engine import DEVICE, faults
from vof.firmware.words.instances import begin_select_dev, unselect_dev
from vof.firmware.words.properties import own_package
from vof.firmware.words.tree import need_package

if TYPE_CHECKING:
    from vof.firmware.words.engine import FirmwareForth
    from vof.forth import Forth
    from vof.packages import Instance
    from vof.tree import Node

__all__ = ["finish_device"]

_A = "1275 A"
_MOST_NODES = 4096


def _fw(forth: Forth) -> FirmwareForth:
    return cast("FirmwareForth", forth)


@DEVICE.word("new-device", "( -- )", _A)
def new_device(forth: Forth) -> None:
    """Make a package below the active one, and have it be active until finish-device."""
    self = _fw(forth)
    firmware = self.firmware
    above = self.active if self.active is not None else own_package(self)
    if len(firmware.tree) >= _MOST_NODES:
        raise Throw(ThrowCode.ABORT, f"the tree has {_MOST_NODES} nodes")
    with faults():
        firmware.instances.need_room(1)
        node = firmware.tree.add(above, "device")
    del node.properties["name"]
    instance = firmware.instances.add(node, self.my_self)
    self.new_devices.append((instance, self.active, self.my_self))
    self.my_self = instance
    self.activate(node)


@DEVICE.word("finish-device", "( -- )", _A)
def finish_device(forth: Forth) -> None:
    """End what new-device began; a package that got no name is removed."""
    self = _fw(forth)
    if not self.new_devices:
        raise Throw(ThrowCode.ABORT, "finish-device without new-device")
    instance, before, above = self.new_devices.pop()
    node = instance.node
    self.firmware.instances.remove(instance)
    self.enter_instance(_still(self, above))
    self.activate(_in_tree(self, before))
    if "name" not in node.properties and _in_tree(self, node) is not None:
        self.remove(node)


def _still(self: FirmwareForth, instance: Instance | None) -> Instance | None:
    """An instance, if it wasn't closed."""
    return instance if instance is not None and instance in self.firmware.instances else None


def _in_tree(self: FirmwareForth, node: Node | None) -> Node | None:
    """A package, if it wasn't removed."""
    return node if node is not None and self.firmware.tree.by_phandle.get(node.phandle) is node else None


@DEVICE.word("device-end", "( -- )", _A)
def device_end(forth: Forth) -> None:
    """Have no active package. What new-device began ends with it: BootX has no finish-device for its memory-map."""
    self = _fw(forth)
    while self.new_devices:
        finish_device(forth)
    self.activate(None)


@DEVICE.word("set-args", "( arguments count unit count -- )", _A)
def set_args(forth: Forth) -> None:
    """Give the new device its unit address and arguments."""
    self = _fw(forth)
    if not self.new_devices:
        raise Throw(ThrowCode.ABORT, "set-args without new-device")
    instance = self.new_devices[-1][0]
    instance.unit, instance.arguments = self.pop_text(), self.pop_text()


@DEVICE.word("begin-package", "( arguments count unit count path count -- )", _A)
def begin_package(forth: Forth) -> None:
    """new-device below the package that a path leads to, which is selected, with unit address and arguments."""
    self = _fw(forth)
    path = self.pop_text()
    need_package(self, path)
    self.push_text(path)
    begin_select_dev(forth)
    new_device(forth)
    set_args(forth)


@DEVICE.word("end-package", "( -- )", _A)
def end_package(forth: Forth) -> None:
    """End what begin-package began."""
    finish_device(forth)
    unselect_dev(forth)
