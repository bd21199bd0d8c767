"""XCOFF client programs of 32 bits, as Haiku's, NetBSD's, BootX's and yaboot's are for Apple's firmware.

Read are the file header, the optional header and the section headers; symbols, relocations and the loader section are
not: a client program is linked to where it runs. Source: AIX Files Reference, XCOFF Object File Format.
"""

from __future__ import annotations

import struct
from enum import IntFlag
from itertools import pairwise

from vof.errors import UsageError
from vof.loaders.foreign import describe
from vof.loaders.program import Program, ProgramFile, Segment, SegmentFlags

__all__ = ["XCOFF_MAGIC", "read_xcoff"]

XCOFF_MAGIC = b"\x01\xdf"

_SEEK_END = 2
_FILE_HEADER = struct.Struct(">2H3I2H")
_OPTIONAL_HEADER = struct.Struct(">2H4I")
"""Its beginning: magic, version, three sizes, entry. The rest is for AIX's loader."""
_OPTIONAL_MAGIC = 0x10B
_SECTION_HEADER = struct.Struct(">8s6I2HI")
_SECTIONS_LIMIT = 256
_DESCRIPTOR = struct.Struct(">2I")
_END_OF_MEMORY = 1 << 32


class _SectionType(IntFlag):
    """What a section holds (`s_flags`). Other types are for linkers and debuggers."""

    TEXT = 0x20
    DATA = 0x40
    BSS = 0x80


_RWX = SegmentFlags.READ | SegmentFlags.WRITE | SegmentFlags.EXECUTE


def read_xcoff(file: ProgramFile) -> Program:
    """Read what an XCOFF file says of itself. Nothing is kept of `file`.

    Args:
        file: the file, which must be able to seek.

    Returns:
        The program: the sections of text, data and bss, at their physical addresses. The entry is the code that the
        function descriptor leads to which the file has for an entry, and `toc` is the descriptor's second word.

    Raises:
        UsageError: the file can't be a client program. The message has one line, without the file's name.
    """
    try:
        return _read_program(file)
    except OSError as error:
        raise UsageError(f"the file can't be read: {error.strerror or error}") from None


def _read_program(file: ProgramFile) -> Program:
    size = file.seek(0, _SEEK_END)
    start = _read(file, 0, 64)
    if not start.startswith(XCOFF_MAGIC):
        raise UsageError(describe(start))
    if len(start) < _FILE_HEADER.size:
        raise UsageError("the XCOFF header is cut off: get the file again")
    _, count, _, _, _, optional_size, _ = _FILE_HEADER.unpack_from(start)
    if optional_size < _OPTIONAL_HEADER.size:
        raise UsageError("the XCOFF file is an object without an entry: link it into a program first")
    if not 0 < count <= _SECTIONS_LIMIT:
        raise UsageError(f"the XCOFF header is damaged: {count} sections")
    table_at = _FILE_HEADER.size + optional_size
    headers = _read(file, _FILE_HEADER.size, optional_size + count * _SECTION_HEADER.size)
    if table_at + count * _SECTION_HEADER.size > size or len(headers) < optional_size + count * _SECTION_HEADER.size:
        raise UsageError("the XCOFF file is cut off within its section headers: get it again")
    magic, *_, entry = _OPTIONAL_HEADER.unpack_from(headers)
    if magic != _OPTIONAL_MAGIC:
        raise UsageError(
            f"the XCOFF file has an optional header of type {magic:#x}, and Open Firmware wants {_OPTIONAL_MAGIC:#x}: "
            "after objcopy, run Linux's hack-coff on it"
        )
    segments = _segments(headers[optional_size:], size)
    code, toc = _descriptor(file, entry, segments)
    return Program(
        bits=32,
        endian="big",
        entry=code,
        toc=toc,
        segments=segments,
        movable=any(one.address != one.virtual for one in segments),
        kind="xcoff",
    )


def _read(file: ProgramFile, offset: int, size: int) -> bytes:
    """So many bytes of the file, or fewer where it ends."""
    file.seek(offset)
    return file.read(size) or b""


def _segments(table: bytes, size: int) -> tuple[Segment, ...]:
    """The sections that take memory, in the order of their addresses."""
    segments = []
    for _, physical, virtual, length, offset, _, _, _, _, flags in _SECTION_HEADER.iter_unpack(table):
        kind = _SectionType(flags & (_SectionType.TEXT | _SectionType.DATA | _SectionType.BSS))
        if not kind or not length:
            continue
        # A section without a place in the file is as good as bss, whatever its type: objcopy makes such.
        in_file = 0 if kind == _SectionType.BSS or not offset else length
        if in_file and offset + in_file > size:
            raise UsageError(
                f"the XCOFF file is cut off: it ends at byte {size}, and a section at {offset + in_file}: get it again"
            )
        if max(physical, virtual) + length > _END_OF_MEMORY:
            raise UsageError(
                f"the XCOFF headers are damaged: a section is {length:#x} bytes at {physical:#x} in memory"
            )
        segments.append(Segment(physical, virtual, offset if in_file else 0, in_file, length, _RWX))
    if not segments:
        raise UsageError("the XCOFF file has nothing to load: take the linked program")
    segments.sort(key=lambda segment: segment.address)
    for low, high in pairwise(segments):
        if low.address + low.memory_size > high.address:
            raise UsageError(
                f"the XCOFF headers are damaged: sections at {low.address:#x} and {high.address:#x} overlap in memory"
            )
    return tuple(segments)


def _descriptor(file: ProgramFile, entry: int, segments: tuple[Segment, ...]) -> tuple[int, int]:
    """The physical address of the first instruction, and what it wants in r2.

    The descriptor is in .data by the book, and in .text in what `objcopy` makes of Linux's wrapper and of yaboot.
    """
    found = _holding(entry, _DESCRIPTOR.size, segments)
    if found is not None:
        descriptor = _read(file, found.file_offset + entry - found.virtual, _DESCRIPTOR.size)
        if len(descriptor) == _DESCRIPTOR.size:
            code, toc = _DESCRIPTOR.unpack(descriptor)
            text = _holding(code, 4, segments)
            if text is not None and not code & 3:
                return code - text.virtual + text.address, toc
    raise UsageError(
        f"the entry {entry:#x} of the XCOFF file is no function descriptor: it must hold the addresses of code and TOC"
    )


def _holding(address: int, size: int, segments: tuple[Segment, ...]) -> Segment | None:
    """The segment whose part in the file holds so many bytes from this virtual address."""
    return next((one for one in segments if one.virtual <= address <= one.virtual + one.file_size - size), None)
