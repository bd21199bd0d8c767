"""The machine's one console: between the user, the firmware and the guest's own console device.

The host owns the device's other end. While the firmware runs the console, what the user types waits in a queue that
the firmware reads. At the hand-over what is left of it goes to the guest's device, and so does everything typed later:
no key is lost. Output of both goes to the user in the order in which it comes.
"""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable
from typing import Protocol

from vof.errors import PortError
from vof.events import ConsoleInput, ConsoleOutput, Event
from vof.outcomes import Suspended

__all__ = ["HostConsole", "UserEnd"]

_CHUNK = 0x10000
_TYPED_LIMIT = 1 << 20
"""Bytes of input kept for a guest that reads none; the rest stays where it comes from."""
_VAIN_READS = 100
"""Reads in a row without a key or any output after which a client program is taken to do nothing but wait for one."""
_VAIN_WAIT = 1e-3


class UserEnd(Protocol):
    """Where the user is: a terminal, a pipe, a file, a socket, a script."""

    def register(self, selector: selectors.BaseSelector, on_input: Callable[[bytes], None]) -> None:
        """Watch for input; `on_input` gets it when the selector's callback is run."""
        ...

    def write(self, data: bytes) -> None:
        """Show output."""
        ...

    def close(self) -> None:
        """Leave the user's side as it was."""
        ...


class HostConsole:
    """The console. Provides the port `Console`.

    Args:
        user: the user's end.
        device: the host's end of the guest's console device, if it has one.
        tell: gets the console's events; None where nobody listens.
        patient: whether a client program that polls in vain for long is made to wait a little.

    Attributes:
        handed_over: whether the guest's own driver has the console.
        ended: whether the user's side has said that nothing more will come.
        idle: waits for so many seconds at most and tends to other things, the console's two sides among them; says
            whether the run loop has to stop. The run loop sets it.
    """

    def __init__(
        self,
        user: UserEnd,
        device: socket.socket | None,
        tell: Callable[[Event], None] | None = None,
        *,
        patient: bool = True,
    ) -> None:
        self.user = user
        self.handed_over = False
        self.ended = False
        self.idle: Callable[[float], bool] = self._look
        self._device = device
        self._tell = tell
        self._patient = patient
        self._vain_reads = 0
        self._typed = bytearray()
        self._selector: selectors.BaseSelector | None = None
        if device is not None:
            device.setblocking(False)

    def register(self, selector: selectors.BaseSelector) -> None:
        """Have a selector watch both sides. Each key's data is a function to call when it is ready."""
        self._selector = selector
        self.user.register(selector, self.type)
        if self._device is not None:
            selector.register(self._device, selectors.EVENT_READ, self.take_output)

    def type(self, data: bytes) -> None:
        """Take input, as if the user had typed it; none at all is its end."""
        if not data:
            self.ended = True
            return
        if self._tell is not None:
            self._tell(ConsoleInput(data))
        self._typed += data[: _TYPED_LIMIT - len(self._typed)]
        if self.handed_over:
            self.flush()

    def flush(self) -> None:
        """Pass waiting input on to the guest's device, as far as it takes it."""
        if self._typed and self.handed_over and self._device is not None:
            try:
                sent = self._device.send(self._typed)
            except BlockingIOError:
                return
            except OSError:
                sent = len(self._typed)  # the device is gone, and the machine with it
            del self._typed[:sent]

    def take_output(self) -> bool:
        """Show what the guest's device has to say; whether there was anything."""
        if self._device is None:
            return False
        try:
            data = self._device.recv(_CHUNK)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if data:
            self.write(data)
        else:
            if self._selector is not None:
                self._selector.unregister(self._device)
            self._device = None
        return bool(data)

    def hand_over(self) -> None:
        """The guest's own driver has the console from here on."""
        self.handed_over = True
        self.flush()

    def take_back(self) -> None:
        """The firmware has the console again."""
        self.handed_over = False

    @property
    def at_end(self) -> bool:
        """Whether there is nothing to read, and never will be."""
        return self.ended and not self._typed

    def take_typed(self) -> bytes:
        """What is typed and not yet read; it stays."""
        return bytes(self._typed)

    def put_typed(self, data: bytes, handed_over: bool) -> None:
        """Have this typed and not yet read, whatever there was."""
        self._typed[:] = data
        self.handed_over = handed_over

    def write(self, data: bytes) -> None:
        """Port `Console`."""
        self._vain_reads = 0
        self.user.write(data)
        if self._tell is not None:
            self._tell(ConsoleOutput(data))

    def read(self, limit: int) -> bytes:
        """Port `Console`."""
        if not self._typed:
            self._vain_reads += 1
            self._look(_VAIN_WAIT if self._patient and self._vain_reads > _VAIN_READS else 0)
        if self._typed:
            self._vain_reads = 0
        data = bytes(self._typed[:limit])
        del self._typed[:limit]
        return data

    def wait(self, milliseconds: int) -> bool:
        """Port `Console`."""
        if not self._typed and self.idle(milliseconds / 1000):
            raise Suspended
        return bool(self._typed)

    def _look(self, seconds: float) -> bool:
        if self._selector is None:
            raise PortError("nobody watches the console")
        for key, _ in self._selector.select(seconds):
            key.data()
        return False
