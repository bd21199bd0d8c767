"""Events as objects for JSON: what other programs read of a trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import vof.firmware  # noqa: F401 - it fills the table of services
from vof.events import (
    ClientReturn,
    ConsoleInput,
    ConsoleOutput,
    Event,
    Injected,
    OsiCall,
    Phase,
    TreeReplaced,
    Written,
)
from vof.firmware.table import SERVICES, Argument, Kind

__all__ = ["event_object"]

_HANDLES = (Kind.PACKAGE, Kind.INSTANCE)
_NONE: tuple[Argument, ...] = ()


def event_object(event: Event) -> dict[str, Any] | None:
    """An event; None for one that has no object of its own: the beginning of a call.

    Cells stand under their names, unsigned; those that the service doesn't declare in a list. Times are in seconds.
    """
    make = _MAKERS.get(type(event))
    return None if make is None else make(event)


def _call(event: ClientReturn) -> dict[str, Any]:
    row = SERVICES.get(event.service)
    declared, declared_results = (row.arguments, row.results) if row is not None else (_NONE, _NONE)
    item: dict[str, Any] = {
        "event": "call",
        "service": event.service,
        "arguments": _named(declared, event.arguments),
        "strings": {
            each.name: event.texts[place] for place, each in enumerate(declared) if place in event.texts
        },
        "paths": {
            each.name: event.paths[value]
            for cells, values in ((declared, event.arguments), (declared_results, event.results))
            for each, value in zip(cells, values, strict=False)
            if each.kind in _HANDLES and value in event.paths
        },
        "results": _named(declared_results, event.results),
        "r3": event.status,
    }  # fmt: skip
    further = event.arguments[len(declared) :]
    if further:
        item["further_arguments"] = list(further)
    further = event.results[len(declared_results) :]
    if further:
        item["further_results"] = list(further)
    item["failed"] = event.fault or None
    for name in ("outcome", "hook"):
        if getattr(event, name):
            item[name] = getattr(event, name)
    if event.given is not None:
        item["given"] = _data(event.given)
    item["written"] = [_data(each) for each in event.writes]
    item["block"] = event.block
    item["depth"] = event.depth
    item["at"] = _seconds(event.started)
    item["clock"] = _seconds(event.clock)
    item["spent"] = _seconds(event.duration)
    item["phase"], item["engine"], item["trap"] = event.phase, event.engine, event.trap
    return item


def _named(declared: Sequence[Argument], values: Sequence[int]) -> dict[str, int]:
    return {each.name: value for each, value in zip(declared, values, strict=False)}


def _data(data: Written) -> dict[str, Any]:
    item: dict[str, Any] = {"address": data.address, "size": data.size, "hex": data.head.hex()}
    return item if not data.digest else item | {"digest": data.digest}


def _output(event: ConsoleOutput) -> dict[str, Any]:
    return {"event": "console", "text": event.data.decode("latin-1"), "at": _seconds(event.at)}


def _input(event: ConsoleInput) -> dict[str, Any]:
    return {"event": "typed", "text": event.data.decode("latin-1"), "at": _seconds(event.at)}


def _phase(event: Phase) -> dict[str, Any]:
    return {"event": "phase", "name": event.name, "detail": event.detail, "at": event.seconds}


def _injected(event: Injected) -> dict[str, Any]:
    return {"event": "injected", "fault": event.fault, "what": event.what, "at": _seconds(event.at)}


def _osi(event: OsiCall) -> dict[str, Any]:
    item = {"event": "osi", "selector": event.selector, "name": event.name}
    item |= {"arguments": event.arguments, "results": event.results, "fault": event.fault}
    return item | {"outcome": event.outcome, "at": _seconds(event.at)}


def _tree(event: TreeReplaced) -> dict[str, Any]:
    return {"event": "tree replaced", "nodes": event.nodes}


def _seconds(nanoseconds: int) -> float:
    return round(nanoseconds / 1e9, 7)


_MAKERS: dict[type, Callable[[Any], dict[str, Any]]] = {
    ClientReturn: _call,
    ConsoleInput: _input,
    ConsoleOutput: _output,
    Injected: _injected,
    OsiCall: _osi,
    Phase: _phase,
    TreeReplaced: _tree,
}
