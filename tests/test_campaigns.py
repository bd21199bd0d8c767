"""Campaigns of real boots: GRUB with a fault in each of 500, here and on a Dask cluster."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import guest_files
import pytest

from leftovers import MARK, marked_processes, until
from vof.vm.campaign import Case, Class, Outcome, Plan, random_faults, reference_run, run_campaign
from vof.vm.campaign_results import table
from vof.vm.config import Config

pytestmark = pytest.mark.guest

MENU, RESCUE, MESSAGE, GAVE_UP = "menu", "rescue prompt", "message", "gave up"
PLAN = Plan(
    (
        Class(MENU, "automatically in", good=True),
        Class(RESCUE, "grub rescue>|grub> "),
        Class(MESSAGE, "Press any key|Aborted"),
        Class(GAVE_UP, ending="exit"),
    ),
    timeout=30,
)
NAMES = {MENU, RESCUE, MESSAGE, GAVE_UP, "timeout"}
RUNS = 500


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """In the environment of every process that a test starts; none of them may be left."""
    mark = uuid.uuid4().hex
    monkeypatch.setenv(MARK, mark)
    yield mark
    until(lambda: not workers(mark), "the end of all processes")


def workers(mark: str) -> list[int]:
    """Those that run batches, and their children. Dask's own are Dask's."""
    return [pid for pid, command in marked_processes(mark).items() if "campaign_worker" in command]


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Config]:
    """GRUB on `generic`, with an image that no run may change."""
    files = guest_files.guests_folder() / "grub"
    disk = tmp_path / "disk.img"
    shutil.copyfile(files / "disk.img", disk)
    before = hashlib.sha256(disk.read_bytes()).digest()
    drive = f"file={disk},format=raw,snapshot=on"
    yield Config(engine="unicorn", clock="virtual", kernel=str(files / "core.elf"), drives=(drive,))
    assert hashlib.sha256(disk.read_bytes()).digest() == before
    assert os.listdir(tmp_path) == ["disk.img"]


def faulty(config: Config, runs: int, seed: int = 7) -> list[Case]:
    counts = dict(reference_run(PLAN, config).counts)
    faults = random_faults(counts, runs, seed)
    assert faults == random_faults(counts, runs, seed) != random_faults(counts, runs, seed + 1)
    return [Case(number, "grub", config, (fault,)) for number, fault in enumerate(faults)]


def by_number(outcomes: Iterator[Outcome]) -> list[Outcome]:
    return sorted(outcomes, key=lambda outcome: outcome.case.number)


def test_five_hundred_boots_with_a_fault_each_here_and_on_a_cluster(config: Config, mark: str) -> None:
    from distributed import Client, LocalCluster

    cases = faulty(config, RUNS)
    here = by_number(run_campaign(PLAN, cases))
    assert [outcome.case for outcome in here] == cases
    for outcome in here:
        assert outcome.name in NAMES, outcome
        (fault,) = outcome.case.faults
        what = fault.partition(":")[0].replace("memory", "claim")
        assert outcome.struck and all(what in struck for struck in outcome.struck), outcome
        assert outcome.calls and (outcome.good or outcome.last_calls)
    assert len({outcome.name for outcome in here}) > 1
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        there = by_number(run_campaign(PLAN, cases, client.get_executor()))
    assert there == here
    assert table(there) == table(here)


def test_what_a_run_may_come_to(config: Config, mark: str) -> None:
    expected = {
        "interpret": MENU,
        "disk": RESCUE,
        "open:when=3+": RESCUE,
        "memory": MESSAGE,
        "getprop:when=5+": GAVE_UP,
        "write": "timeout",
    }
    cases = [Case(number, "grub", config, (fault,)) for number, fault in enumerate(expected)]
    outcomes = by_number(run_campaign(PLAN, cases, jobs=1))
    assert {outcome.case.faults[0]: outcome.name for outcome in outcomes} == expected
    assert outcomes[-1].message == "60 s on the machine's clock"
    assert [outcome.good for outcome in outcomes] == [True] + 5 * [False]


def test_a_run_that_dies_is_a_result(config: Config, mark: str) -> None:
    """One batch's process is killed under way: its runs say so, those of the others are as ever."""
    cases = [Case(number, "grub", config, ("interpret",)) for number in range(40)]
    killer = threading.Thread(target=lambda: os.kill(until(lambda: workers(mark), "a batch")[0], signal.SIGKILL))
    killer.start()
    outcomes = list(run_campaign(PLAN, cases, jobs=2, batch=20))
    killer.join()
    assert Counter(outcome.name for outcome in outcomes) == {MENU: 20, "died": 20}
    assert {outcome.message for outcome in outcomes if outcome.name == "died"} == {"its process ended with status -9"}


def test_a_machine_that_cannot_be_made_is_a_result(mark: str, tmp_path: Path) -> None:
    nowhere = Config(engine="unicorn", kernel=str(tmp_path / "none.elf"))
    (failed,) = run_campaign(PLAN, [Case(0, "none", nowhere)])
    assert (failed.name, "No such file" in failed.message) == ("failed", True)


def test_whoever_stops_asking_ends_what_is_under_way(config: Config, mark: str) -> None:
    runs = run_campaign(PLAN, [Case(number, "grub", config) for number in range(200)], jobs=2)
    next(runs)
    runs.close()
    until(lambda: not workers(mark), "the end of all processes")


def test_linux_under_qemu(mark: str) -> None:
    """An engine without snapshots: each run is a machine of its own."""
    guests = guest_files.guests_folder()
    config = Config(kernel=str(guests / "vmlinux"), initrd=str(guests / "initrd.gz"), append="console=hvc0")
    plan = Plan((Class("shell", "user space is up", good=True), Class("panic", ending="panic")), timeout=60)
    cases = [
        Case(number, "linux", config, faults) for number, faults in enumerate([(), ("getprop:when=9",), ("claim",)])
    ]
    outcomes = by_number(run_campaign(plan, cases, jobs=1))
    assert outcomes[0].name == outcomes[1].name == "shell"
    assert outcomes[1].struck == ("getprop 9",)
    assert not outcomes[2].good
