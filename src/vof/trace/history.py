"""`History`: a recording put in order for those who draw it: calls as they began, and what stood around them.

A recording tells calls as they returned and each run's times from that run's start. Here calls stand as they began,
those made inside of a call right behind it, and runs follow each other on one clock. Whatever a file says is bounded
and checked: what comes out has the types that are declared, and as much of it as a reader can look at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from vof.errors import UsageError
from vof.trace.claims import ClaimHistory, Span
from vof.trace.data import GIVEN
from vof.trace.lines import Line, data_of
from vof.trace.recording import Recording

__all__ = ["Boot", "Call", "Data", "Happening", "History", "Output", "read_history"]

CALLS_LIMIT = 500_000
"""Calls that are kept; of a longer recording, the first."""
_OUTPUTS_LIMIT = 200_000
_OUTPUT_LIMIT = 1 << 23
"""Characters of the console."""
_HAPPENINGS_LIMIT = 10_000
_TREE_LIMIT = 20_000
"""Nodes of a tree."""
_CELLS_LIMIT = 32
_TEXT_LIMIT = 256
_HEAD_LIMIT = 256
_PROPERTY_LIMIT = 4096
_LONGEST = 1 << 52
"""Nanoseconds: 52 days, and a number that JavaScript holds."""
_MASK = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Data:
    """A piece of guest memory that a call wrote or read.

    Attributes:
        address: where.
        size: bytes.
        head: the first of them, at most 256.
    """

    address: int
    size: int
    head: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """A client call.

    Attributes:
        service, arguments, results, status, fault, depth, outcome, hook, texts: as in `ClientReturn`.
        started, took: nanoseconds. No call reaches into the next, and none out of the one that it is inside of.
        boot: the place of its firmware's start in `History.boots`, -1 before the first.
        wrote: guest memory that the firmware wrote, its result cells apart.
        given: what a `write`, `setprop` or `chain` found at its buffer.
    """

    service: str
    arguments: tuple[int, ...]
    results: tuple[int, ...]
    status: int
    fault: str
    depth: int
    outcome: str
    hook: str
    texts: Mapping[int, str]
    started: int
    took: int
    boot: int
    wrote: tuple[Data, ...]
    given: Data | None


@dataclass(frozen=True, slots=True)
class Output:
    """What the console showed, or what was typed.

    Attributes:
        at: when, in nanoseconds.
        text: a character a byte.
        typed: whether somebody typed it.
    """

    at: int
    text: str
    typed: bool


@dataclass(frozen=True, slots=True)
class Happening:
    """Something between the calls.

    Attributes:
        at: when, in nanoseconds.
        kind: `run`, `phase`, `tree`, `injected`, `restored` or `end`.
        name: what.
        detail: a few words more.
    """

    at: int
    kind: str
    name: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Boot:
    """A start of the firmware.

    Attributes:
        at: when, in nanoseconds.
        memory: bytes of the guest's memory.
        areas: what is in it from the start: a name, an address and a size each.
        tree: the tree that the client found; see `vof.trace.lines.flat_tree`. Checked, its values shortened to 4096
            characters, with their true sizes: name, phandle, {property: (value, size)}, children.
        paths: the path of each handle that a call had or was given.
    """

    at: int
    memory: int
    areas: tuple[tuple[str, int, int], ...]
    tree: list[Any]
    paths: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True)
class History:
    """All that a recording tells.

    Attributes:
        header: of its first run.
        calls: in the order in which they began.
        outputs, happenings, boots: in the order of time.
        claims: of guest memory.
        span: nanoseconds from the start to the end.
        complete: whether its end is there.
        left_out: calls and pieces of output that were too many.
    """

    header: Line
    calls: list[Call] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)
    boots: list[Boot] = field(default_factory=list)
    claims: list[Span] = field(default_factory=list)
    span: int = 0
    complete: bool = False
    left_out: int = 0


def read_history(recording: Recording) -> History:
    """Read a recording.

    Raises:
        UsageError: it can't be read, or what it holds makes no sense.
    """
    reader = _Reader(recording.header)
    try:
        for line in recording.lines():
            reader.take(line)
        return reader.finish(recording.complete)
    except (ArithmeticError, AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise UsageError(f"{recording.path} is damaged: line {reader.number} makes no sense") from error


class _Reader:
    """Reads lines into a history."""

    def __init__(self, header: Line) -> None:
        self.history = History(header)
        self.number = 0
        self._offset = 0
        self._latest = 0
        self._runs = 0
        self._shown = 0
        self._kinds = {
            "header": self._take_header,
            "boot": self._take_boot,
            "call": self._take_call,
            "out": self._take_output,
            "in": self._take_output,
            "phase": self._take_phase,
            "tree": self._take_tree,
            "injected": self._take_injected,
            "restored": self._take_restored,
            "end": self._take_end,
        }

    def take(self, line: Line) -> None:
        """Read one; what this version doesn't know is left out."""
        self.number += 1
        take = self._kinds.get(line["is"])
        if take is not None:
            take(line)

    def finish(self, complete: bool) -> History:
        history = self.history
        history.complete = complete
        history.span = self._latest
        # An answer is told before the call that it was made inside of, and the console's bytes before the call's end.
        history.outputs.sort(key=lambda output: output.at)
        history.happenings.sort(key=lambda happening: happening.at)
        history.calls = _in_order(history.calls)
        claims = ClaimHistory(history.span)
        boot = -1
        for index, call in enumerate(history.calls):
            if call.boot > boot:
                boot = call.boot
                claims.clear(call.started)
            claims.see(index, call.service, call.arguments, call.results, call.texts, call.fault, call.started)
        history.claims = claims.spans()
        return history

    # The kinds of lines

    def _take_header(self, line: Line) -> None:
        self._offset = self._latest
        self._runs += 1
        if self._runs > 1:
            self._happen(0, "run", f"run {self._runs}", f"{line['machine']}, {line['engine']}, {line['trap']}")

    def _take_boot(self, line: Line) -> None:
        program = line.get("program", {})
        start, size = line["region"]
        areas = [("firmware", int(start), int(size))]
        for name in ("kernel", "initrd"):
            start, size = program.get(name) or (0, 0)
            areas.append((name, int(start), int(size)))
        tree = _checked_tree(line["tree"])
        memory = _bounded(line["memory"], 1 << 48)
        known = tuple((name, _bounded(start, 1 << 48), _bounded(size, 1 << 48)) for name, start, size in areas if size)
        self.history.boots.append(Boot(self._time(line["at"], 1000), memory, known, tree))
        del self.history.boots[_HAPPENINGS_LIMIT:]

    def _take_call(self, line: Line, depth: int = 0) -> None:
        history = self.history
        boot = len(history.boots) - 1
        if "names" in line and boot >= 0:
            paths = history.boots[boot].paths
            for handle, path in line["names"]:
                paths[_cell(handle)] = _text(path)
        if len(history.calls) < CALLS_LIMIT:
            history.calls.append(self._call(line, boot, depth))
        else:
            history.left_out += 1
        for entry in line.get("ports", ()):
            for nested in entry[4:]:
                for each in nested:
                    self._take_call(each, depth + 1)

    def _call(self, line: Line, boot: int, depth: int) -> Call:
        started, took = line["us"]
        started = self._time(started, 1000)
        took = _bounded(took, _LONGEST, 1000)
        self._latest = max(self._latest, min(started + took, _LONGEST))
        service = _text(line["service"])
        arguments = _cells(line["args"])
        place = GIVEN.get(service)
        given = None
        if place is not None and len(arguments) > place and line.get("reads"):
            given = _given(arguments[place], line["reads"][1:])
        return Call(
            service,
            arguments,
            _cells(line["results"]) if "results" in line else (),
            -1 if line.get("status", 0) else 0,
            _text(line["fault"]) if "fault" in line else "",
            depth,
            _text(line["outcome"]) if "outcome" in line else "",
            _text(line["hook"]) if "hook" in line else "",
            {int(place): _text(text) for place, text in line["texts"][:_CELLS_LIMIT]} if "texts" in line else {},
            started,
            took,
            boot,
            tuple([_data(address, value) for address, value in line["wrote"][:8]]) if "wrote" in line else (),
            given,
        )

    def _take_output(self, line: Line) -> None:
        outputs, text = self.history.outputs, line["data"]
        at = self._time(line["at"], 1000)
        if not isinstance(text, str):
            raise TypeError("no text")
        self._shown += len(text)
        if len(outputs) < _OUTPUTS_LIMIT and self._shown <= _OUTPUT_LIMIT:
            outputs.append(Output(at, text, line["is"] == "in"))
        else:
            self.history.left_out += 1

    def _take_phase(self, line: Line) -> None:
        self._happen(line["seconds"], "phase", line["name"], line["detail"], unit=1e9)

    def _take_tree(self, line: Line) -> None:
        self._happen(self._now, "tree", "tree replaced", f"{int(line['nodes'])} nodes", unit=1)

    def _take_injected(self, line: Line) -> None:
        self._happen(line["at"], "injected", line["fault"], line["what"])

    def _take_restored(self, line: Line) -> None:
        self._happen(self._now, "restored", "snapshot restored", unit=1)

    def _take_end(self, line: Line) -> None:
        self._happen(line["at"], "end", line["reason"], line["message"])

    def _happen(self, at: Any, kind: str, name: str, detail: str = "", *, unit: float = 1000) -> None:
        if len(self.history.happenings) < _HAPPENINGS_LIMIT or kind == "end":
            self.history.happenings.append(Happening(self._time(at, unit), kind, _text(name), _text(detail)))

    @property
    def _now(self) -> int:
        """The latest time of this run that was told."""
        return self._latest - self._offset

    def _time(self, value: Any, unit: float) -> int:
        """A time of the run, in units of so many nanoseconds, on the clock of all."""
        time = min(self._offset + _bounded(value, _LONGEST, unit), _LONGEST)
        self._latest = max(self._latest, time)
        return time


def _given(address: int, reads: Sequence[Any]) -> Data | None:
    return next((_data(start, value) for start, value in reads if start == address), None)


def _data(address: int, value: Any) -> Data:
    if isinstance(value, str):
        return Data(_cell(address), len(value), value[:_HEAD_LIMIT].encode("latin-1"))
    if isinstance(value, dict) and "bulk" in value:
        return Data(_cell(address), _bounded(value["bulk"], _MASK), data_of(value)[:_HEAD_LIMIT])
    data = data_of(value)
    return Data(_cell(address), len(data), data[:_HEAD_LIMIT])


def _in_order(calls: list[Call]) -> list[Call]:
    """The calls as they began, their times such that none reaches into another: a recording rounds them down."""
    if all(call.depth == 0 and call.started + call.took <= after.started for call, after in pairwise(calls)):
        return calls
    families = _families(calls)
    families.sort(key=lambda family: family[0].started)
    ends = [0]
    """When the last call of each depth ended, as far as the depths are open."""
    limits: list[int] = [_LONGEST]
    """When what is around each depth ends."""
    ordered = []
    for call in (call for family in families for call in family):
        depth = call.depth
        del limits[depth + 1 :], ends[depth + 1 :]
        limit = limits[depth]
        start = min(max(call.started, ends[depth]), limit)
        end = min(start + call.took, limit)
        if start != call.started or end - start != call.took:
            ordered.append(replace(call, started=start, took=end - start))
        else:
            ordered.append(call)
        ends[depth] = end
        limits.append(end)
        ends.append(start)
    return ordered


def _families(calls: list[Call]) -> list[list[Call]]:
    """Each call from outside with those inside of it."""
    families: list[list[Call]] = []
    for call in calls:
        if call.depth == 0:
            families.append([call])
        else:
            families[-1].append(call)
    return families


def _checked_tree(tree: Any) -> list[Any]:
    """The tree with its types made sure, and no larger than a reader can look at."""
    count = 0

    def check(node: Any) -> list[Any]:
        nonlocal count
        count += 1
        name, phandle, properties, children = node
        values = {}
        for key, value in [*properties.items()][:_PROPERTY_LIMIT]:
            data = value.encode("latin-1")
            values[_text(key)] = (data[:_PROPERTY_LIMIT].decode("latin-1"), len(data))
        return [_text(name), _cell(phandle), values, [check(child) for child in children if count < _TREE_LIMIT]]

    return check(tree)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value[:_TEXT_LIMIT]


def _cell(value: Any) -> int:
    return int(value) & _MASK


def _cells(values: Sequence[Any]) -> tuple[int, ...]:
    return tuple([int(value) & _MASK for value in values[:_CELLS_LIMIT]])


def _bounded(value: Any, limit: int, factor: float = 1) -> int:
    """A number of a file, times a factor; at least 0."""
    if not isinstance(value, int | float):
        raise TypeError("no number")
    return min(max(int(value * factor), 0), limit)
