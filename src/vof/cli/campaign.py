"""`vof campaign`: many runs of machines, as a file describes them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vof.cli.commands import Command
from vof.cli.machine_options import HELP
from vof.cli.options import Given, Group, Option
from vof.cli.report import say
from vof.errors import UsageError

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from vof.vm.campaign import Outcome
    from vof.vm.campaign_file import Described

__all__ = ["COMMAND"]

_NOT_GOOD = 1
_LOCAL = "local"
_FORMATS = (".json", ".csv", ".html")


def _run(given: Given) -> int:
    from vof.vm.campaign import run_campaign
    from vof.vm.campaign_file import read_campaign
    from vof.vm.campaign_results import table, write_results

    if not given.operands:
        raise UsageError("no campaign is named: vof campaign FILE.toml; examples/campaign.toml is one")
    output = given.last("-o")
    if output and not output.endswith(_FORMATS):
        raise UsageError(f"-o {output}: its name ends in {', '.join(_FORMATS[:-1])} or {_FORMATS[-1]}")
    campaign = read_campaign(given.operands[0])
    jobs = _whole(given, "--jobs", 1, os.cpu_count() or 1)
    with _executor(given.last("--dask")) as executor:
        cases = campaign.cases(_optional(given, "--faults", 1), _optional(given, "--seed", 0))
        outcomes: list[Outcome] = []
        runs = run_campaign(campaign.plan, cases, executor, jobs=jobs)
        try:
            with _progress(outcomes, len(cases)) as show:
                for outcome in runs:
                    outcomes.append(outcome)
                    show()
        finally:
            runs.close()
            outcomes.sort(key=lambda outcome: outcome.case.number)
            if outcomes:
                print(table(outcomes), end="")
                if output:
                    write_results(output, campaign.name, outcomes)
                    say(f"{len(outcomes)} results are in {output}")
    return 0 if all(outcome.good for outcome in outcomes) or _all_known(campaign, outcomes) else _NOT_GOOD


def _all_known(campaign: Described, outcomes: list[Outcome]) -> bool:
    """Whether each run came to a class that the campaign names: with faults, that is what one wants."""
    return campaign.has_faults and {outcome.name for outcome in outcomes} <= campaign.class_names


@contextmanager
def _executor(dask: str) -> Iterator[Executor | None]:
    """What runs the batches: None for processes of this machine."""
    if not dask:
        yield None
        return
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise UsageError("--dask needs Dask's cluster: pip install 'vof[cluster]'") from None
    import logging

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    if dask == _LOCAL:
        with LocalCluster(dashboard_address=None) as cluster, Client(cluster) as client:
            yield client.get_executor()
        return
    try:
        client = Client(dask, timeout=10)
    except (OSError, ValueError) as error:
        raise UsageError(f"--dask {dask}: no scheduler answers there ({error})") from None
    with client:
        yield client.get_executor()


@contextmanager
def _progress(outcomes: list[Outcome], count: int) -> Iterator[Any]:
    """A line on a terminal, and nothing elsewhere."""
    shows = sys.stderr.isatty()
    began = time.monotonic()

    def show() -> None:
        if shows:
            rate = len(outcomes) / max(time.monotonic() - began, 1e-3)
            print(f"\r{len(outcomes)} of {count} runs, {rate:.1f} a second\x1b[K", end="", file=sys.stderr, flush=True)

    try:
        yield show
    finally:
        if shows:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _optional(given: Given, name: str, least: int) -> int | None:
    return _whole(given, name, least, 0) if name in given else None


def _whole(given: Given, name: str, least: int, default: int) -> int:
    text = given.last(name)
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise UsageError(f"{name} {text}: it takes a whole number from {least} on")
    return int(text)


COMMAND = Command(
    usage="[OPTION]... FILE.toml",
    about="""
        Runs machines again and again: every combination of the clients and options that FILE names, or thousands of
        runs with a fault in each, and says in a table what each came to. A run that dies is a result. With --clock
        virtual, which is usual here, the same seed gives the same table. docs/campaigns.md tells what a file holds.

        The status is 0 if each run is good, or with faults in a class that the file names; 1 if not; 2 if the file
        can't be used.
    """,
    groups=(
        Group(
            "Options",
            (
                Option(("--faults",), "N", "how many runs with a fault, in place of the file's number"),
                Option(("--seed",), "N", "what the faults are drawn by, in place of the file's"),
                Option(("--jobs",), "N", "processes at a time; as many as there are CPUs"),
                Option(("--dask",), "ADDRESS", "run on a Dask cluster: its scheduler's address, or local"),
                Option(("-o", "--output"), "FILE", "write all results, too: .json, .csv or .html"),
            ),
        ),
        HELP,
    ),
    run=_run,
    operands=1,
)
