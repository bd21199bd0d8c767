"""`Observers`: all who watch a VM, listeners and recorder. Where nobody does, nothing is in the firmware's way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from vof.errors import UsageError
from vof.events import (
    ClientCall,
    ClientReturn,
    ConsoleInput,
    ConsoleOutput,
    Event,
    Injected,
    Listener,
    OsiCall,
    Phase,
    TreeReplaced,
)
from vof.memory import MemoryTap
from vof.version import VERSION

if TYPE_CHECKING:
    from vof.backends import HostClock, VirtualClock
    from vof.engines.engine import Engine
    from vof.firmware import OpenFirmware
    from vof.firmware.boot import Started
    from vof.firmware.hypervisor import OsiAnswer
    from vof.firmware.osi.table import Selector
    from vof.machines.machine import Program, Site
    from vof.machines.mol import MolDevices
    from vof.trace.recorder import Recorder
    from vof.trace.watcher import Watcher
    from vof.vm.config import Config

__all__ = ["Making", "Observers"]

_FROM_FIRMWARE = (ClientCall, ClientReturn, TreeReplaced)
_STAMPED = (ConsoleOutput, ConsoleInput, Injected, OsiCall)


@dataclass(frozen=True, slots=True)
class Making:
    """What a firmware is made from, besides its site.

    Attributes:
        number: how many were made before.
        tree_address: where the machine's flattened tree is.
        program: what was loaded.
        machine: how a machine like it is made: see `Board.describe`.
        dtb: the user's flattened tree, which was laid over the machine's.
        guest_firmware: whether the guest has a firmware of its own, which calls this one.
    """

    number: int
    tree_address: int
    program: Program
    machine: dict[str, Any]
    dtb: bytes
    guest_firmware: bool


class Observers:
    """Who watches one VM.

    Args:
        config: the VM's options.
        clock: its clock.

    Attributes:
        started: when the VM was made, by `time.monotonic_ns`.

    Raises:
        UsageError: the recording can't be written.
    """

    def __init__(self, config: Config, clock: HostClock | VirtualClock) -> None:
        self.started = time.monotonic_ns()
        self._config = config
        self._clock = clock
        self._listeners: list[tuple[Listener, tuple[type, ...]]] = []
        self._phase = ""
        self._tap: MemoryTap | None = None
        self._plain: Site | None = None
        self._watched: Site | None = None
        self._watcher: Watcher | None = None
        self._firmware: OpenFirmware | None = None
        self._devices: MolDevices | None = None
        self._engine: Engine | None = None
        self._recorder: Recorder | None = _make_recorder(config.record) if config.record else None

    # Those who watch

    def listen(self, listener: Listener, kinds: Sequence[type]) -> None:
        """Have a listener told of every event, or of those of some kinds."""
        self._listeners.append((listener, tuple(kinds)))
        self._settle()
        self.watch_osi(self._devices)

    def ignore(self, listener: Listener) -> None:
        """Tell a listener no more."""
        self._listeners = [pair for pair in self._listeners if pair[0] != listener]
        self._settle()
        self.watch_osi(self._devices)

    def wants(self, kind: type) -> bool:
        """Whether somebody would be told of events of this kind."""
        return self._recorder is not None or any(not kinds or kind in kinds for _, kinds in self._listeners)

    def tell(self, event: Event) -> None:
        """Have all know."""
        if isinstance(event, _STAMPED):
            event = replace(event, at=self._now())
        if self._recorder is not None:
            self._recorder.hear(event)
        self._pass_on(event)

    def phase(self, name: str, detail: str = "") -> None:
        """Have all know that a phase begins."""
        self._phase = name
        if self._watcher is not None:
            self._watcher.phase = name
        self.tell(Phase(name, self._now() / 1e9, detail))

    def watch_osi(self, devices: MolDevices | None) -> None:
        """See the calls of these devices of Mac-on-Linux's, while somebody listens to such calls."""
        self._devices = devices
        if devices is not None:
            devices.osi.told = self._tell_osi if self.wants(OsiCall) else None

    # The firmware's ports

    def wrap(self, name: str, kind: str, port: Any) -> Any:
        """The port that the firmware gets in place of a back end: see `Recorder.port`."""
        return port if self._recorder is None else self._recorder.port(name, kind, port)

    def site(self, plain: Site) -> Site:
        """The site that the machine gets in place of this one."""
        if self._watched is None or self._plain is None or self._plain.memory is not plain.memory:
            self._tap = MemoryTap(plain.memory)
            wrap = self.wrap
            self._watched = replace(
                plain,
                memory=self._tap,
                cpu=wrap("cpu", "cpu", plain.cpu),
                hypervisor=wrap("hypervisor", "hypervisor", plain.hypervisor),
                bus=wrap("bus", "bus", plain.bus),
                console=wrap("console", "console", plain.console),
                clock=wrap("clock", "clock", plain.clock),
            )
        self._plain = plain
        return self._watched

    @property
    def ports(self) -> dict[str, object]:
        """What a frozen firmware has names for: see `vof.vm.snapshots`."""
        site = self._watched
        if site is None:
            return {}
        names = ("memory", "cpu", "hypervisor", "bus", "console", "clock")
        return {f"watched {name}": getattr(site, name) for name in names}

    # The machine's life

    def start(self, engine: Engine, machine: str, trap: str, command: Sequence[str]) -> None:
        """The engine was started."""
        recorder = self._recorder
        if recorder is None:
            return
        self._engine = engine
        import platform

        config = self._config
        options = {each.name: getattr(config, each.name) for each in fields(config)}
        recorder.write_header(
            {
                "recording": 1,
                "vof": VERSION,
                "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "machine": machine,
                "engine": config.engine_name,
                "trap": trap,
                "running": engine.describe(),
                "command": list(command),
                "options": {name: value for name, value in options.items() if value},
                "host": f"Python {platform.python_version()}, {platform.system()} {platform.machine()}",
            },
            virtual_clock=config.clock == "virtual",
        )

    def boot(self, making: Making, make: Callable[[], OpenFirmware]) -> OpenFirmware:
        """Make a firmware, and see it made.

        Args:
            making: what it is made from.
            make: makes it.
        """
        recorder, tap, site = self._recorder, self._tap, self._plain
        assert tap is not None and site is not None
        if recorder is None:
            firmware = make()
        else:
            from vof.trace.lines import flat_tree

            recorder.begin_boot()
            tap.open()
            tap.log = []
            firmware = make()
            facts = {
                "at": self._now() // 1000,
                "number": making.number,
                "tree_address": making.tree_address,
                "memory": site.memory.size,
                "region": site.region,
                "scratch": site.scratch,
                "tree_room": site.tree_room,
                "remembers": site.remembers,
                "program": {each.name: getattr(making.program, each.name) for each in fields(making.program)},
                "machine": making.machine,
                "guest_firmware": making.guest_firmware,
                "changes": {"dtb": making.dtb.decode("latin-1"), "sets": list(self._config.sets)},
            }
            log, tap.log = tap.log, []
            recorder.end_boot({**facts, "tree": flat_tree(firmware.tree)}, log)
        self._firmware = firmware
        self._settle()
        return firmware

    @contextmanager
    def unseen(self) -> Iterator[None]:
        """While the firmware loads a program, nobody watches it: it is no client call's doing."""
        tap = self._tap
        watched = self._watcher is not None and tap is not None
        if tap is not None:
            tap.close()
        try:
            yield
        finally:
            if watched and tap is not None:
                tap.open()

    def loaded(self, started: Started) -> None:
        """The firmware has loaded a program from a device. A replay does without, and needs what came of it."""
        if self._recorder is not None and self._firmware is not None:
            start, end = started.placement.start, started.placement.end
            facts = {"path": started.path, "arguments": started.arguments}
            self._recorder.note(
                "loaded", claim=[start, end - start], ihandle=self._firmware.instances.next_ihandle, **facts
            )

    def restored(self, firmware: OpenFirmware) -> None:
        """The VM has another firmware: one out of a snapshot."""
        self._firmware = firmware
        self._settle()
        if self._recorder is not None:
            self._recorder.note("restored")

    def go_on(self) -> None:
        """The guest goes on after a script, or a user at the prompt, could look around."""
        if self._watcher is not None:
            self._watcher.forget()

    def tend(self) -> None:
        """Nothing happens at the moment."""
        if self._recorder is not None:
            self._recorder.tend()

    def end(self, reason: str, message: str) -> None:
        """The machine has ended, or nobody will go on with it."""
        if self._recorder is not None:
            recorder, self._recorder = self._recorder, None
            at = self._now() // 1000
            # Asking a program for its version takes as long as a part of a boot: not while one goes on.
            version = self._engine.version() if self._engine is not None else ""
            recorder.note("end", at=at, reason=reason, message=message, engine_version=version)
            recorder.close()

    def _settle(self) -> None:
        """Be in the firmware's way, or out of it."""
        firmware, tap, plain = self._firmware, self._tap, self._plain
        if firmware is None or tap is None or plain is None:
            return
        wanted = any(not kinds or any(kind in kinds for kind in _FROM_FIRMWARE) for _, kinds in self._listeners)
        if wanted or self._recorder is not None:
            if self._watcher is None:
                self._watcher = self._make_watcher(tap)
            if firmware.memory is plain.memory:
                firmware.memory = tap
            self._watcher.attach(firmware)
        else:
            # A tap costs a little even where nobody listens: what has its own way to memory goes on by it.
            tap.close()
            if firmware.memory is tap:
                firmware.memory = plain.memory
            firmware.listeners.clear()

    def _make_watcher(self, tap: MemoryTap) -> Watcher:
        from vof.trace.watcher import Watcher

        config, clock = self._config, self._clock
        watcher = Watcher(
            tap,
            self._pass_on if self._recorder is None else self._pass_from_firmware,
            engine=config.engine_name,
            trap=config.trap_name,
            now=self._now,
            clock=lambda: clock.elapsed,
            wants_begin=lambda: any(not kinds or ClientCall in kinds for _, kinds in self._listeners),
        )
        watcher.phase = self._phase
        if self._recorder is not None:
            watcher.keeper = self._recorder
            self._recorder.aside = (watcher.step_aside, watcher.step_back)
        return watcher

    def _tell_osi(self, row: Selector, arguments: tuple[int, ...], answer: OsiAnswer, fault: str) -> None:
        outcome, results = "", answer if isinstance(answer, tuple) else ()
        if isinstance(answer, int):
            results = (answer,)
        elif not isinstance(answer, tuple):
            outcome = type(answer).__name__
        unsigned = tuple(None if value is None else value & 0xFFFFFFFF for value in results)
        self.tell(OsiCall(row.number, row.name, arguments, unsigned, fault, outcome))

    def _pass_from_firmware(self, event: Event) -> None:
        if type(event) is TreeReplaced and self._recorder is not None:
            self._recorder.hear(event)
        self._pass_on(event)

    def _pass_on(self, event: Event) -> None:
        kind = type(event)
        for listener, kinds in self._listeners:
            if not kinds or kind in kinds:
                listener(event)

    def _now(self) -> int:
        return time.monotonic_ns() - self.started


def _make_recorder(value: str) -> Recorder:
    """A recorder for `FILE` or `FILE,append=on`."""
    from vof.trace.recorder import Recorder

    path, comma, option = value.partition(",")
    if comma and option not in ("append=on", "append=off"):
        raise UsageError(f"--record {value}: after the file's name only append=on may follow")
    return Recorder(path, append=option == "append=on")
