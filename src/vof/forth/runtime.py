"""What running words use: cells, memory, the stack, steps, and where output goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from vof.errors import MemoryFault, Throw, ThrowCode
from vof.ports import Memory

__all__ = ["DEFAULT_BUDGET", "STACK_LIMIT", "Runtime"]

DEFAULT_BUDGET = 40_000_000
"""Steps of one outermost text. One takes some 50 ns: a round of an empty loop is one, a call of Python is ten."""
STACK_LIMIT = 4096
"""Cells of a stack that are looked at now and then."""
_SLICE = 100_000
"""Steps between two looks at how much there is on the stack."""


class Runtime:
    """The lowest layer of a Forth; each knows those below it.

    Args:
        memory: guest memory.
        bits: of a cell, 32 or 64.
        write: gets what is typed; without, it is lost.

    Attributes:
        mask, sign, cell: a cell's highest number, its highest bit, and its bytes.
        stack: the data stack, the top last.
        column, line: where on its line, and on which line, output is.
        steps: that an outermost text may take.
        budget: those that are left until the next look around; `pay` knows how many there are then.
        helpers: what the Python of definitions calls, by name.
    """

    def __init__(self, memory: Memory, bits: int, write: Callable[[str], None] | None) -> None:
        self.memory = memory
        self.bits = bits
        self.mask = (1 << bits) - 1
        self.sign = 1 << (bits - 1)
        self.cell = bits // 8
        self.stack: list[int] = []
        self.write = write
        self.column = 0
        self.line = 0
        self.budget = _SLICE
        self.steps = self._left = DEFAULT_BUDGET
        self.helpers = self._make_helpers()

    def _begin_to_pay(self) -> None:
        """An outermost text, or call, has all steps before it."""
        self.budget, self._left = min(_SLICE, self.steps), self.steps

    def pay(self, steps: int = 0, returns: Sequence[int] = ()) -> None:
        """Pay for steps, or see what is left where a slice of them is used up.

        Args:
            steps: how many.
            returns: a definition's return stack, which is looked at, too.

        Raises:
            Throw: there are none left, and no `catch` gets that, or too much is on a stack.
        """
        self.budget -= steps
        if self.budget >= 0:
            return
        self._left += self.budget - _SLICE
        self.budget = _SLICE
        if self._left < 0:
            self.budget = 0  # whoever catches it comes no further
            raise Throw(ThrowCode.INTERRUPT, "ran for too long")
        if len(self.stack) > STACK_LIMIT:
            raise Throw(ThrowCode.STACK_OVERFLOW, "too much on the stack")
        if len(returns) > STACK_LIMIT:
            raise Throw(ThrowCode.RETURN_STACK_OVERFLOW, "too much on the return stack")

    @contextmanager
    def throwing(self) -> Iterator[None]:
        """Have Python's ways of failing become Forth's."""
        try:
            yield
        except IndexError:
            raise Throw(ThrowCode.STACK_UNDERFLOW, "stack underflow") from None
        except RecursionError:
            raise Throw(ThrowCode.RETURN_STACK_OVERFLOW, "calls too deep") from None
        except MemoryFault as fault:
            raise Throw(ThrowCode.INVALID_MEMORY_ADDRESS, str(fault)) from None

    def type(self, text: str) -> None:
        """Show a text."""
        self.pay(20 + len(text) // 8)
        head, newline, tail = text.rpartition("\n")
        if newline or "\r" in tail:
            self.line += head.count("\n") + (1 if newline else 0)
            self.column = len(tail.rpartition("\r")[2])
        else:
            self.column += len(text)
        if self.write is not None:
            self.write(text)

    def _make_helpers(self) -> Mapping[str, Any]:
        """Functions that the Python of definitions calls by name."""
        memory, mask = self.memory, self.mask
        read, write = memory.read, memory.write
        read_cells, write_cells = memory.read_cells, memory.write_cells
        size = self.cell

        def fetch_cell(address: int) -> int:
            return read_cells(address, 1)[0]

        def store_cell(address: int, cell: int) -> None:
            write_cells(address, (cell,))

        def fetch(address: int) -> int:
            return int.from_bytes(read(address, size))

        def store(address: int, cell: int) -> None:
            write(address, cell.to_bytes(size))

        def fetch_byte(address: int) -> int:
            return read(address, 1)[0]

        def store_byte(address: int, cell: int) -> None:
            write(address, _BYTES[cell & 0xFF])

        def fetch_word(address: int) -> int:
            return int.from_bytes(read(address, 2))

        def store_word(address: int, cell: int) -> None:
            write(address, (cell & 0xFFFF).to_bytes(2))

        return {
            "fetch": fetch_cell if size == 4 else fetch,
            "store": store_cell if size == 4 else store,
            "fetch4": fetch_cell,
            "store4": store_cell,
            "fetch2": fetch_word,
            "store2": store_word,
            "fetch1": fetch_byte,
            "store1": store_byte,
            "divide": _divider(mask),
        }


def _divider(mask: int) -> Callable[[int, int], tuple[int, int]]:
    def divide(dividend: int, divisor: int) -> tuple[int, int]:
        """Remainder and quotient, floored, as cells."""
        if not divisor:
            raise Throw(ThrowCode.DIVISION_BY_ZERO, "division by zero")
        quotient, remainder = divmod(dividend, divisor)
        return remainder & mask, quotient & mask

    return divide


_BYTES = tuple(bytes((byte,)) for byte in range(256))
