"""What is in PReP partitions."""

from __future__ import annotations

import io
import struct
import subprocess
from pathlib import Path

import pytest
from elf_files import CODE, GRUB
from hypothesis import given
from hypothesis import strategies as st
from xcoff_files import HAIKU

from vof.errors import UsageError
from vof.loaders import Program, load, place, read_elf, read_prep, read_program

CORE = Path.home() / ".cache/vof/guests/grub/core.elf"
MIB = 1 << 20


def image(entry: int = 0x400, length: int = 0x410, code: bytes = CODE) -> bytes:
    """As Linux's mkprep makes them."""
    first = bytes(446) + bytes([0x80, 0, 2, 0, 0x41, 1, 18, 0]).ljust(64, b"\0") + b"\x55\xaa"
    return first + struct.pack("<2I", entry, length).ljust(512, b"\0") + code


def read(partition: bytes, size: int | None = None) -> Program:
    return read_prep(io.BytesIO(partition), len(partition) if size is None else size)


def test_a_boot_image_goes_where_the_firmware_likes() -> None:
    partition = image() + bytes(0x1000)
    program = read(partition)
    assert (program.kind, program.bits, program.endian, program.entry, program.movable) == (
        "prep",
        32,
        "big",
        0x400,
        True,
    )
    placement = place(program, 0x4000)
    assert (placement.start, placement.end, placement.entry, placement.toc) == (0x4000, 0x4410, 0x4400, 0)
    memory = bytearray(b"\xee") * 0x5000
    load(placement, io.BytesIO(partition), memory)
    assert memory[0x4000:0x4410] == image()
    assert memory[0x4410] == 0xEE


def test_the_header_is_believed_in_a_prep_partition_only() -> None:
    with pytest.raises(UsageError, match="not ELF"):
        read_program(io.BytesIO(image()))


@pytest.mark.parametrize(("content", "kind"), [(GRUB.build(), "elf"), (HAIKU.build(), "xcoff")])
def test_other_programs_may_be_there_as_they_are(content: bytes, kind: str) -> None:
    program = read(content + bytes(MIB))
    assert program.kind == kind
    assert program == read_program(io.BytesIO(content))


@pytest.mark.guest  # it wants what `make guests` makes
def test_grub() -> None:
    content = CORE.read_bytes()
    assert read(content.ljust(8 * MIB, b"\0")) == read_elf(io.BytesIO(content))


def test_binutils_see_the_same_header(tmp_path: Path) -> None:
    path = tmp_path / "boot.img"
    path.write_bytes(image(0x404))
    seen = subprocess.run(
        ["powerpc-linux-gnu-objdump", "-b", "ppcboot", "-p", path], capture_output=True, text=True, check=True
    ).stdout
    program = read(path.read_bytes())
    assert f"Entry offset        = {program.entry:#010x}" in seen
    assert f"Length              = {program.segments[0].file_size:#010x}" in seen


REFUSED = {
    "nothing": (b"", None, "too small"),
    "one block": (image()[:512], None, "too small"),
    "only zeroes": (bytes(4096), None, "empty"),
    "another boot block": (image(0, 0), None, "neither ELF nor"),
    "entry in the header": (image(0x204), None, "entry 0x204"),
    "entry unaligned": (image(0x401), None, "entry 0x401"),
    "entry beyond the end": (image(0x410), None, "entry 0x410"),
    "longer than the partition": (image(length=0x1000), None, "0x1000 bytes.*0x410 can"),
    "too long": (image(length=0xFFFFFFFF), 1 << 40, "0x2000000 can"),
    "damaged ELF": (b"\x7fELF" + bytes(1000), None, "damaged"),
}


@pytest.mark.parametrize(("partition", "size", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused_and_why(partition: bytes, size: int | None, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        read(partition, size)
    assert "\n" not in str(caught.value)


def test_a_partition_that_cannot_be_read() -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(UsageError, match="Input/output error"):
        read_prep(Failing(image()), 1000)


@given(st.binary(max_size=600), st.integers(0, 1 << 33), st.binary(max_size=16))
def test_rubbish_is_refused_or_read(start: bytes, size: int, header: bytes) -> None:
    try:
        program = read(start + bytes(max(0, 512 - len(start))) + header, size)
    except UsageError as error:
        assert "\n" not in str(error)
    else:
        assert program.segments[0].file_size <= size
