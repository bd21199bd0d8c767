"""A firmware alone: over memory of this process, with a device tree, and no engine to run a guest."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from typing import NoReturn

from vof.backends import HostClock
from vof.errors import PortError
from vof.firmware import OpenFirmware
from vof.machines.generic import Generic, GenericOptions
from vof.machines.machine import Program, Site
from vof.memory import GuestMemory
from vof.ports import Access, Console
from vof.tree import DeviceTree
from vof.version import VERSION

__all__ = ["firmware_alone"]

_MEMORY = 64 << 20
_REGION = 0x10000


class _Nobody:
    """The ports of an engine, where there is none."""

    def call(self, entry: int, arguments: Sequence[int]) -> int:
        """Port `Cpu`."""
        self._refuse()

    def hypercall(self, number: int, *arguments: int) -> tuple[int, ...]:
        """Port `Hypervisor`."""
        self._refuse()

    def run(self, accesses: Sequence[Access]) -> list[int]:
        """Port `Bus`."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise PortError("there is no machine here: -machine names one")


def firmware_alone(console: Console, tree: bytes = b"", cells: int = 32) -> OpenFirmware:
    """A firmware with 64 MiB of memory.

    Args:
        console: where its console is.
        tree: a flattened tree, which gets what the firmware needs; empty for that alone.
        cells: bits of Forth's cells, 32 or 64.

    Raises:
        UsageError: that is none.
    """
    memory, nobody = GuestMemory(mmap.mmap(-1, _MEMORY)), _Nobody()
    start = _MEMORY - _REGION
    site = Site(
        memory=memory,
        cpu=nobody,
        hypervisor=nobody,
        bus=nobody,
        console=console,
        clock=HostClock(),
        region=(start, _REGION),
        scratch=start,
        tree_room=(start, 0),
    )
    firmware = Generic(site, f"vof,{VERSION}", GenericOptions(tree=tree)).power_on(0, Program(), _unchanged)
    firmware.cell_bits = cells
    return firmware


def _unchanged(tree: DeviceTree) -> None:
    pass
