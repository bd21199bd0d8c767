"""`Watcher`: makes whole events of what the firmware tells, for those who listen to a VM.

The firmware says which service was called with which cells. What is added here costs time, and only who listens pays
it: the strings and the handles' paths, what was written to memory, and when.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING, Protocol

from vof.errors import GuestFault
from vof.events import ClientCall, ClientReturn, Event, Written
from vof.firmware.table import SERVICES, Kind
from vof.memory import MemoryAccess, MemoryTap
from vof.trace.data import GIVEN, HEAD, digest_of, written

if TYPE_CHECKING:
    from vof.firmware import OpenFirmware

__all__ = ["HEAD", "CallKeeper", "Watcher", "digest_of", "written"]

TEXT_LIMIT = 2048
"""Bytes of a string that an argument points to, its NUL among them."""
_HANDLES = (Kind.PACKAGE, Kind.INSTANCE)
_TOLD = (*_HANDLES, Kind.STRING)
_Shape = tuple[tuple[tuple[int, Kind], ...], tuple[tuple[int, Kind], ...]]


class CallKeeper(Protocol):
    """Somebody who wants to know all that a call did: a recorder."""

    def begin(self) -> None:
        """A client call begins."""
        ...

    def keep(self, event: ClientReturn, log: list[MemoryAccess]) -> None:
        """A client call ended, with these accesses to memory."""
        ...


@dataclass(frozen=True, slots=True)
class _Begun:
    """A call that is being answered."""

    texts: dict[int, str]
    paths: dict[int, str]
    started: int
    clock: int


class Watcher:
    """Listens to a firmware, and tells more.

    Args:
        tap: the tap on guest memory that the firmware's machine was given.
        tell: gets the events.
        engine, trap: what the guest runs on, and by what way it calls.
        now: nanoseconds since the VM was started.
        clock: nanoseconds on the machine's clock, looked at and not moved on.
        wants_begin: whether anybody wants to know that a call begins.

    Attributes:
        phase: what the boot is at.
        keeper: gets every call with its log, if not None.
    """

    def __init__(
        self,
        tap: MemoryTap,
        tell: Callable[[Event], None],
        *,
        engine: str,
        trap: str,
        now: Callable[[], int],
        clock: Callable[[], int],
        wants_begin: Callable[[], bool] = lambda: True,
    ) -> None:
        self.phase = ""
        self.keeper: CallKeeper | None = None
        self._tap = tap
        self._tell = tell
        self._engine = engine
        self._trap = trap
        self._now = now
        self._clock = clock
        self._wants_begin = wants_begin
        self._firmware: OpenFirmware | None = None
        self._begun: list[_Begun] = []
        self._saved: list[list[MemoryAccess]] = []
        self._shapes: dict[str, _Shape] = {}

    def attach(self, firmware: OpenFirmware) -> None:
        """Listen to this firmware from here on."""
        self._firmware = firmware
        self._tap.open()
        self._tap.log = []
        self._begun.clear()
        firmware.hooked = ""
        firmware.listeners[:] = [self.hear]

    def detach(self) -> None:
        """Listen no more."""
        self._tap.close()
        if self._firmware is not None:
            self._firmware.listeners.clear()

    def hear(self, event: Event) -> None:
        """What the firmware tells."""
        if type(event) is ClientCall:
            self._begin(event)
        elif type(event) is ClientReturn:
            self._end(event)
        else:
            self._tell(event)

    def forget(self) -> None:
        """Somebody has looked at memory between two calls: that is none of the next call's."""
        self._tap.log = []

    def step_aside(self) -> None:
        """The guest runs inside of a call: what its own calls do is logged apart."""
        self._saved.append(self._tap.log)
        self._tap.log = []

    def step_back(self) -> None:
        """The guest has run."""
        self._tap.log = self._saved.pop()

    def _begin(self, event: ClientCall) -> None:
        firmware = self._firmware
        assert firmware is not None
        texts: dict[int, str] = {}
        paths: dict[int, str] = {}
        told, _ = self._shape(event.service)
        if told:
            log, arguments = self._tap.log, event.arguments
            mark = len(log)
            for place, kind in told:
                if place >= len(arguments):
                    break  # a call with too few cells is told of, too
                if kind is Kind.STRING:
                    try:
                        texts[place] = firmware.memory.read_string(arguments[place], TEXT_LIMIT)
                    except GuestFault:
                        continue
                else:
                    self._find_path(kind, arguments[place], paths)
            del log[mark:]
        now = self._now()
        begun = _Begun(texts, paths, now, self._clock())
        del self._begun[event.depth :]  # calls that were left without a return
        self._begun.append(begun)
        if self.keeper is not None:
            self.keeper.begin()
        if self._wants_begin():
            self._tell(
                ClientCall(
                    event.service, event.arguments, event.depth, event.block, texts, paths, now, begun.clock, self.phase
                )
            )

    def _end(self, event: ClientReturn) -> None:
        begun = self._begun.pop()
        paths = begun.paths
        for place, kind in self._shape(event.service)[1]:
            if place < len(event.results) and event.results[place]:
                self._find_path(kind, event.results[place], paths)
        log = self._tap.log
        self._tap.log = []
        whole = ClientReturn(
            event.service,
            event.arguments,
            event.results,
            event.status,
            event.fault,
            event.depth,
            event.block,
            event.outcome,
            event.hook,
            begun.texts,
            paths,
            _writes(log),
            begun.started,
            begun.clock,
            self.phase,
            self._now() - begun.started,
            self._engine,
            self._trap,
            _given(event, log) if event.service in GIVEN else None,
        )
        if self.keeper is not None:
            self.keeper.keep(whole, log)
        self._tell(whole)

    def _shape(self, service: str) -> _Shape:
        """The places and kinds of a service's arguments and results that say more than their cells."""
        shape = self._shapes.get(service)
        if shape is None:
            row = SERVICES.get(service)
            if row is None:
                return (), ()  # a client may call anything: that is not kept
            shape = self._shapes[service] = (
                tuple([(place, each.kind) for place, each in enumerate(row.arguments) if each.kind in _TOLD]),
                tuple([(place, each.kind) for place, each in enumerate(row.results) if each.kind in _HANDLES]),
            )
        return shape

    def _find_path(self, kind: Kind, handle: int, paths: dict[int, str]) -> None:
        firmware = self._firmware
        assert firmware is not None
        if kind is Kind.PACKAGE:
            node = firmware.tree.by_phandle.get(handle)
            if node is not None:
                paths[handle] = node.path
        else:
            instance = firmware.instances.by_ihandle.get(handle)
            if instance is not None:
                paths[handle] = instance.path


def _writes(log: list[MemoryAccess]) -> tuple[Written, ...]:
    """All that was written but the result cells, which the event has."""
    if True not in [access[0] for access in log]:
        return ()
    results = None
    first, block, head = log[0]
    if not first and isinstance(head, tuple) and len(head) >= 3:
        results = block + 12 + 4 * head[1]
    return tuple(
        [
            written(address, _to_bytes(data))
            for write, address, data in log
            if write and (address != results or not isinstance(data, tuple))
        ]
    )


def _given(event: ClientReturn, log: list[MemoryAccess]) -> Written | None:
    """What a client gave at its buffer."""
    place = GIVEN[event.service]
    if place >= len(event.arguments):
        return None
    wanted = event.arguments[place]
    # The first access is to the argument block.
    found = next((data for write, address, data in log[1:] if address == wanted and not write), None)
    return None if found is None else written(wanted, _to_bytes(found))


def _to_bytes(data: bytes | str | tuple[int, ...]) -> bytes:
    if isinstance(data, bytes):
        return data
    if isinstance(data, str):
        return data.encode("latin-1") + b"\0"
    return Struct(f">{len(data)}I").pack(*data)
