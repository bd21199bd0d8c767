"""Instances: what `open` makes of a package, and the one door through which its methods are called.

A method is a function of the instance and of a stack of cells whose last item is the top, in Forth's manner, whether
it is written in Python or in Forth: `( addr len -- actual )` pops two and pushes one. A node's methods stand in
`Node.methods`; a node that has an `open` method can be opened.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vof.errors import Throw, ThrowCode
from vof.tree import Node

__all__ = ["Instance", "Method", "Stack", "find_method"]

Stack = list[int]


class Instance:
    """An opened package (1275 §5.3).

    Attributes:
        ihandle: its handle, 1 … 0x7fffffff.
        node: the package.
        parent: the instance of the parent package, or None.
        unit: its unit address; a node without one of its own takes it from the path.
        arguments: what followed `:` in the component that was opened.
        state: what the package's methods keep for this instance.
        interposed: whether `interpose` put it there, between its parent and what was opened behind it.
        opened: whether the package's `open` was called, so that its `close` will be.
    """

    __slots__ = ("arguments", "ihandle", "interposed", "node", "opened", "parent", "state", "unit")

    def __init__(self, ihandle: int, node: Node, parent: Instance | None, unit: str = "", arguments: str = "") -> None:
        self.ihandle = ihandle
        self.node = node
        self.parent = parent
        self.unit = unit
        self.arguments = arguments
        self.state: dict[str, Any] = {}
        self.interposed = False
        self.opened = True

    @property
    def path(self) -> str:
        """The instance's path with its arguments, as `instance-to-path` gives it: without what was interposed."""
        return self._path(interposed=False)

    @property
    def interposed_path(self) -> str:
        """The same with what was interposed, marked by a % (1275's practice "Interposition")."""
        return self._path(interposed=True)

    def _path(self, *, interposed: bool) -> str:
        components = []
        instance: Instance | None = self
        while instance is not None:
            if instance.node.base and (interposed or not instance.interposed):
                mark = "%" if instance.interposed else ""
                unit = f"@{instance.unit}" if instance.unit else ""
                arguments = f":{instance.arguments}" if instance.arguments else ""
                components.append(f"/{mark}{instance.node.base}{unit}{arguments}")
            instance = instance.parent
        return "".join(reversed(components)) or "/"

    def call(self, method: str, stack: Stack) -> None:
        """Call a method of this instance's package, which takes its arguments off `stack` and leaves its results.

        Raises:
            Throw: the package has no such method, its arguments are too few, or it threw.
        """
        function = find_method(self.node, method)
        if function is None:
            raise Throw(ThrowCode.UNSUPPORTED_OPERATION, f'no method "{method}" in {self.node.path}')
        try:
            function(self, stack)
        except IndexError:
            raise Throw(ThrowCode.STACK_UNDERFLOW, f'too few arguments for "{method}"') from None


Method = Callable[[Instance, Stack], None]


def find_method(node: Node, name: str) -> Method | None:
    """A package's method, by its name in any case: Forth's names have none."""
    method: Method | None = node.methods.get(name) or node.methods.get(name.lower())
    return method
