"""Snapshots of a VM on the unicorn engine: all that a run changes, taken between two client calls.

The firmware's and the machine's state is pickled, with names in place of the ports: whoever gets it back has ports of
his own. That it can be pickled keeps it honest: state in a closure would not be.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vof.errors import UsageError

if TYPE_CHECKING:
    from vof.backends import OverlayState
    from vof.engines.unicorn import UnicornEngine
    from vof.engines.unicorn.engine import EngineState
    from vof.vm.machinery import Machinery
    from vof.vm.startup import Startup

__all__ = ["Snapshot", "freeze", "in_process", "put_back", "take_snapshot", "thaw"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One state of one VM: good for that VM, and in forked children of its process.

    Attributes:
        engine: CPU, RAM and trap.
        firmware: the firmware and the machine, frozen.
        disks: what the guest has written to each drive since the first snapshot.
        networks: frames on their way, leases and transfers of each network.
        clock: nanoseconds: where a virtual clock stands, or how long the host's has run.
        console: what is typed and not yet read.
        handed_over: whether the guest's own driver has the console.
        heard: console output that `expect` has not looked at.
        boots: how often the firmware was started.
    """

    engine: EngineState
    firmware: bytes
    disks: tuple[OverlayState, ...]
    networks: tuple[bytes, ...]
    clock: int
    console: bytes
    handed_over: bool
    heard: bytes
    boots: int


def take_snapshot(machinery: Machinery, startup: Startup, names: Mapping[str, object]) -> Snapshot:
    """Take all that a run changes. From now on, what the guest writes to its disks stays in memory.

    Args:
        machinery: the VM's, between two client calls.
        startup: has its firmware.
        names: what else a frozen firmware has names for.

    Raises:
        UsageError: the engine can't.
    """
    engine, firmware, board = in_process(machinery), startup.firmware, machinery.board
    assert firmware is not None
    for disk in board.disks:
        disk.holds = True
    firmware.listeners, listeners = [], firmware.listeners
    try:
        frozen = freeze((firmware, board.state), _ports(machinery, startup, names))
    finally:
        firmware.listeners = listeners
    return Snapshot(
        engine=engine.take_state(),
        firmware=frozen,
        disks=tuple(disk.state() for disk in board.disks),
        networks=tuple(network.state() for network in board.networks),
        clock=machinery.clock.elapsed,
        console=machinery.console.take_typed(),
        handed_over=machinery.console.handed_over,
        heard=bytes(machinery.heard.data),
        boots=startup.count,
    )


def put_back(snapshot: Snapshot, machinery: Machinery, startup: Startup, names: Mapping[str, object]) -> None:
    """Have machinery and firmware be as they were then.

    Raises:
        UsageError: the engine can't.
    """
    engine, board = in_process(machinery), machinery.board
    firmware, board.state = thaw(snapshot.firmware, _ports(machinery, startup, names))
    board.resume()
    for disk, state in zip(board.disks, snapshot.disks, strict=True):
        disk.restore(state)
    for network, kept in zip(board.networks, snapshot.networks, strict=True):
        network.restore(kept)
    machinery.clock.elapsed = snapshot.clock
    machinery.console.put_typed(snapshot.console, snapshot.handed_over)
    engine.put_state(snapshot.engine)
    machinery.heard.data[:] = snapshot.heard
    startup.go_back(firmware, snapshot.boots)


def in_process(machinery: Machinery) -> UnicornEngine:
    """The engine.

    Raises:
        UsageError: it is none that a snapshot can be taken of.
    """
    from vof.engines.unicorn import UnicornEngine

    if not isinstance(machinery.engine, UnicornEngine):
        raise UsageError('a snapshot needs the unicorn engine: VM(engine="unicorn", ...)')
    return machinery.engine


def _ports(machinery: Machinery, startup: Startup, names: Mapping[str, object]) -> dict[str, object]:
    """What a frozen firmware has names for."""
    engine = in_process(machinery)
    ports: dict[str, object] = {"startup": startup, "console": machinery.console, "clock": machinery.clock}
    ports |= {"memory": engine.memory, "trap": engine.trap, "cpu": engine.cpu, **names}
    return ports | machinery.observers.ports | machinery.board.ports


def freeze(state: object, ports: Mapping[str, object]) -> bytes:
    """Pickle a state, with names in place of the ports in it."""
    names = {id(port): name for name, port in ports.items()}
    buffer = io.BytesIO()
    _Pickler(buffer, names).dump(state)
    return buffer.getvalue()


def thaw(frozen: bytes, ports: Mapping[str, object]) -> Any:
    """The state again, with these ports."""
    return _Unpickler(io.BytesIO(frozen), ports).load()


class _Pickler(pickle.Pickler):
    def __init__(self, buffer: io.BytesIO, names: Mapping[int, str]) -> None:
        super().__init__(buffer, pickle.HIGHEST_PROTOCOL)
        self._names = names

    def persistent_id(self, thing: object) -> str | None:
        return self._names.get(id(thing))


class _Unpickler(pickle.Unpickler):
    def __init__(self, buffer: io.BytesIO, ports: Mapping[str, object]) -> None:
        super().__init__(buffer)
        self._ports = ports

    def persistent_load(self, name: str) -> object:
        return self._ports[name]
