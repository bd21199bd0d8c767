"""A picture of a screen as a PNG file."""

from __future__ import annotations

import os
import struct
import zlib
from contextlib import suppress
from typing import Protocol

from vof.errors import UsageError

__all__ = ["check_image", "png_bytes", "write_png"]


_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB = 2


class Shown(Protocol):
    """A picture: `vof.firmware.osi.video.Picture` is one."""

    @property
    def width(self) -> int:
        """In dots."""
        ...

    @property
    def height(self) -> int:
        """In dots."""
        ...

    @property
    def rgb(self) -> bytes:
        """Three bytes for each dot."""
        ...


def check_image(path: str) -> None:
    """See whether a picture can be written there.

    Raises:
        UsageError: it can't.
    """
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK):
        raise UsageError(f"no picture can be written to {path}: {folder} is no folder, or can't be written to")


def png_bytes(picture: Shown) -> bytes:
    """The picture as the bytes of a PNG file (PNG 1.2: eight bits each of red, green and blue, rows without a filter).

    It is made for speed: a screen is looked at many times a second.
    """
    row = 3 * picture.width
    rows = b"".join([b"\0" + picture.rgb[at : at + row] for at in range(0, row * picture.height, row)])
    head = struct.pack(">IIBBBBB", picture.width, picture.height, 8, _RGB, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(rows, 1)) + _chunk(b"IEND", b"")


def write_png(picture: Shown, path: str) -> None:
    """Write the picture to a file, whole or not at all.

    Raises:
        UsageError: it can't be written.
    """
    beside = f"{path}.{os.getpid()}.new"
    try:
        with open(beside, "wb") as file:
            file.write(png_bytes(picture))
        os.replace(beside, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(beside)
        raise UsageError(f"the picture can't be written to {path}: {error.strerror}") from None


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
