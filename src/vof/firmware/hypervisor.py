"""`VirtualHypervisor`: what a machine provides outside the guest besides the client interface. All of it is optional.

An engine that sees a hypercall, or one of Mac-on-Linux's calls, asks here. What a machine has not is answered as the
architecture says: a hypercall by H_FUNCTION (PAPR 14.5.1), an RTAS call by -3 (as QEMU does), an OSI call by 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from vof.errors import GuestFault
from vof.outcomes import Outcome
from vof.ports import Memory

__all__ = [
    "Answer",
    "Hcall",
    "HcallRow",
    "OsiAnswer",
    "Registers",
    "RtasRow",
    "RtasStatus",
    "VirtualHypervisor",
    "call_rtas",
]

Answer = int | tuple[int, ...] | Outcome
"""r3, or r3 and what follows it, or what becomes of the machine."""
Registers = tuple[int | None, ...]
"""r3 and what follows it; None for a register that keeps what it holds."""
OsiAnswer = int | Registers | Outcome
"""The same where a register in between may be kept."""

_OSI_SELECTORS = 100
_RTAS_CELLS = 16


class Hcall(IntEnum):
    """Statuses of hypercalls (PAPR 14.5.1)."""

    SUCCESS = 0
    HARDWARE = -1
    FUNCTION = -2
    PARAMETER = -4


class RtasStatus(IntEnum):
    """Statuses of RTAS calls (PAPR 7.2.8)."""

    SUCCESS = 0
    NO_ERRORS_FOUND = 1
    HARDWARE_ERROR = -1
    PARAMETER_ERROR = -3
    NOT_SUPPORTED = -3
    NOT_AUTHORIZED = -9002
    SYSTEM_PARAMETER_ERROR = -9999


@dataclass(frozen=True, slots=True)
class HcallRow:
    """A row of a machine's table of hypercalls.

    Attributes:
        number: in r3.
        name: the architecture's.
        arguments: what is in r4 and the registers behind it.
        clause: where it is laid down.
        summary: what it does, from the method's docstring.
        method: the name of the machine's method that answers it.
    """

    number: int
    name: str
    arguments: tuple[str, ...]
    clause: str
    summary: str
    method: str


@dataclass(frozen=True, slots=True)
class RtasRow:
    """A row of a machine's table of RTAS calls.

    Attributes:
        name: the property of `/rtas` that holds its token.
        arguments: its argument cells.
        results: its result cells behind the status.
        clause: where it is laid down.
        summary: what it does.
        method: the name of the machine's method that answers it.
    """

    name: str
    arguments: tuple[str, ...]
    results: tuple[str, ...]
    clause: str
    summary: str
    method: str


@dataclass(slots=True)
class VirtualHypervisor:
    """What a machine provides. Without any of it, it is one on which nothing is.

    Attributes:
        hypercalls: by number: gets r4 … r12, unsigned.
        osi: Mac-on-Linux's calls by selector: gets r6 … r11, unsigned.
        enter: called before a client program is started.
        exit: called when it has ended.
        quiesce: called when it takes the machine over.
    """

    hypercalls: Mapping[int, Callable[..., Answer]] = field(default_factory=dict)
    osi: Mapping[int, Callable[..., OsiAnswer]] = field(default_factory=dict)
    enter: Callable[[], None] | None = None
    exit: Callable[[], None] | None = None
    quiesce: Callable[[], None] | None = None

    def hypercall(self, number: int, arguments: Sequence[int]) -> tuple[int, ...] | Outcome:
        """Answer a hypercall.

        Args:
            number: r3.
            arguments: r4 … r12, unsigned.

        Returns:
            r3 and the registers behind it, as far as they change; or what becomes of the machine.
        """
        function = self.hypercalls.get(number)
        if function is None:
            return (Hcall.FUNCTION,)
        answer = function(*arguments)
        return (answer,) if isinstance(answer, int) else answer

    def osi_call(self, selector: int, arguments: Sequence[int]) -> Registers | Outcome | None:
        """Answer one of Mac-on-Linux's calls.

        Args:
            selector: r5.
            arguments: r6 … r11, unsigned.

        Returns:
            r3 and the registers behind it, as far as they change; None where not even r3 does; or what becomes of the
            machine.
        """
        function = self.osi.get(selector)
        if function is None:
            return (0,) if selector < _OSI_SELECTORS else None
        answer = function(*arguments)
        return (answer,) if isinstance(answer, int) else answer


def call_rtas(
    memory: Memory, block: int, tokens: Mapping[int, str], calls: Mapping[str, tuple[RtasRow, Callable[..., Any]]]
) -> Answer:
    """Make the RTAS call whose argument block is at an address (PAPR 7.2.8, as QEMU's H_RTAS).

    Args:
        memory: guest memory.
        block: token, numbers of arguments and results, and these cells.
        tokens: the names of the calls by token.
        calls: the row and the function of each call there is. The function returns the status, or it and the results
            behind it, or what becomes of the machine.

    Returns:
        A hypercall's answer.
    """
    try:
        token, count, wanted = memory.read_cells(block, 3)
        if count > _RTAS_CELLS or wanted > _RTAS_CELLS:
            return Hcall.PARAMETER
        arguments = memory.read_cells(block + 12, count + wanted)[:count]
        results = block + 12 + 4 * count
        known = calls.get(tokens.get(token, ""))
        if known is None:
            memory.write_cells(results, (RtasStatus.PARAMETER_ERROR,)[:wanted])
            return Hcall.PARAMETER
        row, function = known
        if count != len(row.arguments) or wanted != 1 + len(row.results):
            memory.write_cells(results, (RtasStatus.PARAMETER_ERROR,)[:wanted])
            return Hcall.SUCCESS
        answer = function(*arguments)
        if not isinstance(answer, int | tuple):
            memory.write_cells(results, (RtasStatus.SUCCESS,)[:wanted])
            outcome: Outcome = answer
            return outcome
        cells = (answer,) if isinstance(answer, int) else answer
        memory.write_cells(results, (*cells, *[0] * wanted)[:wanted])
    except GuestFault:
        return Hcall.PARAMETER
    return Hcall.SUCCESS
