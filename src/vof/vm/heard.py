"""What the console of a machine has shown, for `expect`."""

from __future__ import annotations

__all__ = ["Heard"]

_LIMIT = 1 << 20
_SHOWN = 400


class Heard:
    """Console output that nobody has expected yet, the last megabyte or two of it.

    Attributes:
        data: it.
    """

    def __init__(self) -> None:
        self.data = bytearray()

    def add(self, data: bytes) -> None:
        """More was shown."""
        self.data += data
        if len(self.data) > 2 * _LIMIT:
            del self.data[:-_LIMIT]

    def take(self, size: int) -> bytes:
        """The first bytes of it, which are gone then."""
        taken = bytes(self.data[:size])
        del self.data[:size]
        return taken

    @property
    def last(self) -> str:
        """The end of it, for a message."""
        return self.data[-_SHOWN:].decode(errors="replace")
