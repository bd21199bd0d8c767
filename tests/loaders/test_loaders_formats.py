"""Programs of whatever format, compressed or not."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest
from elf_files import GRUB
from hypothesis import given
from hypothesis import strategies as st
from xcoff_files import HAIKU

from vof.errors import UsageError
from vof.loaders import load, open_program, place, read_elf, read_program

MIB = 1 << 20
CORE = Path.home() / ".cache/vof/guests/grub/core.elf"
ELF, XCOFF = GRUB.build(), HAIKU.build()


@pytest.mark.parametrize(("content", "kind"), [(ELF, "elf"), (XCOFF, "xcoff")])
@pytest.mark.parametrize("packed", [False, True])
def test_programs(content: bytes, kind: str, packed: bool) -> None:
    file = io.BytesIO(gzip.compress(content) if packed else content)
    opened, program = open_program(file, MIB)
    assert program.kind == kind
    assert (opened is file) != packed
    assert opened.seek(0) == 0
    assert opened.read() == content
    assert read_program(file) == program


def test_members_and_padding() -> None:
    packed = gzip.compress(ELF[:100]) + gzip.compress(b"") + gzip.compress(ELF[100:]) + bytes(1000)
    opened, program = open_program(io.BytesIO(packed), MIB)
    assert program == read_program(io.BytesIO(ELF))
    opened.seek(0)
    assert opened.read() == ELF


def test_a_file_that_gives_a_byte_at_a_time() -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(100, size or 0) if self.tell() < 64 else 1)

    packed = gzip.compress(ELF) * 2
    opened, _ = open_program(Slow(packed), MIB)
    opened.seek(0)
    assert opened.read() == ELF * 2


def test_the_limit_is_exact() -> None:
    packed = gzip.compress(ELF)
    open_program(io.BytesIO(packed), len(ELF))
    with pytest.raises(UsageError, match="more than 0 KiB"):
        open_program(io.BytesIO(packed), len(ELF) - 1)


def test_a_bomb_goes_off_in_a_box() -> None:
    with pytest.raises(UsageError, match="more than 2048 KiB"):
        open_program(io.BytesIO(gzip.compress(bytes(64 * MIB), 1)), 2 * MIB)
    with pytest.raises(UsageError, match="members"):
        open_program(io.BytesIO(gzip.compress(b"") * 20000), MIB)


PACKED = gzip.compress(ELF)
REFUSED = {
    "empty": (b"", "empty"),
    "text": (b"hello", "not ELF"),
    "cut off": (PACKED[:-5], "gzip.*cut off"),
    "magic only": (PACKED[:2], "gzip.*cut off"),
    "damaged": (PACKED[:20] + bytes(20) + PACKED[40:], "gzip.*damaged"),
    "check sum": (PACKED[:-8] + bytes(8), "gzip.*damaged"),
    "twice": (gzip.compress(PACKED), "gzip"),
    "text within": (gzip.compress(b"hello"), "not ELF"),
    "nothing within": (gzip.compress(b""), "empty"),
    "xz": (b"\xfd7zXZ\0" + bytes(40), "xz.*unpack"),
    "64-bit XCOFF": (b"\x01\xf7" + bytes(40), "64-bit XCOFF.*32-bit"),
    "boot script": (b"\r\n<Chrp-Boot>\r\n", "`boot`.*disk"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused_and_why(content: bytes, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        read_program(io.BytesIO(content))
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read() -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(UsageError, match="Input/output error"):
        read_program(Failing(ELF))


@given(
    st.sampled_from([PACKED, gzip.compress(XCOFF)]),
    st.lists(st.tuples(st.integers(2, 200), st.integers(0, 255)), max_size=4),
    st.one_of(st.none(), st.integers(0, 200)),
)
def test_mutilated_files_are_refused_or_read_and_nothing_else(
    seed: bytes, changes: list[tuple[int, int]], end: int | None
) -> None:
    content = bytearray(seed)
    for offset, value in changes:
        if offset < len(content):
            content[offset] = value
    try:
        open_program(io.BytesIO(content[:end]), MIB)
    except UsageError as error:
        assert "\n" not in str(error)


@pytest.mark.guest  # it wants what `make guests` makes
def test_grub_packed_is_loaded_as_it_is_unpacked() -> None:
    content = CORE.read_bytes()
    file, program = open_program(io.BytesIO(gzip.compress(content, 1)), 16 * MIB)
    packed, plain = bytearray(8 * MIB), bytearray(8 * MIB)
    load(place(program), file, packed, fresh=True)
    load(place(read_elf(io.BytesIO(content))), io.BytesIO(content), plain, fresh=True)
    assert packed == plain
    assert any(plain)
