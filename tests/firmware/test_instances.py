"""Chains of instances: what is open when a package on the way fails, and calls of the client from inside."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fakes import LOST, World

from vof.errors import GuestFault, MemoryFault, PortError, Throw
from vof.firmware import Departed, Exit, Return
from vof.packages import Instance, Stack

FAILED = 0xFFFFFFFF
DISK = "/pci@8/scsi@1/disk"


def raising(error: BaseException) -> Callable[[Instance, Stack], None]:
    def method(instance: Instance, stack: Stack) -> None:
        raise error

    return method


def chain_world() -> tuple[World, list[str]]:
    """A world where all three packages above the disk note `open` and `close`."""
    world = World()
    notes: list[str] = []

    def noting(word: str) -> Callable[[Instance, Stack], None]:
        def method(instance: Instance, stack: Stack) -> None:
            notes.append(f"{word} {instance.node.base}")
            if word == "open":
                stack.append(-1)

        return method

    for path in ("/pci@8", "/pci@8/scsi@1", DISK):
        world.node(path).methods.update({"open": noting("open"), "close": noting("close")})
    return world, notes


FAILURES = [
    ("says no", lambda instance, stack: stack.append(0), 0),
    ("throws", raising(Throw(-21, "broken")), 0),
    ("takes too much", lambda instance, stack: stack.pop(), 0),
    ("no such medium", raising(PortError("no medium")), 0),
    ("a bad pointer", raising(MemoryFault("outside")), -1),
    ("a fault", raising(GuestFault("no")), 0),
]


@pytest.mark.parametrize(("method", "r3"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES])
def test_what_was_opened_on_the_way_is_closed_again(method: Callable[[Instance, Stack], None], r3: int) -> None:
    world, notes = chain_world()
    before = set(world.firmware.instances.by_ihandle)
    world.node(DISK).methods["open"] = method
    answer = world.call("open", "disk")
    assert (answer.r3, answer.results) == (r3, (0,))
    assert set(world.firmware.instances.by_ihandle) == before
    assert notes == ["open pci", "open scsi", "close scsi", "close pci"]
    assert world.fault


def test_a_package_in_the_middle_that_refuses() -> None:
    world, notes = chain_world()
    world.node("/pci@8/scsi@1").methods["open"] = lambda instance, stack: stack.append(0)
    assert world.call("open", "disk").results == (0,)
    assert notes == ["open pci", "close pci"]
    assert "scsi@1 could not be opened" in world.fault


@pytest.mark.parametrize("error", [Throw(5, "why"), GuestFault("no"), PortError("no"), MemoryFault("outside")])
def test_one_close_that_fails_keeps_none_open(error: Exception) -> None:
    world, notes = chain_world()
    before = set(world.firmware.instances.by_ihandle)
    (ihandle,) = world.call("open", "disk").results
    world.node("/pci@8/scsi@1").methods["close"] = raising(error)
    world.call("close", ihandle)
    assert world.fault
    assert set(world.firmware.instances.by_ihandle) == before
    assert notes[3:] == ["close disk", "close pci"]


def test_a_close_that_fails_hides_not_why_the_open_did() -> None:
    world, _ = chain_world()
    world.node("/pci@8").methods["close"] = raising(Throw(5, "stuck"))
    world.node(DISK).methods["open"] = raising(Throw(-21, "the first reason"))
    assert world.call("open", "disk").results == (0,)
    assert "the first reason" in world.fault


def test_an_open_that_departs_leaves_nothing_open() -> None:
    world, notes = chain_world()
    before = set(world.firmware.instances.by_ihandle)
    world.node(DISK).methods["open"] = raising(Departed(Exit()))
    assert world.call("open", "disk").r3 == LOST
    assert world.outcome == Exit()
    assert set(world.firmware.instances.by_ihandle) == before
    assert notes[-2:] == ["close scsi", "close pci"]
    assert world.firmware.depth == 0


def test_packages_on_the_way_need_no_open() -> None:
    world = World()
    (ihandle,) = world.call("open", "disk").results
    assert ihandle
    assert [instance.node.base for instance in world.firmware.instances.by_ihandle.values()][-4:] == [
        "",
        "pci",
        "scsi",
        "disk",
    ]


def test_an_instance_outlives_its_node() -> None:
    world = World()
    (ihandle,) = world.call("open", "disk").results
    world.tree.remove(world.node(DISK))
    assert world.call("instance-to-path", ihandle, bytes(32), 32).results == (22,)
    (phandle,) = world.call("instance-to-package", ihandle).results
    assert world.call("getprop", phandle, "name", bytes(32), 32).results == (FAILED,)
    assert world.call("close", ihandle).r3 == 0


@pytest.mark.parametrize("error", [Throw(7, "why"), PortError("no medium"), GuestFault("no")])
@pytest.mark.parametrize("service", ["read", "write", "seek", "call-method"])
def test_a_method_that_fails_is_the_services_failure(error: Exception, service: str) -> None:
    world = World()
    (ihandle,) = world.call("open", "disk").results
    world.node(DISK).methods[service.replace("call-method", "x")] = raising(error)
    answer = (
        world.call("call-method", "x", ihandle, nret=1)
        if service == "call-method"
        else world.call(service, ihandle, 0, 0)
    )
    caught = error.code if service == "call-method" and isinstance(error, Throw) else FAILED
    assert answer.r3 == 0 and answer.results == (caught,)
    assert str(error) in world.fault or error.args[-1] in world.fault
    assert world.outcome == Return(0)
