"""The clock's package, and the memory's."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from fakes import FakeClock

from vof.errors import GuestFault, Throw
from vof.memory import ClaimMap
from vof.packages import Instance, MemoryPackage, Method, RtcPackage
from vof.tree import Node


def call(methods: Mapping[str, Method], method: str, *cells: int) -> list[int]:
    """Call a method of a package with its arguments in the stack's order, the top last."""
    node = Node("node")
    node.methods.update(methods)
    stack = list(cells)
    Instance(0x40000000, node, None).call(method, stack)
    return stack


def test_the_time_is_the_clocks() -> None:
    clock = FakeClock()
    rtc = RtcPackage(clock)
    assert call(rtc.methods(), "open") == [-1]
    assert call(rtc.methods(), "get-time") == [20, 13, 22, 14, 11, 2023]
    clock.sleep(3_600_000)
    assert call(rtc.methods(), "get-time") == [20, 13, 23, 14, 11, 2023]


@pytest.mark.parametrize(
    "time",
    [
        (0, 0, 0, 1, 1, 1970),
        (59, 59, 23, 31, 12, 2099),
        (1, 2, 3, 29, 2, 2024),
        (0, 0, 0, 1, 1, 1),
        (5, 4, 3, 2, 1, 9999),
    ],
)
def test_a_time_that_was_set_runs_on(time: tuple[int, ...]) -> None:
    clock = FakeClock()
    rtc = RtcPackage(clock)
    assert call(rtc.methods(), "set-time", *time) == []
    assert call(rtc.methods(), "get-time") == list(time)
    again = RtcPackage(clock, rtc.offset)
    clock.sleep(400)
    assert call(again.methods(), "get-time") == list(time)


@pytest.mark.parametrize(
    "time",
    [
        (0, 0, 0, 0, 1, 2024),
        (0, 0, 0, 30, 2, 2024),
        (0, 0, 0, 1, 13, 2024),
        (60, 0, 0, 1, 1, 2024),
        (0, 60, 0, 1, 1, 2024),
        (0, 0, 24, 1, 1, 2024),
        (0, 0, 0, 1, 1, 0),
        (0, 0, 0, 1, 1, 10000),
        (0xFFFFFFFF,) * 6,
    ],
)
def test_a_time_that_is_none_is_refused(time: tuple[int, ...]) -> None:
    rtc = RtcPackage(FakeClock())
    with pytest.raises(Throw, match="no such time"):
        call(rtc.methods(), "set-time", *time)
    assert rtc.offset == 0


def test_the_last_second_of_all() -> None:
    clock = FakeClock()
    rtc = RtcPackage(clock)
    call(rtc.methods(), "set-time", 59, 59, 23, 31, 12, 9999)
    clock.sleep(1000)
    with pytest.raises(Throw, match="run out of years"):
        call(rtc.methods(), "get-time")


def test_memory_is_claimed_by_real_address() -> None:
    claims = ClaimMap(64 << 20)
    methods = MemoryPackage(claims).methods()
    assert call(methods, "open") == [-1] and call(methods, "close") == []
    assert call(methods, "claim", 0x5000, 0x1001, 0) == [0x5000]
    (base,) = call(methods, "claim", 0x2000, 0x10000)
    assert base % 0x10000 == 0
    assert call(methods, "release", 0x5000, 0x1001) == []
    assert claims.claimed() == [(base, 0x2000)]


@pytest.mark.parametrize(
    ("method", "cells"),
    [
        ("claim", (0x5000, 0, 0)),
        ("claim", (0x5000, 0xFFFFFFFF, 0)),
        ("claim", (0xFFFFFFFF, 0xFFFFFFFF)),
        ("release", (0x5000, 0x1000)),
    ],
)
def test_memory_that_cant_be_had(method: str, cells: tuple[int, ...]) -> None:
    claims = ClaimMap(64 << 20)
    with pytest.raises(GuestFault):
        call(MemoryPackage(claims).methods(), method, *cells)
    assert claims.claimed() == []
