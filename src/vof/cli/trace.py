"""`vof trace`: a recording as text, in strace's manner."""

from __future__ import annotations

import calendar
import gc
import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from vof.cli.commands import Command
from vof.cli.machine_options import HELP
from vof.cli.options import Given, Group, Option
from vof.cli.report import say
from vof.cli.trace_options import FILTER, LOOK, filter_from, style_from
from vof.errors import UsageError

if TYPE_CHECKING:
    from vof.events import Event
    from vof.trace.filters import CallFilter
    from vof.trace.recording import Recording

__all__ = ["COMMAND"]

_OUTPUT = Group(
    "The output",
    (
        Option(("-o", "--output"), "FILE", "write to a file"),
        Option(("-c", "--summary-only"), "", "only a table: time, calls and errors of each service"),
        Option(("-C", "--summary"), "", "the table behind the calls"),
        Option(("-S", "--sort"), "COLUMN", "sort the table by time (as usual), calls, errors, avg-time or name"),
        Option(("--json",), "", "JSON, an object a line, with all that is known of an event"),
    ),
)
_DAMAGE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def _run(given: Given) -> int:
    from vof.trace.recording import Recording
    from vof.trace.summary import ORDERS, Summary

    if not given.operands:
        raise UsageError("no recording is named: vof trace FILE; `vof boot --record FILE` makes one")
    summed, alone = "-c" in given or "-C" in given, "-c" in given
    if summed and "--json" in given:
        raise UsageError("--json has no table: leave -c and -C out")
    order = given.last("-S", "time")
    if order not in ORDERS:
        raise UsageError(f"-S {order}: the table is sorted by {', '.join(ORDERS)}")
    wanted = filter_from(given)
    recording = Recording.open(given.operands[0])
    summary = Summary()
    with _no_collecting(), _output(given.last("-o"), recording) as out:
        listeners: list[Callable[[Event], None]] = []
        close = _nothing
        if not alone:
            listener, close = _teller(given, recording, out, wanted)
            listeners.append(listener)
        if summed:
            listeners.append(_adder(summary, wanted))
        try:
            _tell(recording, listeners)
        finally:
            close()
        if summed:
            out.write(summary.text(order))
    if not recording.complete:
        say(f"{recording.path}: its end is missing: the run was cut off, or it goes on")
    return 0


def _teller(
    given: Given, recording: Recording, out: TextIO, wanted: CallFilter | None
) -> tuple[Callable[[Event], None], Callable[[], None]]:
    """What writes events, and what writes the rest of them."""
    console = "-v" in given or (wanted is not None and wanted.console)
    if "--json" not in given:
        from vof.trace.text import TextTrace

        style = style_from(given, console=console)
        trace = TextTrace(out.write, style, wanted=wanted, started=_created(recording))
        return trace.hear, trace.close
    from vof.events import ClientReturn, ConsoleInput, ConsoleOutput
    from vof.trace.objects import event_object

    encode = json.JSONEncoder(separators=(",", ":")).encode
    quiet = "-q" in given

    def tell(event: Event) -> None:
        if type(event) is ClientReturn:
            shown = wanted is None or wanted.wants(event)
        else:
            shown = console if isinstance(event, ConsoleInput | ConsoleOutput) else not quiet
        if shown:
            out.write(encode(event_object(event)) + "\n")

    return tell, _nothing


def _adder(summary: object, wanted: CallFilter | None) -> Callable[[Event], None]:
    from vof.events import ClientReturn
    from vof.trace.summary import Summary

    assert isinstance(summary, Summary)

    def add(event: Event) -> None:
        if type(event) is ClientReturn:
            summary.add(event, counts=wanted is None or wanted.wants(event))

    return add


def _tell(recording: Recording, listeners: list[Callable[[Event], None]]) -> None:
    """Have listeners hear all events.

    Raises:
        UsageError: the recording is damaged.
    """
    try:
        if len(listeners) == 1:
            listener = listeners[0]
            for event in recording.events():
                listener(event)
        else:
            for event in recording.events():
                for listener in listeners:
                    listener(event)
    except _DAMAGE as error:  # a line that is JSON and yet none of ours: seen here, reading costs nothing for it
        raise UsageError(f"{recording.path} is damaged: a line makes no sense ({type(error).__name__})") from error


@contextmanager
def _no_collecting() -> Iterator[None]:
    """What is read here holds no circles, and looking for them takes a third of the time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


@contextmanager
def _output(path: str, recording: Recording) -> Iterator[TextIO]:
    """Where the text goes. What an output can't hold is written as an escape."""
    if not path:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            yield sys.stdout
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left has nowhere to go
            raise UsageError(f"the output can't be written: {error.strerror}") from None
        return
    try:
        if os.path.exists(path) and os.path.samefile(path, recording.path):
            raise UsageError(f"-o {path}: that is the recording itself")
        with open(path, "w", encoding="utf-8", errors="backslashreplace") as out:
            yield out
    except OSError as error:
        raise UsageError(f"-o {path}: {error.strerror}") from None


def _created(recording: Recording) -> float:
    """When the recorded machine was started; 0 if the header tells no time."""
    try:
        return calendar.timegm(time.strptime(recording.header["created"], "%Y-%m-%dT%H:%M:%SZ"))
    except _DAMAGE:
        return 0.0


def _nothing() -> None:
    pass


COMMAND = Command(
    usage="[OPTION]... FILE",
    about="""
        Shows a recorded boot as strace shows a program: a client call a line, with handles as paths and the reason
        where it failed, and lines for the phases of the boot. What the console showed is left out, unless by -v or
        -e console. `vof boot --trace` shows a boot while it runs. docs/trace.md tells how to read a line.

        Several services of -e add up; services, paths and statuses must all fit. A service that isn't in the table of
        services is named with a question mark: -e ?name.
    """,
    groups=(FILTER, LOOK, _OUTPUT, HELP),
    run=_run,
    operands=1,
)
