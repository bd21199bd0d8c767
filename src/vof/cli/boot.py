"""`vof boot`: a machine with its console here."""

from __future__ import annotations

import shlex
import sys
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from vof.cli.commands import Command
from vof.cli.machine_options import CHANGES, ENGINE, HELP, MACHINE, PROGRAM, config_from
from vof.cli.options import Given, Group, Option
from vof.cli.qemu_help import asks_for_help, show_qemus_help
from vof.cli.report import say, say_registers
from vof.cli.trace_options import LIVE
from vof.cli.user_end import check_console, open_console
from vof.errors import UsageError

if TYPE_CHECKING:
    from vof.backends import TerminalEnd
    from vof.cli.live_trace import TraceWish
    from vof.cli.progress import Progress
    from vof.events import Event
    from vof.firmware.prompt import Prompt
    from vof.outcomes import Outcome
    from vof.vm import VM, Config

__all__ = ["COMMAND", "RUN", "Run", "boot_machine", "run_machine"]

_STILLRUNNING = 124
"""As timeout(1) has it."""

RUN = Group(
    "The run",
    (
        Option(("--console",), "PLACE", "stdio (the default), file:PATH, unix:PATH (a socket) or none"),
        Option(("--timeout",), "SECONDS", "end the machine after so long, with status 124"),
        Option(("--record",), "FILE[,append=on]", "record the run, for vof trace, report, diff and replay"),
        *LIVE,
        Option(
            ("--break",),
            "SERVICE[:RESULT]",
            "stop at a client call: claim, claim:-1, open:failed, *:failed",
            repeats=True,
        ),
        Option(
            ("--inject",),
            "WHAT[:when=N]",
            "have a service, disk or memory fail, always or when=N, N+ or N..M",
            repeats=True,
        ),
        Option(("-v", "--verbose"), "", "say when each phase of the boot begins"),
        Option(("--dry-run",), "", "print QEMU's command line and end"),
    ),
)


def _run(given: Given) -> int:

    run = Run.of(given)
    config = config_from(given)
    nothing = not config.kernel and not config.boots_devices and not config.prompt
    if nothing and "--dry-run" not in given and not asks_for_help(given):
        raise UsageError(
            "nothing to boot: name a client program by -kernel FILE, a disk by -drive or a network by -netdev; "
            "--prompt gives the firmware's prompt"
        )
    return boot_machine(given, config, run)


def boot_machine(given: Given, config: Config, run: Run) -> int:
    """Run a machine, or say how it would be run.

    Args:
        given: the command line.
        config: the machine.
        run: how it is run.

    Returns:
        The exit status.
    """
    from vof.vm import VM

    if "--dry-run" in given:
        with closing(VM(config)) as vm:
            print(shlex.join(vm.command) or "nothing is started: the guest runs in this process")
        return 0
    if asks_for_help(given):
        return show_qemus_help(config)
    if config.engine_name == "unicorn":
        from vof.cli.contained import wait_for_child
        from vof.cli.progress import erase_what_is_left

        status = wait_for_child(lambda: erase_what_is_left(console_here=run.console_here))
        if status is not None:
            return status
    return run_machine(config, run)


@dataclass(frozen=True, slots=True)
class Run:
    """How the user wants a machine run.

    Attributes:
        console: the value of `--console`.
        timeout: seconds after which it is ended; None for never.
        verbose: whether each phase is told.
        breaks: the values of `--break`.
        trace: the calls that are shown as they happen; None for none.
    """

    console: str
    timeout: float | None
    verbose: bool
    breaks: tuple[str, ...]
    trace: TraceWish | None

    @property
    def console_here(self) -> bool:
        """Whether the console is on the terminal that messages go to."""
        return self.console == "stdio" and sys.stdout.isatty() and sys.stderr.isatty()

    @classmethod
    def of(cls, given: Given) -> Run:
        """What the command line says.

        Raises:
            UsageError: it says something impossible.
        """
        place = given.last("--console", "stdio")
        check_console(place)
        timeout = _seconds(given.last("--timeout"))
        return cls(place, timeout, "-v" in given, tuple(given.all("--break")), _trace_wish(given))


def run_machine(config: Config, run: Run) -> int:
    """Run a machine until it ends; the exit status."""
    from vof.backends import TerminalEnd
    from vof.engines.guardian import Guardian
    from vof.events import Phase
    from vof.vm import VM, EndReason

    # The guardian is there before there is a QEMU or the terminal is changed, and goes last.
    with ExitStack() as closers, closing(Guardian()) as guardian, closing(VM(config)) as vm:
        closers.callback(_tell_notices, vm)  # those of its end, however it came about
        progress = _watch(vm, run, closers)
        before_output = progress.before_output if progress is not None else None
        if run.verbose:
            vm.listen(_show_phase, Phase)
        if run.breaks:
            from vof.cli.breaks import set_breaks

            set_breaks(vm, run.breaks)
        vm.console.user = open_console(run.console, guardian, vm.quit, before_output)
        if isinstance(vm.console.user, TerminalEnd):
            vm.asks = partial(_ask, vm.console.user)
        _tell_notices(vm)
        with closing(vm.console.user):
            vm.start(guardian)
            if config.memory_file:
                if progress is not None:
                    progress.erase()
                say(vm.engine.describe())
            ending = vm.wait(run.timeout)
    if ending is None:
        say(f"ended after {run.timeout:g} s (--timeout)")
        return _STILLRUNNING
    if ending.reason is not EndReason.POWER_OFF:
        say(ending.message)
        say_registers(ending.registers)
    return ending.status


def _ask(end: TerminalEnd, prompt: Prompt) -> Outcome:
    from vof.cli.terminal_prompt import ask_on_console

    return ask_on_console(end, prompt)


def _tell_notices(vm: VM) -> None:
    while vm.notices:
        say(vm.notices.pop(0))


def _watch(vm: VM, run: Run, closers: ExitStack) -> Progress | None:
    """Have a trace of the machine, if it is wanted, and a progress line where there is a terminal for it."""
    on_stderr = False
    if run.trace is not None:
        from vof.cli.live_trace import LiveTrace

        trace = LiveTrace(run.trace, console_here=run.console_here)
        on_stderr = trace.on_stderr
        closers.callback(trace.close)
        trace.watch(vm)
    if on_stderr or run.breaks or not sys.stderr.isatty():
        return None
    from vof.cli.progress import Progress, shows_progress

    if not shows_progress():
        return None
    progress = Progress(console_here=run.console_here)
    closers.callback(progress.close)
    progress.watch(vm)
    return progress


def _trace_wish(given: Given) -> TraceWish | None:
    if not any(option.name in given for option in LIVE):
        return None
    from vof.cli.live_trace import TraceWish

    return TraceWish.of(given)


def _seconds(text: str) -> float | None:
    """What `--timeout` says; None if it was not given."""
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not seconds > 0:
        raise UsageError(f'--timeout "{text}": it takes a number of seconds, as in --timeout 60')
    return seconds


def _show_phase(event: Event) -> None:
    from vof.events import Phase

    if type(event) is Phase:
        detail = f": {event.detail}" if event.detail else ""
        print(f"vof: {event.seconds:8.3f} s  {event.name}{detail}", file=sys.stderr, flush=True)


COMMAND = Command(
    usage="[OPTION]... [-- QEMU-ARGUMENT...]",
    about="""
        Boots a client program, such as a Linux kernel or GRUB, in a machine whose firmware is vof, and whose CPU is
        QEMU's or, with --engine unicorn, this process's. The console is on the terminal; Ctrl-a x ends the machine.

        The status is 0 if the guest powered off or the user ended it, 1 if the engine failed, 2 if an option or a file
        can't be used, 3 if the client program called exit, 4 if it panicked, 5 if it crashed, 6 if it has the machine
        and went where the unicorn engine can't follow, 7 if --break stopped it without a terminal to ask at, 124 after
        --timeout.
        What follows -- goes to QEMU as it is.
    """,
    groups=(MACHINE, PROGRAM, RUN, CHANGES, ENGINE, HELP),
    run=_run,
    passes_on=True,
)
