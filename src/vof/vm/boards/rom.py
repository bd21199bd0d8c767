"""The boards of QEMU's with PCI whose firmware is in ROM, and that have no tree of their own: `pegasos2` and Macs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vof.errors import UsageError
from vof.outcomes import Jump
from vof.vm.boards.board import MODEL, BoardPlan, PlainBoard, refuse_64_bit

if TYPE_CHECKING:
    from vof.backends.nvram_file import NvramFile
    from vof.engines.qemu import QemuEngine
    from vof.engines.trap import Hello
    from vof.machines.machine import Machine, Site
    from vof.machines.rtas import GuestRtas
    from vof.vm.boards.qemu_devices import QemuDevices

__all__ = ["RomBoard"]

_MSR_IP = 0x40
"""Exceptions go to the vectors in ROM, which tell of them, until a client program has its own."""
_LOW_MEMORY = 0x30000000
"""What a 32-bit Linux maps from its start: an initial RAM disk has to be there."""


class RomBoard(PlainBoard):
    """A board of QEMU's whose firmware is in ROM, and that has no tree of its own."""

    def __init__(self, engine: QemuEngine, plan: BoardPlan, found: QemuDevices) -> None:
        super().__init__(found)
        config = plan.config
        self.engine = engine
        self._found = found
        self._name = name = config.profile.name
        nvram = config.nvram
        console = config.machine_options.get("console", "host") if "console" in config.profile.own_options else "host"
        if console not in ("host", "uart"):
            raise UsageError(f"-machine {name},console={console}: it is host or uart")
        self._by_uart = console == "uart"
        self._variables = config.variable_values
        self._rtas: GuestRtas | None = None
        self._nvram: NvramFile | None = None
        self._contents = b""
        if nvram:
            from vof.backends.nvram_file import NvramFile
            from vof.machines.rtas import NVRAM_SIZE

            self._nvram = NvramFile(nvram, NVRAM_SIZE)
            self._contents = self._nvram.data
            self.notices += [self._nvram.notice] if self._nvram.notice else []
        self._pvr = 0
        self._started = False

    @property
    def load_limit(self) -> int:
        """See `Board`."""
        return min(self.engine.layout.page, _LOW_MEMORY)

    def warm_up(self) -> None:
        """See `Board`."""
        import vof.machines.boards

        assert vof.machines.boards
        super().warm_up()

    def prepare(self, site: Site, hello: Hello) -> Hello | None:
        """See `Board`."""
        from vof.backends import HostConsole
        from vof.machines.boards import BOARDS

        self._rtas = None  # what it had is saved, and its memory may be the client program's again
        self._pvr = hello.pvr or self.engine.cpu_version()[1]
        alive = BOARDS[self._name].alive
        if self._started and alive is not None and site.bus.run([alive]) == [0]:
            self._found.forget()
            self.engine.relaunch()
            return None
        self._started = True
        self._found.find()
        if self._by_uart:
            assert isinstance(site.console, HostConsole)
            site.console.hand_over()  # what is typed goes to the device from the start
        return hello

    def machine(self, site: Site) -> Machine:
        """See `Board`."""
        from vof.machines.boards import BOARDS
        from vof.machines.pci_board import PciBoard

        board = PciBoard(
            site,
            MODEL,
            BOARDS[self._name],
            self._pvr,
            self._contents,
            by_uart=self._by_uart,
            disks=self._found.disks,
            cards=self._found.cards,
            variables=self._variables,
        )
        self._rtas = board.rtas
        self._found.furnish(board, self.notices)
        return board

    def save(self) -> None:
        """See `Board`."""
        if self._rtas is None:
            return
        contents = self._rtas.nvram(self.engine.memory)
        if contents is None:
            if self._nvram is None:
                return
            raise UsageError(
                f"{self._nvram.option}: it has what it had: the machine's NVRAM was being written, or was written over"
            )
        self._contents = contents
        if self._nvram is not None:
            self._nvram.save(contents)

    def describe(self) -> dict[str, Any]:
        """See `Board`."""
        from vof.vm.device_facts import describe_devices

        nvram = self._contents.rstrip(b"\0").decode("latin-1")
        return {
            "kind": "board",
            "model": MODEL,
            "name": self._name,
            "pvr": self._pvr,
            "nvram": nvram,
            "uart": self._by_uart,
            "variables": self._variables,
            **describe_devices(self._found.disks, self._found.cards),
        }

    def start(self, jump: Jump) -> Jump:
        """See `Board`."""
        refuse_64_bit(jump, self._name)
        # The vectors are the stub's, which only the trap mailbox has there.
        return replace(jump, msr=jump.msr | _MSR_IP) if self.engine.options.trap == "mailbox" else jump
