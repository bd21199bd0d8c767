"""The devices of `mol` on fake ports, for tests that need no guest."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass, field

from vof.errors import GuestFault, PortError
from vof.firmware.osi.block_rings import Unit
from vof.firmware.osi.modes import Mode
from vof.firmware.osi.scsi_target import ScsiTarget
from vof.machines.mol import MolDevices, MolPorts
from vof.machines.nvram import Nvram
from vof.memory import GuestMemory
from vof.tree import DeviceTree, Node

RAM = 1 << 20
MAC = bytes.fromhex("525400123456")


@dataclass
class FakeDisk:
    data: bytearray
    block_size: int = 512
    broken: bool = False

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, offset: int, length: int) -> bytes:
        if self.broken:
            raise PortError("it is broken")
        return bytes(self.data[offset : offset + length])

    def write(self, offset: int, data: bytes) -> None:
        if self.broken:
            raise PortError("it is broken")
        assert offset + len(data) <= len(self.data)
        self.data[offset : offset + len(data)] = data


@dataclass
class FakeNetwork:
    mac: bytes = MAC
    sent: list[bytes] = field(default_factory=list)
    coming: list[bytes] = field(default_factory=list)

    def send(self, frame: bytes) -> None:
        self.sent.append(frame)

    def receive(self, milliseconds: int) -> bytes:
        return self.coming.pop(0) if self.coming else b""


@dataclass
class FakeConsole:
    shown: bytes = b""
    typed: bytes = b""

    def write(self, data: bytes) -> None:
        self.shown += data

    def read(self, limit: int) -> bytes:
        data, self.typed = self.typed[:limit], self.typed[limit:]
        return data

    def wait(self, milliseconds: int) -> bool:
        return bool(self.typed)


@dataclass
class FakeClock:
    now: int = 0
    slept: int = 0

    def milliseconds(self) -> int:
        return self.now

    def sleep(self, milliseconds: int) -> None:
        self.slept += milliseconds
        self.now += milliseconds

    def wall(self) -> int:
        return 1_000_000_000 + self.now // 1000


@dataclass
class FakeSink:
    kind: tuple[int, int, int, bool] | None = None
    samples: bytes = b""
    stopped: int = 0

    def start(self, rate: int, channels: int, bits: int, big_endian: bool) -> None:
        self.kind = rate, channels, bits, big_endian

    def write(self, samples: bytes) -> None:
        self.samples += samples

    def stop(self) -> None:
        self.stopped += 1


class FakeProperties:
    def set(self, node: Node, name: str, value: bytes) -> None:
        if name == "fixed":
            raise GuestFault("it may not be set")
        node.properties[name] = value


@dataclass
class FakeOwner:
    tree: DeviceTree = field(default_factory=DeviceTree)
    quiesced: bool = False
    client_properties: FakeProperties = field(default_factory=FakeProperties)

    def quiesce(self) -> None:
        assert not self.quiesced
        self.quiesced = True


class Bench:
    """All devices, and what is behind them."""

    def __init__(self, disks: Sequence[Unit] = (), screen: Mode | None = None, **ports: object) -> None:
        self.memory = GuestMemory(mmap.mmap(-1, RAM))
        self.screen = GuestMemory(mmap.mmap(-1, 16 << 20))
        self.console, self.clock, self.sink, self.network = FakeConsole(), FakeClock(), FakeSink(), FakeNetwork()
        self.disk, self.cd = FakeDisk(bytearray(range(256)) * 512), FakeDisk(bytearray(b"CD001") * 8192, 2048)
        self.devices = MolDevices(
            MolPorts(
                memory=self.memory,
                console=self.console,
                clock=self.clock,
                timebase=25_000_000,
                ticks=self.ticks,
                framebuffer=self.screen,
                sink=self.sink,
                nvram=Nvram(0x2000),
                units=disks or (Unit(self.disk, boot=True), Unit(self.cd, read_only=True, removable=True, cdrom=True)),
                targets={
                    0: ScsiTarget(self.disk, cdrom=False, read_only=False),
                    3: ScsiTarget(self.cd, cdrom=True, read_only=True),
                },
                network=self.network,
                screen=screen or Mode(640, 480, 32),
                resources={"key": ["one two", "three"]},
                files={"file": FakeDisk(bytearray(b"content"))},
                **ports,  # type: ignore[arg-type]
            )
        )
        self.owner = FakeOwner()
        self.tree = self.owner.tree
        self.tree.add("/", "mol")
        self.devices.show_tree(self.owner)

    def ticks(self) -> int:
        return 0x1_0000_0002

    def call(self, selector: int, *arguments: int) -> int | tuple[int | None, ...]:
        """What a guest gets that makes this call: None where nothing was there to answer."""
        function = self.devices.osi.get(selector)
        assert function is not None, selector
        answer = function(*[argument & 0xFFFFFFFF for argument in arguments], *[0] * (6 - len(arguments)))
        assert isinstance(answer, int | tuple)
        return answer

    def raised(self, number: int) -> bool:
        return bool(self.devices.pic.level >> number & 1)
