"""`vof boot -machine mol`, as a user meets it."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from build import build_mol
from PIL import Image
from program import vof


@pytest.mark.guest
def test_nvram_is_kept_and_a_picture_and_sound_are_left(tmp_path: Path) -> None:
    (tmp_path / "cases").write_bytes(
        struct.pack(">7I", 53, 7, 0, 0, 0, 0, 0)
        + struct.pack(">7I", 52, 7, 0x5A, 0, 0, 0, 0)
        + struct.pack(">7I", 36, 7, 0x12, 22050, 0, 0, 0)
        + struct.pack(">7I", 33, 0x300000, 400, 0, 0, 0, 0)
        + struct.pack(">7I", 36, 1, 0, 0, 0, 0, 0)
        + struct.pack(">7I", 36, 0, 0, 0, 0, 0, 0)
    )
    (tmp_path / "arena").write_bytes(bytes([1, 2]) * 0x100)
    arguments = ["boot", "-machine", "mol", "-kernel", str(build_mol("calls", tmp_path)), "--clock", "virtual"]
    arguments += [f"--pseudo-file={name}={tmp_path / name}" for name in ("cases", "arena")]
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
