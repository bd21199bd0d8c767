"""Events: what happened, for those who watch. A view only: nothing in the firmware depends on one.

Whoever wants them passes a listener, a function of one event. With nobody listening no event is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["ClientCall", "ClientReturn", "ConsoleInput", "ConsoleOutput", "Event", "Listener", "Phase", "TreeReplaced"]


@dataclass(frozen=True, slots=True)
class ClientCall:
    """The client program called a service.

    Attributes:
        service: its name, as the client wrote it.
        arguments: the argument cells, unsigned.
        depth: how many calls this one is inside of.
    """

    service: str
    arguments: tuple[int, ...]
    depth: int


@dataclass(frozen=True, slots=True)
class ClientReturn:
    """A service was answered.

    Attributes:
        service: its name.
        arguments: the argument cells, unsigned.
        results: the result cells as declared, unsigned; the client may have asked for fewer.
        status: r3: 0, or -1 where the service is unknown or the block or a pointer is bad.
        fault: why it failed; empty if it did not.
        depth: as in `ClientCall`.
    """

    service: str
    arguments: tuple[int, ...]
    results: tuple[int, ...]
    status: int
    fault: str
    depth: int


@dataclass(frozen=True, slots=True)
class ConsoleOutput:
    """Bytes that the machine showed on its console, from the firmware or from the guest's own driver."""

    data: bytes


@dataclass(frozen=True, slots=True)
class ConsoleInput:
    """Bytes that were typed at the console."""

    data: bytes


@dataclass(frozen=True, slots=True)
class TreeReplaced:
    """The whole device tree was replaced (PAPR `ibm,client-architecture-support`)."""

    nodes: int


@dataclass(frozen=True, slots=True)
class Phase:
    """The boot reached a new phase.

    Attributes:
        name: what begins.
        seconds: since the VM was started.
        detail: a few words more, for people.
    """

    name: str
    seconds: float
    detail: str = ""


Event = ClientCall | ClientReturn | ConsoleOutput | ConsoleInput | TreeReplaced | Phase
Listener = Callable[[Event], None]
