"""`vof osi`: the table of Mac-on-Linux's calls."""

from __future__ import annotations

from vof.cli.commands import Command
from vof.cli.machine_options import HELP
from vof.cli.options import Given, Group, Option
from vof.errors import UsageError

__all__ = ["COMMAND"]

_OUTPUT = Group("The output", (Option(("--json",), "", "JSON, with all that is known of each call"),))


def _run(given: Given) -> int:
    from vof.firmware.osi.table import SELECTORS

    wanted = given.operands[0] if given.operands else ""
    rows = [row for row in SELECTORS.values() if wanted in ("", str(row.number), row.device) or wanted in row.name]
    if not rows:
        devices = sorted({row.device for row in SELECTORS.values() if row.device})
        raise UsageError(f"no call is {wanted}: name a number, a part of a name, or a device: {', '.join(devices)}")
    if "--json" in given:
        import json
        from dataclasses import asdict

        print(json.dumps([{**asdict(row), "status": row.status.value} for row in rows], indent=2))
        return 0
    cells = [("NO", "NAME", "STATUS", "DEVICE", "r6 ...", "r3 ...")]
    cells += [
        (
            str(row.number),
            row.name,
            row.status.value,
            row.device or "-",
            " ".join(row.arguments) or "-",
            " ".join(row.results) or "-",
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())
    if len(rows) == 1:
        print(f"\n{rows[0].summary}")
    return 0


COMMAND = Command(
    usage="[NUMBER | NAME | DEVICE] [--json]",
    about="Lists Mac-on-Linux's calls, which -machine mol has: number, name, whether there is one, the device that\n"
    "registers it, arguments and results. Names are in capitals, and a part of one will do.",
    groups=(_OUTPUT, HELP),
    run=_run,
    operands=1,
)
