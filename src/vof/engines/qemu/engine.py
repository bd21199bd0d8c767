"""`QemuEngine`: one QEMU process, its RAM in this process's memory, and the mailbox between them."""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Sequence
from io import FileIO
from typing import Any

from vof.engines.qemu.command import QemuOptions, command_line, find_qemu
from vof.engines.qemu.guardian import Guardian
from vof.engines.qemu.layout import Layout
from vof.engines.qemu.mailbox import BATCH_LIMIT, Mailbox, OrderKind, RequestKind
from vof.engines.qemu.monitor import Monitor
from vof.engines.qemu.refusal import refusal
from vof.engines.qemu.signals import signals_held
from vof.errors import EngineError, PortError, UsageError, VofError
from vof.memory import GuestMemory
from vof.outcomes import Departed, Exit, Outcome, Reset, Return, Suspended
from vof.ports import Access, BusOp

__all__ = ["QemuEngine", "Request"]

Request = RequestKind

_STUB = os.path.join(os.path.dirname(__file__), "..", "..", "guest", "pseries.bin")
_PLACE_AT = 0x20
"""Where the stub's file holds the resident page's address."""
_NONCE_AT = 0x1000 + 0x1000 + 0x0C
_CACHE_LINE = 128
_LOOK_EVERY = 0x100
"""Client calls between two looks at everything else: a client that calls without a pause must not starve the rest."""
_END_PATIENCE = 5.0
_DEATH_PATIENCE = 1.0
"""Seconds that a QEMU which has hung up on us may take to end."""
_LAST_WORDS = 2000
_MSR_64BIT = 1 << 63
_MSR_MACHINE_CHECK_FP_RI = 0x1000 | 0x2000 | 0x2


class QemuEngine:
    """A stock QEMU as the CPU. Provides the ports `Memory`, `Cpu`, `Hypervisor` and `Bus`.

    Args:
        options: what to start.

    Attributes:
        layout: where the firmware's region lies in guest memory.
        memory: guest memory, as far as a client program in real mode reaches.
        answer: answers the client call whose block is at an address. The run loop sets it.
        calls: client calls answered with a plain return.
        ordering: orders that the guest is obeying now, one inside the other.
        idle: waits for so many seconds at most and tends to other things; says whether to stop waiting. The run loop
            sets it.
        abandoned: nobody will resume the guest again: orders under way are given up. The run loop sets it.
        last_hello: what the stub's last hello carried: the address of QEMU's flattened tree.
    """

    def __init__(self, options: QemuOptions) -> None:
        self.options = options
        self.layout = Layout.for_memory(options.first_memory)
        self.answer: Callable[[int], Outcome] = _refuse
        self.calls = 0
        self.idle: Callable[[float], bool] = _sleep
        self.abandoned = False
        self.last_hello = 0
        self.command: list[str] = []
        self._said_hello = False
        self._asked = False
        self.ordering = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._guardian: Guardian | None = None
        self._closers: list[Callable[[], None]] = []
        self._prepared = False

    # Life

    def prepare(self) -> list[str]:
        """Make memory, sockets and the command line; the latter is returned. Nothing is started.

        Raises:
            UsageError: there is no QEMU.
            EngineError: this host hasn't the memory.
        """
        program = find_qemu(self.options.program)
        sizes = [node.size for node in self.options.nodes] or [self.options.memory]
        memories = [self._memory_file(f"vof-ram{index}", size) for index, size in enumerate(sizes)]
        self._ram_file = memories[0]
        try:
            self.ram = mmap.mmap(memories[0], sizes[0])
        except (OSError, OverflowError) as error:
            raise EngineError(f"{sizes[0] >> 20} MiB of guest memory can't be mapped: {error}") from None
        self._closers.append(self._unmap)
        self.memory = GuestMemory(self.ram)
        nonce = int.from_bytes(os.urandom(4)) | 1
        self._mailbox = Mailbox(self.ram, self.layout.page, nonce)
        self._closers.append(self._mailbox.close)
        firmware = self._memory_file("vof-stub", 0)
        os.write(firmware, _patched_stub(self.layout.page, nonce))
        self._output = self._memory_file("vof-output", 0)
        self.console, console = self._socket_pair()
        own, monitor = self._socket_pair()
        self.monitor = Monitor(own)
        self._closers.append(self.monitor.close)
        self._pass_fds = (*memories, firmware, console.fileno(), monitor.fileno())
        self._theirs = (console, monitor)
        self.command = command_line(
            program,
            self.options,
            firmware=firmware,
            memories=memories,
            console=console.fileno(),
            monitor=monitor.fileno(),
        )
        self._prepared = True
        return self.command

    def start(self, guardian: Guardian) -> None:
        """Start QEMU, under the guardian's eyes."""
        if not self._prepared:
            self.prepare()
        self._guardian = guardian
        with signals_held():
            try:
                self._process = guardian.spawn(self.command, pass_fds=self._pass_fds, output=self._output)
            finally:
                for end in self._theirs:
                    end.close()

    def copy_file(self, file: int, offset: int, address: int, size: int) -> None:
        """Copy from a file to guest memory, inside the kernel: without a page fault for each page of it.

        Raises:
            UsageError: the file can't be read, or is too short.
        """
        os.lseek(self._ram_file, address, os.SEEK_SET)
        end = offset + size
        try:
            while offset < end:
                count = os.sendfile(self._ram_file, file, offset, end - offset)
                if not count:
                    raise UsageError(f"the file ended {end - offset} bytes early: was it changed meanwhile?")
                offset += count
        except OSError as error:
            raise UsageError(f"the file can't be read: {error.strerror}") from None

    @property
    def ended(self) -> int | None:
        """QEMU's exit status if it has ended: negative is a signal's number."""
        if self._process is None or self._process.returncode is not None:
            return None if self._process is None else self._process.returncode
        # The guardian has to know before the process's number is free for others.
        with contextlib.suppress(ChildProcessError):  # where SIGCHLD is ignored, nobody waits for a process
            if os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                return None
        with signals_held():
            if self._guardian is not None:
                self._guardian.process_ended(self._process.pid)
            return self._process.wait()

    @property
    def pid(self) -> int:
        """QEMU's process."""
        assert self._process is not None
        return self._process.pid

    def last_words(self) -> str:
        """What QEMU printed last."""
        size = os.fstat(self._output).st_size
        text = os.pread(self._output, _LAST_WORDS, max(0, size - _LAST_WORDS))
        return text.decode(errors="replace").strip()

    def death(self) -> VofError:
        """What to raise when QEMU has ended and should not have: a `UsageError` if it refused to run the guest."""
        status = self.ended
        words = self.last_words()
        if not self.last_hello and status is not None and status >= 0 and "terminating on signal" not in words:
            return refusal(self.command[0], words)
        if status is not None and status < 0:
            how = f"was ended by {signal.Signals(-status).name}"
        else:
            how = f"ended with status {status}"
        return EngineError(f"QEMU {how}", command=self.command, last_words=words)

    def close(self) -> None:
        """End QEMU and let go of everything. May be called at any time, more than once."""
        with signals_held():
            if self._process is not None and self.ended is None:
                # QEMU sees no signal while it waits for somebody to take what the guest has to say.
                self.console.shutdown(socket.SHUT_RDWR)
                self._process.terminate()
                self._process.send_signal(signal.SIGCONT)  # should it be stopped
                if not self._ends_within(_END_PATIENCE):
                    self._process.kill()
                    self._ends_within(float("inf"))
            while self._closers:
                self._closers.pop()()

    # The trap

    def serve(self) -> Request | Outcome | None:
        """Run the guest and answer its client calls, until there is something for the run loop to do.

        Returns:
            `Request.HELLO` if the stub said hello after a reset; the outcome of a call that does not simply return;
            None if `idle` stopped the waiting.
        """
        mailbox, idle, call = self._mailbox, self.idle, RequestKind.CALL
        if self._said_hello:
            self._said_hello = False
            return RequestKind.HELLO
        asked, self._asked = self._asked, False
        while asked or mailbox.wait(idle):
            asked = False
            kind = mailbox.kind
            if kind is call:
                try:
                    outcome = self.answer(mailbox.argument)
                except Suspended:
                    self._asked = True
                    return None
                if type(outcome) is not Return:
                    return outcome
                mailbox.give_back(outcome.r3)
                self.calls += 1
                if not self.calls % _LOOK_EVERY and idle(0):
                    return None
            elif kind is RequestKind.HELLO:
                self.last_hello = mailbox.argument
                mailbox.may_nap(True)
                return kind
        return None

    def give_back(self, r3: int) -> None:
        """Return from the client call whose outcome `serve` returned, with this in r3."""
        self._mailbox.give_back(r3)

    def jump(
        self, entry: int, *, toc: int = 0, r3: int = 0, r4: int = 0, r6: int = 0, r7: int = 0, bits: int = 32
    ) -> None:
        """Start a client program with the client interface's entry in r5, on the firmware's stack.

        Args:
            entry: its first instruction.
            toc: r2.
            r3, r4, r6, r7: registers.
            bits: 32, or 64 for a program of 64-bit code.
        """
        msr = _MSR_MACHINE_CHECK_FP_RI | (_MSR_64BIT if bits == 64 else 0)
        layout = self.layout
        self._mailbox.order(OrderKind.JUMP, (entry, msr, layout.stack, toc, r3, r4, layout.client_entry, r6, r7, 0, 0))

    def clear(self, address: int, size: int) -> None:
        """Zero memory by the guest's own stores: QEMU forgets what it translated from there.

        The host's writes to shared RAM don't make it forget. Rounded inwards to cache lines.
        """
        first = -(-address // _CACHE_LINE) * _CACHE_LINE
        last = (address + size) // _CACHE_LINE * _CACHE_LINE
        if last > first:
            self._order(OrderKind.CLEAR, (first, last - first))

    def leave(self) -> None:
        """The client program has taken the machine over: its exception vectors are no longer the stub's to borrow."""
        self._mailbox.may_nap(False)

    def reset(self) -> None:
        """Reset the machine; the stub says hello again. Nothing to do if it has said so while a port call waited."""
        if not self._said_hello:
            self.ask_monitor("system_reset")

    def ask_monitor(self, command: str) -> Any:
        """Run a QMP command and return what it returns.

        Raises:
            EngineError: it failed. If QEMU has `ended`, then the reason is that, and the error says it.
        """
        try:
            return self.monitor.execute(command)
        except EngineError:
            if self._ends_within(_DEATH_PATIENCE):
                raise self.death() from None
            raise

    # Ports

    def hypercall(self, number: int, *arguments: int) -> tuple[int, ...]:
        """Port `Hypervisor`."""
        status, *rest = self._order(OrderKind.HYPERCALL, (number, *arguments))
        return status - (1 << 64) if status >> 63 else status, *rest

    def call(self, entry: int, arguments: Sequence[int]) -> int:
        """Port `Cpu`."""
        return self._order(OrderKind.CALL, (entry, *arguments))[0] & 0xFFFFFFFF

    def run(self, accesses: Sequence[Access]) -> list[int]:
        """Port `Bus`."""
        values: list[int] = []
        for start in range(0, len(accesses), BATCH_LIMIT):
            part = accesses[start : start + BATCH_LIMIT]
            self._mailbox.put_batch([(access.op << 8 | access.width, access.address, access.value) for access in part])
            status = self._order(OrderKind.BATCH, (len(part),))[0]
            if status:
                raise PortError(f"device access failed: hypervisor status {status - (1 << 64)}")
            done = self._mailbox.batch_values(len(part))
            values += [value for access, value in zip(part, done, strict=True) if access.op is BusOp.READ]
        return values

    def _order(self, kind: OrderKind, arguments: Sequence[int]) -> tuple[int, ...]:
        """Give an order and wait for its results, answering the client calls that come meanwhile."""
        self._mailbox.order(kind, arguments)
        self.ordering += 1
        try:
            return self._await_done()
        finally:
            self.ordering -= 1

    def _await_done(self) -> tuple[int, ...]:
        while True:
            self._mailbox.wait(self._idle_on)
            if self._mailbox.kind is RequestKind.DONE:
                return self._mailbox.results()
            if self._mailbox.kind is RequestKind.HELLO:
                self.last_hello = self._mailbox.argument
                self._said_hello = True
                raise Departed(Reset())
            outcome = self.answer(self._mailbox.argument)
            if not isinstance(outcome, Return):
                raise Departed(outcome)
            self._mailbox.give_back(outcome.r3)

    def _idle_on(self, seconds: float) -> bool:
        # Whoever wants to stop the run loop waits until the guest has done what it was told, unless it is for good.
        self.idle(seconds)
        if self.abandoned:
            raise Departed(Exit())
        return False

    def _ends_within(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while self.ended is None:
            if time.monotonic() > end:
                return False
            time.sleep(2e-3)
        return True

    # Making things

    def _unmap(self) -> None:
        with contextlib.suppress(BufferError):  # an exception's frames hold a view of it: it goes with them
            self.ram.close()

    def _memory_file(self, name: str, size: int) -> int:
        descriptor = os.memfd_create(name)
        self._closers.append(
            FileIO(descriptor, "r+").close
        )  # which is closed with this engine, if nobody does it before
        try:
            os.ftruncate(descriptor, size)
        except OSError as error:
            raise EngineError(f"{size >> 20} MiB of guest memory can't be had: {error.strerror}") from None
        return descriptor

    def _socket_pair(self) -> tuple[socket.socket, socket.socket]:
        ours, theirs = socket.socketpair()
        self._closers += [ours.close, theirs.close]
        return ours, theirs


def _refuse(address: int) -> Outcome:
    return Return(-1)


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return False


def _patched_stub(page: int, nonce: int) -> bytes:
    with open(_STUB, "rb") as file:
        stub = bytearray(file.read())
    struct.pack_into(">Q", stub, _PLACE_AT, page)
    struct.pack_into(">I", stub, _NONCE_AT, nonce)
    return bytes(stub)
