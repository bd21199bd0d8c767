"""Claims where real and virtual addresses are told apart: what `claim` takes is both, at the same address.

The methods of the memory and of the MMU claim one of the two each; `claim`, the service, is for clients that don't care
(1275 §6.3.2.4 and PowerPC binding §5.2.3), and whatever it returns can be used at once.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from vof.errors import GuestFault
from vof.memory.claims import ClaimMap

__all__ = ["Claims", "PairedClaims"]

_TRIES = 32
"""Places with free memory that `claim` looks at whose virtual addresses are in use."""


class Claims(Protocol):
    """What the services `claim` and `release` ask for; see `ClaimMap`."""

    def claim(self, address: int, size: int, align: int) -> int:
        """Claim memory; where it begins. Raises `GuestFault` if it can't be had."""
        ...

    def release(self, address: int, size: int) -> None:
        """Give it back. Raises `GuestFault` if none of it is claimed."""
        ...


class PairedClaims:
    """Real memory and the same virtual addresses, claimed together.

    Args:
        physical: the claims of memory.
        virtual: the claims of virtual addresses.
        mapped: called with the start and size of what was claimed, to see that it is mapped 1:1. Where it raises
            `GuestFault`, nothing stays claimed.
    """

    def __init__(self, physical: ClaimMap, virtual: ClaimMap, mapped: Callable[[int, int], None]) -> None:
        self.physical = physical
        self.virtual = virtual
        self._mapped = mapped

    def claim(self, address: int, size: int, align: int) -> int:
        """See `ClaimMap.claim`."""
        in_the_way: list[int] = []
        try:
            while True:
                base = self.physical.claim(address, size, align)
                try:
                    self.virtual.claim(base, size, 0)
                    break
                except GuestFault:
                    in_the_way.append(base)
                    if not align or len(in_the_way) == _TRIES:
                        raise
        finally:
            for each in reversed(in_the_way):
                self.physical.release(each, size)
        try:
            self._mapped(base, size)
        except GuestFault:
            self.release(base, size)
            raise
        return base

    def release(self, address: int, size: int) -> None:
        """See `ClaimMap.release`. What is claimed as one of the two alone is given back as well."""
        try:
            self.physical.release(address, size)
        except GuestFault:
            self.virtual.release(address, size)
        else:
            with suppress(GuestFault):
                self.virtual.release(address, size)
