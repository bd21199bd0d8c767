"""`ExternalEngine`: somebody else's emulator, simulator or board, which maps the same file as its RAM.

What it needs: the file as RAM from address 0, shared; a CPU that is started at `start` in big-endian supervisor mode
with translation off, with the address of a flattened tree, or 0, in r3. The stub is put into RAM here.
"""

from __future__ import annotations

import mmap
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from selectors import BaseSelector

from vof.engines.guardian import Guardian
from vof.engines.layout import Layout
from vof.engines.mailbox import HELLO_AT, NONCE_AT, Mailbox, resident_stub
from vof.engines.mailbox_trap import MailboxTrap
from vof.engines.shared_file import copy_into
from vof.errors import UsageError
from vof.memory import GuestMemory
from vof.outcomes import Outcome

__all__ = ["ExternalEngine"]

_PAGE = 4096
_LEAST = 8 << 20
_MOST_32_BIT = 4 << 30


class ExternalEngine:
    """See `vof.engines.engine.Engine`.

    Args:
        path: the file that is the guest's RAM.
        bits: 32 or 64: which stub its CPU runs.

    Raises:
        UsageError: the file can't be the RAM of one.
    """

    def __init__(self, path: str, bits: int) -> None:
        self.console: socket.socket | None = None
        self._bits = bits
        self._path = path
        try:
            self._file = FileIO(path, "r+")
        except OSError as error:
            raise UsageError(f"--memory {path}: {error.strerror}") from None
        size = os.fstat(self._file.fileno()).st_size
        if size % _PAGE or not _LEAST <= size <= _MOST_32_BIT:
            self._file.close()
            raise UsageError(
                f"--memory {path}: {size} bytes can't be the RAM: 8 MiB to 4 GiB in whole pages, "
                "as `truncate -s 128M` makes it"
            )
        self.layout = Layout.for_memory(size)
        self._closers: list[Callable[[], None]] = [self._file.close]

    @property
    def start_address(self) -> int:
        """Where the guest's CPU has to be started."""
        return self.layout.page + HELLO_AT

    def prepare(self) -> list[str]:
        """See `Engine`."""
        self.ram = mmap.mmap(self._file.fileno(), 0)
        self._closers.append(self._unmap)
        self.memory = GuestMemory(self.ram)
        nonce = int.from_bytes(os.urandom(4)) | 1
        stub = bytearray(resident_stub(self._bits))
        struct.pack_into(">I", stub, NONCE_AT, nonce)
        self.memory.write(self.layout.page, bytes(stub))
        mailbox = Mailbox(self.ram, self.layout.page, nonce)
        self._closers.append(mailbox.close)
        self.trap = MailboxTrap(mailbox, self.layout)
        return []

    def start(self, guardian: Guardian) -> None:
        """See `Engine`. That is done elsewhere."""

    def version(self) -> str:
        """See `Engine`."""
        return ""

    def describe(self) -> str:
        """See `Engine`."""
        return (
            f"{self._path} is ready: start the CPU at {self.start_address:#x}, big-endian, in supervisor mode, "
            "with a flattened tree's address or 0 in r3"
        )

    def tend(self, selector: BaseSelector, take_output: Callable[[], bool], due: Callable[[], bool]) -> None:
        """See `Engine`. It has no descriptors."""

    def look(self) -> Outcome | None:
        """See `Engine`. Nobody tells how it is."""
        return None

    def copy_file(self, file: int, offset: int, address: int, size: int) -> None:
        """See `Engine`."""
        copy_into(self._file.fileno(), file, offset, address, size)

    def reset(self) -> None:
        """See `Engine`. The other side has to start its CPU again."""

    def registers(self) -> dict[str, int]:
        """See `Engine`. Nobody tells them."""
        return {}

    def close(self) -> None:
        """See `Engine`."""
        while self._closers:
            self._closers.pop()()

    def _unmap(self) -> None:
        with suppress(BufferError):  # an exception's frames hold a view of it: it goes with them
            self.ram.close()
