"""`vof serve`: the firmware of a machine that runs elsewhere."""

from __future__ import annotations

from vof.cli.boot import RUN, Run, run_machine
from vof.cli.commands import Command
from vof.cli.machine_options import CHANGES, HELP, PROGRAM, config_from
from vof.cli.options import Given, Group, Option
from vof.errors import UsageError

__all__ = ["COMMAND"]

_MACHINE = Group(
    "The machine",
    (
        Option(("--memory",), "FILE", "its RAM from address 0, as it shares it; the size is the file's"),
        Option(("-machine", "-M"), "NAME[,OPTION=VALUE...]", "generic (the default), its tree by dtb=FILE; or pseries"),
        Option(("-drive",), "OPTION=VALUE[,...]", "a disk of generic's, a raw image", repeats=True),
    ),
)
_RUN = Group(RUN.heading, tuple(option for option in RUN.options if option.name != "--dry-run"))


def _run(given: Given) -> int:
    from dataclasses import replace

    path = given.last("--memory")
    if not path:
        raise UsageError("whose RAM? --memory FILE names the file that the machine maps")
    run = Run.of(given)
    config = replace(config_from(given), memory_file=path)
    if not config.machine:
        config = replace(config, machine="generic")
    return run_machine(config, run)


COMMAND = Command(
    usage="--memory FILE [OPTION]...",
    about="""
        Is the firmware of a machine that something else runs: an emulator, a simulator, a soft core whose RAM is a file
        that is mapped shared. The stub is put into that RAM, the client program is loaded, and calls are answered
        through the mailbox (docs/mailbox.md). The machine's console is on the terminal, where Ctrl-a x ends it.

        The status is that of `vof boot`.
    """,
    groups=(_MACHINE, PROGRAM, _RUN, CHANGES, HELP),
    run=_run,
)
