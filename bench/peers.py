"""The three firmwares, each in a machine with the same options, and what their machines print, with the time."""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from types import TracebackType
from typing import Self

from bench.options import BenchError, Options

__all__ = ["Firmware", "Guest", "Machine", "command_line"]

MACHINE = "pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off"
MEMORY = "1G"
_PATIENCE = 5.0


class Firmware(StrEnum):
    """Who answers the client program; the names of the table's columns."""

    VOF = "vof"
    X_VOF = "x-vof"
    SLOF = "SLOF"


class Guest:
    """What a machine runs: QEMU's arguments, the same for all.

    Args:
        kernel, initrd, append: the client program; no initial RAM disk if empty.
        devices: values of `-device`.
    """

    def __init__(self, kernel: str, initrd: str = "", append: str = "", devices: Sequence[str] = ()) -> None:
        self.program = ["-kernel", kernel, *(["-initrd", initrd] if initrd else []), "-append", append]
        self.devices = [word for device in devices for word in ("-device", device)]


def command_line(firmware: Firmware, guest: Guest, options: Options, *, verbose: bool = False) -> list[str]:
    """The command that boots `guest` under `firmware` with the console on its standard output.

    Args:
        firmware: which.
        guest: what.
        options: where the programs are.
        verbose: whether `vof` tells its phases.
    """
    if firmware is Firmware.VOF:
        command = [options.vof, "boot", "-machine", MACHINE, "-m", MEMORY, *guest.program]
        return [*command, *(["-v"] if verbose else []), *(["--", *guest.devices] if guest.devices else [])]
    machine = MACHINE + (",x-vof=on" if firmware is Firmware.X_VOF else "")
    plain = [options.qemu, "-nodefaults", "-display", "none", "-serial", "stdio"]
    return [*plain, "-machine", machine, "-m", MEMORY, *guest.program, *guest.devices]


class Machine:
    """A machine that runs, from the start of its process on; its end ends it, whatever happened.

    Args:
        command: how to start it. Its standard input stays open.

    Attributes:
        output: all that it printed, standard error included, with an "\\n" for each "\\r\\n".
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self.output = b""
        self._raw = b""

    def __enter__(self) -> Self:
        self.started = time.monotonic()
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except FileNotFoundError:
            raise BenchError(f"{self._command[0]} does not exist: `make setup` installs it") from None
        assert self._process.stdout is not None
        self._pipe = self._process.stdout.fileno()
        os.set_blocking(self._pipe, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._pipe, selectors.EVENT_READ)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._process
        self._selector.close()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        if process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def send(self, keys: bytes) -> None:
        """Type something at its console."""
        assert self._process.stdin is not None
        self._process.stdin.write(keys)
        self._process.stdin.flush()

    def forget(self) -> None:
        """Have `wait_for` look only at what is printed from now on."""
        self.output = self._raw = b""

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def wait_for(self, pattern: str, timeout: float) -> float:
        """Wait until it has printed what `pattern` matches, in several lines.

        Returns:
            Seconds since its start. What is printed together is seen together.

        Raises:
            BenchError: it did not, in `timeout` seconds.
        """
        wanted = re.compile(pattern.encode(), re.MULTILINE)
        deadline = time.monotonic() + timeout
        while True:
            now = time.monotonic()
            if wanted.search(self.output):
                return now - self.started
            left = deadline - now
            if left <= 0 or not self._read(left):
                break
        why = f"within {timeout:g} s" if time.monotonic() >= deadline else "before its end"
        last = self.output[-500:].decode(errors="replace")
        raise BenchError(f"{' '.join(self._command)}\ndid not print {pattern!r} {why}; its last output was:\n{last}")

    def _read(self, timeout: float) -> bool:
        if not self._selector.select(timeout):
            return True
        data = os.read(self._pipe, 1 << 16)
        self._raw += data
        self.output = self._raw.replace(b"\r\n", b"\n")
        return bool(data)
