"""`vof boot -machine mol`, as a user meets it."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from build import build_mol
from PIL import Image
from program import vof

PLAY = ((36, 7, 0x12, 22050), (33, 0x300000, 400), (36, 1), (36, 0))
"""Set a format, write, start and stop."""


def boot(tmp_path: Path, *calls: tuple[int, ...]) -> list[str]:
    """The arguments by which a guest makes these calls."""
    cases = [struct.pack(">7I", *call, *[0] * (7 - len(call))) for call in calls]
    (tmp_path / "cases").write_bytes(b"".join(cases))
    (tmp_path / "arena").write_bytes(bytes([1, 2]) * 0x100)
    arguments = ["boot", "-machine", "mol", "-kernel", str(build_mol("calls", tmp_path)), "--clock", "virtual"]
    return arguments + [f"--pseudo-file={name}={tmp_path / name}" for name in ("cases", "arena")]


@pytest.mark.guest
@pytest.mark.parametrize(
    ("ends", "told"),
    [
        ("exec cat > kept", ""),
        ("echo 'no sound card' >&2; exit 1", "vof: -audiodev alsa: aplay has ended: no sound card\n"),
    ],
)
def test_the_host_plays(ends: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "aplay").write_text(f"#!/bin/sh\n{ends}\n")
    (tmp_path / "bin" / "aplay").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    done = vof(*boot(tmp_path, *PLAY), "-audiodev", "alsa,id=snd0")
    assert (done.returncode, done.stderr) == (0, told)
    assert told or (tmp_path / "kept").read_bytes() == bytes([2, 1]) * 200


@pytest.mark.guest
def test_nvram_is_kept_and_a_picture_and_sound_are_left(tmp_path: Path) -> None:
    arguments = boot(tmp_path, (53, 7), (52, 7, 0x5A), *PLAY)
    arguments += ["--nvram", str(tmp_path / "nvram"), "-display", f"png,path={tmp_path / 'screen.png'}"]
    arguments += ["-audiodev", f"wav,path={tmp_path / 'sound.wav'}", "-g", "640x480x8"]
    for before in ("0", "5a"):
        done = vof(*arguments)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines()[0] == f"= 53: {before} 77810f9b 35 7 0 0 0"
    assert Image.open(tmp_path / "screen.png").size == (640, 480)
    sound = (tmp_path / "sound.wav").read_bytes()
    assert sound[22:28] == struct.pack("<HI", 2, 22050) and sound[44:] == bytes([2, 1]) * 200
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("arena", "calls.elf", "cases", "nvram", "screen.png", "sound.wav"),
    ]
