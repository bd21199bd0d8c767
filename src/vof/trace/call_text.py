"""Single client calls as text, decoded by the rows of their services."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import vof.firmware  # noqa: F401 - it fills the table of services
from vof.events import ClientCall, ClientReturn, Written
from vof.firmware.table import SERVICES, Kind
from vof.trace.data import GIVEN
from vof.trace.quoting import printable, quoted

__all__ = ["DEEPEST", "CallText", "Stamp", "TextStyle", "call_text"]

DEEPEST = 16
"""Calls are never nested deeper; a recording may say otherwise."""
_NAME_LIMIT = 64
"""Characters of a service's name that no service has."""
_PIECES = 4
"""Pieces of written memory that are shown."""
_MINUS_ONE = 0xFFFF_FFFF
_NEGATIVE = 0xFFFF_F000
_LARGE = 0x1_0000
_PATHS = ("bootspec", "device-specifier")
"""String arguments that are shown whole, as strace shows file names."""


class Stamp(StrEnum):
    """The time that stands before a line."""

    NONE = ""
    DAY = "day"
    """the time of day"""
    MICROSECONDS = "microseconds"
    """the time of day with microseconds"""
    START = "start"
    """seconds since the machine was started"""
    RELATIVE = "relative"
    """seconds since the last line's"""


@dataclass(frozen=True, slots=True)
class TextStyle:
    """How a line looks.

    Attributes:
        limit: bytes of a string or of data that are shown.
        paths: whether a handle is shown as its path, or as a number.
        names: whether each argument's name stands before it.
        spent: whether the time that the firmware took stands at the end.
        stamp: the time at the beginning.
        column: where the results begin, in characters.
        console: whether what is shown and typed on the console is told, too.
        quiet: whether phases and their like are not.
    """

    limit: int = 32
    paths: bool = True
    names: bool = False
    spent: bool = False
    stamp: Stamp = Stamp.NONE
    column: int = 40
    console: bool = False
    quiet: bool = False


_Convert = Callable[[int, int, ClientCall | ClientReturn], str]


@dataclass(frozen=True, slots=True)
class _Shape:
    """How the cells of one service are written."""

    arguments: tuple[_Convert, ...] = ()
    names: tuple[str, ...] = ()
    results: tuple[_Convert, ...] = ()


class CallText:
    """Writes single calls.

    Args:
        style: how.
    """

    def __init__(self, style: TextStyle) -> None:
        self._style = style
        self._limit = style.limit
        converters: dict[Kind, _Convert] = {
            Kind.ADDRESS: _hexadecimal,
            Kind.CELL: _cell,
            Kind.INSTANCE: self._handle if style.paths else _plain_handle,
            Kind.PACKAGE: self._handle if style.paths else _plain_handle,
            Kind.POINTER: _pointer,
            Kind.SIZE: _size,
            Kind.STRING: self._string,
        }
        self._shapes = {
            row.name: _Shape(
                tuple(
                    self._path if each.name in _PATHS else self._given if GIVEN.get(row.name) == place
                    else converters[each.kind]
                    for place, each in enumerate(row.arguments)
                ),
                tuple(each.name for each in row.arguments),
                tuple(converters[each.kind] for each in row.results),
            )
            for row in SERVICES.values()
        }  # fmt: skip
        self._unknown = _Shape()

    def line(self, event: ClientReturn) -> str:
        """A call that returned."""
        head = f"{'  ' * min(event.depth, DEEPEST)}{self._called(event)}) "
        return f"{head:<{self._style.column}}= {self._came_to(event)}"

    def unfinished(self, event: ClientCall | ClientReturn) -> str:
        """The first half of a call."""
        called = self._called(event)
        comma = "" if called.endswith("(") else ", "
        return f"{'  ' * min(event.depth, DEEPEST)}{called}{comma}<unfinished ...>"

    def resumed(self, event: ClientReturn) -> str:
        """The second half."""
        head = f"{'  ' * min(event.depth, DEEPEST)}<... {printable(event.service[:_NAME_LIMIT])} resumed>) "
        return f"{head:<{self._style.column}}= {self._came_to(event)}"

    def _called(self, event: ClientCall | ClientReturn) -> str:
        shape = self._shapes.get(event.service, self._unknown)
        arguments = event.arguments
        converters = shape.arguments
        words = [convert(value, place, event) for place, (convert, value) in enumerate(zip(converters, arguments))]  # noqa: B905 - a call may have fewer
        if self._style.names:
            words = [f"{name}={word}" for name, word in zip(shape.names, words, strict=False)]
        if len(arguments) > len(converters):
            words += map(_further, arguments[len(converters) :])
        service = event.service if shape is not self._unknown else printable(event.service[:_NAME_LIMIT])
        return f"{service}({', '.join(words)}"

    def _came_to(self, event: ClientReturn) -> str:
        results = event.results
        if event.outcome:
            text = f"? {event.outcome}"
        elif event.fault:
            # What a client compares is a number, even where a handle would have been its path.
            text = ", ".join(map(_further, results)) or str(_signed(event.status & _MINUS_ONE))
        elif results:
            shape = self._shapes.get(event.service, self._unknown)
            text = shape.results[0](results[0], -1, event) if shape.results else _further(results[0])
            if len(results) > 1:
                text = ", ".join([text, *map(_further, results[1:])])
        else:
            text = str(_signed(event.status & _MINUS_ONE))
        if event.writes:
            shown = [self._data(each) for each in event.writes[:_PIECES]]
            text = " ".join([text, *shown, *(["..."] if len(event.writes) > _PIECES else [])])
        if event.fault:
            text += f" ({event.fault})" if not event.status or not results else f" (r3 = -1: {event.fault})"
        if event.hook:
            text += f" [{event.hook}]"
        if self._style.spent:
            text += f" <{_spent(event.duration)}>"
        return text if text.isprintable() else printable(text)

    # Cells whose meaning the call tells

    def _handle(self, value: int, place: int, event: ClientCall | ClientReturn) -> str:
        path = event.paths.get(value)
        if path is None:
            return _plain_handle(value, place, event)
        return path if path.isprintable() else printable(path)

    def _string(self, value: int, place: int, event: ClientCall | ClientReturn) -> str:
        text = event.texts.get(place)
        return _pointer(value, place, event) if text is None else quoted(text, self._limit)

    def _path(self, value: int, place: int, event: ClientCall | ClientReturn) -> str:
        text = event.texts.get(place)
        return _pointer(value, place, event) if text is None else quoted(text, len(text))

    def _given(self, value: int, place: int, event: ClientCall | ClientReturn) -> str:
        given = event.given if type(event) is ClientReturn else None
        return _pointer(value, place, event) if given is None else self._data(given)

    def _data(self, data: Written) -> str:
        """Text in quotes, other data as cells in hexadecimal."""
        head = data.head
        if _is_text(head):
            return quoted(head.decode("ascii"), self._limit, data.size)
        shown = head[: self._limit]
        dots = "..." if data.size > len(shown) else ""
        return f"[{shown.hex(' ', -4)}{dots}]"


def call_text(event: ClientReturn) -> str:
    """A call as one line, for a sentence: results right behind the arguments."""
    return _IN_A_SENTENCE.line(event)


_TEXT = bytes([*b"\t\n\r\x1b", *range(0x20, 0x7F)])


def _is_text(data: bytes) -> bool:
    """Whether data is strings, each but the last with a NUL at its end."""
    if not data or data[0] == 0 or b"\0\0" in data:
        return False
    return not data.translate(None, _TEXT + b"\0")


def _hexadecimal(value: int, place: int, event: object) -> str:
    return f"{value:#x}"


def _pointer(value: int, place: int, event: object) -> str:
    return f"{value:#x}" if value else "NULL"


def _size(value: int, place: int, event: object) -> str:
    return str(value) if value != _MINUS_ONE else "-1"


def _cell(value: int, place: int, event: object) -> str:
    return str(value if value < _NEGATIVE else value - _MINUS_ONE - 1)


def _plain_handle(value: int, place: int, event: object) -> str:
    return f"{value:#x}" if 0 < value < _MINUS_ONE else str(_signed(value))


def _further(value: int) -> str:
    """A cell that is not declared."""
    if value >= _NEGATIVE:
        return str(_signed(value))
    return str(value) if value < _LARGE else f"{value:#x}"


def _signed(value: int) -> int:
    return value if value < _NEGATIVE else value - _MINUS_ONE - 1


def _spent(nanoseconds: int) -> str:
    """A time with its unit, by three digits or so."""
    for limit, divisor, places, unit in _UNITS:
        if nanoseconds < limit:
            return f"{nanoseconds / divisor:.{places}f} {unit}"
    return f"{nanoseconds / 1e9:.3f} s"


_UNITS: Sequence[tuple[int, float, int, str]] = (
    (10_000, 1e3, 1, "µs"),
    (10_000_000, 1e3, 0, "µs"),
    (10_000_000_000, 1e6, 1, "ms"),
)
_IN_A_SENTENCE = CallText(TextStyle(column=0))
