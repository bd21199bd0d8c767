"""From a machine's hello to its client program's first instruction: a firmware is made, and finds what to start."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vof.engines.trap import Hello
from vof.errors import Throw
from vof.outcomes import Jump
from vof.vm.machinery import Machinery
from vof.vm.observers import Making

if TYPE_CHECKING:
    from vof.firmware import OpenFirmware
    from vof.firmware.boot import Boots
    from vof.machines.machine import Site

__all__ = ["Startup"]

_MIB = 1 << 20


class Startup:
    """Makes the firmware of each boot, and starts client programs.

    Args:
        machinery: the VM's.
        made: called with each firmware, before it is asked anything.

    Attributes:
        firmware: the firmware of the present boot; None before the stub's hello.
        count: how often a firmware was made.
    """

    def __init__(self, machinery: Machinery, made: Callable[[OpenFirmware], None]) -> None:
        self.firmware: OpenFirmware | None = None
        self.count = 0
        self._machinery = machinery
        self._made = made

    # The firmware

    def power_on(self, hello: Hello) -> bool:
        """The machine has started: make its firmware. False if it has to start once more, and is about to."""
        machinery, again = self._machinery, self.count > 0
        observers, board, trap = machinery.observers, machinery.board, machinery.engine.trap
        observers.phase("firmware started again" if again else "firmware started")
        if again:
            self._clear()
        site = self._site()
        program = machinery.images.program
        prepared = board.prepare(site, hello)
        if prepared is None:
            return False
        watched, tree = observers.site(site), prepared.tree

        def make() -> OpenFirmware:
            firmware = board.machine(watched).power_on(tree, program, machinery.changes.apply)
            if machinery.bios is not None:
                placement = machinery.images.placement
                machinery.bios.prepare(firmware, placement.entry, placement.end - placement.start)
            return firmware

        dtb, bios = machinery.changes.flattened, machinery.bios is not None
        making = Making(self.count, tree, program, board.describe(), dtb, bios)
        firmware = self.firmware = observers.boot(making, make)
        self._made(firmware)
        observers.watch_osi(board.devices)
        firmware.hooks.boots = self.make_boots
        firmware.hooks.registers = self.client_registers
        trap.answer = firmware.call
        self.count += 1
        self._run_script(firmware)
        return True

    def go_back(self, firmware: OpenFirmware, count: int) -> None:
        """The machine is as it was at a snapshot, when it had this firmware and had made so many."""
        machinery = self._machinery
        self.firmware, self.count = firmware, count
        machinery.engine.trap.answer = firmware.call
        self._made(firmware)
        machinery.observers.restored(firmware)
        machinery.observers.watch_osi(machinery.board.devices)

    def _clear(self) -> None:
        """The machine was reset: nothing of the client program that ran may be left."""
        machinery = self._machinery
        machinery.save()
        machinery.console.take_back()
        for start, size in machinery.images.ranges:
            machinery.engine.trap.clear(start, size)
        machinery.load()

    def _site(self) -> Site:
        from vof.machines.machine import Site

        machinery = self._machinery
        engine, layout = machinery.engine, machinery.engine.layout
        return Site(
            memory=engine.memory,
            cpu=engine.trap,
            hypervisor=engine.trap,
            bus=engine.trap,
            console=machinery.console,
            clock=machinery.clock,
            region=(layout.page, layout.end - layout.page),
            scratch=layout.scratch,
            tree_room=layout.tree,
            taken_over=self.hand_over,
            remembers=self.count > 0 and engine.ram is not None and machinery.config.engine_name != "unicorn",
        )

    def _run_script(self, firmware: OpenFirmware) -> None:
        """Run the user's script in NVRAM, if that is wanted."""
        variables = firmware.options
        if variables is None or variables["use-nvramrc?"] != "true":
            return
        try:
            with self._machinery.observers.unseen():
                firmware.forth.evaluate(variables["nvramrc"])
        except Throw as thrown:
            self._machinery.notices.append(f"nvramrc: {thrown.reason or f'threw {thrown.code}'}")

    # What the firmware asks of its surroundings: methods, so that a frozen firmware has names for them

    def make_boots(self) -> Boots:
        """What `load` and `boot` of the present firmware are done by."""
        from vof.firmware.boot import Boots

        machinery = self._machinery
        assert self.firmware is not None and self.firmware.options is not None
        variables, limit = self.firmware.options, machinery.board.load_limit
        load_base = int(variables["load-base"], 16)
        return Boots(
            self.firmware,
            load_base=load_base if variables.is_set("load-base") or limit > 2 * load_base else limit // 4 & -_MIB,
            limit=limit,
            settle=machinery.engine.trap.clear if self.count > 1 else None,
        )

    def client_registers(self) -> dict[str, int]:
        """Registers of the program that is in a call, as far as the engine knows them."""
        return self._machinery.engine.registers()

    def hand_over(self) -> None:
        """The client program has taken the machine over."""
        machinery = self._machinery
        trap = machinery.engine.trap
        machinery.call_hook("quiesce")
        trap.leave()
        machinery.board.taken_over()
        machinery.console.hand_over()
        machinery.observers.phase("client program has the machine", f"after {trap.calls} calls")

    # The client program

    @property
    def boots_by_itself(self) -> bool:
        """Whether a program is started without the user: all but `auto-boot?` false, where one has to be found."""
        options = None if self.firmware is None else self.firmware.options
        return options is None or options["auto-boot?"] != "false" or not self._machinery.config.boots_devices

    def start_program(self, command: str) -> None:
        """Start the client program: the user's, or what is on a disk or in the network.

        Args:
            command: what the user or the client program asked for by `boot`: a device and arguments; "" for the usual.

        Raises:
            UsageError: there is none that could be started.
        """
        images = self._machinery.images
        if images.kernel is None:
            if self._machinery.config.boots_devices:
                self._boot_device(command)
            return
        start, size = images.program.initrd
        placement = images.placement
        self.start_client(Jump(placement.entry, toc=placement.toc, r3=start, r4=size, bits=placement.program.bits))

    def start_client(self, plain: Jump) -> None:
        """Start a client program that is in memory, given the plain way."""
        machinery = self._machinery
        machinery.observers.phase("client program started", f"at {plain.entry:#x}")
        if machinery.bios is not None:
            plain = machinery.bios.start(plain)
        machinery.call_hook("enter")
        machinery.engine.trap.jump(machinery.board.start(plain))

    def _boot_device(self, command: str) -> None:
        boots, observers = self.make_boots(), self._machinery.observers
        devices, arguments = self._choice(command)
        with observers.unseen():
            started = boots.boot_any(devices, arguments)
        observers.loaded(started)
        observers.phase("client program loaded", f"{started.size >> 10} KiB from {started.path}")
        self.start_client(started.jump)

    def _choice(self, command: str) -> tuple[list[str], str]:
        """The devices to boot from, the best first, and the program's arguments."""
        from vof.firmware.boot_order import boot_order

        machinery = self._machinery
        assert self.firmware is not None and self.firmware.options is not None
        variables, tree = self.firmware.options, self.firmware.tree
        options = machinery.config.boot_options
        order = options.get("order", "")
        if self.count == 1:
            order = options.get("once", order)
        first = machinery.board.boot_first
        devices = boot_order(tree, order, first)
        if variables.is_set("boot-device") and not order and not first:
            devices = variables["boot-device"].split()
        machinery.observers.phase("looking for a client program", " ".join(devices))
        arguments = machinery.images.arguments or variables["boot-args"] or variables["boot-file"]
        command = command or variables["boot-command"].removeprefix("boot").strip()
        if not command:
            return devices, arguments
        device, _, rest = command.partition(" ")
        if device.startswith("/") or tree.find(device) is not None:
            return [device], rest.strip()
        return devices, command
