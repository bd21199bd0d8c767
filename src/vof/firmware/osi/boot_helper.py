"""What a boot loader asks of Mac-on-Linux: conversions of text, the machine's configuration, the size of RAM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum

from vof.errors import GuestFault
from vof.ports import Memory

__all__ = ["BootHelper"]

_LONGEST_TEXT = 4096
_SIGN = 0x80000000


class _Op(IntEnum):
    ASCII_TO_UNICODE = 32
    UNICODE_TO_ASCII = 33
    RESOURCE = 34
    RAM_SIZE = 35


class BootHelper:
    """These calls.

    Args:
        memory: guest memory.
        resources: the configuration: for each key the lines that give it, in their order.
    """

    def __init__(self, memory: Memory, resources: Mapping[str, Sequence[str]]) -> None:
        self._memory = memory
        self._resources = {key: tuple(lines) for key, lines in resources.items()}

    def boot_helper(self, what: int, a: int, b: int, c: int, d: int, e: int) -> int:
        """By what is wanted."""
        if what == _Op.RAM_SIZE:
            return self._memory.size
        if what == _Op.ASCII_TO_UNICODE:
            return self._to_unicode(a, b, c)
        if what == _Op.UNICODE_TO_ASCII:
            return self._to_ascii(a, b, c, d)
        if what == _Op.RESOURCE:
            try:
                return self._resource(a, b, c, d, e)
            except GuestFault:
                return 0
        return -1

    def _to_unicode(self, to: int, text: int, limit: int) -> int:
        """A text as UTF-16BE with a NUL; the number of characters without that. It ends at its NUL or at the limit."""
        if not 0 < limit < _SIGN:
            return 0
        most = min(limit - 1, _LONGEST_TEXT, max(self._memory.size - text, 1))
        found, _, _ = self._memory.read(text, most).partition(b"\0")
        self._memory.write(to, found.decode("latin-1").encode("utf-16-be") + b"\0\0")
        return len(found)

    def _to_ascii(self, to: int, text: int, count: int, limit: int) -> int:
        """So many UTF-16BE units as Latin-1 with a NUL; units that this hasn't are left out, as NULs are."""
        if not 0 < limit < _SIGN:
            return 0
        units = self._memory.read(text, 2 * min(count, _LONGEST_TEXT))
        found = bytes(low for high, low in zip(units[::2], units[1::2], strict=True) if not high and low)
        found = found[: limit - 1]
        self._memory.write(to, found + b"\0")
        return len(found)

    def _resource(self, key: int, buffer: int, length: int, index: int, word: int) -> int:
        """A word of a line of the configuration; the buffer's address if there is one."""
        lines = self._resources.get(self._memory.read_string(key, _LONGEST_TEXT), ())
        if index >= len(lines):
            return 0
        words = lines[index].split()
        if word >= max(len(words), 1) or not buffer:
            return 0
        if 0 < length < _SIGN:
            text = words[word].encode("latin-1", "replace") if words else b""
            self._memory.write(buffer, text[: length - 1] + b"\0")
        return buffer
