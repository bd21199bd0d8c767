"""The interrupt controller behind Mac-on-Linux's calls: levels and a mask, thirty-two of each."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Line", "Pic"]

_LINES = 32


class Pic:
    """The interrupt controller. At first all is masked.

    Attributes:
        level: the interrupts that are raised, as bits: interrupt 0 is the lowest.
        mask: those that may reach the CPU.
    """

    def __init__(self) -> None:
        self.level = 0
        self.mask = 0

    @property
    def enabled(self) -> bool:
        """Whether any interrupt may reach the CPU."""
        return self.mask != 0

    @property
    def active(self) -> bool:
        """Whether the CPU's external interrupt is asked for."""
        return self.level & self.mask != 0

    def set(self, number: int, on: bool) -> None:
        """Raise or lower an interrupt."""
        self.level = self.level | 1 << number if on else self.level & ~(1 << number)

    def pic_mask_irq(self, number: int) -> int:
        """Keep an interrupt from the CPU; a number that isn't one does nothing."""
        if number < _LINES:
            self.mask &= ~(1 << number)
        return 0

    def pic_unmask_irq(self, number: int) -> int:
        """Let an interrupt reach the CPU."""
        if number < _LINES:
            self.mask |= 1 << number
        return 0

    def pic_get_active_irq(self) -> int:
        """The interrupts that are raised and not masked."""
        return self.level & self.mask


@dataclass(slots=True)
class Line:
    """What a device raises its interrupt by. Several may share a number; each must then be acknowledged.

    Attributes:
        pic: the interrupt controller.
        number: the interrupt, 0 … 31.
        raised: whether it is.
    """

    pic: Pic
    number: int
    raised: bool = False

    def set(self, on: bool) -> bool:
        """Raise or lower it; whether it was raised."""
        was, self.raised = self.raised, on
        if was != on:
            self.pic.set(self.number, on)
        return was

    def route(self, number: int) -> bool:
        """Use another interrupt from now on; whether there is one of this number."""
        if not 0 <= number < _LINES:
            return False
        raised = self.set(False)
        self.number = number
        self.set(raised)
        return True
