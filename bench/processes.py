"""What Linux tells of a process: its CPU time and its memory; and processes that keep the CPUs busy."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["MemorySampler", "busy_loops", "cpu_seconds", "own_memory"]

_SAMPLE_EVERY = 0.01
_SPIN = "import sys, time\nend = time.monotonic() + float(sys.argv[1])\nwhile time.monotonic() < end: pass"


def cpu_seconds(pid: int, *, besides: str = "qemu-system-") -> float:
    """CPU time that a process and its descendants have used, but for those whose name begins with `besides`."""
    total = 0
    for one in (pid, *_descendants(pid)):
        with suppress(OSError):
            process = Path(f"/proc/{one}")
            if not (process / "comm").read_text().startswith(besides):
                total += sum(int((task / "schedstat").read_text().split()[0]) for task in (process / "task").iterdir())
    return total / 1e9


def own_memory(pid: int) -> float:
    """MB of memory that a process has beside what it shares, as guest RAM: 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    kib = [int(line.split()[1]) for line in lines if line.startswith(("RssAnon:", "RssFile:"))]
    return sum(kib) * 1024 / 1e6


class MemorySampler:
    """Looks at a process's memory a hundred times a second.

    Args:
        pid: the process.

    Attributes:
        peak: the most that was seen, in MB.
    """

    def __init__(self, pid: int) -> None:
        self.peak = 0.0
        self._pid = pid
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._end.wait(_SAMPLE_EVERY):
            self.peak = max(self.peak, own_memory(self._pid))


@contextmanager
def busy_loops(count: int, seconds: float) -> Iterator[None]:
    """Keep the CPUs busy with so many processes; they end with the block, and by themselves after `seconds`."""
    loops: list[subprocess.Popen[bytes]] = []
    try:
        loops += [subprocess.Popen([sys.executable, "-S", "-c", _SPIN, str(seconds)]) for _ in range(count)]
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *_descendants(int(child))]
    return found
