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

if TYPE_CHECKING:
    from vof.backends import OverlayState
    from vof.engines.unicorn.engine import EngineState

__all__ = ["Snapshot", "freeze", "thaw"]


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
