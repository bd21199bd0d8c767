"""Replay: the calls of a recorded run, made again to the firmware of today, without a guest.

The machine is made as it was made then, on ports that answer from the recording. What the firmware answers, what it
writes to memory and what it asks of its ports is compared, call by call; a call that went differently doesn't stop
the rest. A service that a user's hook answered is left out, and so is what only the recording's digests know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from vof.errors import PortError, UsageError
from vof.events import ClientReturn, Event
from vof.firmware import OpenFirmware
from vof.firmware.boot import publish
from vof.machines.disks import Disk
from vof.machines.generic import Generic, GenericOptions
from vof.machines.machine import Machine, Program, Site
from vof.machines.networks import Card
from vof.machines.pseries import Pseries
from vof.outcomes import Boot, Crash, Departed, Exit, Jump, Outcome, PowerOff, Reset
from vof.ports import Partition
from vof.trace.lines import Line, data_of, event_of, flat_tree, port_value, shortened
from vof.trace.recorder import METHODS
from vof.trace.recording import Recording
from vof.tree import parse_fdt
from vof.vm.changes import TreeChanges
from vof.vm.device_facts import described_cards, described_disks
from vof.vm.guest_firmware import announce
from vof.vm.recorded_memory import MARK, Bulk, Different, RecordedMemory

__all__ = ["Difference", "Replayed", "replay"]

_KEPT = 1000
"""Differences that are kept; the rest is counted."""
_HEAD = 256
_SHOWN = 48


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that went differently.

    Attributes:
        number: the call's place among all calls of the run, counted from 0; -1 at the firmware's start.
        call: the call as it was recorded; None at the firmware's start.
        what: what differs.
        recorded: how it was.
        today: how it is.
    """

    number: int
    call: ClientReturn | None
    what: str
    recorded: str
    today: str


@dataclass(slots=True)
class Replayed:
    """What a replay came to.

    Attributes:
        calls: calls that were made again.
        boots: how often a firmware was made.
        hooked: calls that a user's hook had answered, which were left out.
        uncompared: writes whose data the recording knows by a digest only, in pieces of another size.
        restored: whether the run went back to a snapshot: what came then can't be replayed.
        found: how many differences there are.
        differences: the first of them.
    """

    calls: int = 0
    boots: int = 0
    hooked: int = 0
    uncompared: int = 0
    restored: bool = False
    found: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Whether all went as it was recorded."""
        return not self.found


def replay(recording: Recording, furnish: Callable[[OpenFirmware], None] | None = None) -> Replayed:
    """Make the calls of a recording again, and compare.

    Args:
        recording: what to replay, all of its runs.
        furnish: does to each firmware what a script did then, before its first call.

    Raises:
        UsageError: the recording is damaged, or of a machine that this version can't make.
    """
    replaying = _Replay(furnish)
    for line in recording.lines():
        if line["is"] == "restored":
            replaying.done.restored = True
            break
        try:
            replaying.take(line)
        except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
            # What a line lacks, or has in the wrong shape. A defect of ours would look alike: say what it was.
            raise UsageError(f"{recording.path} is damaged: {type(error).__name__}: {error}") from error
    return replaying.done


class _Replay:
    """A replay under way."""

    def __init__(self, furnish: Callable[[OpenFirmware], None] | None) -> None:
        self.done = Replayed()
        self._furnish = furnish
        self._kept: dict[str, bytes] = {}
        self._memory = RecordedMemory(0, self._kept)
        self._questions: list[Any] = []
        self._firmware: OpenFirmware | None = None
        self._heard: ClientReturn | None = None

    def take(self, line: Line) -> None:
        """Do what a line tells of."""
        kind = line["is"]
        if kind == "call":
            self._call(line)
        elif kind == "boot":
            self._boot(line)
        elif kind == "loaded" and self._firmware is not None:
            publish(self._firmware, line["path"], line["arguments"])
            self._firmware.claims.claim(*_pair(line["claim"]), 0)
            self._firmware.instances.next_ihandle = line["ihandle"]

    def _boot(self, line: Line) -> None:
        self._memory = memory = RecordedMemory(line["memory"], self._kept)
        memory.expect(line["reads"])
        self._questions = line.get("ports", [])[::-1]
        port = self._port
        site = Site(
            memory=memory,
            cpu=port("cpu"),
            hypervisor=port("hypervisor"),
            bus=port("bus"),
            console=port("console"),
            clock=port("clock"),
            region=_pair(line["region"]),
            scratch=line["scratch"],
            tree_room=_pair(line["tree_room"]),
            remembers=line.get("remembers", False),
        )
        loaded = line["program"]
        program = Program(_pair(loaded["kernel"]), _pair(loaded["initrd"]), loaded["arguments"])
        changes = TreeChanges("", line["changes"]["sets"])
        if line["changes"]["dtb"]:
            changes.lay_over(parse_fdt(line["changes"]["dtb"].encode("latin-1")))
        self._firmware = None
        self.done.boots += 1
        try:
            firmware = self._machine(line, site).power_on(line["tree_address"], program, changes.apply)
        except Different as different:
            self._note(None, different)
            return
        if line.get("guest_firmware"):
            start, size = program.kernel
            announce(firmware, start, size)
        firmware.listeners.append(self._hear)
        self._firmware = firmware
        self._compare_writes(line, -1)
        for path, recorded, today in _tree_differences(line["tree"], flat_tree(firmware.tree), ""):
            self._note(None, Different(f"the tree at {path}", recorded, today))
        if self._furnish is not None:
            self._furnish(firmware)

    def _machine(self, line: Line, site: Site) -> Machine:
        facts = line["machine"]
        if facts["kind"] == "pseries":
            return Pseries(site, facts["model"], *self._devices(line, facts), facts.get("variables"))
        if facts["kind"] == "board":
            from vof.machines.boards import BOARDS
            from vof.machines.pci_board import PciBoard
            from vof.machines.rtas import NVRAM_SIZE

            nvram = facts["nvram"].encode("latin-1").ljust(NVRAM_SIZE, b"\0")
            by_uart = facts.get("uart", False)
            disks, cards = self._devices(line, facts)
            board = BOARDS[facts["name"]]
            return PciBoard(
                site,
                facts["model"],
                board,
                facts["pvr"],
                nvram,
                by_uart=by_uart,
                disks=disks,
                cards=cards,
                variables=facts.get("variables"),
            )
        if facts["kind"] != "generic":
            raise UsageError(f'a recording of the machine "{facts["kind"]}", which this version can\'t replay')
        options = dict(facts["options"])
        options["tree"] = options["tree"].encode("latin-1")
        options["disks"], options["cards"] = self._devices(line, options)
        return Generic(site, facts["model"], GenericOptions(**options))

    def _devices(self, line: Line, facts: Line) -> tuple[tuple[Disk, ...], tuple[Card, ...]]:
        """The machine's disks and network cards."""
        port = partial(self._device_port, line)
        return described_disks(facts.get("disks", ()), port), described_cards(facts.get("cards", ()), port)

    def _device_port(self, line: Line, name: str) -> Any:
        """A port of a disk's or a card's."""
        port = self._port(name)
        for constant, value in line["constants"].get(name, {}).items():
            setattr(port, constant, value.encode("latin-1") if isinstance(value, str) else value)
        return port

    def _call(self, line: Line) -> None:
        firmware = self._firmware
        number = self.done.calls + self.done.hooked
        if line.get("hook") == "instead":
            self.done.hooked += 1
            return
        self.done.calls += 1
        if firmware is None:
            return
        memory = self._memory
        memory.expect(line["reads"])
        self._questions = line["ports"][::-1] if "ports" in line else []
        self._heard = None
        block = line["block"]
        try:
            firmware.call(block)
        except Different as different:
            firmware.depth = line.get("depth", 0)
            self._note(line, different, number)
            return
        heard: ClientReturn | None = self._heard
        assert heard is not None
        if "hook" not in line:
            recorded = tuple(line.get("results", ()))
            if heard.results != recorded:
                self._note(line, Different("the answer", _cells(recorded), _answer(heard)), number)
                return
            for what in ("status", "outcome"):
                then, now = line.get(what) or 0, getattr(heard, what) or 0
                if then != now:
                    self._note(line, Different(what, str(then), str(now)), number)
                    return
        self._compare_writes(line, number)
        if self._questions:
            name, method, *_ = self._questions[-1]
            self._note(line, Different("a port", f"asked {name}.{method}", "did not ask it"), number)

    def _compare_writes(self, line: Line, number: int) -> None:
        then = line.get("wrote", ())
        if line.get("guest_firmware"):
            then = then[:-1]  # that one's code
        now = self._memory.written
        if now and isinstance(now[-1][1], tuple) and (line["is"] == "call"):
            first = line["reads"][0]
            if now[-1][0] == first[0] + 12 + 4 * first[1][1]:
                now = now[:-1]
        if len(then) != len(now):
            different = Different("what was written", f"{len(then)} times", f"{len(now)} times")
            self._note(line, different, number)
            return
        for (address, value), (today, data) in zip(then, now, strict=True):
            if address != today:
                self._note(line, Different("where was written", hex(address), hex(today)), number)
                return
            if isinstance(data, tuple):
                data = b"".join([cell.to_bytes(4) for cell in data])
            if type(value) is list:  # cells, as a machine writes them before there is a client program
                value = data_of(value).decode("latin-1")
            if type(value) is str:
                if data != value.encode("latin-1"):
                    self._note(line, Different("what was written", _bytes(data_of(value)), _bytes(data)), number)
                    return
            elif isinstance(data, Bulk):
                if (data.digest, len(data)) != (value["digest"], value["bulk"]):
                    self._note(line, Different("what was written", "other data of a port", "these"), number)
                    return
            elif any(mark in data for mark in self._memory.marks):
                self.done.uncompared += 1
            elif shortened(data, _HEAD) != value:
                self._note(line, Different("what was written", _bytes(data_of(value)), _bytes(data)), number)
                return

    # Ports

    def _port(self, name: str) -> Any:
        port = _Port()
        for method in METHODS[name.rstrip("0123456789")]:
            setattr(port, method, partial(self._answer, name, method))
        return port

    def _answer(self, name: str, method: str, *arguments: Any) -> Any:
        """What a port answered then."""
        asked = port_value(arguments)
        if not self._questions:
            raise Different("a port", "nothing more was asked", f"asks {name}.{method}{tuple(asked)}")
        entry = self._questions.pop()
        if entry[0] != name or entry[1] != method or not _alike(entry[2], asked):
            raise Different(
                "a port", f"asked {entry[0]}.{entry[1]}{tuple(entry[2])}", f"asks {name}.{method}{tuple(asked)}"
            )
        answer = entry[3]
        if name == "cpu":
            self._run_nested(entry[4])
        if isinstance(answer, dict):
            if "error" in answer:
                raise PortError(answer["error"])
            if "departed" in answer:
                raise Departed(_outcome(answer["departed"]))
            if "text" in answer:
                return answer["text"]
            bulk = Bulk.make(answer["digest"], answer["bulk"])
            self._memory.marks.add(bulk[:MARK])
            return bulk
        if isinstance(answer, str):
            return answer.encode("latin-1")
        if isinstance(answer, list):
            values = [_value(each) for each in answer]
            return (
                [Partition(*value) for value in values]
                if name.startswith("partitions") and method == "list"
                else values
            )
        return answer

    def _run_nested(self, lines: Sequence[Line]) -> None:
        """The client calls that the guest made while it ran inside of a call."""
        memory = self._memory
        saved = memory.save()
        questions = self._questions
        for line in lines:
            self._call(line)
        memory.restore(saved)
        self._questions = questions

    def _hear(self, event: Event) -> None:
        if type(event) is ClientReturn:
            self._heard = event

    def _note(self, line: Line | None, different: Different, number: int = -1) -> None:
        done = self.done
        done.found += 1
        if len(done.differences) < _KEPT:
            call = event_of(line) if line is not None else None
            assert call is None or isinstance(call, ClientReturn)
            done.differences.append(Difference(number, call, different.what, different.recorded, different.today))


class _Port:
    """A port that answers from the recording."""


def _tree_differences(then: Any, now: Any, above: str) -> Iterator[tuple[str, str, str]]:
    """Path, how it was and how it is, of each node and property that differs."""
    path = f"{above}/{then[0]}" if above != "/" else f"/{then[0]}"
    path = path or "/"
    if then[:2] != now[:2]:
        yield path, f"{then[0]} {then[1]:#x}", f"{now[0]} {now[1]:#x}"
        return
    for name in {**then[2], **now[2]}:
        was, is_now = then[2].get(name), now[2].get(name)
        if was != is_now:
            yield f"{path}:{name}", _property(was), _property(is_now)
    names = [child[0] for child in then[3]], [child[0] for child in now[3]]
    if names[0] != names[1]:
        yield path, f"children {', '.join(names[0])}", f"children {', '.join(names[1])}"
        return
    for child, today in zip(then[3], now[3], strict=True):
        yield from _tree_differences(child, today, path)


def _property(value: str | None) -> str:
    return "no such property" if value is None else _bytes(value.encode("latin-1"))


def _outcome(text: str) -> Outcome:
    """The outcome that `vof.outcomes.describe` has put into words; another of no other effect on the firmware."""
    word, _, rest = text.partition(" ")
    if word == "jump":
        return Jump(int(rest, 16))
    if word == "reset":
        return Reset(rest)
    if word == "boot":
        return Boot(rest)
    return PowerOff() if word == "poweroff" else Crash(rest, 0) if word == "crash:" else Exit()


def _value(value: Any) -> Any:
    """What a recording has for a text or a tuple, as it was."""
    if isinstance(value, dict):
        return value["text"]
    return [_value(each) for each in value] if isinstance(value, list) else value


def _pair(value: Sequence[int]) -> tuple[int, int]:
    first, second = value
    return first, second


def _alike(then: Any, now: Any) -> bool:
    """Whether a port is asked the same; of what has a digest, that decides."""
    if isinstance(then, list) and isinstance(now, list):
        return len(then) == len(now) and all(map(_alike, then, now))
    if isinstance(then, dict) and isinstance(now, dict) and "digest" in then:
        return (then["bulk"], then["digest"]) == (now.get("bulk"), now.get("digest"))
    return bool(then == now)


def _cells(values: Sequence[int]) -> str:
    return " ".join(f"{value:#x}" for value in values) or "nothing"


def _answer(event: ClientReturn) -> str:
    return _cells(event.results) + (f" ({event.fault})" if event.fault else "")


def _bytes(data: bytes) -> str:
    text = data[:_SHOWN].hex(" ", 4) + (" ..." if len(data) > _SHOWN else "")
    return f"[{text}], {len(data)} bytes"
