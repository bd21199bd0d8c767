"""Boards: a machine on an engine. Which of them a configuration asks for, and how each is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from vof.errors import EngineError, UsageError
from vof.outcomes import Jump
from vof.version import VERSION

if TYPE_CHECKING:
    from vof.backends import HostClock, VirtualClock
    from vof.engines.engine import Engine
    from vof.engines.trap import Hello
    from vof.engines.unicorn import UnicornEngine
    from vof.firmware import OpenFirmware
    from vof.machines.machine import Program, Site
    from vof.tree import DeviceTree
    from vof.vm.config import Config

__all__ = ["Board", "make_board"]

_MODEL = f"vof,{VERSION}"


class Board(Protocol):
    """A machine on an engine."""

    @property
    def engine(self) -> Engine:
        """What runs the guest."""
        ...

    def power_on(
        self, site: Site, hello: Hello, program: Program, change: Callable[[DeviceTree], None]
    ) -> OpenFirmware:
        """Make the firmware of one boot.

        Args:
            site: where it stands.
            hello: what the machine said when it started.
            program: what has been loaded.
            change: makes the user's own changes to the tree.
        """
        ...

    def start(self, jump: Jump) -> Jump:
        """How to start the client program, given the plain way."""
        ...

    def warm_up(self) -> None:
        """Import what takes long, while the engine starts."""
        ...


def make_board(config: Config, clock: HostClock | VirtualClock) -> Board:
    """The board that a configuration asks for.

    Raises:
        UsageError: there is none, or an option doesn't go with it.
    """
    if config.engine_name == "qemu":
        return _QemuPseries(config)
    if config.profile.name == "pseries":
        return _UnicornPseries(config, clock)
    return _UnicornGeneric(config, clock)


class _QemuPseries:
    def __init__(self, config: Config) -> None:
        from vof.engines.qemu import QemuEngine

        if config.trap not in ("", "mailbox"):
            raise UsageError(f"--trap {config.trap}: stock QEMU has mailbox")
        self.engine = QemuEngine(config.qemu_options())

    def warm_up(self) -> None:
        import vof.machines.pseries

        assert vof.machines.pseries

    def power_on(
        self, site: Site, hello: Hello, program: Program, change: Callable[[DeviceTree], None]
    ) -> OpenFirmware:
        from vof.machines.pseries import Pseries

        return Pseries(site, _MODEL).power_on(hello.tree, program, change)

    def start(self, jump: Jump) -> Jump:
        return jump


class _UnicornPseries:
    def __init__(self, config: Config, clock: HostClock | VirtualClock) -> None:
        self.engine = _unicorn(config, clock, bits=64, timebase=512_000_000)

    def warm_up(self) -> None:
        pass

    def power_on(
        self, site: Site, hello: Hello, program: Program, change: Callable[[DeviceTree], None]
    ) -> OpenFirmware:
        raise EngineError("not yet")

    def start(self, jump: Jump) -> Jump:
        return jump


class _UnicornGeneric:
    def __init__(self, config: Config, clock: HostClock | VirtualClock) -> None:
        self.engine = _unicorn(config, clock, bits=32, timebase=25_000_000)

    def warm_up(self) -> None:
        pass

    def power_on(
        self, site: Site, hello: Hello, program: Program, change: Callable[[DeviceTree], None]
    ) -> OpenFirmware:
        raise EngineError("not yet")

    def start(self, jump: Jump) -> Jump:
        if jump.bits == 64:
            raise UsageError("a 64-bit program, and generic has a 32-bit CPU: -machine pseries has a 64-bit one")
        return replace(jump)


def _unicorn(config: Config, clock: HostClock | VirtualClock, *, bits: int, timebase: int) -> UnicornEngine:
    from vof.engines.unicorn import UnicornEngine, UnicornOptions

    return UnicornEngine(
        UnicornOptions(
            memory=config.memory_size,
            bits=bits,
            cpu=config.cpu,
            trap=config.trap or "hypercall",
            timebase=timebase,
            nanoseconds=clock.nanoseconds,
        )
    )
