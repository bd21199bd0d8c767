"""Stand-ins for loaders that can't be had here: their calls, on every stage.

They are not the programs: they are what the programs' sources say that they call. yaboot, FreeBSD's boot1 and loader,
NetBSD's and OpenBSD's loaders, Haiku's, iQUIK, BootX.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bootx import BOOTX, BOOTX_OLD
from freebsd import FREEBSD, FREEBSD_BOOT1
from haiku import HAIKU
from iquik import IQUIK
from netbsd import NETBSD
from openbsd import OPENBSD
from sequence import Buffer, Expect, Ref, Repeat, Search, Sequence, Step, run
from stages import STAGES, Stage
from yaboot import YABOOT

CLIENTS = {
    "yaboot": YABOOT,
    "FreeBSD's boot1": FREEBSD_BOOT1,
    "FreeBSD's loader": FREEBSD,
    "NetBSD's ofwboot": NETBSD,
    "OpenBSD's ofwboot": OPENBSD,
    "Haiku's loader": HAIKU,
    "iQUIK": IQUIK,
    "BootX": BOOTX,
    "BootX where the firmware is old or unknown": BOOTX_OLD,
}


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.guest if STAGES[name].guest else ()) for name in STAGES])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    made = STAGES[request.param]()
    yield made
    made.close()


@pytest.mark.parametrize("client", CLIENTS, ids=[f"stand-in for {name}" for name in CLIENTS])
def test_the_sequence(stage: Stage, client: str) -> None:
    stage.type_key()
    sequence = CLIENTS[client]
    unconditional = [line for line in sequence if not (isinstance(line, Step) and line.given)]
    assert len(run(sequence, stage.call)) >= len(unconditional)


# The interpreter of the tables

WRONG: dict[str, tuple[Sequence, str]] = {
    "a result": ((Step("finddevice", ("/nosuch",), 5),), "step 1, finddevice"),
    "a relation": ((Step("finddevice", ("/",), Expect.HANDLE), Step("peer", (0,), Expect.ZERO)), "step 2, peer"),
    "r3": ((Step("nosuch", (), Expect.ANYTHING),), "r3 -1"),
    "r3 of a service that there is": ((Step("peer", (0,), Expect.UNKNOWN),), "r3 0"),
    "what a buffer holds": (
        (
            Step("finddevice", ("/chosen",), Expect.HANDLE, "chosen"),
            Step("getprop", (Ref("chosen"), "name", Buffer(8), 8), 7, holds=b"chose\0"),
        ),
        "step 2, getprop",
    ),
    "an end": ((Repeat(Step("peer", (0,), Expect.ANYTHING), 0),), "never ends"),
    "one that will do": ((Search(Step("claim", (Ref("at"), 1, 0), Expect.ANYTHING), "at", (1 << 31,)),), "none of"),
}


@pytest.mark.parametrize(("sequence", "told"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_seen(sequence: Sequence, told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        run(sequence, STAGES["generic-fake"]().call)
