"""Where two recorded runs part: their calls, aligned, and what differs, the trees that they began with, their ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from vof.events import ClientReturn
from vof.trace.lines import Line, data_of
from vof.trace.recording import Recording
from vof.trace.saying import MAY_DIFFER, Saying, is_poll, said_by

__all__ = ["Comparison", "Difference", "Side", "compare", "compare_answers"]

_WINDOW = 2000
"""Calls within which two runs that have parted are looked for to meet again."""
_MEETING = 3
"""Calls in a row that must be alike for that."""
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
    """One run: its calls without polls."""

    calls: list[ClientReturn] = field(default_factory=list)
    said: list[Saying] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    count: int = 0

    def take(self, calls: Iterable[ClientReturn]) -> None:
        for event in calls:
            if not is_poll(event):
                self.calls.append(event)
                self.said.append(said_by(event))
                self.numbers.append(self.count)
            self.count += 1

    def side(self, start: int, end: int) -> Side:
        number = self.numbers[start] if start < len(self.numbers) else self.count
        return Side(number, tuple(self.calls[start:end]))


def compare(good: Recording, bad: Recording, *, context: int = 3, ignore: Sequence[str] = ()) -> Comparison:
    """Compare two runs.

    Args:
        good, bad: the runs; of a file with several, all of them.
        context: how many calls to show around a difference.
        ignore: services that are left out.

    Raises:
        UsageError: a file is damaged.
    """
    runs = (_Run(), _Run())
    for run, recording in zip(runs, (good, bad), strict=True):
        run.take(event for event in recording.calls() if event.service not in ignore)
    found = list(_part(*runs, context))
    ends = tuple(_end(recording) for recording in (good, bad))
    return Comparison(
        (runs[0].count, runs[1].count),
        tuple(found[:_KEPT]),
        len(found),
        tuple(_headers(good.header, bad.header)),
        tuple(_trees(good, bad)),
        (ends[0], ends[1]) if ends[0] != ends[1] else None,
    )


def compare_answers(
    good: Iterable[ClientReturn], bad: Iterable[ClientReturn], services: Sequence[str]
) -> tuple[int, list[tuple[ClientReturn, ClientReturn]]]:
    """Compare two firmwares by what they were both asked, in whatever order.

    Args:
        good, bad: their calls.
        services: those that count.

    Returns:
        How many questions both were asked, and the calls of those that they answered differently.
    """
    answers: dict[tuple[object, ...], ClientReturn] = {}
    for event in good:
        if event.service in services:
            answers.setdefault(said_by(event).question, event)
    different = []
    seen = set()
    for event in bad:
        said = said_by(event)
        first = answers.get(said.question)
        if first is not None and said.question not in seen:
            seen.add(said.question)
            if said_by(first).answer != said.answer and not _cut_off(first, event):
                different.append((first, event))
    return len(seen), different


def _cut_off(one: ClientReturn, other: ClientReturn) -> bool:
    """Whether two answers differ only in that of one's data there is but the beginning."""
    pairs = list(zip(one.writes, other.writes, strict=False))
    if one.results != other.results or len(one.writes) != len(other.writes):
        return False
    return all(
        first.size == second.size and first.head[: len(second.head)] == second.head[: len(first.head)]
        for first, second in pairs
    )


def _part(good: _Run, bad: _Run, context: int) -> Iterator[Difference]:
    """Every place where two runs differ."""
    here = there = 0
    ours, theirs = good.said, bad.said
    while here < len(ours) or there < len(theirs):
        if here < len(ours) and there < len(theirs) and _alike(ours[here], theirs[there]):
            here, there = here + 1, there + 1
            continue
        next_here, next_there = _meet(ours, theirs, here, there)
        yield Difference(
            _why(ours[here:next_here], theirs[there:next_there]),
            tuple(good.calls[max(0, here - context) : here]),
            good.side(here, next_here),
            bad.side(there, next_there),
            tuple(good.calls[next_here : next_here + context]),
        )
        here, there = next_here, next_there


def _meet(ours: list[Saying], theirs: list[Saying], here: int, there: int) -> tuple[int, int]:
    """Where two runs that part here are alike again."""
    if here == len(ours) or there == len(theirs):
        return len(ours), len(theirs)
    if ours[here].question == theirs[there].question:
        return here + 1, there + 1  # the same question, another answer
    following = slice(here + 1, here + 1 + _MEETING), slice(there + 1, there + 1 + _MEETING)
    if ours[following[0]] == theirs[following[1]]:
        return here + 1, there + 1  # one other question
    window = ours[here : here + _WINDOW], theirs[there : there + _WINDOW]
    matcher = SequenceMatcher(None, *window, autojunk=False)
    for block in matcher.get_matching_blocks():
        if block.size >= _MEETING:
            return here + block.a, there + block.b
    last_here, last_there = here + len(window[0]), there + len(window[1])
    return last_here, last_there


def _alike(one: Saying, other: Saying) -> bool:
    return one.question == other.question and (one.answer == other.answer)


def _why(ours: list[Saying], theirs: list[Saying]) -> str:
    if not ours:
        return f"{_calls(len(theirs))} more in the second"
    if not theirs:
        return f"{_calls(len(ours))} more in the first"
    if len(ours) == len(theirs) == 1:
        one, other = ours[0], theirs[0]
        if one.question == other.question:
            return "another answer"
        if one.question[0] == other.question[0]:
            return "the same service, asked for something else"
    return "other calls"


def _calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count} calls"


def _headers(good: Line, bad: Line) -> Iterator[tuple[str, str, str]]:
    """How two runs were run differently."""
    for name in ("vof", "machine", "engine", "trap"):
        one, other = str(good.get(name, "")), str(bad.get(name, ""))
        if one != other:
            yield name, one, other
    options = good.get("options", {}), bad.get("options", {})
    for name in {**options[0], **options[1]}:
        if name != "record" and options[0].get(name) != options[1].get(name):
            yield name, str(options[0].get(name, "")), str(options[1].get(name, ""))


def _trees(good: Recording, bad: Recording) -> Iterator[tuple[str, str, str]]:
    """What differs of the trees that two runs began with."""
    flat = [_flat(next(recording.boots(), None)) for recording in (good, bad)]
    for path in sorted({*flat[0], *flat[1]}):
        one, other = flat[0].get(path), flat[1].get(path)
        if one is None or other is None:
            above = path.rpartition("/")[0]
            if not above or (above in flat[0] and above in flat[1]):  # below a missing node nothing is news
                yield path, "a node" if one is not None else "", "a node" if other is not None else ""
            continue
        for name in sorted({*one, *other}):
            if one.get(name) != other.get(name) and name not in MAY_DIFFER:
                yield f"{path}:{name}", _value(one.get(name)), _value(other.get(name))


def _flat(boot: Line | None) -> dict[str, dict[str, str]]:
    nodes: dict[str, dict[str, str]] = {}
    if boot is not None:
        waiting = [("", boot["tree"])]
        while waiting:
            above, (name, _, properties, children) = waiting.pop()
            path = f"{above}/{name}" if name else above
            nodes[path or "/"] = properties
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


def _end(recording: Recording) -> str:
    last = None
    for line in recording.lines():
        if line["is"] == "end":
            last = line
    return "it has no end" if last is None else last["reason"]
