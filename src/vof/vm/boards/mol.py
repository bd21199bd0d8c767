"""The board of `mol`: Mac-on-Linux's machine on the in-process engine, with what is behind its devices."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from vof.backends.disks import RawDisk
from vof.backends.nvram_file import NvramFile
from vof.backends.sound_player import Player
from vof.engines.unicorn.interrupts import Interrupts
from vof.engines.unicorn.models import find_model
from vof.errors import UsageError
from vof.firmware.hypervisor import VirtualHypervisor
from vof.firmware.osi.block_rings import Unit
from vof.firmware.osi.keymap import CHARACTERS
from vof.firmware.osi.modes import Mode
from vof.firmware.osi.mouse import DPI
from vof.firmware.osi.scsi_target import ScsiTarget
from vof.machines.generic import Generic, GenericOptions
from vof.machines.mol import FRAME_BUFFER, NVRAM_SIZE, Mol, MolDevices, MolPorts, mol_tree
from vof.machines.nvram import Nvram
from vof.memory import GuestMemory
from vof.outcomes import Jump
from vof.vm.boards.board import MODEL, BoardPlan, PlainBoard, refuse_64_bit
from vof.vm.boards.board_engines import unicorn_engine
from vof.vm.boards.generic import describe_generic
from vof.vm.boards.local_devices import LocalDevices
from vof.vm.boards.mol_sound import open_sound

if TYPE_CHECKING:
    from vof.backends import HostClock, VirtualClock
    from vof.backends.screen_page import ScreenPage
    from vof.engines.trap import Hello
    from vof.machines.machine import Machine, Site
    from vof.vm.boards.mol_input import PageInput

__all__ = ["MolBoard"]

_TIMEBASE = 25_000_000
_NANOSECONDS_AN_INSTRUCTION = 10
"""Of the virtual clock."""
_GEOMETRY = re.compile(r"(\d{2,4})x(\d{2,4})(?:x(8|15|16|24|32))?")
_DEPTHS = {"8": 8, "15": 15, "16": 15, "24": 32, "32": 32, None: 32}
_LONGEST_ROW = 0x7FFF
"""The calls tell of it in a signed halfword."""
_SCSI_TARGETS = (0, 1, 2, 3, 4, 5, 6)
"""Target 7 is the controller."""


class StillClock:
    """The port `Clock` for devices: looking at a virtual clock doesn't have its time pass."""

    def __init__(self, clock: HostClock | VirtualClock) -> None:
        self._clock = clock

    def milliseconds(self) -> int:
        """Port `Clock`."""
        return self._clock.elapsed // 1_000_000

    def sleep(self, milliseconds: int) -> None:
        """Port `Clock`."""
        self._clock.sleep(milliseconds)

    def wall(self) -> int:
        """Port `Clock`."""
        return self._clock.wall()


class MolBoard(PlainBoard):
    """The machine `mol`. Its NVRAM outlives a reset.

    Args:
        plan: what it is made from.

    Raises:
        UsageError: an option can't be had.
    """

    def __init__(self, plan: BoardPlan) -> None:
        config, clock = plan.config, plan.clock
        devices = LocalDevices(plan)
        super().__init__(devices)
        if config.trap_name == "mailbox":
            raise UsageError("--trap mailbox: mol has hypercall, illegal and osi")
        choices = config.machine_options
        self._bare = _one_of(choices.pop("start", "bare"), "start", ("bare", "client")) == "bare"
        self._for_users = _one_of(choices.pop("osi", "any"), "osi", ("any", "supervisor")) == "any"
        zone = _one_of(choices.pop("zone", "utc"), "zone", ("utc", "host"))
        if choices:
            raise UsageError(
                f"-machine mol,{next(iter(choices))}: mol has start=bare|client, osi=any|supervisor and zone=utc|host"
            )
        if self._bare:
            self.movable_at = 0
        self._clock = StillClock(clock)
        self._time = clock
        self._virtual = config.clock == "virtual"
        self._screen = _screen(config.geometry)
        self._resources = _resources(config.resources)
        adjustment = 3600 * _number(self._resources, "adjust_time", 0)
        self._local_offset = partial(_host_offset if zone == "host" else _fixed_offset, adjustment)
        self._mouse_dpi = max(0, _number(self._resources, "mouse_dpi", 0)) or DPI
        self._files = _files(config.pseudo_files, plan.closers)
        self._kept = NvramFile(config.nvram, NVRAM_SIZE) if config.nvram else None
        self._nvram = Nvram(NVRAM_SIZE)
        if self._kept is not None:
            self.notices += [self._kept.notice] if self._kept.notice else []
            self._nvram.write(0, self._kept.data)
        model = find_model(config.cpu, 32, hashed=True)
        self.engine = unicorn_engine(
            replace(config, cpu=model.name), clock, bits=32, timebase=_TIMEBASE, device=FRAME_BUFFER
        )
        self._hypervisor = VirtualHypervisor()
        self._framebuffer: GuestMemory | None = None
        self._ticks: Callable[[], int] | None = None
        self._page: ScreenPage | None = None
        self._input: PageInput | None = None
        self._picture_path = ""
        self._open_display(config.display, plan.closers)
        self._sink = open_sound(config.audiodev)
        plan.closers.callback(self._end_sound)
        self._units = tuple(
            Unit(
                disk.block,
                read_only=drive.read_only,
                removable=disk.cdrom,
                cdrom=disk.cdrom,
                boot=number == 0,
            )
            for number, (disk, drive) in enumerate(zip(devices.disks, devices.drives, strict=True))
            if drive.interface != "scsi"
        )
        on_scsi = [
            (disk, drive)
            for disk, drive in zip(devices.disks, devices.drives, strict=True)
            if drive.interface == "scsi"
        ]
        if len(on_scsi) > len(_SCSI_TARGETS):
            raise UsageError(f"{len(on_scsi)} drives with if=scsi: there are {len(_SCSI_TARGETS)} targets")
        self._targets = {
            target: ScsiTarget(disk.block, cdrom=disk.cdrom, read_only=drive.read_only)
            for target, (disk, drive) in zip(_SCSI_TARGETS, on_scsi, strict=False)
        }
        self._options = GenericOptions(
            cpu=model.name,
            pvr=model.pvr,
            timebase_frequency=_TIMEBASE,
            disks=devices.disks,
            cards=devices.cards,
            variables=config.variable_values,
            tree=mol_tree(len(self._units), network=bool(devices.cards), scsi=bool(self._targets)),
        )

    # What is behind the devices

    def _open_display(self, text: str, closers: ExitStack) -> None:
        kind, _, rest = text.partition(",")
        option, _, value = rest.partition("=")
        if kind in ("", "none") and not rest:
            return
        if kind == "png" and option == "path" and value:
            from vof.backends.screen_image import check_image

            check_image(value)
            self._picture_path = value
        elif kind == "web" and (not rest or option == "port"):
            from vof.backends.screen_page import ScreenPage
            from vof.vm.boards.mol_input import PageInput

            page = self._page = ScreenPage(_port(value), _adb_code)
            closers.callback(page.close)
            self._input = PageInput(page)
            self.notices.append(f"the screen is at {page.address}")
        else:
            raise UsageError(f"-display {text}: there are none, web, web,port=NUMBER and png,path=FILE")

    # See `Board`

    @property
    def load_limit(self) -> int:
        """See `Board`."""
        return self.engine.layout.page

    @property
    def hypervisor(self) -> VirtualHypervisor | None:
        """See `Board`."""
        return self._hypervisor

    @property
    def devices(self) -> MolDevices | None:
        """See `Board`."""
        return self.state.devices if self.state is not None else None

    @property
    def ports(self) -> dict[str, object]:
        """See `Board`."""
        return (
            super().ports
            | {
                "device clock": self._clock,
                "framebuffer": self._framebuffer,
                "ticks": self._ticks,
                "sink": self._sink,
            }
            | {f"pseudo file {name}": file for name, file in self._files.items()}
        )

    def prepare(self, site: Site, hello: Hello) -> Hello:
        """See `Board`."""
        engine = self.engine
        runner = engine.runner
        if runner.interrupts is None:
            self._framebuffer = GuestMemory(engine.device_memory)
            self._ticks = engine.timebase.ticks
            interrupts = runner.interrupts = Interrupts(engine.cpu, engine.timebase)
            interrupts.nap = self._nap
            if self._virtual:
                interrupts.passed = self._pass_time
        runner.osi, runner.osi_for_users = True, self._for_users
        runner.hypervisor = self._hypervisor
        if self.state is not None:
            self._options = replace(self._options, clock_offset=self.state.plain.rtc.offset)
        return hello

    def machine(self, site: Site) -> Machine:
        """See `Board`."""
        assert self._framebuffer is not None and self._ticks is not None
        site = replace(site, flush_translations=self.engine.cpu.forget_mappings)
        cards = self._attached.cards
        ports = MolPorts(
            memory=self.engine.memory,
            console=site.console,
            clock=self._clock,
            timebase=_TIMEBASE,
            ticks=self._ticks,
            framebuffer=self._framebuffer,
            sink=self._sink,
            nvram=self._nvram if self.state is None else self.state.devices.nvram,
            units=self._units,
            targets=self._targets,
            network=cards[0].network if cards else None,
            screen=self._screen,
            resources=self._resources,
            files=self._files,
            local_offset=self._local_offset,
            mouse_dpi=self._mouse_dpi,
        )
        machine = self.state = Mol(Generic(site, MODEL, self._options), MolDevices(ports), bare=self._bare)
        self.resume()
        return machine

    def resume(self) -> None:
        """See `Board`."""
        devices: MolDevices = self.state.devices
        self._hypervisor.osi = devices.osi
        interrupts = self.engine.runner.interrupts
        assert interrupts is not None
        interrupts.lines = devices.pic
        interrupts.poll = self._poll
        if self._page is not None:
            self._page.show(devices.video.picture, devices.video.state)

    def describe(self) -> dict[str, Any]:
        """See `Board`."""
        return describe_generic(self._options)

    def start(self, jump: Jump) -> Jump:
        """See `Board`."""
        refuse_64_bit(jump, "mol")
        return replace(jump, bare=True) if self._bare else jump

    def save(self) -> None:
        """See `Board`."""
        if self.state is None:
            return
        if self._kept is not None:
            self._kept.save(self.state.devices.nvram.read(0, NVRAM_SIZE))
        if self._picture_path:
            from vof.backends.screen_image import write_png

            write_png(self.state.devices.video.picture(), self._picture_path)

    def _end_sound(self) -> None:
        self._sink.close()
        if isinstance(self._sink, Player) and self._sink.failure:
            self.notices.append(self._sink.failure)

    # While the guest runs

    def _poll(self) -> None:
        devices: MolDevices = self.state.devices
        if self._input is not None:
            self._input.give(devices)
        devices.osi.poll()

    def _nap(self) -> None:
        self._time.sleep(1)

    def _pass_time(self, instructions: int) -> None:
        self._time.elapsed += instructions * _NANOSECONDS_AN_INSTRUCTION


def _one_of(value: str, name: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise UsageError(f"-machine mol,{name}={value}: it is {' or '.join(choices)}")
    return value


def _screen(geometry: str) -> Mode:
    if not geometry:
        return Mode(640, 480, 32)
    found = _GEOMETRY.fullmatch(geometry)
    if found is None:
        raise UsageError(
            f"-g {geometry}: write WIDTHxHEIGHT or WIDTHxHEIGHTxDEPTH, as in 800x600x32; depths are 8, 15 and 32"
        )
    mode = Mode(int(found[1]), int(found[2]), _DEPTHS[found[3]])
    if mode.size > FRAME_BUFFER[1]:
        raise UsageError(f"-g {geometry}: it takes more than the {FRAME_BUFFER[1] >> 20} MiB that the screen has")
    if mode.row > _LONGEST_ROW:
        raise UsageError(f"-g {geometry}: a row takes more than the {_LONGEST_ROW} bytes that GET_VMODE_INFO can tell")
    return mode


def _resources(values: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in values:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UsageError(f"--resource {text}: write KEY=TEXT, as in autoboot=yes")
        found.setdefault(key, []).append(value)
    return found


def _number(resources: dict[str, list[str]], key: str, usual: int) -> int:
    """A resource that is a number, as Mac-on-Linux itself uses some."""
    if key not in resources:
        return usual
    text = resources[key][0]
    try:
        value = int(text, 0)
    except ValueError:
        value = 1 << 32
    if not -(1 << 16) < value < 1 << 16:
        raise UsageError(f"--resource {key}={text}: a number, as in {key}=1")
    return value


def _fixed_offset(adjustment: int, now: int) -> int:
    return adjustment


def _host_offset(adjustment: int, now: int) -> int:
    return time.localtime(now).tm_gmtoff + adjustment


def _files(values: Any, closers: ExitStack) -> dict[str, RawDisk]:
    found: dict[str, RawDisk] = {}
    for text in values:
        name, equals, path = text.partition("=")
        if not equals or not name:
            raise UsageError(f"--pseudo-file {text}: write NAME=FILE, as in bootlogo=logo.raw")
        if name in found:
            raise UsageError(f"--pseudo-file {text}: there is one of that name already")
        try:
            file = found[name] = RawDisk(path)
        except UsageError as error:
            raise UsageError(f"--pseudo-file {text}: {error}") from None
        closers.callback(file.close)
    return found


def _port(text: str) -> int:
    if text and not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise UsageError(f"-display web,port={text}: a number from 1 to 65535")
    return int(text or 0)


def _adb_code(character: str) -> int:
    return CHARACTERS[character][0]
