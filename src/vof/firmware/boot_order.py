"""Which devices are tried at boot, in which order."""

from __future__ import annotations

import re
from collections.abc import Iterable

from vof.errors import UsageError
from vof.tree import DeviceTree

__all__ = ["boot_order", "check_order", "named_device"]

_LETTERS = {"c": "disk", "d": "cdrom", "n": "net"}
_USUAL = "cdn"
_SPECIFIER = re.compile(r"[A-Za-z][\w-]*:(?:[\d,\\/]|$)")
"""What can only be meant as a device's alias with arguments: hd:2, cd:,\\yaboot."""


def check_order(order: str) -> None:
    """See whether an order is one.

    Args:
        order: letters as for QEMU's `-boot order=`: c for disks, d for CD-ROMs, n for networks.

    Raises:
        UsageError: it isn't.
    """
    for letter in order:
        if letter not in _LETTERS:
            raise UsageError(
                f"-boot order={order}: no device is called {letter}: c is the disks, d the CD-ROMs, n the networks"
            )
        if order.count(letter) > 1:
            raise UsageError(f"-boot order={order}: {letter} is there twice")


def boot_order(tree: DeviceTree, order: str, first: Iterable[str]) -> list[str]:
    """The devices to be tried: aliases and paths.

    Args:
        tree: the tree; what it has is known by its aliases `disk0`, `cdrom0`, `net0` and so on.
        order: letters, as for `check_order`; "" for disks, CD-ROMs, networks.
        first: paths that come before all others.
    """
    aliases = tree.find("/aliases")
    names = [] if aliases is None else list(aliases.properties)
    chosen = list(first)
    taken = set(chosen)
    for letter in order or _USUAL:
        numbered = re.compile(rf"{_LETTERS[letter]}(\d+)")
        places = sorted(int(found[1]) for name in names if (found := numbered.fullmatch(name)))
        for place in places:
            name = f"{_LETTERS[letter]}{place}"
            node = tree.find(name)
            if node is not None and node.path not in taken:
                taken.add(node.path)
                chosen.append(name)
    return chosen


def named_device(tree: DeviceTree, command: str) -> tuple[str, str]:
    """The device and the arguments that `boot` or `load` has (1275 §7.4.3.1).

    Args:
        tree: the tree.
        command: what follows the word.

    Returns:
        The device specifier, "" where the first word can't be one and is an argument itself; and the arguments.
    """
    first, _, rest = command.strip().partition(" ")
    if first.startswith("/") or _SPECIFIER.match(first) or (first and tree.find(first) is not None):
        return first, rest.strip()
    return "", command.strip()
