"""A history as columns: what the page gets. A list a field, each string once; 100,000 calls are a few megabytes.

A cell of a column is a number: a string is its place among `strings`. What few calls have stands in a table of its own
beside the call's place. `data.js` reads all this; the two change together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vof.firmware import SERVICES
from vof.trace.history import Boot, Call, Data, History

__all__ = ["Parting", "columns"]


class _Strings:
    """Gives each string a place; the empty one has 0."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {"": 0}

    def __call__(self, text: str) -> int:
        return self.places.setdefault(text, len(self.places))


@dataclass(frozen=True, slots=True)
class Parting:
    """Where a run parts from another.

    Attributes:
        name: the other recording's name.
        lines: what `vof.trace.diff_text` says of it.
        call: the first call that differs, by its place among those that returned; -1 if none does.
    """

    name: str
    lines: tuple[str, ...]
    call: int


def columns(history: History, name: str, parting: Parting | None = None) -> dict[str, Any]:
    """Everything that the page shows, as JSON takes it.

    Args:
        history: what to show.
        name: the recording's name.
        parting: where it parts from another run, if it was compared with one.
    """
    place = _Strings()
    table = {
        "name": name,
        "header": _header(history),
        "complete": history.complete,
        "leftOut": history.left_out,
        "span": history.span,
        "calls": _calls(history.calls, place),
        "outputs": {
            "at": [output.at for output in history.outputs],
            "text": [place(output.text) for output in history.outputs],
            "typed": [index for index, output in enumerate(history.outputs) if output.typed],
        },
        "happenings": [[each.at, each.kind, each.name, each.detail] for each in history.happenings],
        "boots": [_boot(boot, place) for boot in history.boots],
        "claims": [
            [span.address, span.size, span.since, span.until, span.call, span.released, span.package]
            for span in history.claims
        ],
    }
    if parting is not None:
        # Calls stand here as they began: where some are inside of others the place is another.
        nested = any(call.depth for call in history.calls)
        call = parting.call if not nested and parting.call < len(history.calls) else -1
        table["parting"] = {"name": parting.name, "lines": parting.lines, "call": call}
    table["strings"] = [*place.places]
    return table


def _header(history: History) -> dict[str, Any]:
    header = history.header
    known = {name: str(header.get(name, "")) for name in ("machine", "engine", "trap", "vof", "created", "host")}
    options = header.get("options")
    command = header.get("command")
    return {
        **known,
        "running": str(header.get("running", "")),
        "options": [[str(key), _plain(value)] for key, value in options.items()] if isinstance(options, dict) else [],
        "command": [str(word) for word in command] if isinstance(command, list) else [],
    }


def _plain(value: Any) -> str:
    return ", ".join(str(each) for each in value) if isinstance(value, list) else str(value)


def _calls(calls: list[Call], place: _Strings) -> dict[str, Any]:
    names = list(dict.fromkeys(call.service for call in calls))
    numbers = {name: number for number, name in enumerate(names)}
    table: dict[str, Any] = {
        "services": [_service(name) for name in names],
        "service": [numbers[call.service] for call in calls],
        "started": [call.started for call in calls],
        "took": [call.took for call in calls],
        "depth": [call.depth for call in calls],
        "boot": [call.boot for call in calls],
        "fault": [place(call.fault) for call in calls],
        "counts": [len(call.arguments) for call in calls],
        "arguments": [cell for call in calls for cell in call.arguments],
        "resultCounts": [len(call.results) for call in calls],
        "results": [cell for call in calls for cell in call.results],
    }
    texts: list[int] = []
    wrote: list[int] = []
    given: list[int] = []
    notes: list[list[Any]] = []
    for index, call in enumerate(calls):
        for argument, text in call.texts.items():
            texts += (index, argument, place(text))
        for data in call.wrote:
            wrote += _data(index, data, place)
        if call.given is not None:
            given += _data(index, call.given, place)
        if call.status or call.outcome or call.hook:
            notes.append([index, call.status, call.outcome, call.hook])
    return {**table, "texts": texts, "wrote": wrote, "given": given, "notes": notes}


def _data(index: int, data: Data, place: _Strings) -> tuple[int, int, int, int]:
    return index, data.address, data.size, place(data.head.decode("latin-1"))


def _service(name: str) -> list[Any]:
    row = SERVICES.get(name)
    if row is None:
        return [name, "", [], [], False]
    cells = [[[cell.name, str(cell.kind)] for cell in cells] for cells in (row.arguments, row.results)]
    return [name, row.summary, *cells, row.variadic]


def _boot(boot: Boot, place: _Strings) -> dict[str, Any]:
    nodes: list[int] = []
    properties: list[int] = []

    def add(node: list[Any], parent: int) -> None:
        name, phandle, values, children = node
        number = len(nodes) // 3
        nodes.extend((parent, place(name), phandle))
        for key, (value, size) in values.items():
            properties.extend((number, place(key), place(value), size))
        for child in children:
            add(child, number)

    add(boot.tree, -1)
    return {
        "at": boot.at,
        "memory": boot.memory,
        "areas": boot.areas,
        "handles": [*boot.paths],
        "paths": [place(path) for path in boot.paths.values()],
        "nodes": nodes,
        "properties": properties,
    }
