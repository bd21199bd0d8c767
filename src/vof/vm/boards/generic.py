"""The boards whose tree is that of `generic`: the machine itself, in this process or elsewhere, and QEMU's `40p`."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from vof.errors import UsageError
from vof.outcomes import Jump
from vof.vm.boards.board import MODEL, BoardPlan, PlainBoard, refuse_64_bit
from vof.vm.boards.board_engines import external_engine, unicorn_engine
from vof.vm.boards.devices import NoDevices
from vof.vm.boards.local_devices import LocalDevices
from vof.vm.boards.own_tree import memory_of_tree, read_tree

if TYPE_CHECKING:
    from vof.engines.external import ExternalEngine
    from vof.engines.qemu import QemuEngine
    from vof.engines.trap import Hello
    from vof.engines.unicorn import UnicornEngine
    from vof.firmware.hypervisor import VirtualHypervisor
    from vof.machines.generic import GenericOptions
    from vof.machines.machine import Machine, Site

__all__ = ["GenericBoard", "Prep40Board", "describe_generic"]


class GenericBoard(PlainBoard):
    """The machine `generic`, with its disks. What its clock was set to outlives a reset."""

    def __init__(self, plan: BoardPlan) -> None:
        from vof.engines.unicorn.models import find_model
        from vof.firmware.hypervisor import VirtualHypervisor
        from vof.machines.generic import GenericOptions

        config = plan.config
        options = config.machine_options
        real_mode = _switch(options.pop("real-mode", "on"), "real-mode")
        path = options.pop("dtb", "")
        if options:
            raise UsageError(f"-machine generic,{next(iter(options))}: generic has real-mode=on|off and dtb=FILE")
        model = find_model(config.cpu, 32, hashed=not real_mode)
        tree = read_tree("generic", path)
        self._options = GenericOptions(cpu=model.name, pvr=model.pvr, real_mode=real_mode, tree=tree)
        self.engine: UnicornEngine | ExternalEngine
        if config.engine_name == "external":
            if not real_mode:
                raise UsageError("real-mode=off: translation is set up by an engine of vof's own, such as unicorn")
            self.engine = external_engine(plan, bits=32)
        else:
            memory = memory_of_tree("generic", path, tree)
            self.engine = unicorn_engine(
                config, plan.clock, bits=32, timebase=self._options.timebase_frequency, memory=memory
            )
        self._hypervisor = VirtualHypervisor()
        devices = LocalDevices(plan)
        super().__init__(devices)
        self._options = replace(
            self._options, disks=devices.disks, cards=devices.cards, variables=config.variable_values
        )

    @property
    def hypervisor(self) -> VirtualHypervisor | None:
        """See `Board`."""
        return self._hypervisor

    @property
    def load_limit(self) -> int:
        """See `Board`."""
        from vof.machines.generic import page_table_room

        layout = self.engine.layout
        if self._options.real_mode:
            return layout.page
        return page_table_room((layout.page, layout.end - layout.page), self.engine.memory.size)[0]

    def prepare(self, site: Site, hello: Hello) -> Hello:
        """See `Board`."""
        from vof.engines.external import ExternalEngine

        if self.state is not None:
            self._options = replace(self._options, clock_offset=self.state.rtc.offset)
        if not isinstance(self.engine, ExternalEngine):
            self.engine.runner.hypervisor = self._hypervisor
        return hello

    def machine(self, site: Site) -> Machine:
        """See `Board`."""
        from vof.engines.external import ExternalEngine
        from vof.machines.generic import Generic

        if not isinstance(self.engine, ExternalEngine):
            site = replace(site, flush_translations=self.engine.cpu.forget_mappings)
        machine = self.state = Generic(site, MODEL, self._options)
        return machine

    def describe(self) -> dict[str, Any]:
        """See `Board`."""
        return describe_generic(self._options)

    def start(self, jump: Jump) -> Jump:
        """See `Board`."""
        refuse_64_bit(jump, "generic")
        assert self.state is not None
        state = self.state.start_state
        return replace(jump, msr=state.msr, sprs=tuple(state.sprs.items()), segments=state.segments)


class Prep40Board(PlainBoard):
    """`40p`: QEMU's CPU and RAM with the tree of `generic`; nothing tells a client of the devices yet."""

    def __init__(self, engine: QemuEngine) -> None:
        super().__init__(NoDevices())
        self.engine = engine

    @property
    def load_limit(self) -> int:
        """See `Board`."""
        return self.engine.layout.page

    def machine(self, site: Site) -> Machine:
        """See `Board`."""
        from vof.machines.generic import Generic

        return Generic(site, MODEL, self._options())

    def describe(self) -> dict[str, Any]:
        """See `Board`."""
        return describe_generic(self._options())

    def _options(self) -> GenericOptions:
        from vof.machines.generic import GenericOptions

        cpu, pvr = self.engine.cpu_version()
        return GenericOptions(cpu=cpu, pvr=pvr, timebase_frequency=100_000_000)

    def start(self, jump: Jump) -> Jump:
        """See `Board`."""
        refuse_64_bit(jump, "40p")
        return jump


def describe_generic(options: GenericOptions) -> dict[str, Any]:
    """What a `generic` is made from: see `Board.describe`."""
    from vof.vm.device_facts import describe_devices

    facts = {each.name: getattr(options, each.name) for each in fields(options)}
    facts["tree"] = options.tree.decode("latin-1")
    facts |= describe_devices(options.disks, options.cards)
    return {"kind": "generic", "model": MODEL, "options": facts}


def _switch(text: str, name: str) -> bool:
    if text not in ("on", "off"):
        raise UsageError(f"{name}={text}: it is on or off")
    return text == "on"
