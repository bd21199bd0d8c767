"""Assigning: addresses from a host bridge's windows, the largest first; what finds no room is told and stays off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from vof.pci.config import ConfigAccess, ConfigSpace
from vof.pci.scan import Bar, Function, Space

__all__ = ["Assignment", "Windows", "assign"]

_COMMAND, _INTERRUPT_LINE = 0x04, 0x3C
_IO_ENABLE, _MEMORY_ENABLE, _MASTER = 1, 2, 4
_GRAIN = {Space.IO: 0x1000, Space.MEMORY: 0x100000}
"""What a bridge passes on starts and ends at multiples of this."""
_IO_LIMIT, _MEMORY_LIMIT, _PREFETCHABLE_LIMIT = 0x1C, 0x20, 0x24
_IO_UPPER = 0x30

Route = Callable[[Function], int]
"""The interrupt line of a function whose pin is not 0; 255 for none."""


@dataclass(frozen=True, slots=True)
class Windows:
    """What a host bridge passes on to its bus, as bus addresses: first and size.

    Attributes:
        io: I/O ports. Those of ISA devices are kept free: it starts behind them.
        memory: memory, below 4 GiB.
    """

    io: tuple[int, int]
    memory: tuple[int, int]


@dataclass(slots=True)
class Assignment:
    """What came of it.

    Attributes:
        reports: what found no room, each in words.
    """

    reports: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Wish:
    """A range that somebody wants."""

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
        route: tells interrupt lines; none are set where there is none.
    """
    done = Assignment()
    for space, window in ((Space.IO, windows.io), (Space.MEMORY, windows.memory)):
        _place(functions, space, window, done)
    accesses: list[ConfigAccess] = []
    for each in functions:
        for function in each.walk():
            if route is not None and function.pin:
                function.line = route(function)
            accesses += _writes(function)
    config.run(accesses)
    return done


def _space(bar: Bar) -> Space:
    return Space.IO if bar.space is Space.IO else Space.MEMORY


def _wishes(functions: list[Function], space: Space) -> list[_Wish]:
    wishes = [_Wish(bar.size, bar.size, each, bar) for each in functions for bar in each.bars if _space(bar) is space]
    for bridge in functions:
        if bridge.is_bridge:
            behind = _wishes(bridge.children, space)
            if behind:
                grain = _GRAIN[space]
                align = max(grain, *(wish.align for wish in behind))
                size, offset = 0, 0
                for wish in _in_order(behind):
                    offset = -(-offset // wish.align) * wish.align + wish.size
                size = -(-offset // grain) * grain
                wishes.append(_Wish(size, align, bridge, None))
    return wishes


def _in_order(wishes: list[_Wish]) -> list[_Wish]:
    return sorted(wishes, key=lambda wish: (-wish.align, -wish.size))


def _place(functions: list[Function], space: Space, window: tuple[int, int], done: Assignment) -> None:
    """Give every wish a place in a window, as far as they fit."""
    next_free, end = window[0], window[0] + window[1]
    for wish in _in_order(_wishes(functions, space)):
        start = -(-next_free // wish.align) * wish.align
        if start + wish.size > end:
            done.reports.append(_report(wish, space))
            continue
        next_free = start + wish.size
        if wish.bar is not None:
            wish.bar.address = start
        else:
            wish.who.windows[space] = (start, wish.size)
            _place(wish.who.children, space, (start, wish.size), done)


def _report(wish: _Wish, space: Space) -> str:
    who = wish.who
    what = "what is behind it" if wish.bar is None else "its ROM" if wish.bar.rom else "registers"
    where = "I/O ports" if space is Space.IO else "memory"
    place = f"{who.bus:02x}:{who.device:02x}.{who.function} ({who.vendor:04x}:{who.device_id:04x})"
    return f"PCI {place}: no room for {what}, {wish.size:#x} bytes of {where}"


def _writes(function: Function) -> list[ConfigAccess]:
    """What makes it decode what it was given."""
    if function.is_host:
        return []
    accesses = []
    command = 0
    missing = 0
    for bar in function.bars:
        enable = _IO_ENABLE if bar.space is Space.IO else _MEMORY_ENABLE
        accesses.append(function.access(bar.register, 4, max(bar.address, 0)))
        if bar.space is Space.WIDE:
            accesses.append(function.access(bar.register + 4, 4, 0))
        if bar.address < 0:
            missing |= 0 if bar.rom else enable
        elif not bar.rom:  # whoever reads a ROM turns it on, and off again
            command |= enable
    if function.is_bridge:
        accesses += _window_writes(function)
        command |= _MASTER
        command |= _IO_ENABLE if Space.IO in function.windows else 0
        command |= _MEMORY_ENABLE if Space.MEMORY in function.windows else 0
    if function.pin:
        accesses.append(function.access(_INTERRUPT_LINE, 1, function.line))
    accesses.append(function.access(_COMMAND, 2, command & ~missing))
    return accesses


def _window_writes(bridge: Function) -> list[ConfigAccess]:
    """The bridge's windows. One that passes nothing on ends before it starts (PCI to PCI bridges 1.1 §3.2.5.6)."""
    start, size = bridge.windows.get(Space.IO, (0xF000, 0))
    last = start + size - 1 if size else 0
    io = (last >> 8 & 0xF0) << 8 | start >> 8 & 0xF0
    upper = (last >> 16) << 16 | start >> 16 if size else 0
    start, size = bridge.windows.get(Space.MEMORY, (0xFFF00000, 0))
    last = start + size - 1 if size else 0
    memory = (last >> 16 & 0xFFF0) << 16 | start >> 16 & 0xFFF0
    return [
        bridge.access(_IO_LIMIT, 2, io),
        bridge.access(_IO_UPPER, 4, upper),
        bridge.access(_MEMORY_LIMIT, 4, memory),
        bridge.access(_PREFETCHABLE_LIMIT, 4, 0x0000FFF0),
    ]
