"""The claim map as real client programs use it, and as hostile ones do."""

from __future__ import annotations

import time

import pytest

from vof.errors import GuestFault
from vof.memory import ClaimMap

MIB = 1 << 20
RAM = 512 * MIB

FAILS = None
Step = tuple[str, int, int, int, int | None]

CLIENTS: dict[str, list[Step]] = {
    # what, address, size, align, result
    "Linux: steps of 1 MiB over what is taken, then growth exactly where the first claim ended": [
        ("claim", 0x400000, 0x287C918, 0, 0x400000),  # the kernel, by the loader
        ("claim", 0x2C80000, 0x100000, 0, 0x2C80000),
        ("claim", 0x2D80000, 0x100000, 0, 0x2D80000),
        ("claim", 0x2000000, 0x100000, 0, FAILS),
        ("claim", 0x2C7C000, 0x1000, 0, FAILS),
        ("claim", 0x2FFFC000, 0x4000, 0, FAILS),  # RTAS from the top of 768 MiB, of which there are 512
        ("claim", 0x1FFFC000, 0x4000, 0, 0x1FFFC000),
    ],
    "zImage: claims what it is loaded at and ignores that it fails": [
        ("claim", 0x400000, 0x300000, 0, 0x400000),
        ("claim", 0x400000, 0x280000, 0, FAILS),
        ("claim", 0x1400000, 0x900000, 0, 0x1400000),
    ],
    "GRUB: a claim of length - 1, then the byte that is left": [
        ("claim", 0x200000, 0x53FFF, 0, 0x200000),
        ("claim", 0x253FFF, 1, 0, 0x253FFF),
        ("claim", 0x253FFE, 2, 0, FAILS),
        ("claim", 0x180000, 0x7FFFF, 0, 0x180000),
        ("release", 0x180000, 0x7FFFF, 0, 0),
        ("claim", 0x180000, 0x80000, 0, 0x180000),
    ],
    "yaboot: from 256 MiB down in steps of 256 KiB, the kernel from 0 up": [
        ("claim", 0x10000000, 0x100000, 0, 0x10000000),
        ("claim", 0x10000000 - 0x40000, 0x100000, 0, FAILS),
        ("claim", 0x10000000 - 0x100000, 0x100000, 0, 0x10000000 - 0x100000),
        ("claim", 0x100000, 0x60000, 0, 0x100000),  # itself
        ("claim", 0, 0x900000, 0, FAILS),
        ("claim", 0x40000, 0x900000, 0, FAILS),
        ("claim", 0x180000, 0x900000, 0, 0x180000),
        ("claim", 0, 0x100000, 0, 0),
    ],
    "FreeBSD and NetBSD: a heap anywhere, on pages; clear of the kernel that NetBSD doesn't claim": [
        ("claim", 0, 0x20000, 4096, 32 * MIB),
        ("claim", 0, 0x1001, 4096, 32 * MIB + 0x20000),
        ("claim", 0, 0x1000, 4096, 32 * MIB + 0x22000),
    ],
    "OpenBSD: gives back the end of a claim": [
        ("claim", 0x100000, 0xC00000, 0, 0x100000),
        ("release", 0x734000, 0x5CC000, 0, 0),
        ("claim", 0x734000, 0x5CC000, 0, 0x734000),
        ("claim", 0x733000, 0x1000, 0, FAILS),
    ],
    "OpenBSD, whose claim failed: gives back more than it has": [
        ("claim", 0x200000, 0x100000, 0, 0x200000),
        ("claim", 0x100000, 0xC00000, 0, FAILS),
        ("release", 0x280000, 0xA80000, 0, 0),
        ("claim", 0x280000, 0xA80000, 0, 0x280000),
    ],
    "Haiku: as aligned as it is large": [
        ("claim", 0, 0x400000, 0x400000, 32 * MIB),
        ("claim", 0, 0x1000000, 0x1000000, 48 * MIB),
        ("claim", 0, 0x400000, 0x400000, 36 * MIB),
    ],
    "BootX: three large claims next to each other": [
        ("claim", 0x1C00000, 0x100000, 0, 0x1C00000),
        ("claim", 0x1D00000, 0x100000, 0, 0x1D00000),
        ("claim", 0x1400000, 0x800000, 0, 0x1400000),
        ("claim", 0x4000, 0x13FC000, 0, 0x4000),
    ],
    "release in the middle, of several at once, and of nothing": [
        ("claim", 0x1000, 0x3000, 0, 0x1000),
        ("release", 0x2000, 0x1000, 0, 0),
        ("claim", 0x2000, 0x1001, 0, FAILS),
        ("release", 0, 0x10000, 0, 0),
        ("claim", 0, 0x10000, 0, 0),
        ("release", 0x20000, 0x10000, 0, FAILS),
    ],
    "an alignment that is no power of two is rounded up to one": [
        ("claim", 0, 1, 1, 32 * MIB),
        ("claim", 0, 1, 3, 32 * MIB + 4),
        ("claim", 0, 1, 0x3000, 32 * MIB + 0x4000),
    ],
}


@pytest.mark.parametrize("steps", CLIENTS.values(), ids=CLIENTS.keys())
def test_a_client(steps: list[Step]) -> None:
    claims = ClaimMap(RAM)
    for what, address, size, align, result in steps:
        before = claims.free()
        got = 0
        try:
            if what == "claim":
                got = claims.claim(address, size, align)
            else:
                claims.release(address, size)
        except GuestFault as fault:
            assert result is FAILS, f"{what} {address:#x}: {fault}"
            assert claims.free() == before
        else:
            assert got == result, f"{what} {address:#x}"


@pytest.mark.parametrize(
    ("address", "size", "align"),
    [
        (0, 0, 0),
        (0, 0, 4096),
        (0, -1, 0),
        (0, RAM + 1, 0),
        (0, RAM + 1, 4096),
        (0, 0xFFFFFFFF, 1),
        (RAM, 1, 0),
        (RAM - 1, 2, 0),
        (0xFFFFF000, 0x2000, 0),
        (0xFFFFFFFF, 1, 0),
        (-4096, 4096, 0),
        (0, 4096, -1),
        (0, 1, RAM),
        (0, 1, 0xFFFFFFFF),
        (0, 1, 1 << 64),
        (1 << 64, 1, 0),
    ],
)
def test_claims_that_cannot_be(address: int, size: int, align: int) -> None:
    claims = ClaimMap(RAM)
    with pytest.raises(GuestFault) as caught:
        claims.claim(address, size, align)
    assert str(caught.value)
    assert claims.free() == ((0, RAM),)


@pytest.mark.parametrize(("address", "size"), [(0, 0), (0, -1), (-1, 2), (RAM - 1, 2), (0, 1 << 64), (1 << 64, 1)])
def test_releases_that_cannot_be(address: int, size: int) -> None:
    claims = ClaimMap(RAM)
    claims.claim(0, RAM, 0)
    with pytest.raises(GuestFault):
        claims.release(address, size)
    assert claims.total_claimed == RAM


def test_what_is_reserved_can_neither_be_claimed_nor_released() -> None:
    claims = ClaimMap(RAM)
    claims.reserve(0x1000000, 0x1000)
    with pytest.raises(GuestFault):
        claims.claim(0x1000FFF, 1, 0)
    claims.claim(0xFFF000, 0x1000, 0)
    claims.claim(0x1001000, 0x1000, 0)
    assert claims.claimed() == [(0xFFF000, 0x1000), (0x1001000, 0x1000)]
    claims.release(0, RAM)
    assert claims.free() == ((0, 0x1000000), (0x1001000, RAM - 0x1001000))
    assert claims.reserved() == [(0x1000000, 0x1000)]
    assert claims.total_claimed == 0
    with pytest.raises(GuestFault):
        claims.release(0x1000000, 0x1000)
    with pytest.raises(GuestFault):
        claims.reserve(0x1000800, 0x1000)


def test_the_ceiling_bounds_claims_but_memory_above_it_is_free() -> None:
    claims = ClaimMap(8 << 30)
    with pytest.raises(GuestFault):
        claims.claim((4 << 30) - 1, 2, 0)
    assert claims.claim((4 << 30) - 1, 1, 0) == (4 << 30) - 1
    assert claims.claim(0, (4 << 30) - 32 * MIB - 1, 1) == 32 * MIB
    assert claims.claim(0, MIB, 4096) == 0x4000
    assert claims.free([(4 << 30, 4 << 30)]) == ((4 << 30, 4 << 30),)


def test_little_memory_is_searched_from_the_vectors_up() -> None:
    claims = ClaimMap(32 * MIB)
    assert claims.claim(0, 0x1000, 0x1000) == 0x4000
    with pytest.raises(GuestFault):
        ClaimMap(0x4000).claim(0, 1, 1)


def test_no_memory_at_all() -> None:
    claims = ClaimMap(0)
    assert claims.free() == ()
    for align in (0, 1):
        with pytest.raises(GuestFault):
            claims.claim(0, 1, align)


def test_changes_are_counted() -> None:
    claims = ClaimMap(RAM)
    counts = [claims.changes]
    for act in (lambda: claims.claim(0, 1, 0), lambda: claims.release(0, 1), lambda: claims.reserve(0, 1)):
        act()
        counts.append(claims.changes)
    assert counts == sorted(set(counts))
    assert claims.free() is claims.free()


def test_a_client_that_claims_a_byte_on_each_page_makes_nothing_slow_and_is_stopped() -> None:
    claims = ClaimMap(RAM)
    base, step = 32 * MIB, 0x1001
    for index in range(ClaimMap.EXTENTS_LIMIT - 2):
        claims.claim(base + index * step, 1, 0)
    # All gaps have 4096 bytes, and few begin on a page: the search for a tight fit must give up, not go through all.
    started = time.perf_counter()
    for _ in range(50):
        got = claims.claim(0, 0x1000, 0x1000)
        assert got % 0x1000 == 0
        claims.release(got, 0x1000)
        with pytest.raises(GuestFault):
            claims.claim(0, RAM // 2, 0x1000)
    assert time.perf_counter() - started < 1
    claims.claim(0x1000, 1, 0)
    with pytest.raises(GuestFault, match="65536 pieces"):
        claims.claim(0x3000, 1, 0)
    assert claims.claim(base + 1, 0x1000, 0), "what needs no further piece is still allowed"
    claims.release(0, RAM)
    assert claims.free() == ((0, RAM),)
