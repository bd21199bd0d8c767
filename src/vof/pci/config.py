"""Configuration space: how its registers are reached behind a host bridge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from vof.ports import Access, Bus, BusOp

__all__ = ["ConfigAccess", "ConfigSpace", "Form", "IndirectConfig"]


@dataclass(frozen=True, slots=True)
class ConfigAccess:
    """A read of a register, or a write where there is a value.

    Attributes:
        bus, device, function: whose; 0 … 255, 0 … 31, 0 … 7.
        register: 0 … 255, a multiple of the width.
        width: 1, 2 or 4 bytes.
        value: what to write; None for a read.
    """

    bus: int
    device: int
    function: int
    register: int
    width: int = 4
    value: int | None = None


class ConfigSpace(Protocol):
    """Configuration space of all buses behind a host bridge."""

    def run(self, accesses: Sequence[ConfigAccess]) -> list[int]:
        """Do the accesses in order; the values of the reads, in order. Where nothing is, all ones."""
        ...


class Form(Enum):
    """What is written to the address register."""

    PLAIN = auto()
    """Bit 31, bus, device, function and register (PCI 2.1 §3.7.4.1)."""
    UNI_NORTH = auto()
    """On the first bus a bit for the device, 11 … 31, and no bit 31; behind bridges the same as on the wires."""


class IndirectConfig:
    """An address register and, elsewhere, a data register, both little-endian.

    Args:
        bus: the port.
        address, data: the registers' physical addresses.
        form: what is written to the first.
    """

    def __init__(self, bus: Bus, address: int, data: int, form: Form = Form.PLAIN) -> None:
        self._bus = bus
        self._address = address
        self._data = data
        self._form = form

    def run(self, accesses: Sequence[ConfigAccess]) -> list[int]:
        """See `ConfigSpace`."""
        reachable = [self._reaches(access) for access in accesses]
        reads = [access for access in accesses if access.value is None]
        values = iter(self._bus.run(list(self._on_the_bus(accesses))))
        found: Iterator[int] = (
            swapped(next(values), access.width) if reaches else (1 << 8 * access.width) - 1
            for access, reaches in zip(accesses, reachable, strict=True)
            if access.value is None
        )
        result = list(found)
        assert len(result) == len(reads)
        return result

    def _reaches(self, access: ConfigAccess) -> bool:
        return self._form is Form.PLAIN or access.bus > 0 or access.device >= 11

    def _on_the_bus(self, accesses: Sequence[ConfigAccess]) -> Iterator[Access]:
        """What is read and written. The address is written where it isn't the last one's."""
        last = None
        for access in accesses:
            if self._reaches(access):
                address, data = self._both(access)
                if address != last:
                    yield address
                yield data
                last = address

    def _both(self, access: ConfigAccess) -> tuple[Access, Access]:
        if self._form is Form.PLAIN:
            where = 1 << 31 | access.bus << 16 | access.device << 11
            offset = access.register & 3
        else:
            where = access.bus << 16 | access.device << 11 | 1 if access.bus else 1 << access.device
            offset = access.register & 7
        where |= access.function << 8 | access.register & ~(3 if self._form is Form.PLAIN else 7)
        address = Access(BusOp.WRITE, self._address, 4, swapped(where, 4))
        if access.value is None:
            return address, Access(BusOp.READ, self._data + offset, access.width)
        value = swapped(access.value, access.width)
        return address, Access(BusOp.WRITE, self._data + offset, access.width, value)


def swapped(value: int, width: int) -> int:
    """A number with its bytes in the other order."""
    return int.from_bytes(value.to_bytes(width, "little"))
