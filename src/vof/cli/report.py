"""What the user is told on the standard error stream."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Sequence

from vof.errors import EngineError, VofError

__all__ = ["report", "say", "say_registers"]

_REGISTERS_A_LINE = 4


def say(text: str) -> None:
    """Tell the user something, in one line."""
    with contextlib.suppress(OSError):  # nobody is there to be told
        print(f"vof: {' '.join(text.splitlines())}", file=sys.stderr, flush=True)


def say_registers(registers: Sequence[tuple[str, int]]) -> None:
    """Tell the user what a CPU's registers held, if that is known."""
    words = [f"{name:>6} {value:08x}" for name, value in registers]
    with contextlib.suppress(OSError):
        for start in range(0, len(words), _REGISTERS_A_LINE):
            print("".join(words[start : start + _REGISTERS_A_LINE]), file=sys.stderr, flush=True)


def report(error: VofError) -> None:
    """Tell the user what went wrong, and of a dead QEMU all that helps to find out why."""
    if not isinstance(error, EngineError):
        say(str(error))
        return
    say(str(error.args[0]))
    with contextlib.suppress(OSError):
        if error.last_words:
            print("QEMU's last words:", *error.last_words.splitlines(), sep="\n    ", file=sys.stderr)
        if error.command:
            print("QEMU's command line:", shlex.join(error.command), sep="\n    ", file=sys.stderr, flush=True)
