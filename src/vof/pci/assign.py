"""Assigning: addresses from a host bridge's windows, the largest first; what finds no room is told and stays off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from vof.pci.config import ConfigAccess, ConfigSpace
from vof.pci.scan import Bar, Function, Space

__all__ = ["Assignment", "Windows", "assign"]

_COMMAND, _INTERRUPT_LINE = 0x04, 0x3C
_IO_ENABLE, _MEMORY_ENABLE, _MASTER = 1, 2, 4
_GRAIN = {Space.IO: 0x1000, Space.MEMORY: 0x100000, Space.WIDE: 0x100000}
"""What a bridge passes on starts and ends at multiples of this."""
_IO_LIMIT, _MEMORY_LIMIT, _PREFETCHABLE_LIMIT = 0x1C, 0x20, 0x24
_PREFETCHABLE_UPPER, _IO_UPPER = 0x28, 0x30
_BRIDGED_PORTS = 0x10000
"""Not every bridge passes on ports from here on."""

Route = Callable[[Function, int], int]
"""The interrupt line of a function on the host bridge's bus and a pin of it, 1 … 4; 255 for none. What is behind a
bridge interrupts by the bridge's pins."""


@dataclass(frozen=True, slots=True)
class Windows:
    """What a host bridge passes on to its bus, as bus addresses: first and size.

    Attributes:
        io: I/O ports. Those of ISA devices are kept free: it starts behind them.
        memory: memory, below 4 GiB.
        wide: memory at any address, for what is prefetchable and has 64-bit addresses; where there is none, that is
            in `memory` as well.
    """

    io: tuple[int, int]
    memory: tuple[int, int]
    wide: tuple[int, int] = (0, 0)


@dataclass(slots=True)
class Assignment:
    """What came of it.

    Attributes:
        reports: what found no room, each in words.
    """

    reports: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Wish:
    """A range that somebody wants: for a register, or, where there is none, for a bridge to pass on."""

    size: int
    align: int
    who: Function
    bar: Bar | None


def assign(config: ConfigSpace, functions: list[Function], windows: Windows, route: Route | None = None) -> Assignment:
    """Give all that `scan` found addresses, interrupt lines, and leave to decode them.

    Bridges are let master the bus, since what is behind them has to; other functions are not. The same functions come
    to the same addresses.

    Args:
        config: configuration space.
        functions: what is on the host bridge's bus.
        windows: what it passes on.
        route: tells the interrupt lines; none are set where there is none.
    """
    done = Assignment()
    everything = [function for each in functions for function in each.walk()]
    for function in everything:
        function.windows.clear()
        for bar in function.bars:
            bar.address = -1
    spaces = {Space.IO: windows.io, Space.MEMORY: windows.memory, Space.WIDE: windows.wide}
    for space, window in spaces.items():
        _Placing(space, windows.wide[1] > 0, done.reports).place(functions, window)
    if route is not None:
        for each in functions:
            _set_lines(each, [route(each, pin) for pin in range(1, 5)])
    config.run([access for function in everything for access in _writes(function)])
    return done


def _set_lines(function: Function, lines: list[int]) -> None:
    """Give a function, whose pins have these lines, and all behind it theirs.

    Behind a bridge the pins go round with the device's number (PCI to PCI bridges 1.1 §9.1).
    """
    if function.pin:
        function.line = lines[function.pin - 1]
    for child in function.children:
        _set_lines(child, [lines[(number + child.device) % 4] for number in range(4)])


class _Placing:
    """Gives the wishes for one kind of space their places.

    Args:
        space: which.
        wide: whether the host bridge has a window for wide addresses.
        reports: where to tell what found no room.
    """

    def __init__(self, space: Space, wide: bool, reports: list[str]) -> None:
        self._space = space
        self._wide = wide
        self._reports = reports
        self._refused: set[tuple[int, int, int, int]] = set()

    def place(self, functions: list[Function], window: tuple[int, int]) -> None:
        """Put what is on the host bridge's bus, and all behind it, into a window, as far as it fits."""
        self._place(functions, window, self._wide)

    def _place(self, functions: list[Function], window: tuple[int, int], wide: bool) -> None:
        next_free, end = window[0], window[0] + window[1]
        for wish in _in_order(self._wishes(functions, wide)):
            fitting = self._fitting(wish, next_free, end, wide)
            if fitting is None:
                continue
            start = _aligned(next_free, fitting.align)
            next_free = start + fitting.size
            if fitting.bar is not None:
                fitting.bar.address = start
            else:
                bridge = fitting.who
                bridge.windows[self._space] = (start, fitting.size)
                self._place(bridge.children, (start, fitting.size), wide and bridge.passes_wide)

    def _fitting(self, wish: _Wish | None, start: int, end: int, wide: bool) -> _Wish | None:
        """A wish that fits. A bridge makes do with less: the largest behind it is left out, and the next largest."""
        while wish is not None:
            limit = end if wish.bar or self._space is not Space.IO else min(end, _BRIDGED_PORTS)
            if _aligned(start, wish.align) + wish.size <= limit:
                return wish
            if wish.bar is not None:
                self._refuse(wish.who, wish.bar)
                return None
            bars = self._bars([wish.who], wide)
            size = max(bar.size for _, bar in bars)
            self._refuse(*next(one for one in reversed(bars) if one[1].size == size))
            wish = next(iter(self._wishes([wish.who], wide, registers=False)), None)
        return None

    def _refuse(self, who: Function, bar: Bar) -> None:
        self._refused.add(_place_of(who, bar))
        self._reports.append(_report(who, bar))

    def _wants(self, who: Function, bar: Bar, wide: bool) -> bool:
        if _place_of(who, bar) in self._refused:
            return False
        if bar.space is Space.WIDE:
            return self._space is (Space.WIDE if wide and bar.prefetchable else Space.MEMORY)
        return self._space is bar.space

    def _bars(self, bridges: list[Function], wide: bool) -> list[tuple[Function, Bar]]:
        """What is behind bridges."""
        found = []
        for bridge in bridges:
            inner = wide and bridge.passes_wide
            found += [(each, bar) for each in bridge.children for bar in each.bars if self._wants(each, bar, inner)]
            found += self._bars(bridge.children, inner)
        return found

    def _wishes(self, functions: list[Function], wide: bool, *, registers: bool = True) -> list[_Wish]:
        """What the functions on a bus want, for their registers and for what is behind them, or only that."""
        wishes = []
        for each in functions:
            if registers:
                wishes += [_Wish(bar.size, bar.size, each, bar) for bar in each.bars if self._wants(each, bar, wide)]
            behind = self._wishes(each.children, wide and each.passes_wide)
            if behind:
                grain = _GRAIN[self._space]
                size = 0
                for wish in _in_order(behind):
                    size = _aligned(size, wish.align) + wish.size
                align = max(grain, *(wish.align for wish in behind))
                wishes.append(_Wish(_aligned(size, grain), align, each, None))
        return wishes


def _in_order(wishes: list[_Wish]) -> list[_Wish]:
    return sorted(wishes, key=lambda wish: (-wish.align, -wish.size))


def _aligned(address: int, align: int) -> int:
    return -(-address // align) * align


def _place_of(who: Function, bar: Bar) -> tuple[int, int, int, int]:
    return who.bus, who.device, who.function, bar.register


def _report(who: Function, bar: Bar) -> str:
    what = "its ROM" if bar.rom else "registers"
    where = "I/O ports" if bar.space is Space.IO else "memory"
    place = f"{who.bus:02x}:{who.device:02x}.{who.function} ({who.vendor:04x}:{who.device_id:04x})"
    return f"PCI {place}: no room for {what}, {bar.size:#x} bytes of {where}"


def _writes(function: Function) -> list[ConfigAccess]:
    """What makes it decode what it was given."""
    if function.is_host:
        return []
    accesses = []
    command = 0
    missing = 0
    for bar in function.bars:
        enable = _IO_ENABLE if bar.space is Space.IO else _MEMORY_ENABLE
        upper, lower = divmod(max(bar.address, 0), 1 << 32)
        accesses.append(function.access(bar.register, 4, lower))
        if bar.space is Space.WIDE:
            accesses.append(function.access(bar.register + 4, 4, upper))
        if bar.address < 0:
            missing |= 0 if bar.rom else enable
        elif not bar.rom:  # whoever reads a ROM turns it on, and off again
            command |= enable
    if function.is_bridge:
        accesses += _window_writes(function)
        command |= _MASTER
        command |= _IO_ENABLE if Space.IO in function.windows else 0
        command |= _MEMORY_ENABLE if {Space.MEMORY, Space.WIDE} & function.windows.keys() else 0
    if function.pin:
        accesses.append(function.access(_INTERRUPT_LINE, 1, function.line))
    accesses.append(function.access(_COMMAND, 2, command & ~missing))
    return accesses


def _window_writes(bridge: Function) -> list[ConfigAccess]:
    """The bridge's windows. One that passes nothing on ends before it starts (PCI to PCI bridges 1.1 §3.2.5.6)."""
    start, last = _ends(bridge, Space.IO, 0xF000)
    io = (last >> 8 & 0xF0) << 8 | start >> 8 & 0xF0
    start, last = _ends(bridge, Space.MEMORY, 0xFFF00000)
    memory = (last >> 16 & 0xFFF0) << 16 | start >> 16 & 0xFFF0
    start, last = _ends(bridge, Space.WIDE, 0xFFF00000)
    prefetchable = (last >> 16 & 0xFFF0) << 16 | start >> 16 & 0xFFF0
    return [
        bridge.access(_IO_LIMIT, 2, io),
        bridge.access(_IO_UPPER, 4, 0),
        bridge.access(_MEMORY_LIMIT, 4, memory),
        bridge.access(_PREFETCHABLE_LIMIT, 4, prefetchable),
        bridge.access(_PREFETCHABLE_UPPER, 4, start >> 32),
        bridge.access(_PREFETCHABLE_UPPER + 4, 4, last >> 32),
    ]


def _ends(bridge: Function, space: Space, nowhere: int) -> tuple[int, int]:
    """First and last address of what a bridge passes on; `nowhere` and 0 if that is nothing."""
    start, size = bridge.windows.get(space, (nowhere, 0))
    return start, start + size - 1 if size else 0
