"""`vof detok`: show FCode as text."""

from __future__ import annotations

import re
import sys

from vof.cli.commands import Command
from vof.cli.machine_options import HELP
from vof.cli.options import Given, Group, Option
from vof.errors import UsageError

__all__ = ["COMMAND"]

_LARGEST = 16 << 20
_NUMBERS = range(0x10, 0x800)
"""What `--fcodes` may name: the others are the standard's, or a program's own."""
_OPTIONS = Group(
    "What is shown",
    (
        Option(("-o", "--offsets"), "", "begin each line with its place in the program, and say where branches lead"),
        Option(("-n", "--linenumbers"), "", "begin each line with its number"),
        Option(("-v", "--verbose"), "", "put each word's FCode number behind it"),
        Option(("-a", "--all"), "", "go on behind end0, as far as the program's header says"),
        Option(
            ("-f", "--fcodes"),
            "FILE",
            "name further FCode numbers: lines of a number in hexadecimal and a name; # and \\ begin comments",
        ),
    ),
)


def _run(given: Given) -> int:
    if not given.operands:
        raise UsageError(
            "which file? `vof detok FILE` shows an FCode program, or a PCI expansion ROM with one; - is stdin"
        )
    from vof.forth.fcode import Look, detokenize

    look = Look(
        offsets="-o" in given,
        lines="-n" in given,
        numbers="-v" in given,
        beyond="-a" in given,
        names=_names(given.last("-f")),
    )
    for path in given.operands:
        data = _read(path)
        try:
            for line in detokenize(data, look):
                print(line)
        except UsageError as error:
            sys.stdout.flush()
            raise UsageError(f"{path}: {error}") from None
    print()  # as detok does
    return 0


def _names(path: str) -> dict[int, str]:
    """The numbers and names of a list.

    Raises:
        UsageError: it can't be read, or a line is none of that.
    """
    from vof.forth.fcode.numbers import NAMES

    names: dict[int, str] = {}
    lines = _read(path).decode("latin-1").splitlines() if path else []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip()[0] in "#\\":
            continue
        found = re.match(r"\s*(?:0[xX])?([0-9a-fA-F]{1,4})\s+(\S+)", line)
        if found is None:
            raise UsageError(f"{path}, line {number}: a number in hexadecimal and a name, as in 0x407 my-word")
        value = int(found[1], 16)
        if value not in _NUMBERS or value in NAMES:
            what = NAMES.get(value, "nobody's to name: 010 … 7FF are")
            raise UsageError(f"{path}, line {number}: FCode {value:#05x} is {what}")
        names[value] = found[2]
    return names


def _read(path: str) -> bytes:
    try:
        if path == "-":
            return sys.stdin.buffer.read(_LARGEST)
        with open(path, "rb") as file:
            return file.read(_LARGEST)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


COMMAND = Command(
    usage="FILE...",
    about="""
        Shows FCode programs as text, one line a word: what a file begins with, or the images in a PCI expansion ROM, of
        which those for Open Firmware are shown as text. The options and the lines are those of Debian's detok; lines
        that begin with a backslash tell of the file.
    """,
    groups=(_OPTIONS, HELP),
    run=_run,
    operands=1 << 10,
)
