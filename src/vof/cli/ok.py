"""`vof ok`: the firmware's prompt, on a machine or alone."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from vof.cli.boot import RUN, Run, boot_machine
from vof.cli.commands import Command
from vof.cli.machine_options import CELLS, CHANGES, ENGINE, HELP, MACHINE, PROGRAM, cells_from, config_from
from vof.cli.options import Given, Group
from vof.cli.report import say
from vof.errors import UsageError

if TYPE_CHECKING:
    from vof.backends.stdio_console import StdioConsole
    from vof.firmware.prompt import Prompt
    from vof.outcomes import Outcome

__all__ = ["COMMAND"]

_FOR_A_MACHINE = (MACHINE, PROGRAM, CHANGES, ENGINE, RUN)
_ALONE = Group("Without a machine", (CELLS,))


def _run(given: Given) -> int:
    machine = [option.name for group in _FOR_A_MACHINE for option in group.options if option.name in given]
    if not machine and not given.rest:
        return _alone(given.operands[0] if given.operands else "", cells_from(given))
    if given.operands:
        raise UsageError(
            f"{machine[0] if machine else '--'} is for a machine, and {given.operands[0]} for none: "
            f"--dtb {given.operands[0]} lays the tree over the machine's"
        )
    return boot_machine(given, replace(config_from(given), prompt=True), Run.of(given))


def _alone(path: str, cells: int) -> int:
    """The prompt of a firmware that has nothing but memory and a tree."""
    from vof.backends.stdio_console import StdioConsole
    from vof.firmware.prompt import Prompt
    from vof.outcomes import Exit, PowerOff
    from vof.vm.alone import firmware_alone
    from vof.vm.tree_file import read_tree_file

    console = StdioConsole()
    firmware = firmware_alone(console, read_tree_file(path)[0] if path else b"", cells)
    prompt = Prompt(firmware, lambda text: console.write(text.encode("latin-1", "replace")))
    prompt.open(entered=False)
    on_terminal = os.isatty(0) and os.isatty(1)
    while True:
        if on_terminal:
            from vof.cli.terminal_prompt import ask

            outcome = ask(prompt)
        else:
            outcome = _read(console, prompt)
        if isinstance(outcome, Exit | PowerOff):
            return 0
        say("there is no machine here that could do that: -machine names one")


def _read(console: StdioConsole, prompt: Prompt) -> Outcome:
    """Take lines from what is no terminal, until one of them ends the prompt."""
    from vof.outcomes import Exit

    while (line := console.read_line()) is not None:
        outcome = prompt.line(line)
        if outcome is not None:
            return outcome
    return Exit()


COMMAND = Command(
    usage="[TREE | -machine NAME [OPTION]... [-- QEMU-ARGUMENT...]]",
    about="""
        Gives the firmware's prompt, Open Firmware's user interface with its Forth: that of a machine before its client
        program is started (boot starts it); or, without one, that of a firmware with nothing but 64 MiB of memory and a
        device tree. Ctrl-D or bye ends it.
    """,
    groups=(MACHINE, PROGRAM, RUN, CHANGES, ENGINE, _ALONE, HELP),
    run=_run,
    operands=1,
    passes_on=True,
)
