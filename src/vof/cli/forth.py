"""`vof forth`: run files of Forth in a firmware that has no machine."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from vof.cli.commands import Command
from vof.cli.machine_options import CELLS, HELP, cells_from
from vof.cli.options import Given, Group, Option
from vof.cli.report import say
from vof.errors import GuestFault, PortError, Throw, UsageError

__all__ = ["COMMAND"]

_FAILED = 1
_LARGEST = 64 << 20
_OPTIONS = Group(
    "The firmware",
    (
        Option(("--tree",), "FILE", "its device tree, a .dtb or .dts; else one with the standard's nodes alone"),
        CELLS,
        Option(("-e", "--evaluate"), "TEXT", "run this after the files", repeats=True),
    ),
)

if TYPE_CHECKING:
    from vof.firmware.words import FirmwareForth


def _run(given: Given) -> int:
    texts = [(path, _read(path)) for path in given.operands]
    texts += [("-e", os.fsencode(text)) for text in given.all("-e")]
    if not texts:
        raise UsageError(
            "what is to be run? `vof forth FILE` runs a file, - is the standard input; -e runs its argument"
        )
    from vof.backends.stdio_console import StdioConsole
    from vof.firmware.prompt import explain
    from vof.outcomes import Departed, Exit, PowerOff
    from vof.vm.alone import firmware_alone
    from vof.vm.tree_file import read_tree_file

    tree = read_tree_file(given.last("--tree"))[0] if "--tree" in given else b""
    firmware = firmware_alone(StdioConsole(), tree, cells_from(given))
    for name, text in texts:
        try:
            _evaluate(firmware.forth, text)
        except Departed as departed:
            if isinstance(departed.outcome, Exit | PowerOff):
                return 0
            say(f"{name}: there is no machine here that could do that")
            return _FAILED
        except (Throw, GuestFault, PortError) as error:
            say(f"{name}: {explain(error).encode('latin-1', 'replace').decode('utf-8', 'backslashreplace')}")
            return _FAILED
    return 0


def _evaluate(forth: FirmwareForth, text: bytes) -> None:
    """Run a text, or an FCode program as the driver of a new device below the active package.

    Raises:
        Throw: what went wrong.
    """
    from vof.forth.fcode import find_fcode
    from vof.forth.fcode.evaluator import byte_load

    program = find_fcode(text)
    if not program:
        forth.evaluate_whole(text.decode("latin-1"), limit=_LARGEST)
        return
    if forth.active is None:
        forth.evaluate("dev /")
    forth.evaluate("new-device")
    try:
        byte_load(forth, program)
    finally:
        forth.evaluate("finish-device")


def _read(path: str) -> bytes:
    try:
        if path == "-":
            return sys.stdin.buffer.read()
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


COMMAND = Command(
    usage="FILE... [-e TEXT]...",
    about="""
        Runs files of Forth in a firmware with 64 MiB of memory, a device tree and no machine. Numbers are hexadecimal
        until something else is said. A file of FCode, or a PCI expansion ROM with some, is run as the driver of a new
        device below the active package, or below / where none is active. The status is 1 where something was thrown,
        which is said with its place, was begun and has no end, or wants a machine.
    """,
    groups=(_OPTIONS, HELP),
    run=_run,
    operands=1 << 10,
)
