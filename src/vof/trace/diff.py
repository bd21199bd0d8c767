"""Where two recorded runs part: their calls, aligned, and what differs, the trees that they began with, their ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from vof.errors import UsageError
from vof.events import ClientReturn
from vof.firmware.table import SERVICES
from vof.trace.lines import Line, data_of
from vof.trace.recording import Recording, events_of
from vof.trace.saying import MAY_DIFFER, Saying, is_poll, said_by

__all__ = ["Comparison", "Difference", "Side", "compare", "must_make_sense"]

_NONSENSE = (ArithmeticError, AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)
"""What comes of lines that are JSON but tell nothing that makes sense."""
_MEETING = 3
"""Calls in a row that must be alike for two runs that have parted to have met again."""
_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Side:
    """Calls of one run at a difference.

    Attributes:
        number: the first one's place among the run's calls; polls count, though they are not compared.
        calls: those that differ; none where the other run has more.
    """

    number: int
    calls: tuple[ClientReturn, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """A place where two runs differ.

    Attributes:
        why: what differs, in words.
        before: the last calls in which they were alike, of the first run.
        good, bad: the calls of each.
        after: the next calls in which they are alike again.
    """

    why: str
    before: tuple[ClientReturn, ...]
    good: Side
    bad: Side
    after: tuple[ClientReturn, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two runs have and have not in common.

    Attributes:
        calls: how many calls each has.
        differences: where their calls differ, in order; at most 1,000.
        found: how many such places there are.
        headers: what differs of how they were run: what, the first's, the second's.
        trees: nodes and properties that differ at the start: path, the first's, the second's.
        ends: how each ended, where that differs.
    """

    calls: tuple[int, int]
    differences: tuple[Difference, ...] = ()
    found: int = 0
    headers: tuple[tuple[str, str, str], ...] = ()
    trees: tuple[tuple[str, str, str], ...] = ()
    ends: tuple[str, str] | None = None

    @property
    def first(self) -> Difference | None:
        """The first place where their calls differ."""
        return self.differences[0] if self.differences else None

    @property
    def same(self) -> bool:
        """Whether they are alike. How they were run doesn't count, only what came of it."""
        return not (self.differences or self.trees or self.ends)


@dataclass(slots=True)
class _Run:
    """One run: its calls without polls.

    Attributes:
        names: a number for each thing that was said in either run, by which they are compared.
        calls: the calls.
        said: what each says: its number.
        numbers: the place of each among all calls.
        count: how many calls there are, with polls.
        tree: the one that it began with, by path.
        end: how it ended.
    """

    names: dict[Saying, int]
    calls: list[ClientReturn] = field(default_factory=list)
    said: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    count: int = 0
    tree: dict[str, dict[str, str]] = field(default_factory=dict)
    end: str = "it has no end"

    def read(self, recording: Recording, ignore: Sequence[str]) -> None:
        for event in events_of(self._look_at(recording.lines())):
            if type(event) is ClientReturn and event.service not in ignore:
                if not is_poll(event):
                    self.calls.append(event)
                    self.said.append(self.names.setdefault(said_by(event), len(self.names)))
                    self.numbers.append(self.count)
                self.count += 1

    def side(self, start: int, end: int) -> Side:
        number = self.numbers[start] if start < len(self.numbers) else self.count
        return Side(number, tuple(self.calls[start:end]))

    def _look_at(self, lines: Iterator[Line]) -> Iterator[Line]:
        """The lines, each looked at for what is no call."""
        for line in lines:
            if line["is"] == "end":
                self.end = str(line["reason"])
            elif line["is"] == "boot" and not self.tree:
                self.tree = _flat(line["tree"])
            yield line


def compare(good: Recording, bad: Recording, *, context: int = 3, ignore: Sequence[str] = ()) -> Comparison:
    """Compare two runs.

    Args:
        good, bad: the runs; of a file with several, all of them.
        context: how many calls to show around a difference.
        ignore: services that are left out.

    Raises:
        UsageError: a file is damaged.
    """
    names: dict[Saying, int] = {}
    one, other = _Run(names), _Run(names)
    for run, recording in ((one, good), (other, bad)):
        with must_make_sense(recording):
            run.read(recording, ignore)
    found = list(_part(one, other, [*names], context))
    return Comparison(
        (one.count, other.count),
        tuple(found[:_KEPT]),
        len(found),
        tuple(_headers(good.header, bad.header)),
        tuple(_trees(one.tree, other.tree)),
        (one.end, other.end) if one.end != other.end else None,
    )


@contextmanager
def must_make_sense(recording: Recording) -> Iterator[None]:
    """Around what reads a recording: one whose lines tell nothing that makes sense is refused.

    Raises:
        UsageError: it is damaged.
    """
    try:
        yield
    except _NONSENSE:
        raise UsageError(f"{recording.path} is damaged: it makes no sense") from None


def _part(good: _Run, bad: _Run, sayings: list[Saying], context: int) -> Iterator[Difference]:
    """Every place where two runs differ."""
    here = there = 0
    ours, theirs = good.said, bad.said
    while here < len(ours) or there < len(theirs):
        if here < len(ours) and there < len(theirs) and ours[here] == theirs[there]:
            here, there = here + 1, there + 1
            continue
        next_here, next_there = _meet(ours, theirs, here, there, sayings)
        sides = [[sayings[number] for number in side] for side in (ours[here:next_here], theirs[there:next_there])]
        yield Difference(
            _why(*sides),
            tuple(good.calls[max(0, here - context) : here]),
            good.side(here, next_here),
            bad.side(there, next_there),
            tuple(good.calls[next_here : next_here + context]),
        )
        here, there = next_here, next_there


def _meet(ours: list[int], theirs: list[int], here: int, there: int, sayings: list[Saying]) -> tuple[int, int]:
    """Where two runs that part here are alike again: the nearest place, so that all takes time as calls are many."""
    if here < len(ours) and there < len(theirs):
        same_question = sayings[ours[here]].question == sayings[theirs[there]].question
        if same_question or _few(ours, here + 1) == _few(theirs, there + 1):
            return here + 1, there + 1
    mine: dict[tuple[int, ...], int] = {}
    yours: dict[tuple[int, ...], int] = {}
    step = 0
    while True:  # until both are at their ends, where nothing follows in either
        one, other = min(here + step, len(ours)), min(there + step, len(theirs))
        mine.setdefault(_few(ours, one), one)
        yours.setdefault(_few(theirs, other), other)
        if (met := yours.get(_few(ours, one))) is not None:
            return one, met
        if (met := mine.get(_few(theirs, other))) is not None:
            return met, other
        step += 1


def _few(said: list[int], start: int) -> tuple[int, ...]:
    return tuple(said[start : start + _MEETING])


def _why(ours: list[Saying], theirs: list[Saying]) -> str:
    if not ours:
        return f"{_calls(len(theirs))} more in the second"
    if not theirs:
        return f"{_calls(len(ours))} more in the first"
    if len(ours) == len(theirs) == 1:
        one, other = ours[0], theirs[0]
        if one.question == other.question:
            return "another answer" if one.cells != other.cells else "the same answer, other data"
        if one.question[0] == other.question[0]:
            return f"the same service, {_argument(one.question, other.question)}"
    return "other calls"


def _argument(one: tuple[object, ...], other: tuple[object, ...]) -> str:
    """Which argument of a service differs."""
    row = SERVICES.get(str(one[0]))
    place = next((place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)
    if row is None or not 0 < place <= len(row.arguments):
        return "given something else"
    return f"another {row.arguments[place - 1].name}"


def _calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count} calls"


def _headers(good: Line, bad: Line) -> Iterator[tuple[str, str, str]]:
    """How two runs were run differently."""
    for name in ("vof", "machine", "engine", "trap"):
        one, other = str(good.get(name, "")), str(bad.get(name, ""))
        if one != other:
            yield name, one, other
    options = [header["options"] if isinstance(header.get("options"), dict) else {} for header in (good, bad)]
    for name in {**options[0], **options[1]}:
        if name != "record" and options[0].get(name) != options[1].get(name):
            yield name, str(options[0].get(name, "")), str(options[1].get(name, ""))


def _trees(good: dict[str, dict[str, str]], bad: dict[str, dict[str, str]]) -> Iterator[tuple[str, str, str]]:
    """What differs of the trees that two runs began with."""
    for path in sorted({*good, *bad}):
        one, other = good.get(path), bad.get(path)
        if one is None or other is None:
            above = path.rpartition("/")[0]
            if not above or (above in good and above in bad):  # below a missing node nothing is news
                yield path, "a node" if one is not None else "", "a node" if other is not None else ""
            continue
        for name in sorted({*one, *other}):
            if one.get(name) != other.get(name) and name not in MAY_DIFFER:
                yield f"{path}:{name}", _value(one.get(name)), _value(other.get(name))


def _flat(tree: list[Any]) -> dict[str, dict[str, str]]:
    nodes: dict[str, dict[str, str]] = {}
    waiting = [("", tree)]
    while waiting:
        above, (name, _, properties, children) = waiting.pop()
        path = f"{above}/{name}" if name else above
        nodes[path or "/"] = {str(name): str(value) for name, value in properties.items()}
        waiting += [(path, child) for child in children]
    return nodes


def _value(value: str | None) -> str:
    if value is None:
        return "no such property"
    data = data_of(value)
    text = data.rstrip(b"\0")
    if text and all(32 <= byte < 127 for byte in text) and data.endswith(b"\0"):
        return f'"{text.decode()}"'
    return f"[{data[:32].hex(' ', 4)}{' …' if len(data) > 32 else ''}]"
