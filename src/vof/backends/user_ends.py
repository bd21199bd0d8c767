"""The user's end of the console: a terminal, plain streams, a file, a socket, or nobody."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import selectors
import socket
import subprocess
import termios
from collections.abc import Callable
from typing import Protocol

from vof.errors import UsageError

__all__ = ["ESCAPE_HELP", "FileEnd", "NoEnd", "SocketEnd", "StreamEnd", "TerminalEnd", "write_all"]

_CHUNK = 0x1000
_ESCAPE = 0x01
_PEER_PATIENCE = 5.0
ESCAPE_HELP = "Ctrl-a x ends the machine, Ctrl-a h shows this, Ctrl-a Ctrl-a sends one Ctrl-a"


class Watch(Protocol):
    """Whoever restores the terminal and removes files should this process die."""

    def terminal_changed(self, device: str, state: str) -> None:
        """It is about to be changed."""
        ...

    def terminal_restored(self) -> None:
        """It is as it was."""
        ...

    def file_made(self, path: str) -> None:
        """The file was made, and is to be removed."""
        ...

    def file_removed(self, path: str) -> None:
        """It is gone."""
        ...


class NoEnd:
    """Nobody: no input, and output goes nowhere. For scripts, which read the console's events."""

    def register(self, selector: selectors.BaseSelector, on_input: Callable[[bytes], None]) -> None:
        """Nothing to watch."""

    def write(self, data: bytes) -> None:
        """Nothing to show."""

    def close(self) -> None:
        """Nothing to leave."""


class StreamEnd:
    """Two descriptors that are no terminal: pipes or files. At the end of input the machine runs on.

    Args:
        reading: where input comes from.
        writing: where output goes.
        before_output: called before each output, if given.
    """

    def __init__(self, reading: int, writing: int, before_output: Callable[[], None] | None = None) -> None:
        self._reading = reading
        self._writing = writing
        self._before_output = before_output

    def register(self, selector: selectors.BaseSelector, on_input: Callable[[bytes], None]) -> None:
        """Watch the reading side."""

        def ready() -> None:
            try:
                data = os.read(self._reading, _CHUNK)
            except BlockingIOError:
                return
            except OSError:  # the terminal was closed
                data = b""
            if data:
                self.take(data, on_input)
            else:
                selector.unregister(self._reading)
                on_input(b"")

        selector.register(self._reading, selectors.EVENT_READ, ready)

    def take(self, data: bytes, on_input: Callable[[bytes], None]) -> None:
        """Pass input on."""
        on_input(data)

    def write(self, data: bytes) -> None:
        """Write all of it.

        Raises:
            BrokenPipeError: nobody reads it any more.
            UsageError: it can't be written.
        """
        if self._before_output is not None:
            self._before_output()
        write_all(self._writing, data)

    def close(self) -> None:
        """The descriptors are the caller's."""


class TerminalEnd(StreamEnd):
    """A terminal, in raw mode while the machine has it: every key is the guest's but the escape key, Ctrl-a.

    Args:
        reading: the descriptor of the terminal.
        writing: where output goes.
        watch: who restores the terminal should this process die.
        quit: called when the user wants the machine ended.
        before_output: as for `StreamEnd`.
    """

    def __init__(
        self,
        reading: int,
        writing: int,
        watch: Watch,
        quit: Callable[[], None],
        before_output: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(reading, writing, before_output)
        self._watch = watch
        self._quit = quit
        self._escaped = False
        self._last = b"\n"
        self._saved = termios.tcgetattr(reading)
        self._raw = termios.tcgetattr(reading)
        state = subprocess.run(["stty", "-g"], stdin=reading, capture_output=True, text=True, check=False).stdout
        watch.terminal_changed(os.ttyname(reading), state.strip())
        raw = self._raw
        raw[0] &= ~(
            termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP | termios.INLCR | termios.IGNCR
            | termios.ICRNL | termios.IXON
        )  # fmt: skip
        raw[1] |= termios.OPOST | termios.ONLCR  # clients end lines in \n as often as in \r\n
        raw[2] = raw[2] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
        raw[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
        termios.tcsetattr(reading, termios.TCSANOW, raw)

    def take(self, data: bytes, on_input: Callable[[bytes], None]) -> None:
        """Pass keys on, but for what follows the escape key."""
        passed = bytearray()
        for key in data:
            if self._escaped:
                self._escaped = False
                if key == _ESCAPE:
                    passed.append(key)
                elif key in b"xX":
                    self._quit()
                else:
                    self.write(f"\r\n{ESCAPE_HELP}\r\n".encode())
            elif key == _ESCAPE:
                self._escaped = True
            else:
                passed.append(key)
        if passed:
            on_input(bytes(passed))

    def write(self, data: bytes) -> None:
        """Write all of it, as `StreamEnd.write` does."""
        self._last = data[-1:] or self._last
        super().write(data)

    def lend(self) -> None:
        """Let somebody else talk to the user, on the terminal as it was, until `take_back`."""
        if self._last != b"\n":
            self.write(b"\r\n")
        termios.tcsetattr(self._reading, termios.TCSADRAIN, self._saved)

    def take_back(self) -> None:
        """Go on with the console."""
        self._last = b"\n"
        termios.tcsetattr(self._reading, termios.TCSADRAIN, self._raw)

    def close(self) -> None:
        """Make the terminal what it was, with the cursor at the start of a line."""
        with contextlib.suppress(OSError, UsageError):  # it may be gone
            if self._last != b"\n":
                super().write(b"\r\n")
        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(self._reading, termios.TCSANOW, self._saved)
        self._watch.terminal_restored()


class FileEnd:
    """A file that takes the output; there is no input.

    Raises:
        UsageError: it can't be written.
    """

    def __init__(self, path: str) -> None:
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise UsageError(f"--console file:{path}: {error.strerror}") from None

    def register(self, selector: selectors.BaseSelector, on_input: Callable[[bytes], None]) -> None:
        """Nothing to watch."""

    def write(self, data: bytes) -> None:
        """Write all of it.

        Raises:
            UsageError: it can't be written.
        """
        write_all(self._descriptor, data)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


class SocketEnd:
    """A UNIX socket that somebody connects to, one at a time. What nobody is there to see is lost.

    Somebody who stops reading holds the machine up for a while, and then is hung up on.

    Args:
        path: where the socket is made; it is removed at the end.
        watch: who removes it should this process die.

    Raises:
        UsageError: the path is taken or can't be made.
    """

    def __init__(self, path: str, watch: Watch) -> None:
        self._path = os.path.abspath(path)
        self._watch = watch
        self._peer: socket.socket | None = None
        self._selector: selectors.BaseSelector | None = None
        self._listener = socket.socket(socket.AF_UNIX)
        try:
            self._listener.bind(path)
            watch.file_made(self._path)
            self._listener.listen(1)
        except OSError as error:
            self.close()
            hint = "; remove it, or name another" if os.path.exists(path) else ""
            raise UsageError(f"--console unix:{path}: {error.strerror or error}{hint}") from None
        except BaseException:
            self.close()
            raise

    def register(self, selector: selectors.BaseSelector, on_input: Callable[[bytes], None]) -> None:
        """Watch for somebody, and for what they type."""
        self._selector = selector

        def ready() -> None:
            assert self._peer is not None
            try:
                data = self._peer.recv(_CHUNK)
            except OSError:
                data = b""
            if data:
                on_input(data)
            else:
                self._hang_up()

        def connected() -> None:
            peer, _ = self._listener.accept()
            if self._peer is not None:
                peer.close()
                return
            peer.settimeout(_PEER_PATIENCE)
            self._peer = peer
            selector.register(peer, selectors.EVENT_READ, ready)

        selector.register(self._listener, selectors.EVENT_READ, connected)

    def write(self, data: bytes) -> None:
        """Send all of it to whoever is there."""
        if self._peer is not None:
            try:
                self._peer.sendall(data)
            except OSError:
                self._hang_up()

    def close(self) -> None:
        """Hang up and remove the socket. May be called more than once."""
        self._hang_up()
        if self._listener.fileno() < 0:
            return
        made = self._listener.getsockname()
        self._listener.close()
        if made:
            with contextlib.suppress(OSError):
                os.unlink(self._path)
            self._watch.file_removed(self._path)

    def _hang_up(self) -> None:
        if self._peer is not None:
            if self._selector is not None:
                with contextlib.suppress(KeyError):  # the selector was closed before us
                    self._selector.unregister(self._peer)
            self._peer.close()
            self._peer = None


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it.

    Raises:
        BrokenPipeError: nobody reads any more.
        UsageError: it can't be written.
    """
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:  # somebody who shares the terminal made it so
            select.select([], [descriptor], [])
        except OSError as error:
            if error.errno in (errno.EPIPE, errno.EIO):
                raise BrokenPipeError(error.errno, "nobody reads the console any more") from None
            raise UsageError(f"the console's output can't be written: {error.strerror}") from None
