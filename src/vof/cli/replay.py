"""`vof replay`: the calls of a recorded boot, made to the firmware of today."""

from __future__ import annotations

import time

from vof.cli.commands import Command
from vof.cli.machine_options import HELP
from vof.cli.options import Given, Group, Option
from vof.errors import UsageError

__all__ = ["COMMAND"]

_DIFFERENT = 1


def _run(given: Given) -> int:
    from vof.trace.recording import Recording
    from vof.vm.replay import replay

    if not given.operands:
        raise UsageError("no recording is named: vof replay FILE; `vof boot --record FILE` makes one")
    recordings = [Recording.open(path) for path in given.operands]
    status = 0
    for recording in recordings:
        began = time.perf_counter()
        done = replay(recording)
        seconds = time.perf_counter() - began
        left_out = [
            f"{count} {what}"
            for count, what in (
                (done.hooked, "that a hook had answered left out"),
                (done.uncompared, "pieces of data only known by digest"),
                (int(done.restored), "snapshot gone back to, where the replay ends"),
            )
            if count
        ]
        rest = "".join(f"; {text}" for text in left_out)
        outcome = "all as recorded" if done.same else f"{done.found} differences"
        print(f"{recording.path}: {done.calls} calls, {outcome}, {done.calls / seconds:,.0f} calls/s{rest}")
        shown = done.differences if "--all" in given else done.differences[:1]
        for difference in shown:
            where = f"call {difference.number}" if difference.call is not None else "the firmware's start"
            if difference.call is not None:
                from vof.trace.text import call_text

                where += f": {call_text(difference.call)}"
            print(f"  {where}\n    {difference.what} recorded: {difference.recorded}")
            print(f"    {' ' * len(difference.what)}    today: {difference.today}")
        if not done.same:
            status = _DIFFERENT
    return status


COMMAND = Command(
    usage="[OPTION]... FILE...",
    about="""
        Makes the calls of a recorded boot again, to the firmware as it is now and without a guest, and compares its
        answers, what it writes to memory and what it asks of its ports. Shows the first difference of each recording.

        The status is 0 if all is as recorded, 1 if not, 2 if a file can't be used.
    """,
    groups=(Group("Options", (Option(("--all",), "", "show all differences, not only the first"),)), HELP),
    run=_run,
    operands=1 << 10,
)
