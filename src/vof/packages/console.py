"""The console's package: what `/chosen` `stdin` and `stdout` are instances of."""

from __future__ import annotations

from vof.packages.instance import Instance, Method, Stack
from vof.ports import Console, Memory

__all__ = ["ConsolePackage"]

_CHUNK = 0x10000
"""A client may pass any length: what is taken from guest memory at a time."""
_KEY_WAIT = 1000


class ConsolePackage:
    """Methods of a serial console over the `Console` port.

    `read` never waits and says 0 when nothing is there: -2, which the standard allows, makes yaboot take a wrong
    character and Haiku give up. `key` waits.
    """

    def __init__(self, memory: Memory, console: Console) -> None:
        self.memory = memory
        self.console = console
        self._ahead = b""

    def methods(self) -> dict[str, Method]:
        """The methods, by name, for `Node.methods`."""
        return {
            "open": self.open,
            "close": self.close,
            "read": self.read,
            "write": self.write,
            "color!": self.set_color,
            "key?": self.key_waiting,
            "key": self.key,
        }

    def open(self, instance: Instance, stack: Stack) -> None:
        """( -- true )."""
        stack.append(-1)

    def close(self, instance: Instance, stack: Stack) -> None:
        """( -- ): harmless; Linux closes stdin and then prints."""

    def read(self, instance: Instance, stack: Stack) -> None:
        """( addr len -- actual )."""
        length, address = stack.pop(), stack.pop()
        limit = min(length, _CHUNK)
        if not self._ahead and limit:
            self._ahead = self.console.read(limit)
        data = self._ahead[:limit]
        if data:
            self.memory.write(address, data)  # first of all: no key is lost by a bad address
            self._ahead = self._ahead[limit:]
        stack.append(len(data))

    def write(self, instance: Instance, stack: Stack) -> None:
        """( addr len -- actual )."""
        length, address = stack.pop(), stack.pop()
        if length <= _CHUNK:
            self.console.write(self.memory.read(address, length))
        else:
            self.memory.read(address + length - 1, 1)
            for offset in range(0, length, _CHUNK):
                self.console.write(self.memory.read(address + offset, min(_CHUNK, length - offset)))
        stack.append(length)

    def set_color(self, instance: Instance, stack: Stack) -> None:
        """( r g b index -- ): a serial line has no palette to change."""
        del stack[-4:]

    def key_waiting(self, instance: Instance, stack: Stack) -> None:
        """( -- pressed? )."""
        stack.append(-1 if self._ahead or self.console.wait(0) else 0)

    def key(self, instance: Instance, stack: Stack) -> None:
        """( -- char ): waits for it."""
        while not self._ahead:
            if self.console.wait(_KEY_WAIT):
                self._ahead = self.console.read(1)
        stack.append(self._ahead[0])
        self._ahead = self._ahead[1:]
