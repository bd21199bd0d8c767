"""The engines that boards stand on, made from a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vof.errors import UsageError

if TYPE_CHECKING:
    from vof.backends import HostClock, VirtualClock
    from vof.engines.external import ExternalEngine
    from vof.engines.qemu import QemuEngine
    from vof.engines.unicorn import UnicornEngine
    from vof.vm.boards.board import BoardPlan
    from vof.vm.config import Config

__all__ = ["external_engine", "qemu_engine", "unicorn_engine"]


def qemu_engine(config: Config) -> QemuEngine:
    """A QEMU.

    Raises:
        UsageError: an option can't be had.
    """
    from vof.engines.qemu import QemuEngine

    if config.trap not in ("", "mailbox", "breakpoint"):
        raise UsageError(f"--trap {config.trap}: stock QEMU has mailbox and breakpoint")
    return QemuEngine(config.qemu_options())


def external_engine(plan: BoardPlan, *, bits: int) -> ExternalEngine:
    """Somebody else's emulator; its file is open from here on.

    Args:
        plan: the board's.
        bits: the CPU's.

    Raises:
        UsageError: the file can't be its RAM, or an option can't be had.
    """
    from vof.engines.external import ExternalEngine

    config = plan.config
    if config.trap not in ("", "mailbox"):
        raise UsageError(f"--trap {config.trap}: what runs elsewhere has mailbox")
    engine = ExternalEngine(config.memory_file, bits)
    plan.closers.callback(engine.close)
    return engine


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
