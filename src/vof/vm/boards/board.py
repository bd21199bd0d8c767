"""`Board`: a machine on an engine, what a configuration comes to; and what boards of all kinds have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from vof.errors import UsageError
from vof.outcomes import Jump
from vof.version import VERSION

if TYPE_CHECKING:
    from vof.backends import HostClock, OverlayDisk, VirtualClock
    from vof.backends.user_network import UserNetwork
    from vof.engines.engine import Engine
    from vof.engines.trap import Hello
    from vof.firmware.hypervisor import VirtualHypervisor
    from vof.machines.machine import Machine, Site
    from vof.machines.mol import MolDevices
    from vof.vm.boards.devices import BoardDevices
    from vof.vm.config import Config

__all__ = ["MODEL", "Board", "BoardPlan", "PlainBoard", "Wrap", "refuse_64_bit"]

MODEL = f"vof,{VERSION}"
Wrap = Callable[[str, str, Any], Any]
"""Makes of a back end, given its name and its kind, the port that the firmware gets."""


@dataclass(frozen=True, slots=True)
class BoardPlan:
    """What a board is made from.

    Attributes:
        config: the options.
        clock: the machine's clock.
        wrap: makes ports of back ends.
        closers: what the board opens is put here as soon as it is open, the engine apart: whoever has the stack closes
            it, after the engine, also where the board could not be made.
    """

    config: Config
    clock: HostClock | VirtualClock
    wrap: Wrap
    closers: ExitStack


class Board(Protocol):
    """A machine on an engine.

    Attributes:
        state: what of the machine a run changes, besides its firmware: for snapshots.
        movable_at: where a program that is linked at 0 goes, as with QEMU and SLOF: low memory stays the firmware's and
            the vectors'.
    """

    movable_at: int
    state: Any

    @property
    def engine(self) -> Engine:
        """What runs the guest."""
        ...

    def prepare(self, site: Site, hello: Hello) -> Hello | None:
        """Have what is outside the firmware ready for one boot.

        Args:
            site: where the firmware will stand.
            hello: what the machine said when it started.

        Returns:
            What it shall be taken to have said; None if it has to start once more, and is about to.
        """
        ...

    def machine(self, site: Site) -> Machine:
        """The machine of one boot."""
        ...

    def describe(self) -> dict[str, Any]:
        """What a machine like this one is made from besides a site: for `vof.vm.replay`, and in JSON's terms."""
        ...

    def start(self, jump: Jump) -> Jump:
        """How to start the client program, given the plain way."""
        ...

    def warm_up(self) -> None:
        """Import what takes long, while the engine starts."""
        ...

    def save(self) -> None:
        """Keep what outlives the machine, as it is now. May be called at any time and more than once.

        Raises:
            UsageError: it can't be kept.
        """
        ...

    @property
    def notices(self) -> list[str]:
        """What the user should know of the machine, to be taken from here by who tells him."""
        ...

    @property
    def load_limit(self) -> int:
        """The first address that a client program may not be loaded to."""
        ...

    def tend_by(self, tend: Callable[[], object]) -> None:
        """Have this called now and then while a disk or a network is waited for."""
        ...

    @property
    def disks(self) -> Sequence[OverlayDisk]:
        """The disks that a snapshot takes along."""
        ...

    @property
    def networks(self) -> Sequence[UserNetwork]:
        """The networks that a snapshot takes along."""
        ...

    @property
    def ports(self) -> dict[str, object]:
        """What a snapshot has names for in place of the thing itself: back ends."""
        ...

    def reopen(self) -> None:
        """Open files anew, in a forked child."""
        ...

    def resume(self) -> None:
        """The state was put back: have the engine know of it."""
        ...

    def taken_over(self) -> None:
        """The client program has taken the machine over, and its drivers its devices."""
        ...

    @property
    def boot_first(self) -> Sequence[str]:
        """Paths of the devices that the user gave a place among those to boot from, in that order."""
        ...

    @property
    def bytes_read(self) -> int:
        """Bytes that the firmware read from disks."""
        ...

    @property
    def hypervisor(self) -> VirtualHypervisor | None:
        """What the machine provides besides the client interface; None where that is the engine's business."""
        ...

    @property
    def devices(self) -> MolDevices | None:
        """Mac-on-Linux's devices; None on other machines, and before the start."""
        ...


def refuse_64_bit(jump: Jump, machine: str) -> None:
    """See that a client program is none for a 64-bit CPU.

    Raises:
        UsageError: it is.
    """
    if jump.bits == 64:
        raise UsageError(f"a 64-bit program, and {machine} has a 32-bit CPU: -machine pseries has a 64-bit one")


class PlainBoard:
    """What most boards say.

    Args:
        attached: the board's disks and networks.

    Attributes:
        state, notices: see `Board`.
    """

    movable_at = 0x400000

    def __init__(self, attached: BoardDevices) -> None:
        self.state: Any = None
        self.notices: list[str] = []
        self._attached = attached

    @property
    def disks(self) -> Sequence[OverlayDisk]:
        """See `Board`."""
        return self._attached.overlays

    @property
    def networks(self) -> Sequence[UserNetwork]:
        """See `Board`."""
        return self._attached.user_networks

    @property
    def ports(self) -> dict[str, object]:
        """See `Board`."""
        return self._attached.ports

    @property
    def bytes_read(self) -> int:
        """See `Board`."""
        return self._attached.bytes_read

    @property
    def boot_first(self) -> Sequence[str]:
        """See `Board`."""
        return self._attached.boot_first

    @property
    def hypervisor(self) -> VirtualHypervisor | None:
        """See `Board`."""
        return None

    @property
    def devices(self) -> MolDevices | None:
        """See `Board`."""
        return None

    def prepare(self, site: Site, hello: Hello) -> Hello | None:
        """See `Board`."""
        return hello

    def start(self, jump: Jump) -> Jump:
        """See `Board`."""
        return jump

    def tend_by(self, tend: Callable[[], object]) -> None:
        """See `Board`."""
        self._attached.tend_by(tend)

    def warm_up(self) -> None:
        """See `Board`."""
        self._attached.warm_up()

    def taken_over(self) -> None:
        """See `Board`."""
        self._attached.let_go()

    def reopen(self) -> None:
        """See `Board`."""
        self._attached.reopen()

    def resume(self) -> None:
        """See `Board`."""

    def save(self) -> None:
        """See `Board`."""
