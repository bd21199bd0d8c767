"""The memory's package: what `/chosen` `memory` is an instance of (1275 §3.7.6)."""

from __future__ import annotations

from vof.memory import ClaimMap
from vof.packages.instance import Instance, Method, Stack
from vof.packages.openable import OPENABLE

__all__ = ["MemoryPackage"]


class MemoryPackage:
    """Methods that claim real memory, and no virtual addresses. Addresses and sizes take a cell each.

    Args:
        claims: the claims of memory.
    """

    def __init__(self, claims: ClaimMap) -> None:
        self._claims = claims

    def methods(self) -> dict[str, Method]:
        """The methods, by name, for `Node.methods`."""
        return {**OPENABLE, "claim": self._claim, "release": self._release}

    def _claim(self, instance: Instance, stack: Stack) -> None:
        """( [ phys ] size align -- base ): there is a `phys` if `align` is 0."""
        align, size = stack.pop(), stack.pop()
        phys = 0 if align else stack.pop()
        stack.append(self._claims.claim(phys, size, align))

    def _release(self, instance: Instance, stack: Stack) -> None:
        """( phys size -- )."""
        size, phys = stack.pop(), stack.pop()
        self._claims.release(phys, size)
