"""`vof machines`: the table of machines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from vof.cli.commands import Command
from vof.cli.machine_options import HELP
from vof.cli.options import Given, Group, Option

__all__ = ["COMMAND"]

_HEADINGS = ("NAME", "ENGINES", "QEMU", "RAM", "DESCRIPTION")
_OUTPUT = Group(
    "The output",
    (
        Option(("--json",), "", "JSON, with all that is known of each machine"),
        Option(("--cpus",), "", "the CPU models of the unicorn engine in place of the machines"),
    ),
)


def _run(given: Given) -> int:
    from vof.machines import MACHINES

    if "--cpus" in given:
        return _list_cpus(as_json="--json" in given)
    if "--json" in given:
        _print_json(MACHINES.values())
        return 0
    rows = [_HEADINGS]
    rows += [
        (each.name, " ".join(each.engines), each.qemu or "-", f"{each.default_memory >> 20}M", each.description)
        for each in MACHINES.values()
    ]
    _print_columns(rows)
    return 0


def _list_cpus(*, as_json: bool) -> int:
    from vof.engines.unicorn.models import ALIASES, MODELS

    if as_json:
        _print_json(MODELS.values())
        return 0
    names: dict[str, list[str]] = {}
    for alias, name in ALIASES.items():
        names.setdefault(name, []).append(alias)
    rows: list[tuple[str, ...]] = [("NAME", "BITS", "PVR", "RUNS", "TRANSLATION", "ALSO")]
    for model in MODELS.values():
        yes = "yes" if model.works else "no"
        pvr = f"{model.pvr:08x}" if model.pvr else "-"
        hashed = "yes" if model.hashed else "no"
        rows.append((model.name, str(model.bits), pvr, yes, hashed, " ".join(names.get(model.name, ()))))
    _print_columns(rows)
    return 0


def _print_json(rows: Iterable[Any]) -> None:
    import json
    from dataclasses import asdict

    print(json.dumps([asdict(row) for row in rows], indent=2))


def _print_columns(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


COMMAND = Command(
    usage="[--cpus] [--json]",
    about="Lists the machines that vof can be the firmware of: name, engines, QEMU, RAM without -m, description.",
    groups=(_OUTPUT, HELP),
    run=_run,
)
