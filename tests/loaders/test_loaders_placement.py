"""Where programs go, and that they get there."""

from __future__ import annotations

import io
import mmap
from dataclasses import replace
from pathlib import Path

import pytest
from elf_files import CODE, ET_DYN, GRUB, Elf, Part

from vof.errors import UsageError
from vof.loaders import Placement, load, place, read_elf

MIB = 1 << 20
BASE = 0x400000
KERNEL = 0xC << 60
TWO = Elf(entry=0x1000, parts=[Part(CODE, 0x1000, 0x1000, 0x40), Part(b"data", 0x2000, 0x2000, 0x204)])
LINUX = Elf(64, "little", KERNEL, [Part(CODE, KERNEL, 0, 40 * MIB)], flags=2)


def placed(
    elf: Elf, load_base: int = 0, limit: int = 256 * MIB, reserved: tuple[tuple[int, int], ...] = ()
) -> Placement:
    return place(read_elf(io.BytesIO(elf.build())), load_base, limit=limit, reserved=reserved)


@pytest.mark.parametrize(
    ("elf", "start", "entry"),
    [
        (GRUB, 0x200000, 0x200000),
        (LINUX, BASE, BASE),
        (replace(LINUX, parts=[replace(LINUX.parts[0], physical=KERNEL)]), BASE, BASE),
        (Elf(32, "big", 0xC000000C, [Part(CODE, 0xC0000000, 0)]), BASE, BASE + 12),
        (Elf(64, "little", 4, [Part(CODE)], type=ET_DYN, flags=2), BASE, BASE + 4),
        (Elf(32, "big", 4, [Part(CODE)]), 0, 4),
        (Elf(64, "big", KERNEL + MIB, [Part(CODE, KERNEL + MIB, MIB)]), MIB, MIB),
    ],
    ids=[
        "GRUB stays",
        "vmlinux moves up from 0",
        "so does an old one",
        "and one of 32 bits",
        "and a zImage that is position-independent",
        "a program that must be at 0 stays",
        "a kernel that is linked to another address stays",
    ],
)
def test_where_it_goes(elf: Elf, start: int, entry: int) -> None:
    placement = placed(elf, BASE)
    assert (placement.start, placement.entry) == (start, entry)
    assert placement.program == read_elf(io.BytesIO(elf.build()))


def test_it_spans_all_segments() -> None:
    placement = placed(TWO)
    assert (placement.start, placement.end) == (0x1000, 0x2204)


def test_too_little_memory() -> None:
    assert placed(LINUX, BASE, 44 * MIB).end == 44 * MIB
    with pytest.raises(UsageError, match=r"up to 44 MiB and may use 43 MiB: -m 64M would do"):
        placed(LINUX, BASE, 44 * MIB - 1)


def test_above_4_gib() -> None:
    high = (4 << 30) - 8
    with pytest.raises(UsageError, match="link it below 4 GiB"):
        placed(Elf(64, "big", high, [Part(CODE, high, high)]), 0, 8 << 30)


@pytest.mark.parametrize(
    ("reserved", "clear"),
    [
        ((0x1000, 1), False),
        ((0xFFF, 1), True),
        ((0x103F, 0x100), False),
        ((0x1040, 0xFC0), True),
        ((0x1040, 0xFC1), False),
        ((0, 0x10000), False),
        ((0x1010, 0), True),
    ],
)
def test_clear_of_what_is_reserved(reserved: tuple[int, int], clear: bool) -> None:
    if clear:
        placed(TWO, reserved=(reserved,))
    else:
        with pytest.raises(UsageError, match="is the firmware's"):
            placed(TWO, reserved=(reserved,))


@pytest.mark.parametrize("fresh", [False, True])
def test_it_gets_there(fresh: bool) -> None:
    memory = bytearray((b"\0" if fresh else b"\xff") * 0x3000)
    expected = memory[:]
    expected[0x1000:0x1040] = CODE.ljust(0x40, b"\0")
    expected[0x2000:0x2204] = b"data".ljust(0x204, b"\0")
    assert load(placed(TWO), io.BytesIO(TWO.build()), memory, fresh=fresh) == (0x1000, 0x1204)
    assert memory == expected


def test_much_is_zeroed() -> None:
    size = 5 * MIB + 3
    elf = replace(TWO, parts=[Part(CODE, 0x1000, 0x1000, size)])
    memory = bytearray(b"\xff" * (6 * MIB))
    load(placed(elf), io.BytesIO(elf.build()), memory)
    assert memory[0x1000 : 0x1001 + size] == CODE + bytes(size - len(CODE)) + b"\xff"


def test_shared_memory_can_be_closed_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_bytes(TWO.build())
    with mmap.mmap(-1, 0x3000) as memory, path.open("rb", buffering=0) as file:
        load(placed(TWO), file, memory)
        assert memory[0x1000:0x1010] == CODE


def test_nothing_is_written_if_memory_is_too_small() -> None:
    memory = bytearray(0x2203)
    with pytest.raises(UsageError, match="memory at 0x2203"):
        load(placed(TWO), io.BytesIO(TWO.build()), memory)
    assert not any(memory)


def test_a_file_that_was_cut_meanwhile() -> None:
    with pytest.raises(UsageError, match="2 bytes early"):
        load(placed(TWO), io.BytesIO(TWO.build()[:-2]), bytearray(0x3000))


def test_a_file_that_gives_a_byte_at_a_time() -> None:
    class Slow(io.BytesIO):
        def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
            return super().readinto(buffer[:1])

    memory = bytearray(0x3000)
    load(placed(TWO), Slow(TWO.build()), memory)
    assert memory[0x1000:0x1010] == CODE
