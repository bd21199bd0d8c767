"""The table of client services: one row a service, and everything about it.

The rows drive dispatch, the check of counts, what a failed call answers, the trace's decoding, the reference page and
the tests. A row is made by the decorator `service` on the function that does the work:

    @service("getprop", "phandle:package name:string buf:pointer buflen:size", "size:size", -1, "1275 §6.3.2.2")
    def getprop(firmware, phandle, name, buf, buflen): ...

The function gets the firmware and one unsigned cell per declared argument. It returns the value of the result cell,
None where there is none, a tuple for a variadic service, or an `Outcome` where the call does not simply return. It
fails by raising a `GuestFault`; then the result cells hold the row's failure value. Where the first result is a
`catch-result`, it may raise a `Throw`, whose code that is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = ["SERVICES", "Argument", "Kind", "Service", "service"]


class Kind(StrEnum):
    """What a cell means, for those who decode it."""

    ADDRESS = "address"
    """an address to claim, release or run"""
    CELL = "cell"
    """a number, or anything"""
    INSTANCE = "instance"
    """an ihandle"""
    PACKAGE = "package"
    """a phandle"""
    POINTER = "pointer"
    """where data is read from or written to"""
    SIZE = "size"
    """bytes"""
    STRING = "string"
    """where a string with a NUL at its end is"""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument or result cell."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Service:
    """One row.

    Attributes:
        name: as clients write it.
        arguments: the argument cells.
        results: the result cells.
        failure: what the first result cell holds when the service fails, signed; None where there is no result.
        clause: where it is laid down.
        variadic: further argument and result cells may follow (`call-method`, `interpret`); the function gets the cells
            after the declared ones as one tuple and the number of result cells wanted.
        argument_count: how many argument cells are declared.
        summary: what it does, from the function's docstring.
        function: what does the work.
    """

    name: str
    arguments: tuple[Argument, ...]
    results: tuple[Argument, ...]
    failure: int | None
    clause: str
    variadic: bool
    argument_count: int
    summary: str
    function: Callable[..., Any]


SERVICES: dict[str, Service] = {}
"""Every client service, by name."""


def service(
    name: str, arguments: str, results: str, failure: int | None, clause: str, *, variadic: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare the function below as a client service.

    Args:
        name: the service's name.
        arguments: its argument cells, `name:kind` each, with blanks between.
        results: its result cells, likewise.
        failure: the value of the first result cell when it fails.
        clause: standard and clause, or the program whose behaviour it follows.
        variadic: see `Service`.
    """

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        summary = (function.__doc__ or "").split("\n\n")[0].replace("\n    ", " ")
        cells = _cells(arguments)
        SERVICES[name] = Service(name, cells, _cells(results), failure, clause, variadic, len(cells), summary, function)
        return function

    return declare


def _cells(text: str) -> tuple[Argument, ...]:
    return tuple(Argument(name, Kind(kind)) for name, _, kind in (word.partition(":") for word in text.split()))
