"""Runs `vof` for the tests of what it leaves behind, and stops at the moment that a test wants to hit.

    python leftovers_driver.py MOMENT MARKS GO VOF-ARGUMENT...

At the moment it writes a line to the descriptor MARKS. Where that moment would pass by itself, it waits until there is
something to read at the descriptor GO.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

import vof.vm
from vof import loaders
from vof.cli import main
from vof.engines import guardian
from vof.engines.qemu import QemuEngine
from vof.events import ClientCall, Event, Phase

MOMENT, MARKS, GO = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
LONG_ENOUGH = 30


def mark(*, wait: bool) -> None:
    os.write(MARKS, b"now\n")
    end = time.monotonic() + LONG_ENOUGH
    # A little at a time: a signal that the kernel gives to another thread interrupts no call of this one.
    while wait and time.monotonic() < end and not select.select([GO], [], [], 0.05)[0]:
        pass


class StoppingVM(vof.vm.VM):
    """A VM that tells of the moment."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.told = False
        self.listen(self.notice)

    def notice(self, event: Event) -> None:
        if self.told:
            return
        phase = event.name if type(event) is Phase else ""
        waiting = {
            "engine started": phase == "engine started",
            "inside a call": type(event) is ClientCall and event.service == "getprop",
            "during a reboot": phase == "firmware started again",
        }
        if waiting.get(MOMENT):
            self.tell(wait=True)
        elif MOMENT == "during a reboot" and phase == "client program has the machine":
            self.reset()
        elif MOMENT == "before hello" and phase == "engine started":
            self.stop_qemu()
        elif MOMENT == "before hello" and phase == "client program loaded":
            self.tell(wait=False)
        elif MOMENT == "forked" and phase == "client program started":
            self.told = True
            if os.fork() == 0:
                mark(wait=True)
                os._exit(0)

    @property
    def pid(self) -> int:
        assert isinstance(self.engine, QemuEngine)
        return self.engine.pid

    def stop_qemu(self) -> None:
        program = Path(f"/proc/{self.pid}/comm")
        while not program.read_text().startswith("qemu"):  # it is a shell at first
            time.sleep(1e-4)
        os.kill(self.pid, signal.SIGSTOP)

    def tell(self, *, wait: bool) -> None:
        self.told = True
        mark(wait=wait)


def loading(*arguments: Any, **options: Any) -> Any:
    result = load(*arguments, **options)
    mark(wait=True)
    return result


class SpawnTeller(guardian.Guardian):
    """A guardian that tells when QEMU is about to be."""

    def spawn(self, *arguments: Any, **options: Any) -> Any:
        mark(wait=False)
        return super().spawn(*arguments, **options)


load = loaders.load
vof.vm.VM = StoppingVM  # type: ignore[misc]  # the command line takes it from here when it needs it
if MOMENT == "while loading":
    loaders.load = loading
elif MOMENT == "at the start":
    mark(wait=False)
elif MOMENT == "right after spawn":
    guardian.Guardian = SpawnTeller  # type: ignore[misc]
sys.exit(main(sys.argv[4:]))
