"""Calls into the client program from inside a call, and calls from in there: last in, first out, bounded."""

from __future__ import annotations

import pytest
from fakes import Caller, World

from vof.events import ClientCall, ClientReturn
from vof.firmware import Departed, Exit, Jump, Outcome, Return

ENTRY = 0x200000
DISK = "/pci@8/scsi@1/disk"


class CallbackWorld(World):
    """A world whose disk has a method `up`, ( n -- n' ): the client's callback is asked for n'.

    Attributes:
        asked: name and arguments of each callback.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, tuple[int, ...], int]] = []
        self.nested = Caller(self.memory, 0x90000, 0xA0000, self.call_from_callback)
        self.cpu.functions[ENTRY] = self.guest_function
        self.node(DISK).methods["up"] = self.up
        self.disk = self.firmware.instances.open("disk").ihandle
        self.call("set-callback", ENTRY)

    def up(self, instance: object, stack: list[int]) -> None:
        status, result = self.firmware.callbacks.call("up", (stack.pop(),), 1)
        assert status == 0
        stack.append(result)

    def call_from_callback(self, block: int) -> int:
        """What the engine does with a call that comes while an order is done."""
        outcome = self.firmware.call(block)
        if not isinstance(outcome, Return):
            raise Departed(outcome)
        return outcome.r3

    def guest_function(self, block: int) -> int:
        """Answers n + 1; where n > 0, by calling `up` for n - 1 and adding 2."""
        name, arguments, results = self.memory.read_cells(block, 3)
        cells = self.memory.read_cells(block + 12, arguments)
        self.asked.append((self.memory.read_string(name, 32), cells, results))
        value = cells[0] + 1
        if cells[0]:
            value = self.nested("call-method", "up", self.disk, cells[0] - 1, nret=2).results[1] + 1
        self.memory.write_cells(block + 12 + 4 * arguments, (value,))
        return 0


def test_the_client_is_asked_with_a_block() -> None:
    world = CallbackWorld()
    assert world.call("call-method", "up", world.disk, 0, nret=2).results == (0, 1)
    assert world.asked == [("up", (0,), 1)]


@pytest.mark.parametrize("depth", [1, 5, 14])
def test_calls_nest(depth: int) -> None:
    world = CallbackWorld()
    world.events.clear()
    assert world.call("call-method", "up", world.disk, depth, nret=2).results == (0, depth + 1)
    assert [cells for _, cells, _ in world.asked] == [(n,) for n in range(depth, -1, -1)]
    assert world.firmware.depth == 0
    assert [event.depth for event in world.events if isinstance(event, ClientCall)] == list(range(depth + 1))
    assert [event.depth for event in world.events if isinstance(event, ClientReturn)] == list(range(depth, -1, -1))


def test_nesting_is_bounded() -> None:
    world = CallbackWorld()
    world.call("call-method", "up", world.disk, 100, nret=2)
    assert len(world.asked) == 15
    assert any("inside of each other" in event.fault for event in world.events if isinstance(event, ClientReturn))
    assert world.firmware.depth == 0
    assert world.call("call-method", "up", world.disk, 3, nret=2).results == (0, 4)


def test_each_nested_block_is_its_own() -> None:
    world = CallbackWorld()
    blocks: list[int] = []
    answer = world.cpu.functions[ENTRY]

    def noting(block: int) -> int:
        blocks.append(block)
        return answer(block)

    world.cpu.functions[ENTRY] = noting
    world.call("call-method", "up", world.disk, 13, nret=2)
    scratch = world.firmware.scratch
    assert len(set(blocks)) == 14 and all(scratch < block < scratch + 0x1000 for block in blocks)


@pytest.mark.parametrize(
    ("service", "arguments", "outcome"), [("exit", (), Exit()), ("chain", (0, 0, 0x400000, 0, 0), Jump(0x400000))]
)
def test_a_nested_call_that_does_not_return_unwinds_all(
    service: str, arguments: tuple[int, ...], outcome: Outcome
) -> None:
    world = CallbackWorld()
    answer = world.cpu.functions[ENTRY]

    def leaving(block: int) -> int:
        if world.firmware.depth < 5:
            return answer(block)
        return world.nested(service, *arguments).r3

    world.cpu.functions[ENTRY] = leaving
    block = world.call.block("call-method", (world.call.put(b"up\0"), world.disk, 9), 2)
    before = world.memory.read(block, 32)
    assert world.firmware.call(block) == outcome
    assert world.firmware.depth == 0
    assert world.memory.read(block, 32) == before, "the caller's block is nobody's any more"
    world.cpu.functions[ENTRY] = answer
    assert world.call("call-method", "up", world.disk, 2, nret=2).results == (0, 3)


def test_without_a_callback_or_a_cpu_it_fails() -> None:
    world = CallbackWorld()
    world.call("set-callback", 0)
    assert world.call("call-method", "up", world.disk, 0, nret=2).results == (0xFFFFFFFF, 0)
    assert "no callback" in world.fault
    world.call("set-callback", ENTRY)
    world.firmware.cpu = None
    assert world.call("call-method", "up", world.disk, 0, nret=2).results == (0xFFFFFFFF, 0)


@pytest.mark.parametrize(("name", "arguments", "results"), [("x" * 32, 0, 0), ("x", 13, 0), ("x", 0, 13), ("x", 6, 7)])
def test_a_block_that_is_too_large_is_not_built(name: str, arguments: int, results: int) -> None:
    world = CallbackWorld()
    world.node(DISK).methods["y"] = lambda instance, stack: world.firmware.callbacks.call(
        name, [0] * arguments, results
    )
    assert world.call("call-method", "y", world.disk, nret=1).results == (0xFFFFFFFF,)
    assert world.asked == []


def test_the_largest_block_fits_its_slot() -> None:
    world = CallbackWorld()
    seen = []

    def whole(block: int) -> int:
        name, count, results = world.memory.read_cells(block, 3)
        seen.append((world.memory.read_string(name, 32), world.memory.read_cells(block + 12, count), results))
        world.memory.write_cells(block + 12 + 4 * count, range(100, 100 + results))
        return -3

    world.cpu.functions[ENTRY] = whole
    answers = []
    world.node(DISK).methods["y"] = lambda instance, stack: answers.append(
        world.firmware.callbacks.call("x" * 31, range(8), 4)
    )
    world.call("call-method", "y", world.disk, nret=1)
    assert seen == [("x" * 31, tuple(range(8)), 4)]
    assert answers == [(0xFFFFFFFD, 100, 101, 102, 103)]
