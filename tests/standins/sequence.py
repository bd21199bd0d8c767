"""Call sequences as tables, and running them against a firmware through argument blocks in guest memory.

A stand-in is not the client: it is what the client's sources say that it asks, in which order, with its quirks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from fakes import Caller

__all__ = ["Buffer", "Expect", "Ref", "Step", "run"]

_MINUS_ONE = 0xFFFFFFFF


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
    NOT_ZERO = auto()
    """a Forth word that isn't there yet: the catch-result says so (until there is Forth)"""


@dataclass(frozen=True, slots=True)
class Ref:
    """The result that an earlier step has kept under this name, plus an offset."""

    name: str
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Buffer:
    """A buffer of so many bytes; what is in it afterwards is kept under a name as a cell, if it has one."""

    size: int
    name: str = ""


Argument = int | str | Ref | Buffer


@dataclass(frozen=True, slots=True)
class Step:
    """One call.

    Attributes:
        service: its name.
        arguments: cells, strings, buffers, earlier results.
        expect: what comes of it, or the very value.
        keep: the name to keep the first result cell under, or the second of `call-method`.
        results: result cells, where they aren't those of the standard.
        quirk: what the client does that others don't.
    """

    service: str
    arguments: tuple[Argument, ...]
    expect: Expect | int
    keep: str = ""
    results: int | None = None
    quirk: str = ""


def run(steps: tuple[Step, ...], call: Caller, known: Mapping[str, int]) -> None:
    """Make the calls.

    Args:
        steps: the table.
        call: makes one.
        known: results that are there from the start, such as the entry's arguments.
    """
    kept = dict(known)
    for number, step in enumerate(steps, 1):
        cells: list[int | str | bytes] = []
        named: list[str] = []
        for argument in step.arguments:
            if isinstance(argument, Ref):
                cells.append(kept[argument.name] + argument.offset)
            elif isinstance(argument, Buffer):
                cells.append(bytes(argument.size))
                named.append(argument.name)
            else:
                cells.append(argument)
        answer = call(step.service, *cells, nret=step.results)
        first = answer.results[0] if answer.results else 0
        where = f"step {number}, {step.service} {step.arguments} -> r3 {answer.r3}, {answer.results}"
        assert answer.r3 == (-1 if step.expect is Expect.UNKNOWN else 0), where
        assert _holds(step.expect, first), where
        if step.keep:
            kept[step.keep] = answer.results[1] if step.service in ("call-method", "interpret") else first
        for name, data in zip(named, answer.buffers, strict=True):
            if name:
                kept[name] = int.from_bytes(data[:4])


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
        Expect.NOT_ZERO: value != 0,
    }[expect]
