"""A serial line as the firmware's console: a 16550 over the `Bus` port.

Every character passes through the guest's own device, as on the real board. The host's end of the line is faster, which
is why machines have that one unless they are asked.
Ref: National Semiconductor PC16550D.
"""

from __future__ import annotations

from vof.errors import PortError
from vof.ports import Access, Bus, BusOp, Console

__all__ = ["UartConsole"]

_DATA, _LINE_STATUS = 0, 5
_RECEIVED, _MAY_SEND = 0x01, 0x20
_FIFO = 16
_TRIES = 20_000
_LOOK_EVERY = 10


class UartConsole:
    """The port `Console`.

    Args:
        bus: the port that reaches the device.
        base: the address of its first register.
        host: the host's end of the line, which is waited at.
    """

    def __init__(self, bus: Bus, base: int, host: Console) -> None:
        self._bus = bus
        self._base = base
        self._host = host

    def write(self, data: bytes) -> None:
        """See `vof.ports.Console`."""
        for start in range(0, len(data), _FIFO):
            for _ in range(_TRIES):
                if self._status() & _MAY_SEND:
                    break
            else:
                raise PortError("the serial line takes no character")
            piece = data[start : start + _FIFO]
            self._bus.run([Access(BusOp.WRITE, self._base + _DATA, 1, byte) for byte in piece])

    def read(self, limit: int) -> bytes:
        """See `vof.ports.Console`."""
        data = bytearray()
        while len(data) < limit and self._status() & _RECEIVED:
            data += bytes(self._bus.run([Access(BusOp.READ, self._base + _DATA, 1)]))
        return bytes(data)

    def wait(self, milliseconds: int) -> bool:
        """See `vof.ports.Console`."""
        for passed in range(0, max(milliseconds, 1), _LOOK_EVERY):
            if self._status() & _RECEIVED:
                return True
            self._host.wait(min(_LOOK_EVERY, milliseconds - passed))
        return bool(self._status() & _RECEIVED)

    def _status(self) -> int:
        return self._bus.run([Access(BusOp.READ, self._base + _LINE_STATUS, 1)])[0]
