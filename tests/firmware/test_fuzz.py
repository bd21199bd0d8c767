"""Random blocks, random memory: the firmware answers, whatever a client program does."""

from __future__ import annotations

import tracemalloc

from fakes import World
from hypothesis import given, settings
from hypothesis import strategies as st

from vof.firmware import SERVICES, Enter, Exit, Jump, Reset, Return

OUTCOMES = (Return, Jump, Enter, Exit, Reset)
TEXTS = ("", "/", "screen", "disk:2", "/memory", "name", "reg", "available", "open", "read", "key?", "x" * 80, "a\0b")
HOSTILE = (0, 1, 2, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, World.SIZE - 1, World.SIZE, 0x40000000, 0x40000001)
TEXT_AT = 0x1000
BLOCK_AT = 0x8000

cells = st.one_of(
    st.sampled_from(HOSTILE),
    st.integers(0, len(TEXTS) - 1).map(lambda index: TEXT_AT + 0x100 * index),
    st.integers(0x100000, 0x100030),  # phandles
    st.integers(0x40000000, 0x40000010),  # ihandles
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 64),
)
calls = st.tuples(st.sampled_from(list(SERVICES)), st.lists(cells, max_size=8), st.integers(0, 4))


def world_with_texts() -> World:
    world = World()
    for index, text in enumerate(TEXTS):
        world.memory.write(TEXT_AT + 0x100 * index, text.encode() + b"\0")
    return world


@settings(max_examples=300, deadline=None)
@given(st.lists(calls, min_size=1, max_size=30))
def test_any_calls(script: list[tuple[str, list[int], int]]) -> None:
    world = world_with_texts()
    for service, arguments, nret in script:
        row = SERVICES[service]
        if not row.variadic and len(arguments) > row.argument_count:
            arguments = arguments[: row.argument_count]
        name = world.call.put(service.encode() + b"\0")
        world.memory.write_cells(BLOCK_AT, (name, len(arguments), nret, *arguments, *[0] * nret))
        assert isinstance(world.firmware.call(BLOCK_AT), OUTCOMES)
        assert world.firmware.depth == 0
    assert all(0 < handle <= 0x7FFFFFFF for handle in (*world.firmware.instances, *world.tree.by_phandle))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.integers(-16, 0x100), st.integers(0, 8))
def test_any_memory(data: bytes, offset: int, word: int) -> None:
    world = world_with_texts()
    world.memory.write(0x100, data)
    if word < len(data) // 4:  # a name that exists makes it likelier to get somewhere
        world.memory.write_cells(0x100 + 4 * word, (world.call.put(b"getprop\0"),))
    assert isinstance(world.firmware.call(0x100 + offset), OUTCOMES)
    world.memory.write(World.SIZE - len(data), data)
    assert isinstance(world.firmware.call(World.SIZE - len(data) + offset), OUTCOMES)


def test_a_guest_s_numbers_do_not_make_the_host_s_memory_grow() -> None:
    world = world_with_texts()
    world.firmware.listeners.clear()
    root = world.tree.root.phandle
    stdout = int.from_bytes(world.node("/chosen").properties["stdout"], "big")
    tracemalloc.start()
    try:
        for service, arguments in (
            ("setprop", (root, TEXT_AT, 0, 0xFFFFFFFF)),
            ("setprop", (root, TEXT_AT, 0, 0x7FFFFFFF)),
            ("getprop", (root, TEXT_AT + 0x500, 0x2000, 0xFFFFFFFF)),
            ("read", (stdout, 0x2000, 0xFFFFFFFF)),
            ("write", (stdout, 0x2000, 0xFFFFFFFF)),
            ("package-to-path", (root, 0x2000, 0xFFFFFFFF)),
            ("call-method", (TEXT_AT + 0x900, stdout, 0xFFFFFFFF, 0x2000)),
        ):
            for nret in (1, 0xFFFFFFFF):
                world.memory.write_cells(
                    BLOCK_AT, (world.call.put(service.encode() + b"\0"), len(arguments), nret, *arguments, 0)
                )
                assert isinstance(world.firmware.call(BLOCK_AT), Return)
        world.memory.write_cells(BLOCK_AT + 4, (0xFFFFFFFF, 0xFFFFFFFF))
        assert world.firmware.call(BLOCK_AT) == Return(-1)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
