"""The program `vof`: finds the command, and turns errors and signals into messages and exit statuses."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from vof.cli.commands import COMMANDS, load_command
from vof.cli.options import read_options
from vof.cli.report import report
from vof.errors import UsageError, VofError

__all__ = ["main"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_BROKEN_PIPE = 128 + signal.SIGPIPE
_SOON = 0.3
"""Seconds after which a signal's exception has the stack unwinding, or was lost."""
_HELP = ("-h", "-help", "--help")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
        arguments: what follows the program's name; the process's own by default.

    Returns:
        The exit status: 0, what the command says, 1 if something failed, 2 if the user asked for something impossible,
        141 if nobody reads the output any more.

    Raises:
        SystemExit: 128 and the signal's number, if a signal ended it.
    """
    with _signals_end_it():
        _fill_standard_streams()
        try:
            status = _run(list(sys.argv[1:] if arguments is None else arguments))
            print(end="", flush=True)
        except VofError as error:
            report(error)
            return 2 if isinstance(error, UsageError) else 1
        except BrokenPipeError:
            # Python would complain of it once more when it flushes the stream at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return _BROKEN_PIPE
        return status


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in _HELP:
        from vof.cli.help import overview

        print(overview(), end="", file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    name, *rest = arguments
    if name in ("--version", "-version"):
        from vof.version import VERSION

        print(f"vof {VERSION}")
        return 0
    if name not in COMMANDS:
        raise UsageError(_unknown(name))
    command = load_command(name)
    given = read_options(rest, command.groups, operands=command.operands, passes_on=command.passes_on)
    if "-h" in given:
        from vof.cli.help import command_help

        print(command_help(name, command), end="")
        return 0
    return command.run(given)


def _unknown(name: str) -> str:
    from difflib import get_close_matches

    if name.startswith("-"):
        return f"{name} before a command: a command comes first, as in `vof boot -kernel FILE`"
    near = get_close_matches(name, COMMANDS, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(COMMANDS)}"
    return f'unknown command "{name}": {hint}'


def _fill_standard_streams() -> None:
    """Open what the caller has closed: else the next pipe would get its number, and be taken for the console."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number


def _end_unless_on_the_way(status: int) -> None:
    """Have the stack unwind, unless it does already: then what is handled now goes back to that."""
    handled = sys.exc_info()[1]
    while handled is not None:
        if isinstance(handled, SystemExit):
            signal.setitimer(signal.ITIMER_REAL, 0)
            return
        handled = handled.__context__
    raise SystemExit(status)


@contextmanager
def _signals_end_it() -> Iterator[None]:
    """Have signals unwind the stack, so that a machine is closed and a terminal restored on the way."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        for each in caught:
            signal.signal(each, signal.SIG_IGN)  # the way out is not interrupted again
        # An exception is lost where Python was in the middle of a callback of its own, as its imports have them.
        signal.signal(signal.SIGALRM, lambda *_: _end_unless_on_the_way(128 + number))
        signal.setitimer(signal.ITIMER_REAL, _SOON, _SOON)
        raise SystemExit(128 + number)

    before = {each: signal.getsignal(each) for each in _SIGNALS}
    caught = [each for each, handler in before.items() if handler is not signal.SIG_IGN]  # nohup stays what it is
    for each in caught:
        signal.signal(each, end)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    for each in caught:
        signal.signal(each, before[each])
