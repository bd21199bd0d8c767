"""Guest memory: what can be reached, and that nothing else can."""

from __future__ import annotations

import mmap
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vof.errors import MemoryFault
from vof.memory import Buffer, GuestMemory
from vof.ports import Memory

SIZE = 0x1000
integers = st.one_of(
    st.integers(-8, SIZE + 8),
    st.integers(-(1 << 65), 1 << 65),
    st.sampled_from([0xFFFFFFFF, 0x100000000, (1 << 64) - 1, 1 << 63, SIZE - 1, SIZE]),
)


@pytest.fixture(params=["mmap", "bytearray"])
def buffer(request: pytest.FixtureRequest) -> Buffer:
    return mmap.mmap(-1, SIZE) if request.param == "mmap" else bytearray(SIZE)


@pytest.fixture
def memory(buffer: Buffer) -> GuestMemory:
    return GuestMemory(buffer)


def test_it_is_the_port(memory: GuestMemory) -> None:
    port: Memory = memory
    assert port.size == SIZE


def test_bytes_come_back(memory: GuestMemory) -> None:
    memory.write(0x10, b"\x00\x01\xfe\xff")
    assert memory.read(0x10, 4) == b"\x00\x01\xfe\xff"
    assert type(memory.read(0x10, 4)) is bytes


@pytest.mark.parametrize("count", [0, 1, 3, 32, 33, 100])
def test_cells_are_big_endian_anywhere(memory: GuestMemory, count: int) -> None:
    cells = tuple(0x01020304 + index for index in range(count))
    memory.write_cells(0x11, cells)
    assert memory.read(0x11, 4 * count) == b"".join(cell.to_bytes(4, "big") for cell in cells)
    assert memory.read_cells(0x11, count) == cells


@pytest.mark.parametrize("values", [(-1,), (1 << 40,), (0, -2, (5 << 32) + 1)])
def test_cells_are_taken_modulo_their_size(memory: GuestMemory, values: tuple[int, ...]) -> None:
    memory.write_cells(0, values)
    assert memory.read_cells(0, len(values)) == tuple(value % (1 << 32) for value in values)


@pytest.mark.parametrize(
    ("data", "limit", "text"),
    [(b"finddevice\0", 64, "finddevice"), (b"\0", 1, ""), (b"\xe9\xff\0", 3, "éÿ"), (b"a\0b\0", 4, "a")],
)
def test_strings_end_at_a_nul(memory: GuestMemory, data: bytes, limit: int, text: str) -> None:
    memory.write(0x20, data)
    assert memory.read_string(0x20, limit) == text


def test_a_string_may_end_with_memory(memory: GuestMemory) -> None:
    memory.write(SIZE - 5, b"peer\0")
    assert memory.read_string(SIZE - 5, 64) == "peer"


@pytest.mark.parametrize(("address", "limit"), [(0, 4), (SIZE - 4, 64), (SIZE - 4, 1 << 64), (8, 0), (8, -1), (8, -20)])
def test_a_string_without_an_end_is_a_fault(memory: GuestMemory, address: int, limit: int) -> None:
    memory.write(0, b"xxxxxxxx" * (SIZE // 8))
    with pytest.raises(MemoryFault):
        memory.read_string(address, limit)


OUTSIDE = [
    (-1, 4),
    (-4, 4),
    (SIZE - 3, 4),
    (SIZE, 4),
    (SIZE + 1, 0),
    (-1, 0),
    (1 << 32, 4),
    (1 << 64, 4),
    (0, SIZE + 4),
]


@pytest.mark.parametrize(("address", "length"), OUTSIDE)
@pytest.mark.parametrize(
    "access",
    [
        lambda memory, address, length: memory.read(address, length),
        lambda memory, address, length: memory.read_cells(address, length // 4),
        lambda memory, address, length: memory.write(address, b"x" * length),
        lambda memory, address, length: memory.write_cells(address, (0x78787878,) * (length // 4)),
    ],
)
def test_outside_is_a_fault_and_nothing_is_written(
    buffer: Buffer, access: Callable[[Memory, int, int], object], address: int, length: int
) -> None:
    memory = GuestMemory(buffer)
    with pytest.raises(MemoryFault):
        access(memory, address, length)
    assert memory.read(0, SIZE) == bytes(SIZE)


@pytest.mark.parametrize("length", [-1, -4, 1 << 31, 1 << 64])
def test_a_length_is_checked_before_it_is_used(memory: GuestMemory, length: int) -> None:
    with pytest.raises(MemoryFault):
        memory.read(0, length)
    with pytest.raises(MemoryFault):
        memory.read_cells(0, length)


@pytest.mark.parametrize("address", [0, 1, SIZE])
def test_no_bytes_can_be_had_anywhere(memory: GuestMemory, address: int) -> None:
    assert memory.read(address, 0) == b""
    assert memory.read_cells(address, 0) == ()
    memory.write(address, b"")
    memory.write_cells(address, ())


def test_a_limit_below_the_buffer_holds(buffer: Buffer) -> None:
    memory = GuestMemory(buffer, 0x100)
    assert memory.size == 0x100
    memory.write(0xFC, b"abcd")
    for access in (
        lambda: memory.read(0xFD, 4),
        lambda: memory.read_cells(0xFD, 1),
        lambda: memory.write(0xFD, b"abcd"),
        lambda: memory.write_cells(0xFD, (0,)),
        lambda: memory.read_string(0xFC, 64),
    ):
        with pytest.raises(MemoryFault):
            access()
    assert bytes(buffer[0xFC:0x104]) == b"abcd\0\0\0\0"


@pytest.mark.parametrize("size", [-1, SIZE + 1])
def test_a_limit_beyond_the_buffer_is_refused(buffer: Buffer, size: int) -> None:
    with pytest.raises(ValueError, match="buffer"):
        GuestMemory(buffer, size)


def test_writes_are_told_once_they_are_made(memory: GuestMemory) -> None:
    seen: list[tuple[int, int, bytes]] = []
    memory.written = lambda address, length: seen.append((address, length, memory.read(address, length)))
    memory.write(0x10, b"abc")
    memory.write_cells(0x20, (1,))
    with pytest.raises(MemoryFault):
        memory.write(SIZE, b"abc")
    assert seen == [(0x10, 3, b"abc"), (0x20, 4, b"\0\0\0\1")]


def test_a_fault_says_where() -> None:
    with pytest.raises(MemoryFault, match="4 bytes at 0x1000 are outside memory"):
        GuestMemory(bytearray(SIZE)).read(SIZE, 4)


@given(address=integers, length=integers, limit=integers, data=st.binary(max_size=16))
def test_whatever_a_guest_passes_is_answered_or_a_fault(address: int, length: int, limit: int, data: bytes) -> None:
    memory = GuestMemory(bytearray(SIZE))
    inside = min(address, length) >= 0 and address + length <= SIZE
    try:
        assert len(memory.read(address, length)) == length
        assert inside
    except MemoryFault:
        assert not inside
    for access in (
        lambda: memory.read_cells(address, length),
        lambda: memory.read_string(address, limit),
        lambda: memory.write(address, data),
        lambda: memory.write_cells(address, (address, length)),
    ):
        try:
            access()
        except MemoryFault as fault:
            assert str(fault)
