"""`BoardDevices`: the disks and networks that a board has for its firmware, whoever they belong to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from vof.backends import OverlayDisk
    from vof.backends.user_network import UserNetwork
    from vof.machines.disks import Disk
    from vof.machines.networks import Card

__all__ = ["BoardDevices", "NoDevices"]


class BoardDevices(Protocol):
    """Disks and networks.

    Attributes:
        disks, cards: what the machine of this boot gets.
    """

    disks: tuple[Disk, ...]
    cards: tuple[Card, ...]

    @property
    def overlays(self) -> Sequence[OverlayDisk]:
        """The disks that a snapshot takes along."""
        ...

    @property
    def user_networks(self) -> Sequence[UserNetwork]:
        """The networks that a snapshot takes along."""
        ...

    @property
    def ports(self) -> dict[str, object]:
        """What a snapshot has names for in place of the thing itself."""
        ...

    @property
    def boot_first(self) -> Sequence[str]:
        """See `Board`."""
        ...

    @property
    def bytes_read(self) -> int:
        """Bytes that the firmware read from disks."""
        ...

    def tend_by(self, tend: Callable[[], object]) -> None:
        """Have this called now and then while one of them is waited for."""
        ...

    def warm_up(self) -> None:
        """Import what takes long, while the engine starts."""
        ...

    def let_go(self) -> None:
        """The client program's drivers have them from here on."""
        ...

    def reopen(self) -> None:
        """Open files anew, in a forked child."""
        ...


class NoDevices:
    """None of either. See `BoardDevices`."""

    def __init__(self) -> None:
        self.disks: tuple[Disk, ...] = ()
        self.cards: tuple[Card, ...] = ()
        self.overlays: Sequence[OverlayDisk] = ()
        self.user_networks: Sequence[UserNetwork] = ()
        self.ports: dict[str, object] = {}
        self.boot_first: Sequence[str] = ()
        self.bytes_read = 0

    def tend_by(self, tend: Callable[[], object]) -> None:
        """See `BoardDevices`."""

    def warm_up(self) -> None:
        """See `BoardDevices`."""

    def let_go(self) -> None:
        """See `BoardDevices`."""

    def reopen(self) -> None:
        """See `BoardDevices`."""
