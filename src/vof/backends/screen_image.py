"""A picture of a screen as a PNG file."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from typing import Any, Protocol

from vof.errors import UsageError

__all__ = ["check_image", "image_library", "png_bytes", "write_png"]


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


def image_library() -> Any:
    """Pillow's module of images.

    Raises:
        UsageError: it isn't installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise UsageError("pictures of a screen need Pillow: pip install 'vof[screen]'") from None
    return Image


def check_image(path: str) -> None:
    """See whether a picture can be written there.

    Raises:
        UsageError: it can't.
    """
    image_library()
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK):
        raise UsageError(f"no picture can be written to {path}: {folder} is no folder, or can't be written to")


def png_bytes(picture: Shown) -> bytes:
    """The picture as the bytes of a PNG file.

    Raises:
        UsageError: the library for it isn't installed.
    """
    buffer = io.BytesIO()
    image = image_library().frombytes("RGB", (picture.width, picture.height), picture.rgb)
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def write_png(picture: Shown, path: str) -> None:
    """Write the picture to a file, whole or not at all.

    Raises:
        UsageError: it can't be written, or the library for it isn't installed.
    """
    data = png_bytes(picture)
    beside = f"{path}.{os.getpid()}.new"
    try:
        with open(beside, "wb") as file:
            file.write(data)
        os.replace(beside, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(beside)
        raise UsageError(f"the picture can't be written to {path}: {error.strerror}") from None
