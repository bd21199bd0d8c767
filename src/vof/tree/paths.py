"""Device specifiers as client programs write them: "/pci@80000000/ide@C,1/disk@0:2,\\\\boot", "disk:0", "/memory".

Ref: 1275 §4.3.1 (path resolution), §6.3.2.2 (canon). The text is the guest's: the work is bounded by its length, and
whatever can't be resolved is simply None.
"""

from __future__ import annotations

from typing import NamedTuple

from vof.tree.node import Node

__all__ = ["Step", "canonical", "expand_alias", "resolve_steps"]

MAX_ALIAS_HOPS = 8  # an alias of an alias is met in the wild; a ring of them must end


class Step(NamedTuple):
    """One component of a resolved path.

    Attributes:
        node: the node that it names.
        arguments: the text after ":", "" if there is none.
        unit: the unit address of an instance opened along this path: the node's own, or for a wildcard node (one with
            neither unit address nor "reg", 1275 §4.3.5) the text of the path.
    """

    node: Node
    arguments: str
    unit: str


def expand_alias(root: Node, path: str) -> str | None:
    """`path` as an absolute path, its leading alias replaced by what `/aliases` says; None if there is no such alias.

    The client's arguments after an alias displace the alias's own (1275 §4.3.1). The value may lack its NUL, and may
    begin with another alias.
    """
    aliases = root.index.match("aliases")
    for _ in range(MAX_ALIAS_HOPS):
        if path.startswith("/"):
            return path
        head, slash, tail = path.partition("/")
        alias, colon, arguments = head.partition(":")
        value = None if aliases is None else aliases.properties.get(alias)
        if value is None:
            return None
        target = value.partition(b"\0")[0].decode("latin-1")
        if colon:
            stem, last_slash, last = target.rpartition("/")
            target = f"{stem}{last_slash}{last.partition(':')[0]}:{arguments}"
        path = target + slash + tail
    return None


def resolve_steps(root: Node, path: str) -> tuple[Step, ...] | None:
    """The nodes and arguments along `path`, the root first; None if any component names no node."""
    absolute = expand_alias(root, path)
    if absolute is None:
        return None
    node = root
    steps = [Step(root, "", "")]
    for component in absolute.split("/"):
        if not component:  # "//" and a last "/" name nothing
            continue
        if node.first_child is None:
            return None
        name, _, arguments = component.partition(":")
        child = node.index.match(name)
        if child is None:
            return None
        steps.append(Step(child, arguments, child.unit or name.partition("@")[2]))
        node = child
    return tuple(steps)


def canonical(steps: tuple[Step, ...]) -> str:
    """The fully qualified path of `steps`, with arguments and with the unit addresses of wildcard nodes."""
    parts = []
    for node, arguments, unit in steps[1:]:
        name = node.name if node.unit or not unit else f"{node.name}@{unit}"
        parts.append(f"/{name}:{arguments}" if arguments else f"/{name}")
    return "".join(parts) or "/"
