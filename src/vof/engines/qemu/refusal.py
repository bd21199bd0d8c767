"""Why a QEMU ended before the guest ran at all: it is no use to us, or it refuses what it was asked for."""

from __future__ import annotations

import os
import re

from vof.engines.qemu.command import qemu_version
from vof.errors import UsageError

__all__ = ["refusal"]

_NODE = re.compile(r"^-blockdev \{.*\}: ")
"""What a drive has become: the user knows it by another spelling."""


def refusal(program: str, last_words: str) -> UsageError:
    """What to tell the user.

    The version is looked at here and not before the start: asking for it takes as long as starting QEMU.

    Args:
        program: QEMU's path.
        last_words: what it printed.
    """
    try:
        qemu_version(program)
    except UsageError as error:
        return error
    name = os.path.basename(program)
    lines = [line.removeprefix(f"{name}: ").strip() for line in last_words.splitlines()]
    lines = [_NODE.sub("", line) for line in lines]
    said = [line for line in lines if line and not line.startswith("warning:")]
    rom = re.search(r'failed to find romfile "(efi-|pxe-|vgabios-)', last_words)
    if rom:
        package = "seabios" if rom[1] == "vgabios-" else "ipxe-qemu"
        said.append(
            f"on Debian {package} has it (apt-get install {package}); romfile= in the device's options does without"
        )
    return UsageError(f"{name} refuses: {'; '.join(said) or 'it ended at once and said nothing'}")
