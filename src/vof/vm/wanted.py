"""What `expect` waits for on the console."""

from __future__ import annotations

import re

__all__ = ["Wanted", "to_bytes"]


class Wanted:
    """What `expect` waits for.

    Attributes:
        end: where it ended when it was last found.
    """

    def __init__(self, what: str | bytes | re.Pattern[bytes]) -> None:
        self.end: int | None = None
        self._what = what if isinstance(what, re.Pattern) else to_bytes(what)
        self._searched = 0

    def __str__(self) -> str:
        return repr(self._what if isinstance(self._what, bytes) else self._what.pattern)

    def is_in(self, heard: bytearray) -> bool:
        """Whether it is there, now or when it was asked before."""
        if self.end is None:
            if isinstance(self._what, bytes):
                if self._searched > len(heard):  # the beginning was dropped
                    self._searched = 0
                start = heard.find(self._what, max(0, self._searched - len(self._what)))
                self._searched = len(heard)
                self.end = None if start < 0 else start + len(self._what)
            else:
                found = self._what.search(heard)
                self.end = found.end() if found else None
        return self.end is not None


def to_bytes(text: str | bytes) -> bytes:
    """Text as it is typed or shown."""
    return text.encode() if isinstance(text, str) else text
