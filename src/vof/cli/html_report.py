"""`vof report`: a recording as one HTML page, and as trace events for other viewers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vof.cli.commands import Command
from vof.cli.machine_options import HELP
from vof.cli.options import Given, Group, Option
from vof.cli.report import say
from vof.errors import UsageError

if TYPE_CHECKING:
    from vof.trace.recording import Recording

__all__ = ["COMMAND"]

_OUTPUT = Group(
    "The output",
    (
        Option(("-o", "--output"), "FILE", "the page; without it, the recording's name with .html at its end"),
        Option(("--against",), "GOOD", "another recording: show where this one parts from it"),
        Option(("--perfetto",), "FILE", "Chrome's trace events (JSON) besides, for ui.perfetto.dev and its like"),
    ),
)


def _run(given: Given) -> int:
    if not given.operands:
        raise UsageError("which recording? `vof report FILE`; `vof boot --record FILE` makes one")
    from vof.trace.recording import Recording
    from vof.trace.report import write_report

    recording = Recording.open(given.operands[0])
    page = Path(given.last("-o") or _usual_name(recording.path))
    events = Path(given.last("--perfetto")) if "--perfetto" in given else None
    against = Recording.open(given.last("--against")) if "--against" in given else None
    _check(recording, page, events)
    if against is not None and page.exists() and page.samefile(against.path):
        raise UsageError(f"-o {page}: that is the recording to compare with; name another file")
    history = write_report(recording, page, against)
    if not history.complete:
        say(f"{recording.path}: its end is missing: the run was cut off, or it goes on")
    print(f"{page}: {len(history.calls):,} calls, {page.stat().st_size / 1024:,.0f} KiB; open it in a browser")
    if events is not None:
        from vof.trace.perfetto import write_perfetto

        write_perfetto(recording, events, history)
        print(f"{events}: trace events; ui.perfetto.dev opens them")
    return 0


def _usual_name(path: Path) -> Path:
    return path.with_name(f"{path.stem}.html")


def _check(recording: Recording, page: Path, events: Path | None) -> None:
    """See that no output is the recording, nor the other output."""
    for option, path in (("-o", page), ("--perfetto", events)):
        if path is not None and path.exists() and path.samefile(recording.path):
            raise UsageError(f"{option} {path}: that is the recording itself; name another file")
    if events is not None and events.absolute() == page.absolute():
        raise UsageError(f"--perfetto {events}: the page goes there; name another file")


COMMAND = Command(
    usage="FILE [-o PAGE]",
    about="""
        Makes one HTML page of a recording: what failed and why, the calls on a timeline and in a list, the device tree
        with what the client did with it, the claims of memory, and the console. The page needs nothing but a browser.
    """,
    groups=(_OUTPUT, HELP),
    run=_run,
    operands=1,
)
