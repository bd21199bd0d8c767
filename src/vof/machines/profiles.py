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
        qemu: the QEMU program that has it.
        options: what is added to QEMU's `-machine` unless the user says otherwise.
        default_memory: bytes of RAM without `-m`.
        least_memory, most_memory: bytes, the bounds that were tried.
        console: kernel argument for its console.
    """

    name: str
    description: str
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
            qemu="qemu-system-ppc64",
            # TCG has none of these and would say so each time
            options=("cap-cfpc=broken", "cap-sbbc=broken", "cap-ibs=broken", "cap-ccf-assist=off"),
            default_memory=512 << 20,
            least_memory=256 << 20,
            most_memory=16 << 30,
            console="hvc0",
        ),
    )
}
"""Every machine, by name."""
