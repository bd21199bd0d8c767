"""Sound into WAV files, read back by the standard library's reader."""

from __future__ import annotations

import shutil
import wave
from pathlib import Path

import pytest

from vof.backends.sound_file import WavFile
from vof.errors import PortError, UsageError


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


def test_a_file_is_whole_where_nobody_closes_it(tmp_path: Path) -> None:
    file = WavFile(str(tmp_path / "s.wav"))
    assert contents(tmp_path / "s.wav") == (44100, 2, 2, b"")
    file.start(8000, 1, 8, False)
    for _ in range(100):
        file.write(bytes(1000))
    # What the kernel has when this process is killed: the last header may still be in this process's buffer.
    assert len(contents(tmp_path / "s.wav")[3]) >= 99_000
    file.close()


def test_a_file_that_has_sound_is_kept_when_formats_come_and_go(tmp_path: Path) -> None:
    file = WavFile(str(tmp_path / "s.wav"))
    file.start(8000, 1, 8, False)
    file.write(b"first")
    file.start(11025, 1, 8, False)
    file.start(22050, 1, 8, False)
    file.write(b"second")
    file.close()
    assert contents(tmp_path / "s.wav")[3] == b"first"
    assert contents(tmp_path / "s-2.wav") == (22050, 1, 1, b"second")


def test_a_guest_cannot_fill_a_folder(tmp_path: Path) -> None:
    file = WavFile(str(tmp_path / "s.wav"))
    with pytest.raises(PortError, match="16 files"):
        for number in range(100):
            file.start(8000 + number, 1, 8, False)
            file.write(b"x")
    file.close()
    assert len(list(tmp_path.iterdir())) == 16


def test_a_full_file_goes_on_in_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vof.backends.sound_file._MOST_BYTES", 10)
    file = WavFile(str(tmp_path / "s.wav"))
    file.start(8000, 1, 8, False)
    for text in (b"01234567", b"89", b"abc"):
        file.write(text)
    file.close()
    assert contents(tmp_path / "s.wav")[3] == b"0123456789"
    assert contents(tmp_path / "s-2.wav") == (8000, 1, 1, b"abc")


def test_a_folder_that_is_gone_is_a_failure_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    file = WavFile(str(tmp_path / "gone" / "s.wav"))
    file.write(b"abcd")
    shutil.rmtree(tmp_path / "gone")
    with pytest.raises(PortError, match="the sound can't be written"):
        file.start(8000, 1, 8, False)
    with pytest.raises(PortError, match="the sound can't be written"):
        file.write(b"x")
    file.close()
