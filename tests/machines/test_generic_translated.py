"""`generic` in translated mode under a real CPU model: a program that calls the firmware with translation on."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import pytest
from fakes import Caller, FakeBus, FakeClock, FakeConsole, FakeCpu, FakeHypervisor
from unicorn import UC_ARCH_PPC, UC_MODE_BIG_ENDIAN, UC_MODE_PPC32, Uc
from unicorn.ppc_const import UC_CPU_PPC32_750_V3_1, UC_PPC_REG_3, UC_PPC_REG_4, UC_PPC_REG_5, UC_PPC_REG_MSR
from unicorn.unicorn_const import UC_CTL_TLB_FLUSH, UC_HOOK_INTR

from vof.firmware import Return
from vof.machines.generic import Generic, GenericOptions
from vof.machines.machine import Program, Site
from vof.memory import GuestMemory
from vof.tree import decode_int

RAM = 64 << 20
REGION = (RAM - 0x220000, 0x220000)
CODE = 0x200000
SYSTEM_CALL = 8
SC, NOP = 0x44000002, 0x60000000
LWZ_R5_R4 = 0x80A40000
STW_R5_R4 = 0x90A40000


class Guest:
    """The machine on a 750; `sc` with a block's address in r3 is a client call."""

    def __init__(self) -> None:
        self.buffer = bytearray(RAM)
        self.memory = GuestMemory(self.buffer)
        self.console = FakeConsole()
        self.uc = Uc(UC_ARCH_PPC, UC_MODE_PPC32 | UC_MODE_BIG_ENDIAN)
        self.uc.ctl_set_cpu_model(UC_CPU_PPC32_750_V3_1)
        self.uc.mem_map_ptr(0, RAM, 7, ctypes.addressof(ctypes.c_char.from_buffer(self.buffer)))
        self.exceptions: list[int] = []
        site = Site(
            memory=self.memory,
            cpu=FakeCpu(),
            hypervisor=FakeHypervisor(),
            bus=FakeBus(self.memory),
            console=self.console,
            clock=FakeClock(),
            region=REGION,
            scratch=REGION[0] + 0x4000,
            tree_room=(REGION[0] + 0x20000, 2 << 20),
            flush_translations=self.flush,
        )
        machine = Generic(site, "vof,test", GenericOptions(real_mode=False))
        self.firmware = machine.power_on(0, Program((CODE, 0x1000)), lambda tree: None)
        state = machine.start_state
        for number, value in state.sprs.items():
            self.run((0x7C6003A6 | (number & 31) << 16 | number >> 5 << 11,), r3=value)  # mtspr number,r3
        for number, value in enumerate(state.segments):
            self.run((0x7C6001A4 | number << 16,), r3=value)  # mtsr number,r3
        self.uc.hook_add(UC_HOOK_INTR, self._interrupt)
        self.uc.reg_write(UC_PPC_REG_MSR, state.msr)
        # It lays blocks out in virtual memory, as the program would.
        self.call = Caller(machine.memory, 0x10000, 0x80000, self._client_call)
        chosen = self.firmware.tree.find("/chosen")
        assert chosen is not None
        self.mmu, self.stdout = (decode_int(chosen.properties[name]) for name in ("mmu", "stdout"))

    def flush(self) -> None:
        # The library has no wrapper for it in Python.
        from unicorn.unicorn_py3.unicorn import uclib

        assert uclib.uc_ctl(self.uc._uch, (1 << 30) | UC_CTL_TLB_FLUSH) == 0

    def run(self, code: Sequence[int], r3: int = 0, r4: int = 0, r5: int = 0) -> int:
        """Run instructions; r5 afterwards."""
        self.memory.write_cells(CODE, (*code, NOP))
        self.uc.ctl_remove_cache(CODE, CODE + 4 * len(code) + 4)
        for register, value in ((UC_PPC_REG_3, r3), (UC_PPC_REG_4, r4), (UC_PPC_REG_5, r5)):
            self.uc.reg_write(register, value)
        self.exceptions.clear()
        self.uc.emu_start(CODE, CODE + 4 * len(code))
        return int(self.uc.reg_read(UC_PPC_REG_5))

    def _client_call(self, block: int) -> int:
        self.run((SC,), r3=block)
        assert self.exceptions == [SYSTEM_CALL]
        r3 = int(self.uc.reg_read(UC_PPC_REG_3))
        return r3 - (r3 >> 31 << 32)

    def _interrupt(self, uc: Uc, number: int, data: object) -> None:
        self.exceptions.append(number)
        if number != SYSTEM_CALL:
            uc.emu_stop()
            return
        outcome = self.firmware.call(uc.reg_read(UC_PPC_REG_3))
        assert isinstance(outcome, Return)
        uc.reg_write(UC_PPC_REG_3, outcome.r3 & 0xFFFFFFFF)


@pytest.fixture(scope="module")
def guest() -> Guest:
    return Guest()


def test_a_program_maps_memory_and_uses_it_at_once(guest: Guest) -> None:
    (base,) = guest.call("call-method", "claim", guest.mmu, 0x1000, 0x2000, nret=2).results[1:]
    assert base >= RAM
    guest.run((LWZ_R5_R4,), r4=base)
    assert guest.exceptions == [2], "nothing is mapped there yet"
    guest.call("call-method", "map", guest.mmu, 0xFFFFFFFF, 0x2000, base, 0x500000, nret=1)
    guest.memory.write_cells(0x501000, (0x12345678,))
    assert guest.run((LWZ_R5_R4,), r4=base + 0x1000) == 0x12345678
    guest.run((STW_R5_R4,), r4=base, r5=0x68690000)
    assert guest.memory.read(0x500000, 4) == b"hi\0\0" and not guest.exceptions
    # What it wrote there, it passes to the firmware by that address.
    assert guest.call("write", guest.stdout, base, 2).results == (2,)
    assert guest.console.output == b"hi"
    guest.call("call-method", "unmap", guest.mmu, 0x2000, base, nret=1)
    guest.run((LWZ_R5_R4,), r4=base)
    assert guest.exceptions == [2]


@pytest.mark.parametrize("address", [0, 0x4000, 0x3000000, REGION[0], RAM - 4])
def test_all_of_memory_is_where_it_is(guest: Guest, address: int) -> None:
    guest.memory.write_cells(address, (0xCAFE0000 + address % 0xFFFF,))
    assert guest.run((LWZ_R5_R4,), r4=address) == 0xCAFE0000 + address % 0xFFFF
    assert not guest.exceptions


def test_what_a_program_claims_it_can_write(guest: Guest) -> None:
    (base,) = guest.call("claim", 0, 0x10001, 0x10000).results
    guest.run((STW_R5_R4,), r4=base + 0xFFFD, r5=0x01020304)
    assert not guest.exceptions and guest.memory.read(base + 0xFFFD, 4) == b"\1\2\3\4"
