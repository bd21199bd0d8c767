"""The guardian's Python side: a shell that sees this process die, ends QEMU and restores the terminal."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

__all__ = ["Guardian"]


_SCRIPT = Path(__file__).with_name("guardian.sh")


class Guardian:
    """One guardian process. It ends by itself, at `close` or when this process dies."""

    def __init__(self) -> None:
        reading, self._pipe = os.pipe()
        try:
            self._process = subprocess.Popen(
                ["/bin/sh", str(_SCRIPT)],
                stdin=reading,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        finally:
            os.close(reading)

    def spawn(self, command: list[str], *, pass_fds: tuple[int, ...], output: int) -> subprocess.Popen[bytes]:
        """Start a guarded process in a session of its own, so that the terminal's keys don't reach it.

        Args:
            command: the program and its arguments.
            pass_fds: descriptors that it inherits under their numbers.
            output: the descriptor that takes its standard output and error.
        """
        return subprocess.Popen(
            # The process's number is with the guardian before there is a QEMU.
            ["/bin/sh", "-c", 'echo "qemu $$" >&0; exec "$@" </dev/null', "sh", *command],
            stdin=self._pipe,
            stdout=output,
            stderr=output,
            pass_fds=pass_fds,
            start_new_session=True,
        )

    def process_ended(self) -> None:
        """The guarded process was waited for: its number may be somebody else's soon."""
        self._say("qemu")

    def terminal_changed(self, device: str, state: str) -> None:
        """The terminal `device` is about to be changed; `state` is what `stty -g` says of it now."""
        self._say(f"tty {device} {state}")

    def terminal_restored(self) -> None:
        """The terminal is as it was."""
        self._say("tty")

    def close(self) -> None:
        """Let the guardian clean up what is left, and end."""
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
            self._process.wait()

    def _say(self, line: str) -> None:
        os.write(self._pipe, line.encode() + b"\n")
