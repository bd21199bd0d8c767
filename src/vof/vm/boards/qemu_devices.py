"""QEMU's own disks and networks, for the firmware of a board: found anew at each boot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vof.backends import OverlayDisk
    from vof.backends.user_network import UserNetwork
    from vof.engines.qemu import QemuEngine
    from vof.machines.disks import Disk
    from vof.machines.networks import Card
    from vof.machines.pci_board import PciBoard
    from vof.machines.pseries import Pseries
    from vof.vm.boards.board import BoardPlan
    from vof.vm.qemu_disks import QemuDisks
    from vof.vm.qemu_networks import QemuNetworks

__all__ = ["QemuDevices"]


class QemuDevices:
    """See `BoardDevices`; what is open goes to the plan's closers.

    Args:
        engine: the QEMU.
        plan: the board's.

    Raises:
        UsageError: an image can't be had.
    """

    overlays: Sequence[OverlayDisk] = ()
    user_networks: Sequence[UserNetwork] = ()

    def __init__(self, engine: QemuEngine, plan: BoardPlan) -> None:
        config = plan.config
        self.disks: tuple[Disk, ...] = ()
        self.cards: tuple[Card, ...] = ()
        self.ports: dict[str, object] = {}
        self._qemu_disks: QemuDisks | None = None
        self._qemu_networks: QemuNetworks | None = None
        self._machine: Pseries | PciBoard | None = None
        if config.profile.drives and config.has_networks:
            from vof.vm.qemu_networks import QemuNetworks

            self._qemu_networks = QemuNetworks(engine, plan.wrap)
            plan.closers.callback(self._qemu_networks.forget)
        if config.profile.drives and config.has_disks:
            from vof.vm.qemu_disks import QemuDisks

            self._qemu_disks = QemuDisks(engine, config.qemu_drives, plan.wrap)
            plan.closers.callback(self._qemu_disks.close)
        self._both = [each for each in (self._qemu_disks, self._qemu_networks) if each is not None]

    def find(self) -> None:
        """See what this boot has.

        Raises:
            EngineError: QEMU doesn't answer.
        """
        for each in self._both:
            each.find()
        if self._qemu_disks is not None:
            self.disks = self._qemu_disks.disks
        if self._qemu_networks is not None:
            self.cards = self._qemu_networks.cards

    def forget(self) -> None:
        """QEMU is gone, and another one is about to take its place."""
        for each in self._both:
            each.forget()

    def furnish(self, machine: Pseries | PciBoard, notices: list[str]) -> None:
        """The machine of this boot was made with these.

        Args:
            machine: it.
            notices: where it shall tell of what can't be had.
        """
        machine.reports = machine.disks.reports = notices
        self._machine = machine

    @property
    def boot_first(self) -> Sequence[str]:
        """See `BoardDevices`: by `bootindex=`."""
        machine = self._machine
        return [path for _, path in sorted(machine.disks.first + machine.cards.first)] if machine is not None else ()

    @property
    def bytes_read(self) -> int:
        """See `BoardDevices`."""
        return self._qemu_disks.bytes_read if self._qemu_disks is not None else 0

    def tend_by(self, tend: Callable[[], object]) -> None:
        """See `BoardDevices`."""
        for each in self._both:
            each.tend = tend

    def warm_up(self) -> None:
        """See `BoardDevices`: they are asked for through QEMU's monitor."""
        if self._both:
            import qemu.qmp

            assert qemu.qmp

    def let_go(self) -> None:
        """See `BoardDevices`."""
        for each in self._both:
            each.let_go()

    def reopen(self) -> None:
        """See `BoardDevices`: nobody forks a QEMU."""
