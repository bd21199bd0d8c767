"""A simulator that isn't vof's, with vof as its firmware: a bare Unicorn whose RAM is a file.

    truncate -s 128M ram
    vof serve --memory ram -kernel core.elf -drive disk.img &       # says where the CPU is to be started
    python examples/simulator.py ram 0x7de0004

All that it knows of the firmware is that file and that address. Whatever can map a file as RAM can do the same: a QEMU
with `memory-backend-file,share=on`, a model of a soft core, another language's emulator.
"""

from __future__ import annotations

import ctypes
import mmap
import sys

from unicorn import UC_ARCH_PPC, UC_MODE_BIG_ENDIAN, UC_MODE_PPC32, UC_PROT_ALL, Uc
from unicorn.ppc_const import UC_CPU_PPC32_750_V3_1, UC_PPC_REG_3, UC_PPC_REG_MSR

FLOATING_POINT = 0x2000
NEVER = 0xFFFFFFFC


def main(path: str, start: str) -> None:
    """Run a CPU on a file."""
    with open(path, "r+b") as file:
        ram = mmap.mmap(file.fileno(), 0)
    cpu = Uc(UC_ARCH_PPC, UC_MODE_PPC32 | UC_MODE_BIG_ENDIAN)
    cpu.ctl_set_cpu_model(UC_CPU_PPC32_750_V3_1)
    cpu.mem_map_ptr(0, len(ram), UC_PROT_ALL, ctypes.addressof(ctypes.c_char.from_buffer(ram)))
    cpu.reg_write(UC_PPC_REG_MSR, FLOATING_POINT)
    cpu.reg_write(UC_PPC_REG_3, 0)
    cpu.emu_start(int(start, 0), NEVER)


if __name__ == "__main__":
    main(*sys.argv[1:])
