"""The keyboard: ADB codes in a ring of sixteen."""

from __future__ import annotations

from collections import deque
from enum import IntEnum

from vof.errors import UsageError
from vof.firmware.osi.keymap import CHARACTERS, CONSOLE, LINUX_KEYS, SHIFT, VNC, X11, X11_KEYS
from vof.firmware.osi.pic import Line

__all__ = ["Keyboard"]

_SLOTS = 16
_MOST_WAITING = 1 << 14
_UP = 0x80
_TYPES = CONSOLE | X11 | VNC
_LARGEST_CODE = 255
_UNMAPPED, _OUT_OF_RANGE, _NO_TABLE = -1, -2, -3


class _Control(IntEnum):
    ACTIVATE = 1
    SUSPEND = 2


class Keyboard:
    """The keyboard. What is typed and finds the ring full waits until the guest has emptied it.

    Args:
        line: its interrupt.

    Attributes:
        saved: the mapping of key codes as the guest had it saved: ADB codes by type and key code.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._active = True
        self._ring: deque[tuple[int, int]] = deque()
        self._waiting: deque[tuple[int, int]] = deque()
        self._down: set[int] = set()
        self._maps = {CONSOLE: dict(LINUX_KEYS), X11: dict(X11_KEYS)}
        self.saved: dict[int, dict[int, int]] = {}

    # For people

    def press(self, adb: int, raw: int = 0) -> None:
        """Press a key.

        Args:
            adb: its ADB code, 0 … 127.
            raw: the host's key code with its type, as the guest is told.
        """
        self._check(adb)
        if self._active:
            self._down.add(adb)
            self._add(adb, raw)

    def release(self, adb: int, raw: int = 0) -> None:
        """Let a key go."""
        self._check(adb)
        if self._active:
            self._down.discard(adb)
            self._add(adb | _UP, raw)

    def type(self, text: str) -> None:
        """Type a text on a US keyboard.

        Raises:
            UsageError: there is no key for a character.
        """
        for character in text:
            if character not in CHARACTERS:
                raise UsageError(f"a US keyboard has no key for {character!r}")
        for character in text:
            code, shifted = CHARACTERS[character]
            if shifted:
                self.press(SHIFT)
            self.press(code)
            self.release(code)
            if shifted:
                self.release(SHIFT)

    def poll(self) -> None:
        """Let what waits follow, once the guest has taken all there was."""
        if self._waiting and not self._ring:
            while self._waiting and len(self._ring) < _SLOTS:
                self._ring.append(self._waiting.popleft())
            self._line.set(True)

    # The calls

    def kbd_cntrl(self, command: int) -> int:
        """Have keys come by these calls, or not. Both release all keys."""
        if command in (_Control.ACTIVATE, _Control.SUSPEND):
            for adb in sorted(self._down):
                self.release(adb)
            self._active = command == _Control.ACTIVATE
        return 0

    def get_adb_key(self) -> int | tuple[int, int]:
        """The next key and its raw code; -1 for none. The interrupt is lowered each time: a driver asks until -1."""
        self._line.set(False)
        return self._ring.popleft() if self._ring else -1

    def keycode_to_adb(self, keycode: int) -> int:
        """The ADB code of a host's key code; of one without a type, itself."""
        kind, code = keycode & _TYPES, keycode & ~_TYPES
        if not kind:
            return keycode
        table = self._maps.get(kind)
        if table is None:
            return _NO_TABLE
        return table.get(code, _UNMAPPED) if code <= _LARGEST_CODE else _OUT_OF_RANGE

    def map_adb_key(self, keycode: int, adb: int) -> int:
        """Map a host's key code to an ADB code; what can't be mapped is left as it is."""
        table = self._maps.get(keycode & _TYPES)
        code = keycode & ~_TYPES
        if table is not None and code <= _LARGEST_CODE and adb < _UP:
            table[code] = adb
        return 0

    def save_keymapping(self) -> int:
        """Keep the mapping."""
        self.saved = {kind: dict(table) for kind, table in self._maps.items()}
        return 0

    def _add(self, code: int, raw: int) -> None:
        if len(self._waiting) >= _MOST_WAITING:
            return  # a keyboard's buffer is full at some time
        self._waiting.append((code, raw))
        self.poll()

    @staticmethod
    def _check(adb: int) -> None:
        if not 0 <= adb < _UP:
            raise UsageError(f"{adb:#x} is no ADB code: they are 0 to 0x7f")
