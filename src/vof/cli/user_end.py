"""`--console`: where the machine's console is."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from vof.errors import UsageError

if TYPE_CHECKING:
    from vof.backends import UserEnd
    from vof.backends.user_ends import Watch

__all__ = ["check_console", "open_console"]

_INPUT, _OUTPUT = 0, 1
_PLACES = "stdio, file:PATH, unix:PATH or none"


def check_console(place: str) -> None:
    """See whether `place` can be one.

    Raises:
        UsageError: it can't.
    """
    kind, _, path = place.partition(":")
    if place not in ("stdio", "none") and not (kind in ("file", "unix") and path):
        raise UsageError(f'--console "{place}": it may be {_PLACES}')


def open_console(
    place: str, watch: Watch, quit: Callable[[], None], before_output: Callable[[], None] | None = None
) -> UserEnd:
    """The user's end of the console.

    Args:
        place: the value of `--console`.
        watch: who restores the terminal and removes a socket should this process die.
        quit: called when the user wants the machine ended.
        before_output: called before anything is written to a terminal.

    Raises:
        UsageError: it can't be had.
    """
    from vof.backends import FileEnd, NoEnd, SocketEnd, StreamEnd, TerminalEnd

    check_console(place)
    kind, _, path = place.partition(":")
    if kind == "none":
        return NoEnd()
    if kind == "file":
        return FileEnd(path)
    if kind == "unix":
        return SocketEnd(path, watch)
    if os.isatty(_INPUT) and os.isatty(_OUTPUT):
        print("vof: Ctrl-a h for help, Ctrl-a x to end", file=sys.stderr, flush=True)
        return TerminalEnd(_INPUT, _OUTPUT, watch, quit, before_output)
    return StreamEnd(_INPUT, _OUTPUT, before_output)
