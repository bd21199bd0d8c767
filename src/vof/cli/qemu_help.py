"""`-cpu help`, `-device help`, `-device virtio-blk-pci,help`: QEMU's own lists, as its users ask for them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from vof.cli.options import Given

if TYPE_CHECKING:
    from vof.vm import Config

__all__ = ["asks_for_help", "show_qemus_help"]

_OPTIONS = ("-machine", "-cpu", "-drive", "-netdev", "-device")


def asks_for_help(given: Given) -> bool:
    """Whether a value of an option is a question."""
    values = [value for name, value in given.options if name in _OPTIONS]
    return any(value.split(",")[-1] in ("help", "?") for value in values + given.rest)


def show_qemus_help(config: Config) -> int:
    """Have QEMU answer, and return its status.

    Raises:
        UsageError: there is no QEMU, or no such machine: the machines are ours, not QEMU's.
    """
    from vof.engines.qemu import find_qemu

    options = config.qemu_options()
    command = [find_qemu(options.program), "-nodefaults", "-machine", config.machine or config.profile.name]
    command += ["-cpu", config.cpu] if config.cpu else []
    return subprocess.run([*command, *options.extra], check=False).returncode
