"""Packages that can be opened and do nothing by it: the root, CPUs, memory."""

from __future__ import annotations

from vof.packages.instance import Instance, Method, Stack

__all__ = ["OPENABLE"]


def _open(instance: Instance, stack: Stack) -> None:
    """( -- true )."""
    stack.append(-1)


def _close(instance: Instance, stack: Stack) -> None:
    """( -- )."""


OPENABLE: dict[str, Method] = {"open": _open, "close": _close}
