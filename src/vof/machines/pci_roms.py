"""Expansion ROMs on PCI: the drivers in FCode that they hold, and running them (PCI binding 2.1 §9, PCI 2.1 §6.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from vof.errors import GuestFault, PortError, Throw, UsageError
from vof.firmware import OpenFirmware
from vof.machines.pci_bus import PciBus
from vof.outcomes import Departed
from vof.pci import Bar, Function
from vof.ports import Access, Bus, BusOp
from vof.rom import LONGEST_PROGRAM, OPEN_FIRMWARE, Image, find_images
from vof.tree import Node, encode_int, encode_string

__all__ = ["RomDriver", "find_drivers", "run_drivers"]

_COMMAND, _MEMORY_ENABLE = 0x04, 2
_ENABLE = 1
_WORD = 4
_HEADER_SIZE = 8


@dataclass(frozen=True, slots=True)
class RomDriver:
    """A driver in a device's ROM.

    Attributes:
        node: the device's node.
        function: the device.
        offset: where in the ROM the program begins.
        program: it, with its header.
    """

    node: Node
    function: Function
    offset: int
    program: bytes


def find_drivers(port: Bus, bus: PciBus, reports: list[str]) -> list[RomDriver]:
    """Look into every expansion ROM for a program that is for its device.

    Of a ROM without one only the headers are read.

    Args:
        port: reaches memory on the bus.
        bus: what is on it, with addresses.
        reports: where to tell of programs that can't be had, in words.
    """
    found = []
    for node, function in bus.nodes:
        for bar in function.bars:
            physical = bus.physical(bar.space, bar.address, bar.size) if bar.rom and bar.address >= 0 else None
            if physical is not None:
                try:
                    driver = _of_device(port, bus, node, function, bar, physical)
                    found += [driver] if driver is not None else []
                except (UsageError, PortError) as error:
                    reports.append(f"{_place(function)}: its ROM: {error}")
    return found


def _of_device(port: Bus, bus: PciBus, node: Node, function: Function, bar: Bar, physical: int) -> RomDriver | None:
    """What is in a device's ROM, which is there meanwhile only: it may share a decoder with registers (§6.2.5.2)."""
    (command,) = bus.config.run([function.access(_COMMAND, 2)])
    bus.config.run(
        [
            function.access(bar.register, 4, bar.address | _ENABLE),
            function.access(_COMMAND, 2, command | _MEMORY_ENABLE),
        ]
    )
    try:
        rom = _Rom(port, physical, bar.size)
        for image in _images(rom):
            ids = image.vendor, image.device
            if image.code_type == OPEN_FIRMWARE and ids == (function.vendor, function.device_id):
                return RomDriver(node, function, image.fcode, _program(rom, image))
        return None
    finally:
        bus.config.run([function.access(_COMMAND, 2, command), function.access(bar.register, 4, bar.address)])


def _images(rom: _Rom) -> Iterator[Image]:
    """The images, as far as there are any: a ROM may hold what is none."""
    with suppress(UsageError):
        yield from find_images(rom.read)


def _program(rom: _Rom, image: Image) -> bytes:
    """The FCode of an image, as long as its own header says.

    Raises:
        UsageError: it isn't inside of the image, or is longer than any program may be.
    """
    room = min(image.at + image.length, rom.size) - image.fcode
    header = rom.read(image.fcode, _HEADER_SIZE)
    length = int.from_bytes(header[4:])
    if len(header) < _HEADER_SIZE or not _HEADER_SIZE <= length <= min(room, LONGEST_PROGRAM):
        raise UsageError(f"FCode at {image.fcode:#x} of {length:#x} bytes, in an image that ends {room:#x} bytes on")
    return header + rom.read(image.fcode + _HEADER_SIZE, length - _HEADER_SIZE)


class _Rom:
    """A ROM that is mapped.

    Args:
        port: reaches it.
        start: the CPU's address of it.
        size: in bytes.
    """

    def __init__(self, port: Bus, start: int, size: int) -> None:
        self._port = port
        self._start = start
        self.size = size

    def read(self, at: int, count: int) -> bytes:
        """Bytes from a place on; fewer where the ROM ends."""
        end = min(at + count, self.size)
        first = at & -_WORD
        places = range(self._start + first, self._start + end, _WORD)
        words = self._port.run([Access(BusOp.READ, place, _WORD) for place in places])
        data = b"".join(word.to_bytes(_WORD) for word in words)
        return data[at - first : max(end, at) - first]


def run_drivers(firmware: OpenFirmware, drivers: Sequence[RomDriver], reports: list[str]) -> None:
    """Run what was found, each with its device's package as the active one and an instance of it as `my-self`.

    Whatever goes wrong in one is told, and the others run. Aliases follow a node that its driver has given a name.

    Args:
        firmware: the firmware, whose console the programs write to.
        drivers: the drivers.
        reports: where to tell of failures, in words.
    """
    if not drivers:
        return
    from vof.firmware.words.drivers import load_driver

    for driver in drivers:
        node = driver.node
        path, methods = node.path, dict(node.methods)
        node.properties["fcode-rom-offset"] = encode_int(driver.offset)
        try:
            load_driver(firmware.forth, node, driver.program)
        except Throw as thrown:
            reports.append(f"{_place(driver.function)}: the FCode in its ROM: {thrown.reason or thrown}")
        except (GuestFault, PortError, UsageError) as error:
            reports.append(f"{_place(driver.function)}: the FCode in its ROM: {error}")
        except Departed:
            reports.append(f"{_place(driver.function)}: the FCode in its ROM wanted to reset the machine, or to end it")
        if node.methods.get("open") is not methods.get("open"):
            for name, method in methods.items():  # what the machine had goes with the machine's own open
                if node.methods.get(name) is method:
                    del node.methods[name]
        _move_aliases(firmware, path, node.path)


def _move_aliases(firmware: OpenFirmware, before: str, path: str) -> None:
    aliases = firmware.tree.find("/aliases")
    if aliases is None or before == path:
        return
    for name, value in list(aliases.properties.items()):
        told = value.rstrip(b"\0").decode("latin-1")
        if name != "name" and (told == before or told.startswith(f"{before}/")):
            aliases.properties[name] = encode_string(path + told.removeprefix(before))


def _place(function: Function) -> str:
    where = f"{function.bus:02x}:{function.device:02x}.{function.function}"
    return f"PCI {where} ({function.vendor:04x}:{function.device_id:04x})"
