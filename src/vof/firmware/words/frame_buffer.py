"""The standard's support of frame buffers of 1 and of 8 bits a dot: what `fb1-…` and `fb8-…` do (1275 §3.8.4.2).

Text is in colour 0xFF on 0, or in the instance's foreground and background colours where it has set both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from vof.errors import Throw, ThrowCode

if TYPE_CHECKING:
    from vof.firmware.words.engine import FirmwareForth

__all__ = ["ACTIONS", "FrameBuffer", "glyph_address", "install", "toggle"]

_LARGEST = 16384
"""Dots of a line, and lines."""
_PIECE = 1 << 20
"""Bytes that are moved at a time."""
_BYTES_A_STEP = 32
_DOTS = bytes(0xFF if digit == ord("1") else 0 for digit in range(256))
"""Digits as dots."""
_DIGITS = bytes(ord("1") if dot else ord("0") for dot in range(256))
"""Dots as digits."""


def glyph_address(screen: Mapping[str, int], character: int) -> int:
    """Where a character's glyph is."""
    index = character - screen.get("min-char", 0)
    if not 0 <= index < screen.get("#glyphs", 0):
        index = 0
    return screen.get("font-adr", 0) + index * screen.get("fontbytes", 1) * screen.get("char-height", 0)


def install(forth: FirmwareForth, bits: int) -> None:
    """`fb8-install ( width height #columns #lines -- )`: sizes, the window in the middle, and all that draws.

    Raises:
        Throw: there is no font, or the size can't be.
    """
    screen = forth.screen
    count_of_lines, columns = forth.stack.pop(), forth.stack.pop()
    height, width = forth.stack.pop(), forth.stack.pop()
    wide, high = screen.get("char-width", 0), screen.get("char-height", 0)
    if not wide or not high:
        raise Throw(ThrowCode.ABORT, "no font: default-font set-font comes before")
    if not (0 < width <= _LARGEST and 0 < height <= _LARGEST):
        raise Throw(ThrowCode.ABORT, f"a screen of {width} by {height} dots")
    columns, count_of_lines = min(columns, width // wide), min(count_of_lines, height // high)
    screen.update(
        {
            "screen-width": width,
            "screen-height": height,
            "#columns": columns,
            "#lines": count_of_lines,
            "window-left": (width - columns * wide) // 2 // 8 * 8,
            "window-top": (height - count_of_lines * high) // 2,
            "line#": 0,
            "column#": 0,
            "inverse?": 0,
            "inverse-screen?": 0,
        }
    )
    for name in ACTIONS:
        word = forth.system_word(f"fb{bits}-{name}")
        assert word is not None
        screen[name] = forth.token(word)


def toggle(forth: FirmwareForth) -> None:
    """Show the cursor, or take it away."""
    forth.run(forth.word_of(forth.screen["toggle-cursor"]))


class FrameBuffer:
    """The current instance's frame buffer.

    Args:
        forth: where its sizes are.
        bits: of a dot, 1 or 8.
    """

    def __init__(self, forth: FirmwareForth, bits: int) -> None:
        screen = forth.screen
        self.forth = forth
        self.bits = bits
        self._screen = screen
        self.address = screen.get("frame-buffer-adr", 0)
        self.width = min(screen.get("screen-width", 0), _LARGEST)
        self.height = min(screen.get("screen-height", 0), _LARGEST)
        self.row_bytes = self.width * bits // 8
        self._wide, self._high = screen.get("char-width", 0), screen.get("char-height", 0)
        colors = screen.get("foreground-color", 0), screen.get("background-color", 0)
        if colors == (0, 0):
            colors = 0xFF, 0
        if screen.get("inverse-screen?"):
            colors = colors[1], colors[0]
        self.foreground, self.background = colors

    @property
    def line(self) -> int:
        """The cursor's line."""
        return self._screen.get("line#", 0)

    @property
    def column(self) -> int:
        """The cursor's column."""
        return self._screen.get("column#", 0)

    @property
    def lines(self) -> int:
        """Lines of text."""
        return self._screen.get("#lines", 0)

    @property
    def columns(self) -> int:
        """Columns of text."""
        return self._screen.get("#columns", 0)

    def pop(self) -> int:
        """The top of the stack."""
        return self.forth.stack.pop()

    def draw(self, character: int) -> None:
        """Draw a character at the cursor."""
        screen, advance = self._screen, max(1, self._screen.get("fontbytes", 1))
        if self._wide > 64 or self._high > 64 or advance > 64:
            raise Throw(ThrowCode.ABORT, "a font of more than 64 dots")
        glyph = self.forth.memory.read(glyph_address(screen, character), advance * self._high)
        inverse = bool(screen.get("inverse?"))
        lines = [glyph[at : at + advance] for at in range(0, advance * self._high, advance)]
        rows = [self._colored(_unpacked(line)[: self._wide], inverse=inverse) for line in lines]
        self._put(self._left(self.column), self._top(self.line), rows)

    def invert_cell(self) -> None:
        """Swap the colours where the cursor is: behind a full line it is seen on its last character."""
        column = max(0, min(self.column, self.columns - 1))
        left, top = self._left(column), self._top(self.line)
        self._put(left, top, [self._swapped(row) for row in self._get(left, top, self._wide, self._high)])

    def invert(self) -> None:
        """Swap the colours of the whole screen."""
        for row in range(self.height):
            self._put(0, row, [self._swapped(line) for line in self._get(0, row, self.width, 1)])

    def blink(self) -> None:
        """Swap the colours of the whole screen twice."""
        self.invert()
        self.invert()

    def _swapped(self, row: bytes) -> bytes:
        swap = bytearray(dot ^ 0xFF for dot in range(256))
        swap[self.foreground & 0xFF], swap[self.background & 0xFF] = self.background & 0xFF, self.foreground & 0xFF
        return row.translate(swap)

    def _colored(self, dots: bytes, *, inverse: bool = False) -> bytes:
        """Dots of a picture, 0 and 0xFF, in the screen's colours."""
        paper, ink = self.background & 0xFF, self.foreground & 0xFF
        return dots.translate(bytes((ink if inverse else paper,)) * 255 + bytes((paper if inverse else ink,)))

    def erase(self) -> None:
        """Fill the screen with the background."""
        self._blank(0, self.height)

    def shift_characters(self, count: int) -> None:
        """Move the rest of the cursor's line right by a count of characters, or left where that is negative."""
        left, top = self._left(self.column), self._top(self.line)
        size = max(0, min((self.columns - self.column) * self._wide, self.width - left))
        count = max(-size, min(size, count * self._wide))
        blank = bytes((self.background & 0xFF,)) * abs(count)
        rows = self._get(left, top, size, self._high)
        if count >= 0:
            self._put(left, top, [(blank + row)[:size] for row in rows])
        else:
            self._put(left, top, [row[-count:] + blank for row in rows])

    def shift_lines(self, count: int) -> None:
        """Move the cursor's line and those below down by a count of lines, or up where that is negative."""
        top = self._top(self.line)
        below = max(0, min((self.lines - self.line) * self._high, self.height - top))
        count = max(-below, min(below, count * self._high))
        stay, at_once = below - abs(count), self._rows_at_once
        pieces = [(row, min(at_once, stay - row)) for row in range(0, stay, at_once)]
        for row, rows in pieces if count < 0 else reversed(pieces):
            source = top + row + max(0, -count)
            data = self._read(source * self.row_bytes, rows * self.row_bytes)
            self._write((source + count) * self.row_bytes, data)
        self._blank(top if count >= 0 else top + stay, abs(count))

    @property
    def _rows_at_once(self) -> int:
        return max(1, _PIECE // max(1, self.row_bytes))

    def _blank(self, top: int, count: int) -> None:
        """Fill rows of dots with the background."""
        row = self._packed(bytes((self.background & 0xFF,)) * self.width)
        for first in range(top, top + count, self._rows_at_once):
            self._write(first * self.row_bytes, row * min(self._rows_at_once, top + count - first))

    def logo(self, line: int, address: int, width: int, height: int) -> None:
        """Draw a picture of one bit a dot at the left of a line."""
        width, height = min(width, self.width), min(height, self.height)
        row_bytes = -(-width // 8)
        data = self.forth.memory.read(address, row_bytes * height)
        lines = [data[row * row_bytes : (row + 1) * row_bytes] for row in range(height)]
        rows = [self._colored(_unpacked(line)[:width]) for line in lines]
        self._put(self._left(0), self._top(line), rows)

    # Dots

    def _left(self, column: int) -> int:
        return self._screen.get("window-left", 0) + column * self._wide

    def _top(self, line: int) -> int:
        return self._screen.get("window-top", 0) + line * self._high

    def _get(self, left: int, top: int, width: int, height: int) -> list[bytes]:
        rows = []
        for row in range(top, min(top + height, self.height)):
            data = self._read(row * self.row_bytes, self.row_bytes)
            if self.bits == 1:
                self.forth.pay(self.width // 8)
                data = _unpacked(data)
            rows.append(data[left : left + width])
        return rows

    def _put(self, left: int, top: int, rows: list[bytes]) -> None:
        for row, dots in enumerate(rows, top):
            if row >= self.height or left >= self.width:
                return
            dots = dots[: self.width - left]
            if self.bits == 8:
                self._write(row * self.row_bytes + left, dots)
            else:
                whole = self._get(0, row, self.width, 1)[0]
                self._write(row * self.row_bytes, self._packed(whole[:left] + dots + whole[left + len(dots) :]))

    def _packed(self, dots: bytes) -> bytes:
        if self.bits == 8:
            return dots
        digits = dots[: len(dots) // 8 * 8].translate(_DIGITS)
        return int(digits or b"0", 2).to_bytes(len(digits) // 8)

    def _read(self, offset: int, count: int) -> bytes:
        self.forth.pay(10 + count // _BYTES_A_STEP)
        return self.forth.memory.read(self.address + offset, count)

    def _write(self, offset: int, data: bytes) -> None:
        self.forth.pay(10 + len(data) // _BYTES_A_STEP)
        self.forth.memory.write(self.address + offset, data)


def _unpacked(data: bytes) -> bytes:
    """Bits as dots of 0 and 0xFF, the highest bit first."""
    return f"{int.from_bytes(data):0{8 * len(data)}b}".encode().translate(_DOTS) if data else b""


def _nothing(buffer: FrameBuffer) -> None:
    pass


def _draw_logo(buffer: FrameBuffer) -> None:
    height, width, address, line = (buffer.pop() for _ in range(4))
    buffer.logo(line, address, width, height)


def _signed(buffer: FrameBuffer) -> int:
    return min(buffer.pop(), _LARGEST)


ACTIONS: dict[str, Callable[[FrameBuffer], None]] = {
    "draw-character": lambda buffer: buffer.draw(buffer.pop()),
    "reset-screen": _nothing,
    "toggle-cursor": FrameBuffer.invert_cell,
    "erase-screen": FrameBuffer.erase,
    "blink-screen": FrameBuffer.blink,
    "invert-screen": FrameBuffer.invert,
    "insert-characters": lambda buffer: buffer.shift_characters(_signed(buffer)),
    "delete-characters": lambda buffer: buffer.shift_characters(-_signed(buffer)),
    "insert-lines": lambda buffer: buffer.shift_lines(_signed(buffer)),
    "delete-lines": lambda buffer: buffer.shift_lines(-_signed(buffer)),
    "draw-logo": _draw_logo,
}
"""What each does; arguments are on the stack."""
