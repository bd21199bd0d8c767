"""`Hooks`: what a machine may say about its firmware."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vof.outcomes import Outcome
from vof.tree import Node

if TYPE_CHECKING:
    from vof.firmware.boot import Boots

__all__ = ["Hooks"]


@dataclass(slots=True)
class Hooks:
    """What a machine may say about its firmware; each is optional.

    Attributes:
        may_set: whether the client may set this property of this node to this value. Without it, it may set any.
        quiesce: what happens when the client takes the machine over.
        start_cpu: start the CPU of a node at an address with a value in r3. Without it, `start-cpu` fails.
        commands: what the words `reset-all` and `power-off` come to.
        boots: makes what `load` and `boot` need. Without it, they fail.
        registers: those of the client program that is in a call, by name; none where nobody knows.
        device: reads a device's register, at an address that a driver has mapped, of a width in bytes; or writes it,
            where there is a value. A `GuestFault` where there is none.
    """

    may_set: Callable[[Node, str, bytes], bool] | None = None
    quiesce: Callable[[], None] | None = None
    start_cpu: Callable[[Node, int, int], None] | None = None
    commands: Mapping[str, Outcome] = field(default_factory=dict)
    boots: Callable[[], Boots] | None = None
    registers: Callable[[], Mapping[str, int]] | None = None
    device: Callable[[int, int, int | None], int] | None = None
