"""The board `pseries` where the hypervisor is not in this process: QEMU's, or that of somebody else's emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vof.vm.boards.board import MODEL, PlainBoard
from vof.vm.boards.devices import NoDevices

if TYPE_CHECKING:
    from vof.engines.engine import Engine
    from vof.engines.trap import Hello
    from vof.machines.machine import Machine, Site
    from vof.vm.boards.board import BoardPlan
    from vof.vm.boards.qemu_devices import QemuDevices

__all__ = ["PseriesBoard"]


class PseriesBoard(PlainBoard):
    """`pseries` where the hypervisor is on the engine's side, and gives the tree.

    Args:
        engine: QEMU, or somebody else's.
        plan: what it is made from.
        found: QEMU's disks and networks.

    Raises:
        UsageError: the file of its NVRAM can't be made.
    """

    def __init__(self, engine: Engine, plan: BoardPlan, found: QemuDevices | None = None) -> None:
        super().__init__(found or NoDevices())
        config = plan.config
        image = config.nvram_image
        if image is not None:
            image.make()
            plan.closers.callback(image.discard)
        self.engine = engine
        self._found = found
        self._variables = config.variable_values

    @property
    def load_limit(self) -> int:
        """See `Board`."""
        return self.engine.layout.page

    def warm_up(self) -> None:
        """See `Board`."""
        import vof.machines.pseries

        assert vof.machines.pseries
        super().warm_up()

    def prepare(self, site: Site, hello: Hello) -> Hello:
        """See `Board`."""
        if self._found is not None:
            self._found.find()
        return hello

    def machine(self, site: Site) -> Machine:
        """See `Board`."""
        from vof.machines.pseries import Pseries

        machine = Pseries(site, MODEL, self._attached.disks, self._attached.cards, self._variables)
        if self._found is not None:
            self._found.furnish(machine, self.notices)
        return machine

    def describe(self) -> dict[str, Any]:
        """See `Board`."""
        from vof.vm.device_facts import describe_devices

        return {
            "kind": "pseries",
            "model": MODEL,
            "variables": self._variables,
            **describe_devices(self._attached.disks, self._attached.cards),
        }
