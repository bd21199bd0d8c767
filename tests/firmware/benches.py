"""Two benches with one face: the `pseries` firmware on fake ports, and on a QEMU where a client program in assembly
makes the calls. A test that takes a bench runs on both, unchanged.
"""

from __future__ import annotations

import mmap
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from fakes import LOST, BoundedMemory, Caller, FakeBus, FakeClock, FakeConsole, FakeCpu, FakeHypervisor

from vof.backends.user_ends import StreamEnd
from vof.engines.layout import Layout
from vof.events import ConsoleOutput, Event
from vof.firmware import Departed, Exit, Jump, OpenFirmware, Outcome, Return
from vof.machines.machine import Program, Site
from vof.machines.pseries import Pseries
from vof.ports import Bus, Hypervisor, Memory
from vof.tree import DeviceTree
from vof.vm import VM, EndReason

__all__ = ["FIRST", "SECOND", "Bench", "FakeBench", "QemuBench", "build_guest"]

GUESTS = Path(__file__).parent.parent / "guests"
LINKED_AT = 0x2000000
NESTED_AT = 0x4000000
FIRST, SECOND = 1, 2
BRIDGE = ("-device", "pci-bridge,chassis_nr=1")
H_LOGICAL_CI_LOAD, H_LOGICAL_CI_STORE, H_RTAS, H_CAS = 0x3C, 0x40, 0xF000, 0xF002
H_PARAMETER = -4
NVRAM_FETCH, NVRAM_STORE = 0x2012, 0x2013
IBM_READ_PCI_CONFIG, IBM_WRITE_PCI_CONFIG = 0x2016, 0x2017
PCI_BRIDGE = {0x00: 0x00011B36, 0x08: 0x06040000, 0x0C: 0x00010000, 0x18: 0x00010100}
"""Its registers: ids, class, kind of header, bus numbers."""
MIB = 1 << 20
KEPT_CR = 0x00FFF000
"""CR2, CR3, CR4."""


class Bench(Protocol):
    """A client program whose calls a test makes."""

    call: Caller
    """Calls the client interface."""
    callback_entry: int
    """The client's callback. Asked for n, it answers n + 1; for n > 0 by calling a method `up` for n - 1."""

    @property
    def memory(self) -> Memory: ...

    @property
    def hypervisor(self) -> Hypervisor: ...

    @property
    def bus(self) -> Bus: ...

    @property
    def firmware(self) -> OpenFirmware: ...

    def use_callback(self, instance: int, leave: int = 0) -> None:
        """Have the callback use this instance; asked for 0, it first makes the call in the block `leave`."""
        ...

    def asked(self) -> list[int]:
        """What the callback was asked for, so far."""
        ...

    def type_later(self, data: bytes) -> None:
        """Type something once the client program waits for it."""
        ...

    def shown(self) -> bytes:
        """What the console has shown."""
        ...

    @property
    def second_entry(self) -> int:
        """Where another program begins."""
        ...

    @property
    def program(self) -> int:
        """Which of the two runs."""
        ...

    @property
    def has_exited(self) -> bool:
        """Whether the client program has called `exit`."""
        ...

    def close(self) -> None: ...


class FakeBench:
    """The firmware of `pseries` on fake ports, in 256 MiB. A hypervisor answers H_CAS with the tree `after`.

    Args:
        before: the flattened tree at power-on.
        after: the one that a good vector gets.
    """

    callback_entry = 0x3000000
    second_entry = 0x3001000

    def __init__(self, before: bytes, after: bytes) -> None:
        self._after = after
        self.memory = BoundedMemory(mmap.mmap(-1, 256 * MIB))
        layout = Layout.for_memory(self.memory.size)
        self.bus = FakeBus(self.memory)
        self.hypervisor = FakeHypervisor()
        self.hypervisor.functions = {H_CAS: self._cas, H_RTAS: self._rtas, H_LOGICAL_CI_STORE: self._store}
        self._bridge = bytearray(256)
        self._nvram = bytearray(1 << 16)
        for register, value in PCI_BRIDGE.items():
            self._bridge[register : register + 4] = value.to_bytes(4, "little")
        self._console = FakeConsole()
        self._cpu = FakeCpu()
        self._cpu.functions[self.callback_entry] = self._callback
        self.memory.write(layout.tree[0], before)
        site = Site(
            memory=self.memory,
            cpu=self._cpu,
            hypervisor=self.hypervisor,
            bus=self.bus,
            console=self._console,
            clock=FakeClock(),
            region=(layout.page, layout.end - layout.page),
            scratch=layout.scratch,
            tree_room=layout.tree,
        )
        program = Program(kernel=(LINKED_AT, MIB), arguments="console=hvc0")
        self.firmware = Pseries(site, "vof,test").power_on(layout.tree[0], program, _change_nothing)
        self.call = Caller(self.memory, LINKED_AT, LINKED_AT + MIB, self._invoke)
        self._outcome: Outcome = Return(0)
        self._instance = self._leave = 0
        self._asked: list[int] = []

    def use_callback(self, instance: int, leave: int = 0) -> None:
        self._instance, self._leave = instance, leave

    def asked(self) -> list[int]:
        return self._asked

    def type_later(self, data: bytes) -> None:
        self._console.later += [b"", b"", data]

    def shown(self) -> bytes:
        return bytes(self._console.output)

    @property
    def program(self) -> int:
        return SECOND if isinstance(self._outcome, Jump) and self._outcome.entry == self.second_entry else FIRST

    @property
    def has_exited(self) -> bool:
        return self._outcome == Exit()

    def close(self) -> None:
        pass

    def _invoke(self, block: int) -> int:
        self._outcome = self.firmware.call(block)
        return self._outcome.r3 if isinstance(self._outcome, Return) else LOST

    def _invoke_nested(self, block: int) -> int:
        outcome = self.firmware.call(block)
        if not isinstance(outcome, Return):
            raise Departed(outcome)
        return outcome.r3

    def _callback(self, block: int) -> int:
        (number,) = self.memory.read_cells(block + 12, 1)
        self._asked.append(number)
        value = 0
        if number:
            stack = NESTED_AT + 0x1000 * len(self._asked)
            nested = Caller(self.memory, stack, stack + 0x1000, self._invoke_nested)
            value = nested("call-method", "up", self._instance, number - 1, nret=2).results[1]
        elif self._leave:
            self._invoke_nested(self._leave)
        self.memory.write_cells(block + 16, (value + 1,))
        return 0

    def _cas(self, vector: int, room: int, size: int) -> int:
        """As QEMU does: a (mask, value) that the CPU has, then a terminator."""
        mask, value = self.memory.read_cells(vector, 2)
        if ~mask & value & 0xFFFFFFFF:
            return H_PARAMETER
        self.memory.write(room, bytes(4) + self._after)
        return 0

    def _rtas(self, block: int) -> int:
        """Answers calls for NVRAM and PCI configuration space: there is one bridge, in slot 0, and bus 1 behind it."""
        token, _, _, address, high, low, width, value = self.memory.read_cells(block, 8)
        if token == NVRAM_FETCH:
            self.memory.write(high, bytes(self._nvram[address : address + low]))
            self.memory.write_cells(block + 24, (0, low))
            return 0
        if token == NVRAM_STORE:
            self._nvram[address : address + low] = self.memory.read(high, low)
            self.memory.write_cells(block + 24, (0, low))
            return 0
        assert high << 32 | low == 0x800000020000000
        register = address & 0xFF
        assert register % width == 0 and width <= 4
        there = address < 0x100
        if token == IBM_WRITE_PCI_CONFIG:
            if there and register >= 0x10:
                self._bridge[register : register + width] = value.to_bytes(width, "little")
            self.memory.write_cells(block + 32, (0,))
        else:
            assert token == IBM_READ_PCI_CONFIG
            found = int.from_bytes(self._bridge[register : register + width], "little")
            self.memory.write_cells(block + 28, (0, found) if there else (-1 & 0xFFFFFFFF, 0))
        return 0

    def _store(self, width: int, address: int, value: int) -> int:
        self.memory.write(address, value.to_bytes(width, "big"))
        return 0


class QemuBench:
    """The same firmware on QEMU, with tests/guests/callserver.S as the client program.

    Args:
        bits: the mode that the client program runs in.
        trap: how its calls reach the firmware.
        options: more for `VM`, such as another engine.
    """

    _PATIENCE = 30.0

    def __init__(self, bits: int, trap: str = "mailbox", **options: Any) -> None:
        self._folder = tempfile.TemporaryDirectory()
        program = build_guest("callserver", bits, Path(self._folder.name))
        self._symbols = symbols(program)
        self._keyboard = os.pipe()
        self._screen = os.open(os.devnull, os.O_WRONLY)
        self._shown = bytearray()
        self._typist: threading.Timer | None = None
        user = StreamEnd(self._keyboard[0], self._screen)
        self.vm = VM(**{"kernel": str(program), "memory": "256M", "extra": BRIDGE, "trap": trap, **options}, user=user)
        self.vm.listen(self._hear)
        self.vm.__enter__()
        self.vm.run_to_client()
        self.memory = self.vm.engine.memory
        self.hypervisor = self.bus = self.vm.engine.trap
        self.call = Caller(self.memory, self._symbols["arena"], self._symbols["arena_end"], self._invoke)
        self.callback_entry = self._symbols["callback"]
        self.second_entry = self._symbols["second"]
        self._pattern = (*[0x01010101 * register for register in range(13, 32)], 0x02020202, 0x00ABC000)
        self.wait_for_start()

    @property
    def firmware(self) -> OpenFirmware:
        assert self.vm.firmware is not None
        return self.vm.firmware

    def use_callback(self, instance: int, leave: int = 0) -> None:
        self.put("instance", instance)
        self.put("leave", leave)

    def asked(self) -> list[int]:
        return list(self.memory.read_cells(self._symbols["trace"], self.get("asked")))

    def type_later(self, data: bytes) -> None:
        self._typist = threading.Timer(0.3, os.write, (self._keyboard[1], data))
        self._typist.start()

    def shown(self) -> bytes:
        return bytes(self._shown)

    @property
    def program(self) -> int:
        return self.get("program")

    @property
    def has_exited(self) -> bool:
        return self.vm.ending is not None and self.vm.ending.reason is EndReason.EXIT

    def close(self) -> None:
        if self._typist is not None:
            self._typist.join()
        self.vm.close()
        for descriptor in (*self._keyboard, self._screen):
            os.close(descriptor)
        self._folder.cleanup()

    # What only a real CPU has

    def get(self, symbol: str) -> int:
        return self.memory.read_cells(self._symbols[symbol], 1)[0]

    def put(self, symbol: str, value: int) -> None:
        self.memory.write_cells(self._symbols[symbol], (value,))

    def symbol(self, name: str) -> int:
        return self._symbols[name]

    def start_registers(self) -> tuple[int, ...]:
        """r1 … r7 at the start of the program that runs."""
        return self.memory.read_cells(self._symbols["start_registers"], 7)

    def store(self, address: int, value: int, count: int) -> None:
        """Have the guest store a word, `count` times."""
        self.put("value", value)
        self.put("count", count)
        self.put("block", address)
        assert self._run(3)

    def call_often(self, block: int, count: int) -> int:
        """Have the guest make the same call so often; how many were answered otherwise than the block says."""
        self.put("count", count)
        self.put("block", block)
        assert self._run(2)
        return self.get("wrong")

    def wait_for_start(self) -> None:
        """Wait until the client program runs, at first or again."""
        self.wait_for(lambda: self.get("entry") != 0)
        self.memory.write_cells(self._symbols["before"], self._pattern)

    def wait_for(self, done: Callable[[], bool]) -> bool:
        reached = self.vm.run_until(done, self._PATIENCE)
        assert reached or self.vm.ending is not None, "the guest does not answer"
        return reached

    def _invoke(self, block: int) -> int:
        self.put("block", block)
        self.put("r3", LOST)
        if not self._run(1):
            return LOST
        r3 = self.get("r3")
        if r3 != LOST:
            self._check_registers()
        return r3 - (1 << 32) if r3 >> 31 else r3

    def _run(self, command: int) -> bool:
        number = self.get("request") + 1
        self.put("command", command)
        self.put("request", number)
        return self.wait_for(lambda: self.get("done") == number)

    def _check_registers(self) -> None:
        """What a call must keep (1275 PowerPC binding §6.3.1), it has kept; and it never used the tiny stack."""
        *after, cr, r1 = self.memory.read_cells(self._symbols["after"], 22)
        *before, cr_before = self._pattern
        assert (after, cr & KEPT_CR, r1) == (before, cr_before & KEPT_CR, self._symbols["stack"])

    def _hear(self, event: Event) -> None:
        if isinstance(event, ConsoleOutput):
            self._shown += event.data


def build_guest(name: str, bits: int, folder: Path) -> Path:
    """Assemble and link a test guest. Without binutils for PowerPC this fails."""
    parts, program = folder / f"{name}.o", folder / f"{name}{bits}.elf"
    source = (GUESTS / f"{name}.S").read_text()
    if bits == 64:
        source = ".abiversion 2\n" + source  # else e_entry would be the address of a function descriptor
    assembler: list[str | Path] = ["powerpc-linux-gnu-as", f"-a{bits}", "-mbig", "-o", parts, "-"]
    subprocess.run(assembler, input=source, text=True, check=True)
    emulation = "elf64ppc" if bits == 64 else "elf32ppc"
    linker: list[str | Path] = ["powerpc-linux-gnu-ld", "-m", emulation, "-N", "--no-warn-rwx-segments", "-e", "_start"]
    subprocess.run([*linker, f"-Ttext={LINKED_AT:#x}", "-o", program, parts], check=True)
    return program


def symbols(program: Path) -> dict[str, int]:
    """The addresses of a program's symbols."""
    with program.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection)
        return {symbol.name: symbol["st_value"] for symbol in table.iter_symbols()}


def _change_nothing(tree: DeviceTree) -> None:
    pass
