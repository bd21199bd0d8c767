"""The in-process engine: beside bare Unicorn, and GRUB to its menu."""

from __future__ import annotations

import ctypes
import mmap
import os
import subprocess
import time
from collections.abc import Callable
from typing import Any

from unicorn import UC_ARCH_PPC, UC_HOOK_INTR, UC_MODE_BIG_ENDIAN, UC_MODE_PPC32, UC_PROT_ALL, Uc, ppc_const

from bench.options import BenchError, Options
from bench.report import Report
from vof import VM
from vof.engines.unicorn import UnicornEngine, UnicornOptions
from vof.outcomes import DONE, Jump, Outcome

__all__ = ["MENU", "measure"]

_RAM = 64 << 20
_AT = 0x200000
_STUB = 0x100000
_CALLS = 50_000
_TURNS = 20_000_000
_INSTRUCTIONS = 5
"""In one turn of the loop below."""
MENU = b"automatically in"
_TIMEOUT = 30

# loop: call r30 through CTR for the block at 0x1000; count r31 down; then an instruction that no CPU has
_CALL_LOOP = (0x7FC903A6, 0x38600000 | 0x1000, 0x4E800421, 0x37FFFFFF, 0x4082FFF0, 0x00DDDD00)
# loop: add, xor, rotate, count down, branch
_WORK_LOOP = (0x7C641A14, 0x7C842278, 0x5463083C, 0x37FFFFFF, 0x4082FFF0, 0x00DDDD00)
_HYPERCALL_STUB = (0x7C641B78, 0x3C600000, 0x6063F005, 0x44000022, 0x4E800020)

_R3, _R4, _R30, _R31 = (
    ppc_const.UC_PPC_REG_3,
    ppc_const.UC_PPC_REG_4,
    ppc_const.UC_PPC_REG_30,
    ppc_const.UC_PPC_REG_31,
)


def measure(options: Options) -> Report:
    """Compare loops with bare Unicorn in turns, then time GRUB's start and runs from a snapshot."""
    report = Report("inprocess", "the unicorn engine, bare Unicorn, and GRUB")
    calls, turns = (2000, 200_000) if options.quick else (_CALLS, _TURNS)
    samples: dict[tuple[str, str], list[float]] = {}
    for _ in range(options.times(usual=7)):
        for what, loop, count, unit in (
            ("one call answered by nothing", _CALL_LOOP, calls, 1e6),
            ("one guest instruction", _WORK_LOOP, turns, 1e9 / _INSTRUCTIONS),
        ):
            samples.setdefault((what, "vof"), []).append(_ours(loop, count) / count * unit)
            samples.setdefault((what, "bare Unicorn"), []).append(_bare(loop, count) / count * unit)
        for trap in ("hypercall", "illegal", "osi", "mailbox"):
            samples.setdefault((f"getprop, trap {trap}", "vof"), []).append(_getprop(trap, calls))
    for (what, subject), values in samples.items():
        report.add(what, subject, "ns" if "instruction" in what else "µs", values)
    report.expect_ratio("one call answered by nothing", "vof", "bare Unicorn", 2.0)
    report.expect_ratio("one guest instruction", "vof", "bare Unicorn", 1 / 0.9)
    _grub(report, options)
    report.notes.append("bare Unicorn's call: a hook that reads the block's address and writes r3, and no more")
    report.notes.append("GRUB to its menu: from the start of the process `vof boot --engine unicorn`")
    return report


def _words(words: tuple[int, ...]) -> bytes:
    return b"".join(word.to_bytes(4) for word in words)


def _ours(loop: tuple[int, ...], count: int) -> float:
    """Seconds for a loop on the engine, whose calls are answered at once."""
    engine = _engine("hypercall")
    try:
        trap, cpu = engine.trap, engine.cpu
        engine.memory.write(_AT, _words(loop))
        trap.serve()
        trap.answer = _done
        trap.jump(Jump(_AT))
        cpu.set_gpr(31, count)
        cpu.set_gpr(30, engine.layout.client_entry)
        began = time.perf_counter()
        trap.serve()  # until the instruction that no CPU has
        return time.perf_counter() - began
    finally:
        engine.close()


def _getprop(trap_name: str, count: int) -> float:
    """µs for one `getprop` of a guest's loop, the service and all."""
    from vof.backends import HostClock
    from vof.firmware import OpenFirmware
    from vof.memory import ClaimMap
    from vof.tree import DeviceTree

    engine = _engine(trap_name)
    try:
        trap, memory = engine.trap, engine.memory
        memory.write(_AT, _words(_CALL_LOOP))
        while trap.serve() is None:
            pass
        tree = DeviceTree()
        chosen = tree.add("/", "chosen", {"stdout": b"\0\0\0\1"})
        memory.write(0x2000, b"getprop\0stdout\0")
        memory.write_cells(0x1000, (0x2000, 4, 1, chosen.phandle, 0x2008, 0x3000, 4, 0))
        trap.answer = OpenFirmware(tree, memory, ClaimMap(_RAM), clock=HostClock()).call
        # r31 = how often, r30 = the entry, which is in r5 at the start; then to the loop
        start = (0x3FE00000 | count >> 16, 0x63FF0000 | count & 0xFFFF, 0x7CBE2B78, 0x48000000 | (_AT - 0x18000C))
        memory.write(0x180000, _words(start))
        trap.jump(Jump(0x180000))
        began = time.perf_counter()
        _until_end(trap.serve)
        elapsed = time.perf_counter() - began
        if memory.read_cells(0x101C, 1) != (4,):
            raise BenchError("the guest's getprop was not answered")
        return elapsed / count * 1e6
    finally:
        engine.close()


def _until_end(serve: Callable[[], Any]) -> None:
    from vof.outcomes import Departed

    try:
        while serve() is None:
            pass
    except Departed:
        pass


def _engine(trap: str) -> UnicornEngine:
    engine = UnicornEngine(UnicornOptions(_RAM, 32, "", trap, 25_000_000, time.monotonic_ns))
    engine.prepare()
    engine.reset()
    engine.trap.idle = _go_on
    return engine


def _done(block: int) -> Outcome:
    return DONE


def _go_on(seconds: float) -> bool:
    return False


def _bare(loop: tuple[int, ...], count: int) -> float:
    """Seconds for the same on Unicorn alone."""
    ram = mmap.mmap(-1, _RAM)
    uc = Uc(UC_ARCH_PPC, UC_MODE_PPC32 | UC_MODE_BIG_ENDIAN)
    uc.ctl_set_cpu_model(ppc_const.UC_CPU_PPC32_750_V3_1)
    anchor = ctypes.c_char.from_buffer(ram)
    uc.mem_map_ptr(0, _RAM, UC_PROT_ALL, ctypes.addressof(anchor))
    ram[_AT : _AT + 4 * len(loop)] = _words(loop)
    ram[_STUB : _STUB + 20] = _words(_HYPERCALL_STUB)

    def on_exception(uc: Any, number: int, data: Any) -> None:
        if number != 8:
            uc.emu_stop()
            return
        uc.reg_read(_R4)
        uc.reg_write(_R3, 0)

    uc.hook_add(UC_HOOK_INTR, on_exception)
    uc.reg_write(_R30, _STUB)
    uc.reg_write(_R31, count)
    began = time.perf_counter()
    uc.emu_start(_AT, 0xFFFFFFFC)
    return time.perf_counter() - began


def _grub(report: Report, options: Options) -> None:
    core, disk = options.grub
    drive = f"file={disk},format=raw,snapshot=on"
    command = [options.vof, "boot", "--engine", "unicorn", "-kernel", core, "-drive", drive]
    report.add("GRUB to its menu", "vof", "s", [_to_menu(command) for _ in range(options.times(usual=9))])
    report.expect("GRUB to its menu", "vof", 0.3, "s")
    count = 4 if options.quick else 200
    with VM(engine="unicorn", kernel=core, drives=[drive], clock="virtual") as vm:
        vm.expect(MENU, timeout=_TIMEOUT)
        snapshot = vm.snapshot()
        for workers in (1, 2):
            began = time.perf_counter()
            results = list(vm.run_in_workers(snapshot, _command_line, range(count), workers=workers))
            rate = count / (time.perf_counter() - began)
            if any(result.error for result in results):
                raise BenchError(next(result.error for result in results if result.error))
            report.add("runs from a snapshot", f"{workers} worker{'s' * (workers > 1)}", "1/s", [rate])


def _command_line(vm: VM, item: int) -> int:
    """GRUB's command line, a key and a command, from its menu."""
    vm.send("c")
    vm.expect("grub> ")
    vm.send("ls\r")
    return len(vm.expect("grub> "))


def _to_menu(command: list[str]) -> float:
    began = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    shown = bytearray()
    try:
        while MENU not in shown:
            data = os.read(process.stdout.fileno(), 0x10000)
            if not data:
                raise BenchError(f"GRUB did not come to its menu: {bytes(shown[-200:])!r}")
            shown += data
        return time.perf_counter() - began
    finally:
        process.terminate()
        process.communicate()
