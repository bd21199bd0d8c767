"""Pieces of guest memory, as events and recordings hold them: whole if small, else their beginning and a digest."""

from __future__ import annotations

from collections.abc import Mapping

from vof.events import Written

__all__ = ["GIVEN", "HEAD", "digest_of", "written"]

HEAD = 256
"""Bytes of a piece of memory that an event carries."""
GIVEN: Mapping[str, int] = {"chain": 3, "setprop": 2, "write": 1}
"""The services that a client gives data to, and the place of the argument that points to it."""


def written(address: int, data: bytes) -> Written:
    """A piece of memory, as an event carries it."""
    size = len(data)
    return Written(address, size, data) if size <= HEAD else Written(address, size, data[:HEAD], digest_of(data))


def digest_of(data: bytes) -> str:
    """A digest that tells apart what a boot may hold; not for secrets."""
    from hashlib import blake2b  # it takes 4 ms to import

    return blake2b(data, digest_size=8).hexdigest()
