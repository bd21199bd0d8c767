"""From a machine's hello to its client program's first instruction: a firmware is made, and finds what to start."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vof.engines.trap import Hello
from vof.errors import GuestFault, PortError, Throw
from vof.outcomes import Boot, Departed, Exit, Jump, Return
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
        scripted: what the user's script in NVRAM has wanted to boot at this power-on; None for nothing.
    """

    def __init__(self, machinery: Machinery, made: Callable[[OpenFirmware], None]) -> None:
        self.firmware: OpenFirmware | None = None
        self.count = 0
        self.scripted: str | None = None
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
        from vof.firmware.prompt import explain

        self.scripted = None
        variables, machinery = firmware.options, self._machinery
        if variables is None or variables["use-nvramrc?"] != "true":
            return
        try:
            with machinery.observers.unseen():
                firmware.forth.evaluate_whole(variables["nvramrc"])
        except (Throw, GuestFault, PortError) as error:
            firmware.forth.abort()
            machinery.console.write(f"nvramrc: {explain(error)}\r\n".encode("latin-1", "replace"))
        except Departed as departed:
            if isinstance(departed.outcome, Boot):  # it is now that this boots: a reset would come here again
                self.scripted = departed.outcome.command
            elif not isinstance(departed.outcome, Exit | Return):  # these end the script alone
                raise

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
            usual=self.usual_devices,
        )

    def usual_devices(self) -> list[str]:
        """What is booted where nothing is named, the best first."""
        from vof.firmware.boot_order import boot_order

        machinery = self._machinery
        assert self.firmware is not None and self.firmware.options is not None
        variables, options, first = self.firmware.options, machinery.config.boot_options, machinery.board.boot_first
        order = options.get("order", "")
        if self.count <= 1:
            order = options.get("once", order)
        if variables.is_set("boot-device") and not order and not first:
            return variables["boot-device"].split()
        return boot_order(self.firmware.tree, order, first)

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

    def start_program(self, command: str, *, asked: bool = False) -> None:
        """Start the client program: the user's, or what is on a disk or in the network.

        Args:
            command: what the user or the client program asked for by `boot`: a device and arguments; "" for the usual.
            asked: whether the user asks for it at the prompt, and is to know where there is none.

        Raises:
            UsageError: there is none that could be started.
        """
        from vof.firmware.boot_order import named_device
        from vof.tree import encode_string

        assert self.firmware is not None
        images, tree = self._machinery.images, self.firmware.tree
        device, arguments = named_device(tree, command)
        if images.kernel is not None and not asked and tree.find(device) is None:
            device = ""  # a client program's reboot, of a machine that has what the user named and no such device
        if images.kernel is None or device:
            if device or asked or self._machinery.config.boots_devices:
                self._boot_device(device, arguments)
            return
        if arguments:
            tree.set("/chosen", "bootargs", encode_string(arguments))
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

    def _boot_device(self, device: str, arguments: str) -> None:
        """Start what is on a disk or in the network.

        Args:
            device: what was asked for by `boot`; "" for the usual.
            arguments: the program's; "" for the usual.
        """
        from vof.firmware.boot_order import named_device

        assert self.firmware is not None and self.firmware.options is not None
        variables, boots, observers = self.firmware.options, self.make_boots(), self._machinery.observers
        if not device and not arguments:
            device, arguments = named_device(self.firmware.tree, variables["boot-command"].removeprefix("boot"))
        devices = [device] if device else boots.usual()
        observers.phase("looking for a client program", " ".join(devices))
        if not arguments and not device:
            arguments = self._machinery.images.arguments or variables["boot-args"] or variables["boot-file"]
        with observers.unseen():
            started = boots.boot_any(devices, arguments)
        observers.loaded(started)
        observers.phase("client program loaded", f"{started.size >> 10} KiB from {started.path}")
        self.start_client(started.jump)
