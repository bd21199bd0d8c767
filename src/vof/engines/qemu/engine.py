"""`QemuEngine`: one QEMU process, its RAM in this process's memory where the machine can share it, and the trap."""

from __future__ import annotations

import contextlib
import mmap
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from io import FileIO
from selectors import EVENT_READ, BaseSelector
from typing import TYPE_CHECKING, Any

from vof.engines.guardian import Guardian
from vof.engines.layout import Layout
from vof.engines.mailbox import Mailbox
from vof.engines.mailbox_trap import MailboxTrap
from vof.engines.qemu.command import QemuOptions, command_line, find_qemu, qemu_version
from vof.engines.qemu.monitor import Monitor
from vof.engines.qemu.refusal import refusal
from vof.engines.qemu.stubs import STUBS
from vof.engines.shared_file import copy_into
from vof.engines.signals import signals_held
from vof.errors import EngineError, UsageError, VofError
from vof.memory import GuestMemory
from vof.outcomes import Jump, Outcome, Panic, PowerOff
from vof.ports import Memory

if TYPE_CHECKING:
    from vof.engines.qemu.breakpoint import BreakpointTrap
    from vof.engines.qemu.gdb import GdbClient
    from vof.engines.qemu.gdb_proxy import UserGdb

__all__ = ["QemuEngine"]

_MSR_IP = 0x40
_END_PATIENCE = 5.0
_DEATH_PATIENCE = 1.0
"""Seconds that a QEMU which has hung up on us may take to end."""
_LAST_WORDS = 2000
_PIECE = 1 << 20
"""Bytes of a file that are copied to the guest at once."""
_USUAL_CPU = "604"
"""What machines with a choice have without `-cpu`."""
_MONITOR_AFTER = 1.0
"""Seconds without a client call before the monitor is connected: its library takes long to import."""

_REGISTER = re.compile(r"\b(NIP|LR|CTR|XER|MSR|CR) +([0-9a-f]{8,16})\b")
_GENERAL_REGISTERS = re.compile(r"^GPR(\d+)((?: [0-9a-f]{8,16})+)", re.MULTILINE)


class QemuEngine:
    """A stock QEMU as the CPU. See `vof.engines.engine.Engine`.

    Args:
        options: what to start.

    Attributes:
        user_gdb: the gdb server that the user asked for, where the trap has QEMU's.
    """

    ram: mmap.mmap | None
    memory: Memory
    trap: MailboxTrap | BreakpointTrap
    user_gdb: UserGdb | None
    console: socket.socket
    monitor: Monitor

    def __init__(self, options: QemuOptions) -> None:
        self.options = options
        self._stub = STUBS[options.stub]
        in_ram = options.trap == "breakpoint"  # whose own page is in RAM everywhere
        self.layout = Layout.for_memory(options.first_memory) if in_ram else self._stub.layout(options.first_memory)
        self.command: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._guardian: Guardian | None = None
        self._selector: BaseSelector | None = None
        self._calls_seen = -1
        self._calm_since = 0.0
        self._watching = False
        self._panicked = False
        self._closers: list[Callable[[], None]] = []
        self._prepared = False
        self._take_output: Callable[[], bool] = _nothing
        self._gdb: GdbClient | None = None
        self._ram_file = -1
        self.ram = None
        self.user_gdb = None

    # Life

    def prepare(self) -> list[str]:
        """See `Engine`: memory, sockets and QEMU's command line."""
        options = self.options
        program = find_qemu(options.program)
        memories = self._share_memory() if options.shares_memory else ()
        firmware = self._memory_file("vof-firmware", 0)
        gdb = self._make_breakpoint(firmware) if options.trap == "breakpoint" else self._make_mailbox(firmware)
        self._output = self._memory_file("vof-output", 0)
        self.console, console = self._socket_pair()
        self._plug(program, console, memories, firmware, gdb)
        self._prepared = True
        return self.command

    def _plug(
        self,
        program: str,
        console: socket.socket,
        memories: Sequence[int],
        firmware: int,
        gdb: Sequence[socket.socket] = (),
    ) -> None:
        """Make a monitor, and the command line for these descriptors and those ends of sockets."""
        own, monitor = self._socket_pair()
        self.monitor = Monitor(own)
        self._closers.append(self.monitor.close)
        self._theirs = (console, monitor, *gdb)
        self._files = (*memories, firmware)
        self._pass_fds = (*self._files, *(end.fileno() for end in self._theirs))
        self.command = command_line(
            program,
            self.options,
            firmware=firmware,
            memories=memories,
            console=console.fileno(),
            monitor=monitor.fileno(),
            gdb=gdb[0].fileno() if gdb else -1,
        )

    def _share_memory(self) -> Sequence[int]:
        """Make guest memory; the descriptors of its files."""
        sizes = [node.size for node in self.options.nodes] or [self.options.memory]
        memories = [self._memory_file(f"vof-ram{index}", size) for index, size in enumerate(sizes)]
        self._ram_file = memories[0]
        try:
            self.ram = mmap.mmap(memories[0], sizes[0])
        except (OSError, OverflowError) as error:
            raise EngineError(f"{sizes[0] >> 20} MiB of guest memory can't be mapped: {error}") from None
        self._closers.append(self._unmap)
        self.memory = GuestMemory(self.ram)
        return memories

    def _make_mailbox(self, firmware: int) -> tuple[()]:
        """Make the trap, and write its stub to the firmware's file. It needs none of QEMU's sockets."""
        if self.ram is None:
            raise UsageError("--trap mailbox: this machine doesn't share its RAM; --trap breakpoint does without")
        nonce = int.from_bytes(os.urandom(4)) | 1
        mailbox = Mailbox(self.ram, self.layout.page, nonce)
        self._closers.append(mailbox.close)
        self.trap = MailboxTrap(mailbox, self.layout)
        os.pwrite(firmware, self._stub.patched(self.layout.page, nonce), self.options.stub_at)
        return ()

    def _make_breakpoint(self, firmware: int) -> tuple[socket.socket]:
        """Make the trap, and a firmware's file that has nothing to run; QEMU's end of the gdb server's socket."""
        from vof.engines.qemu.breakpoint import BreakpointTrap, ResetVector
        from vof.engines.qemu.gdb import GdbClient
        from vof.engines.qemu.gdb_memory import DistantMemory
        from vof.engines.qemu.gdb_proxy import UserGdb, parse_gdb_address

        options = self.options
        address, held, options.extra = parse_gdb_address(tuple(options.extra))
        if held and not address:
            raise UsageError("-S: with --trap breakpoint nobody but gdb can start the guest then: add -s")
        mark = os.urandom(16)
        os.write(firmware, mark.ljust(options.firmware_size, b"\0"))
        vector = ResetVector(options.reset_vector, options.firmware_at, mark)
        own, theirs = self._socket_pair()
        client = self._gdb = GdbClient(own)
        client.busy = self._busy
        if address:
            self.user_gdb = UserGdb(client, address, BreakpointTrap.addresses(self.layout, vector))
            self._closers.append(self.user_gdb.close)
            self.user_gdb.holds = held
        self.trap = BreakpointTrap(client, self.layout, vector, self.user_gdb)
        if self.ram is None:
            self.memory = DistantMemory(client, options.memory)
        return (theirs,)

    def _busy(self) -> None:
        """While QEMU's gdb server is waited for: it may wait itself for somebody to take what the guest says."""
        self._take_output()
        if self.ended is not None and self._gdb is not None:
            self._gdb.hang_up()

    def start(self, guardian: Guardian) -> None:
        """See `Engine`."""
        if not self._prepared:
            self.prepare()
        self._guardian = guardian
        self._spawn(guardian)
        if self.ram is None:
            self._greet_gdb()

    def _spawn(self, guardian: Guardian) -> None:
        with signals_held():
            try:
                self._process = guardian.spawn(
                    self.command,
                    pass_fds=self._pass_fds,
                    output=self._output,
                    environment=self.options.environment,
                )
            finally:
                for end in self._theirs:
                    end.close()

    def _greet_gdb(self) -> None:
        """Wait for QEMU, through which memory is reached: should it refuse what it is to start, that is said here."""
        from vof.engines.qemu.gdb import GdbGone

        assert self._gdb is not None
        try:
            self._gdb.greet()
        except GdbGone:
            self._ends_within(_DEATH_PATIENCE)
            raise self.death() from None

    def describe(self) -> str:
        """See `Engine`."""
        where = f", gdb on port {self.user_gdb.port}" if self.user_gdb is not None else ""
        return f"process {self.pid}{where}"

    def version(self) -> str:
        """See `Engine`."""
        with contextlib.suppress(VofError):
            return f"QEMU {'.'.join(map(str, qemu_version(self.command[0])))}"
        return ""

    def tend(self, selector: BaseSelector, take_output: Callable[[], bool], due: Callable[[], bool]) -> None:
        """See `Engine`."""
        self._selector = selector
        self._take_output = take_output
        self.monitor.tend(self.console.fileno(), take_output)
        if self._gdb is not None:
            selector.register(self._gdb, EVENT_READ, self._hear_gdb)
        if self.user_gdb is not None:
            self.user_gdb.tend(selector)

    def _hear_gdb(self) -> None:
        assert self._gdb is not None
        if not self._gdb.receive_if_alive() and self._selector is not None:
            self._selector.unregister(self._gdb)

    def look(self) -> Outcome | None:
        """See `Engine`."""
        if self.ended is not None:
            return self._how_it_ended()
        if self.trap.calls != self._calls_seen:
            self._calls_seen = self.trap.calls
            self._calm_since = time.monotonic()
        elif self._gdb is None and time.monotonic() - self._calm_since > _MONITOR_AFTER:
            self._watch_monitor()
        return Panic() if self._panicked else None

    def _watch_monitor(self) -> None:
        """Connect to QEMU's monitor, once. By now the guest runs on its own: the library takes its time to import."""
        if self._watching:
            if self.monitor.has_events:  # they came with the answer to a command
                self._take_events()
            return
        try:
            status = self.ask_monitor("query-status")
        except EngineError:
            if self.ended is None:
                raise
            return
        if self._selector is not None:
            self._selector.register(self.monitor, EVENT_READ, self._take_events)
        self._watching = True
        if status["status"] == "guest-panicked":  # before anybody was there to hear of it
            self._panicked = True

    def _take_events(self) -> None:
        for event in self.monitor.events():
            if event.get("event") == "GUEST_PANICKED":
                self._panicked = True

    def _how_it_ended(self) -> Outcome:
        """QEMU is gone: by the guest's power-off, or by accident."""
        while self._take_output():
            pass
        self._take_events()
        if self._panicked:
            return Panic()
        if self.trap.greeted and self.ended == 0 and "terminating on signal" not in self.last_words():
            return PowerOff()
        raise self.death()

    def copy_file(self, file: int, offset: int, address: int, size: int) -> None:
        """See `Engine`."""
        if self.ram is None:
            self._copy_by_packets(file, offset, address, size)
        else:
            copy_into(self._ram_file, file, offset, address, size)

    def _copy_by_packets(self, file: int, offset: int, address: int, size: int) -> None:
        from vof.engines.qemu.gdb import GdbGone

        done = 0
        while done < size:
            try:
                data = os.pread(file, min(_PIECE, size - done), offset + done)
            except OSError as error:
                raise UsageError(f"the file can't be read: {error.strerror}") from None
            if not data:
                raise UsageError(f"the file ended {size - done} bytes early: was it changed meanwhile?")
            try:
                self.memory.write(address + done, data)
            except GdbGone:
                self._ends_within(_DEATH_PATIENCE)
                raise self.death() from None
            done += len(data)

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
    def guardian(self) -> Guardian:
        """Who cleans up after this process."""
        assert self._guardian is not None
        return self._guardian

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
        if not self.trap.greeted and status is not None and status >= 0 and "terminating on signal" not in words:
            return refusal(self.command[0], words)
        if status is not None and status < 0:
            how = f"was ended by {signal.Signals(-status).name}"
        else:
            how = f"ended with status {status}"
        return EngineError(f"QEMU {how}", command=self.command, last_words=words)

    def close(self) -> None:
        """See `Engine`."""
        with signals_held():
            self._end_process()
            while self._closers:
                self._closers.pop()()

    def _end_process(self) -> None:
        if self._process is None or self.ended is not None:
            return
        # QEMU sees no signal while it waits for somebody to take what the guest has to say.
        self.console.shutdown(socket.SHUT_RDWR)
        self._process.terminate()
        self._process.send_signal(signal.SIGCONT)  # should it be stopped
        if not self._ends_within(_END_PATIENCE):
            self._process.kill()
            self._ends_within(float("inf"))

    def reset(self) -> None:
        """See `Engine`. Nothing to do if the stub has said hello while a port call waited."""
        trap = self.trap
        if trap.greeting:
            return
        if not isinstance(trap, MailboxTrap):
            trap.reset()
        elif self.options.resets:
            self.ask_monitor("system_reset")
        elif trap.waiting:
            trap.jump(Jump(self.options.reset_vector, msr=_MSR_IP))
        else:
            self.relaunch()

    def relaunch(self) -> None:
        """Start another QEMU in place of this one, with the same RAM and the same console.

        Raises:
            EngineError: the trap is tied to this one.
        """
        assert self._guardian is not None
        if not isinstance(self.trap, MailboxTrap):
            raise EngineError(
                "QEMU's machine doesn't survive its own reset; with --trap mailbox another QEMU takes over"
            )
        while self._take_output():
            pass
        with signals_held():
            self._end_process()
            if self._watching and self._selector is not None:
                self._selector.unregister(self.monitor)
            self._watching = self._panicked = False
            self.monitor.close()
            own, console = self._socket_pair()
            own.setblocking(self.console.getblocking())
            os.dup2(own.fileno(), self.console.fileno(), inheritable=False)  # whoever watches it watches on
            own.close()
            self._plug(self.command[0], console, self._files[:-1], self._files[-1])
            self.monitor.tend(self.console.fileno(), self._take_output)
            self.trap.relaunched()
            os.ftruncate(self._output, 0)  # its last words were about the signal
            os.lseek(self._output, 0, os.SEEK_SET)
            self._spawn(self._guardian)

    def cpu_version(self) -> tuple[str, int]:
        """The CPU model's name, as QEMU's option has it, and its processor version. While the guest is in the trap.

        Raises:
            EngineError: the trap doesn't tell.
        """
        if self._gdb is None:
            raise EngineError("the trap mailbox doesn't tell the processor version")
        name = self.options.cpu.partition(",")[0] or _USUAL_CPU
        return name.partition("_")[0], self._gdb.read_register("pvr")

    def ask_monitor(self, command: str, **arguments: Any) -> Any:
        """Run a QMP command with these arguments and return what it returns.

        Raises:
            EngineError: it failed. If QEMU has `ended`, then the reason is that, and the error says it.
        """
        try:
            return self.monitor.execute(command, **arguments)
        except EngineError:
            if self._ends_within(_DEATH_PATIENCE):
                raise self.death() from None
            raise

    def registers(self) -> dict[str, int]:
        """See `Engine`. As QEMU's monitor tells them."""
        told = str(self.ask_monitor("human-monitor-command", **{"command-line": "info registers"}))
        found = {name.lower(): int(value, 16) for name, value in _REGISTER.findall(told)}
        for first, values in _GENERAL_REGISTERS.findall(told):
            for number, value in enumerate(values.split(), int(first)):
                found[f"r{number}"] = int(value, 16)
        return {"pc" if name == "nip" else name: value for name, value in found.items()}

    def _ends_within(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while self.ended is None:
            if time.monotonic() > end:
                return False
            time.sleep(2e-3)
        return True

    # Making things

    def _unmap(self) -> None:
        assert self.ram is not None
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


def _nothing() -> bool:
    return False
