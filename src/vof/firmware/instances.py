"""The open instances of a firmware: opening devices and packages, interposing, closing (1275 §4.3, §5.3)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from vof.errors import GuestFault, PortError, Throw
from vof.packages import Instance
from vof.tree import DeviceTree, Node

__all__ = ["INSTANCES_LIMIT", "Instances"]

INSTANCES_LIMIT = 0x4000
"""Instances open at a time. FreeBSD's loader closes none."""
INTERPOSED_LIMIT = 16
"""Packages that are interposed in one path."""
FIRST_IHANDLE, LAST_IHANDLE = 0x40000000, 0x7FFFFFFF
"""Far from the phandles, so that a client which mixes them up is told."""


class Instances:
    """What is open.

    Args:
        tree: has the packages.

    Attributes:
        by_ihandle: the open instances by their handles.
        next_ihandle: the handle of the next instance.
        interposing: packages, with arguments, that are opened next; None while no device is being opened.
        when_closed: gets each instance that is no more; None for nobody.
    """

    def __init__(self, tree: DeviceTree) -> None:
        self.by_ihandle: dict[int, Instance] = {}
        self.next_ihandle = FIRST_IHANDLE
        self.interposing: list[tuple[Node, str]] | None = None
        self.when_closed: Callable[[Instance], None] | None = None
        self._tree = tree

    def __contains__(self, instance: Instance) -> bool:
        """Whether an instance is still open."""
        return self.by_ihandle.get(instance.ihandle) is instance

    def need(self, ihandle: int) -> Instance:
        """The open instance with this handle.

        Raises:
            GuestFault: there is none.
        """
        instance = self.by_ihandle.get(ihandle)
        if instance is None:
            raise GuestFault("no instance {:#x}", ihandle)
        return instance

    def need_room(self, count: int) -> None:
        """See whether so many more can be opened.

        Raises:
            GuestFault: they can't.
        """
        if len(self.by_ihandle) + count > INSTANCES_LIMIT:
            raise GuestFault("{} instances are open", len(self.by_ihandle))
        if self.next_ihandle + count > LAST_IHANDLE:
            raise GuestFault("all ihandles were given out")

    # Devices: whole chains of instances

    def open(self, path: str, *, last: bool = True) -> Instance:
        """Open the device that a path or alias leads to, with an instance for each package on the way (1275 §4.3).

        Packages above the last need no `open` method, but where they have one it is called. What one of them has
        interposed is opened right behind it.

        Args:
            path: a device specifier.
            last: whether the last package is opened. If not, its `open` isn't called, and it needs none
                (`execute-device-method`).

        Raises:
            GuestFault: there is no such device, it can't be opened, or too many are open.
        """
        steps = self._tree.steps(path)
        if steps is None:
            raise GuestFault('no device "{}"', path)
        self.need_room(len(steps))
        final = steps[-1]
        if last and "open" not in final.node.methods:
            raise GuestFault('no method "open" in {}', final.node.path)
        chain: list[Instance] = []
        before, self.interposing = self.interposing, []
        try:
            for step in steps:
                self._open_link(chain, step.node, step.unit, step.arguments, call=last or step is not final)
                while self.interposing:
                    node, arguments = self.interposing.pop(0)
                    self._open_link(chain, node, "", arguments, interposed=True)
        except BaseException:
            # Whatever went wrong, even a nested call that does not return: what is open by now has no owner.
            with suppress(GuestFault, PortError):
                self._close_chain(chain)
            raise
        finally:
            self.interposing = before
        return chain[-1]

    def _open_link(
        self,
        chain: list[Instance],
        node: Node,
        unit: str,
        arguments: str,
        *,
        call: bool = True,
        interposed: bool = False,
    ) -> None:
        """Open the next package of a chain."""
        if interposed:
            self.need_room(1)
            if sum(instance.interposed for instance in chain) >= INTERPOSED_LIMIT:
                raise GuestFault("{} packages were interposed", INTERPOSED_LIMIT)
        instance = self.add(node, chain[-1] if chain else None, unit, arguments)
        instance.interposed, instance.opened = interposed, call
        if not self._call_open(instance):
            raise GuestFault("{} could not be opened", node.path)
        chain.append(instance)

    def interpose(self, node: Node, arguments: str) -> None:
        """Have a package be opened behind the one whose `open` runs (1275's practice "Interposition").

        Raises:
            GuestFault: no device is being opened, or too much was interposed.
        """
        if self.interposing is None:
            raise GuestFault("interpose: only while a device is opened")
        if len(self.interposing) >= INTERPOSED_LIMIT:
            raise GuestFault("{} packages were interposed", INTERPOSED_LIMIT)
        self.interposing.append((node, arguments))

    def close(self, instance: Instance) -> None:
        """Close an instance, and the instances of the packages above that were opened with it."""
        chain = []
        above: Instance | None = instance
        while above is not None:
            chain.append(above)
            above = above.parent
        self._close_chain(chain[::-1])

    # Single packages

    def open_package(self, node: Node, parent: Instance | None, arguments: str) -> Instance | None:
        """Open one package, with a parent that is open already (1275's `open-package`); None where it can't be.

        Raises:
            GuestFault: too many are open.
        """
        self.need_room(1)
        instance = self.add(node, parent, node.unit, arguments)
        if "open" not in node.methods:
            self.remove(instance)
            return None
        return instance if self._call_open(instance) else None

    def close_package(self, instance: Instance) -> None:
        """Close what `open_package` opened, and nothing above it."""
        self._close_chain([instance])

    def add(self, node: Node, parent: Instance | None, unit: str = "", arguments: str = "") -> Instance:
        """Have an instance be there with the next handle; no `open` is called, and whoever wants room looks first."""
        ihandle = self.next_ihandle
        self.next_ihandle = ihandle + 1
        instance = self.by_ihandle[ihandle] = Instance(ihandle, node, parent, unit, arguments)
        return instance

    def remove(self, instance: Instance) -> None:
        """Have an instance not be there any more, if it is; no `close` is called."""
        self.by_ihandle.pop(instance.ihandle, None)

    def _call_open(self, instance: Instance) -> bool:
        """Call an instance's `open`, if it has one and is to, while its handle is good; whether it is open then."""
        opened = False
        try:
            opened = not instance.opened or "open" not in instance.node.methods or self._succeeds(instance)
        finally:
            if not opened:
                self.remove(instance)
        return opened and instance.ihandle in self.by_ihandle

    def _succeeds(self, instance: Instance) -> bool:
        """What a package's `open` says."""
        stack: list[int] = []
        opened = False
        try:
            instance.call("open", stack)
            opened = not stack or bool(stack.pop())
        except Throw as thrown:
            raise GuestFault("open of {} threw {}: {}", instance.node.path, thrown.code, thrown.reason) from None
        finally:
            if not opened:
                self._tell_closed(instance)
        return opened

    def _close_chain(self, chain: list[Instance]) -> None:
        """Close instances, the last one first. All of them, even where one of their methods fails."""
        for instance in chain:
            self.by_ihandle.pop(instance.ihandle, None)
        failed: GuestFault | PortError | None = None
        for instance in reversed(chain):
            try:
                if instance.opened and "close" in instance.node.methods:
                    instance.call("close", [])
            except Throw as thrown:
                failed = GuestFault("close threw {}: {}", thrown.code, thrown.reason)
            except (GuestFault, PortError) as fault:
                failed = fault
            self._tell_closed(instance)
        if failed is not None:
            raise failed

    def _tell_closed(self, instance: Instance) -> None:
        if self.when_closed is not None:
            self.when_closed(instance)
