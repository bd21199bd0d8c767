"""Boards: a machine on an engine. Which of them a configuration asks for, and how each is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from vof.errors import UsageError
from vof.outcomes import Jump
from vof.version import VERSION

if TYPE_CHECKING:
    from vof.backends import HostClock, OverlayDisk, VirtualClock, Volumes
    from vof.backends.nvram_file import NvramFile
    from vof.backends.qemu_network import QemuUserNetwork
    from vof.backends.user_network import UserNetwork
    from vof.engines.engine import Engine
    from vof.engines.external import ExternalEngine
    from vof.engines.qemu import QemuEngine
    from vof.engines.trap import Hello
    from vof.engines.unicorn import UnicornEngine
    from vof.firmware.hypervisor import VirtualHypervisor
    from vof.machines.disks import Disk, DiskPlace
    from vof.machines.generic import GenericOptions
    from vof.machines.machine import Machine, Site
    from vof.machines.mol import MolDevices
    from vof.machines.networks import Card
    from vof.machines.pci_board import PciBoard
    from vof.machines.pseries import Pseries
    from vof.machines.rtas import GuestRtas
    from vof.ports import Store
    from vof.vm.config import Config
    from vof.vm.drives import Drive
    from vof.vm.qemu_disks import QemuDisks
    from vof.vm.qemu_networks import QemuNetworks

__all__ = ["MODEL", "Board", "LocalDevices", "PlainBoard", "describe_generic", "make_board", "unicorn_engine"]

_KEEPS_NVRAM = ("pseries", "pegasos2", "mol")
MODEL = f"vof,{VERSION}"
_MSR_IP = 0x40
"""Exceptions go to the vectors in ROM, which tell of them, until a client program has its own."""
_LOW_MEMORY = 0x30000000
"""What a 32-bit Linux maps from its start: an initial RAM disk has to be there."""


class Board(Protocol):
    """A machine on an engine.

    Attributes:
        state: what of the machine a run changes, besides its firmware: for snapshots.
        tend: called now and then while a disk or a network is waited for; whoever runs the machine sets it.
        movable_at: where a program that is linked at 0 goes, as with QEMU and SLOF: low memory stays the firmware's and
            the vectors'.
    """

    movable_at: int
    state: Any
    tend: Callable[[], object]

    @property
    def engine(self) -> Engine:
        """What runs the guest."""
        ...

    def prepare(self, site: Site, hello: Hello) -> Hello | None:
        """Have what is outside the firmware ready for one boot.

        Args:
            site: where the firmware will stand.
            hello: what the machine said when it started.

        Returns:
            What it shall be taken to have said; None if it has to start once more, and is about to.
        """
        ...

    def machine(self, site: Site) -> Machine:
        """The machine of one boot."""
        ...

    def describe(self) -> dict[str, Any]:
        """What a machine like this one is made from besides a site: for `vof.vm.replay`, and in JSON's terms."""
        ...

    def start(self, jump: Jump) -> Jump:
        """How to start the client program, given the plain way."""
        ...

    def warm_up(self) -> None:
        """Import what takes long, while the engine starts."""
        ...

    def save(self) -> None:
        """Keep what outlives the machine, as it is now. May be called at any time and more than once.

        Raises:
            UsageError: it can't be kept.
        """
        ...

    @property
    def notices(self) -> list[str]:
        """What the user should know of the machine, to be taken from here by who tells him."""
        ...

    @property
    def load_limit(self) -> int:
        """The first address that a client program may not be loaded to."""
        ...

    def close(self) -> None:
        """Let go of disks and the like. The engine is closed apart."""
        ...

    @property
    def disks(self) -> Sequence[OverlayDisk]:
        """The disks that a snapshot takes along."""
        ...

    @property
    def networks(self) -> Sequence[UserNetwork]:
        """The networks that a snapshot takes along."""
        ...

    @property
    def ports(self) -> dict[str, object]:
        """What a snapshot has names for in place of the thing itself: back ends."""
        ...

    def reopen(self) -> None:
        """Open files anew, in a forked child."""
        ...

    def resume(self) -> None:
        """The state was put back: have the engine know of it."""
        ...

    def taken_over(self) -> None:
        """The client program has taken the machine over, and its drivers its devices."""
        ...

    @property
    def boot_first(self) -> Sequence[str]:
        """Paths of the devices that the user gave a place among those to boot from, in that order."""
        ...

    @property
    def bytes_read(self) -> int:
        """Bytes that the firmware read from disks."""
        ...

    @property
    def hypervisor(self) -> VirtualHypervisor | None:
        """What the machine provides besides the client interface; None where that is the engine's business."""
        ...

    @property
    def devices(self) -> MolDevices | None:
        """Mac-on-Linux's devices; None on other machines, and before the start."""
        ...


def make_board(config: Config, clock: HostClock | VirtualClock, wrap: Callable[[str, str, Any], Any]) -> Board:
    """The board that a configuration asks for.

    Args:
        config: the options.
        clock: the machine's clock.
        wrap: makes of a back end, given its name and its kind, the port that the firmware gets.

    Raises:
        UsageError: there is none, or an option doesn't go with it.
    """
    if config.nvram and config.profile.name not in _KEEPS_NVRAM:
        raise UsageError(f"--nvram {config.nvram}: {', '.join(_KEEPS_NVRAM)} have an NVRAM that can be kept")
    if config.profile.name == "mol":
        from vof.vm.mol_board import MolBoard

        return MolBoard(config, clock, wrap)
    if config.paravirtual:
        raise UsageError(
            f"{config.paravirtual} is for -machine mol: {config.profile.name} has nothing that it could be of"
        )
    if config.engine_name == "qemu":
        engine = _qemu(config)
        if config.profile.name == "40p":
            return _Prep40(engine)
        devices = _qemu_devices(engine, config, wrap)
        return _Rom(engine, config, *devices) if config.profile.stub == "rom32" else _Pseries(engine, config, *devices)
    if config.engine_name == "external" and config.profile.name == "pseries":
        return _Pseries(_external(config, bits=64), config)
    if config.profile.name == "pseries" and config.engine_name == "unicorn":
        return _UnicornPseries(config, clock, wrap)
    return _Generic(config, clock, wrap)


class PlainBoard:
    """What a board without disks of its own says.

    Attributes:
        state, disks, networks, notices, tend: see `Board`.
    """

    movable_at = 0x400000

    def __init__(self) -> None:
        self.disks: Sequence[OverlayDisk] = ()
        self.networks: Sequence[UserNetwork] = ()
        self.state: Any = None
        self.notices: list[str] = []
        self.tend: Callable[[], object] = _nothing

    def save(self) -> None:
        """See `Board`."""

    @property
    def ports(self) -> dict[str, object]:
        """See `Board`."""
        return {}

    def warm_up(self) -> None:
        """See `Board`."""

    def prepare(self, site: Site, hello: Hello) -> Hello | None:
        """See `Board`."""
        return hello

    def reopen(self) -> None:
        """See `Board`."""

    def resume(self) -> None:
        """See `Board`."""

    @property
    def hypervisor(self) -> VirtualHypervisor | None:
        """See `Board`."""
        return None

    @property
    def devices(self) -> MolDevices | None:
        """See `Board`."""
        return None

    def taken_over(self) -> None:
        """See `Board`."""

    @property
    def boot_first(self) -> Sequence[str]:
        """See `Board`."""
        return ()

    @property
    def bytes_read(self) -> int:
        """See `Board`."""
        return sum(disk.bytes_read for disk in self.disks)

    def close(self) -> None:
        """See `Board`."""


class _QemuPlain(PlainBoard):
    """What a board of QEMU's with disks says."""

    def __init__(self, disks: QemuDisks | None, networks: QemuNetworks | None) -> None:
        super().__init__()
        self._qemu_disks = disks
        self._qemu_networks = networks
        self._devices = [each for each in (disks, networks) if each is not None]
        self._indexed: Callable[[], list[tuple[int, str]]] = list
        for each in self._devices:
            each.tend = self._tend
        self._disks: tuple[Disk, ...] = ()
        self._cards: tuple[Card, ...] = ()

    def warm_up(self) -> None:
        if self._devices:
            import qemu.qmp

            assert qemu.qmp

    @property
    def boot_first(self) -> Sequence[str]:
        return [path for _, path in sorted(self._indexed())]

    def find_devices(self) -> None:
        """See what disks and network cards this boot has."""
        if self._qemu_disks is not None:
            self._qemu_disks.find()
            self._disks = self._qemu_disks.disks
        if self._qemu_networks is not None:
            self._qemu_networks.find()
            self._cards = self._qemu_networks.cards

    def made(self, machine: Pseries | PciBoard) -> None:
        """The machine of this boot was made."""
        machine.reports = machine.disks.reports = self.notices
        self._indexed = lambda: machine.disks.first + machine.cards.first

    def describe_devices(self) -> dict[str, Any]:
        """Disks and cards, for `describe`."""
        from vof.vm.device_facts import describe_cards, describe_disks

        return {"disks": describe_disks(self._disks), "cards": describe_cards(self._cards)}

    def taken_over(self) -> None:
        for each in self._devices:
            each.let_go()

    @property
    def bytes_read(self) -> int:
        return self._qemu_disks.bytes_read if self._qemu_disks is not None else 0

    def close(self) -> None:
        if self._qemu_disks is not None:
            self._qemu_disks.close()
        if self._qemu_networks is not None:
            self._qemu_networks.forget()

    def _tend(self) -> None:
        self.tend()


class _Pseries(_QemuPlain):
    """`pseries` where the hypervisor is on the engine's side, and gives the tree."""

    def __init__(
        self,
        engine: Engine,
        config: Config,
        disks: QemuDisks | None = None,
        networks: QemuNetworks | None = None,
    ) -> None:
        super().__init__(disks, networks)
        self.engine = engine
        self._variables = config.variable_values
        self._image = config.nvram_image
        if self._image is not None:
            self._image.make()

    @property
    def load_limit(self) -> int:
        return self.engine.layout.page

    def warm_up(self) -> None:
        import vof.machines.pseries

        assert vof.machines.pseries
        super().warm_up()

    def prepare(self, site: Site, hello: Hello) -> Hello:
        self.find_devices()
        return hello

    def close(self) -> None:
        super().close()
        if self._image is not None:
            self._image.discard()

    def machine(self, site: Site) -> Machine:
        from vof.machines.pseries import Pseries

        machine = Pseries(site, MODEL, self._disks, self._cards, self._variables)
        self.made(machine)
        return machine

    def describe(self) -> dict[str, Any]:
        return {"kind": "pseries", "model": MODEL, "variables": self._variables, **self.describe_devices()}

    def start(self, jump: Jump) -> Jump:
        return jump


class LocalDevices:
    """Disks and networks of a machine in this process.

    Args:
        config: the options.
        clock: the machine's clock.
        wrap: makes of a back end, given its name and its kind, the port that the firmware gets.
        place: how a disk of this number is attached; None where the machine has no controllers.

    Attributes:
        overlays, user_networks: the disks and networks that a snapshot takes along.
        drives: the opened drives, each of the disk at its place.
        disks, cards: what the machine gets.

    Raises:
        UsageError: an image or a network can't be had.
    """

    def __init__(
        self,
        config: Config,
        clock: HostClock | VirtualClock,
        wrap: Callable[[str, str, Any], Any],
        place: Callable[[int], DiskPlace | None],
    ) -> None:
        self._volumes: Volumes | None = None
        self.drives: list[Drive] = []
        self._networks: list[QemuUserNetwork] = []
        self.overlays: list[OverlayDisk] = []
        self.user_networks: list[UserNetwork] = []
        self.disks: tuple[Disk, ...] = ()
        self.cards: tuple[Card, ...] = ()
        if config.netdevs:
            self._make_networks(config.netdevs, wrap)
        if config.drives:
            self._make_disks(config, wrap, place)

    def _make_disks(
        self, config: Config, wrap: Callable[[str, str, Any], Any], place: Callable[[int], DiskPlace | None]
    ) -> None:
        from vof.backends import OverlayDisk, Volumes
        from vof.machines.disks import Disk
        from vof.vm.drives import open_drives

        self.drives = open_drives(config.drives, snapshot=config.snapshot)
        volumes = self._volumes = Volumes()
        self.overlays = [OverlayDisk(drive.block, holds=False) for drive in self.drives]
        self.disks = tuple(
            Disk(
                name=drive.name,
                block=wrap(f"block{number}", "block", disk),
                partitions=wrap(f"partitions{number}", "partitions", volumes.partitions(disk)),
                files=wrap(f"files{number}", "files", volumes.files(disk, partial(getattr, disk, "writes"))),
                cdrom=drive.media == "cdrom",
                place=place(number),
            )
            for number, (drive, disk) in enumerate(zip(self.drives, self.overlays, strict=True))
        )

    def _make_networks(self, values: Sequence[str], wrap: Callable[[str, str, Any], Any]) -> None:
        from vof.backends.qemu_network import QemuUserNetwork
        from vof.backends.user_netdev import needs_qemu, parse_user_netdev
        from vof.backends.user_network import UserNetwork
        from vof.machines.networks import Card

        cards = []
        for number, value in enumerate(values):
            name = f"net{number}"
            network: UserNetwork | QemuUserNetwork
            if needs_qemu(value):
                network = QemuUserNetwork(value)
                self._networks.append(network)
            else:
                options = parse_user_netdev(value)
                name, network = options.id or name, UserNetwork(options)
                self.user_networks.append(network)
            cards.append(Card(name, wrap(f"network{number}", "network", network)))
        self.cards = tuple(cards)

    @property
    def ports(self) -> dict[str, object]:
        """What a snapshot has names for."""
        ports: dict[str, object] = {}
        for number, disk in enumerate(self.disks):
            ports[f"disk{number}"] = disk.block
            ports[f"partitions{number}"] = disk.partitions
            ports[f"files{number}"] = disk.files
        for number, card in enumerate(self.cards):
            ports[f"network{number}"] = card.network
        return ports

    def reopen(self) -> None:
        """Open files anew, in a forked child."""
        for drive in self.drives:
            drive.reopen()

    def close(self) -> None:
        """Let go of all."""
        if self._volumes is not None:
            self._volumes.close()
        for drive in self.drives:
            drive.close()
        for network in self._networks:
            network.close()


class _UnicornPseries(PlainBoard):
    """`pseries` without QEMU: its tree was recorded, and its hypervisor is in this process."""

    def __init__(self, config: Config, clock: HostClock | VirtualClock, wrap: Callable[[str, str, Any], Any]) -> None:
        from vof.engines.unicorn.models import find_model

        super().__init__()
        options = config.machine_options
        path = options.pop("dtb", "")
        if options:
            raise UsageError(
                f"-machine pseries,{next(iter(options))}: on the unicorn engine pseries has the option dtb=FILE"
            )
        self._model = find_model(config.cpu, 64)
        self._dtb = _read_tree("pseries", path) if path else b""
        self.engine = unicorn_engine(
            config, clock, bits=64, timebase=512_000_000, memory=_memory_of("pseries", path, self._dtb)
        )
        self._offset = 0
        self._nvram: Store | None = None
        self._image = config.nvram_image
        self._variables = config.variable_values
        self._devices = LocalDevices(config, clock, wrap, _vscsi_place)
        self.disks, self.networks = self._devices.overlays, self._devices.user_networks

    @property
    def load_limit(self) -> int:
        return self.engine.layout.page

    @property
    def ports(self) -> dict[str, object]:
        return self._devices.ports

    def reopen(self) -> None:
        self._devices.reopen()

    def close(self) -> None:
        self._devices.close()

    def prepare(self, site: Site, hello: Hello) -> Hello:
        from vof.machines.nvram import Nvram
        from vof.machines.papr import Papr
        from vof.machines.pseries_tree import add_vscsi, pseries_tree
        from vof.tree import build_fdt, parse_fdt

        if self._dtb:
            tree = parse_fdt(self._dtb)
        else:
            tree = pseries_tree(self.engine.options.memory, self._model.name, self._model.pvr)
        if self._devices.disks:
            add_vscsi(tree)
        if self.state is not None:
            self._offset, self._nvram = self.state.clock_offset, self.state.nvram
        elif self._image is not None and (contents := self._image.read()):
            self._nvram = Nvram(len(contents))
            self._nvram.write(0, contents)
        self.state = Papr(tree, site.memory, site.console, site.clock, nvram=self._nvram, clock_offset=self._offset)
        self.resume()
        address, room = site.tree_room
        flattened = build_fdt(tree)
        if len(flattened) > room:
            raise UsageError(f"the tree has {len(flattened)} bytes, more than the {room} that there is room for")
        site.memory.write(address, flattened)
        return replace(hello, tree=address)

    def save(self) -> None:
        if self._image is None or self.state is None or self.state.nvram is None:
            return
        store = self.state.nvram
        contents = store.read(0, store.size)
        if contents != self._image.read():
            self._image.write(contents)

    def machine(self, site: Site) -> Machine:
        from vof.machines.pseries import Pseries

        return Pseries(site, MODEL, self._devices.disks, self._devices.cards, self._variables)

    def describe(self) -> dict[str, Any]:
        from vof.vm.device_facts import describe_cards, describe_disks

        devices = self._devices
        facts = {"disks": describe_disks(devices.disks), "cards": describe_cards(devices.cards)}
        return {"kind": "pseries", "model": MODEL, "variables": self._variables, **facts}

    def start(self, jump: Jump) -> Jump:
        return jump

    def resume(self) -> None:
        self.engine.runner.hypervisor = self.state.hypervisor

    @property
    def hypervisor(self) -> VirtualHypervisor | None:
        hypervisor: VirtualHypervisor | None = self.state.hypervisor if self.state is not None else None
        return hypervisor


def _read_tree(machine: str, path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UsageError(f"-machine {machine},dtb={path}: {error.strerror}") from None


def _memory_of(machine: str, path: str, flattened: bytes) -> int:
    """The bytes of RAM that the user's tree tells of; 0 if he gave none."""
    if not flattened:
        return 0
    from vof.machines.profiles import MACHINES
    from vof.machines.pseries_tree import memory_of

    least, most = MACHINES[machine].least_memory, MACHINES[machine].most_memory
    try:
        size = memory_of(flattened)
        if not least <= size <= most:
            raise UsageError(f"its memory at 0 has {size >> 20} MiB: {machine} takes {least >> 20} to {most >> 20}")
    except UsageError as error:
        raise UsageError(f"-machine {machine},dtb={path}: {error}") from None
    return size


class _Generic(PlainBoard):
    """The machine `generic`, with its disks. What its clock was set to outlives a reset."""

    def __init__(self, config: Config, clock: HostClock | VirtualClock, wrap: Callable[[str, str, Any], Any]) -> None:
        from vof.engines.unicorn.models import find_model
        from vof.firmware.hypervisor import VirtualHypervisor
        from vof.machines.generic import GenericOptions

        super().__init__()
        options = config.machine_options
        real_mode = switch_option(options.pop("real-mode", "on"), "real-mode")
        path = options.pop("dtb", "")
        if options:
            raise UsageError(f"-machine generic,{next(iter(options))}: generic has real-mode=on|off and dtb=FILE")
        model = find_model(config.cpu, 32, hashed=not real_mode)
        tree = _read_tree("generic", path) if path else b""
        self._options = GenericOptions(cpu=model.name, pvr=model.pvr, real_mode=real_mode, tree=tree)
        self.engine: UnicornEngine | ExternalEngine
        if config.engine_name == "external":
            if not real_mode:
                raise UsageError("real-mode=off: translation is set up by an engine of vof's own, such as unicorn")
            self.engine = _external(config, bits=32)
        else:
            memory = _memory_of("generic", path, tree)
            self.engine = unicorn_engine(
                config, clock, bits=32, timebase=self._options.timebase_frequency, memory=memory
            )
        self._hypervisor = VirtualHypervisor()
        self._devices = LocalDevices(config, clock, wrap, _no_place)
        self.disks, self.networks = self._devices.overlays, self._devices.user_networks
        devices = self._devices
        self._options = replace(
            self._options, disks=devices.disks, cards=devices.cards, variables=config.variable_values
        )

    @property
    def ports(self) -> dict[str, object]:
        return self._devices.ports

    @property
    def hypervisor(self) -> VirtualHypervisor | None:
        return self._hypervisor

    def reopen(self) -> None:
        self._devices.reopen()

    @property
    def load_limit(self) -> int:
        from vof.machines.generic import page_table_room

        layout = self.engine.layout
        if self._options.real_mode:
            return layout.page
        return page_table_room((layout.page, layout.end - layout.page), self.engine.memory.size)[0]

    def prepare(self, site: Site, hello: Hello) -> Hello:
        from vof.engines.external import ExternalEngine

        if self.state is not None:
            self._options = replace(self._options, clock_offset=self.state.rtc.offset)
        if not isinstance(self.engine, ExternalEngine):
            self.engine.runner.hypervisor = self._hypervisor
        return hello

    def machine(self, site: Site) -> Machine:
        from vof.engines.external import ExternalEngine
        from vof.machines.generic import Generic

        if not isinstance(self.engine, ExternalEngine):
            site = replace(site, flush_translations=self.engine.cpu.forget_mappings)
        machine = self.state = Generic(site, MODEL, self._options)
        return machine

    def describe(self) -> dict[str, Any]:
        return describe_generic(self._options)

    def start(self, jump: Jump) -> Jump:
        if jump.bits == 64:
            raise UsageError("a 64-bit program, and generic has a 32-bit CPU: -machine pseries has a 64-bit one")
        assert self.state is not None
        state = self.state.start_state
        return replace(jump, msr=state.msr, sprs=tuple(state.sprs.items()), segments=state.segments)

    def close(self) -> None:
        self._devices.close()


class _Prep40(PlainBoard):
    """`40p`: QEMU's CPU and RAM with the tree of `generic`; nothing tells a client of the devices yet."""

    def __init__(self, engine: QemuEngine) -> None:
        super().__init__()
        self.engine = engine

    @property
    def load_limit(self) -> int:
        return self.engine.layout.page

    def machine(self, site: Site) -> Machine:
        from vof.machines.generic import Generic

        return Generic(site, MODEL, self._options())

    def describe(self) -> dict[str, Any]:
        return describe_generic(self._options())

    def _options(self) -> GenericOptions:
        from vof.machines.generic import GenericOptions

        cpu, pvr = self.engine.cpu_version()
        return GenericOptions(cpu=cpu, pvr=pvr, timebase_frequency=100_000_000)

    def start(self, jump: Jump) -> Jump:
        if jump.bits == 64:
            raise UsageError("a 64-bit program, and 40p has a 32-bit CPU: -machine pseries has a 64-bit one")
        return jump


class _Rom(_QemuPlain):
    """A board of QEMU's whose firmware is in ROM, and that has no tree of its own."""

    def __init__(
        self, engine: QemuEngine, config: Config, disks: QemuDisks | None, networks: QemuNetworks | None
    ) -> None:
        super().__init__(disks, networks)
        self.engine = engine
        self._name = name = config.profile.name
        nvram = config.nvram
        console = config.machine_options.get("console", "host") if "console" in config.profile.own_options else "host"
        if console not in ("host", "uart"):
            raise UsageError(f"-machine {name},console={console}: it is host or uart")
        self._by_uart = console == "uart"
        self._variables = config.variable_values
        self._rtas: GuestRtas | None = None
        self._nvram: NvramFile | None = None
        self._contents = b""
        if nvram:
            from vof.backends.nvram_file import NvramFile
            from vof.machines.rtas import NVRAM_SIZE

            self._nvram = NvramFile(nvram, NVRAM_SIZE)
            self._contents = self._nvram.data
            self.notices += [self._nvram.notice] if self._nvram.notice else []
        self._pvr = 0
        self._started = False

    @property
    def load_limit(self) -> int:
        return min(self.engine.layout.page, _LOW_MEMORY)

    def warm_up(self) -> None:
        import vof.machines.boards

        assert vof.machines.boards
        super().warm_up()

    def prepare(self, site: Site, hello: Hello) -> Hello | None:
        from vof.backends import HostConsole
        from vof.machines.boards import BOARDS

        self._rtas = None  # what it had is saved, and its memory may be the client program's again
        self._pvr = hello.pvr or self.engine.cpu_version()[1]
        alive = BOARDS[self._name].alive
        if self._started and alive is not None and site.bus.run([alive]) == [0]:
            for each in self._devices:
                each.forget()
            self.engine.relaunch()
            return None
        self._started = True
        self.find_devices()
        if self._by_uart:
            assert isinstance(site.console, HostConsole)
            site.console.hand_over()  # what is typed goes to the device from the start
        return hello

    def machine(self, site: Site) -> Machine:
        from vof.machines.boards import BOARDS
        from vof.machines.pci_board import PciBoard

        facts = BOARDS[self._name]
        board = PciBoard(
            site,
            MODEL,
            facts,
            self._pvr,
            self._contents,
            by_uart=self._by_uart,
            disks=self._disks,
            cards=self._cards,
            variables=self._variables,
        )
        self._rtas = board.rtas
        self.made(board)
        return board

    def save(self) -> None:
        if self._rtas is None:
            return
        contents = self._rtas.nvram(self.engine.memory)
        if contents is None:
            if self._nvram is None:
                return
            raise UsageError(
                f"{self._nvram.option}: it has what it had: the machine's NVRAM was being written, or was written over"
            )
        self._contents = contents
        if self._nvram is not None:
            self._nvram.save(contents)

    def describe(self) -> dict[str, Any]:
        nvram = self._contents.rstrip(b"\0").decode("latin-1")
        return {
            "kind": "board",
            "model": MODEL,
            "name": self._name,
            "pvr": self._pvr,
            "nvram": nvram,
            "uart": self._by_uart,
            "variables": self._variables,
            **self.describe_devices(),
        }

    def start(self, jump: Jump) -> Jump:
        if jump.bits == 64:
            raise UsageError(f"a 64-bit program, and {self._name} has a 32-bit CPU: -machine pseries has a 64-bit one")
        # The vectors are the stub's, which only the trap mailbox has there.
        return replace(jump, msr=jump.msr | _MSR_IP) if self.engine.options.trap == "mailbox" else jump


def describe_generic(options: GenericOptions) -> dict[str, Any]:
    """What a `generic` is made from: see `Board.describe`."""
    from vof.vm.device_facts import describe_cards, describe_disks

    facts = {each.name: getattr(options, each.name) for each in fields(options)}
    facts["tree"] = options.tree.decode("latin-1")
    facts["disks"], facts["cards"] = describe_disks(options.disks), describe_cards(options.cards)
    return {"kind": "generic", "model": MODEL, "options": facts}


def _nothing() -> None:
    pass


def _no_place(number: int) -> None:
    """The machine `generic` has no controllers."""


def _vscsi_place(number: int) -> DiskPlace:
    """As QEMU attaches drives that don't say how: seven to an adapter; here all to one."""
    from vof.machines.disks import Controller, DiskPlace
    from vof.machines.pseries_tree import VSCSI

    return DiskPlace("vscsi", Controller(vio=VSCSI), target=number % 64, lun=number // 64)


def switch_option(text: str, name: str) -> bool:
    if text not in ("on", "off"):
        raise UsageError(f"{name}={text}: it is on or off")
    return text == "on"


def _qemu(config: Config) -> QemuEngine:
    from vof.engines.qemu import QemuEngine

    if config.trap not in ("", "mailbox", "breakpoint"):
        raise UsageError(f"--trap {config.trap}: stock QEMU has mailbox and breakpoint")
    return QemuEngine(config.qemu_options())


def _qemu_devices(
    engine: QemuEngine, config: Config, wrap: Callable[[str, str, Any], Any]
) -> tuple[QemuDisks | None, QemuNetworks | None]:
    disks: QemuDisks | None = None
    networks: QemuNetworks | None = None
    if config.profile.drives and config.has_networks:
        from vof.vm.qemu_networks import QemuNetworks

        networks = QemuNetworks(engine, wrap)
    if config.profile.drives and config.has_disks:
        from vof.vm.qemu_disks import QemuDisks

        disks = QemuDisks(engine, config.qemu_drives, wrap)
    return disks, networks


def _external(config: Config, *, bits: int) -> ExternalEngine:
    from vof.engines.external import ExternalEngine

    if config.trap not in ("", "mailbox"):
        raise UsageError(f"--trap {config.trap}: what runs elsewhere has mailbox")
    return ExternalEngine(config.memory_file, bits)


def unicorn_engine(
    config: Config,
    clock: HostClock | VirtualClock,
    *,
    bits: int,
    timebase: int,
    memory: int = 0,
    device: tuple[int, int] = (0, 0),
) -> UnicornEngine:
    """The in-process engine.

    Args:
        config: the options.
        clock: the machine's clock.
        bits: the CPU's.
        timebase: ticks of the time base in a second.
        memory: bytes of RAM; 0 for what the options say.
        device: address and size of memory that is a device's.

    Raises:
        UsageError: an option doesn't go with it.
    """
    from vof.engines.unicorn import UnicornEngine, UnicornOptions

    config.check_for_unicorn()
    return UnicornEngine(
        UnicornOptions(
            memory=memory or config.memory_size,
            bits=bits,
            cpu=config.cpu,
            trap=config.trap_name,
            timebase=timebase,
            nanoseconds=clock.nanoseconds,
            device=device,
        )
    )
