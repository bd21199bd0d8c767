"""A file that keeps a machine's NVRAM between its runs."""

from __future__ import annotations

import contextlib
import hashlib
import os

from vof.errors import UsageError

__all__ = ["NvramFile"]

_MAGIC = b"vof-nvram 1\n"
_DIGEST = 32


class NvramFile:
    """The file: a line that tells what it is, a SHA-256 of the rest, and the rest.

    Args:
        path: where it is; it need not exist.
        size: bytes of NVRAM.

    Attributes:
        data: what was read from it, or kept last; zeroes if there was nothing to read.
        notice: what the user should know of the file as it was found; "" for nothing.

    Raises:
        UsageError: it can't be read, or a damaged one can't be put aside.
    """

    def __init__(self, path: str, size: int) -> None:
        self._path = path
        self._size = size
        self.notice = ""
        self.data = bytes(size)
        try:
            with open(path, "rb") as file:
                found = file.read(len(_MAGIC) + _DIGEST + size + 1)
        except FileNotFoundError:
            folder = os.path.dirname(path) or "."
            if not os.path.isdir(folder):
                raise UsageError(f"--nvram {path}: there is no folder {folder}") from None
            return
        except OSError as error:
            raise UsageError(f"--nvram {path}: {error.strerror}") from None
        data = found[len(_MAGIC) + _DIGEST :]
        if found == _framed(data) and len(data) == size:
            self.data = data
            return
        aside = self._unused_name()
        try:
            os.rename(path, aside)
        except OSError as error:
            raise UsageError(f"--nvram {path}: it is damaged, and can't be kept aside: {error.strerror}") from None
        self.notice = (
            f"--nvram {path}: it is damaged, or no NVRAM of vof's; it was kept as {aside}, and a fresh one made"
        )

    def save(self, data: bytes) -> None:
        """Keep this from now on. A crash in the midst of it leaves what was there before.

        Raises:
            UsageError: it can't be written.
        """
        if data == self.data and os.path.isfile(self._path):
            return
        beside = f"{self._path}.{os.getpid()}.new"
        try:
            with open(beside, "wb") as file:
                file.write(_framed(data))
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, self._path)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(beside)
            raise UsageError(f"--nvram {self._path}: {error.strerror}: what the machine had in NVRAM is lost") from None
        self.data = data

    def _unused_name(self) -> str:
        aside, number = f"{self._path}.damaged", 1
        while os.path.exists(aside):
            number += 1
            aside = f"{self._path}.damaged{number}"
        return aside


def _framed(data: bytes) -> bytes:
    return _MAGIC + hashlib.sha256(data).digest() + data
