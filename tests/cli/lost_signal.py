"""A program of the CLI's that gets a signal where Python loses the exception which that raises."""

from __future__ import annotations

import os
import signal
import sys
import time
from importlib import import_module

main = import_module("vof.cli.main")  # the package's name for it is the function


class Callback:
    """Python ignores what is raised here."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.05)


with main._signals_end_it():
    callback = Callback()
    del callback
    try:
        time.sleep(30)
    finally:
        time.sleep(0.5)  # the way out is not interrupted again
        print("closed", file=sys.stderr)
