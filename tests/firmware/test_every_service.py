"""What holds for every row of the table of services, whoever calls it and however badly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fakes import GUARD, LARGEST_COPY, LOST, FakeConsole, World

from vof.events import ClientCall, ClientReturn
from vof.firmware import SERVICES, Kind, Return, Service

ROWS = [pytest.param(row, id=name) for name, row in SERVICES.items()]
WITH_ARGUMENTS = [pytest.param(row, id=name) for name, row in SERVICES.items() if row.arguments]
RETURNING = [
    pytest.param(row, id=name) for name, row in SERVICES.items() if name not in ("boot", "enter", "exit", "chain")
]
SIZE = World.SIZE
WILD = (0xFFFFFFFF, 0x80000000, SIZE, SIZE - 1)
NEVER = (0, 1, 0x7FFFFFFF, 0xFFFFFFFF)
GIANT = (0xFFFFFFFF, 0xFFFFFFFE, 0x80000000, 0x7FFFFFFF, SIZE, SIZE - 1, LARGEST_COPY + 1)
STRINGS = {"device-specifier": "screen", "name": "compatible", "previous": "name", "method": "read"}


def world_for_calls() -> World:
    world = World(FakeConsole(b"some input that waits"))
    world.memory.write(SIZE - 64, b"x" * 64)  # no NUL at the end of memory
    world.ask("claim", 0x100000, 0x2000, 0)
    world.events.clear()
    return world


def good_arguments(world: World, row: Service) -> list[int]:
    """Cells with which the service does its work."""
    stdin = int.from_bytes(world.node("/chosen").properties["stdin"], "big")
    cells = []
    for argument in row.arguments:
        match argument.kind:
            case Kind.PACKAGE:
                cell = world.tree.root.phandle
            case Kind.INSTANCE:
                cell = stdin
            case Kind.STRING:
                cell = world.call.put(STRINGS.get(argument.name, "text").encode() + b"\0")
            case Kind.POINTER:
                cell = world.call.put(bytes(64))
            case Kind.SIZE:
                cell = 0 if argument.name == "align" else 16
            case Kind.ADDRESS:
                cell = 0x100000 if row.name == "release" else 0x200000
            case Kind.CELL:
                cell = 7
        cells.append(cell)
    if row.name == "call-method":
        cells += [16, world.call.put(bytes(64))]
    return cells


def failure_cell(row: Service) -> tuple[int, ...]:
    return () if row.failure is None else (row.failure & 0xFFFFFFFF,)


def positions(row: Service, *kinds: Kind) -> Iterator[int]:
    return (index for index, argument in enumerate(row.arguments) if argument.kind in kinds)


def invoke(world: World, row: Service, cells: list[int], nret: int) -> tuple[int, tuple[int, ...]]:
    """Call with these cells; r3 and the result cells, with what every call must keep to already looked at."""
    world.events.clear()
    answer = world.call(row.name, *cells, nret=nret)
    call, *_, end = world.events
    assert isinstance(call, ClientCall) and (call.service, call.arguments) == (row.name, tuple(cells))
    assert isinstance(end, ClientReturn) and end.service == row.name
    assert world.firmware.depth == 0
    assert answer.r3 in (0, -1, LOST)
    assert answer.r3 != -1 or world.fault
    return answer.r3, answer.results


@pytest.mark.parametrize("row", ROWS)
def test_rows_are_whole(row: Service) -> None:
    assert row.summary and row.clause and row.argument_count == len(row.arguments)
    assert (row.failure is None) == (not row.results)
    assert row.failure in (None, 0, -1)
    assert len(row.name) < 32


@pytest.mark.parametrize("row", RETURNING)
def test_good_arguments_do_what_they_should(row: Service) -> None:
    world = world_for_calls()
    r3, results = invoke(world, row, good_arguments(world, row), len(row.results))
    assert r3 == 0
    assert bool(world.fault) == (row.name in ("seek", "interpret", "start-cpu"))
    assert (
        world.fault or not failure_cell(row) or results != failure_cell(row) or row.name in ("peer", "parent", "test")
    )


@pytest.mark.parametrize("row", WITH_ARGUMENTS)
def test_too_few_arguments(row: Service) -> None:
    for count in range(row.argument_count):
        world = world_for_calls()
        before = world.state()
        cells = good_arguments(world, row)[:count]
        assert invoke(world, row, cells, len(row.results)) == (-1, failure_cell(row))
        assert world.state() == before


@pytest.mark.parametrize("row", ROWS)
def test_too_many_arguments(row: Service) -> None:
    for count in (33, 1000) if row.variadic else (row.argument_count + 1, row.argument_count + 6, 32, 33, 1000):
        world = world_for_calls()
        before = world.state()
        cells = (*good_arguments(world, row), *[0] * count)[:count]
        block = world.call.block(row.name, cells, 1)
        assert world.firmware.call(block) == Return(-1)
        assert world.fault and world.state() == before
        (result,) = world.memory.read_cells(block + 12 + 4 * count, 1)
        known = count <= 32 and row.failure is not None
        assert result == (failure_cell(row)[0] if known else GUARD)


@pytest.mark.parametrize("row", RETURNING)
@pytest.mark.parametrize("nret", [0, 1, 4, 32])
def test_any_number_of_results(row: Service, nret: int) -> None:
    world, other = world_for_calls(), world_for_calls()
    r3, declared = invoke(other, row, good_arguments(other, row), 2 if row.variadic else len(row.results))
    assert invoke(world, row, good_arguments(world, row), nret) == (r3, (*declared, *[0] * 32)[:nret])


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("nret", [33, 0x7FFFFFFF, 0xFFFFFFFF])
def test_too_many_results(row: Service, nret: int) -> None:
    world = world_for_calls()
    before = world.state()
    cells = good_arguments(world, row)
    block = world.call.block(row.name, cells, 2)
    world.memory.write_cells(block + 8, (nret,))
    assert world.firmware.call(block) == Return(-1)
    assert world.fault and world.state() == before
    found = world.memory.read_cells(block + 12 + 4 * len(cells), 2)
    assert found == (*(failure_cell(row) or (GUARD,)), GUARD)


@pytest.mark.parametrize("row", RETURNING)
def test_a_block_at_the_very_end_of_memory(row: Service) -> None:
    world, other = world_for_calls(), world_for_calls()
    expected = invoke(other, row, good_arguments(other, row), 1)
    cells = good_arguments(world, row)
    name = world.call.put(row.name.encode() + b"\0")
    block = SIZE - 4 * (4 + len(cells))
    world.memory.write_cells(block, (name, len(cells), 1, *cells, GUARD))
    assert world.firmware.call(block) == Return(expected[0])
    assert world.memory.read_cells(SIZE - 4, 1) == expected[1]


@pytest.mark.parametrize("row", ROWS)
def test_a_block_over_the_end_of_memory_does_nothing(row: Service) -> None:
    """Not even what its arguments ask: the client would never learn the ihandle, or the address."""
    whole = 4 * (4 + row.argument_count)
    for cut in (1, 4, whole - 12, whole - 8, whole - 1):
        world = world_for_calls()
        before = world.state()
        cells = good_arguments(world, row)[: row.argument_count]
        name = world.call.put(row.name.encode() + b"\0")
        block = b"".join(cell.to_bytes(4, "big") for cell in (name, len(cells), 1, *cells, GUARD))[:-cut]
        world.memory.write(SIZE - len(block), block)
        assert world.firmware.call(SIZE - len(block)) == Return(-1)
        assert world.fault and world.state() == before


@pytest.mark.parametrize("address", [SIZE, SIZE - 4, SIZE - 11, 0xFFFFFFFF, 0xFFFFFFF0, 1 << 32, -4])
def test_a_block_outside_memory(address: int) -> None:
    world = world_for_calls()
    assert world.firmware.call(address) == Return(-1)
    assert world.fault


@pytest.mark.parametrize("name", [*WILD, SIZE - 64])
@pytest.mark.parametrize("nret", [0, 1, 3])
def test_a_name_that_can_not_be_read(name: int, nret: int) -> None:
    world = world_for_calls()
    block = world.call.block("", (1, 2), nret)
    world.memory.write_cells(block, (name,))
    assert world.firmware.call(block) == Return(-1)
    assert world.fault
    assert (
        world.memory.read_cells(block + 20, nret + 1)
        == (*((0xFFFFFFFF,) if nret else ()), *[GUARD] * (nret or 1))[: nret + 1]
    )


@pytest.mark.parametrize("row", WITH_ARGUMENTS)
@pytest.mark.parametrize("wild", WILD)
def test_wild_pointers(row: Service, wild: int) -> None:
    for index in positions(row, Kind.POINTER, Kind.STRING):
        if row.name == "chain":
            continue  # its arguments are the next program's
        world = world_for_calls()
        before = world.state()
        cells = good_arguments(world, row)
        cells[index] = wild
        assert invoke(world, row, cells, len(row.results)) == (-1, failure_cell(row))
        assert world.state() == before


@pytest.mark.parametrize("row", WITH_ARGUMENTS)
@pytest.mark.parametrize("handle", NEVER)
def test_handles_that_never_existed(row: Service, handle: int) -> None:
    for index in positions(row, Kind.PACKAGE, Kind.INSTANCE):
        if (row.name, handle) == ("peer", 0):
            continue  # that is how to ask for the root
        world = world_for_calls()
        before = world.state()
        cells = good_arguments(world, row)
        cells[index] = handle
        assert invoke(world, row, cells, len(row.results)) == (0, failure_cell(row))
        assert world.fault and world.state() == before


@pytest.mark.parametrize("row", WITH_ARGUMENTS)
@pytest.mark.parametrize("number", GIANT)
def test_giant_numbers(row: Service, number: int) -> None:
    """`BoundedMemory` sees that nothing is copied by them."""
    for index in positions(row, Kind.SIZE, Kind.ADDRESS, Kind.CELL):
        world = world_for_calls()
        cells = good_arguments(world, row)
        cells[index] = number
        r3, results = invoke(world, row, cells, len(row.results))
        assert r3 != -1 or results == failure_cell(row)


@pytest.mark.parametrize("row", ROWS)
def test_nobody_has_to_listen(row: Service) -> None:
    world, other = world_for_calls(), world_for_calls()
    world.firmware.listeners.clear()
    answer = world.call(row.name, *good_arguments(world, row))
    expected = other.call(row.name, *good_arguments(other, row))
    assert (answer, world.outcome, world.state()) == (expected, other.outcome, other.state())
