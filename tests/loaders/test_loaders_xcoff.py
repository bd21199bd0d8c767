"""Reading XCOFF client programs, good, bad and mutilated."""

from __future__ import annotations

import io
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from elf_files import CODE
from hypothesis import example, given
from hypothesis import strategies as st
from xcoff_files import BSS, DATA, DEBUG, HAIKU, LOADER, TEXT, Section, Xcoff

from vof.errors import UsageError
from vof.loaders import Program, Segment, SegmentFlags, load, place, read_xcoff

RWX = SegmentFlags.READ | SegmentFlags.WRITE | SegmentFlags.EXECUTE
TEXT_AT = 20 + 72 + 4 * 40


def read(file: Xcoff | bytes) -> Program:
    return read_xcoff(io.BytesIO(file if isinstance(file, bytes) else file.build()))


def test_a_program() -> None:
    program = read(HAIKU)
    assert (program.kind, program.bits, program.endian) == ("xcoff", 32, "big")
    assert (program.entry, program.toc, program.movable) == (0x200004, 0x202100, False)
    assert program.segments == (
        Segment(0x200000, 0x200000, TEXT_AT, 16, 16, RWX),
        Segment(0x202000, 0x202000, TEXT_AT + 16, 12, 12, RWX),
        Segment(0x203000, 0x203000, 0, 0, 0x4000, RWX),
    )


def test_it_is_loaded() -> None:
    file = io.BytesIO(HAIKU.build())
    memory = bytearray(b"\xee") * 0x300000
    placement = place(read_xcoff(file), 0x400000)
    assert load(placement, file, memory) == (0x200000, 0x7000)
    assert memory[0x200000:0x200010] == CODE
    assert memory[0x202000:0x202008] == struct.pack(">2I", 0x200004, 0x202100)
    assert memory[0x203000:0x207000] == bytes(0x4000)
    assert memory[0x207000] == 0xEE


TEXT_ONLY = Section(b".text", TEXT, 0x500000, struct.pack(">3I", 0x50000C, 0, 0) + CODE)
"""As Linux's wrapper has it: the descriptor is at the beginning of the code."""

ENTRIES: dict[str, tuple[Xcoff, int, int]] = {
    "descriptor among code": (Xcoff(0x500000, [TEXT_ONLY]), 0x50000C, 0),
    "short optional header": (replace(HAIKU, optional_size=28), 0x200004, 0x202100),
    "virtual addresses": (
        Xcoff(
            0xC0000000, [Section(b".text", TEXT, 0x1000, struct.pack(">2I", 0xC0000008, 5) + CODE, None, 0xC0000000)]
        ),
        0x1008,
        5,
    ),
    "data without bytes is bss": (
        Xcoff(0x500000, [TEXT_ONLY, Section(b".data", DATA, 0x600000, size=64)]),
        0x50000C,
        0,
    ),
    "upper half of the flags": (Xcoff(0x500000, [replace(TEXT_ONLY, flags=0x10020)]), 0x50000C, 0),
}


@pytest.mark.parametrize(("file", "entry", "toc"), ENTRIES.values(), ids=ENTRIES.keys())
def test_entries(file: Xcoff, entry: int, toc: int) -> None:
    program = read(file)
    assert (program.entry, program.toc) == (entry, toc)


GOOD = HAIKU.build()
TEXT_PART, DATA_PART, *_ = HAIKU.sections
REFUSED: dict[str, tuple[bytes | Xcoff, str]] = {
    "empty": (b"", "empty"),
    "not XCOFF": (b"\x7fELF" + bytes(60), "not ELF"),
    "64 bits": (replace(HAIKU, magic=0x1F7), "64-bit XCOFF.*32-bit"),
    "magic only": (GOOD[:2], "cut off"),
    "header only": (GOOD[:20], "cut off"),
    "section headers cut": (GOOD[:130], "cut off within its section headers"),
    "half": (GOOD[: TEXT_AT + 20], "cut off.*byte 272"),
    "object": (replace(HAIKU, optional_size=0), "object"),
    "no sections": (replace(HAIKU, count=0), "0 sections"),
    "too many sections": (replace(HAIKU, count=257), "257 sections"),
    "as objcopy leaves it": (replace(HAIKU, optional_magic=0x107), "0x107.*hack-coff"),
    "debug data only": (Xcoff(0, [Section(b".debug", DEBUG, 0, b"x"), Section(b".l", LOADER, 0, b"x")]), "nothing"),
    "address wraps": (Xcoff(0, [Section(b".bss", BSS, 0xFFFFFFFF, size=2)]), "damaged"),
    "overlap": (replace(HAIKU, sections=[TEXT_PART, replace(DATA_PART, address=0x20000F)]), "overlap"),
    "section beyond the file": (replace(HAIKU, sections=[replace(TEXT_PART, offset=0xFFFFFFF0)]), "cut off"),
    "entry is code": (replace(HAIKU, entry=0x200000), "no function descriptor"),
    "entry outside": (replace(HAIKU, entry=0xFFFFFFFF), "0xffffffff.*no function descriptor"),
    "entry in bss": (replace(HAIKU, entry=0x203000), "no function descriptor"),
    "descriptor half outside": (replace(HAIKU, entry=0x202008), "no function descriptor"),
    "code unaligned": (
        Xcoff(0x500000, [replace(TEXT_ONLY, data=struct.pack(">3I", 0x50000E, 0, 0) + CODE)]),
        "descriptor",
    ),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused_and_why(content: bytes | Xcoff, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        read(content)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read() -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(UsageError, match="Input/output error"):
        read_xcoff(Failing(GOOD))


def survives(content: bytes) -> None:
    try:
        program = read(content)
    except UsageError as error:
        assert "\n" not in str(error)
        return
    for segment in program.segments:
        assert segment.file_size <= segment.memory_size
        assert segment.file_offset + segment.file_size <= len(content)


@given(
    changes=st.lists(
        st.tuples(st.integers(2, 0x120), st.sampled_from([1, 2, 4]), st.integers(0, (1 << 32) - 1)), max_size=6
    ),
    end=st.one_of(st.none(), st.integers(0, 0x120)),
)
@example(changes=[(2, 2, 0xFFFF)], end=None)
@example(changes=[(16, 2, 0xFFFF)], end=None)
def test_mutilated_files_are_refused_or_read_and_nothing_else(
    changes: list[tuple[int, int, int]], end: int | None
) -> None:
    content = bytearray(GOOD)
    for offset, width, value in changes:
        content[offset : offset + width] = (value % (1 << (8 * width))).to_bytes(width, "big")
    survives(bytes(content[:end]))


@given(st.binary(max_size=300))
def test_rubbish_is_refused(rubbish: bytes) -> None:
    survives(b"\x01\xdf" + rubbish)


def test_what_objcopy_writes(tmp_path: Path) -> None:
    """With the one field that hack-coff puts right behind it."""
    source = ".globl _start, entry\n_start: nop\nb .\n.data\nentry: .long _start, 0x1234, 0\n.bss\n.space 64\n"
    made, linked, copied = tmp_path / "a.o", tmp_path / "a.elf", tmp_path / "a.xcf"
    subprocess.run(["powerpc-linux-gnu-as", "-a32", "-o", made, "-"], input=source.encode(), check=True)
    addresses = ["-Ttext", "0x100000", "-Tdata", "0x102000", "--no-warn-rwx-segments"]
    subprocess.run(["powerpc-linux-gnu-ld", *addresses, "-e", "entry", "-o", linked, made], check=True)
    subprocess.run(["powerpc-linux-gnu-objcopy", "-O", "aixcoff-rs6000", linked, copied], check=True)
    content = bytearray(copied.read_bytes())
    with pytest.raises(UsageError, match="hack-coff"):
        read(bytes(content))
    content[20:22] = b"\x01\x0b"
    program = read(bytes(content))
    assert (program.entry, program.toc) == (0x100000, 0x1234)
    assert [one.address for one in program.segments] == [0x100000, 0x102000, 0x10200C]
    assert [one.memory_size - one.file_size for one in program.segments] == [0, 0, 64]
