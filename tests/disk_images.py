"""Disk images made by the ordinary tools."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LAYOUTS", "MIB", "Layout", "make_image", "run_tool"]

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Layout:
    """A kind of partition table.

    Attributes:
        commands: what makes it; `IMAGE` is the file.
        script: what the first command gets on its standard input.
        partitions: where each is, by number: start and size in MiB, as the commands say.
    """

    commands: tuple[tuple[str, ...], ...]
    partitions: dict[int, tuple[int, int]]
    script: str = ""


LAYOUTS = {
    "mbr": Layout(
        (("sfdisk", "-q", "IMAGE"),),
        {1: (1, 4), 2: (5, 10), 5: (17, 2), 6: (20, 2), 7: (23, 9)},
        "label: dos\n"
        "start=2048,size=8192,type=41,bootable\n"
        "start=10240,size=20480,type=83\n"
        "start=32768,size=60000,type=5\n"
        "start=34816,size=4096,type=83\n"
        "start=40960,size=4096,type=82\n"
        "start=47104,size=18432,type=83\n",
    ),
    "gpt": Layout(
        (("sgdisk", "-n", "1:1M:+4M", "-t", "1:4100", "-n", "3:5M:+8M", "-n", "128:20M:+1M", "IMAGE"),),
        {1: (1, 4), 3: (5, 8), 128: (20, 1)},
    ),
    "mac": Layout(
        (
            ("parted", "-s", "IMAGE", "mklabel", "mac"),
            ("parted", "-s", "IMAGE", "mkpart", "primary", "hfs", "1MiB", "10MiB"),
            ("parted", "-s", "IMAGE", "mkpart", "primary", "ext2", "10MiB", "30MiB"),
        ),
        {2: (1, 9), 3: (10, 20)},
    ),
}


def run_tool(*command: str, script: str = "") -> str:
    """Run a tool, which may live where only root looks; what it prints."""
    environment = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
    done = subprocess.run(command, input=script, text=True, capture_output=True, env=environment, timeout=60)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


def make_image(path: Path, layout: Layout, size: int = 48 * MIB) -> Path:
    """A sparse image with these partitions."""
    with path.open("wb") as file:
        file.truncate(size)
    script = layout.script
    for command in layout.commands:
        run_tool(*(str(path) if word == "IMAGE" else word for word in command), script=script)
        script = ""
    return path
