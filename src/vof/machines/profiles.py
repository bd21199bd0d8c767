"""The table of machines: what is known of one before it is started."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MACHINES", "MachineProfile"]


@dataclass(frozen=True, slots=True)
class MachineProfile:
    """A row of the table of machines.

    Attributes:
        name: as for `-machine`.
        description: a few words.
        engines: the engines that run it, the usual one first.
        qemu: the QEMU program that has it; "" for none.
        own_options: options of `-machine` that are ours, and not QEMU's.
        options: what is added to QEMU's `-machine` unless the user says otherwise.
        default_memory: bytes of RAM without `-m`.
        least_memory, most_memory: bytes, the bounds that were tried.
        console: kernel argument for its console.
        shares_memory: whether QEMU's machine takes its RAM from `memory-backend`.
        firmware_size: bytes of the file that QEMU's machine loads its firmware from.
        reset_vector: the address of its first instruction.
        firmware_at: where its firmware is loaded to, if that is RAM; -1 for ROM.
        resets: whether QEMU's machine survives its own reset.
        stub: the stub that the trap `mailbox` has there: `pseries`, or `rom32` at 0xfff00000.
        stub_at: where that is in the file.
        card: the usual network card, with options; "" where the firmware has no networks.
        drives: what QEMU attaches a drive to that doesn't say, `scsi` or `ide`; "" where the firmware has no disks.
    """

    name: str
    description: str
    engines: tuple[str, ...]
    qemu: str
    options: tuple[str, ...]
    default_memory: int
    least_memory: int
    most_memory: int
    console: str
    own_options: tuple[str, ...] = ()
    shares_memory: bool = True
    firmware_size: int = 0x1000
    reset_vector: int = 0x100
    firmware_at: int = 0
    resets: bool = True
    stub: str = "pseries"
    stub_at: int = 0
    drives: str = ""
    card: str = ""


MACHINES: dict[str, MachineProfile] = {
    profile.name: profile
    for profile in (
        MachineProfile(
            name="pseries",
            description="IBM pSeries, paravirtual (PAPR), as QEMU emulates it",
            engines=("qemu", "unicorn"),
            qemu="qemu-system-ppc64",
            # TCG has none of these and would say so each time
            options=("cap-cfpc=broken", "cap-sbbc=broken", "cap-ibs=broken", "cap-ccf-assist=off"),
            default_memory=512 << 20,
            least_memory=256 << 20,
            most_memory=16 << 30,
            console="hvc0",
            drives="scsi",
            card="spapr-vlan",
        ),
        MachineProfile(
            name="generic",
            description="a plain 32-bit machine with disks and a clock, in process",
            engines=("unicorn",),
            qemu="",
            options=(),
            default_memory=128 << 20,
            least_memory=32 << 20,
            most_memory=2 << 30,
            console="hvc0",
        ),
        MachineProfile(
            name="mol",
            description="Mac-on-Linux's machine: paravirtual disk, network, screen, keyboard, sound, in process",
            engines=("unicorn",),
            qemu="",
            options=(),
            default_memory=128 << 20,
            least_memory=32 << 20,
            most_memory=1 << 30,
            console="ttyS0",
        ),
        MachineProfile(
            name="40p",
            description="IBM RS/6000 7020 as QEMU emulates it; a tree of CPU, RAM, console and clock, no devices",
            engines=("qemu",),
            qemu="qemu-system-ppc",
            options=(),
            default_memory=128 << 20,
            least_memory=32 << 20,
            most_memory=192 << 20,
            console="ttyS0",
            shares_memory=False,
            firmware_size=1 << 20,
            reset_vector=0xFFF00100,
            firmware_at=-1,
        ),
        MachineProfile(
            name="pegasos2",
            description="Genesi Pegasos II as QEMU emulates it: a CHRP board with a 32-bit CPU, PCI, IDE and USB",
            engines=("qemu",),
            qemu="qemu-system-ppc",
            options=(),
            default_memory=512 << 20,
            least_memory=64 << 20,
            most_memory=2 << 30,
            console="ttyS0",
            own_options=("console",),
            firmware_size=512 << 10,
            reset_vector=0xFFF00100,
            firmware_at=-1,
            drives="ide",
            card="virtio-net-pci,romfile=",
            resets=False,  # the MV64361's registers are gone afterwards
            stub="rom32",
        ),
        MachineProfile(
            name="mac99",
            description="Power Mac G4 as QEMU emulates it; a tree of CPU, RAM, console and PCI devices",
            engines=("qemu",),
            qemu="qemu-system-ppc",
            options=(),
            default_memory=512 << 20,
            least_memory=64 << 20,
            most_memory=2 << 30,
            console="ttyS0",
            firmware_size=1 << 20,
            reset_vector=0xFFF00100,
            firmware_at=-1,
            stub="rom32",
        ),
        MachineProfile(
            name="g3beige",
            description="Power Mac G3 (beige) as QEMU emulates it; a tree of CPU, RAM, console and PCI devices",
            engines=("qemu",),
            qemu="qemu-system-ppc",
            options=(),
            default_memory=512 << 20,
            least_memory=64 << 20,
            most_memory=2047 << 20,
            console="ttyS0",
            firmware_size=4 << 20,
            reset_vector=0xFFF00100,
            firmware_at=-1,
            stub="rom32",
            stub_at=3 << 20,
        ),
    )
}
"""Every machine, by name."""
