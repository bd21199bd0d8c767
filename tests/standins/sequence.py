"""Call sequences as tables, and running them against a firmware through argument blocks in guest memory.

A stand-in is not the client: it is what the client's sources say that it asks, in which order, with its quirks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from fakes import Answer, Caller

__all__ = ["At", "Buffer", "Expect", "Ref", "Repeat", "Search", "Sequence", "Step", "run"]

_MINUS_ONE = 0xFFFFFFFF
_MOST = 100_000
"""Calls that a `Repeat` may take: a key that is typed comes after some thousands."""


class Expect(Enum):
    """What the first result cell must be; r3 is 0 but where said."""

    HANDLE = auto()
    """neither 0 nor -1, and below 2**31"""
    FAILED = auto()
    """-1"""
    ZERO = auto()
    POSITIVE = auto()
    NOT_NEGATIVE = auto()
    ANYTHING = auto()
    UNKNOWN = auto()
    """no such service: r3 is -1"""
    THROWN = auto()
    """a method that isn't there: the catch-result isn't 0"""
    FORTH = auto()
    """text for `interpret`: it runs to its end, and the catch-result is 0"""


@dataclass(frozen=True, slots=True)
class Ref:
    """The result that an earlier step has kept under this name, plus an offset."""

    name: str
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Buffer:
    """A new buffer.

    Attributes:
        size: its bytes.
        name: what to keep its first cell under afterwards, if anything.
        was: the byte that it is full of before.
    """

    size: int
    name: str = ""
    was: bytes = b"\0"


@dataclass(frozen=True, slots=True)
class At:
    """The buffer of this name once more."""

    name: str


Argument = int | str | Ref | Buffer | At


@dataclass(frozen=True, slots=True)
class Step:
    """One call.

    Attributes:
        service: its name.
        arguments: cells, strings, buffers, earlier results.
        expect: what comes of it, or the very value.
        keep: the name to keep the first result cell under, or the second of `call-method`.
        results: result cells, where they aren't those of the standard.
        holds: what must be in the first buffer afterwards.
        given: the call is made only if the result of this name is a handle: the client looks, too.
        quirk: what the client does that others don't, and where its source says so.
    """

    service: str
    arguments: tuple[Argument, ...]
    expect: Expect | int
    keep: str = ""
    results: int | None = None
    holds: bytes = b""
    given: str = ""
    quirk: str = ""


@dataclass(frozen=True, slots=True)
class Repeat:
    """The same call again and again, until its first result is `until`."""

    step: Step
    until: int


@dataclass(frozen=True, slots=True)
class Search:
    """A call with one value after the other, kept as `name`, until it doesn't come to -1; one of them must do."""

    step: Step
    name: str
    values: Iterable[int]


Sequence = tuple[Step | Repeat | Search, ...]


def run(sequence: Sequence, call: Caller, known: Mapping[str, int] | None = None) -> list[str]:
    """Make the calls; the services called, in their order.

    Args:
        sequence: the table.
        call: makes one call.
        known: results that are there from the start, such as the entry's arguments.
    """
    client = _Client(call, dict(known or {}))
    for number, line in enumerate(sequence, 1):
        if isinstance(line, Step):
            client.make(number, line)
        elif isinstance(line, Repeat):
            assert any(client.make(number, line.step) == line.until for _ in range(_MOST)), f"step {number} never ends"
        else:
            client.search(number, line)
    return client.made


@dataclass
class _Client:
    """What a client has in mind while it calls: the results, and where its buffers are."""

    call: Caller
    kept: dict[str, int]
    buffers: dict[str, int] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)

    def make(self, number: int, step: Step) -> int | None:
        """Make a call; its first result."""
        if step.given and not 0 < self.kept[step.given] < _MINUS_ONE:
            return None
        new: list[tuple[Buffer, int]] = []
        cells = [self._cell(argument, new) for argument in step.arguments]
        answer = self.call(step.service, *cells, nret=step.results)
        self.made.append(step.service)
        first = answer.results[0] if answer.results else 0
        where = f"step {number}, {step.service} {step.arguments} -> r3 {answer.r3}, {answer.results}: {step.quirk}"
        assert answer.r3 == (-1 if step.expect is Expect.UNKNOWN else 0), where
        assert _holds(step.expect, first), where
        for buffer, address in new:
            data = self.call.memory.read(address, buffer.size)
            assert step.holds in data, f"{where}: {data!r}"
            if buffer.name:
                self.buffers[buffer.name] = address
                self.kept[buffer.name] = int.from_bytes(data[:4])
        if step.keep:
            self.kept[step.keep] = _result(step, answer)
        return first

    def search(self, number: int, search: Search) -> None:
        for value in search.values:
            self.kept[search.name] = value
            if self.make(number, search.step) != _MINUS_ONE:
                return
        raise AssertionError(f"step {number}, {search.step.service}: none of the values would do")

    def _cell(self, argument: Argument, new: list[tuple[Buffer, int]]) -> int | str:
        if isinstance(argument, Ref):
            return self.kept[argument.name] + argument.offset
        if isinstance(argument, At):
            return self.buffers[argument.name]
        if isinstance(argument, Buffer):
            new.append((argument, self.call.put(argument.was * argument.size)))
            return new[-1][1]
        return argument


def _result(step: Step, answer: Answer) -> int:
    """The result that a client keeps: behind the catch-result, where there is one."""
    return answer.results[step.service in ("call-method", "interpret")]


def _holds(expect: Expect | int, value: int) -> bool:
    if isinstance(expect, int):
        return value == expect & _MINUS_ONE
    return {
        Expect.HANDLE: 0 < value < 0x80000000,
        Expect.FAILED: value == _MINUS_ONE,
        Expect.ZERO: value == 0,
        Expect.POSITIVE: 0 < value < 0x80000000,
        Expect.NOT_NEGATIVE: value < 0x80000000,
        Expect.ANYTHING: True,
        Expect.UNKNOWN: True,
        Expect.THROWN: value != 0,
        Expect.FORTH: value == 0,
    }[expect]
