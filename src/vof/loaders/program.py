"""What a client program is, whatever format its file has."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import Literal, Protocol

from vof.loaders.notes import ChrpNote, Endian, RpaNote

__all__ = ["Bits", "Endian", "Kind", "Program", "ProgramFile", "Segment", "SegmentFlags"]

Bits = Literal[32, 64]
Kind = Literal["elf", "xcoff", "prep"]


class ProgramFile(Protocol):
    """A program's file, opened for reading bytes by whoever calls: a `FileIO` will do, and so will a `BytesIO`."""

    def seek(self, offset: int, whence: int = ..., /) -> int:
        """As for `io.IOBase`."""
        ...

    def read(self, size: int = ..., /) -> bytes | None:
        """As for `io.RawIOBase`: may return less than asked for."""
        ...

    def readinto(self, buffer: memoryview, /) -> int | None:
        """As for `io.RawIOBase`: may read less than fits."""
        ...


class SegmentFlags(IntFlag):
    """What the program does with a segment (ELF `p_flags`). Client programs run without protection: it only informs."""

    EXECUTE = 1
    WRITE = 2
    READ = 4


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a program.

    Attributes:
        address: the physical address it is linked to load at.
        virtual: the address it is linked to run at.
        file_offset: where its bytes are in the file.
        file_size: how many bytes the file has; less than or equal to `memory_size`.
        memory_size: how many bytes it takes in memory, at least 1; those beyond `file_size` are zero.
        flags: what the program does with it.
    """

    address: int
    virtual: int
    file_offset: int
    file_size: int
    memory_size: int
    flags: SegmentFlags


@dataclass(frozen=True, slots=True)
class Program:
    """A client program, as its file describes it.

    Attributes:
        bits: of the CPU's mode that it is written for.
        endian: the byte order it is written for. Client calls are big-endian whatever it is.
        entry: the physical address of its first instruction, not of a function descriptor.
        toc: what its first instruction wants in r2, from the function descriptor; 0 if there is none.
        segments: at least one; none overlap; in the order of their addresses.
        movable: whether it runs, or at least starts, at another address than it is linked to.
        chrp: what it asks of the firmware by a CHRP note, if it does.
        rpa: what it asks of a logical partition by an RPA note, if it does.
        kind: the format of its file. A PReP boot image wants its own address in r4.
    """

    bits: Bits
    endian: Endian
    entry: int
    toc: int
    segments: tuple[Segment, ...]
    movable: bool
    chrp: ChrpNote | None = None
    rpa: RpaNote | None = None
    kind: Kind = "elf"
