"""The claim map against a set of bytes."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from vof.errors import GuestFault
from vof.memory import ClaimMap

SIZE = 0x40
CEILING = 0x3A
FLOOR = 0x14
LIMIT = 6

addresses = st.integers(-2, SIZE + 4)
sizes = st.integers(-1, SIZE + 4)


class SmallMap(ClaimMap):
    EXTENTS_LIMIT = LIMIT


def ranges(numbers: set[int]) -> list[tuple[int, int]]:
    """Starts and sizes of the runs."""
    runs: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if runs and sum(runs[-1]) == number:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((number, 1))
    return runs


class Model(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.map: ClaimMap = SmallMap(SIZE, CEILING, FLOOR)
        self.claimed: set[int] = set()
        self.reserved: set[int] = set()

    @property
    def free(self) -> set[int]:
        return set(range(SIZE)) - self.claimed - self.reserved

    def fits(self, address: int, size: int) -> bool:
        wanted = set(range(address, address + size))
        return size > 0 and address >= 0 and address + size <= CEILING and wanted <= self.free

    def in_few_pieces(self, free: set[int]) -> bool:
        return len(ranges(free)) <= LIMIT

    @rule(address=addresses, size=sizes)
    def claim_there(self, address: int, size: int) -> None:
        taken = set(range(address, address + size))
        if self.fits(address, size) and self.in_few_pieces(self.free - taken):
            assert self.map.claim(address, size, 0) == address
            self.claimed |= taken
        else:
            with pytest.raises(GuestFault):
                self.map.claim(address, size, 0)

    @rule(address=addresses, size=st.integers(-1, 20), align=st.integers(1, 0x50))
    def claim_aligned(self, address: int, size: int, align: int) -> None:
        boundary = next(power for power in (1 << n for n in range(8)) if power >= align)
        # SIZE is below the exception vectors' end, so there is no second search.
        places = [at for at in range(FLOOR, SIZE) if at % boundary == 0 and self.fits(at, size)]
        if places and self.in_few_pieces(self.free - set(range(places[0], places[0] + size))):
            assert self.map.claim(address, size, align) == places[0]
            self.claimed |= set(range(places[0], places[0] + size))
        else:
            with pytest.raises(GuestFault):
                self.map.claim(address, size, align)

    @rule(address=addresses, size=sizes)
    def release(self, address: int, size: int) -> None:
        given = set(range(address, address + size)) & self.claimed
        inside = address >= 0 and address + size <= SIZE
        if given and inside and self.in_few_pieces(self.free | given):
            self.map.release(address, size)
            self.claimed -= given
        else:
            with pytest.raises(GuestFault):
                self.map.release(address, size)

    @precondition(lambda self: len(self.reserved) < 8)
    @rule(address=addresses, size=st.integers(0, 3))
    def reserve(self, address: int, size: int) -> None:
        wanted = set(range(address, address + size))
        if wanted and wanted <= self.free and self.in_few_pieces(self.free - wanted):
            self.map.reserve(address, size)
            self.reserved |= wanted
        elif not (wanted and wanted <= self.free):
            with pytest.raises(GuestFault):
                self.map.reserve(address, size)

    @rule(how=st.sampled_from([copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))]))
    def save_and_restore(self, how: object) -> None:
        assert callable(how)
        self.map = how(self.map)

    @rule(address=addresses, size=sizes)
    def ask(self, address: int, size: int) -> None:
        wanted = set(range(address, address + size))
        assert self.map.is_free(address, size) == (bool(wanted) and wanted <= self.free)
        within = [(start, length) for start, length in ((address, size), (4, 9)) if length > 0]
        expected = [run for start, length in within for run in ranges(self.free & set(range(start, start + length)))]
        assert list(self.map.free(within)) == expected

    @invariant()
    def agrees(self) -> None:
        assert list(self.map.free()) == ranges(self.free)
        assert self.map.claimed() == ranges(self.claimed)
        assert self.map.total_claimed == len(self.claimed)
        assert self.map.total_free == len(self.free)
        assert sum(size for _, size in self.map.reserved()) == len(self.reserved)


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
