"""The board `pseries` in this process: its tree was recorded from QEMU, and its hypervisor is `vof.machines.papr`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vof.errors import UsageError
from vof.vm.boards.board import MODEL, BoardPlan, PlainBoard
from vof.vm.boards.board_engines import unicorn_engine
from vof.vm.boards.local_devices import LocalDevices
from vof.vm.boards.own_tree import memory_of_tree, read_tree

if TYPE_CHECKING:
    from vof.engines.trap import Hello
    from vof.firmware.hypervisor import VirtualHypervisor
    from vof.machines.disks import DiskPlace
    from vof.machines.machine import Machine, Site
    from vof.ports import Store

__all__ = ["UnicornPseriesBoard"]


class UnicornPseriesBoard(PlainBoard):
    """`pseries` without QEMU: its tree was recorded, and its hypervisor is in this process."""

    def __init__(self, plan: BoardPlan) -> None:
        from vof.engines.unicorn.models import find_model

        config = plan.config
        options = config.machine_options
        path = options.pop("dtb", "")
        if options:
            raise UsageError(
                f"-machine pseries,{next(iter(options))}: on the unicorn engine pseries has the option dtb=FILE"
            )
        self._model = find_model(config.cpu, 64)
        self._dtb = read_tree("pseries", path)
        memory = memory_of_tree("pseries", path, self._dtb)
        self.engine = unicorn_engine(config, plan.clock, bits=64, timebase=512_000_000, memory=memory)
        super().__init__(LocalDevices(plan, _vscsi_place))
        self._offset = 0
        self._nvram: Store | None = None
        self._image = config.nvram_image
        self._variables = config.variable_values

    @property
    def load_limit(self) -> int:
        """See `Board`."""
        return self.engine.layout.page

    def prepare(self, site: Site, hello: Hello) -> Hello:
        """See `Board`."""
        from vof.machines.nvram import Nvram
        from vof.machines.papr import Papr
        from vof.machines.pseries_tree import add_vscsi, pseries_tree
        from vof.tree import build_fdt, parse_fdt

        if self._dtb:
            tree = parse_fdt(self._dtb)
        else:
            tree = pseries_tree(self.engine.options.memory, self._model.name, self._model.pvr)
        if self._attached.disks:
            add_vscsi(tree)
        if self.state is not None:
            self._offset, self._nvram = self.state.clock_offset, self.state.nvram
        elif self._image is not None and (contents := self._image.read()):
            self._nvram = Nvram(len(contents))
            self._nvram.write(0, contents)
        self.state = Papr(tree, site.memory, site.console, site.clock, nvram=self._nvram, clock_offset=self._offset)
        self.resume()
        address, room = site.tree_room
        flattened = build_fdt(tree)
        if len(flattened) > room:
            raise UsageError(f"the tree has {len(flattened)} bytes, more than the {room} that there is room for")
        site.memory.write(address, flattened)
        return replace(hello, tree=address)

    def save(self) -> None:
        """See `Board`."""
        if self._image is None or self.state is None or self.state.nvram is None:
            return
        store = self.state.nvram
        contents = store.read(0, store.size)
        if contents != self._image.read():
            self._image.write(contents)

    def machine(self, site: Site) -> Machine:
        """See `Board`."""
        from vof.machines.pseries import Pseries

        return Pseries(site, MODEL, self._attached.disks, self._attached.cards, self._variables)

    def describe(self) -> dict[str, Any]:
        """See `Board`."""
        from vof.vm.device_facts import describe_devices

        return {
            "kind": "pseries",
            "model": MODEL,
            "variables": self._variables,
            **describe_devices(self._attached.disks, self._attached.cards),
        }

    def resume(self) -> None:
        """See `Board`."""
        self.engine.runner.hypervisor = self.state.hypervisor

    @property
    def hypervisor(self) -> VirtualHypervisor | None:
        """See `Board`."""
        hypervisor: VirtualHypervisor | None = self.state.hypervisor if self.state is not None else None
        return hypervisor


def _vscsi_place(number: int) -> DiskPlace:
    """As QEMU attaches drives that don't say how: seven to an adapter; here all to one."""
    from vof.machines.disks import Controller, DiskPlace
    from vof.machines.pseries_tree import VSCSI

    return DiskPlace("vscsi", Controller(vio=VSCSI), target=number % 64, lun=number // 64)
