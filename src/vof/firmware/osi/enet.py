"""The older network card: one frame at a call (Mac-on-Linux's `enet`). A driver uses this one or the one with rings."""

from __future__ import annotations

from collections import deque
from enum import IntEnum

from vof.errors import PortError
from vof.firmware.osi.enet2 import MOST_IN_A_FRAME
from vof.firmware.osi.pic import Line
from vof.ports import Memory, Network

__all__ = ["Enet"]

_ID = 0
_QUEUED = 64
_FRAMES_A_POLL = 32
_MOST_ADDRESSES = 64
_WAITS = 0x10000
_BROADCAST = b"\xff" * 6


class _Control(IntEnum):
    ACKNOWLEDGE = 0
    START = 1
    STOP = 2
    ROUTE = 3


class Enet:
    """The card.

    Args:
        memory: guest memory.
        network: the network.
        line: its interrupt.

    Attributes:
        running: whether the guest has started it.
    """

    def __init__(self, memory: Memory, network: Network, line: Line) -> None:
        self.running = False
        self._memory = memory
        self._network = network
        self._line = line
        self._queue: deque[bytes] = deque()
        self._addresses: set[bytes] = set()

    def enet_open(self, unit: int) -> int:
        """Open it, by the first cell of its `reg`: there is one card. A driver that was started anew opens it again."""
        return _ID

    def enet_close(self, number: int) -> int:
        """Close it."""
        if number != _ID:
            return -1
        self._stop()
        self._addresses.clear()
        return 0

    def enet_get_addr(self, number: int, buffer: int) -> int:
        """Write the card's address."""
        if number != _ID:
            return -1
        self._memory.write(buffer, self._network.mac)
        return 0

    def enet_get_status(self, number: int) -> int:
        """The length of the first frame that waits, and that one does."""
        if number != _ID:
            return -1
        return _WAITS | len(self._queue[0]) if self._queue else 0

    def enet_control(self, number: int, command: int, parameter: int) -> int:
        """Acknowledge or route the interrupt, start, stop."""
        if number != _ID:
            return -1
        if command == _Control.ACKNOWLEDGE:
            return int(self._line.set(False))
        if command == _Control.START:
            self.running = True
        elif command == _Control.STOP:
            self._stop()
        elif command != _Control.ROUTE or not self._line.route(parameter):
            return -1
        return 0

    def enet_add_multi(self, number: int, address: int) -> int:
        """Receive what is sent to a multicast address."""
        if number != _ID or len(self._addresses) >= _MOST_ADDRESSES:
            return -1
        self._addresses.add(self._memory.read(address, 6))
        return 0

    def enet_del_multi(self, number: int, address: int) -> int:
        """Receive it no more; -1 if it wasn't received."""
        if number != _ID:
            return -1
        wanted = self._memory.read(address, 6)
        if wanted not in self._addresses:
            return -1
        self._addresses.remove(wanted)
        return 0

    def enet_get_packet(self, number: int, buffer: int) -> int:
        """Take the first frame that waits; buffer 0 drops it."""
        if number != _ID or not self._queue:
            return -1
        if buffer:
            self._memory.write(buffer, self._queue[0])
        self._queue.popleft()
        return 0

    def enet_send_packet(self, number: int, buffer: int, length: int) -> int:
        """Send a frame."""
        if number != _ID or not 0 < length <= MOST_IN_A_FRAME:
            return -1
        self._network.send(self._memory.read(buffer, length))
        self.poll()  # what answers at once has done so
        return 0

    def poll(self) -> None:
        """Queue the frames that have come."""
        if not self.running:
            return
        try:
            for _ in range(_FRAMES_A_POLL):
                if len(self._queue) >= _QUEUED:
                    return
                frame = self._network.receive(0)
                if not frame:
                    return
                if self._is_ours(frame):
                    self._queue.append(frame)
                    self._line.set(True)
        except PortError:
            self._stop()

    def _is_ours(self, frame: bytes) -> bool:
        to = frame[:6]
        known = to == self._network.mac or to == _BROADCAST or to in self._addresses
        return 14 <= len(frame) <= MOST_IN_A_FRAME and known

    def _stop(self) -> None:
        self.running = False
        self._queue.clear()
        self._line.set(False)
