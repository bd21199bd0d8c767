"""Small client programs in assembler, linked at 2 MiB."""

from __future__ import annotations

import subprocess
from pathlib import Path

__all__ = ["EXIT", "assemble", "symbol"]

EXIT = """
        .align 2
quit:   lis     3, exit_block@ha
        addi    3, 3, exit_block@l
        lis     4, entry@ha
        lwz     4, entry@l(4)
        mtctr   4
        bctr
        .balign 16
exit_block: .long exit_name, 0, 0
exit_name: .asciz "exit"
        .balign 4
entry:  .long 0
"""
"""A routine `quit`, which calls `exit`; the start must have put r5 into `entry`."""


def assemble(folder: Path, text: str) -> Path:
    """The ELF file of a 32-bit program whose first instruction is `_start`."""
    thing, program = folder / "program.o", folder / "program.elf"
    source = f".machine ppc\n.globl _start\n_start:\n{text}\n"
    command = ["powerpc-linux-gnu-as", "-a32", "-mbig", "-mregnames", "-o", str(thing), "-"]
    subprocess.run(command, input=source, text=True, check=True)
    linker = ["powerpc-linux-gnu-ld", "-m", "elf32ppc", "-N", "--no-warn-rwx-segments", "-e", "_start"]
    subprocess.run([*linker, "-Ttext=0x200000", "-o", str(program), str(thing)], check=True)
    return program


def symbol(program: Path, name: str) -> int:
    """The address of a symbol."""
    lines = subprocess.run(["powerpc-linux-gnu-nm", str(program)], capture_output=True, text=True, check=True).stdout
    return next(int(line.split()[0], 16) for line in lines.splitlines() if line.split()[-1] == name)
