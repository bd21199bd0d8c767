"""What the library benchmark calls: one case a service, on a firmware with a tree of a given size and fake ports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vof.firmware import Hooks, OpenFirmware
from vof.firmware.table import SERVICES
from vof.memory import ClaimMap, GuestMemory
from vof.packages import OPENABLE, ConsolePackage, Instance, Stack
from vof.tree import DeviceTree, Node, encode_int, encode_string

__all__ = ["CALLS", "CASES", "Case", "Desk"]

CALLS = 64
"""Calls in a batch, each of its own block, and on its own node."""
_MEMORY = 16 << 20
_BLOCKS, _BLOCK = 0x10000, 0x80
_BUFFERS, _BUFFER = 0x20000, 0x100
_STRINGS = 0x40000
_CHILDREN = 30
_UNSET = 0xFFFFFFFE


class _NoConsole:
    def write(self, data: bytes) -> None:
        pass

    def read(self, limit: int) -> bytes:
        return b""

    def wait(self, milliseconds: int) -> bool:
        return False


class _StoppedClock:
    def milliseconds(self) -> int:
        return 12345

    def sleep(self, milliseconds: int) -> None:
        pass

    def wall(self) -> int:
        return 0


class Desk:
    """A firmware, memory to call it from, and nodes to ask for.

    Args:
        size: how many nodes the tree has.

    Attributes:
        firmware: the firmware.
        nodes: as many as a batch has calls, from all over the tree.
        console: the console's ihandle.
    """

    def __init__(self, size: int) -> None:
        self.memory = GuestMemory(bytearray(_MEMORY))
        self._strings: dict[str, int] = {}
        self._free = _STRINGS
        tree = _tree(size)
        devices = [node for node in tree.walk() if node.base == "device"]
        self.nodes = [devices[index * (len(devices) - 1) // (CALLS - 1)] for index in range(CALLS)]
        console = tree.find("/console")
        assert console is not None
        console.methods.update(ConsolePackage(self.memory, _NoConsole()).methods())
        console.methods["nothing"] = _nothing
        console.methods["seek"] = _seek
        for node in self.nodes:
            node.methods.update(OPENABLE)
        hooks = Hooks(start_cpu=lambda node, entry, r3: None)
        claims = ClaimMap(_MEMORY)
        claims.reserve(0, 0x100000)
        self.firmware = OpenFirmware(tree, self.memory, claims, clock=_StoppedClock(), hooks=hooks)
        self.console = self.firmware.instances.open("/console").ihandle

    def text(self, text: str) -> int:
        """The address of a string."""
        address = self._strings.get(text)
        if address is None:
            address = self._strings[text] = self._free
            self.memory.write(address, text.encode("latin-1") + b"\0")
            self._free += len(text) + 1
        return address

    def buffer(self, index: int) -> int:
        """The address of 256 bytes."""
        return _BUFFERS + _BUFFER * index

    def lay_block(self, index: int, service: str, arguments: tuple[int, ...]) -> int:
        """Write an argument block; its address."""
        address = _BLOCKS + _BLOCK * index
        results = len(SERVICES[service].results)
        cells = (self.text(service), len(arguments), results, *arguments, *(_UNSET,) * results)
        self.memory.write_cells(address, cells)
        return address

    def result(self, index: int) -> int:
        """The first result cell of a block."""
        address = _BLOCKS + _BLOCK * index
        return self.memory.read_cells(address + 12 + 4 * self.memory.read_cells(address, 2)[1], 1)[0]


Arguments = Callable[[Desk, int], tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Case:
    """How a service is called.

    Attributes:
        service: its name.
        arguments: the arguments of the n-th call of a batch; may prepare what it needs.
        undo: undoes the n-th call.
        of_tree: whether it is measured on trees of all sizes.
    """

    service: str
    arguments: Arguments
    undo: Callable[[Desk, int], None] | None = None
    of_tree: bool = False

    def prepare(self, desk: Desk) -> list[int]:
        """Lay out a batch; the addresses of its blocks."""
        return [desk.lay_block(index, self.service, self.arguments(desk, index)) for index in range(CALLS)]

    def clean_up(self, desk: Desk) -> None:
        """Undo a batch."""
        if self.undo is not None:
            for index in range(CALLS):
                self.undo(desk, index)


def _tree(size: int) -> DeviceTree:
    """Buses with devices on them, as on a PCI machine, of `size` nodes in all."""
    tree = DeviceTree()
    tree.add("/", "console")
    bus: Node | None = None
    for number in range(size - 2):
        unit = f"@{number:08x}"
        if bus is None or number % (_CHILDREN + 1) == 0:
            bus = tree.add("/", "bus" + unit, {"#address-cells": encode_int(1), "#size-cells": encode_int(0)})
        else:
            values = {"reg": encode_int(number), "device_type": encode_string("none"), "compatible": b"one\0two\0"}
            tree.add(bus, "device" + unit, values)
    return tree


def _nothing(instance: Instance, stack: Stack) -> None:
    """( -- )."""


def _seek(instance: Instance, stack: Stack) -> None:
    """( low high -- status )."""
    del stack[-2:]
    stack.append(0)


def _handle(desk: Desk, index: int) -> tuple[int, ...]:
    return (desk.nodes[index].phandle,)


def _path(desk: Desk, index: int) -> int:
    return desk.text(desk.nodes[index].path)


def _open(desk: Desk, index: int) -> int:
    return desk.firmware.instances.open(desk.nodes[index].path).ihandle


def _close(desk: Desk, index: int) -> None:
    desk.firmware.instances.close(desk.firmware.instances.need(desk.result(index)))


def _claim(desk: Desk, index: int) -> int:
    return desk.firmware.claims.claim(0, 0x1000, 0x1000)


def _release(desk: Desk, index: int) -> None:
    desk.firmware.claims.release(desk.result(index), 0x1000)


def _transfer(desk: Desk, index: int) -> tuple[int, ...]:
    return desk.console, desk.buffer(index), 16


CASES: tuple[Case, ...] = (
    Case("peer", _handle, of_tree=True),
    Case("child", _handle, of_tree=True),
    Case("parent", _handle, of_tree=True),
    Case("getproplen", lambda d, i: (*_handle(d, i), d.text("reg")), of_tree=True),
    Case("getprop", lambda d, i: (*_handle(d, i), d.text("reg"), d.buffer(i), 64), of_tree=True),
    Case("nextprop", lambda d, i: (*_handle(d, i), d.text("reg"), d.buffer(i)), of_tree=True),
    Case("setprop", lambda d, i: (*_handle(d, i), d.text("compatible"), d.buffer(i), 8), of_tree=True),
    Case("finddevice", lambda d, i: (_path(d, i),), of_tree=True),
    Case("canon", lambda d, i: (_path(d, i), d.buffer(i), 64), of_tree=True),
    Case("package-to-path", lambda d, i: (*_handle(d, i), d.buffer(i), 64), of_tree=True),
    Case("open", lambda d, i: (_path(d, i),), _close, of_tree=True),
    Case("close", lambda d, i: (_open(d, i),), of_tree=True),
    Case("instance-to-package", lambda d, i: (d.console,)),
    Case("instance-to-path", lambda d, i: (d.console, d.buffer(i), 64)),
    Case("instance-to-interposed-path", lambda d, i: (d.console, d.buffer(i), 64)),
    Case("call-method", lambda d, i: (d.text("nothing"), d.console)),
    Case("read", _transfer),
    Case("write", _transfer),
    Case("seek", lambda d, i: (d.console, 0, 0)),
    Case("claim", lambda d, i: (0, 0x1000, 0x1000), _release),
    Case("release", lambda d, i: (_claim(d, i), 0x1000)),
    Case("test", lambda d, i: (d.text("getprop"),)),
    Case("milliseconds", lambda d, i: ()),
    Case("interpret", lambda d, i: (d.text("1 2 +"),)),
    Case("set-callback", lambda d, i: (0x1000,)),
    Case("set-symbol-lookup", lambda d, i: (0x1000, 0x2000)),
    Case("start-cpu", lambda d, i: (*_handle(d, i), 0x1000, 0)),
    Case("quiesce", lambda d, i: ()),
    Case("enter", lambda d, i: ()),
    Case("exit", lambda d, i: ()),
    Case("boot", lambda d, i: (d.text("disk"),)),
    Case("chain", lambda d, i: (_claim(d, i), 0x1000, 0x4000, 0, 0)),
)
"""Every service, in the order of the table's rows."""
