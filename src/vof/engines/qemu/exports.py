"""QEMU's NBD server: the guest's own block nodes, exported to this process while the firmware has the machine."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from collections.abc import Callable
from typing import Any

from vof.engines.guardian import Guardian
from vof.errors import EngineError

__all__ = ["Exports"]


class Exports:
    """The server, started when the first disk is wanted.

    Its socket is in a folder that nobody else may enter; both go when the server stops, or by the guardian.

    Args:
        execute: runs a QMP command with these arguments and returns what it returns.
        guardian: removes what is left.
    """

    def __init__(self, execute: Callable[..., Any], guardian: Guardian) -> None:
        self._execute = execute
        self._guardian = guardian
        self._folder = ""
        self._names: dict[tuple[str, bool], str] = {}

    def connect(self, node: str, *, writable: bool) -> tuple[socket.socket, str]:
        """A connection to the server, and the name of the export there.

        Args:
            node: QEMU's block node.
            writable: whether it is to be written to.

        Raises:
            EngineError: QEMU doesn't export it so; it says why.
        """
        if not self._folder:
            self._start()
        name = self._names.get((node, writable))
        if name is None:
            name = f"vof-export{len(self._names)}"
            options = {"type": "nbd", "id": name, "node-name": node, "name": name, "writable": writable}
            self._execute("block-export-add", **options)
            self._names[node, writable] = name
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(self._path)
        except OSError as error:
            connection.close()
            raise EngineError(f"QEMU's NBD server can't be reached: {error.strerror}") from None
        return connection, name

    def stop(self) -> None:
        """Stop the server, which ends every connection. It may be started again."""
        if not self._folder:
            return
        with contextlib.suppress(EngineError):  # QEMU has ended
            self._execute("nbd-server-stop")
        self.forget()

    def forget(self) -> None:
        """That QEMU is gone, and its server with it."""
        self._names.clear()
        folder, self._folder = self._folder, ""
        if folder:
            with contextlib.suppress(OSError):
                os.unlink(self._path_in(folder))
            with contextlib.suppress(OSError):
                os.rmdir(folder)
            self._guardian.file_removed(folder)

    @property
    def _path(self) -> str:
        return self._path_in(self._folder)

    @staticmethod
    def _path_in(folder: str) -> str:
        return os.path.join(folder, "disks")

    def _start(self) -> None:
        folder = tempfile.mkdtemp(prefix="vof-")
        self._guardian.file_made(folder)
        self._folder = folder
        try:
            self._execute("nbd-server-start", addr={"type": "unix", "data": {"path": self._path}})
        except EngineError:
            self.forget()
            raise
