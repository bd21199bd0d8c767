"""The table of commands, and what a command is made of. A command's module is imported when it is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from vof.cli.options import Given, Group

__all__ = ["COMMANDS", "Command", "load_command"]

COMMANDS = {
    "boot": ("vof.cli.boot", "boot a client program in a machine, with its console here"),
    "ok": ("vof.cli.ok", "give the firmware's prompt, on a machine or alone"),
    "forth": ("vof.cli.forth", "run files of Forth, without a machine"),
    "detok": ("vof.cli.detok", "show FCode as text: a program's, or an expansion ROM's"),
    "serve": ("vof.cli.serve", "be the firmware of a machine that runs elsewhere"),
    "trace": ("vof.cli.trace", "show the calls of a recorded boot, as strace does"),
    "report": ("vof.cli.html_report", "make one HTML page of a recording"),
    "diff": ("vof.cli.diff", "show where two recorded boots part"),
    "replay": ("vof.cli.replay", "make the calls of a recorded boot again, and compare"),
    "campaign": ("vof.cli.campaign", "run machines again and again, with other options or a fault in each"),
    "tree": ("vof.cli.tree", "print a device tree: a file's, or a machine's"),
    "machines": ("vof.cli.machines", "list the machines"),
    "osi": ("vof.cli.osi", "list the calls of Mac-on-Linux, which the machine mol has"),
    "doctor": ("vof.cli.doctor", "say what is installed, what is missing and how to get it"),
}
"""Every command: the module that has its `COMMAND`, and one line for `--help`."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        usage: what follows its name, for `--help`.
        about: what it does, for `--help`; paragraphs.
        groups: its options under their headings.
        run: does it, and returns the exit status.
        operands: how many arguments without an option's name it takes at most.
        passes_on: whether what follows `--` goes to QEMU.
    """

    usage: str
    about: str
    groups: tuple[Group, ...]
    run: Callable[[Given], int]
    operands: int = 0
    passes_on: bool = False


def load_command(name: str) -> Command:
    """The command of this name, which is in the table."""
    module, _ = COMMANDS[name]
    command: Command = import_module(module).COMMAND
    return command
