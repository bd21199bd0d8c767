"""Scanning: every function on every bus, with the sizes of what it decodes; bridges get bus numbers.

A function decodes nothing from here on, until `vof.pci.assign` gives it addresses: its registers hold ones. That stops
what an operating system left under way, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from vof.pci.config import ConfigAccess, ConfigSpace

__all__ = ["Bar", "Function", "Space", "scan"]

_COMMAND, _STATUS, _CLASS, _HEADER, _BUS_NUMBERS, _PREFETCHABLE = 0x04, 0x06, 0x08, 0x0C, 0x18, 0x24
_SUBSYSTEM, _INTERRUPT = 0x2C, 0x3C
_FIRST_BAR = 0x10
_BARS = {0: 6, 1: 2}
"""How many, by header type; another type has none that are known."""
_ROM = {0: 0x30, 1: 0x38}
_ONES = 0xFFFFFFFF
_HOST, _BRIDGE = 0x0600, 0x0604
_LAST_BUS = 255
_DEEPEST = 32
"""Bridges behind each other; what is behind more stays closed. A device tree ends, and no real one goes so deep."""


class Space(Enum):
    """What a base address register is for; the number is the `ss` of a PCI address (PCI binding §2.2.1.1)."""

    IO = 1
    MEMORY = 2
    WIDE = 3
    """Memory with a 64-bit address."""


_HALVES = {Space.IO: (0,), Space.MEMORY: (0,), Space.WIDE: (0, 4)}
"""Where the halves of an address are, from a register on."""


@dataclass(slots=True)
class Bar:
    """A base address register that decodes something, or an expansion ROM's.

    Attributes:
        register: its first register.
        space: what it decodes.
        size: in bytes, a power of two.
        prefetchable: whether reads have no side effects.
        rom: whether it is an expansion ROM's.
        address: on the bus; -1 while it has none.
    """

    register: int
    space: Space
    size: int
    prefetchable: bool = False
    rom: bool = False
    address: int = -1


@dataclass(slots=True)
class Function:
    """A function of a device.

    Attributes:
        bus, device, function: where it is.
        vendor, device_id, revision, class_code, subsystem_vendor, subsystem: its identity; the class has three bytes.
        status: its status register.
        header: its header's type.
        pin: its interrupt pin, 1 … 4; 0 for none.
        line: its interrupt line, as the firmware numbers them; 255 for none.
        min_grant, max_latency: in quarters of a microsecond.
        bars: what it decodes.
        secondary, subordinate: of a bridge: its bus, and the last one behind it.
        passes_wide: of a bridge: whether its window for prefetchable memory has 64-bit addresses.
        children: of a bridge: what is on its bus.
        windows: of a bridge: what it passes on, by space: first address and size.
    """

    bus: int
    device: int
    function: int
    vendor: int = 0
    device_id: int = 0
    revision: int = 0
    class_code: int = 0
    subsystem_vendor: int = 0
    subsystem: int = 0
    status: int = 0
    header: int = 0
    pin: int = 0
    line: int = 255
    min_grant: int = 0
    max_latency: int = 0
    bars: list[Bar] = field(default_factory=list)
    secondary: int = 0
    subordinate: int = 0
    passes_wide: bool = False
    children: list[Function] = field(default_factory=list)
    windows: dict[Space, tuple[int, int]] = field(default_factory=dict)

    @property
    def is_bridge(self) -> bool:
        """Whether there is a bus behind it."""
        return self.class_code >> 8 == _BRIDGE and self.header == 1

    @property
    def is_host(self) -> bool:
        """Whether it is the host bridge, as PCI sees it: what it decodes is the machine's business."""
        return self.class_code >> 8 == _HOST

    def access(self, register: int, width: int = 4, value: int | None = None) -> ConfigAccess:
        """An access to one of its registers."""
        return ConfigAccess(self.bus, self.device, self.function, register, width, value)

    def walk(self) -> Iterator[Function]:
        """It, and all behind it."""
        yield self
        for child in self.children:
            yield from child.walk()


def scan(config: ConfigSpace, bus: int = 0, *, numbered: bool = False) -> list[Function]:
    """Find everything on a bus and behind its bridges.

    Args:
        config: configuration space.
        bus: the bus's number; those behind bridges are numbered from the next on.
        numbered: whether somebody has done that already.

    Returns:
        The functions on that bus, in order.
    """
    functions, _ = _scan_bus(config, bus, numbered, 0)
    return functions


def _scan_bus(config: ConfigSpace, bus: int, numbered: bool, depth: int) -> tuple[list[Function], int]:
    """The functions of a bus, and the last bus number in use."""
    functions = _find(config, [(bus, device, 0) for device in range(32)])
    several = [each for each in functions if each.header & 0x80]
    functions += _find(config, [(bus, each.device, number) for each in several for number in range(1, 8)])
    functions.sort(key=lambda each: (each.device, each.function))
    for each in functions:
        each.header &= 0x7F
    _size(config, functions)
    last = bus
    for bridge in functions:
        if bridge.is_bridge and depth < _DEEPEST:
            last = _scan_behind(config, bridge, last, numbered, depth + 1)
    return functions, last


def _scan_behind(config: ConfigSpace, bridge: Function, last: int, numbered: bool, depth: int) -> int:
    """See what is behind a bridge, where `last` is the last bus number in use; the last one then."""
    numbers, prefetchable = config.run([bridge.access(_BUS_NUMBERS), bridge.access(_PREFETCHABLE, 2)])
    bridge.passes_wide = prefetchable & 15 == 1
    if numbered:
        bridge.secondary, bridge.subordinate = numbers >> 8 & 0xFF, numbers >> 16 & 0xFF
        if bridge.secondary > last:  # else it is a loop, or nothing
            bridge.children, last = _scan_bus(config, bridge.secondary, numbered, depth)
    elif last < _LAST_BUS:
        bridge.secondary = last + 1
        config.run([bridge.access(_BUS_NUMBERS, 4, _LAST_BUS << 16 | bridge.secondary << 8 | bridge.bus)])
        bridge.children, last = _scan_bus(config, bridge.secondary, numbered, depth)
        bridge.subordinate = last
        config.run([bridge.access(_BUS_NUMBERS, 4, last << 16 | bridge.secondary << 8 | bridge.bus)])
    return last


def _find(config: ConfigSpace, places: list[tuple[int, int, int]]) -> list[Function]:
    """Those of these functions that are there."""
    ids = config.run([ConfigAccess(*place, 0) for place in places])
    found = []
    for place, value in zip(places, ids, strict=True):
        if value & 0xFFFF not in (0, 0xFFFF):
            found.append(Function(*place, vendor=value & 0xFFFF, device_id=value >> 16))
    asked = ((_COMMAND, 4), (_CLASS, 4), (_HEADER + 2, 1), (_SUBSYSTEM, 4), (_INTERRUPT, 4))
    values = config.run([each.access(*what) for each in found for what in asked])
    for number, each in enumerate(found):
        status, kind, header, subsystem, interrupt = values[number * len(asked) : (number + 1) * len(asked)]
        each.status, each.header = status >> 16, header
        each.revision, each.class_code = kind & 0xFF, kind >> 8
        if not header & 0x7F:
            each.subsystem_vendor, each.subsystem = subsystem & 0xFFFF, subsystem >> 16
        each.pin = interrupt >> 8 & 0xFF if interrupt >> 8 & 0xFF <= 4 else 0
        each.min_grant, each.max_latency = interrupt >> 16 & 0xFF, interrupt >> 24
    return found


def _size(config: ConfigSpace, functions: list[Function]) -> None:
    """See what each function decodes: ones that are written come back where an address may be chosen."""
    asked: list[tuple[Function, int]] = []
    accesses = []
    for each in functions:
        if each.is_host:
            continue
        accesses.append(each.access(_COMMAND, 2, 0))
        registers = [_FIRST_BAR + 4 * place for place in range(_BARS.get(each.header, 0))]
        for register in registers:
            accesses += [each.access(register, 4, _ONES), each.access(register)]
            asked.append((each, register))
        rom = _ROM.get(each.header)
        if rom is not None:
            accesses += [each.access(rom, 4, _ONES & ~1), each.access(rom)]
            asked.append((each, rom))
    upper = False
    values = config.run(accesses)
    for (each, register), value in zip(asked, values, strict=True):
        if register == _ROM[each.header]:
            size = _lowest(value & 0xFFFFF800)
            if size:
                each.bars.append(Bar(register, Space.MEMORY, size, rom=True))
            upper = False
        elif upper:
            upper = False
            if not each.bars[-1].size:  # more than 4 GiB
                each.bars[-1].size = _lowest(value) << 32
                if not value:
                    each.bars.pop()
        elif value & 1:
            size = _lowest(value & 0xFFFFFFFC)
            if size:
                each.bars.append(Bar(register, Space.IO, size))
        elif value & 6 == 4:
            if register + 4 < _FIRST_BAR + 4 * _BARS[each.header]:
                each.bars.append(Bar(register, Space.WIDE, _lowest(value & 0xFFFFFFF0), bool(value & 8)))
                upper = True
        elif value & 0xFFFFFFF0:
            each.bars.append(Bar(register, Space.MEMORY, _lowest(value & 0xFFFFFFF0), bool(value & 8)))

    known = {(id(each), bar.register + more) for each in functions for bar in each.bars for more in _HALVES[bar.space]}
    senseless = [one for one, value in zip(asked, values, strict=True) if value and (id(one[0]), one[1]) not in known]
    if senseless:
        config.run([each.access(register, 4, 0) for each, register in senseless])


def _lowest(value: int) -> int:
    """The lowest bit that is set: what a register's size is, whatever a device says above it."""
    return value & -value
