"""Programs at random, of all words: whatever they do, they end, and nothing but a throw comes out.

`python tests/forth/test_any_program.py SECONDS [SEED]` tries more of them.
"""

from __future__ import annotations

import pickle
import random
import sys
import time

import pytest

from vof.errors import Throw
from vof.forth import TABLES, Forth, Space
from vof.memory import GuestMemory

SIZE = 1 << 19
STEPS = 200_000
SOON = 5.0
"""Seconds; nearly all take less than a hundredth of one."""
NAMES = ("a", "b", "c", "x", "y")
DEFINING = ("value", "constant", "variable", "create", "defer", "buffer:", "field", "2constant", "2variable", "marker")
NUMBERS = (
    *("0", "1", "-1", "2", "3", "4", "7", "10", "20", "41", "ff", "-2", "100", "7fff", "12345678"),
    *("7fffffff", "80000000", "ffffffff", "10000", "10010", "7f000000", "7f000001", "7f000005", "1000", "7fffc"),
)
STRUCTURES = (
    ("if", "then"),
    ("if", "else", "then"),
    ("begin", "until"),
    ("begin", "again"),
    ("begin", "while", "repeat"),
    ("begin", "while", "while", "repeat", "then"),
    ("do", "loop"),
    ("?do", "loop"),
    ("do", "+loop"),
    ("do", "unloop exit loop"),
    ("case", "of", "endof", "endcase"),
    ("[", "]"),
    ("ahead", "then"),
    (">r", "r>"),
    ("2>r", "2r@ 2r>"),
)


PRELUDE = "hex defer a 5 value b variable c create x 10 , 20 , : y dup 1+ ; ' y to a"
CELLS = [0, 1, 2, 3, 0x10000, 0x41, 5, 0x10, 3, 2, 0x10100, 8, 1, 0, 4, 0x10008, 2]


class Author:
    """Writes programs.

    Args:
        seed: of what.
        bits: of a cell.
    """

    def __init__(self, seed: int, bits: int) -> None:
        self.random = random.Random(seed)
        tables = ("core", "wide") if bits == 64 else ("core",)
        rows = [word for table in tables for word in TABLES[table].words.values()]
        self.words = sorted(word.name for word in rows if not word.compile_only and not word.immediate)
        self.compiling = sorted(word.name for word in rows if word.compile_only or word.immediate)

    def lines(self) -> list[str]:
        """The texts of a program."""
        return [PRELUDE, *(self._line() for _ in range(self.random.randrange(4, 12)))]

    def _line(self) -> str:
        pick, name = self.random, self.random.choice(NAMES)
        match pick.randrange(8):
            case 0 | 1 | 2:
                return f": {name} {self._locals()} {self._body(3)} ; {self._finish(name)}"
            case 3:
                return f"{pick.choice(NUMBERS)} {pick.choice(NUMBERS)} {pick.choice(DEFINING)} {name}"
            case 4:
                return f": {name} create {self._body(1)} does> {self._body(2)} ; 5 {name} {pick.choice(NAMES)}"
            case 5:
                return f"['] {name} to {pick.choice(NAMES)}"
            case 6:
                return f":noname {self._body(2)} ; catch"
            case _:
                return self._body(2)

    def _finish(self, name: str) -> str:
        return self.random.choice(("", "immediate", name, f"1 2 3 {name}", f"1 2 3 ['] {name} catch", "recursive"))

    def _locals(self) -> str:
        return self.random.choice(("", "", "", "{ a b }", "{ a ; b c }", "{ x | y -- z }", "{ }"))

    def _body(self, depth: int) -> str:
        return " ".join(self._step(depth) for _ in range(self.random.randrange(1, 8)))

    def _step(self, depth: int) -> str:
        pick = self.random
        match pick.randrange(12):
            case 0 | 1 | 2 | 3:
                return pick.choice(self.words)
            case 4:
                return pick.choice((*self.words, *self.compiling))
            case 5 | 6:
                return pick.choice(NUMBERS)
            case 7:
                return pick.choice(NAMES)
            case 8 if depth:
                return f's" {self._body(depth - 1).replace(chr(34), "")}" {pick.choice(("evaluate", "type", "$find"))}'
            case 9 | 10 | 11 if depth:
                first, *rest = pick.choice(STRUCTURES)
                return " ".join([first, *(f"{self._body(depth - 1)} {part}" for part in rest)])
            case _:
                return f"{pick.choice(('to', '[char]', 'postpone', '->'))} {pick.choice((*NAMES, *self.words))}"


class Place:
    """Where a Forth's data go: it can be pickled."""

    def __init__(self) -> None:
        self.memory = GuestMemory(bytearray(SIZE))

    def space(self) -> Space:
        return Space(self.memory, 0x10000, 0x20000)

    def __reduce__(self) -> tuple[object, ...]:
        return Place, ()


def try_program(seed: int, bits: int) -> None:
    """Run a program."""
    place, author = Place(), Author(seed, bits)
    made = Forth(place.memory, place.space, bits=bits)
    made.steps = STEPS
    lines = author.lines()
    start = time.monotonic()
    for line in lines:
        made.stack[:] = CELLS
        try:
            made.evaluate(line)
        except Throw as thrown:
            assert thrown.reason
            made.drop_definition()
        except BaseException as error:
            raise AssertionError(f"seed {seed}, {bits} bits: {error!r}\n{lines}") from error
        assert all(0 <= cell <= made.mask for cell in made.stack), (seed, bits, lines)
        assert made.depth == 0
        if seed % 10 == 0:
            assert pickle.loads(pickle.dumps(made)).stack == made.stack
    taken = time.monotonic() - start
    assert taken < SOON, (seed, bits, taken, lines)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("group", range(5))
def test_any_program_ends_or_throws(group: int, bits: int) -> None:
    for seed in range(group * 100, group * 100 + 100):
        try_program(seed, bits)


if __name__ == "__main__":
    seconds, seed = float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            try_program(seed, 64 if seed % 2 else 32)
        except AssertionError as failed:
            print(failed)
        seed += 1
    print(f"{seed} programs")
