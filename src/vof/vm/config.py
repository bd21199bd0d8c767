"""What a VM is made of: the options, checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vof.backends.nbd import SERVER_ENVIRONMENT
from vof.engines.qemu.command import QemuOptions, find_qemu, parse_numa, parse_size
from vof.errors import UsageError
from vof.machines import MACHINES, MachineProfile
from vof.vm.drive_options import QemuDrives

if TYPE_CHECKING:
    from vof.backends.nvram_image import NvramImage

__all__ = ["ENGINES", "Config"]

ENGINES = ("qemu", "unicorn")
_PACKAGE = "qemu-system-ppc"
CLOCKS = ("host", "virtual")
_DISK_OPTIONS = frozenset(
    f"{dashes}{name}" for dashes in ("-", "--") for name in ("blockdev", "drive", "hda", "hdb", "hdc", "hdd", "cdrom")
)
_NETWORK_OPTIONS = ("-netdev", "-nic", "-net", "--netdev", "--nic", "--net")
_BOOT_KEYS = ("order", "once", "menu", "strict", "splash", "splash-time", "reboot-timeout")
_64_BIT_ELF = b"\x7fELF\x02"


@dataclass(frozen=True, slots=True)
class Config:
    """The options of a VM, in QEMU's spelling where QEMU has them.

    Attributes:
        machine: the machine and its options: `pseries`, `pseries,cap-htm=off`; "" for `pseries`, or on the unicorn
            engine `generic` where the client program is 32-bit.
        engine: `qemu` or `unicorn`; "" for QEMU where it is installed and has the machine.
        trap: the way into the firmware; "" for the engine's usual one.
        clock: `host`, or `virtual` for time that passes by what the guest does, the same in every run.
        memory: RAM: a number of MiB, or with K, M, G or T; "" is the machine's default.
        cpu, smp: as for QEMU.
        numa: `-numa` values; nodes get their memory by `mem=SIZE`.
        kernel: the client program's file.
        initrd: an initial RAM disk's file.
        append: the client program's command line.
        drives: `-drive` values.
        netdevs: `-netdev` values. One that no device names gets the machine's usual card.
        boot: what is booted without a kernel, as for `-boot`: `order=cdn`, `once=d`, or the letters alone.
        variables: configuration variables for this run, `name=value`.
        prompt: whether the user has the `ok` prompt before a client program is started.
        boot_delay: seconds in which a key gives the user the prompt before a client program is started.
        snapshot: whether all writes to drives are kept apart and lost at the end.
        memory_file: for the engine `external`: the file that is the RAM of somebody else's emulator.
        bios: a firmware for the guest, QEMU's `vof.bin`; on the unicorn engine.
        qemu: the QEMU program, "" for the machine's usual one.
        extra: further QEMU arguments.
        dtb: a flattened tree whose nodes and properties are laid over the machine's.
        sets: changes to the tree, `/path:property=value`.
        inject: faults that strike, as `vof.vm.faults` spells them: `claim:when=3`.
        nvram: a file that keeps the machine's NVRAM from run to run; "" for none.
        display: what shows the screen of `mol`: `none`, `web,port=5900` or `png,path=FILE`.
        audiodev: what its sound goes to: `none`, `host`, `pipewire`, `pa`, `alsa` or `wav,path=FILE`.
        geometry: the screen's usual size and depth, `800x600x32`.
        resources: what its boot helper tells a guest, `KEY=TEXT`.
        pseudo_files: the files of its pseudo file system, `NAME=FILE`.
        record: a file to record the run to; with `,append=on` behind one that is there.
    """

    machine: str = ""
    engine: str = ""
    trap: str = ""
    clock: str = "host"
    memory: str = ""
    cpu: str = ""
    smp: str = ""
    numa: Sequence[str] = ()
    kernel: str = ""
    initrd: str = ""
    append: str = ""
    drives: Sequence[str] = ()
    netdevs: Sequence[str] = ()
    boot: str = ""
    variables: Sequence[str] = ()
    prompt: bool = False
    boot_delay: float = 0
    snapshot: bool = False
    memory_file: str = ""
    bios: str = ""
    qemu: str = ""
    extra: Sequence[str] = ()
    dtb: str = ""
    sets: Sequence[str] = ()
    inject: Sequence[str] = ()
    record: str = ""
    nvram: str = ""
    display: str = ""
    audiodev: str = ""
    geometry: str = ""
    resources: Sequence[str] = ()
    pseudo_files: Sequence[str] = ()

    @property
    def paravirtual(self) -> str:
        """The first option here that only a machine with Mac-on-Linux's devices has a use for; "" for none."""
        for option, values in (
            ("-display", [self.display] if self.display else ()),
            ("-audiodev", [self.audiodev] if self.audiodev else ()),
            ("-g", [self.geometry] if self.geometry else ()),
            ("--resource", self.resources),
            ("--pseudo-file", self.pseudo_files),
        ):
            for value in values:
                return f"{option} {value}"
        return ""

    @property
    def profile(self) -> MachineProfile:
        """The machine's row in the table.

        Raises:
            UsageError: there is no such machine.
        """
        name = self.machine.split(",")[0].removeprefix("type=") or self._usual_machine
        profile = MACHINES.get(name)
        if profile is None:
            from difflib import get_close_matches

            near = get_close_matches(name, MACHINES, 1)
            hint = f'did you mean "{near[0]}"? ' if near else ""
            raise UsageError(f'unknown machine "{name}": {hint}`vof machines` lists those there are')
        return profile

    @property
    def engine_name(self) -> str:
        """`qemu` or `unicorn`.

        Raises:
            UsageError: there is no such engine, or it hasn't this machine.
        """
        engines = self.profile.engines
        if self.memory_file:
            return "external"
        if not self.engine:
            return engines[0] if len(engines) == 1 or self._has_qemu else "unicorn"
        if self.engine not in ENGINES:
            raise UsageError(f"--engine {self.engine}: there are {' and '.join(ENGINES)}")
        if self.engine not in engines:
            get = f" (apt-get install {_PACKAGE})" if engines[0] == "qemu" else ""
            raise UsageError(
                f"{self.profile.name} can't run on --engine {self.engine}: --engine {engines[0]} has it{get}"
            )
        return self.engine

    @property
    def trap_name(self) -> str:
        """The way into the firmware.

        Raises:
            UsageError: as `engine_name`.
        """
        if self.trap:
            return self.trap
        engine = self.engine_name
        if engine == "unicorn":
            return "hypercall"
        return "mailbox" if engine == "external" or self.profile.shares_memory else "breakpoint"

    @property
    def machine_options(self) -> dict[str, str]:
        """What follows the machine's name: option and value."""
        pairs = (option.partition("=") for option in self.machine.split(",")[1:])
        return {name: value for name, _, value in pairs}

    @property
    def memory_size(self) -> int:
        """RAM in bytes.

        Raises:
            UsageError: it can't be that much or that little.
        """
        profile = self.profile
        memory = parse_size(self.memory) if self.memory else profile.default_memory
        if memory < profile.least_memory:
            raise UsageError(
                f"-m {memory >> 20}M is too little: {profile.name} needs at least {profile.least_memory >> 20} MiB"
            )
        return memory

    def check_for_unicorn(self) -> None:
        """See whether all options can be had on the unicorn engine.

        Raises:
            UsageError: one can't.
        """
        profile = self.profile
        if self.clock not in CLOCKS:
            raise UsageError(f"--clock {self.clock}: there are {' and '.join(CLOCKS)}")
        if self.memory_size > profile.most_memory:
            raise UsageError(f"-m {self.memory}: {profile.name} takes at most {profile.most_memory >> 20}M")
        for option, value in (("-smp", self.smp.removesuffix("1")), ("-numa", " ".join(self.numa))):
            if value:
                raise UsageError(
                    f"{option} {value}: the unicorn engine has one CPU and one memory; --engine qemu has more"
                )
        if self.qemu:
            raise UsageError("--qemu is for --engine qemu")
        if self.extra:
            raise UsageError(f"{self.extra[0]}: the unicorn engine has no such thing; --engine qemu has")

    @property
    def _usual_machine(self) -> str:
        on_unicorn = self.engine == "unicorn" or (not self.engine and not self._has_qemu)
        return "generic" if on_unicorn and not _is_64_bit(self.kernel) else "pseries"

    @property
    def _has_qemu(self) -> bool:
        if self.qemu:
            return True
        try:
            find_qemu(MACHINES["pseries"].qemu)
        except UsageError:
            return False
        return True

    @property
    def variable_values(self) -> dict[str, str]:
        """The configuration variables of this run by name.

        Raises:
            UsageError: there is no such variable, or it can't be that.
        """
        from vof.firmware.options import check_variable

        values = {}
        for text in self.variables:
            name, equals, value = text.partition("=")
            if not equals:
                raise UsageError(f"-prom-env {text}: write NAME=VALUE, as in boot-device=disk")
            try:
                check_variable(name, value)
            except UsageError as error:
                raise UsageError(f"-prom-env {text}: {error}") from None
            values[name] = value
        return values

    @property
    def boot_options(self) -> dict[str, str]:
        """What `-boot` says: `order`, `once` and others.

        Raises:
            UsageError: it can't be understood.
        """
        from vof.firmware.boot_order import check_order

        options: dict[str, str] = {}
        for place, word in enumerate(self.boot.split(",") if self.boot else ()):
            key, equals, value = word.partition("=")
            if not equals and place == 0:
                key, value = "order", word
            if key not in _BOOT_KEYS:
                raise UsageError(f'-boot {self.boot}: unknown option "{key}": there are {", ".join(_BOOT_KEYS)}')
            options[key] = value
        for key in ("order", "once"):
            check_order(options.get(key, ""))
        return options

    @property
    def boots_devices(self) -> bool:
        """Whether the machine boots from what it has, without a kernel given by name."""
        reaches = bool(self.profile.drives) or self.engine_name != "qemu"
        return reaches and not self.kernel and (self.has_disks or self.has_networks)

    @property
    def has_networks(self) -> bool:
        """Whether QEMU may have network cards for the firmware."""
        return bool(self.netdevs) or any(argument in _NETWORK_OPTIONS for argument in self.extra)

    @property
    def _networks(self) -> list[str]:
        """QEMU's arguments for the networks, with a card for each that has none."""
        arguments: list[str] = []
        for number, value in enumerate(self.netdevs):
            found = re.search(r"(?:^|,)id=([^,]+)", value)
            name = found[1] if found else f"net{number}"
            arguments += ["-netdev", value if found else f"{value},id={name}"]
            used = any(f"netdev={name}" in argument.split(",") for argument in self.extra)
            if not used and self.profile.card:
                arguments += ["-device", f"{self.profile.card},netdev={name}"]
        return arguments

    @property
    def nvram_image(self) -> NvramImage | None:
        """The file that is the NVRAM of `pseries`; None for none.

        Raises:
            UsageError: it can't be.
        """
        if not self.nvram or self.profile.name != "pseries":
            return None
        from vof.backends.nvram_image import NvramImage

        return NvramImage(self.nvram)

    @property
    def has_disks(self) -> bool:
        """Whether QEMU may have disks for the firmware."""
        return bool(self.drives) or any(argument in _DISK_OPTIONS for argument in self.extra)

    @property
    def qemu_drives(self) -> QemuDrives:
        """What the drives come to for QEMU, with the other arguments behind them.

        Raises:
            UsageError: one can't be understood.
        """
        interface = self.profile.drives
        if interface and self.has_disks:
            from vof.vm.qemu_drives import qemu_drives

            return qemu_drives(interface, self.drives, self.extra, snapshot=self.snapshot)
        plain = [argument for value in self.drives for argument in ("-drive", value)]
        return QemuDrives([*plain, *(("-snapshot",) if self.snapshot else ()), *self.extra])

    def qemu_options(self) -> QemuOptions:
        """What the QEMU engine is to start.

        Raises:
            UsageError: an option can't be had.
        """
        profile = self.profile
        if self.clock != "host":
            raise UsageError(f"--clock {self.clock}: QEMU has a clock of its own; --engine unicorn takes it")
        memory = self.memory_size
        nodes, others = parse_numa(self.numa, memory)
        asked = self.machine or profile.name
        asked = ",".join(each for each in asked.split(",") if each.split("=")[0] not in profile.own_options)
        given = {option.split("=")[0] for option in asked.split(",")}
        machine = ",".join([asked, *(o for o in profile.options if o.split("=")[0] not in given)])
        extra = [argument for value in others for argument in ("-numa", value)]
        _ = self.boot_options  # our words for what is wrong there are clearer than QEMU's
        drives = self.qemu_drives.arguments
        image = self.nvram_image
        if image is not None:
            extra += ["-drive", f"if=pflash,format=raw,file={image.path.replace(',', ',,')}"]
        return QemuOptions(
            program=self.qemu or profile.qemu,
            machine=machine,
            memory=memory,
            memory_options=self.memory.partition(",")[2],
            cpu=self.cpu,
            smp=self.smp,
            nodes=nodes,
            trap=self.trap_name,
            shares_memory=profile.shares_memory,
            firmware_size=profile.firmware_size,
            reset_vector=profile.reset_vector,
            firmware_at=profile.firmware_at,
            resets=profile.resets,
            stub=profile.stub,
            stub_at=profile.stub_at,
            environment=SERVER_ENVIRONMENT,
            extra=(
                *extra,
                *(("-boot", self.boot) if self.boot else ()),
                "-action",
                "panic=pause",
                *self._networks,
                *drives,
            ),
        )


def _is_64_bit(kernel: str) -> bool:
    try:
        with open(kernel, "rb") as file:
            return file.read(len(_64_BIT_ELF)) == _64_BIT_ELF
    except OSError:
        return False  # which is said when it is opened in earnest
