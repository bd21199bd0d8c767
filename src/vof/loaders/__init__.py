"""Client program formats: reading a program file, deciding where it goes, putting it into guest memory."""

from __future__ import annotations

from vof.loaders.chrp_script import ChrpScript, boot_command, expand, parse_chrp_script, starts_payload
from vof.loaders.elf import read_elf
from vof.loaders.formats import open_program, read_program
from vof.loaders.in_memory import init_program
from vof.loaders.notes import ChrpNote, RpaNote
from vof.loaders.placement import PlacedSegment, Placement, load, place
from vof.loaders.prep import read_prep
from vof.loaders.program import Program, ProgramFile, Segment, SegmentFlags
from vof.loaders.xcoff import read_xcoff

__all__ = [
    "ChrpNote",
    "ChrpScript",
    "PlacedSegment",
    "Placement",
    "Program",
    "ProgramFile",
    "RpaNote",
    "Segment",
    "SegmentFlags",
    "boot_command",
    "expand",
    "init_program",
    "load",
    "open_program",
    "parse_chrp_script",
    "place",
    "read_elf",
    "read_prep",
    "read_program",
    "read_xcoff",
    "starts_payload",
]
