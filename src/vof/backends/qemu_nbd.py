"""An image in a format that QEMU knows, read by `qemu-nbd` in a process of its own."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile

from vof.backends.nbd import SERVER_ENVIRONMENT, NbdDisk, NbdError
from vof.errors import PortError, UsageError

__all__ = ["ImageDisk"]

_PROGRAM = "qemu-nbd"
_PREAMBLE = re.compile(rf"^{_PROGRAM}: (Failed to blk_new_open '.*': )?")
_PATIENCE = 10.0
_WORDS = 500


class ImageDisk:
    """The port `Block` over an image file that isn't raw.

    `qemu-nbd` gets a connection that is already made, and ends with it: when this process dies, too.

    Args:
        path: the image.
        image_format: its format, as QEMU names it.
        writable: whether it is opened for writing; if not, writes fail.
        block_size: bytes in a block.

    Attributes:
        path: its absolute path.
        identity: the file's device and inode.

    Raises:
        UsageError: it can't be opened, or there is no `qemu-nbd`.
    """

    def __init__(self, path: str, image_format: str, *, writable: bool = False, block_size: int = 512) -> None:
        self.path = os.path.abspath(path)
        self.writable = writable
        self._format = image_format
        self._block_size = block_size
        self._disk: NbdDisk | None = None
        try:
            status = os.stat(self.path)
            with open(self.path, "r+b" if writable else "rb"):  # QEMU's own words are about other things
                pass
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise UsageError(f"can't open the disk image {path}: {reason}") from None
        self.identity = status.st_dev, status.st_ino
        self._program = shutil.which(_PROGRAM)
        if self._program is None:
            raise UsageError(
                f"{path} is {image_format}, and only {_PROGRAM} reads that (apt-get install qemu-utils); "
                f"or convert it: qemu-img convert -O raw {path} disk.img"
            )
        self._process, self._disk = self._open(force=False)

    @property
    def block_size(self) -> int:
        """Port `Block`."""
        return self._block_size

    @property
    def size(self) -> int:
        """Port `Block`."""
        return self._there.size

    def read(self, offset: int, length: int) -> bytes:
        """Port `Block`."""
        return self._there.read(offset, length)

    def write(self, offset: int, data: bytes) -> None:
        """Port `Block`."""
        if not self.writable:
            raise PortError(f"{self.path} is read-only")
        self._there.write(offset, data)

    def reopen(self) -> None:
        """Open the image anew, for reading: what a forked child does, whose writes stay in an overlay.

        Raises:
            PortError: it can't be opened.
        """
        if self._disk is not None:
            self._disk.let_go()
            self._process.returncode = 0  # not our child: nothing to wait for
        self.writable = False
        try:
            self._process, self._disk = self._open(force=True)
        except UsageError as error:
            raise PortError(str(error)) from None

    def close(self) -> None:
        """End it, once all is written. May be called more than once; what follows fails."""
        disk, self._disk = self._disk, None
        if disk is None:
            return
        disk.close()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def _there(self) -> NbdDisk:
        if self._disk is None:
            raise PortError(f"{self.path} was closed")
        return self._disk

    def _open(self, *, force: bool) -> tuple[subprocess.Popen[bytes], NbdDisk]:
        """Start the program and greet it.

        Args:
            force: open it although somebody else has it for writing.
        """
        assert self._program is not None
        listener, connection = _connected()
        options = f"driver={self._format},file.filename={self.path.replace(',', ',,')}"
        command = [self._program, "--image-opts", options + (",force-share=on" if force else "")]
        command += ["--export-name", "disk", *([] if self.writable else ["--read-only"])]
        try:
            process = subprocess.Popen(
                # systemd's way to hand a listening socket over: it is descriptor 3
                ["/bin/sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&0 </dev/null', "sh", *command],
                stdin=listener.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env={**SERVER_ENVIRONMENT, **os.environ},
                start_new_session=True,  # the terminal's keys are not for it
            )
        except BaseException:
            connection.close()
            raise
        finally:
            listener.close()
        try:
            disk = NbdDisk(connection, "disk", block_size=self._block_size)
        except NbdError as error:
            raise UsageError(f"can't open the disk image {self.path}: {_last_words(process) or error}") from None
        except BaseException:
            process.kill()
            process.wait()
            raise
        assert process.stderr is not None
        process.stderr.close()
        return process, disk


def _connected() -> tuple[socket.socket, socket.socket]:
    """A listening socket that has no name any more, and the only connection to it."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with tempfile.TemporaryDirectory(prefix="vof-") as folder:
            path = os.path.join(folder, "disk")
            listener.bind(path)
            listener.listen(1)
            connection.connect(path)
    except BaseException:
        listener.close()
        connection.close()
        raise
    return listener, connection


def _last_words(process: subprocess.Popen[bytes]) -> str:
    """What the program said when it ended."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_PATIENCE)
    process.kill()
    _, words = process.communicate()
    line = words.decode(errors="replace").strip().split("\n")[0]
    return _PREAMBLE.sub("", line)[:_WORDS]
