"""`PowerCpu`: one Unicorn CPU with RAM from address 0, and the registers that Unicorn's interface leaves out."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable
from typing import Any

import unicorn
from unicorn import UcError, ppc_const, unicorn_const

from vof.engines.unicorn.models import CpuModel
from vof.engines.unicorn.ram import PAGE, Ram
from vof.engines.unicorn.stopping import spoils_itself
from vof.outcomes import Jump

__all__ = ["MSR_LE", "MSR_SF", "PowerCpu", "SavedRegisters", "Spr", "UcError"]

MSR_SF, MSR_LE = 1 << 63, 1
_MSR_IR = 0x20
_TCG_BUFFER = 32 << 20
_PRIVATE_PAGE = 0xFFFF8000
"""The host's own page in the guest's physical space: above any RAM of 32 bits, and in reach of 32-bit code."""
_NEVER = {32: 0xFFFFFFFC, 64: 0xFFFF_FFFF_FFFF_FFFC}
_LINES_TO_FLUSH = 1 << 20
"""Bytes from which dropping all translations is cheaper than dropping those of a range."""

_PC = ppc_const.UC_PPC_REG_PC
_MSR = ppc_const.UC_PPC_REG_MSR
_LR = ppc_const.UC_PPC_REG_LR
_GPR0 = ppc_const.UC_PPC_REG_0
_VOLATILE = (
    _GPR0,
    *range(_GPR0 + 3, _GPR0 + 13),
    _LR,
    ppc_const.UC_PPC_REG_CTR,
    ppc_const.UC_PPC_REG_CR,
    ppc_const.UC_PPC_REG_XER,
    _MSR,
    _PC,
)

SavedRegisters = tuple[int, ...]


class Spr:
    """Numbers of special purpose registers (PowerPC OEA)."""

    DSISR, DAR, DEC, SDR1, SRR0, SRR1 = 18, 19, 22, 25, 26, 27


class PowerCpu:
    """The CPU.

    Args:
        model: which.
        ram: RAM, at guest address 0.

    Attributes:
        bits: 32 or 64.
        uc: Unicorn's own object, for hooks.
        translated: called with address and bytes of each newly translated block. It returns whether the block must be
            translated once more, since it wants an instruction of it hooked.
    """

    def __init__(self, model: CpuModel, ram: Ram) -> None:
        self.bits = model.bits
        mode = unicorn_const.UC_MODE_PPC64 if model.bits == 64 else unicorn_const.UC_MODE_PPC32
        self.uc = uc = unicorn.Uc(unicorn_const.UC_ARCH_PPC, mode | unicorn_const.UC_MODE_BIG_ENDIAN)
        if model.constant:
            uc.ctl_set_cpu_model(getattr(ppc_const, model.constant))
        uc.ctl_set_tcg_buffer_size(_TCG_BUFFER)
        if model.bits == 64:
            # Without it, every instruction ends in an exception; with it there is no translation of addresses.
            uc.ctl_set_tlb_mode(unicorn_const.UC_TLB_VIRTUAL)
        self._ram = ram
        uc.mem_map_ptr(0, len(ram.bytes), unicorn_const.UC_PROT_ALL, ram.address)
        self._private = _PRIVATE_PAGE if len(ram.bytes) <= _PRIVATE_PAGE else 1 << 40
        uc.mem_map(self._private, PAGE, unicorn_const.UC_PROT_ALL)
        self.translated: Callable[[int, bytes], bool] = _not_again
        self._code_pages: set[int] = set()
        self._interrupted = False
        self._stopped = False
        self._counted = 0
        uc.hook_add(unicorn_const.UC_HOOK_EDGE_GENERATED, self._edge)

    def map(self, address: int, memory: Ram) -> None:
        """Have more memory at an address: a device's."""
        self.uc.mem_map_ptr(address, len(memory.bytes), unicorn_const.UC_PROT_ALL, memory.address)

    # Registers

    @property
    def pc(self) -> int:
        """The address of the next instruction."""
        address: int = self.uc.reg_read(_PC)
        return address

    @pc.setter
    def pc(self, address: int) -> None:
        self.uc.reg_write(_PC, address)

    @property
    def msr(self) -> int:
        """The machine state register."""
        value: int = self.uc.reg_read(_MSR)
        return value

    @msr.setter
    def msr(self, value: int) -> None:
        self.uc.reg_write(_MSR, value)

    def gpr(self, number: int) -> int:
        """A general purpose register, unsigned."""
        value: int = self.uc.reg_read(_GPR0 + number)
        return value

    def set_gpr(self, number: int, value: int) -> None:
        """Set a general purpose register, modulo its width."""
        self.uc.reg_write(_GPR0 + number, value & (1 << self.bits) - 1)

    @property
    def lr(self) -> int:
        """The link register."""
        value: int = self.uc.reg_read(_LR)
        return value

    def set_lr(self, value: int) -> None:
        """Set the link register."""
        self.uc.reg_write(_LR, value)

    def save(self) -> SavedRegisters:
        """What a function may change of the registers, and where the CPU is."""
        return tuple(self.uc.reg_read(register) for register in _VOLATILE)

    def restore(self, saved: SavedRegisters) -> None:
        """Put back what `save` gave."""
        for register, value in zip(_VOLATILE, saved, strict=True):
            self.uc.reg_write(register, value)

    # What only the guest's own instructions reach

    def read_spr(self, number: int) -> int:
        """A special purpose register."""
        return self._privileged([0x7C6002A6 | _split(number)])

    def write_spr(self, number: int, value: int) -> None:
        """Set a special purpose register."""
        self._privileged([0x7C6003A6 | _split(number)], value)

    def set_segment(self, number: int, value: int) -> None:
        """Set one of the sixteen segment registers."""
        self._privileged([0x7C6001A4 | number << 16], value)

    def prepare_start(self, start: Jump) -> None:
        """Set what a program's start wants of the registers that only privileged instructions reach."""
        for number, value in start.sprs:
            self.write_spr(number, value)
        for number, value in enumerate(start.segments):
            self.set_segment(number, value)

    def start_bare(self, entry: int) -> None:
        """Be at a program's entry with nothing in any register."""
        for register in _VOLATILE:
            self.uc.reg_write(register, 0)
        for number in range(32):
            self.set_gpr(number, 0)
        self.pc = entry

    def set_exception(self, srr0: int, srr1: int) -> None:
        """Set the registers that tell of an exception."""
        self._privileged([0x7C6003A6 | _split(Spr.SRR0), 0x7C8003A6 | _split(Spr.SRR1)], srr0, srr1)

    def _privileged(self, words: Iterable[int], r3: int = 0, r4: int = 0) -> int:
        """Run instructions on the host's page in supervisor mode with these registers; r3 as it is then.

        Not from a hook.
        """
        uc = self.uc
        saved = [uc.reg_read(register) for register in (_PC, _MSR, _GPR0 + 3, _GPR0 + 4)]
        code = b"".join(word.to_bytes(4) for word in words)
        uc.mem_write(self._private, code)
        uc.ctl_remove_cache(self._private, self._private + PAGE)
        uc.reg_write(_MSR, MSR_SF if self.bits == 64 else 0)
        uc.reg_write(_GPR0 + 3, r3)
        uc.reg_write(_GPR0 + 4, r4)
        # Going from counted to uncounted instructions costs Unicorn all that it has translated.
        uc.emu_start(self._private, self._private + len(code), count=self._counted)
        result: int = uc.reg_read(_GPR0 + 3)
        for register, value in zip((_PC, _MSR, _GPR0 + 3, _GPR0 + 4), saved, strict=True):
            uc.reg_write(register, value)
        return result

    # Running

    def run(self, count: int = 0) -> bool:
        """Run from where the CPU is until somebody calls `stop`.

        Args:
            count: instructions after which to return anyway; 0 for never. Counting makes the guest five times slower.

        Returns:
            Whether all of them were run.

        Raises:
            UcError: the guest reached for memory that isn't there.
        """
        pc = self.pc
        if pc >> 12 not in self._code_pages:  # Unicorn doesn't tell of the first block that it translates
            self._note(pc, 64)
        self._interrupted = self._stopped = False
        self._counted = count
        self.uc.emu_start(pc, _NEVER[self.bits], count=count)
        if self._interrupted:
            self._finish_load()
        return bool(count) and not (self._stopped or self._interrupted)

    def stop(self) -> None:
        """Have `run` return: from a hook."""
        self._stopped = True
        self.uc.emu_stop()

    def interrupt(self) -> None:
        """Have `run` return: from another thread."""
        self._interrupted = True
        self.uc.emu_stop()

    def _finish_load(self) -> None:
        """See `vof.engines.unicorn.stopping`."""
        pc = self.pc
        word = self.instruction(pc)
        if word is not None and spoils_itself(word):
            self.pc = pc + 4

    def physical(self, address: int) -> int | None:
        """The address in RAM of an instruction's address; None if it is in none."""
        if self.bits == 64:
            address &= 0x0FFFFFFFFFFFFFFF  # the linear map of 64-bit systems, which real mode ignores, too
        elif self.msr & _MSR_IR:
            found = _translate(self.uc, address)
            if found is None:
                return None
            address = found
        return address if address + 4 <= len(self._ram.bytes) else None

    def instruction(self, address: int) -> int | None:
        """The instruction at an address; None if nothing is there."""
        place = self.physical(address)
        if place is None:
            return None
        return int.from_bytes(self._ram.bytes[place : place + 4], "little" if self.msr & MSR_LE else "big")

    def written(self, address: int, size: int) -> None:
        """The host has written to RAM: drop what was translated from there."""
        pages = self._code_pages
        first, last = address >> 12, address + size - 1 >> 12
        if first == last:
            if first not in pages:
                return
        elif not any(page in pages for page in range(first, last + 1)):
            return
        if size >= _LINES_TO_FLUSH:
            self.forget()
        else:
            self.uc.ctl_remove_cache(address, address + size)

    @property
    def code_pages(self) -> frozenset[int]:
        """The addresses of the pages that something was translated from."""
        return frozenset(page << 12 for page in self._code_pages)

    def forget(self) -> None:
        """Drop everything that was translated."""
        self.uc.ctl_flush_tb()
        self._code_pages.clear()

    def forget_mappings(self) -> None:
        """The page table has changed: drop what the CPU remembers of it."""
        self.uc.ctl(unicorn_const.UC_CTL_TLB_FLUSH, unicorn_const.UC_CTL_IO_WRITE)

    def _edge(self, uc: unicorn.Uc, block: Any, before: Any, data: Any) -> None:
        self._note(block.pc, block.size)

    def _note(self, address: int, size: int) -> None:
        """Code at this address is about to run for the first time."""
        place = self.physical(address)
        if place is None:
            return
        self._code_pages.update(range(place >> 12, (place + size >> 12) + 1))
        if self.translated(address, self._ram.bytes[place : place + size]):
            self.stop()
            self.uc.ctl_remove_cache(address, address + size)


def _split(number: int) -> int:
    """The number of a special purpose register as instructions hold it: its two halves swapped."""
    return (number & 31) << 16 | number >> 5 << 11


def _translate(uc: unicorn.Uc, address: int) -> int | None:
    """What the CPU's memory management makes of an instruction's address. Unicorn's Python has no name for it."""
    from unicorn.unicorn_py3.unicorn import uclib

    physical = ctypes.c_uint64()
    failed = uclib.uc_vmem_translate(
        uc._uch, ctypes.c_uint64(address), ctypes.c_uint(unicorn_const.UC_PROT_EXEC), ctypes.byref(physical)
    )
    return None if failed else physical.value


def _not_again(address: int, code: bytes) -> bool:
    return False
