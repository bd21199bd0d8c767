"""Random blocks, random memory: the firmware answers, whatever a client program does."""

from __future__ import annotations

import tracemalloc

from fakes import FakeConsole, World
from hypothesis import given, settings
from hypothesis import strategies as st

from vof.firmware import SERVICES, Enter, Exit, Jump, Reset, Return
from vof.firmware import words as words  # the device's words are in its table
from vof.forth import TABLES
from vof.outcomes import Boot, PowerOff

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
    world = World(FakeConsole(later=[b"k"] * 10_000))
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
    assert all(0 < handle <= 0x7FFFFFFF for handle in (*world.firmware.instances.by_ihandle, *world.tree.by_phandle))


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


FORTH = sorted(
    {name for table in ("core", "device") for name in TABLES[table].words} | {"open", "close", "write", "read"}
)
PIECES = (
    *("0", "1", "4", "-1", "7fffffff", "80000000", "4000000", "3fffff0", "40000000", "40000001", "40000008"),
    *(
        '" /p"',
        '" /cpus"',
        '" screen"',
        '" name"',
        '" reg"',
        '" open"',
        '" x"',
        '" "',
        "dev /p",
        "dev /cpus",
        "dev /memory",
    ),
    *(
        "' noop",
        "' t",
        ": t",
        "instance",
        "to t",
        "my-self",
        "active-package",
        "pad 40",
        "here 10",
        "here ffff",
        "stdout @",
    ),
)
START = (
    'dev / new-device " p" device-name instance variable v 10 instance buffer: b 3 instance value n '
    ": open v @ drop true ; : close 5 to n ; : read 2drop 0 ; : deep my-self $call-method ; finish-device device-end"
)
texts = st.lists(st.one_of(st.sampled_from(FORTH), st.sampled_from(PIECES), st.sampled_from(PIECES)), max_size=14)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(texts, st.lists(cells, max_size=4), st.integers(0, 4)), min_size=1, max_size=6))
def test_any_forth(script: list[tuple[list[str], list[int], int]]) -> None:
    world = world_with_texts()
    world.call("interpret", START)
    forth = world.firmware.forth
    forth.steps = 300_000  # as much as a few looks at a key cost
    nodes = len(world.tree)
    for pieces, arguments, nret in script:
        text = world.call.put(" ".join(pieces).encode() + b"\0")
        name = world.call.put(b"interpret\0")
        world.memory.write_cells(BLOCK_AT, (name, 1 + len(arguments), nret, text, *arguments, *[0] * nret))
        assert isinstance(world.firmware.call(BLOCK_AT), (*OUTCOMES, Boot, PowerOff))
        assert world.firmware.depth == 0 and world.firmware.instances.interposing is None
        assert forth.stack == []
    handle = world.firmware.instances.next_ihandle
    for method in ("read", "deep", "n"):
        for instance in list(world.firmware.instances.by_ihandle)[-3:]:
            world.call("call-method", method, instance, handle, nret=2)
    assert len(world.tree) < nodes + 5000


@settings(max_examples=200, deadline=None)
@given(st.lists(cells, max_size=6), st.integers(0, 4))
def test_any_arguments_for_every_method(arguments: list[int], nret: int) -> None:
    world = world_with_texts()
    for node in list(world.tree):
        for path in (node.path, f"{node.path}:1,x"):
            (handle,) = world.call("open", path).results
            for method in node.methods:
                world.call("call-method", method, handle, *arguments, nret=nret)
            world.call("close", handle)
    assert world.firmware.depth == 0


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
