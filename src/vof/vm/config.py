"""What a VM is made of: the options, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vof.engines.qemu.command import QemuOptions, parse_numa, parse_size
from vof.errors import UsageError
from vof.machines import MACHINES, MachineProfile

__all__ = ["Config"]


@dataclass(frozen=True, slots=True)
class Config:
    """The options of a VM, in QEMU's spelling where QEMU has them.

    Attributes:
        machine: the machine and its options: `pseries`, `pseries,cap-htm=off`.
        memory: RAM: a number of MiB, or with K, M, G or T; "" is the machine's default.
        cpu, smp: as for QEMU.
        numa: `-numa` values; nodes get their memory by `mem=SIZE`.
        kernel: the client program's file.
        initrd: an initial RAM disk's file.
        append: the client program's command line.
        qemu: the QEMU program, "" for the machine's usual one.
        extra: further QEMU arguments.
        dtb: a flattened tree whose nodes and properties are laid over the machine's.
        sets: changes to the tree, `/path:property=value`.
    """

    machine: str = "pseries"
    memory: str = ""
    cpu: str = ""
    smp: str = ""
    numa: Sequence[str] = ()
    kernel: str = ""
    initrd: str = ""
    append: str = ""
    qemu: str = ""
    extra: Sequence[str] = ()
    dtb: str = ""
    sets: Sequence[str] = ()

    @property
    def profile(self) -> MachineProfile:
        """The machine's row in the table.

        Raises:
            UsageError: there is no such machine.
        """
        name = self.machine.split(",")[0].removeprefix("type=")
        profile = MACHINES.get(name)
        if profile is None:
            from difflib import get_close_matches

            near = get_close_matches(name, MACHINES, 1)
            hint = f'did you mean "{near[0]}"? ' if near else ""
            raise UsageError(f'unknown machine "{name}": {hint}`vof machines` lists those there are')
        return profile

    def qemu_options(self) -> QemuOptions:
        """What the QEMU engine is to start.

        Raises:
            UsageError: an option can't be had.
        """
        profile = self.profile
        memory = parse_size(self.memory) if self.memory else profile.default_memory
        if memory < profile.least_memory:
            raise UsageError(
                f"-m {memory >> 20}M is too little: {profile.name} needs at least {profile.least_memory >> 20} MiB"
            )
        nodes, others = parse_numa(self.numa, memory)
        given = {option.split("=")[0] for option in self.machine.split(",")}
        machine = ",".join([self.machine, *(o for o in profile.options if o.split("=")[0] not in given)])
        extra = [argument for value in others for argument in ("-numa", value)]
        return QemuOptions(
            program=self.qemu or profile.qemu,
            machine=machine,
            memory=memory,
            memory_options=self.memory.partition(",")[2],
            cpu=self.cpu,
            smp=self.smp,
            nodes=nodes,
            extra=(*extra, "-action", "panic=pause", *self.extra),
        )
