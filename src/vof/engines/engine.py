"""`Engine`: what owns a guest's CPU and RAM, whatever it is; the seam that the VM stands on."""

from __future__ import annotations

import mmap
import socket
from collections.abc import Callable
from selectors import BaseSelector
from typing import Protocol

from vof.engines.guardian import Guardian
from vof.engines.layout import Layout
from vof.engines.trap import Trap
from vof.outcomes import Outcome
from vof.ports import Memory

__all__ = ["Engine"]


class Engine(Protocol):
    """A CPU with RAM. What is asked of it while a guest runs, its `trap` is asked. All but `layout` is there after
    `prepare`.
    """

    @property
    def layout(self) -> Layout:
        """Where the firmware's region lies in guest memory."""
        ...

    @property
    def ram(self) -> mmap.mmap | None:
        """Guest memory, from address 0; None where it is the emulator's own."""
        ...

    @property
    def memory(self) -> Memory:
        """The same as the port."""
        ...

    @property
    def trap(self) -> Trap:
        """The way into the firmware."""
        ...

    @property
    def console(self) -> socket.socket | None:
        """The host's end of the guest's own console device; None if it has none."""
        ...

    def prepare(self) -> list[str]:
        """Make everything but the guest; returns the command line of what `start` will start, empty if nothing.

        Raises:
            UsageError: the engine is not there, or can't run this.
            EngineError: this host hasn't the memory.
        """
        ...

    def start(self, guardian: Guardian) -> None:
        """Start the guest, under the guardian's eyes."""
        ...

    def describe(self) -> str:
        """What was started, in a few words."""
        ...

    def version(self) -> str:
        """What runs the guest, with its version; "" if that isn't known. It may take a while."""
        ...

    def tend(self, selector: BaseSelector, take_output: Callable[[], bool], due: Callable[[], bool]) -> None:
        """Have the engine's own descriptors watched.

        Args:
            selector: watches them; each key's data is a function to call.
            take_output: drains the guest's console; whether there was anything.
            due: whether the run loop has to look around at once. It may be called from another thread.
        """
        ...

    def look(self) -> Outcome | None:
        """See how the engine is: what has become of the machine, None while it runs.

        Raises:
            VofError: the engine has failed.
        """
        ...

    def copy_file(self, file: int, offset: int, address: int, size: int) -> None:
        """Copy `size` bytes at `offset` of a file to an address.

        Raises:
            UsageError: the file can't be read, or is too short.
        """
        ...

    def reset(self) -> None:
        """Reset the machine; the trap says hello again."""
        ...

    def registers(self) -> dict[str, int]:
        """Registers of the first CPU by name, `r0` … `r31`, `pc`, `lr`, `ctr`, `msr` …, as far as it knows them."""
        ...

    def close(self) -> None:
        """End the guest and let go of everything. May be called at any time, more than once."""
        ...
