"""Guest memory, bounded, and the map of what of it is claimed."""

from __future__ import annotations

from vof.memory.claims import ClaimMap
from vof.memory.guest import Buffer, GuestMemory

__all__ = ["Buffer", "ClaimMap", "GuestMemory"]
