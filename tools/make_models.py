"""Try every CPU model that Unicorn has, and write the table of them: src/vof/engines/unicorn/model_table.py.

.venv/bin/python tools/make_models.py CORE.ELF DISK.IMG    # GRUB, as `make guests` makes it; two minutes

Each model is tried in processes of its own, since some end the process that they run in: GRUB has to come to its menu,
once in real mode and once with a page table of the firmware's. QEMU's own list gives names, aliases and numbers.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from unicorn import ppc_const

from vof import VM, Config
from vof.engines.unicorn import UnicornEngine, models

TABLE = Path(__file__).parents[1] / "src" / "vof" / "engines" / "unicorn" / "model_table.py"
PREFIX = "UC_CPU_PPC32_"
HEADER = '''"""Every 32-bit CPU model of Unicorn, as tried by tools/make_models.py, which writes this file."""

from __future__ import annotations

__all__ = ["ALIASES", "MODELS"]

MODELS = """
{models}
"""
"""QEMU's name, processor version, Unicorn's constant and what it can: `hash` real mode and a hashed page table, `real`
real mode only, `none` neither."""

ALIASES = """
{aliases}
"""
"""QEMU's further names, and what they stand for."""
'''


def qemus_list() -> tuple[dict[str, int], dict[str, str]]:
    """QEMU's models with their numbers, and its aliases."""
    text = subprocess.run(["qemu-system-ppc", "-cpu", "help"], capture_output=True, text=True, check=True).stdout
    models = {name: int(pvr, 16) for name, pvr in re.findall(r"^PowerPC (\S+)\s+PVR ([0-9a-f]+)", text, re.MULTILINE)}
    return models, dict(re.findall(r"^PowerPC (\S+)\s+\(alias for (\S+)\)", text, re.MULTILINE))


def bare(name: str) -> str:
    """A model's name without what the two lists spell differently."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def reaches_menu(constant: str, machine: str, core: str, disk: str) -> bool:
    """Whether GRUB comes to its menu on a model, in a process that may be lost."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    signal.alarm(10)
    status = 1
    with contextlib.suppress(BaseException):
        for descriptor in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
        models.MODELS["trial"] = models.CpuModel("trial", 32, 0, constant, hashed=True)
        drives = [f"file={disk},snapshot=on"]
        config = Config(engine="unicorn", machine=machine, cpu="trial", clock="virtual", kernel=core, drives=drives)
        with VM(config) as vm:
            vm.expect("automatically in", timeout=5)
            status = 0 if machine == "generic" or translates(vm) else 2
    os._exit(status)


def translates(vm: VM) -> bool:
    """Whether a mapping that isn't 1:1 leads the CPU where it should."""
    assert vm.firmware is not None and isinstance(vm.engine, UnicornEngine)
    vm.firmware.instances.open("/mmu").call("map", [0x2000000, 0xD0000000, 0x1000, 0x12])
    return vm.engine.cpu.physical(0xD0000000) == 0x2000000


def main(core: str, disk: str) -> None:
    numbers, aliases = qemus_list()
    names = {bare(name): name for name in numbers}
    rows = []
    for constant in sorted(name for name in dir(ppc_const) if name.startswith(PREFIX) and not name.endswith("ENDING")):
        plain = constant.removeprefix(PREFIX)
        name = names.get(bare(plain), plain.lower())
        what = "none"
        if reaches_menu(constant, "generic", core, disk):
            what = "hash" if reaches_menu(constant, "generic,real-mode=off", core, disk) else "real"
        rows.append(f"{name} {numbers.get(name, 0):#010x} {plain} {what}")
        print(rows[-1])
    known = {row.split()[0] for row in rows}
    further = [f"{alias} {name}" for alias, name in sorted(aliases.items()) if name in known]
    TABLE.write_text(HEADER.format(models="\n".join(rows), aliases="\n".join(further)))


if __name__ == "__main__":
    main(*sys.argv[1:3])
