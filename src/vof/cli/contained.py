"""Running a guest in a child process: one that takes its process down ends with a line, not with this program."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from vof.cli.report import say

__all__ = ["wait_for_child"]

_PR_SET_PDEATHSIG = 1
_FAILED = 1


def wait_for_child(tidy_up: Callable[[], None]) -> int | None:
    """Go on in a child process, and wait for it here.

    Args:
        tidy_up: called once the child was ended by a signal that it did not catch.

    Returns:
        In the child None; in the parent the child's exit status.
    """
    parent = os.getpid()
    child = os.fork()
    if not child:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it has died in between
            os._exit(_FAILED)
        return None

    def pass_on(number: int, frame: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            os.kill(child, number)

    # The terminal sends Ctrl-C to both, somebody else perhaps to one: the child takes no notice of a second one.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, pass_on)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status >= 0:
        return status
    tidy_up()
    ended_by = signal.Signals(-status)
    if ended_by in (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE):
        say(f"the guest brought the unicorn engine down ({ended_by.name}): --engine qemu may run it")
        return _FAILED
    return 128 - status
