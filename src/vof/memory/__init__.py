"""Guest memory, bounded, by real and by virtual addresses, and the maps of what of it is claimed."""

from __future__ import annotations

from vof.memory.claims import ClaimMap
from vof.memory.guest import Buffer, GuestMemory
from vof.memory.paired import Claims, PairedClaims
from vof.memory.seen import SeenMemory
from vof.memory.tap import MemoryAccess, MemoryTap
from vof.memory.translated import TranslatedMemory
from vof.memory.translations import Translation, Translations

__all__ = [
    "Buffer",
    "ClaimMap",
    "Claims",
    "GuestMemory",
    "MemoryAccess",
    "MemoryTap",
    "PairedClaims",
    "SeenMemory",
    "TranslatedMemory",
    "Translation",
    "Translations",
]
