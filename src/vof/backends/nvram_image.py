"""A file that is the NVRAM of `pseries`, byte for byte, as QEMU itself reads and writes it."""

from __future__ import annotations

import contextlib
import os

from vof.errors import UsageError

__all__ = ["NvramImage"]

_SIZE = 64 << 10
"""Bytes of a new one: what QEMU's machine has without a file."""
_LEAST, _MOST = 8 << 10, 1 << 20
_FRAMED = b"vof-nvram"


class NvramImage:
    """The file. A new one is there from `make` on, and goes with `discard` if the machine never started.

    Args:
        path: where it is; it need not exist.

    Attributes:
        path: the same, absolute.

    Raises:
        UsageError: it can't be the machine's NVRAM.
    """

    def __init__(self, path: str) -> None:
        self._option = f"--nvram {path}"
        self.path = os.path.realpath(path)
        self._made = False
        try:
            size = os.stat(self.path).st_size
        except FileNotFoundError:
            folder = os.path.dirname(self.path)
            if not os.path.isdir(folder):
                raise UsageError(f"{self._option}: there is no folder {folder}") from None
            return
        except (OSError, ValueError) as error:
            raise UsageError(f"{self._option}: {getattr(error, 'strerror', None) or error}") from None
        if not os.path.isfile(self.path):
            raise UsageError(f"{self._option}: it is no file")
        if not os.access(self.path, os.R_OK | os.W_OK):
            raise UsageError(f"{self._option}: it can't be read and written")
        with open(self.path, "rb") as file:
            framed = file.read(len(_FRAMED)) == _FRAMED
        if framed or not _LEAST <= size <= _MOST:
            what = "it is that of a pegasos2" if framed else f"it has {size} bytes, which pseries' never has"
            raise UsageError(f"{self._option}: {what}: name another file, which need not be there")

    def make(self) -> None:
        """Make the file if it isn't there.

        Raises:
            UsageError: that can't be done.
        """
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            return
        except OSError as error:
            raise UsageError(f"{self._option}: {error.strerror}") from None
        self._made = True
        with open(descriptor, "wb") as file:
            file.truncate(_SIZE)

    def discard(self) -> None:
        """Take away the file that was made, if nothing was written to it."""
        if self._made and not any(self.read()):
            with contextlib.suppress(OSError):
                os.unlink(self.path)

    def read(self) -> bytes:
        """All of it; of one that isn't there, nothing.

        Raises:
            UsageError: it can't be read.
        """
        try:
            with open(self.path, "rb") as file:
                return file.read(_MOST)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise UsageError(f"{self._option}: {error.strerror}") from None

    def write(self, data: bytes) -> None:
        """Have the file hold this, or what it held if that fails.

        Raises:
            UsageError: it can't be written.
        """
        scratch = f"{self.path}.new-{os.getpid()}"
        try:
            with open(scratch, "xb") as file:
                file.write(data)
            os.replace(scratch, self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(scratch)
            raise UsageError(f"{self._option}: {error.strerror}") from None
