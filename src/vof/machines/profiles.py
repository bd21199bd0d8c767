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
        options: what is added to QEMU's `-machine` unless the user says otherwise.
        default_memory: bytes of RAM without `-m`.
        least_memory, most_memory: bytes, the bounds that were tried.
        console: kernel argument for its console.
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
    )
}
"""Every machine, by name."""
