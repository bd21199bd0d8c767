"""`GdbClient`: this process's end of QEMU's gdb server, over a socket pair.

QEMU's server has its own ways, which are relied on here: several packets may be sent at once, and a packet stands for
the acknowledgement of the reply before it; while the guest runs, any byte stops it.

Ref: Debugging with GDB, appendix E "GDB Remote Serial Protocol".
"""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from vof.engines.qemu.gdb_packets import INTERRUPT, Mark, PacketReader, ProtocolError, frame, unescaped
from vof.engines.qemu.gdb_registers import RegisterImage, RegisterSet, read_description
from vof.errors import EngineError

__all__ = ["SIGINT", "SIGTRAP", "GdbClient", "GdbGone", "Stop"]

SIGINT = 2
SIGTRAP = 5
"""As gdb numbers signals."""

_PATIENCE = 20.0
"""Seconds that QEMU may take to answer. It takes 30 µs, unless the host swaps."""
_FILE_LIMIT = 0x40000
_PIECE = 0x7F8
"""Bytes of memory in one packet: twice as many characters must fit in QEMU's 0x1000."""
_AT_ONCE = 16
"""Packets that are sent without waiting for replies: all of theirs fit in a socket's buffer."""


class GdbGone(EngineError):
    """QEMU has hung up: the engine knows why."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The guest has stopped.

    Attributes:
        signal: gdb's number for the reason; -1 if the guest has ended.
        reply: QEMU's words.
    """

    signal: int
    reply: bytes


class GdbClient:
    """A connection to QEMU's gdb server. The guest is stopped at first, and must be whenever something is asked.

    Args:
        own: this process's end of the socket pair.

    Attributes:
        running: whether the guest was told to run and has not said that it stopped.
        stray: whether somebody else stopped the guest, by QEMU's monitor, and may have had it run again since, of which
            the server says nothing. The trap sets it.
        busy: called where this side waits for an answer longer than usual; it may tend to what QEMU waits for. The
            engine sets it.
    """

    def __init__(self, own: socket.socket) -> None:
        self._socket = own
        self._reader = PacketReader()
        self._stops: deque[Stop] = deque()
        self._poll = select.poll()
        self._poll.register(own.fileno(), select.POLLIN)
        self._registers: RegisterSet | None = None
        self._users_physical = False
        self._physical = False
        self._owed = 0
        self.running = False
        self.stray = False
        self.busy: Callable[[], None] = _nothing

    def fileno(self) -> int:
        """For a selector: readable when the guest has stopped."""
        return self._socket.fileno()

    # Asking

    @property
    def registers(self) -> RegisterSet:
        """The CPU's registers.

        Raises:
            EngineError: QEMU doesn't say.
        """
        if self._registers is None:
            self.greet()
            self._registers = read_description(self._file)
        return self._registers

    def greet(self) -> None:
        """Wait until QEMU answers.

        Raises:
            GdbGone: it has ended.
        """
        self.ask(b"qSupported")

    def ask(self, *packets: bytes) -> list[bytes]:
        """Send packets, all at once, and return the reply to each.

        Raises:
            GdbGone: QEMU has hung up.
            EngineError: it doesn't answer.
        """
        self._send(b"".join(map(frame, packets)))
        return [self._reply() for _ in packets]

    def do(self, *packets: bytes) -> None:
        """Send packets that are answered with OK.

        Raises:
            EngineError: one was not.
        """
        for packet, reply in zip(packets, self.ask(*packets), strict=True):
            if reply != b"OK":
                raise EngineError(f"QEMU's gdb server answers {packet[:32]!r} with {reply[:32]!r}")

    def forward(self, packet: bytes) -> Iterator[bytes]:
        """Send somebody else's packet; yields every reply to it: the last one, and a command's output before."""
        self._send(frame(packet))
        is_command = packet.startswith(b"qRcmd,")
        while True:
            reply = self._reply()
            yield reply
            if not is_command or not reply.startswith(b"O") or reply == b"OK":
                return

    def command(self, line: str) -> str:
        """Run a command of QEMU's human monitor; what it printed.

        Raises:
            EngineError: there is no monitor.
        """
        *output, last = self.forward(b"qRcmd," + line.encode().hex().encode())
        if last != b"OK":
            raise EngineError(f"QEMU's gdb server refuses the monitor command {line!r}: {last[:32]!r}")
        return b"".join(bytes.fromhex(part[1:].decode()) for part in output).decode("latin-1")

    def read_image(self) -> RegisterImage:
        """The core registers of the CPU that stopped."""
        return RegisterImage(self.registers, _octets(self.ask(b"g")[0]))

    def read_register(self, name: str) -> int:
        """One register of the CPU that stopped, which is in big-endian mode.

        Raises:
            EngineError: it has none of this name.
        """
        register = self.registers.by_name.get(name)
        if register is None:
            raise EngineError(f"QEMU's gdb server knows no register {name}")
        return int.from_bytes(_octets(self.ask(b"p%x" % register.number)[0]))

    def insert(self, address: int) -> None:
        """Have the guest stop before it executes what is at this address."""
        self.do(b"Z0,%x,4" % address)

    def remove(self, address: int) -> None:
        """No longer."""
        self.do(b"z0,%x,4" % address)

    # Memory, by physical addresses

    def read(self, address: int, length: int) -> bytes:
        """Physical memory.

        Raises:
            EngineError: there is none.
        """
        with self.halted():
            self._go_physical(True)
            data = bytearray()
            for batch in _batches(address, length):
                for reply in self.ask(*[b"m%x,%x" % piece for piece in batch]):
                    data += _octets(reply)
            return bytes(data)

    def write(self, address: int, data: bytes) -> None:
        """Physical memory, so that QEMU forgets what it has translated from there.

        Raises:
            EngineError: there is none.
        """
        with self.halted():
            self._go_physical(True)
            for batch in _batches(0, len(data)):
                self.do(
                    *[
                        b"M%x,%x:%b" % (address + offset, size, data[offset : offset + size].hex().encode())
                        for offset, size in batch
                    ]
                )

    def access(self, accesses: Sequence[tuple[int, int, int | None]]) -> list[int]:
        """Device registers: address, width in bytes, and what to write there, None to read. The values of the reads.

        Raises:
            EngineError: an access failed.
        """
        values = []
        with self.halted():
            self._go_physical(True)
            for start in range(0, len(accesses), _AT_ONCE):
                part = accesses[start : start + _AT_ONCE]
                packets = [
                    b"m%x,%x" % (address, width)
                    if value is None
                    else b"M%x,%x:%0*x" % (address, width, 2 * width, value & (1 << 8 * width) - 1)
                    for address, width, value in part
                ]
                for (_, _, value), reply in zip(part, self.ask(*packets), strict=True):
                    if value is None:
                        values.append(int.from_bytes(_octets(reply)))
                    elif reply != b"OK":
                        raise EngineError(f"a device access failed: {reply[:32]!r}")
        return values

    def as_user_sees(self, packet: bytes) -> None:
        """Before somebody else's packet is forwarded: memory is again what he has asked for, virtual at first."""
        if packet.startswith(b"Qqemu.PhyMemMode:"):
            self._users_physical = self._physical = packet.endswith(b"1")
        else:
            self._go_physical(self._users_physical)

    def _go_physical(self, physical: bool) -> None:
        if self._physical != physical:
            self.do(b"Qqemu.PhyMemMode:%d" % physical)
            self._physical = physical

    # Running

    def resume(self, *packets: bytes) -> None:
        """Send packets that are answered with OK, and a last one that has the guest run, which isn't.

        The answers are looked at later: the guest runs meanwhile.
        """
        self._send(b"".join(map(frame, packets)))
        self._owed = len(packets) - 1
        self.running = True

    def forget_stops(self) -> None:
        """What stops are not told yet mean nothing any more: the machine was reset."""
        self._stops = deque(stop for stop in self._stops if stop.signal < 0)

    def interrupt(self) -> None:
        """Have the guest stop, if it runs."""
        if self.running:
            self._send(INTERRUPT)
        elif self.stray:
            self._find()
            self._stops.append(Stop(SIGINT, b"T%02x" % SIGINT))

    def _find(self) -> bool:
        """Have the guest stopped that somebody else stopped before; whether it was running again."""
        self.stray = False
        (reply,) = self.ask(b"qC")  # a running guest stops, says so, and the question is lost
        return not reply.startswith(b"QC")

    def stopped(self, seconds: float = 0) -> Stop | None:
        """Why the guest has stopped, waiting so long at most; each time is told once.

        Raises:
            GdbGone: QEMU has hung up.
        """
        self._take_stops()  # one may have come with the replies to what was sent before
        if not self._stops and self._poll.poll(seconds * 1000):
            self.receive()
        return self._stops.popleft() if self._stops else None

    def receive(self) -> None:
        """Take what has come while the guest runs.

        Raises:
            GdbGone: QEMU has hung up.
        """
        if self._poll.poll(0):
            self._fill()
            self._take_stops()

    @contextmanager
    def halted(self) -> Iterator[None]:
        """Have the guest stopped meanwhile, if it runs; a stop of its own that came first is told later."""
        if self.stray:
            was_running = self._find()
            yield
            if was_running:
                self.resume(b"c")
            else:
                self.stray = True
            return
        if not self.running:
            yield
            return
        end = time.monotonic() + _PATIENCE
        self._take_stops()
        self.interrupt()
        while self.running:
            self._wait(end)
            self._take_stops()
        ours = bool(self._stops) and self._stops[-1].signal == SIGINT
        if ours:
            self._stops.pop()
        yield
        if ours:
            self.resume(b"c")

    def receive_if_alive(self) -> bool:
        """As `receive`, for a selector; whether QEMU is still there."""
        try:
            self.receive()
        except GdbGone:
            return False
        return True

    def hang_up(self) -> None:
        """QEMU has ended without a word: whoever waits for one is told."""
        raise GdbGone("QEMU has ended")

    # Bytes

    def _file(self, name: str) -> bytes:
        data = b""
        while len(data) < _FILE_LIMIT:
            reply = self.ask(b"qXfer:features:read:%b:%x,%x" % (name.encode(), len(data), _PIECE))[0]
            if reply[:1] not in (b"l", b"m"):
                break
            try:
                data += unescaped(reply[1:])
            except ProtocolError as error:
                raise EngineError(f"QEMU's gdb server: {error}") from None
            if reply[:1] == b"l":
                return data
        raise EngineError(f"QEMU's gdb server doesn't hand out {name}")

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError:
            raise GdbGone("QEMU has ended") from None

    def _reply(self) -> bytes:
        end = time.monotonic() + _PATIENCE
        while (packet := self._next()) is None:
            self._wait(end)
        return packet

    def _wait(self, end: float) -> None:
        while not self._poll.poll(50):
            self.busy()
            if time.monotonic() > end:
                raise EngineError(f"QEMU's gdb server doesn't answer within {_PATIENCE:g} s")
        self._fill()

    def _fill(self) -> None:
        try:
            data = self._socket.recv(0x10000)
        except OSError:
            data = b""
        if not data:
            raise GdbGone("QEMU has ended")
        self._reader.feed(data)

    def _next(self) -> bytes | None:
        try:
            while (item := self._reader.next()) is not None:
                if not isinstance(item, Mark):
                    return item
        except ProtocolError as error:
            raise EngineError(f"QEMU's gdb server: {error}") from None
        return None

    def _take_stops(self) -> None:
        while (packet := self._next()) is not None:
            if self._owed:
                self._owed -= 1
                if packet != b"OK":
                    raise EngineError(f"QEMU's gdb server answers {packet[:32]!r} to what the guest should run with")
                continue
            self.running = self.stray = False
            kind, number = packet[:1], packet[1:3]
            try:
                signal = int(number, 16) if kind in (b"T", b"S") else -1
            except ValueError:
                signal = -1
            self._stops.append(Stop(signal, packet))


def _nothing() -> None:
    pass


def _octets(reply: bytes) -> bytes:
    """What is in a reply of hexadecimal digits.

    Raises:
        EngineError: it is an error.
    """
    try:
        if len(reply) & 1:  # E14
            raise ValueError
        return bytes.fromhex(reply.decode("ascii"))
    except ValueError:
        raise EngineError(f"QEMU's gdb server answers {reply[:32]!r}") from None


def _batches(start: int, length: int) -> Iterator[list[tuple[int, int]]]:
    """Addresses and sizes of the pieces of a range, so many at once."""
    pieces = [(at, min(_PIECE, start + length - at)) for at in range(start, start + length, _PIECE)]
    for first in range(0, len(pieces), _AT_ONCE):
        yield pieces[first : first + _AT_ONCE]
