"""A signal ends the program wherever it comes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path


def test_a_signal_whose_exception_python_loses() -> None:
    start = time.monotonic()
    program = Path(__file__).with_name("lost_signal.py")
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (143, "closed")
    assert time.monotonic() - start < 10
