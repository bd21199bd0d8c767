"""The package of a PC's clock, over a chip of a few lines."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from vof.errors import Throw
from vof.packages import Instance
from vof.packages.cmos_rtc import CmosRtcPackage
from vof.ports import Access, BusOp
from vof.tree import Node

INDEX = 0xFE000070


class Chip:
    """An MC146818: 128 bytes behind two ports. It is being updated for as many looks at it as `busy` says."""

    def __init__(self, mode: int, time: tuple[int, ...] = (), busy: int = 0) -> None:
        self.registers = bytearray(128)
        self.registers[11] = mode
        for register, value in zip((0, 2, 4, 7, 8, 9), time, strict=False):
            self.registers[register] = value
        self.busy = busy
        self.index = 0
        self.modes: list[int] = []

    def run(self, accesses: Sequence[Access]) -> list[int]:
        found = []
        for access in accesses:
            assert access.width == 1 and access.address in (INDEX, INDEX + 1)
            if access.op is BusOp.READ:
                self.registers[10] = 0x80 if self.busy > 0 else 0
                self.busy -= self.index == 10
                found.append(self.registers[self.index])
            elif access.address == INDEX:
                self.index = access.value
            else:
                self.registers[self.index] = access.value
                if self.index == 11:
                    self.modes.append(access.value)
        return found


def call(chip: Chip, method: str, *cells: int) -> list[int]:
    node = Node("rtc")
    node.methods.update(CmosRtcPackage(chip, INDEX).methods())
    stack = list(cells)
    Instance(0x40000000, node, None).call(method, stack)
    return stack


@pytest.mark.parametrize(
    ("mode", "time", "expected"),
    [
        (0x02, (0x59, 0x58, 0x23, 0x31, 0x12, 0x26), [59, 58, 23, 31, 12, 2026]),
        (0x06, (59, 58, 23, 31, 12, 26), [59, 58, 23, 31, 12, 2026]),
        (0x00, (0x00, 0x30, 0x12, 0x01, 0x02, 0x00), [0, 30, 0, 1, 2, 2000]),
        (0x00, (0x00, 0x30, 0x92, 0x01, 0x02, 0x00), [0, 30, 12, 1, 2, 2000]),
        (0x00, (0x00, 0x30, 0x11, 0x01, 0x02, 0x00), [0, 30, 11, 1, 2, 2000]),
        (0x04, (0, 30, 0x80 | 11, 29, 2, 24), [0, 30, 23, 29, 2, 2024]),
    ],
)
def test_the_time_is_read_in_every_mode(mode: int, time: tuple[int, ...], expected: list[int]) -> None:
    assert call(Chip(mode, time), "get-time") == expected


def test_a_time_that_is_being_updated_is_not_taken() -> None:
    assert call(Chip(0x06, (1, 2, 3, 4, 5, 6), busy=5), "get-time") == [1, 2, 3, 4, 5, 2006]
    with pytest.raises(Throw, match="being updated"):
        call(Chip(0x06, (1, 2, 3, 4, 5, 6), busy=10_000), "get-time")


def test_a_chip_that_shows_no_time() -> None:
    with pytest.raises(Throw, match="no time"):
        call(Chip(0x02, (0x00, 0x00, 0x00, 0x00, 0x00, 0x00)), "get-time")


@pytest.mark.parametrize("mode", [0x02, 0x06, 0x00, 0x04])
def test_a_time_that_was_set_is_read(mode: int) -> None:
    chip = Chip(mode)
    assert call(chip, "set-time", 5, 4, 13, 29, 2, 2028) == []
    assert call(chip, "get-time") == [5, 4, 13, 29, 2, 2028]
    assert [each & 0x80 for each in chip.modes] == [0x80, 0]  # halted meanwhile


@pytest.mark.parametrize("time", [(0, 0, 0, 30, 2, 2024), (0, 0, 0, 1, 1, 1999), (0, 0, 0, 1, 1, 2100)])
def test_a_time_that_is_none_is_refused(time: tuple[int, ...]) -> None:
    chip = Chip(0x02)
    with pytest.raises(Throw):
        call(chip, "set-time", *time)
    assert chip.modes == []
