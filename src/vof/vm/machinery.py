"""`Machinery`: all that one VM is put together of, made in order and let go of in the opposite one."""

from __future__ import annotations

import selectors
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from vof.backends import HostClock, HostConsole, NoEnd, UserEnd, VirtualClock
from vof.engines.engine import Engine
from vof.engines.guardian import Guardian
from vof.engines.signals import signals_held
from vof.errors import UsageError
from vof.events import ConsoleOutput, Event
from vof.vm.boards import Board, BoardPlan, make_board
from vof.vm.changes import TreeChanges
from vof.vm.config import Config
from vof.vm.heard import Heard
from vof.vm.images import Images
from vof.vm.observers import Observers

if TYPE_CHECKING:
    from vof.vm.guest_firmware import GuestFirmware

__all__ = ["Machinery"]


class Machinery:
    """Board and engine, console and clock, the client program's files, and who watches them.

    Args:
        config: the options.
        user: the user's end of the console; None for nobody.
        faulty: makes of a disk one that faults can strike.

    Attributes:
        config, clock, observers, changes, images, board, engine, console: the parts.
        bios: the firmware that runs in the guest; None where there is none, as usual.
        command: the command line of what `start` starts; empty if nothing.
        selector: watches all descriptors; each key's data is a function to call.
        heard: what the console showed.
        console_spoke: called when it has shown something.
        notices: what the user should know though nothing stopped for it.
        guardian: who cleans up should this process die; None where that is somebody's of the caller.
        closers: closed at the end, the last first.

    Raises:
        UsageError: an option or a file can't be used.
        EngineError: QEMU or its memory can't be had.
    """

    def __init__(self, config: Config, user: UserEnd | None, faulty: Callable[[Any], Any]) -> None:
        self.config = config
        self.clock: HostClock | VirtualClock = VirtualClock() if config.clock == "virtual" else HostClock()
        self.observers = Observers(config, self.clock)
        self.changes = TreeChanges(config.dtb, config.sets)
        self.images = Images(config.kernel, config.initrd, config.append)
        self.bios = _guest_firmware(config)
        self.heard = Heard()
        self.console_spoke: Callable[[], object] = _nothing
        self.guardian: Guardian | None = None
        self._faulty = faulty
        self._started = False
        self.closers = ExitStack()
        self.closers.callback(self.images.close)
        try:
            self.board: Board = make_board(BoardPlan(config, self.clock, self._wrap, self.closers))
            self.notices = self.board.notices
            self.engine: Engine = self.board.engine
            self.closers.callback(self._close_guardian)
            self.closers.callback(self.engine.close)
            self.command = self.engine.prepare()
            self.selector = selectors.PollSelector()
            self.closers.callback(self.selector.close)
            patient = config.clock != "virtual"
            self.console = HostConsole(user or NoEnd(), self.engine.console, self._hear, patient=patient)
        except BaseException:
            self.close()
            raise

    def start(self, guardian: Guardian | None, due: Callable[[], bool]) -> None:
        """Start the engine, and have the client program in memory.

        Args:
            guardian: see `VM.start`.
            due: whether the run loop has to look around; asked from another thread.
        """
        if self._started:
            raise UsageError("a VM is started once: make another one")
        self._started = True
        if guardian is None:
            with signals_held():
                guardian = self.guardian = Guardian()
        engine, observers, config = self.engine, self.observers, self.config
        engine.start(guardian)
        observers.start(engine, config.profile.name, config.trap_name, self.command)
        observers.phase("engine started", engine.describe())
        self.console.register(self.selector)
        engine.tend(self.selector, self.console.take_output, due)
        self.board.warm_up()
        observers.phase("client program loaded", self.load())

    def load(self) -> str:
        """Put the client program's files into memory; what was loaded, in words."""
        return self.images.load(self.engine, self.board.load_limit, self.board.movable_at)

    def look_around(self, seconds: float) -> None:
        """Wait for something to happen, and do what there is to do about it."""
        for key, _ in self.selector.select(seconds):
            key.data()
        self.console.flush()
        self.observers.tend()

    def call_hook(self, name: str) -> None:
        """Call the function of this name that a script gave the machine's hypervisor, if it did."""
        hook = getattr(self.board.hypervisor, name, None)
        if hook is not None:
            hook()

    def save(self) -> None:
        """Keep what outlives the machine; where that can't be, the user is told."""
        try:
            self.board.save()
        except UsageError as error:  # the end of the machine is no time to raise anything
            self.notices.append(str(error))

    def close(self) -> None:
        """Let go of everything. May be called more than once."""
        with signals_held():
            self.closers.close()

    def _close_guardian(self) -> None:
        if self.guardian is not None:
            self.guardian.close()

    def _wrap(self, name: str, kind: str, port: Any) -> Any:
        """The port that the firmware gets for a back end."""
        return self.observers.wrap(name, kind, self._faulty(port) if kind == "block" else port)

    def _hear(self, event: Event) -> None:
        if type(event) is ConsoleOutput:
            self.heard.add(event.data)
            self.console_spoke()
        self.observers.tell(event)


def _nothing() -> None:
    pass


def _guest_firmware(config: Config) -> GuestFirmware | None:
    if not config.bios:
        return None
    if config.engine_name != "unicorn" or config.trap not in ("", "hypercall"):
        raise UsageError("-bios is for --engine unicorn --trap hypercall; QEMU starts its own with -machine x-vof=on")
    from vof.vm.guest_firmware import GuestFirmware

    return GuestFirmware(config.bios)
