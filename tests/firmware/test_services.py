"""What each client service answers: one row a question, as 1275 §6.3.2 and the clients of facts/clients.md have it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from fakes import LOST, FakeConsole, Opened, Package, Value, World

from vof.errors import ThrowCode
from vof.firmware import SERVICES, Enter, Exit, Jump, Outcome, Reset, Return

FAILED = 0xFFFFFFFF
NO_METHOD = ThrowCode.UNSUPPORTED_OPERATION & 0xFFFFFFFF
UNDERFLOW = ThrowCode.STACK_UNDERFLOW & 0xFFFFFFFF
BUF = bytes(24)
VTY = "/vdevice/vty@71000000"


@dataclass(frozen=True)
class Case:
    """A question and its answer.

    Attributes:
        results: the result cells; r3 is 0 for all.
        written: what the last buffer begins with afterwards; what follows is still as it was.
        fault: whether listeners are told why it failed.
    """

    service: str
    arguments: tuple[Value, ...]
    results: tuple[Value, ...]
    written: bytes | None = None
    fault: bool = False

    def __str__(self) -> str:
        return f"{self.service}{self.arguments}"


def ok(service: str, *arguments: Value, gives: Value | tuple[Value, ...] = (), writes: bytes | None = None) -> Case:
    return Case(service, arguments, gives if isinstance(gives, tuple) else (gives,), writes)


def fails(service: str, *arguments: Value, with_: int = FAILED) -> Case:
    return Case(service, arguments, (with_,) if SERVICES[service].results else (), fault=True)


CASES = [
    ok("test", "getprop", gives=0),
    ok("test", "quiesce", gives=0),
    ok("test", "", gives=FAILED),
    ok("test", "no-such-service", gives=FAILED),
    ok("test", "GETPROP", gives=FAILED),
    # the tree's links: 0 is the end
    ok("peer", 0, gives=Package("/")),
    ok("peer", Package("/"), gives=0),
    ok("peer", Package("/cpus/PowerPC,POWER8@0"), gives=Package("/cpus/PowerPC,POWER8@1")),
    ok("peer", Package("/cpus/PowerPC,POWER8@1"), gives=0),
    fails("peer", 12345, with_=0),
    ok("child", Package("/"), gives=Package("/aliases")),
    ok("child", Package("/cpus/PowerPC,POWER8@0"), gives=0),
    fails("child", 0, with_=0),
    ok("parent", Package("/"), gives=0),
    ok("parent", Package("/cpus/PowerPC,POWER8@1"), gives=Package("/cpus")),
    fails("parent", 0, with_=0),
    ok("instance-to-package", Opened("/memory"), gives=Package("/memory@0")),
    fails("instance-to-package", 0),
    fails("instance-to-package", Package("/memory")),
    # properties
    ok("getproplen", Package("/"), "compatible", gives=9),
    ok("getproplen", Package("/"), "name", gives=1),
    fails("getproplen", Package("/"), "compatibl"),
    fails("getproplen", Package("/"), ""),
    fails("getproplen", 0, "name"),
    fails("getproplen", FAILED, "name"),
    ok("getprop", Package("/"), "compatible", BUF, 24, gives=9, writes=b"vof,test\0"),
    ok("getprop", Package("/"), "compatible", BUF, 4, gives=9, writes=b"vof,"),
    ok("getprop", Package("/"), "compatible", BUF, 0, gives=9, writes=b""),
    ok("getprop", Package("/"), "compatible", FAILED, 0, gives=9),
    ok("getprop", Package("/"), "compatible", BUF, FAILED, gives=9, writes=b"vof,test\0"),
    ok("getprop", Package("/memory"), "name", BUF, 24, gives=7, writes=b"memory\0"),
    fails("getprop", Package("/"), "missing", BUF, 24),
    fails("getprop", Opened("/"), "name", BUF, 24),
    ok("nextprop", Package("/openprom"), "", BUF, gives=1, writes=b"name\0"),
    ok("nextprop", Package("/openprom"), 0, BUF, gives=1, writes=b"name\0"),
    ok("nextprop", Package("/openprom"), "name", BUF, gives=1, writes=b"model\0"),
    ok("nextprop", Package("/openprom"), "model", b"x" * 8, gives=0, writes=b"\0"),
    fails("nextprop", Package("/openprom"), "mode", BUF),
    fails("nextprop", 0, "", BUF),
    ok("setprop", Package("/chosen"), "x", b"value", 5, gives=5),
    ok("setprop", Package("/chosen"), "x", 0, 0, gives=0),
    ok("setprop", Package("/chosen"), "x", FAILED, 0, gives=0),
    ok("setprop", Package("/chosen"), "x", 0, 1 << 20, gives=1 << 20),
    fails("setprop", Package("/chosen"), "x", 0, (1 << 20) + 1),
    fails("setprop", Package("/chosen"), "x", 0, FAILED),
    fails("setprop", Package("/chosen"), "", b"value", 5),
    fails("setprop", Package("/memory"), "available", b"value", 5),
    fails("setprop", 0, "x", b"value", 5),
    # names
    ok("finddevice", "/", gives=Package("/")),
    ok("finddevice", "/vdevice/vty", gives=Package(VTY)),
    ok("finddevice", "screen", gives=Package(VTY)),
    ok("finddevice", "/pci@8/scsi@1/disk@3,0:2,\\boot", gives=Package("/pci@8/scsi@1/disk")),
    fails("finddevice", ""),
    fails("finddevice", "/nowhere"),
    fails("finddevice", "nowhere"),
    ok("canon", "screen", BUF, 24, gives=21, writes=b"/vdevice/vty@71000000\0"),
    ok("canon", "disk:2", BUF, 24, gives=24, writes=b"/pci@8/scsi@1/disk@3,0:2"),
    ok("canon", "screen", BUF, 21, gives=21, writes=b"/vdevice/vty@71000000"),
    ok("canon", "screen", BUF, 4, gives=21, writes=b"/vde"),
    ok("canon", "screen", 0, 0, gives=21),
    fails("canon", "nowhere", BUF, 24),
    ok("package-to-path", Package("/"), BUF, 24, gives=1, writes=b"/\0"),
    ok("package-to-path", Package(VTY), BUF, 24, gives=21, writes=b"/vdevice/vty@71000000\0"),
    ok("package-to-path", Package(VTY), BUF, 21, gives=21, writes=b"/vdevice/vty@71000000"),
    ok("package-to-path", Package(VTY), BUF, 9, gives=21, writes=b"/vdevice/"),
    ok("package-to-path", Package(VTY), FAILED, 0, gives=21),
    fails("package-to-path", 0, BUF, 24),
    ok("instance-to-path", Opened("/"), BUF, 24, gives=1, writes=b"/\0"),
    ok("instance-to-path", Opened("screen:9600"), BUF, 24, gives=26, writes=b"/vdevice/vty@71000000:96"),
    ok("instance-to-path", Opened("disk:2"), BUF, 24, gives=24, writes=b"/pci@8/scsi@1/disk@3,0:2"),
    ok("instance-to-path", Opened("/memory"), BUF, 3, gives=9, writes=b"/me"),
    ok("instance-to-interposed-path", Opened("/memory"), BUF, 3, gives=9, writes=b"/me"),
    fails("instance-to-interposed-path", 0, BUF, 24),
    fails("instance-to-path", Package("/"), BUF, 24),
    # devices: a failed open is 0, not -1 (Linux tests for 0)
    fails("open", "/nowhere", with_=0),
    fails("open", "", with_=0),
    fails("open", "/chosen", with_=0),
    ok("close", Opened("/memory")),
    fails("close", 0),
    fails("close", FAILED),
    ok("read", Opened("screen"), BUF, 24, gives=0, writes=b""),
    ok("read", Opened("screen"), FAILED, 24, gives=0),
    fails("read", Opened("/memory"), BUF, 24),
    fails("read", 0, BUF, 24),
    ok("write", Opened("screen"), b"hello", 5, gives=5),
    ok("write", Opened("screen"), b"hello", 0, gives=0),
    fails("write", Opened("/memory"), b"hello", 5),
    fails("write", 0, b"hello", 5),
    fails("seek", Opened("screen"), 0, 0),
    fails("seek", 0, 0, 0),
    # memory
    ok("claim", 0x100000, 0x1234, 0, gives=0x100000),
    ok("claim", 0, 0x1000, 0x1000, gives=0x2000000),
    fails("claim", 0x100000, 0, 0),
    fails("claim", 0x100000, FAILED, 0),
    fails("claim", 0, 0x80000000, 0x1000),
    fails("claim", World.REGION[0], 0x1000, 0),
    fails("claim", 0xFFFFFFFF, 1, 0),
    fails("claim", 0, 0x1000, FAILED),
    fails("release", 0x100000, 0x1000),
    fails("release", World.REGION[0], 0x1000),
    fails("release", 0, FAILED),
    # the rest
    ok("set-callback", 0x1234, gives=0),
    ok("set-symbol-lookup", 1, 2),
    ok("milliseconds", gives=0),
    ok("quiesce"),
    fails("start-cpu", Package("/cpus/PowerPC,POWER8@1"), 0x60, 1),
    fails("start-cpu", 0, 0x60, 1),
    ok("interpret", "1 2 +", gives=0),
    ok("interpret", "+", 7, 8, gives=0),
    fails("interpret", "nonsense", with_=ThrowCode.UNDEFINED_WORD & 0xFFFFFFFF),
    fails("interpret", "drop", with_=UNDERFLOW),
    fails("call-method", "no-such-method", Opened("screen"), with_=NO_METHOD),
    fails("call-method", "read", 0),
    fails("call-method", "write", Opened("screen"), 1, with_=UNDERFLOW),
    fails("call-method", "", Opened("screen"), with_=NO_METHOD),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_answer(case: Case) -> None:
    world = World()
    expected = tuple(world.resolve(value) for value in case.results)
    answer = world.ask(case.service, *case.arguments)
    assert (answer.r3, answer.results) == (0, expected)
    assert bool(world.fault) == case.fault
    if case.written is not None:
        before = [argument for argument in case.arguments if isinstance(argument, bytes)][-1]
        assert answer.buffers[-1] == case.written + before[len(case.written) :]


def test_every_service_has_a_row() -> None:
    elsewhere = {"boot", "enter", "exit", "chain"}
    assert {case.service for case in CASES} | elsewhere == set(SERVICES)


@pytest.mark.parametrize(
    ("service", "arguments", "outcome"),
    [
        ("boot", ("disk:2 -v",), Reset("disk:2 -v")),
        ("boot", ("",), Reset("")),
        ("enter", (), Enter()),
        ("exit", (), Exit()),
        ("chain", (0, 0, 0x400000, 0x5000, 12), Jump(0x400000, r6=0x5000, r7=12)),
        ("chain", (0x200000, 0x1000, 0x400000, 0, 0), Jump(0x400000)),
        ("chain", (FAILED, FAILED, 0x400000, 0, 0), Jump(0x400000)),
    ],
)
def test_calls_that_do_not_return(service: str, arguments: tuple[Value, ...], outcome: Outcome) -> None:
    world = World()
    assert world.ask(service, *arguments).r3 == LOST
    assert world.outcome == outcome


def test_chain_gives_the_callers_memory_back() -> None:
    world = World()
    world.ask("claim", 0x200000, 0x10000, 0)
    world.ask("chain", 0x200000, 0x10000, 0x400000, 0, 0)
    assert world.claims.is_free(0x200000, 0x10000)


def test_an_unknown_service() -> None:
    world = World()
    assert world.call("no-such-service", 1, 2, nret=2).r3 == -1
    assert "no-such-service" in world.fault
    assert world.call("no-such-service", nret=1).results == (FAILED,)
    assert world.call("no-such-service", nret=0).r3 == -1


# Properties


def test_nextprop_walks_all_even_if_both_strings_share_a_buffer() -> None:
    world = World()
    node = world.node("/openprom")
    buffer = world.call.put(bytes(32))
    names = []
    while world.call("nextprop", node.phandle, buffer, buffer).results == (1,):
        names.append(world.memory.read_string(buffer, 32))
    assert names == list(node.properties)


def test_setprop_copies() -> None:
    world = World()
    value = world.call.put(b"first")
    world.ask("setprop", Package("/chosen"), "x", value, 5)
    world.memory.write(value, b"other")
    assert world.ask("getprop", Package("/chosen"), "x", BUF, 24).buffers[0].startswith(b"first\0")
    world.ask("setprop", Package("/chosen"), "x", value, 2)
    assert world.node("/chosen").properties["x"] == b"ot"
    assert list(world.node("/chosen").properties)[-1] == "x"


def test_the_machine_may_forbid_a_property() -> None:
    world = World()
    world.firmware.hooks.may_set = lambda node, name, value: (node.path, name, value) != ("/", "x", b"no")
    assert world.ask("setprop", Package("/"), "x", b"no", 2).results == (FAILED,)
    assert "x" not in world.tree.root.properties
    assert world.ask("setprop", Package("/"), "x", b"ok", 2).results == (2,)


def test_properties_are_bounded_in_all() -> None:
    world = World()
    set_ = 0
    while world.ask("setprop", Package("/chosen"), f"x{set_}", 0, 1 << 20).results == (1 << 20,):
        set_ += 1
        assert set_ < 100
    assert 10 < set_ <= 16
    assert world.ask("setprop", Package("/chosen"), "x0", 0, 1 << 20).results == (1 << 20,), "nothing is added"
    assert world.ask("setprop", Package("/chosen"), "x0", 0, 0).results == (0,)
    assert world.ask("setprop", Package("/chosen"), "other", 0, 1 << 19).results == (1 << 19,), "there is room again"


def test_a_property_may_be_set_any_number_of_times() -> None:
    world = World()
    world.firmware.listeners.clear()
    block = world.call.block("setprop", (world.node("/chosen").phandle, world.call.put(b"x\0"), 0, 8), 1)
    for _ in range(100_000):
        world.firmware.call(block)
    assert world.memory.read_cells(block + 28, 1) == (8,)


def test_available_is_what_the_claim_map_says() -> None:
    world = World()

    def available() -> list[int]:
        answer = world.ask("getprop", Package("/memory"), "available", bytes(64), 64)
        cells = [int.from_bytes(answer.buffers[0][at : at + 4], "big") for at in range(0, answer.results[0], 4)]
        assert world.ask("getproplen", Package("/memory"), "available").results == answer.results
        return cells

    assert available() == [0, World.REGION[0]]
    world.ask("claim", 0x1000000, 0x1000, 0)
    assert available() == [0, 0x1000000, 0x1001000, World.REGION[0] - 0x1001000]
    world.ask("release", 0x1000000, 0x800)
    assert available() == [0, 0x1000800, 0x1001000, World.REGION[0] - 0x1001000]
    world.ask("release", 0x1000000, 0x1000)
    assert available() == [0, World.REGION[0]]


# Instances


def test_open_gives_an_instance_of_the_package() -> None:
    world = World()
    (ihandle,) = world.ask("open", "disk:2,\\boot").results
    assert 0 < ihandle <= 0x7FFFFFFF
    assert world.ask("instance-to-package", ihandle).results == (world.node("/pci@8/scsi@1/disk").phandle,)
    instance = world.firmware.instances.need(ihandle)
    assert (instance.arguments, instance.unit) == ("2,\\boot", "3,0")
    assert instance.parent is not None and instance.parent.node.path == "/pci@8/scsi@1"


def test_close_takes_the_instances_above_along() -> None:
    world = World()
    before = len(world.firmware.instances.by_ihandle)
    (ihandle,) = world.ask("open", "disk").results
    assert world.ask("close", ihandle).r3 == 0
    assert len(world.firmware.instances.by_ihandle) == before
    assert world.ask("read", ihandle, BUF, 24).results == (FAILED,)
    assert world.ask("close", ihandle).r3 == 0


def test_stdout_outlives_stdin() -> None:
    world = World()
    stdin, stdout = (int.from_bytes(world.node("/chosen").properties[name], "big") for name in ("stdin", "stdout"))
    world.ask("close", stdin)
    world.ask("quiesce")
    assert world.ask("write", stdout, b"Booting Linux via __start()", 27).results == (27,)
    assert world.console.output == b"Booting Linux via __start()"


def test_instances_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vof.firmware.instances.INSTANCES_LIMIT", 100)
    world = World()
    opened = 0
    while world.ask("open", "/memory").results != (0,):
        opened += 1
        assert opened <= 100
    assert len(world.firmware.instances.by_ihandle) in (99, 100)
    assert "instances" in world.fault


def test_handles_end_before_they_become_negative(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.firmware.instances.next_ihandle = 0x7FFFFFFD
    (last,) = world.ask("open", "/memory").results
    assert last == 0x7FFFFFFE
    world.ask("close", last)
    assert world.ask("open", "/memory").results == (0,)


# Console


def test_read_takes_what_waits() -> None:
    world = World(FakeConsole(b"boot\r"))
    assert world.ask("read", Opened("screen"), BUF, 3).buffers == (b"boo" + bytes(21),)
    assert world.ask("read", Opened("screen"), BUF, 3).results == (2,)
    assert world.ask("read", Opened("screen"), BUF, 3).results == (0,)


def test_a_bad_address_costs_no_key() -> None:
    world = World(FakeConsole(b"boot\r"))
    assert world.ask("read", Opened("screen"), FAILED, 3).r3 == -1
    assert world.ask("read", Opened("screen"), World.SIZE - 1, 3).r3 == -1
    assert world.ask("read", Opened("screen"), BUF, 0).results == (0,)
    assert world.ask("call-method", "key?", Opened("screen"), nret=2).results == (0, FAILED)
    assert world.ask("call-method", "key", Opened("screen"), nret=2).results == (0, ord("b"))
    assert world.ask("read", Opened("screen"), BUF, 2).buffers == (b"oo" + bytes(22),)
    assert world.ask("read", Opened("screen"), BUF, 9).buffers == (b"t\r" + bytes(22),)


def test_a_long_text_is_written_in_pieces() -> None:
    world = World()
    assert world.ask("write", Opened("screen"), 0x100000, 0x28001).results == (0x28001,)
    assert len(world.console.output) == 0x28001
    assert world.console.largest_write <= 0x10000


def test_a_text_that_leaves_memory_is_not_shown_in_part() -> None:
    world = World()
    assert world.ask("write", Opened("screen"), World.SIZE - 0x20000, 0x20001).r3 == -1
    assert world.ask("write", Opened("screen"), World.SIZE - 1, 2).r3 == -1
    assert world.ask("write", Opened("screen"), 0, FAILED).r3 == -1
    assert world.console.output == b""


# call-method


def method_world() -> tuple[World, list[list[int]]]:
    """A world where the disk has methods that note their stack, bottom first."""
    world = World()
    seen: list[list[int]] = []

    def note(instance: object, stack: list[int]) -> None:
        seen.append(list(stack))

    def swap(instance: object, stack: list[int]) -> None:
        """( a b -- b a )."""
        top, below = stack.pop(), stack.pop()
        stack += [top, below]

    world.node("/pci@8/scsi@1/disk").methods.update({"note": note, "swap": swap})
    return world, seen


def test_arguments_are_the_stack_top_first() -> None:
    world, seen = method_world()
    answer = world.ask("call-method", "note", Opened("disk"), 3, 2, 1, nret=4)
    assert seen == [[1, 2, 3]]
    assert answer.results == (0, 3, 2, 1)


@pytest.mark.parametrize(
    ("nret", "results"), [(0, ()), (1, (0,)), (2, (0, 10)), (3, (0, 10, 20)), (5, (0, 10, 20, 0, 0))]
)
def test_a_client_may_ask_for_fewer_results_or_for_more(nret: int, results: tuple[int, ...]) -> None:
    world, _ = method_world()
    answer = world.ask("call-method", "swap", Opened("disk"), 20, 10, nret=nret)
    assert (answer.r3, answer.results) == (0, results)


@pytest.mark.parametrize("nret", [0, 1, 3])
def test_a_method_that_is_missing_is_caught(nret: int) -> None:
    world, _ = method_world()
    answer = world.ask("call-method", "no-such-method", Opened("disk"), 1, nret=nret)
    assert (answer.r3, answer.results) == (0, (NO_METHOD, 0, 0)[:nret])
    assert 'no method "no-such-method" in /pci@8/scsi@1/disk' in world.fault


@pytest.mark.parametrize("value", [True, False, -5, 1 << 40])
def test_what_python_methods_leave_is_a_cell(value: int) -> None:
    world, _ = method_world()
    world.node("/pci@8/scsi@1/disk").methods["read"] = lambda instance, stack: stack.append(value)
    cell = int(value) & FAILED
    assert world.ask("call-method", "read", Opened("disk"), nret=2).results == (0, cell)
    assert world.ask("read", Opened("disk"), 0, 0).results == (cell,)
    assert world.outcome == Return(0)


def test_the_longest_block_known() -> None:
    world, seen = method_world()
    world.ask("call-method", "note", Opened("disk"), *range(13), nret=14)
    assert seen == [[*reversed(range(13))]]
    world.ask("call-method", "note", Opened("disk"), *range(30), nret=32)
    assert len(seen[1]) == 30


# After quiesce


def test_calls_after_quiesce_are_answered() -> None:
    world = World()
    quiesced = []
    world.firmware.hooks.quiesce = lambda: quiesced.append(True)
    world.ask("quiesce")
    assert world.firmware.quiesced and quiesced == [True]
    assert world.ask("finddevice", "/memory").results == (world.node("/memory").phandle,)
    world.ask("quiesce")
    assert quiesced == [True, True]


def test_time_comes_from_the_clock() -> None:
    world = World()
    world.clock.now = (1 << 32) + 77
    assert world.ask("milliseconds").results == (77,)
    world.clock.sleep(3)
    assert world.ask("milliseconds").results == (80,)


def test_callbacks_and_symbol_lookup_are_kept() -> None:
    world = World()
    assert world.ask("set-callback", 0x1000).results == (0,)
    assert world.ask("set-callback", 0x2000).results == (0x1000,)
    world.ask("set-symbol-lookup", 3, 4)
    assert (world.firmware.callbacks.entry, world.firmware.callbacks.symbol_lookup) == (0x2000, (3, 4))


def test_the_machine_may_start_cpus() -> None:
    world = World()
    started = []
    world.firmware.hooks.start_cpu = lambda node, entry, r3: started.append((node.path, entry, r3))
    assert world.ask("start-cpu", Package("/cpus/PowerPC,POWER8@1"), 0x60, 1).r3 == 0
    assert started == [("/cpus/PowerPC,POWER8@1", 0x60, 1)]
