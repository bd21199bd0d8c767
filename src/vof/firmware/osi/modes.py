"""Video modes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["DEPTHS", "Mode", "standard_modes"]

DEPTHS = {8: 1, 15: 2, 32: 4}
"""Depths in bits, and the bytes that a dot takes."""
_SIZES = ((640, 480), (800, 600), (832, 624), (1024, 768), (1152, 870), (1280, 1024))


@dataclass(frozen=True, slots=True)
class Mode:
    """A size with a depth.

    Attributes:
        width, height: in dots.
        depth: 8 (a palette), 15 (1-5-5-5) or 32 bits.
    """

    width: int
    height: int
    depth: int

    @property
    def row(self) -> int:
        """Bytes of a row."""
        return self.width * DEPTHS[self.depth]

    @property
    def size(self) -> int:
        """Bytes of a picture."""
        return self.row * self.height


def standard_modes(memory: int, usual: Mode) -> Sequence[tuple[int, int]]:
    """The sizes that there are, the usual one among them, as far as the memory goes for 32 bits."""
    sizes = [(width, height) for width, height in _SIZES if width * height * DEPTHS[32] <= memory]
    if (usual.width, usual.height) not in sizes:
        sizes.append((usual.width, usual.height))
    return tuple(sizes)
