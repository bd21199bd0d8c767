"""A console on two descriptors, for a firmware that has no machine: keys and whole lines come out of one buffer."""

from __future__ import annotations

import os
import select

from vof.backends.user_ends import write_all
from vof.errors import PortError

__all__ = ["StdioConsole"]

_CHUNK = 0x1000
_LONGEST = 1 << 20


class StdioConsole:
    """The port `Console`.

    Args:
        reading: where input comes from.
        writing: where output goes.
    """

    def __init__(self, reading: int = 0, writing: int = 1) -> None:
        self._reading = reading
        self._writing = writing
        self._waiting = bytearray()
        self._ended = False

    def write(self, data: bytes) -> None:
        """Port `Console`.

        Raises:
            BrokenPipeError: nobody reads any more.
            UsageError: it can't be written.
        """
        write_all(self._writing, data)

    def read(self, limit: int) -> bytes:
        """Port `Console`.

        Raises:
            PortError: there is no more, and never will be.
        """
        if not self._waiting:
            self._fill(0)
        if self._ended and not self._waiting:
            raise PortError("the input has ended")
        data = bytes(self._waiting[:limit])
        del self._waiting[:limit]
        return data

    def wait(self, milliseconds: int) -> bool:
        """Port `Console`."""
        if not self._waiting:
            self._fill(milliseconds)
        return bool(self._waiting)

    def read_line(self) -> str | None:
        """The next line without its end, waiting for it; None where there is no more."""
        while b"\n" not in self._waiting and not self._ended and len(self._waiting) < _LONGEST:
            self._fill(None)
        if not self._waiting:
            return None
        line, _, rest = self._waiting.partition(b"\n")
        self._waiting = rest
        return line.decode("latin-1")

    def _fill(self, milliseconds: int | None) -> None:
        seconds = None if milliseconds is None else milliseconds / 1000
        if self._ended or not select.select([self._reading], [], [], seconds)[0]:
            return
        data = os.read(self._reading, _CHUNK)
        self._ended = not data
        self._waiting += data
