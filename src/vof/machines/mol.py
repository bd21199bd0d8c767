"""`mol`: the machine of Mac-on-Linux: a CPU, RAM, and devices that are reached by its calls alone.

Its tree is that of `generic` with the nodes that firmware and drivers written for Mac-on-Linux look for. The numbers of
interrupts are those of Mac-on-Linux's own tree for Linux guests, as far as it has them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vof.firmware import OpenFirmware
from vof.firmware.osi.block_rings import BlockRings, Unit
from vof.firmware.osi.boot_helper import BootHelper
from vof.firmware.osi.dispatch import Osi
from vof.firmware.osi.enet import Enet
from vof.firmware.osi.enet2 import Enet2
from vof.firmware.osi.keyboard import Keyboard
from vof.firmware.osi.modes import Mode
from vof.firmware.osi.mouse import DPI, Mouse
from vof.firmware.osi.nvram_bytes import NvramBytes
from vof.firmware.osi.pic import Line, Pic
from vof.firmware.osi.prom import Prom, TreeOwner
from vof.firmware.osi.pseudo_files import PseudoFile, PseudoFiles
from vof.firmware.osi.rtas_calls import TOKENS, OsiRtas
from vof.firmware.osi.scsi import Scsi
from vof.firmware.osi.scsi_target import ScsiTarget
from vof.firmware.osi.services import Services
from vof.firmware.osi.sound import Sink, Sound
from vof.firmware.osi.tty import Tty
from vof.firmware.osi.video import FrameBuffer, Video
from vof.machines.machine import Machine, Program
from vof.ports import Clock, Console, Memory, Network, Store
from vof.tree import DeviceTree, build_fdt, encode_int, encode_string

__all__ = ["FRAME_BUFFER", "INTERRUPTS", "NVRAM_SIZE", "Mol", "MolDevices", "MolPorts", "mol_tree"]

FRAME_BUFFER = (0x81000000, 16 << 20)
"""Address and size of the screen's memory, where Mac-on-Linux puts it for firmware of its own and for Linux."""
NVRAM_SIZE = 0x2000
INTERRUPTS = {
    "blocks": 5,
    "keyboard": 6,
    "mouse": 7,
    "enet2": 8,
    "tty": 9,
    "scsi": 10,
    "video": 11,
    "sound": 12,
    "enet": 13,
}
"""Of each device. Drivers take 0 for none."""
_PIC_HANDLE = 0x1234
_RTAS_VERSION = 0x41
_RTAS_SIZE = 0x1000
"""Of the memory that a firmware's RTAS gets. Linux asks no firmware without this property for RTAS."""


def no_offset(now: int) -> int:
    """Local time that is UTC."""
    return 0


@dataclass(frozen=True, slots=True)
class MolPorts:
    """What is behind the devices.

    Attributes:
        memory: RAM.
        console: the terminal, and where the log goes.
        clock: the time; reading it doesn't have it pass.
        timebase: ticks of the time base in a second.
        ticks: reads the time base.
        framebuffer: the screen's memory.
        sink: where sound goes.
        nvram: non-volatile memory.
        units: the disks of the block rings.
        targets: the disks on SCSI, by target number.
        network: a network; None for no card.
        screen: the usual video mode.
        resources: what the boot helper tells, by key.
        files: the pseudo file system's.
        local_offset: gives the seconds that local time is ahead of UTC, at a time in seconds since 1970.
        mouse_dpi: the mouse's dots per inch.
    """

    memory: Memory
    console: Console
    clock: Clock
    timebase: int
    ticks: Callable[[], int]
    framebuffer: FrameBuffer
    sink: Sink
    nvram: Store
    units: Sequence[Unit] = ()
    targets: Mapping[int, ScsiTarget] = field(default_factory=dict)
    network: Network | None = None
    screen: Mode = field(default_factory=lambda: Mode(640, 480, 32))
    resources: Mapping[str, Sequence[str]] = field(default_factory=dict)
    files: Mapping[str, PseudoFile] = field(default_factory=dict)
    local_offset: Callable[[int], int] = no_offset
    mouse_dpi: int = DPI


class ConsoleLog:
    """Where the guest's log goes: to the console, as Mac-on-Linux's went to the terminal that it was started from."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def note(self, text: str) -> None:
        """A line."""
        self._console.write(text.encode("latin-1", "replace") + b"\r\n")


class MolDevices:
    """The devices of one boot, and the calls to them.

    Args:
        ports: what is behind them.

    Attributes:
        osi: the calls, by selector.
        pic: the interrupt controller.
        nvram: as the ports have it.
        blocks, scsi, enet, enet2, tty, keyboard, mouse, video, sound, services: the devices. Those without disks or a
            network behind them are None.
    """

    def __init__(self, ports: MolPorts) -> None:
        memory, clock = ports.memory, ports.clock
        pic = self.pic = Pic()
        lines = {name: Line(pic, number) for name, number in INTERRUPTS.items()}
        self.services = Services(clock, ports.timebase, ConsoleLog(ports.console), ports.local_offset)
        self.keyboard = Keyboard(lines["keyboard"])
        self.mouse = Mouse(lines["mouse"], ports.mouse_dpi)
        self.video = Video(ports.framebuffer, FRAME_BUFFER[0], lines["video"], clock, ports.screen)
        self.sound = Sound(memory, clock, lines["sound"], ports.sink, ports.ticks)
        self.tty = Tty(ports.console, lines["tty"])
        self.blocks = BlockRings(memory, ports.units, lines["blocks"])
        self.scsi = Scsi(memory, ports.targets, lines["scsi"]) if ports.targets else None
        self.enet: Enet | None = None
        self.enet2: Enet2 | None = None
        if ports.network is not None:
            self.enet = Enet(memory, ports.network, lines["enet"])
            self.enet2 = Enet2(memory, ports.network, lines["enet2"])
        devices = {
            "services": self.services,
            "nvram": NvramBytes(ports.nvram),
            "boot": BootHelper(memory, ports.resources),
            "files": PseudoFiles(memory, ports.files),
            "rtas": OsiRtas(memory, ports.nvram),
            "pic": pic,
            "keyboard": self.keyboard,
            "mouse": self.mouse,
            "video": self.video,
            "sound": self.sound,
            "tty": self.tty,
            "blocks": self.blocks,
            "scsi": self.scsi,
            "enet": self.enet,
            "enet2": self.enet2,
        }
        self._memory = memory
        self.osi = Osi({name: device for name, device in devices.items() if device is not None})
        self.nvram = ports.nvram
        self.services.calls = self.osi

    def show_tree(self, owner: TreeOwner) -> None:
        """Have the PROM interface tell of a firmware's tree. Its Close is that firmware's `quiesce`."""
        self.osi.add("prom", Prom(self._memory, owner, self._close_tree))

    def _close_tree(self) -> None:
        self.osi.withdraw("prom")


class Mol:
    """The machine, for one boot. See `vof.machines.Machine`.

    Args:
        plain: the machine underneath: a `generic` with `mol_tree`.
        devices: its devices.
        bare: whether the program gets no client interface. It may be a firmware, which copies the tree.
    """

    def __init__(self, plain: Any, devices: MolDevices, *, bare: bool = False) -> None:
        self.plain = plain
        self.devices = devices
        self._bare = bare

    def power_on(self, tree_address: int, program: Program, change: Callable[[DeviceTree], None]) -> OpenFirmware:
        """See `vof.machines.Machine`."""
        plain: Machine = self.plain
        firmware = plain.power_on(tree_address, program, change)
        chosen = firmware.tree.find("/chosen")
        if self._bare and chosen is not None:
            # A firmware that copies the tree sets the other instances of /chosen itself. It would leave this one, a
            # handle of ours, to its own client programs: Linux asks for its package.
            chosen.properties.pop("cpu", None)
        self.devices.show_tree(firmware)
        return firmware


def mol_tree(disks: int, *, network: bool, scsi: bool) -> bytes:
    """The nodes that make a machine `mol`, as a flattened tree for `GenericOptions`.

    Args:
        disks: how many the block rings have.
        network: whether there is a network card.
        scsi: whether there are disks on SCSI.
    """
    tree = DeviceTree()
    tree.root.properties.update(
        {
            "model": encode_string("Mac-on-Linux"),
            "compatible": encode_string("vof,mol"),
            "#address-cells": encode_int(1),
            "#size-cells": encode_int(1),
        }
    )
    tree.add("/", "mol-platform")
    rtas = {"rtas-version": _RTAS_VERSION, "rtas-size": _RTAS_SIZE, "rtas-error-log-max": 0, "rtas-event-scan-rate": 0}
    tree.add("/", "rtas", {name: encode_int(value) for name, value in (rtas | TOKENS).items()})
    block = encode_string("block")
    mol = tree.add("/", "mol", {"#address-cells": encode_int(1), "#size-cells": encode_int(0)})
    tree.add(
        mol,
        "osi-pic",
        {
            "device_type": encode_string("interrupt-controller"),
            "compatible": encode_string("osi-pic"),
            "interrupt-controller": b"",
            "#interrupt-cells": encode_int(1),
            "#address-cells": encode_int(0),
            "phandle": encode_int(_PIC_HANDLE),
        },
    )
    tree.add(mol, "nvram", {"device_type": encode_string("nvram"), "#bytes": encode_int(NVRAM_SIZE)})
    for name, device, kind, there in (
        ("mol-keyboard", "keyboard", "mol-keyboard", True),
        ("mol-mouse", "mouse", "mol-mouse", True),
        ("mol-tty", "tty", "mol-tty", True),
        ("mol-display", "video", "display", True),
        ("mol-audio", "sound", "sound", True),
        ("mol-blk", "blocks", "block", True),
        ("mol-scsi", "scsi", "scsi", scsi),
        ("mol-enet", "enet2", "mol-enet", network),
    ):
        if there:
            tree.add(mol, name, _node(name, kind, INTERRUPTS[device]))
    for number in range(disks):
        tree.add("/mol/mol-blk", f"disk@{number:x}", {"device_type": block, "reg": encode_int(number)})
    if scsi:
        # One for all targets, as Mac-on-Linux had it: firmware gives it methods, and opens sd@0 up to sd@6 by it.
        tree.add("/mol/mol-scsi", "sd", {"device_type": block})
    pseudo = tree.add(
        mol, "pseudo-disk", {"device_type": block, "#address-cells": encode_int(1), "#size-cells": encode_int(0)}
    )
    tree.add(pseudo, "disk@0", {"device_type": block, "reg": encode_int(0)})
    aliases = {
        "keyboard": "/mol/mol-keyboard",
        "nvram": "/mol/nvram",
        "pseudo": "/mol/pseudo-disk/disk@0",
        "screen": "/mol/mol-display",
    }
    tree.add("/", "aliases", {name: encode_string(path) for name, path in aliases.items()})
    tree.add("/", "chosen", {"interrupt-controller": encode_int(_PIC_HANDLE)})
    return build_fdt(tree)


def _node(name: str, kind: str, interrupt: int) -> dict[str, bytes]:
    properties = {
        "device_type": encode_string(kind),
        "compatible": encode_string(name),
        "interrupts": encode_int(interrupt),
        "interrupt-parent": encode_int(_PIC_HANDLE),
    }
    if name in ("mol-blk", "mol-scsi"):
        properties |= {"#address-cells": encode_int(1), "#size-cells": encode_int(0)}
    return properties
