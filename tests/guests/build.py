"""Builds the test guests that are written in C, for 32 and 64 bits and both byte orders."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

__all__ = ["GUESTS", "LINKED_AT", "build_c", "build_mol"]

GUESTS = Path(__file__).resolve().parent
LINKED_AT = 0x2000000
"""As callserver.S: above what firmwares keep low, below what aligned claims get."""

_TARGETS = {
    (32, "big"): ("-m32", "-mbig"),
    (64, "big"): ("-m64", "-mbig", "-mabi=elfv2"),
    (64, "little"): ("-m64", "-mlittle-endian", "-mabi=elfv2"),
}
_COMMON = ("crt0.S", "client.c")
_OPTIONS = (
    *("-O2", "-Wall", "-Wextra", "-Werror", "-std=gnu11"),
    *("-ffreestanding", "-fno-pic", "-fno-stack-protector", "-fno-builtin", "-fno-asynchronous-unwind-tables"),
    *("-fno-delete-null-pointer-checks", "-msoft-float", "-mno-altivec", "-mno-vsx"),
)
_LINKING = ("-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none,-N,--no-warn-rwx-segments,-e,_start")
_OSI = GUESTS.parents[1] / "guests" / "osi"
"""The library for guests of mol; the tests are its first user."""


def build_c(
    name: str,
    bits: int,
    endian: str,
    folder: Path,
    *,
    sources: Sequence[Path] = (),
    at: int = LINKED_AT,
    linker_options: Sequence[str] = (),
) -> Path:
    """Compile a program with the start and the library that all share.

    Args:
        name: the program's; its source is `name`.c in this folder where no sources are given.
        bits: 32 or 64.
        endian: "big" or "little"; 32-bit programs are big-endian.
        folder: where the program goes.
        sources: its C files.
        at: the address that it is linked to, below 2 GiB.
        linker_options: more for the linker, such as a script.

    Returns:
        The ELF file. Without the cross compiler (gcc-powerpc-linux-gnu) this fails.
    """
    program = folder / f"{name}{bits}{endian[0]}.elf"
    files = [*(GUESTS / common for common in _COMMON), *(sources or [GUESTS / f"{name}.c"])]
    subprocess.run(
        [
            "powerpc-linux-gnu-gcc",
            *_TARGETS[bits, endian],
            *_OPTIONS,
            f"-I{GUESTS}",
            *_LINKING,
            *(f"-Wl,-Ttext={at:#x}", *linker_options),
            *("-o", str(program)),
            *(str(file) for file in files),
        ],
        check=True,
    )
    return program


def build_mol(name: str, folder: Path, *, others: Sequence[str] = (), at: int = 0x100000) -> Path:
    """Compile a program for `mol` with the project's library for such.

    Args:
        name: its source is mol/`name`.c.
        folder: where the program goes.
        others: more sources in mol/.
        at: the address that it is linked to. Data that calls may point to is at 0x300000.

    Returns:
        The ELF file.
    """
    program = folder / f"{name}.elf"
    sources = [_OSI / "start.S", _OSI / "osi.c", *(GUESTS / "mol" / each for each in (f"{name}.c", *others))]
    subprocess.run(
        [
            "powerpc-linux-gnu-gcc",
            *_TARGETS[32, "big"],
            *_OPTIONS,
            f"-I{_OSI}",
            *_LINKING,
            f"-Wl,-Ttext={at:#x},--section-start=.arena=0x300000",
            *("-o", str(program)),
            *(str(source) for source in sources),
        ],
        check=True,
    )
    return program
