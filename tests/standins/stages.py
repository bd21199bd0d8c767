"""Where the stand-ins are run: the machines `generic` and `pseries`, on fakes and as guests of both engines.

`pseries` lacks what a Mac's loaders look for, so it gets it here: an MMU, a disk, a clock. That tree stands in, too.
"""

from __future__ import annotations

import gzip
import mmap
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benches import FakeBench, QemuBench
from fakes import Caller, FakeBus, FakeClock, FakeConsole, FakeCpu, FakeHypervisor

from disk_images import LAYOUTS, make_image
from vof.errors import PortError
from vof.firmware import OpenFirmware
from vof.machines.disks import Disk as MachineDisk
from vof.machines.generic import Generic, GenericOptions
from vof.machines.machine import Program, Site
from vof.memory import ClaimMap, GuestMemory
from vof.outcomes import Return
from vof.packages import MemoryPackage, Mmu, RtcPackage
from vof.packages.disk import DiskPackage
from vof.ports import Memory, Partition
from vof.tree import DeviceTree, Node, encode_int, encode_string

__all__ = ["STAGES", "Stage"]

MIB = 1 << 20
FLATTENED = Path(__file__).resolve().parent.parent / "data" / "pseries.dtb.gz"
BOOTPATH = "/disks/disk@0:1,\\loader"
OF_3 = "OpenFirmware 3"
"""What Apple's newest firmware, and OpenBIOS, call themselves."""
ARGUMENTS = "-s"


class Disk:
    """The port `Block`: zeroes."""

    block_size = 512
    size = MIB

    def read(self, offset: int, length: int) -> bytes:
        return bytes(min(length, max(0, self.size - offset)))

    def write(self, offset: int, data: bytes) -> None:
        raise PortError("read-only")


class Partitions:
    """The port `Partitions`: one."""

    def find(self, number: int) -> tuple[int, int]:
        if number != 1:
            raise PortError(f"no partition {number}")
        return 0x8000, Disk.size - 0x8000

    def list(self) -> list[Partition]:
        return [Partition(1, *self.find(1), "0x83")]


class Stage(Protocol):
    """A machine that has started a client program, which makes the calls."""

    call: Caller

    def type_key(self) -> None:
        """Press a key."""
        ...

    def close(self) -> None: ...


class GenericFake:
    """`generic` on fake ports.

    Args:
        real_mode: whether addresses are real.
    """

    _RAM = 64 * MIB
    _REGION = (_RAM - 0x220000, 0x220000)
    _ARENA = (0x2800000, 0x2900000)

    def __init__(self, real_mode: bool) -> None:
        memory = GuestMemory(mmap.mmap(-1, self._RAM))
        self._console = FakeConsole()
        site = Site(
            memory=memory,
            cpu=FakeCpu(),
            hypervisor=FakeHypervisor(),
            bus=FakeBus(memory),
            console=self._console,
            clock=FakeClock(),
            region=self._REGION,
            scratch=self._REGION[0] + 0x4000,
            tree_room=(self._REGION[0] + 0x20000, 0x200000),
        )
        disks = (MachineDisk("", Disk(), Partitions()),)
        options = GenericOptions(disks=disks, bootpath=BOOTPATH, real_mode=real_mode)
        self._machine = Generic(site, OF_3, options)
        self._firmware = self._machine.power_on(0, Program(arguments=ARGUMENTS), _change_nothing)
        self.call = Caller(self._machine.memory, *self._ARENA, self._invoke)

    def type_key(self) -> None:
        self._console.waiting += b"y"

    def close(self) -> None:
        pass

    def _invoke(self, block: int) -> int:
        outcome = self._firmware.call(block)
        assert isinstance(outcome, Return)
        return outcome.r3


class PseriesFake(FakeBench):
    """`pseries` on fake ports."""

    def __init__(self) -> None:
        super().__init__(gzip.decompress(FLATTENED.read_bytes()), b"")
        make_it_a_mac(self.firmware, self.memory)

    def type_key(self) -> None:
        self._console.waiting += b"y"


class Guest(QemuBench):
    """A machine on an engine, with a guest that makes the calls."""

    def type_key(self) -> None:
        os.write(self._keyboard[1], b"y")


class PseriesOnQemu(Guest):
    """`pseries` on QEMU."""

    def __init__(self) -> None:
        super().__init__(32)
        make_it_a_mac(self.firmware, self.memory)


class GenericOnUnicorn(Guest):
    """`generic` in process, with an image that has a real partition table.

    Args:
        machine: with its options.
        trap: the way into the firmware.
    """

    def __init__(self, machine: str, trap: str) -> None:
        self._images = tempfile.TemporaryDirectory()
        image = make_image(Path(self._images.name) / "disk.img", LAYOUTS["mbr"])
        super().__init__(
            32,
            trap,
            machine=machine,
            engine="unicorn",
            append=ARGUMENTS,
            drives=[f"file={image},format=raw"],
            sets=[f"/openprom:model={OF_3}", f"/chosen:bootpath={BOOTPATH}"],
            extra=(),
        )

    def close(self) -> None:
        super().close()
        self._images.cleanup()


def make_it_a_mac(firmware: OpenFirmware, memory: Memory) -> None:
    """Give a machine what it lacks of what the clients look for."""
    tree = firmware.tree
    mmu = Mmu(memory.size)
    _add(tree, "mmu", "").methods.update(mmu.methods())
    for name, read in mmu.properties().items():
        _node(tree, "/mmu").properties.compute(name, read)
    assert isinstance(firmware.claims, ClaimMap)
    _node(tree, "/memory").methods.update(MemoryPackage(firmware.claims).methods())
    _add(tree, "rtc", "rtc").methods.update(RtcPackage(firmware.clock).methods())
    disks = _add(tree, "disks", "")
    disks.properties.update({"#address-cells": encode_int(1), "#size-cells": encode_int(0)})
    disk = tree.add(disks, "disk@0", {"device_type": encode_string("block"), "reg": encode_int(0)})
    disk.methods.update(DiskPackage(memory, Disk(), Partitions()).methods())
    for cpu in _node(tree, "/cpus").children:
        cpu.properties.setdefault("bus-frequency", encode_int(100_000_000))
    tree.set("/aliases", "disk", encode_string("/disks/disk@0"))
    tree.set("/openprom", "model", encode_string(OF_3))
    tree.set("/chosen", "mmu", encode_int(firmware.instances.open("/mmu").ihandle))
    tree.set("/chosen", "bootpath", encode_string(BOOTPATH))
    tree.set("/chosen", "bootargs", encode_string(ARGUMENTS))


def _add(tree: DeviceTree, name: str, kind: str) -> Node:
    return tree.add("/", name, {"device_type": encode_string(kind)} if kind else {})


def _node(tree: DeviceTree, path: str) -> Node:
    node = tree.find(path)
    assert node is not None
    return node


def _change_nothing(tree: DeviceTree) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Setting:
    """One of the stages.

    Attributes:
        make: sets it up.
        guest: whether an emulator runs.
    """

    make: type[Stage]
    arguments: tuple[object, ...] = ()
    guest: bool = False

    def __call__(self) -> Stage:
        return self.make(*self.arguments)


STAGES = {
    "generic-fake": Setting(GenericFake, (True,)),
    "generic-translated-fake": Setting(GenericFake, (False,)),
    "pseries-fake": Setting(PseriesFake),
    "generic-unicorn-hypercall": Setting(GenericOnUnicorn, ("generic", "hypercall"), guest=True),
    "generic-translated-unicorn-mailbox": Setting(GenericOnUnicorn, ("generic,real-mode=off", "mailbox"), guest=True),
    "pseries-qemu-mailbox": Setting(PseriesOnQemu, guest=True),
}
