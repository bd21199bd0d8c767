"""`vof detok`: show FCode as text."""

from __future__ import annotations

import sys

from vof.cli.commands import Command
from vof.cli.machine_options import HELP
from vof.cli.options import Given, Group, Option
from vof.errors import UsageError

__all__ = ["COMMAND"]

_LARGEST = 16 << 20
_OPTIONS = Group(
    "What is shown",
    (
        Option(("-o", "--offsets"), "", "begin each line with its place in the program, and say where branches lead"),
        Option(("-v", "--verbose"), "", "put each word's FCode number behind it"),
    ),
)


def _run(given: Given) -> int:
    if not given.operands:
        raise UsageError(
            "which file? `vof detok FILE` shows an FCode program, or a PCI expansion ROM with one; - is stdin"
        )
    from vof.forth.fcode import detokenize

    for path in given.operands:
        data = _read(path)
        try:
            for line in detokenize(data, offsets="-o" in given, numbers="-v" in given):
                print(line)
        except UsageError as error:
            sys.stdout.flush()
            raise UsageError(f"{path}: {error}") from None
    return 0


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
        Shows FCode programs as text, one line a word: what a file begins with, or the images for Open Firmware in a PCI
        expansion ROM. Lines that begin with a backslash tell of the file. The words and places are those that Debian's
        detok shows with the same options.
    """,
    groups=(_OPTIONS, HELP),
    run=_run,
    operands=1 << 10,
)
