"""Client program formats: reading a program file, deciding where it goes, putting it into guest memory."""

from __future__ import annotations

from vof.loaders.elf import read_elf
from vof.loaders.notes import ChrpNote, RpaNote
from vof.loaders.placement import PlacedSegment, Placement, load, place
from vof.loaders.program import Program, ProgramFile, Segment, SegmentFlags

__all__ = [
    "ChrpNote",
    "PlacedSegment",
    "Placement",
    "Program",
    "ProgramFile",
    "RpaNote",
    "Segment",
    "SegmentFlags",
    "load",
    "place",
    "read_elf",
]
