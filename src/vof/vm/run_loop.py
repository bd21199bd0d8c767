"""`RunLoop`: the one loop that runs a guest, answers its client calls, and acts on what they come to.

It runs in the caller's thread, and only while a method of the VM that says so is waiting: between two calls the guest
computes on, but its client calls wait. So a script needs no locks, and a test can't miss what happens.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from vof.engines.trap import Hello
from vof.errors import PortError, TreeError, UsageError
from vof.outcomes import Boot, Departed, Enter, Exit, Jump, Outcome, Reset, Return
from vof.vm.ending import Ending, EndReason, ending_of
from vof.vm.machinery import Machinery
from vof.vm.prompts import Prompts
from vof.vm.startup import Startup

if TYPE_CHECKING:
    from vof.firmware import OpenFirmware
    from vof.vm.hooks import Call, OsiHookCall

__all__ = ["RunLoop"]

_PROMPT_LOOK = 0.05
"""Seconds between two looks around while the prompt waits for a key."""
_ORDER_PATIENCE = 10.0
"""Seconds after its time that a run goes on where the guest owes the firmware an answer, a callback's above all."""


class RunLoop:
    """The loop of one VM.

    Args:
        machinery: the VM's.
        startup: makes its firmware.
        prompts: gives its prompt.

    Attributes:
        ending: how the machine ended; None while it runs.
        call_limit: see `VM`.
        stopped: see `VM`.
        halted: whether `stop` ended the last run.
    """

    def __init__(self, machinery: Machinery, startup: Startup, prompts: Prompts) -> None:
        self.ending: Ending | None = None
        self.call_limit = 0
        self.stopped: Call | OsiHookCall | None = None
        self.halted = False
        self._machinery = machinery
        self._trap = machinery.engine.trap
        self._startup = startup
        self._prompts = prompts
        self._boot_command: str | None = None
        self._done: Callable[[], bool] = never
        self._polls = False
        self._serving = False
        self._deadline = 0.0
        self._trap.idle = self._idle
        machinery.console.idle = self._idle_in_call
        machinery.console_spoke = self._hear
        machinery.board.tend_by(self._tend_in_call)

    # Running

    def run(self, done: Callable[[], bool], timeout: float | None, *, polls: bool) -> bool:
        """Run the machine until `done` says so, it ends, or so many seconds have passed; whether `done` said so.

        Args:
            done: asked whenever something happened on the console.
            timeout: seconds; None for no end.
            polls: whether it is asked often besides; see `VM.run_until`.

        Raises:
            UsageError: a listener or a hook asks for it while the guest runs.
        """
        if self._serving:
            raise UsageError(
                "the machine runs already, and waits for this listener or hook: Call.stop() ends the run, and the "
                "script that waited for it can go on"
            )
        self._deadline = time.monotonic() + timeout if timeout is not None else float("inf")
        self._done, self._polls = done, polls
        self.stopped, self.halted = None, False
        try:
            self._run()
        finally:
            self._done, self._polls = never, False
        return done()

    def stop(self, call: Call | OsiHookCall | None) -> None:
        """See `VM.stop`."""
        self.stopped = call
        self.halted = True
        self._trap.pause = True

    def ask_for_prompt(self) -> None:
        """See `VM.ask_for_prompt`."""
        self._prompts.wanted = True
        self._trap.pause = True

    def reset(self) -> None:
        """See `VM.reset`."""
        self._prompts.close()
        self._boot_command = None
        self._machinery.engine.reset()

    def go_back(self) -> None:
        """The machine is as it was at a snapshot: nothing that came later stands any more."""
        self._prompts.close()
        self._boot_command = None
        self.ending = None

    def end(self, ending: Ending) -> None:
        """End the machine at the next opportunity."""
        if self.ending is None:
            machinery, self.ending = self._machinery, ending
            machinery.save()
            machinery.call_hook("exit")
            self._trap.abandoned = True
            machinery.observers.phase("ended", ending.message)
            machinery.observers.end(ending.reason.value, ending.message)

    def is_due(self) -> bool:
        """Whether the loop has to look around though the guest calls nobody. Asked from another thread."""
        return time.monotonic() >= self._deadline or (self._polls and self._done())

    def _run(self) -> None:
        self._machinery.observers.go_on()
        while self.ending is None and not self._done():
            if self._prompts.is_open:
                if self._tend_prompt():
                    return
                continue
            try:
                what = self._serve()
                if isinstance(what, Hello):
                    self._start_up(what)
                elif what is not None:
                    self._act(what)
            except Departed as departed:  # while the machine was being made ready
                self._act(departed.outcome)
            if self._prompts.wanted:
                self._prompts.give()
            if self._idle(0):
                return

    def _serve(self) -> Hello | Outcome | None:
        self._serving = True
        try:
            return self._trap.serve()
        finally:
            self._serving = False

    def _start_up(self, hello: Hello) -> None:
        """The machine has started: make its firmware, and start what there is or ask the user."""
        startup = self._startup
        try:
            if not startup.power_on(hello):
                return
        except TreeError as error:
            if not startup.count:
                raise
            self.end(Ending(EndReason.CRASH, f"the machine started again, and {error}"))
            return
        assert startup.firmware is not None
        try:
            self._start_what_there_is(startup.firmware)
        except UsageError as error:
            if startup.count == 1 and not self._machinery.config.prompt:  # what the user named, or has
                raise
            self._go_without(startup.firmware, str(error))

    def _go_without(self, firmware: OpenFirmware, why: str) -> None:
        """A client program had another one started, or the machine, and there is nothing to start for this reason."""
        if self._prompts.someone_is_there:
            self._machinery.console.write(f"{why}\r\n".encode("latin-1", "replace"))
            self._prompts.open(firmware, entered=False)
        else:
            self.end(Ending(EndReason.EXIT, f"the machine started again, and {why}"))

    def _start_what_there_is(self, firmware: OpenFirmware) -> None:
        prompts, config = self._prompts, self._machinery.config
        command, self._boot_command = self._boot_command, None
        if self._startup.scripted is not None:
            command = self._startup.scripted
        if command is None and (config.prompt or self._asks_user()):
            prompts.open(firmware, entered=False)
        elif command is None and config.boot_delay and prompts.someone_is_there:
            prompts.count_down(config.boot_delay)
        else:
            self._startup.start_program(command or "")

    def _asks_user(self) -> bool:
        """Whether the user has to say what is booted.

        Raises:
            UsageError: there is no user.
        """
        if self._startup.boots_by_itself:
            return False
        if not self._prompts.someone_is_there:
            raise UsageError(
                "auto-boot? is false, and nobody is there to say what to boot: "
                "-prom-env auto-boot?=true boots this time, and --prompt gives the prompt"
            )
        return True

    # Outcomes

    def _act(self, outcome: Outcome) -> None:
        """Do what a client call ended in, other than a plain return."""
        trap, observers = self._trap, self._machinery.observers
        if type(outcome) is Return:
            trap.give_back(outcome.r3)
        elif type(outcome) is Jump:
            trap.jump(outcome)
        elif type(outcome) is Reset:
            observers.phase("reset", outcome.command)
            self._boot_command = outcome.command or None
            self._machinery.engine.reset()
        elif type(outcome) is Boot:
            observers.phase("reset", f"boot {outcome.command}".rstrip())
            self._boot_command = outcome.command
            self._machinery.engine.reset()
        elif type(outcome) is Enter:
            self._enter()
        else:
            ending = ending_of(outcome, trap.calls, self._machinery.images.symbol)
            assert ending is not None
            self.end(ending)

    def _enter(self) -> None:
        firmware = self._startup.firmware
        assert firmware is not None
        if self._prompts.handler is None and self._prompts.someone_is_there:
            self._prompts.open(firmware, entered=True)
        else:
            self._prompts.give()
            self._trap.give_back(0)

    def _tend_prompt(self) -> bool:
        """Let the prompt take what was typed; whether the run loop shall stop."""
        outcome = self._prompts.tend()
        if outcome is None:
            return self._idle(_PROMPT_LOOK)
        try:
            self._leave_prompt(outcome)
        except UsageError as error:
            self._prompts.refuse(str(error))
        return False

    def _leave_prompt(self, outcome: Outcome) -> None:
        """Do what the user wants to become of the machine.

        Raises:
            UsageError: it can't be; the prompt goes on.
        """
        entered, firmware = self._prompts.entered, self._startup.firmware
        if type(outcome) is Enter:
            assert firmware is not None
            self._prompts.open(firmware, entered=False)
            return
        if type(outcome) is Boot and not entered:
            self._startup.start_program(outcome.command, asked=True)
        elif type(outcome) is Boot:
            self._act(outcome)
        elif type(outcome) is Return and entered:
            self._trap.give_back(outcome.r3)
        elif type(outcome) is Return:
            raise UsageError("no program is loaded: boot loads one and starts it")
        elif type(outcome) is Jump:
            self._startup.start_client(outcome)
        elif type(outcome) is Exit and not entered:
            self.end(Ending(EndReason.QUIT, "the prompt's input has ended"))
        elif type(outcome) is Exit:
            self._trap.give_back(0)
        else:
            self._act(outcome)
        self._prompts.close()

    # Waiting

    def _is_over(self) -> bool:
        if self.call_limit and self._trap.calls >= self.call_limit:
            self.halted = True
        return self.ending is not None or self.halted or time.monotonic() >= self._deadline

    def _idle(self, seconds: float) -> bool:
        """Wait, tend to the console and to the engine; whether the run loop shall stop waiting."""
        self._machinery.look_around(seconds)
        became = self._machinery.engine.look()
        if became is not None:
            self._act(became)
        if self._trap.ordering and time.monotonic() >= self._deadline + _ORDER_PATIENCE:
            # Nothing else can be done with a guest in the midst of that: the firmware waits in a call for its answer.
            self.end(Ending(EndReason.CRASH, "the client program doesn't come back from what the firmware had it do"))
        return self._done() or self._is_over()

    def _idle_in_call(self, seconds: float) -> bool:
        """As `_idle`, where a port waits inside a client call: whether that call shall be asked again later.

        Raises:
            PortError: there is no later.
        """
        stop = self._idle(seconds)
        if self.ending is not None:
            raise PortError("the machine has ended")
        return stop and not self._trap.ordering

    def _tend_in_call(self) -> None:
        """Tend to all else where a disk or a network is waited for.

        Raises:
            PortError: the machine has ended.
        """
        self._idle_in_call(0)

    def _hear(self) -> None:
        """The console showed something."""
        if self._done():  # at once, and not at the next look: a run that is repeated must stop where it did before
            self._trap.pause = True


def never() -> bool:
    """For `RunLoop.run`: until the machine ends."""
    return False
