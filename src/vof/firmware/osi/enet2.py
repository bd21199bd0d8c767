"""The network card with rings in guest memory (Mac-on-Linux's `enet2`)."""

from __future__ import annotations

from enum import IntEnum

from vof.errors import GuestFault, PortError
from vof.firmware.osi.pic import Line
from vof.ports import Memory, Network

__all__ = ["MOST_IN_A_FRAME", "Enet2"]

MOST_IN_A_FRAME = 1514
_ELEMENT = 16
_MOST_ELEMENTS = 4096
_FRAMES_A_POLL = 32
_SPLIT = 1
"""Flag of an element: the buffer's second part is in the overflow ring, at the same place."""
_PACKET_SIZE = 8
_SELECTOR = 73
"""Of ENET2_GET_HWADDR: what the guest has in r5 when it calls."""


class _Control(IntEnum):
    CHECK_INTERFACE = 0
    START = 1
    STOP = 2
    RESET = 3
    DRIVER_VERSION = 4


class _RingKind(IntEnum):
    RECEIVE = 1
    SEND = 2
    RECEIVE_OVERFLOW = 3
    SEND_OVERFLOW = 4


class Enet2:
    """The card. Its rings have 16 bytes for each element: buffer, its size, the frame's size, flags.

    A frame is taken from the network only where there is room for it: what the network keeps meanwhile is its business.

    Args:
        memory: guest memory.
        network: the network.
        line: its interrupt.

    Attributes:
        running: whether the guest has started it.
        dropped: frames that no buffer was large enough for.
    """

    def __init__(self, memory: Memory, network: Network, line: Line) -> None:
        self.running = False
        self.dropped = 0
        self._memory = memory
        self._network = network
        self._line = line
        self._rings: dict[int, tuple[int, int]] = {}
        self._enabled = False
        self._receive_at = self._send_at = 0

    # The calls

    def enet2_open(self) -> int:
        """Open it."""
        return 0

    def enet2_close(self) -> int:
        """Close it: it stops."""
        self._stop()
        return 0

    def enet2_cntrl(self, command: int, parameter: int) -> int:
        """Check the interface, start, stop, reset, or tell the driver's version."""
        if command == _Control.CHECK_INTERFACE:
            return 0 if parameter == 1 else -1
        if command == _Control.START:
            return self._start()
        if command == _Control.STOP:
            self._stop()
        elif command == _Control.RESET:
            self._stop()
            self._receive_at = self._send_at = 0
        elif command != _Control.DRIVER_VERSION:
            return 1
        return 0

    def enet2_ring_setup(self, ring: int, address: int, elements: int) -> int:
        """Tell where a ring is: a power of two of elements. Not while the card runs. Only this ring begins anew."""
        if self.running or ring not in tuple(_RingKind):
            return -1
        if not 0 < elements <= _MOST_ELEMENTS or elements & elements - 1:
            return -1
        self._memory.read(address, elements * _ELEMENT)
        self._rings[ring] = address, elements - 1
        if ring == _RingKind.RECEIVE:
            self._receive_at = 0
        elif ring == _RingKind.SEND:
            self._send_at = 0
        return 0

    def enet2_kick(self) -> int:
        """Send what waits. A buffer that isn't memory stops the card: 1."""
        if not self.running:
            return 1
        try:
            self._send()
        except GuestFault:
            self._stop()
            return 1
        self.poll()  # what answers at once has done so
        return 0

    def enet2_get_hwaddr(self) -> tuple[int, int, int]:
        """The card's address, in r4 and the upper half of r5; the lower half of that stays as it was."""
        mac = self._network.mac
        return 0, int.from_bytes(mac[:4]), int.from_bytes(mac[4:6]) << 16 | _SELECTOR

    def enet2_irq_ack(self, enable: int, index: int) -> int:
        """Acknowledge the interrupt, and say whether there shall be more; 1 if a frame is at this index by now."""
        self._enabled = enable != 0
        self._line.set(False)
        if not self.running:
            return 0
        address, mask = self._rings[_RingKind.RECEIVE]
        return int(self._memory.read_cells(address + (index & mask) * _ELEMENT + _PACKET_SIZE, 1)[0] != 0)

    # Frames

    def poll(self) -> None:
        """Take the frames that have come, as far as there is room for them."""
        if not self.running:
            return
        try:
            for _ in range(_FRAMES_A_POLL):
                address, mask = self._rings[_RingKind.RECEIVE]
                at = address + self._receive_at * _ELEMENT
                buffer, size, used, flags = self._memory.read_cells(at, 4)
                if used:
                    return
                frame = self._network.receive(0)
                if not frame:
                    return
                if self._is_ours(frame) and self._receive(frame, at, buffer, size, flags):
                    self._receive_at = self._receive_at + 1 & mask
                    if self._enabled:
                        self._line.set(True)
        except (GuestFault, PortError):
            self._stop()

    def _receive(self, frame: bytes, at: int, buffer: int, size: int, flags: int) -> bool:
        """Put a frame where the driver wants it; whether it had room."""
        memory = self._memory
        if not size:
            raise GuestFault("a buffer of no bytes to receive into")
        first, rest = frame[:size], frame[size:]
        if rest:
            second = self._overflow(_RingKind.RECEIVE_OVERFLOW, self._receive_at) if flags & _SPLIT else None
            if second is None or second[1] < len(rest):
                self.dropped += 1
                return False
            memory.write(second[0], rest)
        memory.write(buffer, first)
        memory.write_cells(at + _PACKET_SIZE, (len(frame),))
        return True

    def _overflow(self, kind: _RingKind, place: int) -> tuple[int, int, int]:
        """Address, room and length of a buffer's second part.

        Raises:
            GuestFault: there is no such ring.
        """
        if kind not in self._rings:
            raise GuestFault("a buffer in two parts, and no ring for the second ones")
        address, mask = self._rings[kind]
        buffer, size, used = self._memory.read_cells(address + (place & mask) * _ELEMENT, 3)
        return buffer, size, used

    def _send(self) -> None:
        address, mask = self._rings[_RingKind.SEND]
        memory = self._memory
        for _ in range(mask + 1):
            at = address + self._send_at * _ELEMENT
            buffer, _, size, flags = memory.read_cells(at, 4)
            if not size:
                return
            second = self._overflow(_RingKind.SEND_OVERFLOW, self._send_at) if flags & _SPLIT else None
            if size > MOST_IN_A_FRAME or (second is not None and size + second[2] > MOST_IN_A_FRAME):
                raise GuestFault("a frame of more than {} bytes", MOST_IN_A_FRAME)
            frame = memory.read(buffer, size)
            if second is not None:
                frame += memory.read(second[0], second[2])
            memory.write_cells(at + _PACKET_SIZE, (0,))
            self._send_at = self._send_at + 1 & mask
            try:
                self._network.send(frame)
            except PortError:
                self.dropped += 1  # as a frame is that is lost on the wire

    def _start(self) -> int:
        if _RingKind.RECEIVE not in self._rings or _RingKind.SEND not in self._rings:
            return 1
        self.running = self._enabled = True
        return 0

    def _stop(self) -> None:
        self.running = False
        self._line.set(False)

    def _is_ours(self, frame: bytes) -> bool:
        """Whether it is for this card: its own address, or one for many."""
        return len(frame) >= 14 and (frame[0] & 1 != 0 or frame[:6] == self._network.mac)
