"""The guardian's Python side: a shell that sees this process die, ends QEMU and restores the terminal."""

from __future__ import annotations

import contextlib
import os
import subprocess
import weakref
from collections.abc import Mapping

from vof.engines.signals import signals_held

__all__ = ["Guardian"]


_SCRIPT = os.path.join(os.path.dirname(__file__), "guardian.sh")
_PATIENCE = 10.0


class Guardian:
    """One guardian process. It ends by itself, at `close` or when this process dies.

    What depends on it is closed before it.
    """

    def __init__(self) -> None:
        self._pipe = -1
        with signals_held():
            reading, self._pipe = os.pipe()
            try:
                self._process = subprocess.Popen(
                    ["/bin/sh", _SCRIPT],
                    stdin=reading,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            except OSError:
                self._let_go()
                raise
            finally:
                os.close(reading)
            _guardians.add(self)

    def spawn(
        self, command: list[str], *, pass_fds: tuple[int, ...], output: int, environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        """Start a guarded process in a session of its own, so that the terminal's keys don't reach it.

        Args:
            command: the program and its arguments.
            pass_fds: descriptors that it inherits under their numbers.
            output: the descriptor that takes its standard output and error.
            environment: variables that it gets unless the user has set them.
        """
        return subprocess.Popen(
            # The process's number is with the guardian before there is a QEMU; the pipe is held open until then.
            ["/bin/sh", "-c", 'echo "qemu $$" >&0; exec "$@" </dev/null', "sh", *command],
            stdin=self._pipe,
            stdout=output,
            stderr=output,
            pass_fds=pass_fds,
            env={**environment, **os.environ},
            start_new_session=True,
        )

    def process_ended(self, pid: int) -> None:
        """The guarded process has ended. To be said before it is waited for: its number may be somebody else's then."""
        self._say(f"ended {pid}")

    def terminal_changed(self, device: str, state: str) -> None:
        """The terminal `device` is about to be changed; `state` is what `stty -g` says of it now."""
        self._say(f"tty {device} {state}")

    def terminal_restored(self) -> None:
        """The terminal is as it was."""
        self._say("tty")

    def file_made(self, path: str) -> None:
        """The file was made, and is to be removed."""
        self._say(f"remove {path}")

    def file_removed(self, path: str) -> None:
        """The file is gone."""
        self._say(f"removed {path}")

    def close(self) -> None:
        """Let the guardian clean up what is left, and end. May be called more than once."""
        if self._pipe < 0:
            return
        with signals_held():
            self._let_go()
            try:
                self._process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:  # somebody stopped it
                self._process.kill()
                self._process.wait()

    def _say(self, line: str) -> None:
        if self._pipe >= 0:
            with contextlib.suppress(BrokenPipeError):  # somebody killed it: this process cleans up alone
                os.write(self._pipe, line.encode(errors="surrogateescape") + b"\n")

    def _let_go(self) -> None:
        pipe, self._pipe = self._pipe, -1
        os.close(pipe)


_guardians: weakref.WeakSet[Guardian] = weakref.WeakSet()


def _forked() -> None:
    # A child that never calls exec (multiprocessing) would keep the pipe open when this process dies.
    for guardian in _guardians:
        if guardian._pipe >= 0:
            guardian._let_go()


os.register_at_fork(after_in_child=_forked)
