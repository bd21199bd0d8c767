"""`UserGdb`: a gdb server for the user, where the trap `breakpoint` has QEMU's only one.

It hands the user's packets on while the guest is stopped for him, and keeps from him what is the trap's: he sees no
stop at a client call, and his gdb can't remove our breakpoints, nor we his. A step over a client call answers it.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
from selectors import EVENT_READ, BaseSelector

from vof.engines.qemu.gdb import SIGTRAP, GdbClient
from vof.engines.qemu.gdb_packets import Mark, PacketReader, ProtocolError, frame
from vof.errors import UsageError

__all__ = ["UserGdb", "parse_gdb_address"]

_USUAL = "tcp::1234"
_PATIENCE = 5.0
"""Seconds that a gdb which reads nothing may hold everything up."""
_LOCAL = "127.0.0.1"
_THREAD = re.compile(rb"thread:([^;]+);")
_BREAKPOINT = re.compile(rb"[Zz]([01234]),([0-9a-fA-F]{1,16}),([0-9a-fA-F]{1,16})")
_MOST_BREAKPOINTS = 1000
_NO_ROOM = b"E1c"
_CHANGES_ADDRESS = frozenset("01")
"""Breakpoints in software and in hardware: the same to QEMU."""


def parse_gdb_address(arguments: tuple[str, ...]) -> tuple[str, bool, tuple[str, ...]]:
    """Take the options for a user's gdb out of QEMU's arguments: `-s`, `-S`, `-gdb tcp:[HOST]:PORT`.

    Returns:
        What to listen on, "" for nothing; whether the guest waits for gdb to say when; the other arguments.
    """
    address, held, others = "", False, []
    waiting = iter(arguments)
    for argument in waiting:
        option = argument[1:] if argument.startswith("--") else argument
        if option == "-s":
            address = _USUAL
        elif option == "-S":
            held = True
        elif option == "-gdb":
            address = next(waiting, "")
        else:
            others.append(argument)
    return "" if address == "none" else address, held, tuple(others)


class UserGdb:
    """The user's side.

    Args:
        client: the connection to QEMU's gdb server.
        address: what to listen on, `tcp:[HOST]:PORT`; without a host, this machine's own programs alone get in.
        ours: the addresses of the trap's breakpoints.

    Attributes:
        holds: whether the guest is stopped for the user, who says when it goes on.
        wants: whether he wants it stopped.
        stepping: whether it runs for one instruction.
        connected: whether there is a gdb.
        left: whether a gdb has gone that may have left breakpoints.
        stopped: QEMU's last words when the guest stopped.
        breakpoints: the addresses of the user's breakpoints.

    Raises:
        UsageError: it can't be listened on.
    """

    def __init__(self, client: GdbClient, address: str, ours: frozenset[int]) -> None:
        self._client = client
        self._ours = ours
        self._listener = _listen(address)
        self._selector: BaseSelector | None = None
        self._connection: socket.socket | None = None
        self._reader = PacketReader()
        self._last = b""
        self._set: set[bytes] = set()
        self._awaits = False
        self.holds = False
        self.wants = False
        self.stepping = False
        self.left = False
        self.stopped = b"T05"

    @property
    def port(self) -> int:
        """The TCP port."""
        number = self._listener.getsockname()[1]
        assert isinstance(number, int)
        return number

    @property
    def connected(self) -> bool:
        """See the class."""
        return self._connection is not None

    @property
    def breakpoints(self) -> frozenset[int]:
        """See the class."""
        return frozenset(int(key.split(b",")[1], 16) for key in self._set if chr(key[0]) in _CHANGES_ADDRESS)

    def tend(self, selector: BaseSelector) -> None:
        """Have the user's connections watched."""
        self._selector = selector
        selector.register(self._listener, EVENT_READ, self._accept)

    # For the trap

    def hold(self, signal: int = SIGTRAP, reply: bytes = b"") -> None:
        """The guest is stopped, and stays so until the user has it run.

        Args:
            signal: why, where there is no reply.
            reply: QEMU's words.
        """
        self.holds, self.wants, self.stepping = True, False, False
        if self._awaits:
            self._awaits = False
            thread = _THREAD.search(self.stopped)
            self._send(reply or b"T%02x%b" % (signal, thread[0] if thread else b""))

    def serve(self) -> bytes | None:
        """Do what the user's gdb says, the guest being stopped for it; the packet that has it run, if that came."""
        if self.left:
            self.left = False
            self._remove_all()
            return self._let_go(b"c")
        while (packet := self._next()) is not None:
            resume = self._obey(packet)
            if resume is not None:
                return resume
        return None

    def look_at_stopped(self) -> None:
        """Ask for the CPU that stopped, whichever one the user has looked at."""
        thread = _THREAD.search(self.stopped)
        if thread:
            self._client.do(b"Hg" + thread[1], b"Hc" + thread[1])

    def close(self) -> None:
        """Hang up: the guest has ended."""
        if self._awaits:
            self._send(b"W00")
        self._hang_up()
        self._unregister(self._listener)
        self._listener.close()

    # What the user's gdb says

    def _obey(self, packet: bytes) -> bytes | None:
        kind = packet[:1]
        if kind in (b"c", b"C", b"s", b"S") or packet.startswith(b"vCont;"):
            self._awaits = True
            steps = kind in (b"s", b"S") or any(part[:1] in (b"s", b"S") for part in packet.split(b";")[1:])
            return self._let_go(packet, steps=steps)
        if kind == b"D":
            self._remove_all()
            self._send(b"OK")
            return self._let_go(b"c")
        if kind in (b"Z", b"z"):
            self._send(self._change_breakpoint(packet))
            return None
        self._client.as_user_sees(packet)
        for reply in self._client.forward(packet):
            self._send(reply)
        if packet == b"?":  # QEMU takes that for a new gdb, and forgets all breakpoints
            self._client.do(*[b"Z" + key for key in self._set], *[b"Z0,%x,4" % address for address in self._ours])
        return None

    def _let_go(self, packet: bytes, *, steps: bool = False) -> bytes:
        self.holds, self.wants, self.stepping = False, False, steps
        return packet

    def _change_breakpoint(self, packet: bytes) -> bytes:
        """The reply to a packet that sets or removes a breakpoint or watchpoint."""
        found = _BREAKPOINT.match(packet)
        if not found:
            return b""
        key, insert = found[0][1:], packet[:1] == b"Z"
        if insert == (key in self._set):
            return b"OK"
        if insert and len(self._set) >= _MOST_BREAKPOINTS:
            return _NO_ROOM
        (reply,) = self._client.ask(packet[:1] + key)
        if reply == b"OK":
            (self._set.add if insert else self._set.discard)(key)
        return reply

    def _remove_all(self) -> None:
        self._client.ask(*[b"z" + key for key in self._set])
        self._set.clear()

    # The connection

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if self._connection is not None or self.left:
            connection.close()  # one at a time, as with QEMU
            return
        connection.settimeout(_PATIENCE)
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = connection
        self._reader = PacketReader()
        self._awaits = False
        self.wants = not self.holds
        if self._selector is not None:
            self._selector.register(connection, EVENT_READ, self._read)

    def _read(self) -> None:
        """Take what has come. It is looked at when the guest is stopped; until then it is a reason to stop it."""
        assert self._connection is not None
        try:
            data = self._connection.recv(0x4000)
        except OSError:
            data = b""
        if not data:
            self._hang_up()
            return
        self._reader.feed(data)
        if not self.holds and data.strip(b"+"):
            self.wants = True

    def _next(self) -> bytes | None:
        while self._connection is not None:
            try:
                item = self._reader.next()
            except ProtocolError:
                self._put(b"-")
                continue
            if item is Mark.AGAIN:
                self._put(self._last)
            elif isinstance(item, bytes):
                self._put(b"+")
                return item
            elif item is None:
                break
        return None

    def _send(self, payload: bytes) -> None:
        self._last = frame(payload)
        self._put(self._last)

    def _put(self, data: bytes) -> None:
        if self._connection is not None:
            try:
                self._connection.sendall(data)
            except OSError:
                self._hang_up()

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        self._unregister(connection)
        connection.close()
        self._awaits = self.stepping = False
        self.left = self.wants = True  # stopped once more, to remove his breakpoints

    def _unregister(self, one: socket.socket) -> None:
        if self._selector is not None:
            with contextlib.suppress(KeyError, ValueError, RuntimeError):  # it may be closed by now
                self._selector.unregister(one)


def _listen(address: str) -> socket.socket:
    kind, _, rest = address.split(",")[0].partition(":")
    host, _, port = rest.rpartition(":")
    host = host.strip("[]") or _LOCAL
    if kind != "tcp" or not port.isdecimal() or int(port) > 0xFFFF:
        raise UsageError(f'-gdb "{address}": with --trap breakpoint it is tcp:[HOST]:PORT, such as tcp::1234')
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, int(port)), family=family, backlog=1)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)  # the rest is Python's own
        raise UsageError(f"gdb can't be listened for on {host} port {port}: {reason}") from None
