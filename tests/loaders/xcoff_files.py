"""XCOFF files made by hand, so that any field can be wrong."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from elf_files import CODE

TEXT, DATA, BSS, LOADER, DEBUG = 0x20, 0x40, 0x80, 0x1000, 0x2000


@dataclass
class Section:
    """A section header, and the bytes that it points to."""

    name: bytes
    flags: int
    address: int
    data: bytes = b""
    size: int | None = None
    virtual: int | None = None
    offset: int | None = None


@dataclass
class Xcoff:
    """A file to be."""

    entry: int = 0
    sections: list[Section] = field(default_factory=list)
    magic: int = 0x1DF
    optional_magic: int = 0x10B
    optional_size: int = 72
    count: int | None = None

    def build(self) -> bytes:
        at = 20 + self.optional_size + 40 * len(self.sections)
        table, contents = b"", b""
        for one in self.sections:
            size = len(one.data) if one.size is None else one.size
            offset = (at + len(contents) if one.data else 0) if one.offset is None else one.offset
            virtual = one.address if one.virtual is None else one.virtual
            table += struct.pack(">8s6I2HI", one.name, one.address, virtual, size, offset, 0, 0, 0, 0, one.flags)
            contents += one.data
        count = len(self.sections) if self.count is None else self.count
        header = struct.pack(">2H3I2H", self.magic, count, 0, 0, 0, self.optional_size, 0x0206)
        optional = struct.pack(">2H4I", self.optional_magic, 1, 0, 0, 0, self.entry)
        return header + optional.ljust(self.optional_size, b"\0")[: self.optional_size] + table + contents


HAIKU = Xcoff(
    entry=0x202000,
    sections=[
        Section(b".text", TEXT, 0x200000, CODE),
        Section(b".data", DATA, 0x202000, struct.pack(">3I", 0x200004, 0x202100, 0)),
        Section(b".bss", BSS, 0x203000, size=0x4000),
        Section(b".loader", LOADER, 0, b"for AIX"),
    ],
)
