"""Memory whose pages the guest stores to after it was written from outside."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from vof.memory import GuestMemory, SeenMemory
from vof.ports import Access

SIZE = 1 << 16


class Guest:
    """The port `Bus` of a guest that stores to the same memory."""

    def __init__(self, memory: GuestMemory) -> None:
        self.memory = memory
        self.pages: set[int] = set()

    def run(self, accesses: Sequence[Access]) -> list[int]:
        for access in accesses:
            assert access.width == 1
            self.memory.write(access.address, bytes([access.value]))
            self.pages.add(access.address >> 12)
        return []


@given(st.integers(0, SIZE - 1), st.binary(max_size=3 << 12))
def test_every_page_is_stored_to_and_nothing_else_changes(address: int, data: bytes) -> None:
    data = data[: SIZE - address]
    plain = GuestMemory(bytearray(SIZE))
    guest = Guest(plain)
    SeenMemory(plain, guest).write(address, data)
    assert plain.read(0, SIZE) == bytes(address) + data + bytes(SIZE - address - len(data))
    assert guest.pages == (set(range(address >> 12, (address + len(data) - 1 >> 12) + 1)) if data else set())


def test_all_else_is_the_memory_below() -> None:
    plain = GuestMemory(bytearray(SIZE))
    seen = SeenMemory(plain, Guest(plain))
    seen.write_cells(8, (1, 1 << 32 | 2))
    assert seen.read_cells(8, 2) == (1, 2)
    seen.write(100, b"text\0")
    assert (seen.read_string(100, 10), seen.size) == ("text", SIZE)
