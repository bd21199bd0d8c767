"""A network of QEMU's, taken from the guest's card while the firmware has the machine.

Two `filter-redirector` objects are put on the user's own `-netdev` at run time: what comes from the network goes to
this process and not to the guest, and what this process sends goes into the network. Ref: QEMU's net/filter-mirror.c.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import tempfile
from collections import deque
from collections.abc import Callable
from threading import Condition, Thread
from typing import Any

from vof.engines.guardian import Guardian
from vof.errors import EngineError, PortError

__all__ = ["RedirectedNetwork"]

_LENGTH = struct.Struct(">I")
_LONGEST = 1 << 16
_MOST = 10_000
"""Frames that wait; more are dropped, as by any card."""
_SLICE = 0.02


class RedirectedNetwork:
    """The port `Network` of one card. The network is taken at the first use.

    Args:
        execute: runs a QMP command with these arguments and returns what it returns.
        guardian: removes what is left.
        netdev: QEMU's name of the network.
        mac: the card's address.
        tend: called now and then while a frame is waited for; it may raise.
    """

    def __init__(
        self, execute: Callable[..., Any], guardian: Guardian, netdev: str, mac: bytes, tend: Callable[[], None]
    ) -> None:
        self._execute = execute
        self._guardian = guardian
        self._netdev = netdev
        self._mac = mac
        self._tend = tend
        self._folder = ""
        self._sockets: list[socket.socket] = []
        self._undo: list[tuple[str, str]] = []
        self._frames: deque[bytes] = deque(maxlen=_MOST)
        self._condition = Condition()
        self._gone = False
        self._closed = False

    @property
    def mac(self) -> bytes:
        """Port `Network`."""
        return self._mac

    def send(self, frame: bytes) -> None:
        """Port `Network`."""
        self._connect()
        try:
            self._sockets[1].sendall(_LENGTH.pack(len(frame)) + frame)
        except OSError as error:
            raise PortError(f"the network {self._netdev} is gone: {error.strerror or error}") from None

    def receive(self, milliseconds: int) -> bytes:
        """Port `Network`."""
        self._connect()
        left = milliseconds / 1000
        while True:
            with self._condition:
                if self._frames:
                    return self._frames.popleft()
                if self._gone:
                    raise PortError(f"the network {self._netdev} is gone")
                if left <= 0:
                    return b""
                self._condition.wait(min(left, _SLICE))
            left -= _SLICE
            self._tend()

    def close(self) -> None:
        """Give the network back to the guest. May be called more than once; nothing works afterwards."""
        self._closed = True
        while self._undo:
            command, name = self._undo.pop()
            with contextlib.suppress(EngineError):  # QEMU has ended
                self._execute(command, id=name)
        self.forget()

    def forget(self) -> None:
        """That QEMU is gone, and all of it with it."""
        self._closed = True
        self._undo.clear()
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._sockets.clear()
        folder, self._folder = self._folder, ""
        if folder:
            for name in ("out", "in"):
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(folder, name))
            with contextlib.suppress(OSError):
                os.rmdir(folder)
            self._guardian.file_removed(folder)

    def _connect(self) -> None:
        if self._sockets:
            return
        if self._closed:
            raise PortError(f"{self._netdev}: the client program's own driver has it now")
        if not self._netdev:
            raise PortError("the card is on no network: -netdev gives it one")
        self._folder = tempfile.mkdtemp(prefix="vof-")
        self._guardian.file_made(self._folder)
        try:
            self._redirect()
        except (EngineError, OSError) as error:
            self.close()
            self._closed = False
            raise PortError(f"the network {self._netdev} can't be taken: {error}") from None
        Thread(target=self._read, args=(self._sockets[0],), daemon=True).start()

    def _redirect(self) -> None:
        for name in ("out", "in"):
            identity, path = f"vof-{name}-{self._netdev.strip('#')}", os.path.join(self._folder, name)
            address = {"type": "unix", "data": {"path": path}}
            data = {"addr": address, "server": True, "wait": False}
            self._execute("chardev-add", id=identity, backend={"type": "socket", "data": data})
            self._undo.append(("chardev-remove", identity))
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._sockets.append(connection)
            connection.connect(path)
        # The one that leads in first: frames that come are dropped until somebody takes them.
        for name, queue, end in (("in", "rx", "indev"), ("out", "tx", "outdev")):
            identity = f"vof-filter-{name}-{self._netdev.strip('#')}"
            options = {"netdev": self._netdev, "queue": queue, end: f"vof-{name}-{self._netdev.strip('#')}"}
            self._execute("object-add", **{"qom-type": "filter-redirector", "id": identity, **options})
            self._undo.append(("object-del", identity))

    def _read(self, connection: socket.socket) -> None:
        """Take frames at once, in a thread: QEMU answers nothing while nobody does."""
        try:
            with connection.makefile("rb") as stream:
                while True:
                    head = stream.read(_LENGTH.size)
                    length = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else 0
                    if not 0 < length <= _LONGEST:
                        break
                    frame = stream.read(length)
                    if len(frame) < length:
                        break
                    with self._condition:
                        self._frames.append(frame)
                        self._condition.notify()
        except (OSError, ValueError):
            pass
        with self._condition:
            self._gone = True
            self._condition.notify()
