"""ELF files made by hand, byte by byte, so that any field can be wrong."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

PT_LOAD, PT_NOTE = 1, 4
EM_PPC, EM_PPC64 = 20, 21
ET_REL, ET_EXEC, ET_DYN, ET_CORE = 1, 2, 3, 4


@dataclass
class Part:
    """A program header, and the bytes that it points to."""

    data: bytes
    virtual: int = 0
    physical: int = 0
    memory_size: int | None = None
    flags: int = 7
    type: int = PT_LOAD
    offset: int | None = None


@dataclass
class Elf:
    """A file to be."""

    bits: int = 32
    endian: str = "big"
    entry: int = 0
    parts: list[Part] = field(default_factory=list)
    machine: int | None = None
    type: int = ET_EXEC
    flags: int = 0
    header_step: int | None = None

    def build(self) -> bytes:
        order = ">" if self.endian == "big" else "<"
        wide = self.bits == 64
        head, step = (64, 56) if wide else (52, 32)
        at = 0x200
        table, contents = b"", b""
        for part in self.parts:
            offset = at + len(contents) if part.offset is None else part.offset
            size = len(part.data) if part.memory_size is None else part.memory_size
            where = (offset, part.virtual, part.physical, len(part.data), size)
            if wide:
                table += struct.pack(f"{order}2I6Q", part.type, part.flags, *where, 4)
            else:
                table += struct.pack(f"{order}8I", part.type, *where, part.flags, 4)
            contents += part.data
        machine = self.machine if self.machine is not None else EM_PPC64 if wide else EM_PPC
        ident = b"\x7fELF" + bytes([2 if wide else 1, 2 if order == ">" else 1, 1]).ljust(12, b"\0")
        words = (self.type, machine, 1, self.entry, head if self.parts else 0, 0, self.flags, head)
        last = (self.header_step or step, len(self.parts), 0, 0, 0)
        header = ident + struct.pack(f"{order}2HI3QI6H" if wide else f"{order}2HI3II6H", *words, *last)
        return (header + table).ljust(at, b"\0") + contents


def note(name: bytes, note_type: int, words: tuple[int, ...], *, order: str = ">", size: int | None = None) -> bytes:
    contents = struct.pack(f"{order}{len(words)}I", *words)
    padded = name + b"\0" * (4 - len(name) % 4)
    return (
        struct.pack(f"{order}3I", len(name) + 1, len(contents) if size is None else size, note_type) + padded + contents
    )


CODE = bytes.fromhex("48000000") * 4
"""b . """
GRUB = Elf(entry=0x200000, parts=[Part(CODE, 0x200000, 0x200000, 0x5000)])
