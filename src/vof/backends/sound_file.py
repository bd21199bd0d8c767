"""Sound into WAV files."""

from __future__ import annotations

import os
import wave
from pathlib import Path

from vof.errors import PortError, UsageError

__all__ = ["WavFile"]

_CD = (44100, 2, 16)
"""What a file says that nothing was played to."""


class WavFile:
    """Where sound goes (`vof.firmware.osi.sound.Sink`). Where the format changes, another file begins: NAME-2.wav.

    Args:
        path: the file; one that is there is replaced.

    Raises:
        UsageError: it can't be written.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._number = 1
        self._format = _CD
        self._swaps = False
        self._written = 0
        try:
            self._file = self._open(path)
        except OSError as error:
            raise UsageError(f"-audiodev wav,path={path}: {error.strerror}") from None

    def start(self, rate: int, channels: int, bits: int, big_endian: bool) -> None:
        """See `Sink`."""
        wanted = rate, channels, bits
        self._swaps = big_endian and bits == 16
        if wanted == self._format:
            return
        try:
            self.close()
            path = self._path
            if self._written:
                self._number += 1
                stem, suffix = os.path.splitext(self._path)
                path = f"{stem}-{self._number}{suffix}"
            self._format, self._written = wanted, 0
            self._file = self._open(path)
        except OSError as error:
            raise PortError(f"the sound can't be written: {error.strerror}") from None

    def write(self, samples: bytes) -> None:
        """See `Sink`."""
        if self._swaps:
            swapped = bytearray(samples)
            swapped[::2], swapped[1::2] = samples[1::2], samples[::2]
            samples = bytes(swapped)
        try:
            self._file.writeframes(samples)
        except OSError as error:
            raise PortError(f"the sound can't be written: {error.strerror}") from None
        self._written += len(samples)

    def stop(self) -> None:
        """See `Sink`."""

    def close(self) -> None:
        """Finish the file."""
        self._file.close()
        self._raw.close()

    def _open(self, path: str) -> wave.Wave_write:
        # Opened here: `wave` complains when it is left with a file that it could not open.
        self._raw = Path(path).open("wb")  # noqa: SIM115
        file: wave.Wave_write = wave.open(self._raw, "wb")  # noqa: SIM115
        rate, channels, bits = self._format
        file.setframerate(rate)
        file.setnchannels(channels)
        file.setsampwidth(bits // 8)
        file.writeframes(b"")
        return file
