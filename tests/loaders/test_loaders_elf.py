"""Reading ELF client programs, good, bad and mutilated."""

from __future__ import annotations

import gzip
import io
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from elf_files import CODE, EM_PPC, ET_CORE, ET_DYN, ET_REL, GRUB, PT_NOTE, Elf, Part, note
from hypothesis import example, given
from hypothesis import strategies as st

from vof.errors import UsageError
from vof.loaders import ChrpNote, Program, RpaNote, Segment, SegmentFlags, read_elf

KERNEL = 0xC << 60
RWX = SegmentFlags.READ | SegmentFlags.WRITE | SegmentFlags.EXECUTE


def read(elf: Elf | bytes) -> Program:
    return read_elf(io.BytesIO(elf if isinstance(elf, bytes) else elf.build()))


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("endian", ["big", "little"])
def test_a_program(bits: int, endian: str) -> None:
    program = read(Elf(bits, endian, 0x200004, [Part(CODE, 0x200000, 0x200000, 0x5000)]))
    assert (program.bits, program.endian, program.entry, program.toc) == (bits, endian, 0x200004, 0)
    assert program.segments == (Segment(0x200000, 0x200000, 0x200, 16, 0x5000, RWX),)
    assert not program.movable
    assert (program.chrp, program.rpa) == (None, None)


LINUX = Elf(64, "little", KERNEL, [Part(CODE, KERNEL, 0, 0x9000)], flags=2)

ENTRIES: dict[str, tuple[Elf, int, int, bool]] = {
    # entry, r2, movable
    "vmlinux: virtual entry, physical segments": (LINUX, 0, 0, True),
    "vmlinux, big-endian: no descriptor though its ABI has them": (replace(LINUX, endian="big", flags=1), 0, 0, True),
    "vmlinux, relocatable": (replace(LINUX, type=ET_DYN), 0, 0, True),
    "old vmlinux: physical addresses are virtual ones": (
        Elf(64, "big", KERNEL + 8, [Part(CODE, KERNEL, KERNEL)]),
        8,
        0,
        True,
    ),
    "vmlinux of 32 bits": (Elf(32, "big", 0xC000000C, [Part(CODE, 0xC0000000, 0)]), 12, 0, True),
    "zImage, position-independent": (Elf(64, "little", 4, [Part(CODE, 0, 0)], type=ET_DYN, flags=2), 4, 0, True),
    "function descriptor": (
        Elf(
            64,
            "big",
            0x20000,
            [
                Part(CODE, 0x10000, 0x10000, flags=5),
                Part(struct.pack(">3Q", 0x10008, 0x28000, 0), 0x20000, 0x20000, flags=6),
            ],
        ),
        0x10008,
        0x28000,
        False,
    ),
    "function descriptor among code": (
        Elf(64, "big", 0x10010, [Part(CODE + struct.pack(">3Q", 0x10004, 0x18000, 0), 0x10000, 0x10000)]),
        0x10004,
        0x18000,
        False,
    ),
    "physical addresses left blank": (
        Elf(32, "big", 0x3000, [Part(CODE, 0x1000, 0), Part(CODE, 0x3000, 0)]),
        0x3000,
        0,
        False,
    ),
}


@pytest.mark.parametrize(("elf", "entry", "toc", "movable"), ENTRIES.values(), ids=ENTRIES.keys())
def test_where_a_program_begins(elf: Elf, entry: int, toc: int, movable: bool) -> None:
    program = read(elf)
    assert (program.entry, program.toc, program.movable) == (entry, toc, movable)


def test_segments_are_in_order_and_those_of_no_size_left_out() -> None:
    elf = replace(GRUB, parts=[Part(b"data", 0x300000, 0x300000), Part(b""), *GRUB.parts, Part(b"", 9, 9, 0)])
    assert [segment.address for segment in read(elf).segments] == [0x200000, 0x300000]


def test_a_segment_of_zeroes_may_point_anywhere_in_the_file() -> None:
    elf = replace(GRUB, parts=[*GRUB.parts, Part(b"", 0x300000, 0x300000, 0x1000, offset=0x7FFFFFFF)])
    assert read(elf).segments[1].memory_size == 0x1000


ALL = 0xFFFFFFFF
CHRP_WORDS = (ALL, 0xC00000, ALL, ALL, ALL, 0x4000)
CHRP = ChrpNote(True, 0xC00000, None, None, None, 0x4000)
RPA_WORDS = (1, 64, 0, 40, 1, ALL, 0, 1)
RPA = RpaNote(1, 64, 0, 40, 1, None, 0, 1)
chrp_note = note(b"PowerPC", 0x1275, CHRP_WORDS)
rpa_note = note(b"IBM,RPA-Client-Config", 0x12759999, RPA_WORDS)

NOTES: dict[str, tuple[bytes, ChrpNote | None, RpaNote | None]] = {
    "zImage": (chrp_note + rpa_note, CHRP, RPA),
    "GRUB: the size is that of the whole note": (note(b"PowerPC", 0x1275, CHRP_WORDS, size=44), CHRP, None),
    "the same, and another note after it": (note(b"PowerPC", 0x1275, CHRP_WORDS, size=44) + rpa_note, CHRP, RPA),
    "OpenBSD: five words": (note(b"PowerPC", 0x1275, (0, *[ALL] * 4)), ChrpNote(False), None),
    "after others": (note(b"GNU", 3, (1, 2, 3)) + note(b"PowerPC", 1, (1,)) + chrp_note, CHRP, None),
    "a size beyond the segment": (note(b"PowerPC", 0x1275, CHRP_WORDS, size=ALL), CHRP, None),
    "cut off": (chrp_note[:30], ChrpNote(True, 0xC00000), None),
    "no words": (note(b"PowerPC", 0x1275, ()), None, None),
    "a name beyond the segment": (struct.pack(">3I", ALL, 4, 0x1275) + b"PowerPC\0", None, None),
    "nothing": (b"", None, None),
    "rubbish": (b"\xff" * 50, None, None),
    "more words than known": (note(b"PowerPC", 0x1275, (*CHRP_WORDS, 7, 8)), CHRP, None),
}


@pytest.mark.parametrize(("data", "chrp", "rpa"), NOTES.values(), ids=NOTES.keys())
def test_notes(data: bytes, chrp: ChrpNote | None, rpa: RpaNote | None) -> None:
    program = read(replace(GRUB, parts=[*GRUB.parts, Part(data, type=PT_NOTE)]))
    assert (program.chrp, program.rpa) == (chrp, rpa)


@pytest.mark.parametrize("order", ["<", ">"])
def test_notes_of_little_endian_programs_have_either_order(order: str) -> None:
    data = note(b"PowerPC", 0x1275, CHRP_WORDS, order=order) + note(b"GNU", 1, (1,), order="<")
    data += note(b"IBM,RPA-Client-Config", 0x12759999, RPA_WORDS, order=order)
    program = read(replace(GRUB, endian="little", parts=[*GRUB.parts, Part(data, type=PT_NOTE)]))
    assert (program.chrp, program.rpa) == (CHRP, RPA)


def test_a_note_segment_outside_the_file_says_nothing() -> None:
    parts = [*replace(GRUB).parts, Part(chrp_note, type=PT_NOTE, offset=(1 << 64) - 8)]
    assert read(replace(GRUB, bits=64, parts=parts)).chrp is None


GOOD = GRUB.build()
(PART,) = GRUB.parts
REFUSED: dict[str, tuple[bytes | Elf, str]] = {
    "empty": (b"", "empty"),
    "gzip": (gzip.compress(GOOD), "gzip.*unpack"),
    "xz": (b"\xfd7zXZ\0" + bytes(40), "xz.*unpack"),
    "XCOFF": (b"\x01\xdf" + bytes(40), "XCOFF"),
    "boot script": (b"<chrp-boot>\n", "CHRP boot script"),
    "shell script": (b"#!/bin/sh\n", "script"),
    "text": (b"vmlinux\n", "not ELF.*76 6d 6c 69"),
    "one byte": (b"\x7f", "cut off"),
    "magic only": (b"\x7fELF", "cut off"),
    "header only": (GOOD[:51], "cut off"),
    "header without the program headers": (GOOD[:52], "cut off"),
    "half": (GOOD[:0x208], "cut off"),
    "class": (b"\x7fELF\x03" + GOOD[5:], "damaged"),
    "byte order": (b"\x7fELF\x01\x00" + GOOD[6:], "damaged"),
    "x86-64": (Elf(64, "little", parts=[PART], machine=62), "another machine.*x86-64"),
    "AArch64": (Elf(64, "little", parts=[PART], machine=183), "another machine.*aarch64"),
    "an unknown machine": (replace(GRUB, machine=0xFEED), "another machine.*65261"),
    "32-bit machine in a 64-bit file": (replace(GRUB, bits=64, machine=EM_PPC), "elf32ppc or elf64ppc"),
    "object": (replace(GRUB, type=ET_REL), r"\.o.*link"),
    "core dump": (replace(GRUB, type=ET_CORE), "neither an executable"),
    "an unknown type": (replace(GRUB, type=0x1234), "neither an executable"),
    "no program headers": (replace(GRUB, parts=[]), "no program headers"),
    "nothing to load": (replace(GRUB, parts=[replace(PART, type=6)]), "nothing to load"),
    "only empty segments": (replace(GRUB, parts=[Part(b"")]), "nothing to load"),
    "too many program headers": (replace(GRUB, parts=[PART] * 300), "300 program headers"),
    "program headers too small": (replace(GRUB, header_step=31), "damaged.*31 bytes"),
    "segment beyond the file": (replace(GRUB, parts=[replace(PART, offset=0xFFFFFFFF)]), "cut off.*byte 528"),
    "more in the file than in memory": (replace(GRUB, parts=[replace(PART, memory_size=8)]), "damaged"),
    "address wraps": (replace(GRUB, parts=[replace(PART, virtual=0xFFFFFFF8, physical=0xFFFFFFF8)]), "damaged"),
    "overlapping segments": (replace(GRUB, parts=[PART, replace(PART, physical=0x204FFF)]), "overlap"),
    "entry outside": (replace(GRUB, entry=0x205000), "entry 0x205000.*ld -e"),
    "entry in what the file doesn't hold": (replace(GRUB, entry=0x204000), "no code"),
    "entry in data": (replace(GRUB, parts=[replace(PART, flags=6)]), "no code"),
    "shared library": (Elf(parts=[Part(CODE * 90, offset=0)], type=ET_DYN), "shared library"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused_and_why(content: bytes | Elf, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        read(content)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read() -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(UsageError, match="Input/output error"):
        read_elf(Failing(GOOD))


def survives(content: bytes) -> None:
    try:
        program = read(content)
    except UsageError as error:
        assert str(error)
        assert "\n" not in str(error)
        return
    for segment in program.segments:
        assert segment.file_size <= segment.memory_size
        assert segment.file_offset + segment.file_size <= len(content) or not segment.file_size


SEEDS = [
    replace(GRUB, parts=[PART, Part(chrp_note + rpa_note, type=PT_NOTE)]).build(),
    replace(LINUX, parts=[*LINUX.parts, Part(chrp_note + rpa_note, type=PT_NOTE)]).build(),
    ENTRIES["function descriptor"][0].build(),
]


@given(
    seed=st.sampled_from(SEEDS),
    changes=st.lists(
        st.tuples(st.integers(4, 0x280), st.sampled_from([1, 2, 4, 8]), st.integers(0, (1 << 64) - 1)),
        min_size=1,
        max_size=6,
    ),
    end=st.one_of(st.none(), st.integers(0, 0x300)),
)
@example(seed=SEEDS[1], changes=[(0x20, 8, (1 << 64) - 1)], end=None)
@example(seed=SEEDS[1], changes=[(0x38, 2, 0xFFFF)], end=None)
def test_mutilated_files_are_refused_or_read_and_nothing_else(
    seed: bytes, changes: list[tuple[int, int, int]], end: int | None
) -> None:
    content = bytearray(seed)
    for offset, width, value in changes:
        content[offset : offset + width] = (value % (1 << (8 * width))).to_bytes(width, "little")
    survives(bytes(content[:end]))


@given(st.binary(max_size=300), st.sampled_from([b"", b"\x7fELF", SEEDS[0][:7], SEEDS[1][:7], SEEDS[0][:20]]))
def test_rubbish_is_refused(rubbish: bytes, start: bytes) -> None:
    survives(start + rubbish)


@pytest.mark.parametrize(
    ("emulation", "bits", "endian"),
    [("elf32ppclinux", 32, "big"), ("elf64ppc", 64, "big"), ("elf64lppc", 64, "little")],
)
def test_what_binutils_links(tmp_path: Path, emulation: str, bits: int, endian: str) -> None:
    source, linked = tmp_path / "a.s", tmp_path / "a.elf"
    described = emulation == "elf64ppc"  # whose entry is a function descriptor
    start = '.start:\n.section ".opd","aw"\n_start: .quad .start,8,0\n' if described else "_start:\n"
    source.write_text(f".text\n.globl _start\nnop\n{start}.text\nb .\n.section .bss\n.space 0x1234\n")
    assembler = ["powerpc-linux-gnu-as", f"-a{bits}", f"-m{endian}", "-o", str(tmp_path / "a.o"), str(source)]
    subprocess.run(assembler, check=True)
    command = ["powerpc-linux-gnu-ld", "-m", emulation, "-Ttext", "0x200000", "-o", str(linked), str(tmp_path / "a.o")]
    subprocess.run(command, check=True)
    with linked.open("rb") as file:
        program = read_elf(file)
    assert (program.bits, program.endian, program.entry) == (bits, endian, 0x200004)
    assert program.toc == (8 if described else 0)
    with (tmp_path / "a.o").open("rb") as file, pytest.raises(UsageError, match=r"\.o"):
        read_elf(file)
