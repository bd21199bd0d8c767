"""The options that make a machine, shared by the commands that start one."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from vof.cli.options import Given, Group, Option
from vof.errors import UsageError

if TYPE_CHECKING:
    from vof.vm import Config

__all__ = ["CHANGES", "ENGINE", "HELP", "MACHINE", "PROGRAM", "config_from"]

MACHINE = Group(
    "The machine, in QEMU's spelling (one dash or two)",
    (
        Option(("-machine", "-M"), "NAME[,OPTION=VALUE...]", "the machine; `vof machines` lists them"),
        Option(("-cpu",), "MODEL", "the CPU"),
        Option(("-m",), "SIZE", "RAM: a number of MiB, or with K, M, G or T"),
        Option(("-smp",), "N[,OPTION=VALUE...]", "the number of CPUs"),
        Option(("-numa",), "node[,OPTION=VALUE...]", "a NUMA node, its memory by mem=SIZE", repeats=True),
        Option(
            ("-drive",),
            "OPTION=VALUE[,...]",
            "a disk: file=IMAGE, with format=qcow2, if=virtio and so on",
            repeats=True,
        ),
        *(Option((f"-hd{letter}",), "IMAGE", f"the disk at index {place}") for place, letter in enumerate("abcd")),
        Option(("-cdrom",), "IMAGE", "a CD-ROM"),
        Option(("-snapshot",), "", "keep what is written to disks apart, and lose it at the end"),
        Option(("-blockdev",), "OPTION=VALUE[,...]", "a disk's contents, for a -device", repeats=True),
        Option(("-netdev",), "TYPE[,OPTION=VALUE...]", "the host's side of a network", repeats=True),
        Option(("-display",), "none|web|png", "the screen of mol: a web page, web,port=N; or at the end png,path=FILE"),
        Option(("-g",), "WxH[xDEPTH]", "its size, as in 800x600x32"),
        Option(
            ("-audiodev",),
            "none|host|wav,path=FILE",
            "where its sound goes: the host's pipewire, pa or alsa, or a file",
        ),
        Option(("-device",), "DRIVER[,OPTION=VALUE...]", "a device", repeats=True),
    ),
)
PROGRAM = Group(
    "The client program, in QEMU's spelling",
    (
        Option(("-kernel",), "FILE", "the client program: an ELF file for PowerPC"),
        Option(("-initrd",), "FILE", "its initial RAM disk"),
        Option(("-append",), "TEXT", "its command line"),
        Option(
            ("-prom-env",),
            "NAME=VALUE",
            "a configuration variable for this run: boot-device=disk",
            repeats=True,
        ),
        Option(("--prompt",), "", "the ok prompt before it is started"),
        Option(("--boot-delay",), "SECONDS", "the ok prompt if a key is typed before that"),
        Option(("-boot",), "[order=]LETTERS", "without -kernel: c boots from disks, d from CD-ROMs, n from networks"),
    ),
)
CHANGES = Group(
    "Changes to the device tree",
    (
        Option(("--dtb",), "FILE", "lay a tree over it: a .dtb, or a .dts where dtc is installed"),
        Option(
            ("--nvram",),
            "FILE",
            "keep the machine's NVRAM there from run to run (pseries, pegasos2, mol)",
        ),
        Option(("--resource",), "KEY=TEXT", "what mol's boot helper tells a guest that asks for the key", repeats=True),
        Option(("--pseudo-file",), "NAME=FILE", "a file that a guest of mol may read, by that name", repeats=True),
        Option(
            ("--set",),
            "/PATH:PROPERTY=VALUE",
            "set a property: <1 0x2> is cells, [0a ff] bytes, anything else a string",
            repeats=True,
        ),
    ),
)
ENGINE = Group(
    "The engine",
    (
        Option(("--engine",), "NAME", "qemu (the usual one, where it is installed) or unicorn (in this process)"),
        Option(
            ("--trap",), "NAME", "the way in: mailbox; on qemu also breakpoint, on unicorn hypercall, illegal and osi"
        ),
        Option(("--clock",), "NAME", "host, or virtual: on unicorn time that is the same in every run"),
        Option(("-bios",), "FILE", "QEMU's own vof.bin as the guest's firmware, on unicorn"),
        Option(("--qemu",), "PROGRAM", "the QEMU to start, in place of the machine's usual one"),
        Option(("-s",), "", "QEMU's: have gdb connect to TCP port 1234"),
        Option(("-S",), "", "QEMU's: don't run until gdb says so"),
    ),
)
CELLS = Option(("--cells",), "32|64", "bits of Forth's cells (32)")
HELP = Group("Else", (Option(("-h", "--help"), "", "print this"),))
_PASSED_ON = ("-device", "-blockdev", "-s", "-S")
_LONGEST_DELAY = 3600
_INDEXED = {"-hda": 0, "-hdb": 1, "-hdc": 2, "-hdd": 3, "-cdrom": 2}


def config_from(given: Given) -> Config:
    """The VM's configuration that was asked for."""
    from vof.vm import Config

    return Config(
        machine=given.last("-machine"),
        engine=given.last("--engine"),
        trap=given.last("--trap"),
        clock=given.last("--clock", "host"),
        memory=given.last("-m"),
        cpu=given.last("-cpu"),
        smp=given.last("-smp"),
        numa=given.all("-numa"),
        kernel=given.last("-kernel"),
        initrd=given.last("-initrd"),
        append=given.last("-append"),
        drives=_drives(given),
        variables=given.all("-prom-env"),
        netdevs=given.all("-netdev"),
        snapshot="-snapshot" in given,
        boot=given.last("-boot"),
        prompt="--prompt" in given,
        boot_delay=_delay(given.last("--boot-delay", "0")),
        bios=given.last("-bios"),
        qemu=given.last("--qemu"),
        extra=(*given.arguments(_PASSED_ON), *given.rest),
        dtb=given.last("--dtb"),
        sets=given.all("--set"),
        inject=given.all("--inject"),
        record=given.last("--record"),
        nvram=given.last("--nvram"),
        display=given.last("-display"),
        audiodev=given.last("-audiodev"),
        geometry=given.last("-g"),
        resources=given.all("--resource"),
        pseudo_files=given.all("--pseudo-file"),
    )


def _delay(text: str) -> float:
    with suppress(ValueError):
        if 0 <= float(text) < _LONGEST_DELAY:
            return float(text)
    raise UsageError(f"--boot-delay {text}: a number of seconds, as in --boot-delay 3")


def cells_from(given: Given) -> int:
    """What --cells says.

    Raises:
        UsageError: it is neither 32 nor 64.
    """
    text = given.last("--cells", "32")
    if text not in ("32", "64"):
        raise UsageError(f"--cells {text}: 32 or 64")
    return int(text)


def _drives(given: Given) -> list[str]:
    """All that names a disk, as `-drive` would."""
    drives = []
    for name, value in given.options:
        if name == "-drive":
            drives.append(value)
        elif name in _INDEXED:
            media = "cdrom" if name == "-cdrom" else "disk"
            drives.append(f"file={value.replace(',', ',,')},media={media},index={_INDEXED[name]}")
    return drives
