"""What a watcher adds to the firmware's events: strings, paths, what was written, when."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from fakes import Opened, Package, Value, World

from vof.events import ClientCall, ClientReturn, Event
from vof.memory import MemoryTap
from vof.trace.watcher import HEAD, Watcher, digest_of
from vof.tree import encode_string


class Watched:
    """A firmware with a watcher, and a clock that counts."""

    def __init__(self) -> None:
        self.world = World()
        self.events: list[Event] = []
        self.ticks = 0
        self.tap = MemoryTap(self.world.memory)
        self.world.firmware.memory = self.tap
        self.watcher = Watcher(
            self.tap, self.events.append, engine="none", trap="direct", now=self.tick, clock=lambda: 77
        )
        self.watcher.phase = "client program started"
        self.watcher.attach(self.world.firmware)

    def tick(self) -> int:
        self.ticks += 1000
        return self.ticks

    def ask(self, service: str, *arguments: Value, nret: int | None = None) -> ClientReturn:
        self.world.ask(service, *arguments, nret=nret)
        event = self.events[-1]
        assert isinstance(event, ClientReturn)
        return event


@pytest.mark.parametrize(
    ("service", "arguments", "texts", "paths"),
    [
        ("finddevice", ("/chosen",), ["/chosen"], ["/chosen"]),
        ("finddevice", ("/nowhere",), ["/nowhere"], []),
        ("peer", (Package("/cpus"),), [], ["/cpus", "/memory@0", "/vdevice"]),
        ("getproplen", (Package("/cpus"), "name"), ["name"], ["/cpus"]),
        ("open", ("screen",), ["screen"], ["/vdevice/vty@71000000"]),
        ("close", (Opened("/vdevice/vty"),), [], ["/vdevice/vty@71000000"]),
        ("instance-to-package", (Opened("/vdevice/vty"),), [], ["/vdevice/vty@71000000"]),
        ("call-method", ("key?", Opened("/vdevice/vty")), ["key?"], ["/vdevice/vty@71000000"]),
        ("no-such-service", (1, 2), [], []),
        ("getprop", (0x7777, "reg", 0x5000, 4), ["reg"], []),
        ("getprop", (Package("/cpus"), 0xFFFFFFF0, 0x5000, 4), [], ["/cpus"]),
    ],
)
def test_strings_and_handles_are_named(
    service: str, arguments: Sequence[Value], texts: list[str], paths: list[str]
) -> None:
    event = Watched().ask(service, *arguments)
    assert list(event.texts.values()) == texts
    assert set(event.paths.values()) <= set(paths)
    assert len(event.paths) >= bool(paths)


def test_what_was_written_is_told_without_the_result_cells() -> None:
    watched = Watched()
    event = watched.ask("getprop", Package("/memory"), "device_type", bytes(16), 16)
    (write,) = event.writes
    assert (write.size, write.head, write.digest) == (7, b"memory\0", "")
    assert write.address == event.arguments[2]
    assert not watched.ask("peer", 0).writes
    assert not watched.ask("getprop", Package("/memory"), "no-such", bytes(16), 16).writes


def test_what_a_client_gives_is_told() -> None:
    watched = Watched()
    event = watched.ask("setprop", Package("/chosen"), "x", b"abc\0", 4)
    assert event.given is not None
    assert (event.given.address, event.given.size, event.given.head) == (event.arguments[2], 4, b"abc\0")
    for service, arguments in (
        ("write", (0x7777, b"hello", 5)),
        ("getproplen", (Package("/cpus"), "name")),
        ("write", ()),
    ):
        assert watched.ask(service, *arguments).given is None


def test_of_much_data_the_beginning_and_a_digest_are_told() -> None:
    watched = Watched()
    value = bytes(range(256)) * 40
    watched.world.tree.set("/chosen", "large", value)
    (write,) = watched.ask("getprop", Package("/chosen"), "large", bytes(len(value)), len(value)).writes
    assert (write.size, write.head, write.digest) == (len(value), value[:HEAD], digest_of(value))


def test_a_call_has_its_time_and_place() -> None:
    watched = Watched()
    event = watched.ask("peer", 0)
    call = watched.events[-2]
    assert isinstance(call, ClientCall)
    assert (call.started, event.started, event.duration) == (1000, 1000, 1000)
    assert (event.clock, event.engine, event.trap) == (77, "none", "direct")
    assert event.phase == call.phase == "client program started"
    assert event.block == call.block != 0


def test_a_call_inside_of_a_callback_keeps_its_writes_apart() -> None:
    watched = Watched()
    world, tap = watched.world, watched.tap
    world.tree.set("/chosen", "outer", encode_string("outer"))

    def guest(block: int) -> int:
        watched.watcher.step_aside()
        world.ask("getprop", Package("/memory"), "device_type", bytes(16), 16)
        watched.watcher.step_back()
        return 0

    world.cpu.functions[0x1000] = guest
    world.firmware.callbacks.entry = 0x1000

    def method(instance: object, stack: list[int]) -> None:
        tap.write(0x6000, b"before")
        world.firmware.callbacks.call("hello", (), 0)
        tap.write(0x6010, b"after")

    world.node("/vdevice/vty").methods["nest"] = method
    outer = watched.ask("call-method", "nest", Opened("/vdevice/vty"))
    inner = next(event for event in watched.events if isinstance(event, ClientReturn) and event.depth == 1)
    assert [write.head for write in inner.writes] == [b"memory\0"]
    assert [write.head for write in outer.writes if write.address in (0x6000, 0x6010)] == [b"before", b"after"]
    assert (inner.started, inner.depth, outer.depth) == (outer.started + 1000, 1, 0)


def test_who_is_detached_hears_nothing() -> None:
    watched = Watched()
    watched.watcher.detach()
    watched.world.ask("peer", 0)
    assert not watched.events
    assert not watched.tap.log
