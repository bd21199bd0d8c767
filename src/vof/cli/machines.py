"""`vof machines`: the table of machines."""

from __future__ import annotations

from vof.cli.commands import Command
from vof.cli.machine_options import HELP
from vof.cli.options import Given, Group, Option

__all__ = ["COMMAND"]

_HEADINGS = ("NAME", "QEMU", "RAM", "DESCRIPTION")
_OUTPUT = Group("The output", (Option(("--json",), "", "JSON, with all that is known of each machine"),))


def _run(given: Given) -> int:
    from vof.machines import MACHINES

    if "--json" in given:
        import json
        from dataclasses import asdict

        print(json.dumps([asdict(profile) for profile in MACHINES.values()], indent=2))
        return 0
    rows = [_HEADINGS]
    rows += [(each.name, each.qemu, f"{each.default_memory >> 20}M", each.description) for each in MACHINES.values()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


COMMAND = Command(
    usage="[--json]",
    about="Lists the machines that vof can be the firmware of: name, QEMU program, RAM without -m, description.",
    groups=(_OUTPUT, HELP),
    run=_run,
)
