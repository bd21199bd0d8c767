"""Notes by which an ELF client program says what it wants from the firmware.

Nothing here fails: a note only advises, and those in the field are often wrong. GRUB's gives the size of the whole note
for that of its contents, OpenBSD's is a word short, and Linux writes big-endian notes into little-endian files.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

__all__ = ["ChrpNote", "Endian", "RpaNote", "decode_notes"]

Endian = Literal["big", "little"]

_CHRP = (b"PowerPC", 0x1275)
_RPA = (b"IBM,RPA-Client-Config", 0x12759999)
_WORDS = {_CHRP: 6, _RPA: 8}
_UNSPECIFIED = 0xFFFFFFFF
_HEADER = 12
_NOTES_LIMIT = 64


@dataclass(frozen=True, slots=True)
class ChrpNote:
    """The firmware's configuration that the program wants (CHRP binding to 1275 §10.4.1).

    Attributes:
        real_mode: whether it runs with translation off: here all ones is a yes; None if the note has no word for it.
        real_base, real_size, virtual_base, virtual_size: where it wants the firmware to be, in bytes; None for
            anywhere.
        load_base: where it wants to be loaded; None for anywhere.
    """

    real_mode: bool | None = None
    real_base: int | None = None
    real_size: int | None = None
    virtual_base: int | None = None
    virtual_size: int | None = None
    load_base: int | None = None


@dataclass(frozen=True, slots=True)
class RpaNote:
    """The partition that the program wants (RPA binding to 1275). None: it doesn't say.

    Attributes:
        partition_affinity: whether it wants memory near its CPUs.
        least_rmo_size: MiB of real mode memory that it needs.
        least_rmo_percent: the same in percent of all memory.
        largest_hash_table: 2**n bytes are the largest that it can use.
        shared_processors: whether it runs in a shared processor partition.
        least_load_base: the lowest address that it can be loaded at.
        memory_definition: whether it wants the new definition of memory nodes.
        ignore_client_settings: whether the rest is for its own information only.
    """

    partition_affinity: int | None = None
    least_rmo_size: int | None = None
    least_rmo_percent: int | None = None
    largest_hash_table: int | None = None
    shared_processors: int | None = None
    least_load_base: int | None = None
    memory_definition: int | None = None
    ignore_client_settings: int | None = None


def decode_notes(data: bytes, endian: Endian) -> tuple[ChrpNote | None, RpaNote | None]:
    """The CHRP and the RPA note in the contents of a note segment.

    Args:
        data: the segment's bytes, from the file.
        endian: the file's byte order.
    """
    chrp: ChrpNote | None = None
    rpa: RpaNote | None = None
    for kind, words in _known_notes(data, endian):
        given = [None if word == _UNSPECIFIED else word for word in words]
        if kind == _CHRP and words:
            chrp = ChrpNote(bool(words[0]), *given[1:])
        elif kind == _RPA:
            rpa = RpaNote(*given)
    return chrp, rpa


def _known_notes(data: bytes, endian: Endian) -> Iterator[tuple[tuple[bytes, int], tuple[int, ...]]]:
    position = 0
    for _ in range(_NOTES_LIMIT):
        if position + _HEADER > len(data):
            return
        order = ">" if endian == "big" else "<"
        if struct.unpack_from(">I", data, position + 8)[0] in (_CHRP[1], _RPA[1]):
            order = ">"
        name_size, size, note_type = struct.unpack_from(f"{order}3I", data, position)
        start = position + _HEADER + _round_up(name_size)
        kind = (data[position + _HEADER : start].rstrip(b"\0"), note_type)
        if kind in _WORDS:
            if size == _WORDS[kind] * 4 + start - position:
                size = _WORDS[kind] * 4
            contents = data[start : start + size]
            count = min(len(contents) // 4, _WORDS[kind])
            yield kind, struct.unpack_from(f"{order}{count}I", contents)
        position = start + _round_up(size)


def _round_up(size: int) -> int:
    return (size + 3) & ~3
