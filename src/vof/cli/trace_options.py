"""The options of a trace, in strace's letters, shared by `vof trace` and the commands that run a machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vof.cli.options import Given, Group, Option
from vof.errors import UsageError

if TYPE_CHECKING:
    from vof.trace.filters import CallFilter
    from vof.trace.text import Stamp, TextStyle

__all__ = ["FILTER", "LIVE", "LOOK", "filter_from", "style_from"]

_EXPRESSION = Option(
    ("-e", "--filter"),
    "EXPR",
    "which calls: claim,open or trace=claim, !nextprop for all but it, get* or a group (%tree, %io, %memory, %control, "
    "%user, %time); path=/chosen; status=failed; console for the console's lines",
    repeats=True,
)
_SPENT = Option(("-T", "--times"), "", "the time that the firmware took, at the end")
_STAMPS = (
    Option(("-t", "--time-of-day"), "", "the time of day, at the beginning"),
    Option(("-tt",), "", "the same with microseconds"),
    Option(("-ttt", "--since-start"), "", "seconds since the machine was started"),
    Option(("-r", "--relative"), "", "seconds since the line before"),
)
FILTER = Group(
    "What is shown",
    (
        _EXPRESSION,
        Option(
            ("-P", "--trace-path"), "PATH", "only calls that have to do with this node; * is anything", repeats=True
        ),
        Option(("-z", "--successful"), "", "only calls that did not fail"),
        Option(("-Z", "--failed"), "", "only calls that failed"),
        Option(("-v", "--verbose"), "", "the console's output and input, too"),
        Option(("-q", "--quiet"), "", "calls only: no line for a phase of the boot, nor for an injected fault"),
    ),
)
LOOK = Group(
    "What a line looks like",
    (
        *_STAMPS,
        _SPENT,
        Option(("-s", "--string-limit"), "BYTES", "how much is shown of a string or of data (32)"),
        Option(("-a", "--column"), "COLUMN", "where results begin (40)"),
        Option(("-N", "--names"), "", "each argument's name"),
        Option(("-y", "--paths"), "", "handles as paths, which is usual"),
        Option(("--no-paths",), "", "handles as numbers"),
    ),
)
LIVE = (
    Option(
        ("--trace",), "FILE", "show client calls as they happen, on stderr or in FILE; see docs/trace.md", optional=True
    ),
    _EXPRESSION,
    _SPENT,
    *_STAMPS,
)
"""For a machine that runs; each of them asks for a trace."""


def filter_from(given: Given) -> CallFilter | None:
    """Which calls are asked for; None for all.

    Raises:
        UsageError: an expression is none.
    """
    from vof.trace.filters import CallFilter, parse_filter

    expressions = given.all("-e")
    expressions += [f"status={status}" for letter, status in _STATUSES.items() if letter in given]
    found = parse_filter(expressions, given.all("-P"))
    return found if found != CallFilter() else None


def style_from(given: Given, *, console: bool) -> TextStyle:
    """What lines look like.

    Args:
        given: the options.
        console: whether the console's lines are asked for.

    Raises:
        UsageError: a number is none.
    """
    from vof.trace.text import TextStyle

    usual = TextStyle()
    return TextStyle(
        limit=_number(given, "-s", usual.limit),
        paths="--no-paths" not in given,
        names="-N" in given,
        spent="-T" in given,
        stamp=_stamp(given),
        column=_number(given, "-a", usual.column),
        console=console,
        quiet="-q" in given,
    )


_STATUSES = {"-z": "successful", "-Z": "failed"}


def _stamp(given: Given) -> Stamp:
    from vof.trace.text import Stamp

    stamps = {"-t": Stamp.DAY, "-tt": Stamp.MICROSECONDS, "-ttt": Stamp.START, "-r": Stamp.RELATIVE}
    return next((stamps[name] for name, _ in reversed(given.options) if name in stamps), Stamp.NONE)


def _number(given: Given, name: str, usual: int) -> int:
    text = given.last(name)
    if name not in given:
        return usual
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise UsageError(f"{name} {text}: it takes a number, as in {name} {usual}")
    return int(text)
