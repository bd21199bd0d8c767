"""Where the sound of `mol` goes: what `-audiodev` says, in QEMU's spelling."""

from __future__ import annotations

from vof.backends.sound_file import WavFile
from vof.backends.sound_player import PLAYERS, Player
from vof.errors import UsageError

__all__ = ["Silence", "Sound", "open_sound"]


class Silence:
    """Where sound goes that nobody hears (`vof.firmware.osi.sound.Sink`)."""

    def start(self, rate: int, channels: int, bits: int, big_endian: bool) -> None:
        """See `Sink`."""

    def write(self, samples: bytes) -> None:
        """See `Sink`."""

    def stop(self) -> None:
        """See `Sink`."""

    def close(self) -> None:
        """There is nothing to end."""


Sound = Silence | WavFile | Player


def open_sound(text: str) -> Sound:
    """Open what `-audiodev` names: `none`, `wav,path=FILE`, `host`, or one of the host's sound systems.

    An `id=`, which QEMU asks for, may be there; a comma within a path is written twice, as for QEMU.

    Raises:
        UsageError: there is no such thing, or it can't be had.
    """
    kind, *settings = (part.replace("\0", ",") for part in text.replace(",,", "\0").split(","))
    kind = kind.removeprefix("driver=") or "none"
    given = dict(setting.partition("=")[::2] for setting in settings)
    given.pop("id", None)
    path = given.pop("path", "") if kind == "wav" else ""
    if kind not in ("none", "wav", "host", *PLAYERS) or given or (kind == "wav" and not path):
        systems = ", ".join(PLAYERS)
        raise UsageError(f"-audiodev {text}: there are none, wav,path=FILE, host, and the sound systems {systems}")
    if kind == "none":
        return Silence()
    return WavFile(path) if kind == "wav" else Player(kind)
