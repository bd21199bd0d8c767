"""`--trace`: client calls as they happen, on the standard error stream or in a file."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from vof.cli.options import Given
from vof.cli.trace_options import filter_from, style_from
from vof.errors import UsageError

if TYPE_CHECKING:
    from vof.events import Event
    from vof.trace.filters import CallFilter
    from vof.trace.text import TextStyle
    from vof.vm import VM

__all__ = ["LiveTrace", "TraceWish"]


@dataclass(frozen=True, slots=True)
class TraceWish:
    """The trace that the user wants.

    Attributes:
        path: a file; "" for the standard error stream.
        style: how lines look.
        wanted: which calls; None for all.
    """

    path: str
    style: TextStyle
    wanted: CallFilter | None

    @classmethod
    def of(cls, given: Given) -> TraceWish:
        """What `--trace` and the options that go with it say.

        Raises:
            UsageError: an expression is none.
        """
        wanted = filter_from(given)
        style = style_from(given, console=wanted is not None and wanted.console)
        return cls(given.last("--trace"), style, wanted)


class LiveTrace:
    """Shows what a machine does while it does it.

    Args:
        wish: which trace.
        console_here: whether the machine's console is on the terminal that the standard error stream goes to.

    Attributes:
        on_stderr: whether that is where lines go.

    Raises:
        UsageError: the file can't be written.
    """

    def __init__(self, wish: TraceWish, *, console_here: bool) -> None:
        from vof.trace.text import TextTrace

        self.on_stderr = not wish.path
        self._path = wish.path
        self._out = _open(wish.path) if wish.path else sys.stderr
        self._console_here = console_here and self.on_stderr
        self._tells_console = wish.style.console
        self._within_line = False
        self._trace = TextTrace(self._write, wish.style, wanted=wish.wanted, started=time.time())

    def watch(self, vm: VM) -> None:
        """Listen to a machine."""
        from vof.events import (
            ClientCall,
            ClientReturn,
            ConsoleInput,
            ConsoleOutput,
            Injected,
            OsiCall,
            Phase,
            TreeReplaced,
        )

        vm.listen(self._trace.hear, ClientCall, ClientReturn, Phase, TreeReplaced, Injected, OsiCall)
        if self._tells_console:
            vm.listen(self._trace.hear, ConsoleOutput, ConsoleInput)
        if self._console_here:
            vm.listen(self._see_console, ConsoleOutput)

    def close(self) -> None:
        """Show what did not come to its end."""
        self._trace.close()
        if not self.on_stderr:
            self._out.close()

    def _see_console(self, event: Event) -> None:
        from vof.events import ConsoleOutput

        assert type(event) is ConsoleOutput
        self._within_line = event.data[-1:] != b"\n"

    def _write(self, line: str) -> None:
        if self._within_line:  # what the guest has begun stays legible, and so does the trace
            self._within_line = False
            line = f"\n{line}"
        try:
            self._out.write(line)
        except OSError as error:
            if not self.on_stderr:
                raise UsageError(f"--trace={self._path}: {error.strerror}") from None
            self._out = open(os.devnull, "w")  # noqa: SIM115 - nobody is there to be told


def _open(path: str) -> TextIO:
    """A file that holds every line once it is written, whatever becomes of this process."""
    try:
        return open(path, "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"--trace={path}: {error.strerror}") from None
