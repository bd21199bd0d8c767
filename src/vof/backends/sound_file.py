"""Sound into WAV files."""

from __future__ import annotations

import os
import wave
from contextlib import suppress
from pathlib import Path

from vof.errors import PortError, UsageError

__all__ = ["WavFile", "little_endian"]

_CD = (44100, 2, 16)
"""What a file says that nothing was played to."""
_MOST_FILES = 16
"""A guest could go from one format to another for ever."""
_MOST_BYTES = 0xFFFFF000
"""Of samples in a file: its header has 32 bits to tell."""


class WavFile:
    """Where sound goes (`vof.firmware.osi.sound.Sink`). A file is whole at any time, also where this process is killed.

    Where the format changes, another file begins: NAME-2.wav, up to NAME-16.wav. So it does where a file is full.

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
        self._file: wave.Wave_write | None = None
        try:
            self._file = self._open(path)
        except OSError as error:
            raise UsageError(f"-audiodev wav,path={path}: {error.strerror}") from None

    def start(self, rate: int, channels: int, bits: int, big_endian: bool) -> None:
        """See `Sink`."""
        self._swaps = big_endian and bits == 16
        if (rate, channels, bits) != self._format:
            self._begin((rate, channels, bits))

    def write(self, samples: bytes) -> None:
        """See `Sink`."""
        if self._written + len(samples) > _MOST_BYTES:
            self._begin(self._format)
        if self._file is None:
            raise PortError("the sound can't be written")
        try:
            self._file.writeframes(little_endian(samples) if self._swaps else samples)
        except OSError as error:
            raise PortError(f"the sound can't be written: {error.strerror}") from None
        self._written += len(samples)

    def stop(self) -> None:
        """See `Sink`."""

    def close(self) -> None:
        """Finish the file."""
        file, self._file = self._file, None
        with suppress(OSError):  # of a disk that is full: what could be written is there
            if file is not None:
                file.close()
        with suppress(OSError):
            self._raw.close()

    def _begin(self, kind: tuple[int, int, int]) -> None:
        """Go on in another file, or in this one if nothing is in it."""
        if self._written and self._number == _MOST_FILES:
            raise PortError(f"the sound has filled {_MOST_FILES} files")
        self.close()
        path = self._path
        if self._written:
            self._number += 1
        if self._number > 1:
            stem, suffix = os.path.splitext(self._path)
            path = f"{stem}-{self._number}{suffix}"
        self._format, self._written = kind, 0
        try:
            self._file = self._open(path)
        except OSError as error:
            raise PortError(f"the sound can't be written: {error.strerror}") from None

    def _open(self, path: str) -> wave.Wave_write:
        # Opened here: `wave` complains when it is left with a file that it could not open.
        self._raw = Path(path).open("wb")  # noqa: SIM115
        file: wave.Wave_write = wave.open(self._raw, "wb")  # noqa: SIM115
        rate, channels, bits = self._format
        file.setframerate(rate)
        file.setnchannels(channels)
        file.setsampwidth(bits // 8)
        file.writeframes(b"")
        self._raw.flush()
        return file


def little_endian(samples: bytes) -> bytes:
    """Big-endian samples of 16 bits, the other way round."""
    swapped = bytearray(samples)
    swapped[::2], swapped[1::2] = samples[1::2], samples[::2]
    return bytes(swapped)
