"""`Osi`: the calls that a machine has, by selector, over the devices that it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from vof.errors import GuestFault, PortError
from vof.firmware.hypervisor import OsiAnswer
from vof.firmware.osi.table import SELECTORS, Selector

__all__ = ["Osi"]


class _Call:
    """One row's call."""

    __slots__ = ("_count", "_function", "_osi", "_row")

    def __init__(self, osi: Osi, row: Selector, function: Callable[..., OsiAnswer]) -> None:
        self._osi = osi
        self._row = row
        self._function = function
        self._count = len(row.arguments)

    def __call__(self, *arguments: int) -> OsiAnswer:
        hook = self._osi.hooks.get(self._row.number)
        try:
            if hook is None:
                answer = self._function(*arguments[: self._count])
            else:
                answer = hook(self._function, arguments[: self._count])
        except (GuestFault, PortError) as error:
            answer, fault = self._row.failure, str(error)
        else:
            fault = ""
        told = self._osi.told
        if told is not None:
            told(self._row, arguments[: self._count], answer, fault)
        return answer


class Osi(Mapping[int, Callable[..., OsiAnswer]]):
    """The calls by selector: what `VirtualHypervisor.osi` wants.

    Args:
        devices: by the names that the table gives them.

    Attributes:
        told: is told of each call: its row, arguments and answer, and why it failed, if it did.
        hooks: by selector, what is called in place of a call, with what would have answered it and its arguments.
    """

    def __init__(self, devices: Mapping[str, Any]) -> None:
        self.told: Callable[[Selector, tuple[int, ...], OsiAnswer, str], None] | None = None
        self.hooks: Mapping[int, Callable[[Callable[..., OsiAnswer], tuple[int, ...]], OsiAnswer]] = {}
        self._polls: list[Callable[[], object]] = []
        self._calls: dict[int, _Call] = {}
        for name, device in devices.items():
            self.add(name, device)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "told": None, "hooks": {}}  # whoever looks on is none of a snapshot's

    def __getitem__(self, selector: int) -> Callable[..., OsiAnswer]:
        return self._calls[selector]

    def __iter__(self) -> Iterator[int]:
        return iter(self._calls)

    def __len__(self) -> int:
        return len(self._calls)

    def get(self, selector: int, default: Any = None) -> Any:
        """The call of this number."""
        return self._calls.get(selector, default)

    def add(self, name: str, device: Any) -> None:
        """Have a device's calls, too.

        Args:
            name: as in the table.
            device: has a method for each of its rows, and perhaps `poll`.
        """
        for row in SELECTORS.values():
            if row.device == name:
                self._calls[row.number] = _Call(self, row, getattr(device, row.method))
        if hasattr(device, "poll"):
            self._polls.append(device.poll)

    def withdraw(self, device: str) -> None:
        """Have a device's calls no more (PROM_IFACE's Close)."""
        for row in SELECTORS.values():
            if row.device == device:
                self._calls.pop(row.number, None)

    def poll(self) -> None:
        """Have the devices look at the outside: time, keys, frames."""
        for poll in self._polls:
            poll()
