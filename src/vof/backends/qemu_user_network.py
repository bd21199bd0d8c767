"""QEMU's own `user` network for guests in this process, where what leads outside is wanted: DNS, ports forwarded.

A QEMU without a machine has the network; frames come and go over a pair of datagram sockets. It ends with this process.
"""

from __future__ import annotations

import contextlib
import select
import shutil
import socket
import subprocess
import time

from vof.errors import PortError, UsageError

__all__ = ["QemuUserNetwork", "find_program"]

_PROGRAMS = ("qemu-system-ppc64", "qemu-system-ppc")
_MAC = b"\x52\x54\0\x12\x34\x56"
_LARGEST = 1 << 16
_PATIENCE = 5.0
_START = 10.0
_ENDS_WITH_US = '"$@" </dev/null 3<&- & pid=$!; cat <&3 >/dev/null; kill $pid; wait $pid'
"""The shell's standard input is QEMU's socket and 3 a pipe that only this process holds open."""


def find_program() -> str:
    """The QEMU that has the network; "" if none is installed."""
    return next((path for path in map(shutil.which, _PROGRAMS) if path), "")


class QemuUserNetwork:
    """The port `Network`: a card on QEMU's network.

    Args:
        value: what `-netdev` says, as for QEMU: `user,hostfwd=tcp::2222-:22`.

    Raises:
        UsageError: QEMU isn't here, or refuses it.
    """

    def __init__(self, value: str) -> None:
        program = find_program()
        if not program:
            raise UsageError(f"-netdev {value}: only QEMU has that (apt-get install qemu-system-ppc)")
        words = [word for word in value.split(",") if not word.startswith("id=")]
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        network = ["-netdev", ",".join([*words, "id=user"])]
        network += ["-netdev", f"dgram,id=here,local.type=fd,local.str={theirs.fileno()}"]
        for number, name in enumerate(("user", "here")):
            network += ["-netdev", f"hubport,id=port{number},hubid=0,netdev={name}"]
        command = [program, "-machine", "none", "-nodefaults", "-display", "none", *network]
        try:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec 3<&0; {_ENDS_WITH_US}", "sh", *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        except BaseException:
            self._socket.close()
            raise
        finally:
            theirs.close()
        self._await_answer(value)

    @property
    def mac(self) -> bytes:
        """Port `Network`."""
        return _MAC

    def send(self, frame: bytes) -> None:
        """Port `Network`."""
        try:
            self._socket.send(frame)
        except OSError as error:
            raise PortError(f"QEMU's network is gone: {error.strerror or error}") from None

    def receive(self, milliseconds: int) -> bytes:
        """Port `Network`."""
        poll = select.poll()
        try:
            poll.register(self._socket, select.POLLIN)
            return self._socket.recv(_LARGEST) if poll.poll(milliseconds) else b""
        except (OSError, ValueError) as error:
            raise PortError(f"QEMU's network is gone: {error}") from None

    def close(self) -> None:
        """End it. May be called more than once."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._socket.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE)
        if self._process.stderr is not None:
            self._process.stderr.close()

    def _await_answer(self, value: str) -> None:
        """Ask the network's host for its address until it answers: then QEMU has taken the options."""
        import dpkt

        arp = dpkt.arp.ARP(op=1, sha=_MAC, spa=bytes((10, 0, 2, 15)), tha=bytes(6), tpa=bytes((10, 0, 2, 2)))
        frame = bytes(dpkt.ethernet.Ethernet(dst=b"\xff" * 6, src=_MAC, type=0x0806, data=arp)).ljust(60, b"\0")
        end = time.monotonic() + _START
        assert self._process.stderr is not None
        while time.monotonic() < end:
            poll = select.poll()
            poll.register(self._process.stderr, select.POLLIN)
            if poll.poll(0):
                break
            with contextlib.suppress(PortError):
                self.send(frame)
                if self.receive(20):
                    return
                if "net=" in value:  # the host has another address: what counts is that QEMU is there
                    return
        if self._process.stdin is not None:
            self._process.stdin.close()
        words = self._process.stderr.readline().decode(errors="replace").strip().removeprefix("qemu-system-ppc64: ")
        self.close()
        raise UsageError(f"-netdev {value}: QEMU refuses: {words or 'it does not answer'}")
