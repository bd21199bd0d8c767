"""Hooks at services, and faults, on a firmware alone."""

from __future__ import annotations

from typing import Any, cast

import pytest
from fakes import Package, World

from vof.errors import PortError, UsageError
from vof.events import ClientReturn, Event, Injected
from vof.vm import VM
from vof.vm.faults import Fault, Faults
from vof.vm.hooks import Call, Hooks


class Hooked:
    """A firmware whose services have hooks; there is no VM behind it."""

    def __init__(self) -> None:
        self.world = World()
        self.asked: list[str] = []
        self.hooks = Hooks(cast(VM, self))
        self.told: list[Event] = []
        self.faults = Faults(self.hooks, self.told.append)

    def add(self, service: str, when: str, hook: Any) -> None:
        self.hooks.add(service, when, hook)
        self.world.firmware.rows = self.hooks.rows

    def inject(self, fault: str) -> None:
        self.faults.add(fault)
        self.world.firmware.rows = self.hooks.rows

    def stop(self, call: Call) -> None:
        self.asked.append(f"stop at {call.service}")

    def ask_for_prompt(self) -> None:
        self.asked.append("prompt")

    def ask(self, service: str, *arguments: Any, nret: int | None = None) -> tuple[int, tuple[int, ...], str, str]:
        answer = self.world.ask(service, *arguments, nret=nret)
        event = self.world.events[-1]
        assert isinstance(event, ClientReturn)
        return answer.r3, answer.results, event.fault, event.hook


def test_a_hook_before_a_service_sees_the_call_and_changes_nothing() -> None:
    hooked = Hooked()
    seen: list[Any] = []
    node = hooked.world.node("/chosen")
    hooked.add("getproplen", "before", lambda call: seen.append((call["phandle"], call.text("name"))))
    hooked.add("getproplen", "before", lambda call: seen.append((call.path("phandle"), call.arguments)))
    assert hooked.ask("getproplen", Package("/chosen"), "name") == (0, (7,), "", "")
    assert seen[0] == (node.phandle, "name")
    assert seen[1][0] == "/chosen"


@pytest.mark.parametrize("when", ["before", "instead"])
def test_what_a_hook_returns_is_the_answer(when: str) -> None:
    hooked = Hooked()
    hooked.add("claim", when, lambda call: 0x12345000)
    before = hooked.world.claims.changes
    assert hooked.ask("claim", 0x1000000, 0x1000, 0) == (0, (0x12345000,), "", "instead")
    assert hooked.world.claims.changes == before
    assert hooked.ask("milliseconds")[3] == ""


def test_a_service_without_results_may_be_done_by_a_hook() -> None:
    hooked = Hooked()
    hooked.add("quiesce", "instead", lambda call: None)
    assert hooked.ask("quiesce") == (0, (), "", "instead")
    assert not hooked.world.firmware.quiesced


def test_a_hook_after_a_service_sees_the_answer_and_may_change_it() -> None:
    hooked = Hooked()
    seen: list[Any] = []
    hooked.add(
        "finddevice", "after", lambda call: seen.append((call.text("device-specifier"), call.results, call.fault))
    )
    hooked.ask("finddevice", "/chosen")
    assert hooked.ask("finddevice", "/none") == (0, (0xFFFFFFFF,), 'no device "/none"', "")
    assert seen == [
        ("/chosen", (hooked.world.node("/chosen").phandle,), ""),
        ("/none", (0xFFFFFFFF,), 'no device "/none"'),
    ]
    hooked.add("finddevice", "after", lambda call: 77 if call.fault else None)
    assert hooked.ask("finddevice", "/none") == (0, (77,), "", "after")
    assert hooked.ask("finddevice", "/chosen")[3] == ""


def test_a_hook_may_fail_the_call() -> None:
    hooked = Hooked()
    hooked.add("claim", "before", lambda call: call.fail("not today"))
    assert hooked.ask("claim", 0x1000000, 0x1000, 0) == (0, (0xFFFFFFFF,), "not today", "instead")


def test_variadic_services_have_hooks_too() -> None:
    hooked = Hooked()
    seen: list[tuple[int, ...]] = []
    hooked.add("call-method", "before", lambda call: seen.append(call.arguments))
    hooked.add("interpret", "instead", lambda call: (0, 5, 6))
    hooked.ask("call-method", "no", 0, 1, 2, nret=1)
    assert seen[0][1:] == (0, 1, 2)
    assert hooked.ask("interpret", "1 2", nret=3)[1] == (0, 5, 6)


def test_a_hook_that_was_removed_is_not_called() -> None:
    hooked = Hooked()

    def refuse(call: Call) -> None:
        call.fail("no")

    for when in ("before", "after", "instead"):
        hooked.add("peer", when, refuse)
    hooked.hooks.remove(refuse)
    assert hooked.ask("peer", 0)[2:] == ("", "")


def test_a_hook_stops_the_machine_or_asks_for_the_prompt() -> None:
    hooked = Hooked()
    hooked.add("peer", "before", lambda call: call.stop())
    hooked.add("child", "after", lambda call: call.prompt())
    hooked.ask("peer", 0)
    hooked.ask("child", Package("/"))
    assert hooked.asked == ["stop at peer", "prompt"]


@pytest.mark.parametrize(
    ("service", "when", "message"),
    [
        ("getprp", "before", 'no service "getprp": did you mean "getprop"?'),
        ("qqqq", "before", "docs/services.md lists"),
        ("getprop", "during", 'before, after or instead of a service, not "during"'),
    ],
)
def test_hooks_that_cannot_be(service: str, when: str, message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        Hooked().add(service, when, print)


def test_an_argument_that_a_service_has_not_is_told() -> None:
    hooked = Hooked()
    hooked.add("claim", "before", lambda call: call["length"])
    with pytest.raises(UsageError, match='claim has no argument "length"; it has virt, size, align'):
        hooked.ask("claim", 0, 0, 0)


@pytest.mark.parametrize(
    ("text", "struck"),
    [
        ("peer", [1, 2, 3, 4, 5]),
        ("peer:when=1", [1]),
        ("peer:when=3", [3]),
        ("peer:when=4+", [4, 5]),
        ("peer:when=2..3", [2, 3]),
        ("peer:when=9", []),
    ],
)
def test_a_fault_strikes_when_it_shall(text: str, struck: list[int]) -> None:
    hooked = Hooked()
    hooked.inject(text)
    failed = [number for number in range(1, 6) if hooked.ask("peer", 0)[2]]
    assert failed == struck
    assert hooked.told == [Injected(text, f"peer {number}") for number in struck]
    assert str(Fault.parse(text)) == text


def test_a_full_memory_fails_every_claim() -> None:
    hooked = Hooked()
    hooked.inject("memory:when=2+")
    assert hooked.ask("claim", 0x1000000, 0x1000, 0)[1] == (0x1000000,)
    assert hooked.ask("claim", 0x2000000, 0x1000, 0)[1:3] == ((0xFFFFFFFF,), "no memory is free")
    assert hooked.ask("call-method", "claim", 0, 1, 2, 3, nret=1)[2] == "no memory is free"
    assert hooked.ask("call-method", "other", 0, 1, 2, 3, nret=1)[2] == "no instance 0x0"


class Disk:
    """The port `Block`."""

    block_size, size = 512, 1 << 20

    def read(self, offset: int, length: int) -> bytes:
        return bytes(length)

    def write(self, offset: int, data: bytes) -> None:
        pass


def test_a_disk_fails_at_its_reads_and_writes() -> None:
    hooked = Hooked()
    disk = hooked.faults.block(Disk())
    assert disk.read(0, 4) == bytes(4)
    hooked.inject("disk:when=2..3")
    assert disk.read(0, 4) == bytes(4)
    with pytest.raises(PortError, match=r"injected: disk:when=2\.\.3"):
        disk.read(0, 4)
    with pytest.raises(PortError, match=r"injected: disk:when=2\.\.3"):
        disk.write(0, b"x")
    assert disk.read(0, 4) == bytes(4)
    assert (disk.block_size, disk.size) == (512, 1 << 20)
    assert [event.what for event in hooked.told if isinstance(event, Injected)] == ["disk read 2", "disk write 3"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clam", 'did you mean "claim"'),
        ("nonsense-of-a-kind", "it is a service, disk or memory"),
        ("claim:when=0", "counted from 1"),
        ("claim:when=3..2", "the last is not before the first"),
        ("claim:at=3", "write WHAT:when=N"),
        ("claim:when=x", "write WHAT:when=N"),
        ("", "write WHAT:when=N"),
        ("disk", "the firmware has no disk"),
    ],
)
def test_faults_that_cannot_be(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Hooked().inject(text)
