"""`--help`, from the tables; `docs/cli.md` is made of it."""

from __future__ import annotations

import textwrap

from vof.cli.commands import COMMANDS, Command
from vof.cli.options import Group, Option

__all__ = ["command_help", "overview"]

_WIDTH = 100
_COLUMN = 28
_SEE = "`vof COMMAND --help` says more."


def overview() -> str:
    """What `vof --help` prints."""
    lines = ["usage: vof COMMAND [OPTION]...", "", "Virtual Open Firmware in Python.", ""]
    lines += [_row(name, summary) for name, (_, summary) in COMMANDS.items()]
    lines += ["", _row("--version", "print the version"), _row("-h, --help", "print this"), "", _SEE]
    return "\n".join(lines) + "\n"


def command_help(name: str, command: Command) -> str:
    """What `vof NAME --help` prints."""
    lines = [f"usage: vof {name} {command.usage}".rstrip(), ""]
    for paragraph in command.about.split("\n\n"):
        lines += [*textwrap.wrap(" ".join(paragraph.split()), _WIDTH, break_on_hyphens=False), ""]
    for group in command.groups:
        lines += [_heading(group), *(_row(_spelling(option), _explanation(option)) for option in group.options), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _heading(group: Group) -> str:
    return f"{group.heading}:"


def _spelling(option: Option) -> str:
    value = f"[={option.value}]" if option.optional else f" {option.value}" if option.value else ""
    return ", ".join(option.names) + value


def _explanation(option: Option) -> str:
    return option.help + ("; repeatable" if option.repeats else "")


def _row(left: str, right: str) -> str:
    lines = textwrap.wrap(right, _WIDTH - _COLUMN, break_on_hyphens=False)
    first = f"  {left}"
    if len(first) >= _COLUMN - 1:
        return "\n".join([first, *(" " * _COLUMN + line for line in lines)])
    return "\n".join([f"{first:<{_COLUMN}}{lines[0]}", *(" " * _COLUMN + line for line in lines[1:])])
