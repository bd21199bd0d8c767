"""The table of Mac-on-Linux's calls, and their dispatch."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from osi_machine import Bench

from vof.errors import PortError
from vof.firmware.osi.dispatch import Osi
from vof.firmware.osi.table import SELECTORS, Status


def test_every_selector_has_one_row() -> None:
    assert list(SELECTORS) == list(range(100))
    assert len({row.name for row in SELECTORS.values()}) == 100
    for row in SELECTORS.values():
        assert (row.status is Status.RESERVED) == (not row.device)
        assert len(row.arguments) <= 6 and len(row.results) <= 7 and row.summary.endswith(".")


def test_each_device_answers_its_rows_with_their_arguments() -> None:
    osi = Bench().devices.osi
    assert set(osi) == {row.number for row in SELECTORS.values() if row.device}
    for number in osi:
        row = SELECTORS[number]
        function = osi[number]._function  # type: ignore[attr-defined]
        assert function.__name__ == row.method
        assert len(inspect.signature(function).parameters) == len(row.arguments), row.name


def test_the_guests_library_has_every_call_by_its_number() -> None:
    header = (Path(__file__).parents[3] / "guests" / "osi" / "osi.h").read_text()
    numbers = re.search(r"enum osi_selector \{(.*?)\}", header, re.DOTALL)
    assert numbers is not None
    named = {name: int(number) for name, number in re.findall(r"OSI_(\w+) = (\d+)", numbers[1])}
    assert named == {row.name: row.number for row in SELECTORS.values() if row.device}


def test_a_devices_failure_is_the_rows_and_is_told() -> None:
    class Broken:
        def tty_putc(self, character: int) -> int:
            raise PortError("the line is dead")

        def tty_getc(self) -> int:
            return 5

        def tty_irq_ack(self) -> int:
            return 0

    osi = Osi({"tty": Broken()})
    told: list[object] = []
    osi.told = lambda *facts: told.append(facts)
    assert osi[97](65, 0, 0, 0, 0, 0) == 0
    assert osi[98](0, 0, 0, 0, 0, 0) == 5
    assert told == [(SELECTORS[97], (65,), 0, "the line is dead"), (SELECTORS[98], (), 5, "")]


def test_close_withdraws_the_tree() -> None:
    bench = Bench()
    assert bench.call(0, 76) == 1
    assert bench.call(76, 0) == 0
    assert bench.call(0, 76) == bench.call(0, 77) == 0
    assert 76 not in bench.devices.osi
