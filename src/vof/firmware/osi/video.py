"""The screen: a frame buffer in memory, its modes and its palette."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import Protocol
from zlib import crc32

from vof.firmware.osi.modes import DEPTHS, Mode, standard_modes
from vof.firmware.osi.pic import Line
from vof.ports import Clock

__all__ = ["FrameBuffer", "Picture", "Video"]

_REFRESH = 85
"""Times a second."""
_COLORS = 256
_NEGATIVE = 0x80000000
_DEPTHS = tuple(DEPTHS)


class _Control(IntEnum):
    STOP_REFRESH = 0
    START_REFRESH = 1
    ROUTE = 2
    HARDWARE_CURSOR = 3


class _Power(IntEnum):
    OFF = 0
    STANDBY = 1
    SUSPEND = 2
    ON = 3


class FrameBuffer(Protocol):
    """The screen's memory."""

    @property
    def size(self) -> int:
        """In bytes."""
        ...

    def read(self, address: int, length: int) -> bytes:
        """Bytes of it."""
        ...


@dataclass(frozen=True, slots=True)
class Picture:
    """What the screen shows.

    Attributes:
        width, height: in dots.
        rgb: three bytes for each dot, row by row.
    """

    width: int
    height: int
    rgb: bytes


class Video:
    """The screen.

    Args:
        framebuffer: its memory.
        address: where the guest has that.
        line: its interrupt, which tells of refreshes.
        clock: the time.
        usual: the mode that it starts in.

    Attributes:
        mode: the present mode.
    """

    def __init__(self, framebuffer: FrameBuffer, address: int, line: Line, clock: Clock, usual: Mode) -> None:
        self.mode = usual
        self._usual = usual
        self._framebuffer = framebuffer
        self._address = address
        self._line = line
        self._clock = clock
        self._sizes = standard_modes(framebuffer.size, usual)
        self._palette = _grey_ramp(usual.depth)
        self._shown = tuple(self._palette)
        self._power = _Power.ON
        self._refreshing = False
        self._refreshed = 0

    def picture(self) -> Picture:
        """What the screen shows now. It is black while it is off."""
        mode = self.mode
        if self._power is not _Power.ON:
            return Picture(mode.width, mode.height, bytes(3 * mode.width * mode.height))
        data = self._framebuffer.read(0, mode.size)
        if mode.depth == 8:
            planes = [data.translate(bytes(color >> shift & 0xFF for color in self._shown)) for shift in (16, 8, 0)]
        elif mode.depth == 15:
            upper, lower = data[::2], data[1::2]
            red, green = _tables_of_15()
            # Green is two bits of the one byte and three of the other, which share no bit of the sum.
            high = int.from_bytes(upper.translate(green[0]))
            low = int.from_bytes(lower.translate(green[1]))
            planes = [upper.translate(red), (high | low).to_bytes(len(upper)), lower.translate(green[2])]
        else:
            planes = [data[1::4], data[2::4], data[3::4]]
        rgb = bytearray(3 * mode.width * mode.height)
        rgb[0::3], rgb[1::3], rgb[2::3] = planes
        return Picture(mode.width, mode.height, bytes(rgb))

    def state(self) -> object:
        """Something that differs where the picture does, and is sooner made."""
        return self.mode, self._power, self._shown, crc32(self._framebuffer.read(0, self.mode.size))

    def poll(self) -> None:
        """Raise the interrupt at each refresh, if the guest wants that."""
        if not self._refreshing:
            return
        refresh = self._clock.milliseconds() * _REFRESH // 1000
        if refresh != self._refreshed:
            self._refreshed = refresh
            self._line.set(True)

    # The calls

    def set_vmode(self, number: int, depth: int) -> int:
        """Set a mode, from 1 up, with the depth of this index; 1 if there is none."""
        mode = self._mode(number, depth)
        if mode is None or number == 0:
            return 1
        self.mode = mode
        self._palette = _grey_ramp(mode.depth)
        self._shown = tuple(self._palette)
        return 0

    def get_vmode_info(self, number: int, depth: int) -> int | tuple[int, ...]:
        """What a mode is, with its number and the index of its depth; of mode 0, the usual one."""
        mode = self._mode(number, depth)
        if mode is None:
            return 1
        size = mode.width, mode.height
        return (
            0,
            len(self._sizes) << 16 | self._sizes.index(size) + 1,
            len(self._depths(size)) << 16 | _DEPTHS.index(mode.depth),
            mode.width << 16 | mode.height,
            _REFRESH << 16,
            mode.depth,
            mode.row << 16,
        )

    def set_video_power(self, power: int) -> int:
        """Turn the screen on or off."""
        if power <= _Power.ON:
            self._power = _Power(power)
        return 0

    def get_fb_info(self) -> tuple[int, ...]:
        """Where the frame buffer is, and its shape."""
        mode = self.mode
        return 0, self._address, mode.row, mode.width, mode.height, mode.depth

    def set_color(self, index: int, color: int) -> int:
        """Set a colour; a negative index has what was set be shown."""
        if index & _NEGATIVE:
            self._shown = tuple(self._palette)
            return 0
        if index >= _COLORS:
            return -1
        self._palette[index] = color & 0xFFFFFF
        return 0

    def get_color(self, index: int) -> int:
        """A colour."""
        return self._palette[index] if index < _COLORS else -1

    def video_ack_irq(self) -> int | tuple[int, int]:
        """Acknowledge the interrupt, and tell of events, of which there are none: the cursor never changes its kind."""
        return (1, 0) if self._line.set(False) else 0

    def video_cntrl(self, command: int, parameter: int) -> int:
        """Start, stop or route the refresh interrupt; whether the cursor is hardware's, which it isn't."""
        if command == _Control.START_REFRESH:
            self._refreshing = True
        elif command == _Control.STOP_REFRESH:
            self._refreshing = False
            self._line.set(False)
        elif command == _Control.ROUTE:
            return 0 if self._line.route(parameter) else -1
        elif command != _Control.HARDWARE_CURSOR:
            return -1
        return 0

    def _mode(self, number: int, depth: int) -> Mode | None:
        if number == 0:
            return self._usual
        if number > len(self._sizes):
            return None
        width, height = self._sizes[number - 1]
        depths = self._depths((width, height))
        return Mode(width, height, depths[depth]) if depth < len(depths) else None

    def _depths(self, size: tuple[int, int]) -> tuple[int, ...]:
        """The depths that there is memory for at this size."""
        return tuple(depth for depth in _DEPTHS if Mode(*size, depth).size <= self._framebuffer.size)


def _grey_ramp(depth: int) -> list[int]:
    """The palette that a mode starts with; with 15 bits it is of 32 steps."""
    levels = [index << 3 & 0xFF for index in range(_COLORS)] if depth == 15 else range(_COLORS)
    return [level * 0x010101 for level in levels]


@cache
def _tables_of_15() -> tuple[bytes, tuple[bytes, bytes, bytes]]:
    """For a dot's two bytes, 1-5-5-5: red by the upper one; the parts of green by each, and blue by the lower one.

    Five bits become eight by repeating the upper three below them.
    """
    red = bytes((five := byte >> 2 & 31) << 3 | five >> 2 for byte in range(256))
    upper = bytes((byte & 3) << 6 | (byte & 3) << 1 for byte in range(256))
    lower = bytes((byte >> 5 & 7) << 3 | (byte >> 7 & 1) for byte in range(256))
    blue = bytes((five := byte & 31) << 3 | five >> 2 for byte in range(256))
    return red, (upper, lower, blue)
