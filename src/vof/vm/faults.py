"""Faults that a user puts into a run, in `strace`'s manner: `claim:when=3`, `disk:when=2+`, `memory`.

What fails fails as it does in earnest: a service with its failure value, a disk with an error of its port, a full
memory with every claim. Each fault that strikes is an event.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from vof.errors import PortError, UsageError
from vof.events import Event, Injected
from vof.firmware.table import SERVICES
from vof.ports import Block
from vof.vm.hooks import find_call

if TYPE_CHECKING:
    from vof.vm.hooks import Call, Hooks, OsiHookCall

__all__ = ["DISK", "MEMORY", "Fault", "Faults"]

DISK, MEMORY = "disk", "memory"
_SPELLING = re.compile(r"(?P<what>[^:]+)(:when=(?P<first>\d+)(?P<more>\+|\.\.(?P<last>\d+))?)?")
_LAST = 1 << 62
_CLAIM = "claim"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault, and when it strikes.

    Attributes:
        what: a service, one of Mac-on-Linux's calls, `disk` (its reads and writes) or `memory` (all that claims some).
        first, last: which of its occurrences fail, counted from 1.
    """

    what: str
    first: int = 1
    last: int = _LAST

    @classmethod
    def parse(cls, text: str) -> Fault:
        """The fault that `WHAT`, `WHAT:when=N`, `WHAT:when=N+` or `WHAT:when=N..M` means; without `when`, always.

        Raises:
            UsageError: it means none.
        """
        found = _SPELLING.fullmatch(text)
        if not found:
            raise UsageError(f'--inject {text}: write WHAT:when=N, N+ or N..M, as in "claim:when=3"')
        what, first, more, last = found["what"], found["first"], found["more"], found["last"]
        known = (*SERVICES, DISK, MEMORY)
        if what.isupper():
            try:
                find_call(what)
            except UsageError as error:
                raise UsageError(f"--inject {text}: {error}") from None
        elif what not in known:
            near = get_close_matches(what, known, 1)
            hint = f'did you mean "{near[0]}"?' if near else f"it is a service, {DISK} or {MEMORY}"
            raise UsageError(f'--inject {text}: nothing is called "{what}": {hint}')
        if first is None:
            return cls(what)
        end = _LAST if more == "+" else int(last or first)
        if not 1 <= int(first) <= end:
            raise UsageError(f"--inject {text}: occurrences are counted from 1, and the last is not before the first")
        return cls(what, int(first), end)

    def __str__(self) -> str:
        if (self.first, self.last) == (1, _LAST):
            return self.what
        if self.first == self.last:
            return f"{self.what}:when={self.first}"
        return f"{self.what}:when={self.first}" + ("+" if self.last == _LAST else f"..{self.last}")


class Faults:
    """The faults of one VM.

    Args:
        hooks: the VM's hooks.
        tell: gets the events.
    """

    def __init__(self, hooks: Hooks, tell: Callable[[Event], None]) -> None:
        self._hooks = hooks
        self._tell = tell
        self._disks: list[_FaultyBlock] = []
        self._all: list[_Armed] = []

    def add(self, wanted: Fault | str) -> None:
        """Have a fault strike from here on; its occurrences are counted from now.

        Raises:
            UsageError: there is no such fault, or the firmware has no disk.
        """
        fault = Fault.parse(wanted) if isinstance(wanted, str) else wanted
        armed = _Armed(fault, self._tell)
        self._all.append(armed)
        if fault.what == DISK:
            if not self._disks:
                raise UsageError(f"--inject {fault}: the firmware has no disk; -drive on --engine unicorn gives it one")
            for disk in self._disks:
                disk.arm(armed)
        elif fault.what == MEMORY:
            self._hooks.add(_CLAIM, "before", armed.at_service)
            self._hooks.add("call-method", "before", armed.at_method)
        else:
            self._hooks.add(fault.what, "before", armed.at_service)

    def clear(self) -> None:
        """No fault strikes from here on."""
        for disk in self._disks:
            disk.disarm()
        for armed in self._all:
            for hook in (armed.at_service, armed.at_method):
                self._hooks.remove(hook)
        self._all.clear()

    @property
    def disk_accesses(self) -> int:
        """Reads and writes of disks until now."""
        return sum(disk.accesses for disk in self._disks)

    def block(self, port: Block) -> Any:
        """A disk whose faults are this VM's."""
        disk = _FaultyBlock(port)
        self._disks.append(disk)
        return disk


class _Armed:
    """A fault that waits for its moment."""

    def __init__(self, fault: Fault, tell: Callable[[Event], None]) -> None:
        self._fault = fault
        self._tell = tell
        self._seen = 0

    def strikes(self, what: str) -> bool:
        """Whether it strikes at this occurrence."""
        self._seen += 1
        if not self._fault.first <= self._seen <= self._fault.last:
            return False
        self._tell(Injected(str(self._fault), f"{what} {self._seen}"))
        return True

    def at_service(self, call: Call | OsiHookCall) -> None:
        """A hook before a service, or before one of Mac-on-Linux's calls."""
        if self.strikes(call.service):
            call.fail("no memory is free" if self._fault.what == MEMORY else f"injected: {self._fault}")

    def at_method(self, call: Call) -> None:
        """A hook before `call-method`: packages claim memory, too."""
        if call.text("method") == _CLAIM and self.strikes("call-method claim"):
            call.fail("no memory is free")

    def at_disk(self, what: str) -> None:
        """A disk is about to do something."""
        if self.strikes(what):
            raise PortError(f"injected: {self._fault}")


class _FaultyBlock:
    """A port `Block` that may fail."""

    def __init__(self, block: Block) -> None:
        self._block = block
        self._armed: list[_Armed] = []
        self.accesses = 0

    @property
    def block_size(self) -> int:
        return self._block.block_size

    @property
    def size(self) -> int:
        return self._block.size

    def arm(self, armed: _Armed) -> None:
        self._armed.append(armed)

    def disarm(self) -> None:
        self._armed.clear()

    def read(self, offset: int, length: int) -> bytes:
        self.accesses += 1
        for armed in self._armed:
            armed.at_disk("disk read")
        return self._block.read(offset, length)

    def write(self, offset: int, data: bytes) -> None:
        self.accesses += 1
        for armed in self._armed:
            armed.at_disk("disk write")
        self._block.write(offset, data)
