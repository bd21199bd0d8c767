"""`UnicornEngine`: a guest in this process."""

from __future__ import annotations

import mmap
import os
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from selectors import EVENT_READ, BaseSelector
from typing import Any

from vof.engines.guardian import Guardian
from vof.engines.layout import Layout
from vof.engines.mailbox import HELLO_AT, NONCE_AT, resident_stub
from vof.engines.mailbox_trap import MailboxTrap
from vof.engines.trap import Hello
from vof.engines.unicorn.attention import Attention, SignalAlarm
from vof.engines.unicorn.cpu import MSR_SF, PowerCpu
from vof.engines.unicorn.mailbox import TurnMailbox, TurnTrap
from vof.engines.unicorn.models import find_model
from vof.engines.unicorn.ram import PAGE, Ram
from vof.engines.unicorn.runner import Runner
from vof.engines.unicorn.timebase import TimeBase
from vof.engines.unicorn.trap import TRAPS, DirectTrap
from vof.errors import UsageError
from vof.memory import GuestMemory
from vof.outcomes import Outcome

__all__ = ["EngineState", "UnicornEngine", "UnicornOptions"]

_MAILBOX = "mailbox"
_GUEST = os.path.join(os.path.dirname(__file__), "..", "..", "guest")


@dataclass(frozen=True, slots=True)
class UnicornOptions:
    """What the in-process engine is to run.

    Attributes:
        memory: RAM in bytes.
        bits: 32 or 64: the CPU's.
        cpu: its model, by QEMU's name; "" for the usual one.
        trap: the way into the firmware.
        timebase: ticks of the time base a second.
        nanoseconds: the time.
        device: address and size of memory that is a device's and no RAM; (0, 0) for none.
    """

    memory: int
    bits: int
    cpu: str
    trap: str
    timebase: int
    nanoseconds: Callable[[], int]
    device: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class EngineState:
    """What a guest is between two client calls.

    Attributes:
        context: the CPU, as Unicorn keeps it; good for the same Unicorn, or for a forked copy of it.
        pages: the pages of RAM that differ from the first snapshot's, by address.
        trap: the trap's.
        left: whether the client program had the machine.
        device_pages: pages of the device's memory, as of RAM.
        interrupts: what the decrementer was at.
    """

    context: Any
    pages: Mapping[int, bytes]
    trap: tuple[Any, ...]
    left: bool
    device_pages: Mapping[int, bytes] = field(default_factory=dict)
    interrupts: tuple[Any, ...] = ()


class UnicornEngine:
    """Unicorn as the CPU. See `vof.engines.engine.Engine`.

    Args:
        options: what to run.

    Attributes:
        tree: the address of a flattened tree in guest memory that the machine's start shall tell; 0 for none.

    Raises:
        UsageError: there is no such CPU or trap here.
    """

    def __init__(self, options: UnicornOptions) -> None:
        self.options = options
        self.layout = Layout.for_memory(options.memory)
        self.console: socket.socket | None = None
        self._model = find_model(options.cpu, options.bits)
        if options.trap not in (*TRAPS, _MAILBOX):
            raise UsageError(f"--trap {options.trap}: the unicorn engine has {', '.join((*TRAPS, _MAILBOX))}")
        self.tree = 0
        self._ram: Ram | None = None
        self._device: Ram | None = None
        self._nonce = 1
        self._alarm: SignalAlarm | None = None
        self._closers: list[Callable[[], None]] = []

    def prepare(self) -> list[str]:
        """See `Engine`."""
        ram = self._ram = Ram(self.options.memory)
        self._closers.append(ram.close)
        self.ram: mmap.mmap = ram.bytes
        self.cpu = PowerCpu(self._model, ram)
        address, size = self.options.device
        if size:
            device = self._device = Ram(size)
            self._closers.append(device.close)
            self.cpu.map(address, device)
        self.memory = GuestMemory(ram.bytes)
        self.memory.written = self.cpu.written
        self.runner = Runner(self.cpu, ram, self.memory)
        self._closers.append(self.runner.close)
        self.trap: DirectTrap | MailboxTrap
        if self.options.trap == _MAILBOX:
            self.trap = self._make_mailbox()
        else:
            self.trap = DirectTrap(TRAPS[self.options.trap], self.runner, self.layout, _entry(self.options.trap))
        self.timebase = TimeBase(self.cpu, self.options.timebase, self.options.nanoseconds)
        return []

    def start(self, guardian: Guardian) -> None:
        """See `Engine`."""
        self.reset()

    def describe(self) -> str:
        """See `Engine`."""
        return f"in this process, a {self._model.name}"

    def version(self) -> str:
        """See `Engine`."""
        from importlib.metadata import version

        return f"Unicorn {version('unicorn')}"

    def tend(self, selector: BaseSelector, take_output: Callable[[], bool], due: Callable[[], bool]) -> None:
        """See `Engine`. While the guest runs, this thread sees neither keys nor signals: another one looks for them."""
        self._alarm = self.runner.alarm = SignalAlarm()
        self._closers.append(self._alarm.close)
        selector.register(self._alarm, EVENT_READ, self._alarm.clear)
        self.runner.ticker.wanted = Attention(selector, self._alarm, due)

    def look(self) -> Outcome | None:
        """See `Engine`. What becomes of the machine, its trap says."""
        return None

    def copy_file(self, file: int, offset: int, address: int, size: int) -> None:
        """See `Engine`."""
        try:
            with memoryview(self.ram) as whole, whole[address : address + size] as part:
                done = 0
                while done < size:
                    count = os.preadv(file, [part[done:]], offset + done)
                    if not count:
                        raise UsageError(f"the file ended {size - done} bytes early: was it changed meanwhile?")
                    done += count
        except OSError as error:
            raise UsageError(f"the file can't be read: {error.strerror}") from None
        self.cpu.written(address, size)

    def reset(self) -> None:
        """See `Engine`."""
        trap, page = self.trap, self.layout.page
        if self.runner.interrupts is not None:
            self.runner.interrupts.reset()
        if isinstance(trap, DirectTrap):
            trap.start(Hello(self.tree))
        else:
            stub = bytearray(resident_stub(self.cpu.bits))
            struct.pack_into(">I", stub, NONCE_AT, self._nonce)
            self.memory.write(page, bytes(stub))
            self.cpu.msr = MSR_SF if self.cpu.bits == 64 else 0
            self.cpu.set_gpr(3, self.tree)
            self.cpu.pc = page + HELLO_AT

    def take_state(self) -> EngineState:
        """All that the guest is now. Not while a port call waits inside a client call.

        The first time, what RAM holds becomes the ground that every later state is the difference to.
        """
        assert self._ram is not None
        if not self._ram.has_base:
            self._ram.make_base()
        pages = {page: self.ram[page : page + PAGE] for page in self._ram.dirty_pages()}
        interrupts = self.runner.interrupts
        return EngineState(
            self.cpu.uc.context_save(),
            pages,
            self.trap.take_state(),
            self.runner.left,
            self._device_pages(),
            interrupts.take_state() if interrupts is not None else (),
        )

    def put_state(self, state: EngineState) -> None:
        """Be as when the state was taken, by this engine or by that of a parent process."""
        assert self._ram is not None
        changed = set(self._ram.is_dirty(self.cpu.code_pages))
        self._ram.back_to_base()
        for page, data in state.pages.items():
            self.ram[page : page + PAGE] = data
        for page in changed | (state.pages.keys() & self.cpu.code_pages):
            self.cpu.uc.ctl_remove_cache(page, page + PAGE)
        self.cpu.uc.context_restore(state.context)
        self.cpu.forget_mappings()
        self.trap.put_state(state.trap)
        self.runner.left = state.left
        if self._device is not None:
            self._device.back_to_base()
            for page, data in state.device_pages.items():
                self._device.bytes[page : page + PAGE] = data
        if self.runner.interrupts is not None:
            self.runner.interrupts.put_state(state.interrupts)

    @property
    def device_memory(self) -> mmap.mmap:
        """The device's memory, where the options have some."""
        assert self._device is not None
        return self._device.bytes

    def registers(self) -> dict[str, int]:
        """See `Engine`."""
        cpu = self.cpu
        return {"pc": cpu.pc, "lr": cpu.lr, "msr": cpu.msr, **{f"r{number}": cpu.gpr(number) for number in range(32)}}

    def close(self) -> None:
        """See `Engine`."""
        while self._closers:
            self._closers.pop()()

    def _device_pages(self) -> Mapping[int, bytes]:
        device = self._device
        if device is None:
            return {}
        if not device.has_base:
            device.make_base()
        return {page: device.bytes[page : page + PAGE] for page in device.dirty_pages()}

    def _make_mailbox(self) -> MailboxTrap:
        code = resident_stub(self.cpu.bits)[:PAGE]
        mailbox = TurnMailbox(self.ram, self._nonce, self.runner, code, self.layout)
        self._closers.append(mailbox.close)
        return TurnTrap(mailbox, self.layout, self.cpu)


def _entry(trap: str) -> bytes:
    with open(os.path.join(_GUEST, f"{trap}.bin"), "rb") as file:
        return file.read()
