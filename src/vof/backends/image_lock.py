"""Who has an image open: several machines may read it, one may write to it.

QEMU's own lock is given up where the firmware is to write to a drive besides the guest. The lock here is on a byte that
neither QEMU nor any file system's driver uses; it is held by an open file, so it ends with the process that has it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import struct
from collections.abc import Iterable

from vof.errors import UsageError

__all__ = ["ImageLocks"]

_FLOCK = struct.Struct("@hhqqi4x")
_BYTE = 0x766F66


class ImageLocks:
    """The locks of one machine, which may have an image more than once.

    Args:
        images: paths, and whether each image is written to. What can't be opened is left to who opens it in earnest.

    Raises:
        UsageError: another machine has one of them.
    """

    def __init__(self, images: Iterable[tuple[str, bool]]) -> None:
        self._descriptors: list[int] = []
        wanted: dict[tuple[int, int], tuple[str, bool]] = {}
        for path, write in images:
            with contextlib.suppress(OSError, ValueError):
                status = os.stat(path)
                if stat.S_ISREG(status.st_mode):
                    identity = status.st_dev, status.st_ino
                    _, before = wanted.get(identity, ("", False))
                    wanted[identity] = path, write or before
        try:
            for path, write in wanted.values():
                self._take(path, write)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of all. May be called more than once."""
        while self._descriptors:
            os.close(self._descriptors.pop())

    def _take(self, path: str, write: bool) -> None:
        try:
            descriptor = os.open(path, (os.O_RDWR if write else os.O_RDONLY) | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return
        self._descriptors.append(descriptor)
        kind = fcntl.F_WRLCK if write else fcntl.F_RDLCK
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _FLOCK.pack(kind, os.SEEK_SET, _BYTE, 1, 0))
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                return  # a file system without locks
            who = "another machine has it: readonly=on or snapshot=on for both would do"
            if not write:
                who = "another machine writes to it"
            raise UsageError(f"the disk image {path} is in use: {who}") from None
