"""Options as tables, and reading a command line by them.

Not argparse: QEMU's options have one dash or two and take any value, one that begins with a dash too (`-append "-x"`),
and nothing may be abbreviated, or an option added later would change what an old script means.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from vof.errors import UsageError

__all__ = ["Given", "Group", "Option", "read_options"]


@dataclass(frozen=True, slots=True)
class Option:
    """One option.

    Attributes:
        names: its spellings, the usual one first. One dash before a long name: it is QEMU's, and two dashes do as well.
        value: what its value is called in `--help`; empty where it takes none.
        help: what it does.
        repeats: whether it may be given more than once; of others the last one counts, as with QEMU.
        optional: whether it may stand without its value; one that it is given follows an `=`.
    """

    names: tuple[str, ...]
    value: str
    help: str
    repeats: bool = False
    optional: bool = False

    @property
    def name(self) -> str:
        """The usual spelling."""
        return self.names[0]

    @property
    def spellings(self) -> tuple[str, ...]:
        """All that are taken."""
        return (*self.names, *(f"-{name}" for name in self.names if not name.startswith("--")))

    @property
    def is_qemus(self) -> bool:
        """Whether QEMU has it, too."""
        return not any(name.startswith("--") for name in self.names)


@dataclass(frozen=True, slots=True)
class Group:
    """Options under one heading of `--help`."""

    heading: str
    options: tuple[Option, ...]


@dataclass(slots=True)
class Given:
    """What was given on the command line.

    Attributes:
        options: usual spelling and value of each option, in their order.
        operands: the arguments that belong to no option.
        rest: what follows `--`.
    """

    options: list[tuple[str, str]] = field(default_factory=list)
    operands: list[str] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)

    def __contains__(self, name: str) -> bool:
        return any(given == name for given, _ in self.options)

    def last(self, name: str, default: str = "") -> str:
        """The value of the last option of this name."""
        return next((value for given, value in reversed(self.options) if given == name), default)

    def all(self, name: str) -> list[str]:
        """The values of all options of this name."""
        return [value for given, value in self.options if given == name]

    def arguments(self, names: Iterable[str]) -> list[str]:
        """The options of these names in their order, as the arguments they were."""
        wanted = set(names)
        chosen = [(name, value) for name, value in self.options if name in wanted]
        return [argument for pair in chosen for argument in pair if argument]


def read_options(arguments: Sequence[str], groups: Sequence[Group], *, operands: int, passes_on: bool) -> Given:
    """Read a command line.

    Args:
        arguments: what follows the command's name.
        groups: the options there are.
        operands: how many arguments without an option may be there.
        passes_on: whether `--` and something for QEMU may follow.

    Raises:
        UsageError: an option isn't known or lacks its value, or there are too many operands.
    """
    known = {spelling: option for group in groups for option in group.options for spelling in option.spellings}
    given = Given()
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            if passes_on:
                given.rest += rest
            else:
                given.operands += rest
        elif argument.startswith("-") and argument != "-":
            option, value = _find(argument, known, passes_on)
            if option.value and value is None and not option.optional:
                value = next(rest, None)
                if value is None:
                    raise UsageError(f"{argument} needs a value: {argument} {option.value}")
            given.options.append((option.name, value or ""))
        else:
            given.operands.append(argument)
    if len(given.operands) > operands:
        surplus = given.operands[operands]
        hint = ": QEMU's arguments go after --" if passes_on else ""
        raise UsageError(f'"{surplus}" belongs to no option{hint}')
    return given


def _find(argument: str, known: dict[str, Option], passes_on: bool) -> tuple[Option, str | None]:
    """The option that an argument is, and the value after its `=`."""
    if argument in known:
        return known[argument], None
    name, equals, value = argument.partition("=")
    option = known.get(name)
    if equals and option is not None and option.value:
        if not option.is_qemus:
            return option, value
        raise UsageError(f"unknown option {argument}: write {name} {value}, as for QEMU")
    # Here and not above: a good command line doesn't wait for what only a bad one needs.
    from difflib import get_close_matches

    from vof.cli.qemu_options import QEMU_OPTIONS

    near = get_close_matches(name, known, 1, cutoff=0.7)
    if passes_on and name.lstrip("-") in QEMU_OPTIONS and f"-{name}" not in near:
        hint = "put QEMU's own options after --"
    elif near:
        hint = f"did you mean {near[0]}?"
    else:
        hint = "--help lists those there are"
    raise UsageError(f"unknown option {name}: {hint}")
