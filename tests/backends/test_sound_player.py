"""Sound that the host plays: the programs here are stand-ins that keep what they are given."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from vof.backends.sound_player import PLAYERS, Player
from vof.errors import UsageError

KEEPS = """#!/bin/sh
echo "$0 $*" | sed 's|.*/||' >> "$KEPT.lines"
exec cat >> "$KEPT"
"""


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a player keeps what it is given; the programs are looked for in `programs` and beside `cat`."""
    (tmp_path / "programs").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'programs'}:/usr/bin:/bin")
    monkeypatch.setenv("KEPT", str(tmp_path / "kept"))
    return tmp_path / "kept"


def program(kept: Path, name: str, text: str = KEEPS) -> None:
    path = kept.parent / "programs" / name
    path.write_text(text)
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("kind", "name", "lines"),
    [
        ("alsa", "aplay", ["aplay -q -t raw -f S16_LE -r 22050 -c 2 -", "aplay -q -t raw -f U8 -r 8000 -c 1 -"]),
        (
            "pa",
            "pacat",
            [
                "pacat --playback --raw --format=s16le --rate=22050 --channels=2 --client-name=vof",
                "pacat --playback --raw --format=u8 --rate=8000 --channels=1 --client-name=vof",
            ],
        ),
        (
            "host",
            "pw-cat",
            [
                "pw-cat --playback --raw --format s16 --rate 22050 --channels 2 -",
                "pw-cat --playback --raw --format u8 --rate 8000 --channels 1 -",
            ],
        ),
    ],
)
def test_a_player_for_each_format_is_given_all(kept: Path, kind: str, name: str, lines: list[str]) -> None:
    program(kept, name)
    player = Player(kind)
    player.start(22050, 2, 16, True)
    player.write(b"\1\2\3\4")
    player.stop()
    player.start(22050, 2, 16, False)
    player.write(b"\5\6\7\x08")
    player.start(44100, 2, 16, False)  # nothing is played in this one
    player.start(8000, 1, 8, False)
    player.write(b"abc")
    player.close()
    assert kept.read_bytes() == b"\2\1\4\3\5\6\7\x08abc"
    assert Path(f"{kept}.lines").read_text().splitlines() == lines
    assert player.failure == ""


def test_a_player_that_takes_nothing_holds_nobody_up(kept: Path) -> None:
    program(kept, "aplay", "#!/bin/sh\nsleep 60\nexit\n")
    player = Player("alsa")
    player.start(44100, 2, 16, False)
    begin = time.monotonic()
    for _ in range(200):
        player.write(bytes(8192))
    assert time.monotonic() - begin < 1
    player.close()
    assert time.monotonic() - begin < 10


def test_why_a_player_has_ended_is_told(kept: Path) -> None:
    program(kept, "aplay", "#!/bin/sh\necho 'aplay: no soundcards found' >&2\nexit 1\n")
    player = Player("alsa")
    player.start(44100, 2, 16, False)
    for _ in range(100):
        player.write(bytes(8192))
        time.sleep(0.005)
    player.close()
    assert player.failure == "-audiodev alsa: aplay has ended: aplay: no soundcards found"


def test_without_a_program_there_is_one_line(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(kept.parent / "programs"))
    with pytest.raises(UsageError, match=r"-audiodev alsa: it needs aplay, which is not installed; -audiodev wav,path"):
        Player("alsa")
    with pytest.raises(UsageError, match="-audiodev host: it needs pw-cat or pacat or aplay"):
        Player("host")
    program(kept, "aplay", "no program at all")
    player = Player("host")
    player.start(44100, 2, 16, False)
    player.write(bytes(4))
    player.close()
    assert player.failure == "-audiodev alsa: aplay: Exec format error"
    assert set(PLAYERS) == {"pipewire", "pa", "alsa"}
