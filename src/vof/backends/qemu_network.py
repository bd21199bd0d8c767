"""QEMU's `user` network for an engine that is not QEMU: a QEMU without a machine, which only passes frames on.

It is joined by a pair of datagram sockets, one frame in each datagram, so there is no file and no port to be seen. It
also holds one end of a pipe whose other end this process alone has: when that closes, however that came about, the
kernel kills it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import weakref
from typing import IO

from vof.backends.user_network import DEFAULT_MAC
from vof.errors import PortError, UsageError
from vof.packages.net.wire import valid_mac

__all__ = ["QemuUserNetwork"]

_PROGRAM = "qemu-system-ppc64"
_FRAME = 65_536
_BUFFER = 1 << 20
"""Bytes of frames that may wait in the socket; QEMU drops what is beyond ten thousand frames more."""
_PATIENCE = 5.0
"""Seconds that QEMU may take to take a frame."""
_GLANCE = 0.05
"""Seconds after which one who waits looks whether QEMU is still there."""


class QemuUserNetwork:
    """The port `Network` over QEMU's `user` network: the outside is reached as QEMU reaches it, ports are forwarded.

    What QEMU has against the options is in the first failure of a call. Its TFTP server counts ACKs and doesn't read
    them: it gives a file over a network that loses nothing, as this one is, and not behind a `FaultyNetwork`.

    Args:
        netdev: what follows `-netdev`: `user` with any options that the installed QEMU knows. The `id` is optional.
        mac: the guest's card.
        program: QEMU; any of its targets will do.

    Raises:
        UsageError: there is no such QEMU, or what is asked of it is no `user` network.
    """

    def __init__(self, netdev: str = "user", mac: bytes = DEFAULT_MAC, *, program: str = _PROGRAM) -> None:
        self._mac = mac
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline = -1
        if not valid_mac(mac):
            raise UsageError(
                f"{mac.hex(':') or 'nothing'} is no card's address: write one such as {DEFAULT_MAC.hex(':')}"
            )
        command = _command(netdev, program)
        self._words: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as QEMU
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with theirs:
            for end in (self._socket, theirs):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
                end.setblocking(False)
            try:
                self._process, self._lifeline = _start(command, theirs.fileno(), self._words.fileno())
            except OSError as error:
                self.close()
                raise UsageError(f"{program} can't be started: {error.strerror}") from None
        _networks.add(self)

    @property
    def mac(self) -> bytes:
        """Port `Network`."""
        return self._mac

    @property
    def pid(self) -> int | None:
        """QEMU's process number, while it is there."""
        return None if self._process is None else self._process.pid

    def send(self, frame: bytes) -> None:
        """Port `Network`."""
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                self._socket.send(frame)
                return
            except BlockingIOError:
                left = end - time.monotonic()
                if left <= 0:
                    raise PortError(f"QEMU's network took no frame for {_PATIENCE:g} s") from None
                select.select([], [self._socket], [], left)
            except OSError as error:
                raise self._failure(error) from None

    def receive(self, milliseconds: int) -> bytes:
        """Port `Network`."""
        try:
            return self._socket.recv(_FRAME)
        except BlockingIOError:
            pass
        except OSError as error:
            raise self._failure(error) from None
        end = time.monotonic() + milliseconds / 1000
        while (left := end - time.monotonic()) > 0:
            try:
                ready, _, _ = select.select([self._socket], [], [], min(left, _GLANCE))
                if ready:
                    return self._socket.recv(_FRAME)
            except BlockingIOError:
                continue
            except (OSError, ValueError) as error:
                raise self._failure(error) from None
            # A socket of datagrams doesn't tell when the other end has gone.
            if self._process is None or self._process.poll() is not None:
                raise self._failure(None)
        return b""

    def close(self) -> None:
        """End QEMU. May be called more than once; the port fails after it."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
        self._let_go()

    def _let_go(self) -> None:
        lifeline, self._lifeline = self._lifeline, -1
        if lifeline >= 0:
            os.close(lifeline)
        self._socket.close()
        self._words.close()

    def _failure(self, error: Exception | None) -> PortError:
        if self._process is None:
            return PortError("QEMU's network has ended")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0.5)
        self._words.seek(0)
        said = self._words.read(4096).decode(errors="replace").strip().splitlines()[-1:]
        status = self._process.poll()
        what = f"failed: {error}" if status is None else f"ended with status {status}"
        return PortError(": ".join([f"QEMU's network {what}", *said]))

    def _forget(self) -> None:
        """In a forked child: the QEMU is the parent's, and must see that one alone."""
        process, self._process = self._process, None
        if process is not None:
            process.returncode = 0  # not our child: nothing to wait for
        self._let_go()


def _command(netdev: str, program: str) -> list[str]:
    settings = netdev.replace(",,", "\0").split(",")
    if settings[0].removeprefix("type=") != "user":
        raise UsageError(f'"{settings[0]}" is no network that is here: -netdev user[,OPTION=VALUE]…, as for QEMU')
    if shutil.which(program) is None:
        raise UsageError(f"QEMU's network needs QEMU, and there is no {program}: install it, or use the network in vof")
    kept = [setting for setting in settings[1:] if not setting.startswith("id=")]
    user = ",".join(["user", "id=outside", *kept]).replace("\0", ",,").replace("{", "{{").replace("}", "}}")
    return [
        *(program, "-nodefaults", "-no-user-config", "-machine", "none", "-display", "none", "-monitor", "none"),
        *("-netdev", user),
        *("-netdev", "dgram,id=inside,local.type=fd,local.str={fd}"),
        *("-netdev", "hubport,id=out,hubid=0,netdev=outside"),
        *("-netdev", "hubport,id=in,hubid=0,netdev=inside"),
    ]


def _start(command: list[str], theirs: int, words: int) -> tuple[subprocess.Popen[bytes], int]:
    """Start QEMU such that the kernel kills it when our end of a pipe closes; the process, and that end."""
    watched, lifeline = os.pipe()
    try:
        process = subprocess.Popen(
            # It becomes QEMU only once the pipe is sure to end it.
            ["/bin/sh", "-c", 'read go && exec "$@" </dev/null', "sh", *(word.format(fd=theirs) for word in command)],
            stdin=subprocess.PIPE,
            stdout=words,
            stderr=words,
            pass_fds=(theirs, watched),
            start_new_session=True,
        )
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
            fcntl.fcntl(watched, fcntl.F_SETOWN, process.pid)
            fcntl.fcntl(watched, fcntl.F_SETSIG, signal.SIGKILL)
            fcntl.fcntl(watched, fcntl.F_SETFL, fcntl.fcntl(watched, fcntl.F_GETFL) | os.O_ASYNC)
            stdin.write(b"go\n")
    except BaseException:
        os.close(lifeline)
        raise
    finally:
        os.close(watched)
    return process, lifeline


_networks: weakref.WeakSet[QemuUserNetwork] = weakref.WeakSet()


def _forked() -> None:
    # A child that never calls exec would keep the pipe open when this process dies.
    for network in list(_networks):
        with contextlib.suppress(OSError):
            network._forget()


os.register_at_fork(after_in_child=_forked)
