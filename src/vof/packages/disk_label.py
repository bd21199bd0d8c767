"""The support package `disk-label`: what of a disk its arguments mean, and what is booted of it (1275 §3.8.2)."""

from __future__ import annotations

from collections.abc import Mapping

from vof.errors import Throw, ThrowCode
from vof.packages.disk import DiskPackage
from vof.packages.instance import Instance, Method, Stack

__all__ = ["DiskLabel"]

_CELL = 0xFFFFFFFF


class DiskLabel:
    """Methods of `/packages/disk-label`, which a disk opens as its own (`$open-package`).

    Args:
        disks: the disks' packages by the handles of their nodes.
    """

    def __init__(self, disks: Mapping[int, DiskPackage]) -> None:
        self._disks = disks

    def methods(self) -> dict[str, Method]:
        """The methods, by name, for `Node.methods`."""
        return {"open": self.open, "close": self.close, "load": self.load, "offset": self.offset}

    def open(self, instance: Instance, stack: Stack) -> None:
        """( -- true ): the arguments are those of the disk: `2`, `2,\\path`, `nolabel`."""
        self._disk(instance).open(instance, stack)

    def close(self, instance: Instance, stack: Stack) -> None:
        """( -- )."""

    def load(self, instance: Instance, stack: Stack) -> None:
        """( addr -- size ): as the disk's."""
        self._disk(instance).load(instance, stack)

    def offset(self, instance: Instance, stack: Stack) -> None:
        """( rel.lo rel.hi -- abs.lo abs.hi ): from the partition's first byte to the disk's."""
        high, low = stack.pop(), stack.pop()
        place = instance.state["start"] + ((high & _CELL) << 32 | low & _CELL)
        stack += [place & _CELL, place >> 32 & _CELL]

    def _disk(self, instance: Instance) -> DiskPackage:
        found = None if instance.parent is None else self._disks.get(instance.parent.node.phandle)
        if found is None:
            raise Throw(ThrowCode.ABORT, "disk-label is opened by one of the machine's disks, and its parent is none")
        return found
