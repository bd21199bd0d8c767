"""A file that keeps a machine's NVRAM between its runs."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat

from vof.errors import UsageError

__all__ = ["NvramFile"]

_MAGIC = b"vof-nvram 1\n"
_DIGEST = 32


class NvramFile:
    """The file: a line that tells what it is, a SHA-256 of the rest, and the rest.

    Nothing is written, nor a damaged file put aside, before there is something to keep: a run that never starts
    leaves all as it was.

    Args:
        path: where it is; it need not exist. What a symbolic link leads to is the file.
        size: bytes of NVRAM.

    Attributes:
        option: how the user named it.
        data: what was read from it, or kept last; zeroes if there was nothing to read.
        notice: what the user should know of the file as it was found; "" for nothing.

    Raises:
        UsageError: it can't be read, is no file, or there will be no writing it.
    """

    def __init__(self, path: str, size: int) -> None:
        self.option = f"--nvram {path}"
        self._path = os.path.realpath(path)
        self._damaged = False
        self.notice = ""
        self.data = bytes(size)
        folder = os.path.dirname(self._path)
        if not os.path.isdir(folder):
            raise UsageError(f"{self.option}: there is no folder {folder}")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise UsageError(f"{self.option}: the folder {folder} can't be written to")
        found = self._read(len(_MAGIC) + _DIGEST + size + 1)
        if found is None:
            return
        data = found[len(_MAGIC) + _DIGEST :]
        if found == _framed(data) and len(data) == size:
            self.data = data
            return
        self._damaged = True
        self.notice = (
            f"{self.option}: it is damaged, or no NVRAM of vof's; the machine starts with a fresh one, and the file "
            f"will be kept as {self._unused_name()}"
        )

    def _read(self, limit: int) -> bytes | None:
        """At most so much of it; None if it isn't there."""
        try:
            # What is no file (a pipe, a terminal) might never answer, and is not ours to replace.
            if not stat.S_ISREG(os.stat(self._path).st_mode):
                raise UsageError(f"{self.option}: it is no regular file; name one, or a new one")
            with open(self._path, "rb") as file:
                return file.read(limit)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UsageError(f"{self.option}: {error.strerror}") from None

    def save(self, data: bytes) -> None:
        """Keep this from now on. A crash in the midst of it leaves what was there before.

        Raises:
            UsageError: it can't be written.
        """
        if not self._damaged and data == self.data and os.path.isfile(self._path):
            return
        beside = f"{self._path}.{os.getpid()}.new"
        try:
            with open(beside, "wb") as file:
                file.write(_framed(data))
                file.flush()
                os.fsync(file.fileno())
            if self._damaged:
                os.rename(self._path, self._unused_name())
                self._damaged = False
            os.replace(beside, self._path)
            _reach_disk(os.path.dirname(self._path))
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(beside)
            raise UsageError(f"{self.option}: {error.strerror}: what the machine had in NVRAM is lost") from None
        self.data = data

    def _unused_name(self) -> str:
        aside, number = f"{self._path}.damaged", 1
        while os.path.exists(aside):
            number += 1
            aside = f"{self._path}.damaged{number}"
        return aside


def _framed(data: bytes) -> bytes:
    return _MAGIC + hashlib.sha256(data).digest() + data


def _reach_disk(folder: str) -> None:
    """Have a folder's new names outlive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
