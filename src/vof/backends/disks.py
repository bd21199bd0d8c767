"""A raw disk image on the host, behind the `Block` port."""

from __future__ import annotations

import os
import stat

from vof.errors import PortError, UsageError

__all__ = ["RawDisk"]


class RawDisk:
    """A file, or a block device of the host, whose bytes are the disk's.

    Nothing is taken from its content: an image that calls itself qcow2 is read as it stands. Offsets go with each read
    and write (`pread`), so processes that share the descriptor after a fork don't disturb each other.

    Args:
        path: the image.
        writable: whether writes reach it. Otherwise they fail, and the file is opened for reading only.
        block_size: bytes in a block, a power of two.

    Attributes:
        path: the image's absolute path.
        writable: as given.
        identity: the host's device and inode number: two names of one file have the same.

    Raises:
        UsageError: it can't be opened, or is no file.
    """

    def __init__(self, path: str | os.PathLike[str], *, writable: bool = False, block_size: int = 512) -> None:
        self.path = os.path.abspath(path)
        self.writable = writable
        self._block_size = block_size
        self._descriptor = -1
        try:
            self._descriptor, self.identity, self._size = self._open()
        except (OSError, ValueError) as error:  # a NUL in the name is a ValueError
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise UsageError(f"can't open the disk image {os.fspath(path)}: {reason}{self._hint(error)}") from None

    @property
    def block_size(self) -> int:
        """Port `Block`."""
        return self._block_size

    @property
    def size(self) -> int:
        """Port `Block`: what the file had when it was opened, whether or not that fills the last block."""
        return self._size

    def read(self, offset: int, length: int) -> bytes:
        """Port `Block`."""
        if offset < 0 or length < 0:
            raise PortError(f"{length} bytes at {offset} are outside the disk")
        wanted = max(0, min(length, self._size - offset))
        pieces = []
        while wanted:
            try:
                piece = os.pread(self._descriptor, wanted, offset)
            except OSError as error:
                raise self._failed("read", error) from None
            if not piece:
                raise PortError(f"{self.path} is shorter than it was: {wanted} bytes at {offset} are missing")
            pieces.append(piece)
            offset += len(piece)
            wanted -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def write(self, offset: int, data: bytes) -> None:
        """Port `Block`."""
        if not self.writable:
            raise PortError(f"{self.path} is read-only")
        if offset < 0 or offset + len(data) > self._size:
            raise PortError(f"{len(data)} bytes at {offset} are outside the disk")
        rest = memoryview(data)
        while rest:
            try:
                written = os.pwrite(self._descriptor, rest, offset)
            except OSError as error:
                raise self._failed("write", error) from None
            offset += written
            rest = rest[written:]

    def reopen(self) -> None:
        """Open the image anew: what a forked child does, so that it holds nothing of its parent's.

        Raises:
            PortError: it can't be opened, or another file has its name now.
        """
        try:
            descriptor, identity, size = self._open()
        except OSError as error:
            raise self._failed("open", error) from None
        if identity != self.identity or size < self._size:
            os.close(descriptor)
            raise PortError(f"{self.path} is no longer the file that was opened")
        self.close()
        self._descriptor = descriptor

    def close(self) -> None:
        """Close the image. May be called more than once; what follows fails."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _open(self) -> tuple[int, tuple[int, int], int]:
        """A descriptor, the file's identity and its size."""
        access = os.O_RDWR if self.writable else os.O_RDONLY
        descriptor = os.open(self.path, access | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe would wait for its other end
        try:
            status = os.fstat(descriptor)
            if stat.S_ISDIR(status.st_mode):
                raise OSError(0, "it is a directory")
            if not (stat.S_ISREG(status.st_mode) or stat.S_ISBLK(status.st_mode)):
                raise OSError(0, "it is neither a file nor a block device")
            return descriptor, (status.st_dev, status.st_ino), os.lseek(descriptor, 0, os.SEEK_END)
        except BaseException:
            os.close(descriptor)
            raise

    def _hint(self, error: Exception) -> str:
        if self.writable and isinstance(error, PermissionError) and os.access(self.path, os.R_OK):
            return "; readonly=on or snapshot=on needs no right to write it"
        return ""

    def _failed(self, what: str, error: OSError) -> PortError:
        return PortError(f"can't {what} {self.path}: {error.strerror}")
