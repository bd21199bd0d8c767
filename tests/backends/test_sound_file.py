"""Sound into WAV files, read back by the standard library's reader."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from vof.backends.sound_file import WavFile
from vof.errors import UsageError


def contents(path: Path) -> tuple[int, int, int, bytes]:
    with wave.open(str(path), "rb") as file:
        return file.getframerate(), file.getnchannels(), file.getsampwidth(), file.readframes(1 << 20)


def test_samples_are_little_endian_in_the_file(tmp_path: Path) -> None:
    file = WavFile(str(tmp_path / "s.wav"))
    file.start(22050, 1, 16, True)
    file.write(b"\1\2\3\4")
    file.stop()
    file.start(22050, 1, 16, False)
    file.write(b"\5\6")
    file.close()
    assert contents(tmp_path / "s.wav") == (22050, 1, 2, b"\2\1\4\3\5\6")


def test_another_format_is_another_file(tmp_path: Path) -> None:
    file = WavFile(str(tmp_path / "s.wav"))
    file.start(8000, 1, 8, False)
    file.start(11025, 1, 8, False)  # nothing was written yet
    file.write(b"ab")
    file.start(44100, 2, 16, False)
    file.write(b"abcd")
    file.close()
    assert contents(tmp_path / "s.wav") == (11025, 1, 1, b"ab")
    assert contents(tmp_path / "s-2.wav") == (44100, 2, 2, b"abcd")
    assert len(list(tmp_path.iterdir())) == 2


def test_without_sound_the_file_is_whole(tmp_path: Path) -> None:
    WavFile(str(tmp_path / "s.wav")).close()
    assert contents(tmp_path / "s.wav") == (44100, 2, 2, b"")
    with pytest.raises(UsageError, match="Is a directory"):
        WavFile(str(tmp_path))
