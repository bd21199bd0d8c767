"""Programs whose file is in guest memory already."""

from __future__ import annotations

import io
import random
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
from elf_files import CODE, GRUB, Elf, Part
from hypothesis import given
from hypothesis import strategies as st
from xcoff_files import HAIKU

from vof.errors import MemoryFault, UsageError
from vof.loaders import Placement, init_program, load, place, read_program
from vof.memory import GuestMemory

MIB = 1 << 20
CORE = Path.home() / ".cache/vof/guests/grub/core.elf"


def started(content: bytes, load_base: int, size: int = 8 * MIB) -> tuple[Placement, bytearray]:
    memory = bytearray(b"\xee") * size
    memory[load_base : load_base + len(content)] = content
    return init_program(GuestMemory(memory), load_base, len(content), limit=size), memory


def check(content: bytes, load_base: int, size: int = 8 * MIB) -> None:
    """What `load` makes of the same file is what is in memory, and around the program nothing has changed."""
    placement, memory = started(content, load_base, size)
    expected = bytearray(b"\xee") * size
    expected[load_base : load_base + len(content)] = content
    file = io.BytesIO(content)
    wanted = place(read_program(file), load_base)
    load(wanted, file, expected)
    assert placement == wanted
    assert memory == expected


@pytest.mark.parametrize("content", [GRUB.build(), HAIKU.build()], ids=["ELF", "XCOFF"])
@pytest.mark.parametrize("load_base", [0x4000, 0x1FFF00, 0x200000, 0x200100, 0x201FF0, 0x204000, 0x600000])
def test_the_file_may_be_where_the_program_goes(content: bytes, load_base: int) -> None:
    check(content, load_base)


def test_a_kernel_slides_down_over_its_own_file() -> None:
    body = random.Random(1).randbytes(3 * MIB + 5)
    content = Elf(64, "little", 0xC << 60, [Part(body, 0xC << 60, 0, 4 * MIB)], flags=2).build()
    check(content, 0x400000, 12 * MIB)
    memory = bytearray(12 * MIB)
    memory[0x400000 : 0x400000 + len(content)] = content
    placement = init_program(GuestMemory(memory), 0x400000, len(content), limit=12 * MIB, kernel_at=0x400300)
    assert placement.entry == 0x400300
    assert memory[0x400300 : 0x400300 + len(body)] == body


@pytest.mark.guest  # it wants what `make guests` makes
def test_grub() -> None:
    content = CORE.read_bytes()
    for load_base in (0x4000, 0x1F0000, 0x200000, 0x210000, 0x400000):
        check(content, load_base)


BASE, STEP = 0x10000, 0x100


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_segments_may_change_places_with_each_other(order: tuple[int, ...]) -> None:
    """The file's pieces are at BASE + 0x200 … and each goes to the place of another one."""
    parts = [
        Part(bytes([index]) * 0x80 + CODE * 8, BASE + 0x200 + STEP * place, BASE + 0x200 + STEP * place)
        for index, place in enumerate(order)
    ]
    content = Elf(entry=BASE + 0x280, parts=parts).build()
    check(content, BASE, MIB)


@given(
    addresses=st.lists(st.integers(0, 0x80), min_size=1, max_size=7, unique=True),
    sizes=st.lists(st.tuples(st.integers(0, 0x10), st.integers(1, 0x10), st.integers(0, 0x70)), min_size=7, max_size=7),
    load_base=st.integers(0, 0x90),
    data=st.binary(min_size=0x80, max_size=0x80),
)
def test_segments_anywhere(
    addresses: list[int], sizes: list[tuple[int, int, int]], load_base: int, data: bytes
) -> None:
    """Segments that share the file's bytes, too."""
    base = 0x10000
    parts = [Part(CODE, 0x8000, 0x8000)]
    for address, (file_size, more, offset) in zip(addresses, sizes, strict=False):
        at = base + 0x20 * address
        size = min(0x20, file_size + more)
        parts.append(Part(data[:file_size], at, at, size, offset=0x200 + offset))
    content = Elf(entry=0x8000, parts=parts).build() + data
    check(content, base + 0x20 * load_base - 0x200, 0x20000)


def test_what_is_nowhere_else_is_kept_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [Part(CODE * 4, BASE + 0x240, BASE + 0x240), Part(CODE * 4, BASE + 0x200, BASE + 0x200)]
    content = Elf(entry=BASE + 0x200, parts=parts).build()
    check(content, BASE, MIB)
    monkeypatch.setattr("vof.loaders.in_memory._SET_ASIDE_LIMIT", 0x3F)
    with pytest.raises(UsageError, match="each other's way"):
        started(content, BASE, MIB)


def test_what_is_refused() -> None:
    content = GRUB.build()
    memory = bytearray(8 * MIB)
    memory[0x4000 : 0x4000 + len(content)] = content
    before = bytes(memory)
    guest = GuestMemory(memory)
    with pytest.raises(UsageError, match="not ELF"):
        init_program(guest, 0x5000, 0x1000, limit=8 * MIB)
    with pytest.raises(UsageError, match="cut off"):
        init_program(guest, 0x4000, len(content) - 1, limit=8 * MIB)
    with pytest.raises(UsageError, match="firmware's"):
        init_program(guest, 0x4000, len(content), limit=8 * MIB, reserved=[(0x204000, 0x1000)])
    with pytest.raises(UsageError, match="may use 2 MiB"):
        init_program(guest, 0x4000, len(content), limit=2 * MIB)
    with pytest.raises(UsageError, match="may use 2 MiB"):
        init_program(GuestMemory(memory, 2 * MIB), 0x4000, len(content), limit=8 * MIB)
    for address, size in ((-1, 64), (8 * MIB, 1), (0x4000, 1 << 64), (0, -1)):
        with pytest.raises(MemoryFault):
            init_program(guest, address, size, limit=8 * MIB)
    assert memory == before


@given(
    st.sampled_from([GRUB.build(), HAIKU.build(), replace(GRUB, bits=64).build()]),
    st.lists(st.tuples(st.integers(0, 0x220), st.integers(0, 255)), max_size=6),
)
def test_mutilated_files_are_refused_or_put_in_place(seed: bytes, changes: list[tuple[int, int]]) -> None:
    content = bytearray(seed)
    for offset, value in changes:
        if offset < len(content):
            content[offset] = value
    memory = bytearray(4 * MIB)
    memory[: len(content)] = content
    try:
        init_program(GuestMemory(memory), 0, len(content), limit=4 * MIB)
    except UsageError as error:
        assert "\n" not in str(error)
