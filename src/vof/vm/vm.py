"""`VM`: one virtual machine, and the one run loop.

The loop runs in the caller's thread, and only while a method of the VM that says so is waiting: between two calls the
guest computes on, but its client calls wait. So a script needs no locks, and a test can't miss what happens.
"""

from __future__ import annotations

import os
import re
import selectors
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from vof.backends import HostClock, HostConsole, NoEnd, SocketEnd, StreamEnd, UserEnd, VirtualClock
from vof.engines.engine import Engine
from vof.engines.guardian import Guardian
from vof.engines.signals import signals_held
from vof.engines.trap import Hello
from vof.errors import EngineError, PortError, Throw, UsageError
from vof.events import ConsoleOutput, Event, Listener, OsiCall, Phase
from vof.outcomes import Beyond, Boot, Crash, Departed, Enter, Exit, Jump, Outcome, Panic, PowerOff, Reset, Return
from vof.vm.boards import BoardPlan, make_board
from vof.vm.changes import TreeChanges
from vof.vm.config import Config
from vof.vm.ending import Ending, EndReason, ExpectTimeout
from vof.vm.images import Images
from vof.vm.observers import Making, Observers
from vof.vm.wanted import Wanted, to_bytes

if TYPE_CHECKING:
    from vof.engines.unicorn import UnicornEngine
    from vof.firmware import OpenFirmware
    from vof.firmware.boot import Boots
    from vof.firmware.hypervisor import OsiAnswer, VirtualHypervisor
    from vof.firmware.osi.table import Selector
    from vof.firmware.prompt import Prompt
    from vof.machines.mol import MolDevices
    from vof.tree import DeviceTree
    from vof.vm.faults import Fault, Faults
    from vof.vm.guest_firmware import GuestFirmware
    from vof.vm.hooks import Call, Hook, Hooks, OsiHookCall
    from vof.vm.prompt import Countdown, Session
    from vof.vm.snapshots import Snapshot
    from vof.vm.workers import Result

__all__ = ["VM"]

Item = TypeVar("Item")
HookFunction = TypeVar("HookFunction", bound="Hook")

_MIB = 1 << 20
_HEARD_LIMIT = 1 << 20
"""Bytes of console output kept for `expect`."""
_PROMPT_LOOK = 0.05
"""Seconds between two looks around while the prompt waits for a key."""


class VM:
    """A virtual machine with `vof` as its firmware.

        with VM(Config(kernel="vmlinux", initrd="initrd.gz", append="console=hvc0")) as vm:
            vm.expect("~ #", timeout=120)
            vm.send("poweroff -f\\n")
            print(vm.wait())

    Args:
        config: the options; keyword arguments make one.
        user: the user's end of the console; nobody by default, for scripts. It stays the caller's, who closes it before
            the guardian.
        options: the fields of `Config`, where none is given.

    Attributes:
        console: the machine's console.
        firmware: the firmware of the present boot; None before the stub's hello.
        ending: how the machine ended; None while it runs.
        call_limit: client calls after which the run loop stops at its next look around; 0 for none.
        stopped: the client call at which a hook stopped the run loop; None where nothing did.
        prompt: called between two client calls when the client program (`enter`) or a hook asks that the user be
            given the firmware's prompt; None if there is nobody to ask.
        asks: has the user type lines at a prompt of the firmware, where that is better than keys on the console; gives
            what is to become of the machine.
        boots: how often the firmware was started.
        notices: what the user should know though nothing stopped for it.

    Raises:
        UsageError: an option or a file can't be used.
        EngineError: QEMU or its memory can't be had.
    """

    def __init__(self, config: Config | None = None, *, user: UserEnd | None = None, **options: Any) -> None:
        self.config = config or Config(**options)
        self.firmware: OpenFirmware | None = None
        self.ending: Ending | None = None
        self.stopped: Call | OsiHookCall | None = None
        self._halted = False
        self.call_limit = 0
        self.prompt: Callable[[], None] | None = None
        self.asks: Callable[[Prompt], Outcome] | None = None
        self._session: Session | Countdown | None = None
        self._prompt_wanted = False
        self._boot_command: str | None = None
        self.boots = 0
        self.notices: list[str] = []
        self._heard = bytearray()
        self._done: Callable[[], bool] = _never
        self._polls = False
        self._deadline = 0.0
        self._clock: HostClock | VirtualClock = VirtualClock() if self.config.clock == "virtual" else HostClock()
        self._observers = Observers(self.config, self._clock)
        self._guardian: Guardian | None = None
        self._changes = TreeChanges(self.config.dtb, self.config.sets)
        self.images = Images(self.config.kernel, self.config.initrd, self.config.append)
        self._bios = _guest_firmware(self.config)
        self._closers = ExitStack()
        self._closers.callback(self.images.close)
        try:
            self._board = make_board(BoardPlan(self.config, self._clock, self._wrap, self._closers))
            self.notices = self._board.notices
            self.engine: Engine = self._board.engine
            self._closers.callback(self._close_guardian)
            self._closers.callback(self.engine.close)
            self.command = self.engine.prepare()
            self._selector = selectors.PollSelector()
            self._closers.callback(self._selector.close)
            patient = self.config.clock != "virtual"
            self.console = HostConsole(user or NoEnd(), self.engine.console, self._hear, patient=patient)
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
        """
        if guardian is None:
            with signals_held():
                guardian = self._guardian = Guardian()
        self.engine.trap.idle = self._idle
        self.console.idle = self._idle_in_call
        self._board.tend_by(self._tend_in_call)
        self.engine.start(guardian)
        self._observers.start(self.engine, self.config.profile.name, self.config.trap_name, self.command)
        self._tell_phase("engine started", self.engine.describe())
        self.console.register(self._selector)
        self.engine.tend(self._selector, self.console.take_output, self._is_due)
        self._board.warm_up()
        self._tell_phase("client program loaded", self._load())

    def close(self) -> None:
        """End the machine, whatever it does, and let go of all that the VM made. May be called more than once."""
        with signals_held():
            if self.ending is None and self.boots:
                self._save()
            self._observers.end("closed", "nobody waited for its end")
            self._closers.close()

    def _close_guardian(self) -> None:
        if self._guardian is not None:
            self._guardian.close()

    def quit(self) -> None:
        """End the machine at the next opportunity, as the user wishes."""
        self._end(EndReason.QUIT, "ended by the user")

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

    # For scripts

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
        return files + self._board.bytes_read

    @property
    def hypervisor(self) -> VirtualHypervisor | None:
        """What the machine provides outside the guest besides the client interface; more may be put into it.

        On the unicorn engine, from the phase "client program started" on; `pseries` has a new one after each reset.
        Under QEMU it is QEMU's own, and this is None.
        """
        return self._board.hypervisor

    @property
    def devices(self) -> MolDevices:
        """The devices of `mol`: `keyboard.type("...")`, `mouse.move(3, 4)`, `video.picture()`, `blocks.eject(1)`.

        They are new after each reset.

        Raises:
            UsageError: the machine has none, or has not started yet.
        """
        devices = self._board.devices
        if devices is None:
            name = self.config.profile.name
            why = "has not started yet" if name == "mol" else 'has none: VM(machine="mol", ...) has'
            raise UsageError(f"paravirtual devices: {name} {why}")
        return devices

    def screenshot(self, path: str | os.PathLike[str]) -> None:
        """Write what the screen of `mol` shows to a PNG file.

        Raises:
            UsageError: it can't be written, or as for `devices`.
        """
        from vof.backends.screen_image import write_png

        write_png(self.devices.video.picture(), os.fspath(path))

    def listen(self, listener: Listener, *kinds: type) -> None:
        """Have `listener` called with every event from now on, or with those of these kinds.

        A client call costs more where somebody listens to calls: whoever wants phases only should say so.
        """
        self._observers.listen(listener, kinds)
        self._watch_osi()

    def ignore(self, listener: Listener) -> None:
        """Have a listener called no more."""
        self._observers.ignore(listener)
        self._watch_osi()

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
            self._use_hooks()
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
        self._use_hooks()

    def stop(self, call: Call | OsiHookCall | None = None) -> None:
        """Have the run loop stop, once the client call under way is answered: `wait`, `expect` and the like return.

        Args:
            call: what `stopped` shall say.
        """
        self.stopped = call
        self._halted = True
        self.engine.trap.pause = True

    def ask_for_prompt(self) -> None:
        """Have the user get the prompt once the client call under way is answered; a hook's `Call.prompt`."""
        self._prompt_wanted = True
        self.engine.trap.pause = True

    def end(self, reason: EndReason, message: str) -> None:
        """End the machine at the next opportunity.

        Args:
            reason: why.
            message: in words, for the user.
        """
        self._end(reason, message)

    def run_until(self, done: Callable[[], bool], timeout: float | None = None) -> bool:
        """Run the machine until `done` says so, it ends, or so many seconds have passed; whether `done` said so.

        `done` is asked whenever something happened on the console, and some hundred times a second. On the unicorn
        engine it is another thread that asks while the guest runs, so it should only look.
        """
        return self._run_until(done, timeout, polls=True)

    def _run_until(self, done: Callable[[], bool], timeout: float | None, *, polls: bool) -> bool:
        self._deadline = time.monotonic() + timeout if timeout is not None else float("inf")
        self._done, self._polls = done, polls
        self.stopped, self._halted = None, False
        try:
            self._loop()
        finally:
            self._done, self._polls = _never, False
        return done()

    def run_to_client(self, timeout: float | None = 60) -> None:
        """Run until the firmware has started the client program.

        Raises:
            EngineError: it didn't within `timeout` seconds.
        """
        before = self.boots
        if before == 0 and not self._run_until(lambda: self.boots > before, timeout, polls=False):
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
        wanted = Wanted(what)
        self._run_until(lambda: wanted.is_in(self._heard), timeout, polls=False)
        found = wanted.end
        if found is None:
            why = f"within {timeout:g} s"
            if self.ending is not None:
                why = f"before the machine ended ({self.ending.message})"
            elif self._halted:
                why = "before the run was stopped"
            last = bytes(self._heard[-400:]).decode(errors="replace")
            raise ExpectTimeout(f"{wanted} did not appear {why}; the last output was: {last!r}")
        heard = bytes(self._heard[:found])
        del self._heard[:found]
        return heard

    def send(self, text: str | bytes) -> None:
        """Type at the console."""
        self.console.type(to_bytes(text))

    def wait(self, timeout: float | None = None) -> Ending | None:
        """Run until the machine ends; how it did, or None if so many seconds passed before."""
        self._run_until(_never, timeout, polls=False)
        return self.ending

    def reset(self) -> None:
        """Reset the machine, as its reset button would."""
        self.engine.reset()

    # Snapshots

    def snapshot(self) -> Snapshot:
        """Take all that a run changes. From now on, what the guest writes to its disks stays in memory.

        Raises:
            UsageError: the engine can't, or the machine has not started or has ended.
        """
        from vof.vm.snapshots import Snapshot, freeze

        engine, firmware = self._in_process(), self.firmware
        if firmware is None or self.ending is not None or engine.trap.ordering:
            raise UsageError("a snapshot is taken between the start of the client program and its end")
        for disk in self._board.disks:
            disk.holds = True
        firmware.listeners, listeners = [], firmware.listeners
        try:
            frozen = freeze((firmware, self._board.state), self._ports())
        finally:
            firmware.listeners = listeners
        return Snapshot(
            engine=engine.take_state(),
            firmware=frozen,
            disks=tuple(disk.state() for disk in self._board.disks),
            networks=tuple(network.state() for network in self._board.networks),
            clock=self._clock.elapsed,
            console=self.console.take_typed(),
            handed_over=self.console.handed_over,
            heard=bytes(self._heard),
            boots=self.boots,
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Be as when the snapshot was taken, by this VM here or in a parent process. Any number of times.

        Raises:
            UsageError: the engine can't.
        """
        from vof.vm.snapshots import thaw

        engine = self._in_process()
        firmware, self._board.state = thaw(snapshot.firmware, self._ports())
        self._board.resume()
        for disk, state in zip(self._board.disks, snapshot.disks, strict=True):
            disk.restore(state)
        for network, kept in zip(self._board.networks, snapshot.networks, strict=True):
            network.restore(kept)
        self._clock.elapsed = snapshot.clock
        self.console.put_typed(snapshot.console, snapshot.handed_over)
        engine.put_state(snapshot.engine)
        engine.trap.answer = firmware.call
        self.firmware = firmware
        self._use_hooks()
        self._observers.restored(firmware)
        self._watch_osi()
        self._heard[:] = snapshot.heard
        self.boots = snapshot.boots
        self.ending = None

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
        from vof.vm.workers import run_in_workers

        self._in_process()
        return run_in_workers(self, snapshot, function, items, workers=workers, timeout=timeout)

    def reopen(self) -> None:
        """Have files of its own, in a forked child: else both would share the place where each one reads."""
        self._board.reopen()

    def _in_process(self) -> UnicornEngine:
        from vof.engines.unicorn import UnicornEngine

        if not isinstance(self.engine, UnicornEngine):
            raise UsageError('a snapshot needs the unicorn engine: VM(engine="unicorn", ...)')
        return self.engine

    def _ports(self) -> dict[str, object]:
        """What a frozen firmware has names for."""
        ports: dict[str, object] = {"vm": self, "console": self.console, "clock": self._clock}
        engine = self._in_process()
        ports |= {"memory": engine.memory, "trap": engine.trap, "cpu": engine.cpu, "rows": self._hooks.rows}
        return ports | self._observers.ports | self._board.ports

    def _wrap(self, name: str, kind: str, port: Any) -> Any:
        """The port that the firmware gets for a back end."""
        return self._observers.wrap(name, kind, self._faults.block(port) if kind == "block" else port)

    @cached_property
    def _hooks(self) -> Hooks:
        from vof.vm.hooks import Hooks

        return Hooks(self)

    @cached_property
    def _faults(self) -> Faults:
        from vof.vm.faults import Faults

        return Faults(self._hooks, self._observers.tell)

    def _use_hooks(self) -> None:
        # Made at the first use: it takes the table of services, and an engine starts while that is imported.
        if self.firmware is not None:
            self.firmware.rows = self._hooks.rows
        devices = self._board.devices
        if devices is not None:
            devices.osi.hooks = self._hooks.selectors

    # The run loop

    def _loop(self) -> None:
        self._observers.go_on()
        while self.ending is None and not self._done():
            if self._session is not None:
                if self._tend_prompt(self._session):
                    return
                continue
            try:
                what = self.engine.trap.serve()
                if isinstance(what, Hello):
                    self._boot(what)
                elif what is not None:
                    self._act(what)
            except Departed as departed:  # while the machine was being made ready
                self._act(departed.outcome)
            if self._prompt_wanted:
                self._prompt_wanted = False
                self._give_prompt()
            if self._idle(0):
                return

    def _call_hook(self, name: str) -> None:
        hook = getattr(self.hypervisor, name, None)
        if hook is not None:
            hook()

    def _is_due(self) -> bool:
        """Whether the loop has to look around though the guest calls nobody. Asked from another thread."""
        return time.monotonic() >= self._deadline or (self._polls and self._done())

    def _is_over(self) -> bool:
        if self.call_limit and self.engine.trap.calls >= self.call_limit:
            self._halted = True
        return self.ending is not None or self._halted or time.monotonic() >= self._deadline

    def _act(self, outcome: Outcome) -> None:
        """Do what a client call ended in, other than a plain return."""
        if type(outcome) is Return:
            self.engine.trap.give_back(outcome.r3)
        elif type(outcome) is Jump:
            self.engine.trap.jump(outcome)
        elif type(outcome) is Reset:
            self._tell_phase("reset", outcome.command)
            self._boot_command = outcome.command or None
            self.engine.reset()
        elif type(outcome) is Boot:
            self._tell_phase("reset", f"boot {outcome.command}".rstrip())
            self._boot_command = outcome.command
            self.engine.reset()
        elif type(outcome) is Enter:
            if self.prompt is None and self._someone_is_there:
                self._open_prompt(entered=True)
            else:
                self._give_prompt()
                self.engine.trap.give_back(0)
        elif type(outcome) is Exit:
            self._end(EndReason.EXIT, "the client program called exit")
        elif type(outcome) is PowerOff:
            self._end(EndReason.POWER_OFF, "the guest powered off")
        elif type(outcome) is Panic:
            self._end(EndReason.PANIC, "the guest panicked")
        elif type(outcome) is Crash:
            where = f"at {self._where(outcome.address)}"
            if outcome.caller:
                where += f", called from {self._where(outcome.caller - 4)}"
            self._end(EndReason.CRASH, f"the client program {outcome.what} {where}", outcome.registers)
        elif type(outcome) is Beyond:
            self._end(
                EndReason.BEYOND,
                f"the client program has the machine, after {self.engine.trap.calls} client calls, and then "
                f"{outcome.what}: the unicorn engine can't follow it there; --engine qemu can "
                "(apt-get install qemu-system-ppc)",
            )

    def _give_prompt(self) -> None:
        if self.prompt is not None:
            self.prompt()
            self._observers.go_on()
        else:
            self.console.write(b"\r\n[vof: the prompt was asked for, and nobody is there: the client goes on]\r\n")

    # The prompt

    @property
    def _someone_is_there(self) -> bool:
        """Whether somebody can type at the console."""
        types = isinstance(self.console.user, StreamEnd | SocketEnd) and not self.console.at_end
        return self.config.prompt or types

    def _open_prompt(self, *, entered: bool) -> None:
        from vof.vm.prompt import Session

        assert self.firmware is not None
        self._tell_phase("prompt", "of a client program" if entered else "before a client program")
        with self._observers.unseen():
            self._session = Session(self.firmware, self.console, entered=entered, asks=self.asks)

    def _tend_prompt(self, session: Session | Countdown) -> bool:
        """Let the prompt take what was typed; whether the run loop shall stop."""
        try:
            with self._observers.unseen():
                outcome = session.tend()
        except Departed as departed:
            outcome = departed.outcome
        if outcome is None:
            return self._idle(_PROMPT_LOOK)
        try:
            self._leave_prompt(session, outcome)
        except UsageError as error:
            session.refuse(str(error))
        return False

    def _leave_prompt(self, session: Session | Countdown, outcome: Outcome) -> None:
        """Do what the user wants to become of the machine.

        Raises:
            UsageError: it can't be; the prompt goes on.
        """
        if type(outcome) is Enter:
            self._open_prompt(entered=False)
            return
        if type(outcome) is Boot and not session.entered:
            self._start_program(outcome.command)
        elif type(outcome) is Boot:
            self._act(outcome)
        elif type(outcome) is Return and session.entered:
            self.engine.trap.give_back(outcome.r3)
        elif type(outcome) is Return:
            raise UsageError("no program is loaded: boot loads one and starts it")
        elif type(outcome) is Jump:
            self._start_client(outcome)
        elif type(outcome) is Exit and not session.entered:
            self._end(EndReason.QUIT, "the prompt's input has ended")
        elif type(outcome) is Exit:
            self.engine.trap.give_back(0)
        else:
            self._act(outcome)
        self._session = None

    def _load(self) -> str:
        return self.images.load(self.engine, self._board.load_limit, self._board.movable_at)

    def _watch_osi(self) -> None:
        """See Mac-on-Linux's calls, where there are any and somebody listens to them."""
        devices = self._board.devices
        if devices is not None:
            devices.osi.told = self._tell_osi if self._observers.wants(OsiCall) else None

    def _tell_osi(self, row: Selector, arguments: tuple[int, ...], answer: OsiAnswer, fault: str) -> None:
        outcome, results = "", answer if isinstance(answer, tuple) else ()
        if isinstance(answer, int):
            results = (answer,)
        elif not isinstance(answer, tuple):
            outcome = type(answer).__name__
        unsigned = tuple(None if value is None else value & 0xFFFFFFFF for value in results)
        self._observers.tell(OsiCall(row.number, row.name, arguments, unsigned, fault, outcome))

    def _where(self, address: int) -> str:
        """An address with the nearest symbol of the client program."""
        symbol = self.images.symbol(address)
        return f"{address:#x} ({symbol})" if symbol else f"{address:#x}"

    def _boot(self, hello: Hello) -> None:
        """The machine has started: make a firmware, and start the client program."""
        engine, trap = self.engine, self.engine.trap
        again = self.boots > 0
        self._tell_phase("firmware started again" if again else "firmware started")
        if again:
            self._save()
            self.console.take_back()
            for start, size in self.images.ranges:
                trap.clear(start, size)
            self._load()
        from vof.machines.machine import Site

        layout = engine.layout
        site = Site(
            memory=engine.memory,
            cpu=trap,
            hypervisor=trap,
            bus=trap,
            console=self.console,
            clock=self._clock,
            region=(layout.page, layout.end - layout.page),
            scratch=layout.scratch,
            tree_room=layout.tree,
            taken_over=self._hand_over,
            remembers=again and engine.ram is not None and self.config.engine_name != "unicorn",
        )
        program = self.images.program
        prepared = self._board.prepare(site, hello)
        if prepared is None:
            return
        hello = prepared
        watched = self._observers.site(site)

        def make() -> OpenFirmware:
            firmware = self._board.machine(watched).power_on(hello.tree, program, self._changes.apply)
            if self._bios is not None:
                placement = self.images.placement
                self._bios.prepare(firmware, placement.entry, placement.end - placement.start)
            return firmware

        made_from = Making(self.boots, hello.tree, program, self._board.describe(), self._bios is not None)
        self.firmware = self._observers.boot(made_from, make)
        self._watch_osi()
        self._use_hooks()
        self.firmware.hooks.boots = self._make_boots
        self.firmware.hooks.registers = self._client_registers
        trap.answer = self.firmware.call
        self.boots += 1
        self._run_script()
        command, self._boot_command = self._boot_command, None
        if command is None and (self.config.prompt or self._waits):
            self._open_prompt(entered=False)
        elif command is None and self.config.boot_delay and self._someone_is_there:
            from vof.vm.prompt import Countdown

            self._session = Countdown(self.console, self._clock, self.config.boot_delay)
        else:
            self._start_program(command or "")

    @property
    def _waits(self) -> bool:
        """Whether `auto-boot?` has the user say what is booted.

        Raises:
            UsageError: there is no user.
        """
        options = None if self.firmware is None else self.firmware.options
        if options is None or options["auto-boot?"] != "false" or not self.config.boots_devices:
            return False
        if not self._someone_is_there:
            raise UsageError(
                "auto-boot? is false, and nobody is there to say what to boot: "
                "-prom-env auto-boot?=true boots this time, and --prompt gives the prompt"
            )
        return True

    def _start_program(self, command: str) -> None:
        """Start the client program: the user's, or what is on a disk or in the network.

        Args:
            command: what the user or the client program asked for by `boot`: a device and arguments; "" for the usual.
        """
        if self.images.kernel is None:
            if self.config.boots_devices:
                self._boot_device(command)
            return
        start, size = self.images.program.initrd
        placement = self.images.placement
        plain = Jump(placement.entry, toc=placement.toc, r3=start, r4=size, bits=placement.program.bits)
        self._start_client(plain)

    def _boot_device(self, command: str) -> None:
        """Start what is on a disk or in the network.

        Args:
            command: what the client program asked for by `boot`: a device and arguments; "" for the usual.
        """
        from vof.firmware.boot_order import boot_order

        assert self.firmware is not None and self.firmware.options is not None
        again, variables = self.boots > 1, self.firmware.options
        boots = self._make_boots()
        options = self.config.boot_options
        order = options.get("order", "") if again else options.get("once", options.get("order", ""))
        first = self._board.boot_first
        devices = boot_order(self.firmware.tree, order, first)
        if variables.is_set("boot-device") and not order and not first:
            devices = variables["boot-device"].split()
        self._tell_phase("looking for a client program", " ".join(devices))
        arguments = self.images.arguments or variables["boot-args"] or variables["boot-file"]
        command = command or variables["boot-command"].removeprefix("boot").strip()
        if command:
            device, _, rest = command.partition(" ")
            if device.startswith("/") or self.firmware.tree.find(device) is not None:
                devices, arguments = [device], rest.strip()
            else:
                arguments = command
        with self._observers.unseen():
            started = boots.boot_any(devices, arguments)
        self._observers.loaded(started)
        self._tell_phase("client program loaded", f"{started.size >> 10} KiB from {started.path}")
        self._start_client(started.jump)

    def _make_boots(self) -> Boots:
        """What `load` and `boot` of the present firmware are done by."""
        from vof.firmware.boot import Boots

        assert self.firmware is not None and self.firmware.options is not None
        variables, limit = self.firmware.options, self._board.load_limit
        load_base = int(variables["load-base"], 16)
        return Boots(
            self.firmware,
            load_base=load_base if variables.is_set("load-base") or limit > 2 * load_base else limit // 4 & -_MIB,
            limit=limit,
            settle=self.engine.trap.clear if self.boots > 1 else None,
        )

    def _client_registers(self) -> dict[str, int]:
        """Registers of the program that is in a call, as far as the engine knows them."""
        return self.engine.registers()

    def _run_script(self) -> None:
        """Run the user's script in NVRAM, if that is wanted."""
        assert self.firmware is not None
        variables = self.firmware.options
        if variables is None or variables["use-nvramrc?"] != "true":
            return
        try:
            with self._observers.unseen():
                self.firmware.forth.evaluate(variables["nvramrc"])
        except Throw as thrown:
            self.notices.append(f"nvramrc: {thrown.reason or f'threw {thrown.code}'}")

    def _start_client(self, plain: Jump) -> None:
        self._tell_phase("client program started", f"at {plain.entry:#x}")
        if self._bios is not None:
            plain = self._bios.start(plain)
        self._call_hook("enter")
        self.engine.trap.jump(self._board.start(plain))

    def _hand_over(self) -> None:
        """The client program has taken the machine over."""
        self._call_hook("quiesce")
        self.engine.trap.leave()
        self._board.taken_over()
        self.console.hand_over()
        self._tell_phase("client program has the machine", f"after {self.engine.trap.calls} calls")

    def _idle(self, seconds: float) -> bool:
        """Wait, tend to the console and to the engine; whether the run loop shall stop waiting."""
        for key, _ in self._selector.select(seconds):
            key.data()
        self.console.flush()
        self._observers.tend()
        became = self.engine.look()
        if became is not None:
            self._act(became)
        return self._done() or self._is_over()

    def _idle_in_call(self, seconds: float) -> bool:
        """As `_idle`, where a port waits inside a client call: whether that call shall be asked again later.

        Raises:
            PortError: there is no later.
        """
        stop = self._idle(seconds)
        if self.ending is not None:
            raise PortError("the machine has ended")
        return stop and not self.engine.trap.ordering

    def _tend_in_call(self) -> None:
        """Tend to all else where a disk or a network is waited for.

        Raises:
            PortError: the machine has ended.
        """
        self._idle_in_call(0)

    def _end(self, reason: EndReason, message: str, registers: tuple[tuple[str, int], ...] = ()) -> None:
        if self.ending is None:
            self.ending = Ending(reason, message, registers)
            self._save()
            self._call_hook("exit")
            self.engine.trap.abandoned = True
            self._tell_phase("ended", message)
            self._observers.end(reason.value, message)

    # Events

    def _hear(self, event: Event) -> None:
        if type(event) is ConsoleOutput:
            self._heard += event.data
            if len(self._heard) > 2 * _HEARD_LIMIT:
                del self._heard[:-_HEARD_LIMIT]
            if self._done():  # at once, and not at the next look: a run that is repeated must stop where it did before
                self.engine.trap.pause = True
        self._observers.tell(event)

    def _save(self) -> None:
        try:
            self._board.save()
        except UsageError as error:  # the end of the machine is no time to raise anything
            self.notices.append(str(error))

    def _tell_phase(self, name: str, detail: str = "") -> None:
        self._observers.tell(Phase(name, self._observers.tell_phase(name), detail))


def _guest_firmware(config: Config) -> GuestFirmware | None:
    if not config.bios:
        return None
    if config.engine_name != "unicorn" or config.trap not in ("", "hypercall"):
        raise UsageError("-bios is for --engine unicorn --trap hypercall; QEMU starts its own with -machine x-vof=on")
    from vof.vm.guest_firmware import GuestFirmware

    return GuestFirmware(config.bios)


def _never() -> bool:
    return False
