"""The program `vof` as a user runs it, and things to give it."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import guest_files

VOF = (sys.executable, "-m", "vof")
PPC64, X86_64 = 21, 62


def vof(
    *arguments: str | Path, path: str | None = None, text: str = "", timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run it to its end, with another PATH if one is given."""
    environment = os.environ if path is None else {**os.environ, "PATH": path}
    command = [*VOF, *map(str, arguments)]
    return subprocess.run(command, env=environment, input=text, capture_output=True, text=True, timeout=timeout)


@contextmanager
def running(
    *arguments: str | Path, stdin: int = subprocess.DEVNULL, stdout: int = subprocess.PIPE, stderr: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run it beside the test, which waits for its end or fails.

    Its signals have their usual effect, even if the tests were started in the background by a shell that ignores some.
    """
    command = ["env", "--default-signal", *VOF, *map(str, arguments)]
    with subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def boot_arguments(append: str) -> list[str]:
    folder = guest_files.guests_folder()
    files = ["-kernel", str(folder / "vmlinux"), "-initrd", str(folder / "initrd.gz")]
    return ["boot", "-machine", "pseries", "-m", "512M", *files, "-append", append]


def script(folder: Path, name: str, text: str) -> Path:
    """Make a program."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def elf(*, machine: int = PPC64, memory: int = 0x1000) -> bytes:
    """A big-endian ELF64 program of one instruction, an endless loop, that takes so much memory."""
    offset, address = 0x1000, 0x400000
    header = struct.pack(
        ">16sHHIQQQIHHHHHH", b"\x7fELF\x02\x02\x01", 2, machine, 1, address, 64, 0, 2, 64, 56, 1, 0, 0, 0
    )
    segment = struct.pack(">IIQQQQQQ", 1, 5, offset, address, address, 4, memory, 0x1000)
    return (header + segment).ljust(offset, b"\0") + struct.pack(">I", 0x48000000)
