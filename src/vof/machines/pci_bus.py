"""PCI buses as packages: what a driver below one asks its parent for (PCI binding 2.1 §3.1 and §5.3).

One object serves a host bridge and all bridges behind it: they differ in their bus number alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vof.errors import GuestFault, Throw, ThrowCode
from vof.memory import Claims
from vof.packages import OPENABLE, Instance, Method, Stack
from vof.pci import ConfigAccess, ConfigSpace, Function, Space
from vof.ports import Access, Bus, BusOp
from vof.tree import CellError, Node, decode_cells

__all__ = ["DeviceMaps", "PciBus", "Range", "ranges_of"]

_CELL = 0xFFFFFFFF
_ABSOLUTE = 1 << 31
_RANGE_CELLS = 6
_MOST_MAPS = 256
_PAGE = 0x1000


@dataclass(frozen=True, slots=True)
class Range:
    """What a host bridge passes on.

    Attributes:
        space: which of the bus's spaces.
        start, size: the bus's addresses.
        physical: the CPU's first address of it.
    """

    space: Space
    start: int
    size: int
    physical: int


def ranges_of(host: Node) -> tuple[Range, ...]:
    """What a host bridge's `ranges` says; its parent's addresses have one cell or, as PAPR's, two."""
    try:
        cells = decode_cells(host.properties.get("ranges", b""))
    except CellError:
        return ()
    parent = host.parent
    wide = parent is not None and parent.properties.get("#address-cells") == (2).to_bytes(4)
    step = _RANGE_CELLS + wide
    found = []
    for at in range(0, len(cells) - step + 1, step):
        high, upper, lower, *physical, size_high, size = cells[at : at + step]
        if high >> 24 & 3:
            start = physical[0] if len(physical) == 1 else physical[0] << 32 | physical[1]
            found.append(Range(Space(high >> 24 & 3), upper << 32 | lower, size_high << 32 | size, start))
    return tuple(found)


class DeviceMaps:
    """What drivers have mapped: the addresses at which `rl@` and its like reach devices' registers.

    They are little-endian, as everything behind PCI is; values are numbers (PCI binding §8.2).

    Args:
        bus: the port.
        memory_size: bytes of memory, whose addresses are no device's.
    """

    def __init__(self, bus: Bus, memory_size: int) -> None:
        self._bus = bus
        self._memory_size = memory_size
        self._maps: list[tuple[int, int, int]] = []

    def add(self, start: int, physical: int, size: int) -> int:
        """Map registers; the address that a driver has for them.

        Args:
            start: where they are on their bus: their address for the driver where the CPU's is too wide for a cell.
            physical: where they are for the CPU.
            size: in bytes.

        Raises:
            GuestFault: there is no such address, or there are too many maps.
        """
        address = physical if physical + size <= 1 << 32 else start
        if size <= 0 or address + size > 1 << 32 or address < self._memory_size:
            raise GuestFault("no address for {:#x} bytes at {:#x} of the bus", size, start)
        if (address, size, physical) not in self._maps:
            if len(self._maps) >= _MOST_MAPS:
                raise GuestFault("drivers have mapped {} ranges", _MOST_MAPS)
            self._maps.append((address, size, physical))
        return address

    def remove(self, address: int, size: int) -> None:
        """Undo that."""
        self._maps = [each for each in self._maps if each[:2] != (address, size)]

    def access(self, address: int, width: int, value: int | None = None) -> int:
        """Read a register, or write it where there is a value; 0 then.

        Raises:
            GuestFault: no driver has mapped one there.
            PortError: the device can't be reached.
        """
        for start, size, physical in self._maps:
            if start <= address and address + width <= start + size:
                where = physical + address - start
                if value is None:
                    (found,) = self._bus.run([Access(BusOp.READ, where, width)])
                    return _swapped(found, width)
                self._bus.run([Access(BusOp.WRITE, where, width, _swapped(value, width))])
                return 0
        raise GuestFault("no memory and no mapped device at {:#x}", address)


def _swapped(value: int, width: int) -> int:
    return int.from_bytes((value & (1 << 8 * width) - 1).to_bytes(width), "little")


class PciBus:
    """The buses behind one host bridge.

    Args:
        host: its node.
        config: configuration space.
        nodes: all nodes behind it, and what each is the node of.
        claims: where memory for DMA comes from; None where the bus's addresses of memory are not the CPU's.
        maps: where drivers' maps are kept.

    Attributes:
        config: configuration space.
        nodes: all nodes behind it, and what each is the node of.
    """

    def __init__(
        self,
        host: Node,
        config: ConfigSpace,
        nodes: Sequence[tuple[Node, Function]],
        claims: Claims | None,
        maps: DeviceMaps,
    ) -> None:
        self.config = config
        self.nodes = nodes
        self._ranges = ranges_of(host)
        self._claims = claims
        self._maps = maps
        methods = self.methods()
        for node in (host, *(node for node, function in nodes if function.is_bridge)):
            node.methods.update(methods)

    def physical(self, space: Space, address: int, size: int) -> int | None:
        """The CPU's address of what is at a bus address; None for what the host bridge doesn't pass on."""
        io = space is Space.IO
        for each in self._ranges:
            if (each.space is Space.IO) is io and each.start <= address and address + size <= each.start + each.size:
                return each.physical + address - each.start
        return None

    def methods(self) -> dict[str, Method]:
        """What drivers call by `$call-parent`."""
        methods: dict[str, Method] = {
            **OPENABLE,
            "map-in": self._map_in,
            "map-out": self._map_out,
            "config-b@": self._config_byte,
            "config-w@": self._config_word,
            "config-l@": self._config_long,
            "config-b!": self._set_config_byte,
            "config-w!": self._set_config_word,
            "config-l!": self._set_config_long,
        }
        if self._claims is not None:
            methods |= {
                "dma-alloc": self._dma_alloc,
                "dma-free": self._dma_free,
                "dma-map-in": _dma_map_in,
                "dma-map-out": _dma_nothing,
                "dma-sync": _dma_nothing,
            }
        return methods

    # Configuration space

    def _config_byte(self, instance: Instance, stack: Stack) -> None:
        """( address -- value )."""
        self._read_config(stack, 1)

    def _config_word(self, instance: Instance, stack: Stack) -> None:
        """( address -- value )."""
        self._read_config(stack, 2)

    def _config_long(self, instance: Instance, stack: Stack) -> None:
        """( address -- value )."""
        self._read_config(stack, 4)

    def _set_config_byte(self, instance: Instance, stack: Stack) -> None:
        """( value address -- )."""
        self._write_config(stack, 1)

    def _set_config_word(self, instance: Instance, stack: Stack) -> None:
        """( value address -- )."""
        self._write_config(stack, 2)

    def _set_config_long(self, instance: Instance, stack: Stack) -> None:
        """( value address -- )."""
        self._write_config(stack, 4)

    def _read_config(self, stack: Stack, width: int) -> None:
        stack += self.config.run([_config_access(stack.pop(), width)])

    def _write_config(self, stack: Stack, width: int) -> None:
        where, value = stack.pop(), stack.pop()
        self.config.run([_config_access(where, width, value & (1 << 8 * width) - 1)])

    # Mapping

    def _map_in(self, instance: Instance, stack: Stack) -> None:
        """( low middle high size -- address )."""
        size, high, middle, low = (stack.pop() & _CELL for _ in range(4))
        kind, offset = high >> 24 & 3, middle << 32 | low
        if not kind:
            raise Throw(ThrowCode.ABORT, "map-in: configuration space has no addresses")
        space = Space(kind)
        if not high & _ABSOLUTE:
            offset = self._relocated(high, offset, size)
        physical = self.physical(space, offset, size)
        if physical is None:
            raise Throw(ThrowCode.ABORT, f"map-in: {size:#x} bytes at {offset:#x}: the bus passes none on")
        try:
            stack.append(self._maps.add(offset, physical, size))
        except GuestFault as fault:
            raise Throw(ThrowCode.ABORT, f"map-in: {fault}") from None

    def _relocated(self, high: int, offset: int, size: int) -> int:
        """The address of something in what one of a function's registers decodes."""
        place = high >> 16 & 0xFF, high >> 11 & 0x1F, high >> 8 & 7
        for _, function in self.nodes:
            if (function.bus, function.device, function.function) == place:
                for bar in function.bars:
                    if bar.register == high & 0xFF and bar.address >= 0 and offset + size <= bar.size:
                        return bar.address + offset
        raise Throw(ThrowCode.ABORT, f"map-in: register {high & 0xFF:#x} decodes no {size:#x} bytes at {offset:#x}")

    def _map_out(self, instance: Instance, stack: Stack) -> None:
        """( address size -- )."""
        size, address = stack.pop() & _CELL, stack.pop() & _CELL
        self._maps.remove(address, size)

    # DMA: memory has the same addresses on the bus

    def _dma_alloc(self, instance: Instance, stack: Stack) -> None:
        """( size -- address )."""
        assert self._claims is not None
        size = stack.pop() & _CELL
        try:
            stack.append(self._claims.claim(0, size, _PAGE))
        except GuestFault as fault:
            raise Throw(ThrowCode.ABORT, f"dma-alloc: {fault}") from None

    def _dma_free(self, instance: Instance, stack: Stack) -> None:
        """( address size -- )."""
        assert self._claims is not None
        size, address = stack.pop() & _CELL, stack.pop() & _CELL
        try:
            self._claims.release(address, size)
        except GuestFault as fault:
            raise Throw(ThrowCode.ABORT, f"dma-free: {fault}") from None


def _dma_map_in(instance: Instance, stack: Stack) -> None:
    """( address size cacheable? -- address ): the same."""
    stack.pop(), stack.pop()


def _dma_nothing(instance: Instance, stack: Stack) -> None:
    """( address dma-address size -- )."""
    stack.pop(), stack.pop(), stack.pop()


def _config_access(where: int, width: int, value: int | None = None) -> ConfigAccess:
    where &= _CELL & -width
    return ConfigAccess(where >> 16 & 0xFF, where >> 11 & 0x1F, where >> 8 & 7, where & 0xFF, width, value)
