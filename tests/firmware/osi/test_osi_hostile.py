"""Whatever a guest asks the devices for, they answer: no exception, no loop without end, nothing outside."""

from __future__ import annotations

import struct

from hypothesis import given, settings
from hypothesis import strategies as st
from osi_machine import RAM, Bench

from vof.firmware.osi.table import SELECTORS

NUMBERS = st.one_of(
    st.integers(0, 40),
    st.sampled_from([RAM - 1, RAM, RAM - 16, 0xFFFFFFFF, 0xFFFFFFF0, 0x80000000, 0x7FFFFFFF, 0x10000, 0x20000]),
    st.integers(0, RAM - 1).map(lambda at: at & -16),
    st.integers(0, 0xFFFFFFFF),
)
CALLS = st.tuples(st.sampled_from([n for n in SELECTORS if SELECTORS[n].device and n != 54]), st.tuples(*[NUMBERS] * 6))
CELLS = st.lists(NUMBERS, min_size=4, max_size=64)


@settings(max_examples=300, deadline=None)
@given(st.lists(CALLS, max_size=30), CELLS)
def test_any_calls(calls: list[tuple[int, tuple[int, ...]]], cells: list[int]) -> None:
    bench = Bench()
    for at in (0, 0x10000, 0x20000):
        bench.memory.write_cells(at, cells)
    bench.network.coming = [bytes(60)] * 3
    for selector, arguments in calls:
        if selector in (76, 77) and bench.devices.osi.get(selector) is None:
            continue  # withdrawn by a Close before
        answer = bench.call(selector, *arguments)
        assert len(answer) <= 7 if isinstance(answer, tuple) else isinstance(answer, int)
        bench.clock.now += 7
        bench.devices.osi.poll()
    assert len(bench.disk.data) == 256 * 512


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 2, 4, 5, 6, 8, 9, 12, 0x100, 0x200, 0x300, 0x900, 0xFFFFFFFF]),
            st.sampled_from([0, 1, 2, 0x10000, RAM - 4, 0xFFFFFFFF]),
            st.sampled_from([0, 1, 3, 512, 1024, 4096, RAM, 0xFFFFFFFF]),
        ),
        max_size=16,
    )
)
def test_any_ring_of_requests(slots: list[tuple[int, int, int]]) -> None:
    bench = Bench()
    for place, (flags, second, third) in enumerate(slots, 1):
        bench.memory.write_cells(0x1000 + (place % 16) * 16, (flags, 1, second, third))
    assert bench.call(79, 0, 0x1000, 16) == 0
    assert bench.call(80, 0, 3) == 0
    bench.memory.write_cells(0x1000 + 4, (1,))
    bench.call(82, 0)
    assert bench.raised(5)
    assert isinstance(bench.call(83, 0), tuple)
    assert not bench.raised(5) or bench.devices.blocks.running


@settings(max_examples=200, deadline=None)
@given(CELLS, st.binary(min_size=16, max_size=16), st.integers(0, 17), st.integers(0, 8), NUMBERS)
def test_any_scsi_request(cells: list[int], command: bytes, length: int, target: int, size: int) -> None:
    bench = Bench()
    bench.memory.write_cells(0x1000 + 64, cells)
    request = struct.pack(">II16sBBBB", 0x5000, 0, command, length, target, 0, command[15] & 1)
    bench.memory.write(0x1000, request + bytes(4) + struct.pack(">6I", 0, 0x9000, 18, 0, 0, size))
    assert bench.call(24, 0x1000) in (0, 1)
    assert bench.call(25) in (0, 0x5001)
