"""A firmware with nothing behind it: fake ports, a small machine, and argument blocks as clients lay them out."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from vof.events import ClientReturn, Event
from vof.firmware import SERVICES, OpenFirmware, Outcome, Return
from vof.machines.machine import furnish_standard_nodes, publish_available
from vof.memory import ClaimMap, GuestMemory
from vof.packages import OPENABLE, ConsolePackage
from vof.ports import Access, BusOp, Memory
from vof.tree import DeviceTree, Node, encode_cells, encode_string

__all__ = [
    "Answer",
    "BoundedMemory",
    "Caller",
    "FakeBus",
    "FakeClock",
    "FakeConsole",
    "FakeCpu",
    "FakeHypervisor",
    "Opened",
    "Package",
    "QuietConsole",
    "World",
]

LARGEST_COPY = 1 << 20
"""Bytes: nothing that the firmware reads or writes in one go may be larger, whatever the client asks."""
GUARD = 0xFEEDFACE
LOST = 1 << 30


class FakeClock:
    """The port `Clock`; time passes only by `sleep`."""

    START = 1_700_000_000
    """14 November 2023, 22:13:20 UTC."""

    def __init__(self) -> None:
        self.now = 0

    def milliseconds(self) -> int:
        return self.now

    def sleep(self, milliseconds: int) -> None:
        self.now += milliseconds

    def wall(self) -> int:
        return self.START + self.now // 1000


class FakeConsole:
    """The port `Console`.

    Attributes:
        output: what was written.
        waiting: input that is there.
        later: input that comes while somebody waits, piece by piece; b"" is a wait that brings nothing.
    """

    def __init__(self, waiting: bytes = b"", later: Sequence[bytes] = ()) -> None:
        self.output = bytearray()
        self.waiting = bytearray(waiting)
        self.later = list(later)
        self.largest_write = 0

    def write(self, data: bytes) -> None:
        self.output += data
        self.largest_write = max(self.largest_write, len(data))

    def read(self, limit: int) -> bytes:
        data = bytes(self.waiting[:limit])
        del self.waiting[:limit]
        return data

    def wait(self, milliseconds: int) -> bool:
        if not self.waiting and milliseconds:
            assert self.later, "the firmware waits for input that will never come"
            self.waiting += self.later.pop(0)
        return bool(self.waiting)


class QuietConsole:
    """The port `Console` where nobody types.

    Attributes:
        written: what was written.
    """

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def read(self, limit: int) -> bytes:
        return b""

    def wait(self, milliseconds: int) -> bool:
        return False


class FakeCpu:
    """The port `Cpu`: guest functions are Python functions of their arguments, by address."""

    def __init__(self) -> None:
        self.functions: dict[int, Callable[..., int]] = {}

    def call(self, entry: int, arguments: Sequence[int]) -> int:
        return self.functions[entry](*arguments) & 0xFFFFFFFF


class FakeHypervisor:
    """The port `Hypervisor`: functions by hypercall number, which return a status."""

    def __init__(self) -> None:
        self.functions: dict[int, Callable[..., int]] = {}
        self.calls: list[tuple[int, ...]] = []

    def hypercall(self, number: int, *arguments: int) -> tuple[int, ...]:
        self.calls.append((number, *arguments))
        function = self.functions.get(number)
        return (-2 if function is None else function(*arguments), *[0] * 8)


class FakeBus:
    """The port `Bus` over memory."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    def run(self, accesses: Sequence[Access]) -> list[int]:
        values = []
        for access in accesses:
            if access.op is BusOp.READ:
                values.append(int.from_bytes(self.memory.read(access.address, access.width), "big"))
            else:
                self.memory.write(access.address, access.value.to_bytes(access.width, "big"))
        return values


class BoundedMemory(GuestMemory):
    """Guest memory that tells when somebody copies more than a client's number should get out of the host."""

    def read(self, address: int, length: int) -> bytes:
        data = super().read(address, length)
        assert len(data) <= LARGEST_COPY
        return data


@dataclass(frozen=True, slots=True)
class Package:
    """The phandle of the package at a path: as an argument, or a result."""

    path: str


@dataclass(frozen=True, slots=True)
class Opened:
    """An ihandle: of the instance that was opened for this path, the first time that it is named."""

    path: str


Value = int | str | bytes | Package | Opened


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client call brought.

    Attributes:
        r3: signed.
        results: the result cells, unsigned.
        buffers: what the buffers that were arguments hold now.
    """

    r3: int
    results: tuple[int, ...]
    buffers: tuple[bytes, ...] = ()


@dataclass
class Caller:
    """Lays out argument blocks in guest memory as a client program does, and calls the client interface.

    Args:
        memory: guest memory.
        start, end: the part of it to use.
        invoke: calls the client interface with a block's address; returns r3.
    """

    memory: Memory
    start: int
    end: int
    invoke: Callable[[int], int]
    _next: int = field(init=False)

    def __post_init__(self) -> None:
        self._next = self.start

    def __call__(self, service: str, *arguments: int | str | bytes, nret: int | None = None) -> Answer:
        """Call a service.

        Args:
            service: its name.
            arguments: a str is put into memory with a NUL, bytes are a buffer; both are passed by address.
            nret: result cells; as many as declared if None.
        """
        wanted = len(SERVICES[service].results) if nret is None and service in SERVICES else nret or 0
        buffers = []
        cells = []
        for argument in arguments:
            if isinstance(argument, int):
                cells.append(argument & 0xFFFFFFFF)
            elif isinstance(argument, str):
                cells.append(self.put(argument.encode("latin-1") + b"\0"))
            else:
                cells.append(self.put(argument))
                buffers.append((cells[-1], len(argument)))
        block = self.block(service, cells, wanted)
        r3 = self.invoke(block)
        head = self.memory.read_cells(block, 3 + len(cells))
        assert head[1:] == (len(cells), wanted, *cells), "input cells were changed"
        results = self.memory.read_cells(block + 12 + 4 * len(cells), wanted + 1)
        assert results[-1] == GUARD, "the cell after the results was written"
        return Answer(r3, results[:-1], tuple(self.memory.read(*buffer) for buffer in buffers))

    def block(self, service: str, cells: Sequence[int], nret: int) -> int:
        """Lay out a block, with a guard cell after it; its address."""
        block = self.put(bytes(4 * (4 + len(cells) + nret)))
        name = self.put(service.encode("latin-1") + b"\0")
        self.memory.write_cells(block, (name, len(cells), nret, *cells, *[GUARD] * (nret + 1)))
        return block

    def put(self, data: bytes) -> int:
        """Put data somewhere; its address, a multiple of 8."""
        size = len(data) + 7 & ~7
        if self._next + size > self.end:
            self._next = self.start
        address = self._next
        self._next += size
        self.memory.write(address, data)
        return address


def small_tree() -> DeviceTree:
    tree = DeviceTree()
    tree.root.properties.update(
        {"#address-cells": encode_cells(1), "#size-cells": encode_cells(1), "compatible": b"vof,test\0"}
    )
    furnish_standard_nodes(tree, "vof,test")
    tree.add("/", "memory@0", {"device_type": b"memory\0"})
    tree.add("/", "cpus", {"#address-cells": encode_cells(1), "#size-cells": encode_cells(0)})
    tree.add("/cpus", "PowerPC,POWER8@0", {"device_type": b"cpu\0", "reg": encode_cells(0)})
    tree.add("/cpus", "PowerPC,POWER8@1", {"device_type": b"cpu\0", "reg": encode_cells(1)})
    tree.add("/", "vdevice", {"#address-cells": encode_cells(1), "#size-cells": encode_cells(0)})
    tree.add("/vdevice", "vty@71000000", {"device_type": b"serial\0", "reg": encode_cells(0x71000000)})
    tree.add("/", "pci@8", {"#address-cells": encode_cells(3), "#size-cells": encode_cells(2)})
    tree.add("/pci@8", "scsi@1", {"reg": encode_cells(0x800, 0, 0, 0, 0)})
    tree.add("/pci@8/scsi@1", "disk", {"device_type": b"block\0"})
    tree.set("/aliases", "disk", encode_string("/pci@8/scsi@1/disk@3,0"))
    tree.set("/aliases", "screen", encode_string("/vdevice/vty"))
    return tree


class World:
    """A firmware on fake ports, for one test.

    Attributes:
        events: all that the firmware told.
        call: calls the client interface.
    """

    SIZE = 64 << 20
    REGION = (60 << 20, 4 << 20)

    def __init__(self, console: FakeConsole | None = None) -> None:
        self.ram = mmap.mmap(-1, self.SIZE)
        self.memory = BoundedMemory(self.ram)
        self.claims = ClaimMap(self.SIZE)
        self.claims.reserve(*self.REGION)
        self.clock = FakeClock()
        self.console = console or FakeConsole()
        self.cpu = FakeCpu()
        self.tree = small_tree()
        self.tree.set("/memory", "reg", encode_cells(0, self.SIZE))
        publish_available(self.node("/memory"), self.claims)
        for path in ("/", "/memory", "/pci@8/scsi@1/disk"):
            self.node(path).methods.update(OPENABLE)
        self.node("/vdevice/vty").methods.update(ConsolePackage(self.memory, self.console).methods())
        self.firmware = OpenFirmware(
            self.tree, self.memory, self.claims, clock=self.clock, cpu=self.cpu, scratch=self.REGION[0] + 0x4000
        )
        self.firmware.console.use("/vdevice/vty")
        self.events: list[Event] = []
        self.firmware.listeners.append(self.events.append)
        self.outcome: Outcome = Return(LOST)
        self.call = Caller(self.memory, 0x10000, 0x80000, self.invoke)
        self._opened: dict[str, int] = {}

    def invoke(self, address: int) -> int:
        """Call the client interface; r3, or `LOST` where the call did not return."""
        self.outcome = self.firmware.call(address)
        return self.outcome.r3 if isinstance(self.outcome, Return) else LOST

    def node(self, path: str) -> Node:
        node = self.tree.find(path)
        assert node is not None
        return node

    def resolve(self, value: Value) -> int | str | bytes:
        """What to pass to `call` for a value of a table."""
        if isinstance(value, Package):
            return self.node(value.path).phandle
        if isinstance(value, Opened):
            if value.path not in self._opened:
                self._opened[value.path] = self.firmware.instances.open(value.path).ihandle
            return self._opened[value.path]
        return value

    def ask(self, service: str, *arguments: Value, nret: int | None = None) -> Answer:
        """Call a service with a table's values."""
        return self.call(service, *map(self.resolve, arguments), nret=nret)

    @property
    def fault(self) -> str:
        """Why the last call failed, as listeners were told; "" if it did not."""
        event = self.events[-1]
        assert isinstance(event, ClientReturn)
        return event.fault

    def state(self) -> Mapping[str, object]:
        """All that a call which failed must leave as it was."""
        firmware = self.firmware
        return {
            "claims": self.claims.changes,
            "instances": sorted(firmware.instances.by_ihandle),
            "tree": [(node.path, list(node.properties.items())) for node in self.tree],
            "callback": firmware.callbacks.entry,
            "symbols": firmware.callbacks.symbol_lookup,
            "quiesced": firmware.quiesced,
            "depth": firmware.depth,
            "shown": bytes(self.console.output),
        }
