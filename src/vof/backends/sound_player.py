"""Sound that the host plays, by a program of its sound system that takes samples at its standard input."""

from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import threading
from contextlib import suppress
from tempfile import TemporaryFile

from vof.backends.sound_file import little_endian
from vof.errors import UsageError

__all__ = ["PLAYERS", "Player"]

PLAYERS = {
    "pipewire": "pw-cat --playback --raw --format {pipewire} --rate {rate} --channels {channels} -",
    "pa": "pacat --playback --raw --format={pa} --rate={rate} --channels={channels} --client-name=vof",
    "alsa": "aplay -q -t raw -f {alsa} -r {rate} -c {channels} -",
}
"""Command lines by QEMU's names of sound systems."""
_FORMATS = {
    8: {"pipewire": "u8", "pa": "u8", "alsa": "U8"},
    16: {"pipewire": "s16", "pa": "s16le", "alsa": "S16_LE"},
}
_CD = (44100, 2, 16)
_MOST_WAITING = 64
"""Pieces of sound, of 8192 bytes at most, that a player may be behind."""
_PATIENCE = 2.0
"""Seconds that a player has to play the rest, where the format changes or the machine has ended."""


class Player:
    """Where sound goes (`vof.firmware.osi.sound.Sink`): a player for each format, one after the other.

    The machine never waits for it: what a player can't take in time is lost.

    Args:
        kind: the host's sound system, by a key of `PLAYERS`; `host` for the first whose program is there.

    Attributes:
        failure: why nothing is heard; "" if it is.

    Raises:
        UsageError: there is no such program.
    """

    def __init__(self, kind: str) -> None:
        programs = {name: line.split()[0] for name, line in PLAYERS.items()}
        wanted = [kind] if kind in PLAYERS else list(PLAYERS)
        found = next((name for name in wanted if shutil.which(programs[name])), None)
        if found is None:
            needs = " or ".join(programs[name] for name in wanted)
            raise UsageError(
                f"-audiodev {kind}: it needs {needs}, which is not installed; -audiodev wav,path=FILE writes a file"
            )
        self.failure = ""
        self._kind = found
        self._format: tuple[int, int, int] | None = None
        self._swaps = False
        self._running: _Running | None = None

    def start(self, rate: int, channels: int, bits: int, big_endian: bool) -> None:
        """See `Sink`."""
        self._swaps = big_endian and bits == 16
        if (rate, channels, bits) != self._format:
            self._end()
            self._format = rate, channels, bits

    def write(self, samples: bytes) -> None:
        """See `Sink`."""
        if self.failure:
            return
        try:
            if self._running is None:
                self._running = _Running(self._command())
            self._running.write(little_endian(samples) if self._swaps else samples)
        except OSError as error:
            self.failure = f"-audiodev {self._kind}: {self._command()[0]}: {error.strerror}"

    def stop(self) -> None:
        """See `Sink`."""

    def close(self) -> None:
        """Have the rest be played, and end."""
        self._end()

    def _command(self) -> list[str]:
        rate, channels, bits = self._format or _CD
        return PLAYERS[self._kind].format(rate=rate, channels=channels, **_FORMATS[bits]).split()

    def _end(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            said = running.end(_PATIENCE)
            self.failure = self.failure or (said and f"-audiodev {self._kind}: {said}")


class _Running:
    """A player's process, and the thread that feeds it."""

    def __init__(self, command: list[str]) -> None:
        self._said = TemporaryFile()  # noqa: SIM115
        try:
            # In a session of its own: Ctrl-C is the machine's, and the player then ends by the end of its input.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._said,
                bufsize=0,
                start_new_session=True,
            )
        except OSError:
            self._said.close()
            raise
        self._name = command[0]
        self._broke = False
        self._waiting: queue.Queue[bytes] = queue.Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._feed, daemon=True, name="vof-sound")
        self._thread.start()

    def write(self, samples: bytes) -> None:
        """Have these played, if there is room for them. No bytes are the end."""
        with suppress(queue.Full):
            self._waiting.put_nowait(samples)

    def end(self, patience: float) -> str:
        """End the player, after so many seconds by force; why it failed, if it did."""
        failed = False
        try:
            self._waiting.put(b"", timeout=patience)
            self._process.wait(patience)
        except queue.Full:
            self._kill()
            self._waiting.put(b"")
        except subprocess.TimeoutExpired:
            self._kill()
        else:
            failed = self._broke or self._process.returncode != 0
        self._process.wait()
        self._thread.join()
        self._said.seek(0)
        said = self._said.read(4096).decode(errors="replace").strip().splitlines()
        self._said.close()
        return f"{self._name} has ended: {said[-1] if said else 'it did not say why'}" if failed else ""

    def _kill(self) -> None:
        """End it with all that it has started: only then is the thread sure to come back."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _feed(self) -> None:
        stream = self._process.stdin
        assert stream is not None
        while data := self._waiting.get():
            if self._broke:
                continue
            try:
                view = memoryview(data)
                while view:
                    view = view[stream.write(view) :]
            except OSError:
                self._broke = True
        with suppress(OSError):
            stream.close()
