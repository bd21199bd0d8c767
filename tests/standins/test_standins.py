"""Stand-ins for yaboot, the FreeBSD and NetBSD loaders, Haiku and BootX: their calls, on the machine generic.

They are not the programs, which can't be had here: they are what the programs' sources say that they call.
"""

from __future__ import annotations

import mmap

import pytest
from fakes import Caller, FakeBus, FakeClock, FakeConsole, FakeCpu, FakeHypervisor
from sequence import Step, run
from tables import BOOTX, FREEBSD, HAIKU, NETBSD, YABOOT

from vof.errors import PortError
from vof.machines.generic import Generic, GenericDisk, GenericOptions
from vof.machines.machine import Program, Site
from vof.memory import GuestMemory
from vof.outcomes import Return
from vof.tree import DeviceTree

RAM = 64 << 20
REGION = (RAM - 0x220000, 0x220000)
ARENA = (0x2800000, 0x2900000)

CLIENTS = {"yaboot": YABOOT, "FreeBSD": FREEBSD, "NetBSD": NETBSD, "Haiku": HAIKU, "BootX": BOOTX}


class Disk:
    """The port `Block`: zeroes."""

    block_size = 512
    size = 1 << 20

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


def caller() -> Caller:
    memory = GuestMemory(mmap.mmap(-1, RAM))
    site = Site(
        memory=memory,
        cpu=FakeCpu(),
        hypervisor=FakeHypervisor(),
        bus=FakeBus(memory),
        console=FakeConsole(b"y"),
        clock=FakeClock(),
        region=REGION,
        scratch=REGION[0] + 0x4000,
        tree_room=(REGION[0] + 0x20000, 0x200000),
    )
    disks = (GenericDisk("", Disk(), Partitions()),)
    machine = Generic(site, "vof,test", GenericOptions(disks=disks))
    firmware = machine.power_on(0, Program(arguments="-s"), _change_nothing)

    def invoke(block: int) -> int:
        outcome = firmware.call(block)
        assert isinstance(outcome, Return)
        return outcome.r3

    return Caller(memory, *ARENA, invoke)


def _change_nothing(tree: DeviceTree) -> None:
    pass


@pytest.mark.parametrize("client", CLIENTS, ids=[f"stand-in for {name}" for name in CLIENTS])
def test_the_sequence(client: str) -> None:
    run(CLIENTS[client], caller(), {})


def test_a_wrong_answer_is_seen() -> None:
    with pytest.raises(AssertionError, match="step 1, finddevice"):
        run((Step("finddevice", ("/nosuch",), 5),), caller(), {})
