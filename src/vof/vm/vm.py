"""`VM`: one virtual machine, as scripts, tests and the command line see it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from vof.errors import EngineError, UsageError
from vof.vm.config import Config
from vof.vm.ending import Ending, EndReason, ExpectTimeout
from vof.vm.machinery import Machinery
from vof.vm.prompts import Prompts
from vof.vm.run_loop import RunLoop, never
from vof.vm.startup import Startup
from vof.vm.wanted import Wanted, to_bytes

if TYPE_CHECKING:
    from vof.backends import HostConsole, UserEnd
    from vof.engines.engine import Engine
    from vof.engines.guardian import Guardian
    from vof.events import Listener
    from vof.firmware import OpenFirmware
    from vof.firmware.hypervisor import VirtualHypervisor
    from vof.firmware.prompt import Prompt
    from vof.machines.mol import MolDevices
    from vof.outcomes import Outcome
    from vof.tree import DeviceTree
    from vof.vm.faults import Fault, Faults
    from vof.vm.hooks import Call, Hook, Hooks, OsiHookCall
    from vof.vm.images import Images
    from vof.vm.snapshots import Snapshot
    from vof.vm.workers import Result

__all__ = ["VM"]

Item = TypeVar("Item")
HookFunction = TypeVar("HookFunction", bound="Hook")


class VM:
    """A virtual machine with `vof` as its firmware.

        with VM(Config(kernel="vmlinux", initrd="initrd.gz", append="console=hvc0")) as vm:
            vm.expect("~ #", timeout=120)
            vm.send("poweroff -f\\n")
            print(vm.wait())

    The guest's client calls are answered in the caller's thread, and only while a method that says so is waiting: see
    `vof.vm.run_loop`.

    Args:
        config: the options; keyword arguments make one.
        user: the user's end of the console; nobody by default, for scripts. It stays the caller's, who closes it before
            the guardian.
        options: the fields of `Config`, where none is given.

    Attributes:
        config: the options.
        console: the machine's console.
        engine: what runs the guest.
        command: the command line of what was started for it; empty if nothing.
        images: the client program's files.
        notices: what the user should know though nothing stopped for it.

    Raises:
        UsageError: an option or a file can't be used.
        EngineError: QEMU or its memory can't be had.
    """

    def __init__(self, config: Config | None = None, *, user: UserEnd | None = None, **options: Any) -> None:
        self.config = config or Config(**options)
        machinery = self._machinery = Machinery(self.config, user, lambda block: self._faults.block(block))
        try:
            self.notices: list[str] = machinery.notices
            self.console: HostConsole = machinery.console
            self.engine: Engine = machinery.engine
            self.command: list[str] = machinery.command
            self.images: Images = machinery.images
            self._startup = Startup(machinery, self._use_hooks)
            self._prompts = Prompts(machinery)
            self._loop = RunLoop(machinery, self._startup, self._prompts)
            machinery.closers.callback(self._leave)
            for fault in self.config.inject:
                self.inject(fault)
        except BaseException:
            self.close()
            raise

    # Life

    def start(self, guardian: Guardian | None = None) -> None:
        """Start the machine; the firmware runs when one of the waiting methods is called.

        Args:
            guardian: who cleans up should this process die; one is made where none is given.

        Raises:
            UsageError: it was started before, or a file doesn't fit.
            EngineError: it can't be started.
        """
        self._machinery.start(guardian, self._loop.is_due)

    def close(self) -> None:
        """End the machine, whatever it does, and let go of all that the VM made. May be called more than once."""
        self._machinery.close()

    def _leave(self) -> None:
        """Nobody will run the machine any more."""
        if self.ending is None and self.boots:
            self._machinery.save()
        self._machinery.observers.end("closed", "nobody waited for its end")

    def quit(self) -> None:
        """End the machine at the next opportunity, as the user wishes."""
        self.end(EndReason.QUIT, "ended by the user")

    def end(self, reason: EndReason, message: str) -> None:
        """End the machine at the next opportunity.

        Args:
            reason: why.
            message: in words, for the user.
        """
        self._loop.end(Ending(reason, message))

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # How it is

    @property
    def firmware(self) -> OpenFirmware | None:
        """The firmware of the present boot; None before the stub's hello."""
        return self._startup.firmware

    @property
    def boots(self) -> int:
        """How often the firmware was started."""
        return self._startup.count

    @property
    def ending(self) -> Ending | None:
        """How the machine ended; None while it runs."""
        return self._loop.ending

    @property
    def stopped(self) -> Call | OsiHookCall | None:
        """The client call at which a hook stopped the run loop; None where nothing did."""
        return self._loop.stopped

    @property
    def tree(self) -> DeviceTree:
        """The device tree of the present boot.

        Raises:
            EngineError: the firmware has not started yet; `run_to_client` lets it.
        """
        if self.firmware is None:
            raise EngineError("the firmware has not started yet")
        return self.firmware.tree

    @property
    def loaded(self) -> int:
        """Bytes of the client program's files that were put into memory, and that the firmware read from disks."""
        files = sum(size for _, size in self.images.ranges)
        return files + self._machinery.board.bytes_read

    @property
    def hypervisor(self) -> VirtualHypervisor | None:
        """What the machine provides outside the guest besides the client interface; more may be put into it.

        On the unicorn engine, from the phase "client program started" on; `pseries` has a new one after each reset.
        Under QEMU it is QEMU's own, and this is None.
        """
        return self._machinery.board.hypervisor

    @property
    def devices(self) -> MolDevices:
        """The devices of `mol`: `keyboard.type("...")`, `mouse.move(3, 4)`, `video.picture()`, `blocks.eject(1)`.

        They are new after each reset.

        Raises:
            UsageError: the machine has none, or has not started yet.
        """
        devices = self._machinery.board.devices
        if devices is None:
            name = self.config.profile.name
            why = "has not started yet" if name == "mol" else 'has none: VM(machine="mol", ...) has'
            raise UsageError(f"paravirtual devices: {name} {why}")
        return devices

    def screenshot(self, path: str | os.PathLike[str]) -> None:
        """Write what the screen of `mol` shows to a PNG file.

        Raises:
            UsageError: it can't be written, Pillow is missing (`pip install 'vof[screen]'`), or as for `devices`.
        """
        from vof.backends.screen_image import write_png

        write_png(self.devices.video.picture(), os.fspath(path))

    # Looking on, and interfering

    def listen(self, listener: Listener, *kinds: type) -> None:
        """Have `listener` called with every event from now on, or with those of these kinds.

        A client call costs more where somebody listens to calls: whoever wants phases only should say so.
        """
        self._machinery.observers.listen(listener, kinds)

    def ignore(self, listener: Listener) -> None:
        """Have a listener called no more."""
        self._machinery.observers.ignore(listener)

    def on(self, service: str, when: str = "before") -> Callable[[HookFunction], HookFunction]:
        """Have the function below called at each client call of a service: see `vof.vm.hooks`.

        Args:
            service: the service's name; or that of one of Mac-on-Linux's calls, `ABLK_KICK`, on the machine `mol`.
            when: `before` it (what the function returns, unless None, is the answer, and the service is not run),
                `after` it (what it returns, unless None, replaces the answer), or `instead` of it.

        Raises:
            UsageError: there is no such service, or no such moment.
        """

        def add(function: HookFunction) -> HookFunction:
            self._hooks.add(service, when, function)
            self._use_hooks(self.firmware)
            return function

        return add

    def off(self, function: Hook) -> None:
        """Have a function that was given to `on` called no more."""
        self._hooks.remove(function)

    def clear_faults(self) -> None:
        """Have no fault strike from here on."""
        self._faults.clear()

    @property
    def disk_accesses(self) -> int:
        """Reads and writes of disks by the firmware until now."""
        return self._faults.disk_accesses

    def clear_hooks(self) -> None:
        """Have no function called any more that was given to `on`. Faults by `inject` are hooks, too."""
        self._hooks.clear()

    def inject(self, fault: str | Fault) -> None:
        """Have a fault strike, its occurrences counted from now: `claim:when=3`, `disk:when=2+`, `memory`.

        Raises:
            UsageError: there is no such fault, or the firmware has no disk.
        """
        self._faults.add(fault)
        self._use_hooks(self.firmware)

    @cached_property
    def _hooks(self) -> Hooks:
        from vof.vm.hooks import Hooks

        return Hooks(self)

    @cached_property
    def _faults(self) -> Faults:
        from vof.vm.faults import Faults

        # The machinery is in the making where it has disks.
        return Faults(self._hooks, lambda event: self._machinery.observers.tell(event))

    def _use_hooks(self, firmware: OpenFirmware | None) -> None:
        # Made at the first use: it takes the table of services, and an engine starts while that is imported.
        if firmware is not None:
            firmware.rows = self._hooks.rows
        devices = self._machinery.board.devices
        if devices is not None:
            devices.osi.hooks = self._hooks.selectors

    # The prompt

    @property
    def prompt(self) -> Callable[[], None] | None:
        """Called between two client calls when the client program (`enter`) or a hook asks that the user be given the
        firmware's prompt; None if there is nobody to ask. May be set.
        """
        return self._prompts.handler

    @prompt.setter
    def prompt(self, handler: Callable[[], None] | None) -> None:
        self._prompts.handler = handler

    @property
    def asks(self) -> Callable[[Prompt], Outcome] | None:
        """Has the user type lines at a prompt of the firmware, where that is better than keys on the console; gives
        what is to become of the machine. May be set.
        """
        return self._prompts.asks

    @asks.setter
    def asks(self, asks: Callable[[Prompt], Outcome] | None) -> None:
        self._prompts.asks = asks

    def ask_for_prompt(self) -> None:
        """Have the user get the prompt once the client call under way is answered; a hook's `Call.prompt`."""
        self._loop.ask_for_prompt()

    # Running it

    @property
    def call_limit(self) -> int:
        """Client calls after which the run loop stops at its next look around; 0 for none. May be set."""
        return self._loop.call_limit

    @call_limit.setter
    def call_limit(self, calls: int) -> None:
        self._loop.call_limit = calls

    def stop(self, call: Call | OsiHookCall | None = None) -> None:
        """Have the run loop stop, once the client call under way is answered: `wait`, `expect` and the like return.

        Args:
            call: what `stopped` shall say.
        """
        self._loop.stop(call)

    def run_until(self, done: Callable[[], bool], timeout: float | None = None) -> bool:
        """Run the machine until `done` says so, it ends, or so many seconds have passed; whether `done` said so.

        `done` is asked whenever something happened on the console, and some hundred times a second. On the unicorn
        engine it is another thread that asks while the guest runs, so it should only look.
        """
        return self._loop.run(done, timeout, polls=True)

    def run_to_client(self, timeout: float | None = 60) -> None:
        """Run until the firmware has started the client program.

        Raises:
            EngineError: it didn't within `timeout` seconds.
        """
        if not self.boots and not self._loop.run(lambda: self.boots > 0, timeout, polls=False):
            raise EngineError("the stub in the guest did not say hello", command=self.command)

    def expect(self, what: str | bytes | re.Pattern[bytes], timeout: float = 60) -> bytes:
        """Run until `what` appears on the console.

        Args:
            what: text, or a pattern of bytes.
            timeout: seconds.

        Returns:
            Everything on the console up to its end; the next `expect` looks behind it.

        Raises:
            ExpectTimeout: it did not come in time, or the machine ended before.
        """
        __tracebackhide__ = True  # pytest shows the line that expected it
        wanted, heard = Wanted(what), self._machinery.heard
        self._loop.run(lambda: wanted.is_in(heard.data), timeout, polls=False)
        if wanted.end is None:
            why = f"within {timeout:g} s"
            if self.ending is not None:
                why = f"before the machine ended ({self.ending.message})"
            elif self._loop.halted:
                why = "before the run was stopped"
            raise ExpectTimeout(f"{wanted} did not appear {why}; the last output was: {heard.last!r}")
        return heard.take(wanted.end)

    def send(self, text: str | bytes) -> None:
        """Type at the console."""
        self.console.type(to_bytes(text))

    def wait(self, timeout: float | None = None) -> Ending | None:
        """Run until the machine ends; how it did, or None if so many seconds passed before."""
        self._loop.run(never, timeout, polls=False)
        return self.ending

    def reset(self) -> None:
        """Reset the machine, as its reset button would."""
        self._loop.reset()

    # Snapshots

    def snapshot(self) -> Snapshot:
        """Take all that a run changes. From now on, what the guest writes to its disks stays in memory.

        Raises:
            UsageError: the engine can't, the machine has not started or has ended, or somebody has the prompt.
        """
        from vof.vm.snapshots import in_process, take_snapshot

        engine = in_process(self._machinery)
        if self.firmware is None or self.ending is not None or engine.trap.ordering or self._prompts.is_open:
            raise UsageError(
                "a snapshot is taken between the start of the client program and its end, while nobody has the prompt"
            )
        return take_snapshot(self._machinery, self._startup, self._names)

    def restore(self, snapshot: Snapshot) -> None:
        """Be as when the snapshot was taken, by this VM here or in a parent process. Any number of times.

        Raises:
            UsageError: the engine can't.
        """
        from vof.vm.snapshots import put_back

        put_back(snapshot, self._machinery, self._startup, self._names)
        self._loop.go_back()

    def run_in_workers(
        self,
        snapshot: Snapshot,
        function: Callable[[VM, Item], object],
        items: Iterable[Item],
        *,
        workers: int = 2,
        timeout: float = 60,
    ) -> Iterator[Result[Item]]:
        """Restore a snapshot for each item and call the function, in forked processes: see `vof.vm.workers`."""
        from vof.vm.snapshots import in_process
        from vof.vm.workers import run_in_workers

        in_process(self._machinery)
        return run_in_workers(self, snapshot, function, items, workers=workers, timeout=timeout)

    def reopen(self) -> None:
        """Have files of its own, in a forked child: else both would share the place where each one reads."""
        self._machinery.board.reopen()

    @property
    def _names(self) -> dict[str, object]:
        """What of the VM itself a frozen firmware has names for."""
        return {"vm": self, "rows": self._hooks.rows}
