"""The process that runs a batch of a campaign: `python -m vof.vm.campaign_worker`, with the batch on its input."""

from __future__ import annotations

import ctypes
import os
import pickle
import re
import signal
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from vof.errors import VofError
from vof.events import ClientReturn, ConsoleOutput, Event, Injected
from vof.trace.text import call_text
from vof.vm.campaign import DIED, FAILED, TIMEOUT, Batch, Case, Class, Outcome, Plan, pattern_of
from vof.vm.ending import ExpectTimeout
from vof.vm.hooks import Call
from vof.vm.snapshots import Snapshot
from vof.vm.vm import VM

__all__: list[str] = []

_LAST_CALLS = 5
_SHOWN = 200
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f]")
_PR_SET_PDEATHSIG = 1
_MARGIN = 10


@dataclass(slots=True)
class _Watch:
    """What is seen of a run."""

    plan: Plan
    last: deque[ClientReturn] = field(default_factory=lambda: deque(maxlen=_LAST_CALLS))
    struck: list[str] = field(default_factory=list)
    text: bytearray = field(default_factory=bytearray)
    counts: Counter[str] = field(default_factory=Counter)
    why: str = ""

    def hear(self, event: Event) -> None:
        if type(event) is ClientReturn:
            self.last.append(event)
            self.counts[event.service] += 1
        elif type(event) is Injected:
            self.struck.append(event.what)
        elif type(event) is ConsoleOutput:
            self.text += event.data

    def look_at_time(self, call: Call) -> None:
        if call.results and not call.fault and call.results[0] > self.plan.machine_time * 1000:
            self.why = f"{self.plan.machine_time:g} s on the machine's clock"
            call.stop()


def main() -> int:
    """Run the batch that is on the input, and write its outcomes."""
    # Nobody reads the results of a batch whose campaign has ended.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    batch, path = pickle.load(sys.stdin.buffer)
    sys.path[:] = path
    with os.fdopen(os.dup(1), "wb", buffering=0) as out:
        os.dup2(2, 1)  # whatever prints, the outcomes are alone
        for outcome in _run(batch):
            out.write(pickle.dumps(outcome))
    return 0


def _run(batch: Batch) -> Iterator[Outcome]:
    first, plan = batch.cases[0].config, batch.plan
    if first.engine_name != "unicorn":
        for case in batch.cases:
            yield _run_alone(plan, case)
        return
    try:
        vm = VM(first)
        with vm:
            vm.run_to_client()
            snapshot = vm.snapshot()
            patience = 2 * plan.timeout + _MARGIN
            run = partial(_run_from, snapshot, plan)
            runs = vm.run_in_workers(snapshot, run, batch.cases, workers=1, timeout=patience)
            for result in runs:
                if isinstance(result.value, Outcome):
                    yield result.value
                else:
                    name = TIMEOUT if result.error.startswith("no result within") else DIED
                    yield Outcome(result.item, name, message=result.error)
    except VofError as error:
        for case in batch.cases:
            yield Outcome(case, FAILED, message=str(error))


def _run_alone(plan: Plan, case: Case) -> Outcome:
    """A run from the start: what has no snapshots."""
    try:
        with VM(case.config) as vm:
            vm.run_to_client()
            return _run_case(plan, vm, case, listens=True)
    except VofError as error:
        return Outcome(case, FAILED, message=str(error))


def _run_from(snapshot: Snapshot, plan: Plan, vm: VM, case: Case) -> Outcome:
    """A run from a snapshot. One that comes to no good is made again, and its calls are listened to."""
    outcome = _run_case(plan, vm, case, listens=not case.faults)
    if not outcome.good and case.faults:
        vm.restore(snapshot)
        outcome = _run_case(plan, vm, case, listens=True)
    return outcome


def _run_case(plan: Plan, vm: VM, case: Case, *, listens: bool) -> Outcome:
    watch = _Watch(plan)
    vm.listen(watch.hear, ConsoleOutput, Injected, *([ClientReturn] if listens else []))
    before = vm.engine.trap.calls
    vm.call_limit = before + plan.calls
    vm.on("milliseconds", "after")(watch.look_at_time)
    disk = vm.disk_accesses
    for fault in case.faults:
        vm.inject(fault)
    if plan.keys:
        vm.send(plan.keys)
    began = time.monotonic()
    message = ""
    try:
        vm.expect(pattern_of(plan), timeout=plan.timeout)
    except ExpectTimeout as error:
        message = watch.why or (str(error) if vm.ending is None else vm.ending.message)
    finally:  # the next case comes to the same VM
        vm.ignore(watch.hear)
        vm.off(watch.look_at_time)
        vm.clear_faults()
    calls = vm.engine.trap.calls - before
    if calls >= plan.calls and not watch.why:
        calls, watch.why = plan.calls, f"{plan.calls} client calls"
        message = watch.why
    found = _class_of(plan, vm, bytes(watch.text))
    name = found.name if found is not None else str(vm.ending.reason) if vm.ending is not None else TIMEOUT
    watch.counts["disk"] = vm.disk_accesses - disk
    lines = [line.strip() for line in _CONTROL.sub("", watch.text.decode("latin-1")).splitlines()]
    return Outcome(
        case,
        name,
        good=found is not None and found.good,
        struck=tuple(watch.struck),
        calls=calls,
        counts=tuple(sorted(watch.counts.items())),
        last_calls=tuple(call_text(event) for event in watch.last),
        console=next((line for line in reversed(lines) if line), "")[:_SHOWN],
        message=message if name != TIMEOUT or watch.why else f"{plan.timeout:g} s",
        seconds=time.monotonic() - began,
    )


def _class_of(plan: Plan, vm: VM, text: bytes) -> Class | None:
    for each in plan.classes:
        if each.console and re.search(each.console.encode(), text):
            return each
        if each.ending and vm.ending is not None and each.ending == vm.ending.reason:
            return each
    return None


if __name__ == "__main__":
    sys.exit(main())
