"""Campaigns: many runs of machines, each with a fault or another option, and what became of each.

A campaign's cases are run in batches, each in a process of its own, started by whatever `concurrent.futures.Executor`
the caller brings: threads that wait for local processes, or a cluster's. In such a process the machine is started once,
and each case goes on from a snapshot in a forked child: a guest that takes its process down is a result.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import random
import re
import subprocess
import sys
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice

from vof.errors import UsageError
from vof.vm.config import Config

__all__ = [
    "DIED",
    "FAILED",
    "TIMEOUT",
    "Batch",
    "Case",
    "Class",
    "Outcome",
    "Plan",
    "pattern_of",
    "random_faults",
    "reference_run",
    "run_batch",
    "run_campaign",
]

TIMEOUT, DIED, FAILED = "timeout", "died", "failed"
"""The classes of what no pattern of a plan matched: too long, no process left, an error before or in the run."""
_BATCH = 25
_START = 60.0
"""Seconds that a batch may take beside its runs."""


@dataclass(frozen=True, slots=True)
class Class:
    """What a run may come to.

    Attributes:
        name: what to call it.
        console: a regular expression; the run ends where the console's output matches it. Empty: not by the console.
        ending: the reason for which the machine ended (`vof.vm.EndReason`); empty: not by its end.
        good: whether it is what one wants.
    """

    name: str
    console: str = ""
    ending: str = ""
    good: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """How runs are made and judged.

    Attributes:
        classes: tried in their order.
        keys: what is typed at the start.
        timeout: seconds of the host that a run may take.
        machine_time: seconds of the machine's clock that a client may see pass.
        calls: client calls that a run may make.
    """

    classes: tuple[Class, ...]
    keys: str = ""
    timeout: float = 60.0
    machine_time: float = 60.0
    calls: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Case:
    """One run.

    Attributes:
        number: its place in the campaign.
        label: what tells its configuration from the others'.
        config: its options.
        faults: what is injected, as `vof.vm.faults` spells it.
    """

    number: int
    label: str
    config: Config
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run. Two runs of a case are equal but for the time that they took.

    Attributes:
        case: which.
        name: the class's name; of what matched none `timeout`, `died`, `failed`, or the reason of the machine's end.
        good: whether its class is.
        struck: what the faults did, from the run's events.
        calls: client calls that it made.
        counts: how often `disk`s were read or written, and in a run without a fault how often it called each service.
        last_calls: the last of them as a trace has them, where it came to no good.
        console: the last line of text on the console.
        message: how it ended, in words.
        seconds: of the host.
    """

    case: Case
    name: str
    good: bool = False
    struck: tuple[str, ...] = ()
    calls: int = 0
    counts: tuple[tuple[str, int], ...] = ()
    last_calls: tuple[str, ...] = ()
    console: str = ""
    message: str = ""
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Batch:
    """Cases of one configuration, to be run in one process."""

    plan: Plan
    cases: tuple[Case, ...]


def reference_run(plan: Plan, config: Config, label: str = "") -> Outcome:
    """A run without a fault, whose `counts` are what `random_faults` wants.

    Raises:
        UsageError: it ends in no good class of the plan.
    """
    (outcome,) = run_batch(Batch(plan, (Case(-1, label, config),)))
    if not outcome.good:
        raise UsageError(
            f"without a fault {label or 'the machine'} comes to no good class: {outcome.name}, {outcome.message}"
        )
    return outcome


def random_faults(counts: Mapping[str, int], number: int, seed: int, of: Sequence[str] = ()) -> list[str]:
    """So many faults, each of which strikes once in a run that goes on as the reference did.

    Args:
        counts: how often each service was called in a `reference_run`.
        number: how many.
        seed: the same seed gives the same faults.
        of: the services, or `disk` or `memory`, to choose from; all that occur if none is given.

    Raises:
        UsageError: none of them occurs.
    """
    known = dict(counts)
    if known.get("claim"):
        known["memory"] = known["claim"]
    chosen = sorted(name for name in (of or known) if known.get(name))
    if not chosen:
        raise UsageError(f"no fault can strike: the run makes no use of {', '.join(of) or 'anything'}")
    dice = random.Random(seed)
    faults = []
    for _ in range(number):
        what = dice.choice(chosen)
        when = dice.randint(1, known[what])
        # A full memory stays full; anything else fails once.
        faults.append(f"{what}:when={when}{'+' if what == 'memory' else ''}")
    return faults


def run_campaign(
    plan: Plan, cases: Iterable[Case], executor: Executor | None = None, *, jobs: int = 0, batch: int = _BATCH
) -> Generator[Outcome, None, None]:
    """Run cases.

    Args:
        plan: how.
        cases: which. Those of one configuration that follow each other share a process.
        executor: what runs the batches; threads of this process, which wait for others, where none is given.
        jobs: batches at a time where there is no executor; 0 for as many as there are CPUs.
        batch: cases in a process.

    Yields:
        The outcome of each case, as they come. Whoever stops asking ends what is under way.
    """
    own = None if executor is not None else ThreadPoolExecutor(jobs or os.cpu_count() or 1)
    pool = executor if executor is not None else own
    assert pool is not None
    waiting = _batches(plan, cases, batch)
    running: dict[Future[list[Outcome]], Batch] = {}
    try:
        for _ in range(2 * (jobs or os.cpu_count() or 1)):
            for each in islice(waiting, 1):
                running[pool.submit(run_batch, each)] = each
        while running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                given = running.pop(future)
                for each in islice(waiting, 1):
                    running[pool.submit(run_batch, each)] = each
                try:
                    yield from future.result()
                except Exception as error:  # the executor lost it: a result, and not the end of the others
                    for case in given.cases:
                        yield Outcome(case, DIED, message=f"{type(error).__name__}: {error}")
    finally:
        for future in running:
            future.cancel()
        _stop_processes()
        if own is not None:
            own.shutdown(cancel_futures=True)


def run_batch(batch: Batch) -> list[Outcome]:
    """Run a batch in a process of its own. Called by an executor, perhaps on another machine."""
    command = [sys.executable, "-m", "vof.vm.campaign_worker"]
    outcomes: list[Outcome] = []
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None
    _PROCESSES.add(process)
    patience = threading.Timer(_START + len(batch.cases) * batch.plan.timeout, process.kill)
    patience.daemon = True
    patience.start()
    try:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(pickle.dumps((batch, sys.path)))
            process.stdin.close()
        with contextlib.suppress(EOFError, pickle.UnpicklingError):  # it has ended, perhaps in the midst of one
            while True:
                outcomes.append(pickle.load(process.stdout))
        status = process.wait()
        done = {outcome.case.number for outcome in outcomes}
        why = f"its process ended with status {status}"
        return outcomes + [Outcome(case, DIED, message=why) for case in batch.cases if case.number not in done]
    finally:
        patience.cancel()
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(BrokenPipeError):
                stream.close()
        _PROCESSES.discard(process)


_PROCESSES: set[subprocess.Popen[bytes]] = set()
"""Those under way in this process, to be ended with it."""


def _stop_processes() -> None:
    for process in list(_PROCESSES):
        process.kill()


def _batches(plan: Plan, cases: Iterable[Case], size: int) -> Iterator[Batch]:
    gathered: list[Case] = []
    for case in cases:
        if gathered and (len(gathered) == size or case.config != gathered[0].config):
            yield Batch(plan, tuple(gathered))
            gathered = []
        gathered.append(case)
    if gathered:
        yield Batch(plan, tuple(gathered))


def pattern_of(plan: Plan) -> re.Pattern[bytes]:
    """What ends a run by the console.

    Raises:
        UsageError: a pattern is no regular expression.
    """
    patterns = []
    for each in plan.classes:
        if each.console:
            try:
                re.compile(each.console)
            except re.error as error:
                raise UsageError(
                    f'the class "{each.name}": "{each.console}" is no regular expression: {error}'
                ) from None
            patterns.append(f"(?:{each.console})")
    return re.compile("|".join(patterns).encode() or rb"(?!)")
