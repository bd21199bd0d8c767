"""Sound: samples that the guest writes at a call, or that are taken from a ring in its memory as time goes by."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Protocol

from vof.errors import GuestFault, PortError
from vof.firmware.osi.pic import Line
from vof.ports import Clock, Memory

__all__ = ["Sink", "Sound"]

_API = 2
_FRAGMENT = 4096
"""Bytes of a ring that are played at a time."""
_BUFFER = 2 * _FRAGMENT
"""Bytes that are played at a time of what is written at a call."""
_LATENCY = 2048
_MOST_IN_RING = 1 << 22
_MOST_BEHIND = 1000
"""Milliseconds that are made up for; what is more is lost, as where a host was stopped."""
_RATES = range(4000, 96001)
_U8, _S16_BIG, _S16_LITTLE, _STEREO = 1, 2, 4, 16


class _Control(IntEnum):
    CHECK_API = 0xFFFFFFFF
    STOP = 0
    START = 1
    GET_BUFFER_SIZE = 2
    ROUTE = 3
    FLUSH = 4
    RESUME = 5
    QUERY_FORMAT = 6
    SET_FORMAT = 7
    PAUSE = 9
    SETUP_RING = 10
    GET_RING_SAMPLE = 11
    OSX_DRIVER_VERSION = 12
    CLASSIC_DRIVER_VERSION = 13
    GET_SAMPLE_OFFSET = 14
    GET_SAMPLE_LATENCY = 15


class Sink(Protocol):
    """Where sound goes. All raise `PortError`."""

    def start(self, rate: int, channels: int, bits: int, big_endian: bool) -> None:
        """Samples of this kind follow: so many frames a second. It may be said again at any time."""
        ...

    def write(self, samples: bytes) -> None:
        """Whole frames."""
        ...

    def stop(self) -> None:
        """No more follow for now."""
        ...


class Sound:
    """The sound device, which plays as time goes by, in one of two ways.

    With a ring it plays that round and round; the interrupt comes each time that it begins anew, as Mac OS X's driver
    counts on. Without one it plays what SOUND_WRITE told of, in buffers; the interrupt asks for the next one, once for
    each that was written, and at RESUME for the first. Volume is kept, and samples are written as they are; of a muted
    device there is silence.

    Args:
        memory: guest memory.
        clock: the time that playing goes by.
        line: its interrupt.
        sink: where sound goes.
        timebase: reads the CPU's time base.

    Attributes:
        volume: left and right, 0 … 255 each.
        muted: whether nothing is heard.
    """

    def __init__(self, memory: Memory, clock: Clock, line: Line, sink: Sink, timebase: Callable[[], int]) -> None:
        self.volume = (255, 255)
        self.muted = False
        self._memory = memory
        self._clock = clock
        self._line = line
        self._sink = sink
        self._timebase = timebase
        self._format = 0
        self._rate = 0
        self._running = False
        self._since = 0
        self._played = 0
        self._stamp = 0
        self._ring: tuple[int, int] | None = None
        """Address, and the number of fragments."""
        self._fragment = 0
        self._source: tuple[int, int] = (0, 0)
        """Address and size of what is still to be played."""
        self._asks = False

    # The calls

    def sound_write(self, buffer: int, length: int, restart: int) -> int:
        """Play samples next; -1 where no format is set, or where it is more than a ring could hold."""
        if not buffer or not self._format or length > _MOST_IN_RING:
            return -1
        self._memory.read(buffer + length, 0)
        self._source, self._asks = (buffer, length), True
        return 0

    def sound_set_volume(self, volume: int, speaker: int, mute: int) -> int:
        """Set volume, each side at most 255, and whether all is mute."""
        self.volume = min(volume >> 16, 255), min(volume & 0xFFFF, 255)
        self.muted = mute != 0
        return 0

    def sound_irq_ack(self) -> tuple[int, ...]:
        """Acknowledge the interrupt, with the time base when it came."""
        return int(self._line.set(False)), self._stamp >> 32 & 0xFFFFFFFF, self._stamp & 0xFFFFFFFF

    def sound_cntl(self, command: int, parameter: int, rate: int) -> int:
        """Everything else."""
        if command == _Control.CHECK_API:
            return 0 if parameter == _API else -1
        if command in (_Control.QUERY_FORMAT, _Control.SET_FORMAT):
            return self._set_format(parameter, rate, keep=command == _Control.SET_FORMAT)
        if command == _Control.SETUP_RING:
            return self._set_ring(parameter, rate)
        if command == _Control.START:
            return self._start()
        if command == _Control.ROUTE:
            return 0 if self._line.route(parameter) else -1
        if command == _Control.CLASSIC_DRIVER_VERSION:
            return 0 if parameter >= _API else -1
        return self._simple(command)

    def _simple(self, command: int) -> int:
        """The commands without a parameter."""
        if command == _Control.STOP:
            self._stop()
        elif command in (_Control.PAUSE, _Control.RESUME):
            self._asks = self._running and command == _Control.RESUME
        elif command == _Control.GET_BUFFER_SIZE:
            return _BUFFER
        elif command == _Control.GET_RING_SAMPLE:
            return self._fragment * _FRAGMENT // self._frame if self._format else 0
        elif command == _Control.GET_SAMPLE_LATENCY:
            return _LATENCY
        elif command not in (_Control.FLUSH, _Control.OSX_DRIVER_VERSION, _Control.GET_SAMPLE_OFFSET):
            return -1
        return 0

    def poll(self) -> None:
        """Play what time has come for."""
        if not self._running:
            return
        elapsed = (self._clock.milliseconds() - self._since) * self._rate // 1000
        self._played = max(self._played, elapsed - _MOST_BEHIND * self._rate // 1000)
        try:
            if self._ring is not None:
                frames = _FRAGMENT // self._frame
                while elapsed - self._played >= frames:
                    self._play_fragment(*self._ring)
                    self._played += frames
            else:
                while elapsed >= self._played:
                    self._played += self._play_written() or _BUFFER // self._frame
        except (GuestFault, PortError):
            self._source = (0, 0)
            self._stop()

    # How it plays

    @property
    def _frame(self) -> int:
        """Bytes of a frame."""
        return (1 if self._format & _U8 else 2) * (2 if self._format & _STEREO else 1)

    def _set_format(self, kind: int, rate: int, *, keep: bool) -> int:
        if kind & ~_STEREO not in (_U8, _S16_BIG, _S16_LITTLE) or rate not in _RATES:
            return -1
        if keep and (kind, rate) == (self._format, self._rate):
            return 0
        if self._running:
            return 1
        if keep:
            self._tell_kind(kind, rate)
            self._format, self._rate = kind, rate
        return 0

    def _tell_kind(self, kind: int, rate: int) -> None:
        self._sink.start(rate, 2 if kind & _STEREO else 1, 8 if kind & _U8 else 16, bool(kind & _S16_BIG))

    def _set_ring(self, size: int, address: int) -> int:
        if not address:
            self._ring = None
            return 0
        if not _FRAGMENT <= size <= _MOST_IN_RING:
            return -1
        self._memory.read(address, size)
        self._ring, self._fragment = (address, size // _FRAGMENT), 0
        return 0

    def _start(self) -> int:
        if self._running or not self._format:
            return -1
        self._running, self._asks = True, False
        self._since, self._played, self._fragment = self._clock.milliseconds(), 0, 0
        return 0

    def _stop(self) -> None:
        if not self._running:
            return
        self._running = False
        self._line.set(False)
        try:
            while self._play_written():
                pass
            self._sink.stop()
        except (GuestFault, PortError):
            self._source = (0, 0)

    def _play_fragment(self, address: int, fragments: int) -> None:
        self._put(self._memory.read(address + self._fragment * _FRAGMENT, _FRAGMENT))
        self._fragment += 1
        if self._fragment == fragments:
            self._fragment = 0
            self._interrupt()

    def _play_written(self) -> int:
        """Play a buffer of what was written, and ask for more; how many frames that were."""
        address, size = self._source
        count = min(size, _BUFFER)
        self._source = address + count, size - count
        if count:
            self._put(self._memory.read(address, count))
        if self._asks and self._running:
            self._asks = False
            self._interrupt()
        return count // self._frame

    def _interrupt(self) -> None:
        self._stamp = self._timebase()
        self._line.set(True)

    def _put(self, samples: bytes) -> None:
        samples = samples[: len(samples) - len(samples) % self._frame]
        if self.muted:
            samples = bytes([0x80 if self._format & _U8 else 0]) * len(samples)
        self._tell_kind(self._format, self._rate)  # which a sink that was there before a snapshot doesn't know
        self._sink.write(samples)
