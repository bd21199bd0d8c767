"""Disks and networks of a machine whose CPU is in this process: images and user networks that are opened here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from vof.vm.boards.board import BoardPlan, Wrap

if TYPE_CHECKING:
    from vof.backends import OverlayDisk
    from vof.backends.qemu_network import QemuUserNetwork
    from vof.backends.user_network import UserNetwork
    from vof.machines.disks import Disk, DiskPlace
    from vof.machines.networks import Card
    from vof.vm.config import Config
    from vof.vm.drives import Drive

__all__ = ["LocalDevices"]


def _no_place(number: int) -> None:
    """There are no controllers that a node would tell of."""


class LocalDevices:
    """See `BoardDevices`; all that is open goes to the plan's closers.

    Args:
        plan: the board's.
        place: how a disk of this number is attached; None where the machine has no controllers.

    Attributes:
        overlays, user_networks: the disks and networks that a snapshot takes along.
        drives: the opened drives, each of the disk at its place.
        disks, cards: what the machine gets.

    Raises:
        UsageError: an image or a network can't be had.
    """

    boot_first: Sequence[str] = ()

    def __init__(self, plan: BoardPlan, place: Callable[[int], DiskPlace | None] = _no_place) -> None:
        config, wrap = plan.config, plan.wrap
        self._closers = plan.closers
        self.drives: list[Drive] = []
        self.overlays: list[OverlayDisk] = []
        self.user_networks: list[UserNetwork] = []
        self.disks: tuple[Disk, ...] = ()
        self.cards: tuple[Card, ...] = ()
        if config.netdevs:
            self._make_networks(config.netdevs, wrap)
        if config.drives:
            self._make_disks(config, wrap, place)

    def _make_disks(self, config: Config, wrap: Wrap, place: Callable[[int], DiskPlace | None]) -> None:
        from vof.backends import OverlayDisk, Volumes
        from vof.machines.disks import Disk
        from vof.vm.drives import open_drives

        self.drives = open_drives(config.drives, snapshot=config.snapshot)
        for drive in self.drives:
            self._closers.callback(drive.close)
        volumes = Volumes()
        self._closers.callback(volumes.close)
        self.overlays = [OverlayDisk(drive.block, holds=False) for drive in self.drives]
        self.disks = tuple(
            Disk(
                name=drive.name,
                block=wrap(f"block{number}", "block", disk),
                partitions=wrap(f"partitions{number}", "partitions", volumes.partitions(disk)),
                files=wrap(f"files{number}", "files", volumes.files(disk, partial(getattr, disk, "writes"))),
                cdrom=drive.media == "cdrom",
                place=place(number),
            )
            for number, (drive, disk) in enumerate(zip(self.drives, self.overlays, strict=True))
        )

    def _make_networks(self, values: Sequence[str], wrap: Wrap) -> None:
        from vof.backends.qemu_network import QemuUserNetwork
        from vof.backends.user_netdev import needs_qemu, parse_user_netdev
        from vof.backends.user_network import UserNetwork
        from vof.machines.networks import Card

        cards = []
        for number, value in enumerate(values):
            name = f"net{number}"
            network: UserNetwork | QemuUserNetwork
            if needs_qemu(value):
                network = QemuUserNetwork(value)
                self._closers.callback(network.close)
            else:
                options = parse_user_netdev(value)
                name, network = options.id or name, UserNetwork(options)
                self.user_networks.append(network)
            cards.append(Card(name, wrap(f"network{number}", "network", network)))
        self.cards = tuple(cards)

    @property
    def ports(self) -> dict[str, object]:
        """What a snapshot has names for."""
        ports: dict[str, object] = {}
        for number, disk in enumerate(self.disks):
            ports[f"disk{number}"] = disk.block
            ports[f"partitions{number}"] = disk.partitions
            ports[f"files{number}"] = disk.files
        for number, card in enumerate(self.cards):
            ports[f"network{number}"] = card.network
        return ports

    def reopen(self) -> None:
        """Open files anew, in a forked child."""
        for drive in self.drives:
            drive.reopen()

    @property
    def bytes_read(self) -> int:
        """Bytes that the firmware read from disks."""
        return sum(disk.bytes_read for disk in self.overlays)

    def tend_by(self, tend: Callable[[], object]) -> None:
        """See `BoardDevices`: nothing here is waited for that long."""

    def warm_up(self) -> None:
        """See `BoardDevices`."""

    def let_go(self) -> None:
        """See `BoardDevices`: a client program has no drivers for these."""
