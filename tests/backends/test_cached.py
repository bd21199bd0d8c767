"""A disk whose reads are remembered gives what the disk has."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vof.backends.cached import CachedDisk
from vof.errors import PortError

KIB = 1 << 10
SIZE = 3000 * KIB + 77


class Counted:
    """A disk in memory that counts."""

    block_size = 512

    def __init__(self) -> None:
        self.data = bytearray(b"".join(number.to_bytes(4) for number in range(SIZE // 4 + 1))[:SIZE])
        self.reads: list[tuple[int, int]] = []
        self.fails = False

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, offset: int, length: int) -> bytes:
        if offset < 0 or length < 0 or self.fails:
            raise PortError("no")
        self.reads.append((offset, length))
        return bytes(self.data[offset : offset + length])

    def write(self, offset: int, data: bytes) -> None:
        self.data[offset : offset + len(data)] = data


accesses = st.lists(
    st.tuples(st.integers(0, SIZE + 10), st.integers(0, 700 * KIB), st.booleans() | st.just(False)), max_size=12
)


@settings(max_examples=20, deadline=None)
@given(accesses)
def test_it_gives_what_the_disk_has(accesses: list[tuple[int, int, bool]]) -> None:
    base = Counted()
    disk = CachedDisk(base)
    for offset, length, write in accesses:
        if write and offset + length <= SIZE:
            disk.write(offset, b"\xab" * length)
        assert disk.read(offset, length) == base.data[offset : offset + length]


def test_the_same_sector_is_read_once_and_reading_on_is_foreseen() -> None:
    base = Counted()
    disk = CachedDisk(base)
    for offset in range(0, 1024 * KIB, 512):
        disk.read(offset, 512)
        disk.read(0, 512)
    assert len(base.reads) <= 4
    disk.write(512, b"x" * 512)
    before = len(base.reads)
    assert disk.read(511, 2) == base.data[511:513]
    assert len(base.reads) == before + 1


def test_what_it_remembers_is_bounded() -> None:
    base = Counted()
    base.data = bytearray(40 << 20)
    disk = CachedDisk(base)
    for offset in range(0, 40 << 20, 32 * KIB):
        disk.read(offset, 1)
    assert sum(map(len, disk._chunks.values())) <= 16 << 20


def test_it_forgets() -> None:
    base = Counted()
    disk = CachedDisk(base)
    disk.read(0, 4)
    base.data[:4] = b"new!"  # by somebody else
    disk.forget()
    assert disk.read(0, 4) == b"new!"


def test_errors_are_the_disks() -> None:
    base = Counted()
    disk = CachedDisk(base)
    for offset, length in ((-1, 4), (0, -1)):
        with pytest.raises(PortError):
            disk.read(offset, length)
    base.fails = True
    with pytest.raises(PortError):
        disk.read(0, 4)
    base.fails = False
    assert disk.read(0, 4) == bytes(4)
