"""What a client call says, apart from what differs between two runs that are alike.

Addresses, handles, times and seeds differ: an address counts by whether there is one, a handle by its path, a number
in a text by its being one. What is left can be compared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from vof.events import ClientReturn, Written
from vof.firmware.table import SERVICES, Kind

__all__ = ["MAY_DIFFER", "Saying", "is_poll", "said_by", "value_may_differ"]

MAY_DIFFER: Mapping[str, str] = {
    "available": "addresses of free memory",
    "rng-seed": "random",
    "kaslr-seed": "random",
    "phandle": "a handle",
    "linux,phandle": "a handle",
    "ibm,phandle": "a handle",
    "interrupt-parent": "a handle",
    "stdin": "a handle",
    "stdout": "a handle",
    "memory": "a handle",
    "mmu": "a handle",
    "cpu": "a handle",
    "linux,initrd-start": "an address",
    "linux,initrd-end": "an address",
    "linux,rtas-base": "an address",
    "linux,rtas-entry": "an address",
    "linux,tce-base": "an address",
    "bootargs": "what the user asked for",
    "vm,uuid": "random",
    "system-id": "random",
}
"""Properties whose values may differ between two runs that are alike, and why."""

_POLLS = ("milliseconds",)
_NUMBER = re.compile(rb"0x[0-9a-fA-F]+|\b[0-9a-fA-F]{8,16}\b|\d+")
_FAILED = 0xFFFFFFFF
_NOTHING = 0xFFFFFFFE
"""-2, what a `read` says where nothing was typed (1275's serial and keyboard packages)."""


@dataclass(frozen=True, slots=True)
class Saying:
    """A call without what differs.

    Attributes:
        question: the service and what it was asked.
        cells: what it answered.
        data: what it wrote to the client's memory; None where that is nothing, or of no matter.
    """

    question: tuple[object, ...]
    cells: tuple[object, ...]
    data: object = None


def is_poll(event: ClientReturn) -> bool:
    """Whether a call only asks what time it is or whether a key was pressed, and none was."""
    if event.service in _POLLS:
        return True
    if event.service == "read":
        return event.results in ((0,), (_NOTHING,))
    return event.service == "call-method" and event.texts.get(0) in ("key?", "read") and not any(event.results)


def said_by(event: ClientReturn) -> Saying:
    """What a call says."""
    row = SERVICES.get(event.service)
    if row is None:
        return Saying((event.service, len(event.arguments)), (event.status, event.results))
    question: list[object] = [event.service]
    for place, (argument, value) in enumerate(zip(row.arguments, event.arguments, strict=False)):
        question.append(_cell(argument.kind, value, event, event.texts.get(place)))
    question += [_plain(event.paths.get(value), value) for value in event.arguments[len(row.arguments) :]]
    free = value_may_differ(event)
    if event.given is not None:
        question.append("given" if free else _data(event.given, text=True))
    cells: list[object] = [event.status, event.outcome.partition(" ")[0], event.hook]
    for place, value in enumerate(event.results):
        kind = row.results[place].kind if place < len(row.results) else Kind.CELL
        cells.append(_cell(kind, value, event, None) if value != _FAILED else -1)
    matters = event.writes and not free and event.service != "read"
    return Saying(tuple(question), tuple(cells), tuple([_data(write) for write in event.writes]) if matters else None)


def value_may_differ(event: ClientReturn) -> bool:
    """Whether the call is about the value of a property which may differ."""
    return event.service in ("getprop", "setprop") and event.texts.get(1) in MAY_DIFFER


def _cell(kind: Kind, value: int, event: ClientReturn, text: str | None) -> object:
    if kind is Kind.STRING:
        return "no string" if text is None else _without_numbers(text)
    if kind in (Kind.PACKAGE, Kind.INSTANCE):
        return event.paths.get(value, value if value in (0, _FAILED) else "unknown handle")
    if kind in (Kind.POINTER, Kind.ADDRESS):
        return "address" if value else 0
    return value


def _plain(path: str | None, value: int) -> object:
    """A cell that nothing is known of."""
    if path is not None:
        return path
    return value if value < 0x1000 or value == _FAILED else "address"


def _data(written: Written, *, text: bool = False) -> object:
    if written.digest:
        return written.size, written.digest
    if text and b"\0" not in written.head.rstrip(b"\0"):
        return written.size if not written.head else _NUMBER.sub(b"0", written.head)
    return written.head


def _without_numbers(text: str) -> str:
    """A path or name; of a boot command or Forth text, without its addresses."""
    return re.sub(r"0x[0-9a-fA-F]+|\b[0-9a-fA-F]{8}\b", "0x", text) if " " in text else text
