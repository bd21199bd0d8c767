"""Translations: ranges of virtual addresses, and memory through them."""

from __future__ import annotations

import pickle
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vof.errors import GuestFault, MemoryFault
from vof.memory import ClaimMap, GuestMemory, PairedClaims, TranslatedMemory, Translation, Translations

PAGE = 0x1000
PAGES = 24

CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["set", "clear", "modify"]),
        st.integers(0, PAGES - 1),
        st.integers(1, 8),
        st.integers(0, 3),
        st.sampled_from([2, 0x12]),
    ),
    max_size=30,
)


@given(CHANGES)
def test_ranges_are_what_a_table_of_pages_would_be(changes: list[tuple[str, int, int, int, int]]) -> None:
    translations = Translations()
    model: dict[int, tuple[int, int]] = {}
    for what, page, count, shift, mode in changes:
        virt, size = page * PAGE, count * PAGE
        if what == "set":
            translations.set(virt, size, virt + shift * 0x100000, mode)
            model.update({each: (each * PAGE + shift * 0x100000, mode) for each in range(page, page + count)})
        elif what == "clear":
            translations.clear(virt, size)
            for each in range(page, page + count):
                model.pop(each, None)
        else:
            translations.modify(virt, size, mode)
            for each in model.keys() & set(range(page, page + count)):
                model[each] = (model[each][0], mode)
    for page in range(PAGES + 10):
        found = translations.find(page * PAGE + 5)
        where = None if found is None else (found.phys + page * PAGE - found.virt, found.mode)
        assert where == model.get(page)
    assert translations.total == len(model) * PAGE
    assert translations.starts == sorted(each.virt for each in translations)
    ranges = list(translations)
    assert not any(one.goes_on_in(other) for one, other in pairwise(ranges))
    gaps = {
        page
        for start, size in translations.gaps(0, PAGES * PAGE)
        for page in range(start // PAGE, (start + size) // PAGE)
    }
    assert gaps == set(range(PAGES)) - set(model)


def test_ranges_are_counted() -> None:
    translations = Translations()
    for index in range(Translations.LIMIT):
        translations.set(2 * index * PAGE, PAGE, 0, 2)
    before = translations.saved()
    with pytest.raises(GuestFault, match="more than 4096 ranges"):
        translations.set(2 * Translations.LIMIT * PAGE, PAGE, 0, 2)
    assert translations.saved() == before
    translations.clear(0, PAGE)
    translations.set(2 * Translations.LIMIT * PAGE, PAGE, 0, 2)
    translations.restore(before)
    assert (translations.saved(), translations.total) == (before, Translations.LIMIT * PAGE)


def test_a_copy_is_a_copy() -> None:
    translations = Translations()
    translations.set(0, PAGE, PAGE, 2)
    copy = pickle.loads(pickle.dumps(translations))
    assert list(copy) == [Translation(0, PAGE, PAGE, 2)]


SIZE = 0x10000


@pytest.fixture
def physical() -> GuestMemory:
    return GuestMemory(bytearray(SIZE))


@pytest.fixture
def memory(physical: GuestMemory) -> TranslatedMemory:
    """0 … 0x7fff is 1:1; 0x8000 leads to 0xa000, 0x9000 to 0x8000; 0x100000 to the last page, and to beyond."""
    translations = Translations()
    translations.set(0, 0x8000, 0, 2)
    translations.set(0x8000, PAGE, 0xA000, 2)
    translations.set(0x9000, PAGE, 0x8000, 2)
    translations.set(0x100000, 2 * PAGE, SIZE - PAGE, 2)
    return TranslatedMemory(physical, translations)


@pytest.mark.parametrize(
    ("address", "pieces"),
    [
        (0x1000, [(0x1000, 16)]),
        (0x7FF9, [(0x7FF9, 7), (0xA000, 9)]),
        (0x8FFC, [(0xAFFC, 4), (0x8000, 12)]),
        (0x9FF0, [(0x8FF0, 16)]),
        (0x100FF0, [(0xFFF0, 16)]),
    ],
)
def test_data_goes_where_the_translations_lead(
    memory: TranslatedMemory, physical: GuestMemory, address: int, pieces: list[tuple[int, int]]
) -> None:
    data = bytes(range(1, 17))
    memory.write(address, data)
    assert b"".join(physical.read(*piece) for piece in pieces) == data
    assert memory.read(address, 16) == data
    assert memory.read_cells(address, 4) == (0x01020304, 0x05060708, 0x090A0B0C, 0x0D0E0F10)
    memory.write_cells(address, [1, -1, 1 << 32, 4])
    assert memory.read_cells(address, 4) == (1, 0xFFFFFFFF, 0, 4)
    memory.write(address, b"fifteen letters\0")
    assert memory.read_string(address, 64) == "fifteen letters"


@pytest.mark.parametrize(
    ("address", "length"),
    [
        (0xA000, 1),  # not mapped
        (0x9FFC, 8),  # mapped at its beginning only
        (0xFFFFC, 8),  # at its end only
        (0x100FFC, 8),  # leads out of memory
        (0x101000, 4),  # leads there at once
        (-4, 8),
        (0, -4),
        (0xFFFFFFFC, 4),
        (1 << 70, 4),
        (0, 0xFFFFFFFC),
    ],
)
def test_what_leads_nowhere_is_a_fault(
    memory: TranslatedMemory, physical: GuestMemory, address: int, length: int
) -> None:
    before = physical.read(0, SIZE)
    with pytest.raises(MemoryFault):
        memory.read(address, length)
    with pytest.raises(MemoryFault):
        memory.read_cells(address, length // 4 or 1)
    if 0 < length < 0x10000:
        with pytest.raises(MemoryFault):
            memory.write(address, b"\xff" * length)
        with pytest.raises(MemoryFault):
            memory.write_cells(address, [0xFFFFFFFF] * max(1, length // 4))
    assert physical.read(0, SIZE) == before


def test_a_string_may_end_where_the_translations_do(memory: TranslatedMemory) -> None:
    memory.write(0x9FF0, b"the very end...\0")
    assert memory.read_string(0x9FF0, 1024) == "the very end..."
    memory.write(0x9FF0, b"the very end....")
    with pytest.raises(MemoryFault, match="no end of the string"):
        memory.read_string(0x9FF0, 1024)


@pytest.mark.parametrize("address", [0xA000, 0x101000, -4, 0xFFFFFFFC, 1 << 70])
def test_no_string_is_where_nothing_is_mapped(memory: TranslatedMemory, address: int) -> None:
    with pytest.raises(MemoryFault):
        memory.read_string(address, 64)


def test_no_bytes_can_be_anywhere(memory: TranslatedMemory) -> None:
    memory.write(0x50000, b"")
    assert (memory.read(0x50000, 0), memory.read_cells(0x50000, 0)) == (b"", ())


class Mapped:
    """Where `PairedClaims` asks for memory to be mapped; it refuses what lies at `broken`."""

    def __init__(self) -> None:
        self.ranges: list[tuple[int, int]] = []
        self.broken = -1

    def __call__(self, start: int, size: int) -> None:
        self.ranges.append((start, size))
        if start == self.broken:
            raise GuestFault("can't be mapped")


def paired() -> tuple[PairedClaims, Mapped]:
    mapped = Mapped()
    return PairedClaims(ClaimMap(1 << 20, floor=0x4000), ClaimMap(1 << 32, floor=1 << 20), mapped), mapped


def test_a_claim_takes_both_and_a_release_gives_both() -> None:
    claims, mapped = paired()
    assert claims.claim(0x5000, 0x1001, 0) == 0x5000
    assert claims.physical.claimed() == claims.virtual.claimed() == mapped.ranges == [(0x5000, 0x1001)]
    claims.release(0x5000, 0x1001)
    assert claims.physical.claimed() == claims.virtual.claimed() == []


@pytest.mark.parametrize("other", ["physical", "virtual"])
def test_what_is_taken_in_one_way_is_not_free(other: str) -> None:
    claims, _ = paired()
    which: ClaimMap = getattr(claims, other)
    which.claim(0x5000, 0x1000, 0)
    with pytest.raises(GuestFault):
        claims.claim(0x5800, 0x1000, 0)
    assert claims.claim(0, 0x2000, 0x1000) not in range(0x3001, 0x6000)
    claims.release(0x5000, 0x1000)
    assert claims.claim(0x5000, 0x1000, 0) == 0x5000


def test_a_claim_looks_past_virtual_addresses_in_use() -> None:
    claims, _ = paired()
    claims.virtual.claim(0, 0x80000, 0)
    assert claims.claim(0, 0x10000, 0x10000) == 0x80000
    assert claims.physical.claimed() == [(0x80000, 0x10000)]
    with pytest.raises(GuestFault):
        claims.claim(0, 0x100, 4)  # there is room, but far: it looks at so many places, then gives up
    assert claims.physical.claimed() == [(0x80000, 0x10000)]


def test_what_cant_be_mapped_is_not_claimed() -> None:
    claims, mapped = paired()
    mapped.broken = 0x5000
    with pytest.raises(GuestFault, match="can't be mapped"):
        claims.claim(0x5000, 0x1000, 0)
    assert claims.physical.claimed() == claims.virtual.claimed() == []


def test_a_release_of_nothing_fails() -> None:
    claims, _ = paired()
    with pytest.raises(GuestFault):
        claims.release(0x5000, 0x1000)
