"""FCode programs as they are in a file: a header, and one step behind the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vof.errors import UsageError
from vof.forth.fcode.numbers import FERROR, FIRST_PROGRAM_NUMBER, NAMES, Behind, behind

__all__ = ["END0", "END1", "HEADER_SIZE", "Program", "Step", "find_programs", "starts_program"]

END0, END1, OFFSET16, VERSION1 = 0x00, 0xFF, 0xCC, 0xFD
HEADER_SIZE = 8
_STARTERS = (0xF0, 0xF1, 0xF2, 0xF3, VERSION1)


@dataclass(frozen=True, slots=True)
class Step:
    """One FCode number with what stands behind it.

    Attributes:
        at: where it begins, from the program's header.
        number: 0x000 … 0xFFF.
        value: the cell, the FCode number or the branch's offset (signed) behind it; 0 for none.
        text: the string or name behind it.
        target: where a branch leads, from the program's header.
        end: where the next begins.
    """

    at: int
    number: int
    value: int
    text: bytes
    target: int
    end: int


@dataclass(frozen=True, slots=True)
class Program:
    """One FCode program.

    Attributes:
        data: its bytes from the header on, and whatever follows them.
        starter: the number of its first byte.
        format: its header's second byte.
        checksum: the header's, of all bytes behind it.
        length: the header's, with the header.
    """

    data: bytes
    starter: int
    format: int
    checksum: int
    length: int

    @classmethod
    def parse(cls, data: bytes) -> Program:
        """The program that data begin with.

        Raises:
            UsageError: they begin with none.
        """
        if len(data) < HEADER_SIZE or data[0] not in _STARTERS:
            raise UsageError("no FCode here: a program begins with a byte F0 … F3 or FD and a header of 8 bytes")
        return cls(data, data[0], data[1], int.from_bytes(data[2:4]), int.from_bytes(data[4:8]))

    @property
    def name(self) -> str:
        """`start0` … `start4` or `version1`."""
        return NAMES[self.starter]

    @property
    def spread(self) -> int:
        """From one byte to the next, in bytes, where the program is in a device: 0, 1, 2 or 4 (§5.3.3.1)."""
        return {0xF0: 0, 0xF2: 2, 0xF3: 4}.get(self.starter, 1)

    @property
    def sum(self) -> int:
        """The checksum that its bytes have."""
        return sum(self.data[HEADER_SIZE : self.length]) & 0xFFFF

    def steps(self, *, beyond: bool = False) -> Iterator[Step]:
        """Its steps, up to end0 or end1, or to its length.

        Args:
            beyond: whether they go on behind end0 and end1.

        Raises:
            UsageError: it ends in the middle of a step.
        """
        data, at, wide = self.data[: max(self.length, HEADER_SIZE)], HEADER_SIZE, self.starter != VERSION1
        while at < len(data):
            step = _step(data, at, wide=wide)
            wide = wide or step.number == OFFSET16
            yield step
            if step.number in (END0, END1) and not beyond:
                return
            at = step.end


def starts_program(data: bytes) -> bool:
    """Whether data look like a program with a header."""
    return len(data) >= HEADER_SIZE and data[0] in _STARTERS


def find_programs(data: bytes) -> Iterator[tuple[int, Program]]:
    """The programs that stand behind each other in data, and where.

    Raises:
        UsageError: there is none at the beginning.
    """
    at = 0
    while at == 0 or starts_program(data[at : at + HEADER_SIZE]):
        program = Program.parse(data[at:])
        yield at, program
        at += max(program.length, HEADER_SIZE)


def _step(data: bytes, start: int, *, wide: bool) -> Step:
    number, at = _number(data, start)
    value, text, target = 0, b"", 0
    match behind(number):
        case Behind.CELL:
            value, at = int.from_bytes(_take(data, at, 4)), at + 4
        case Behind.NUMBER | Behind.NEW:
            value, at = _number(data, at)
        case Behind.TEXT:
            text, at = _text(data, at)
        case Behind.NAMED:
            text, at = _text(data, at)
            value, at = _number(data, at)
        case Behind.OFFSET:
            size = 2 if wide else 1
            value = int.from_bytes(_take(data, at, size), signed=True)
            target, at = at + value, at + size
        case Behind.HEADER:
            raise UsageError(f"{NAMES[number]} at {start} in the middle of a program")
        case Behind.NOTHING:
            pass
    return Step(start, number, value, text, target, at)


def _number(data: bytes, at: int) -> tuple[int, int]:
    first = _take(data, at, 1)[0]
    if not 0x01 <= first <= 0x0F:
        return first, at + 1
    return first << 8 | _take(data, at + 1, 1)[0], at + 2


def _text(data: bytes, at: int) -> tuple[bytes, int]:
    length = _take(data, at, 1)[0]
    return _take(data, at + 1, length), at + 1 + length


def _take(data: bytes, at: int, count: int) -> bytes:
    found = data[at : at + count]
    if len(found) < count:
        raise UsageError(f"the program ends at {len(data)}, in the middle of what begins before")
    return found


def name_of(number: int) -> str:
    """The name of a number that isn't a program's own; `ferror` for one without."""
    return NAMES.get(number, NAMES[FERROR])


def is_own(number: int) -> bool:
    """Whether a number is a program's own."""
    return number >= FIRST_PROGRAM_NUMBER
