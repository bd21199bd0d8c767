"""The console that `/chosen` names, as Forth uses it: text out, keys in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vof.firmware.callbacks import NESTING_LIMIT, SCRATCH_SLOT
from vof.tree import encode_int

if TYPE_CHECKING:
    from vof.firmware.system import OpenFirmware
    from vof.packages import Instance

__all__ = ["ChosenConsole"]


class ChosenConsole:
    """The instances that `stdin` and `stdout` of `/chosen` say.

    Args:
        firmware: has the tree, the instances, and a page to pass texts on.
    """

    def __init__(self, firmware: OpenFirmware) -> None:
        self._firmware = firmware
        self._key: int | None = None

    def ihandle(self, which: str) -> int:
        """The handle of `stdin` or `stdout`; 0 for none."""
        chosen = self._firmware.tree.find("/chosen")
        value = b"" if chosen is None else chosen.properties.get(which, b"")
        return int.from_bytes(value) if len(value) == 4 else 0

    def show(self, text: str) -> None:
        """Have the console show a text."""
        instance = self._instance("stdout")
        if instance is None:
            return
        data, room = text.encode("latin-1", "replace"), self._room()
        for start in range(0, len(data), SCRATCH_SLOT):
            piece = data[start : start + SCRATCH_SLOT]
            self._firmware.memory.write(room, piece)
            instance.call("write", [room, len(piece)])

    def key_waits(self) -> bool:
        """Whether a key was typed."""
        instance = self._instance("stdin")
        if self._key is None and instance is not None:
            stack = [self._room(), 1]
            instance.call("read", stack)
            if stack and stack.pop() == 1:
                self._key = self._firmware.memory.read(self._room(), 1)[0]
        return self._key is not None

    def take_key(self) -> int:
        """The key that `key_waits` told of."""
        key, self._key = self._key, None
        return key or 0

    def use(self, path: str) -> None:
        """Open the console's device for input and for output, and say so in `/chosen`.

        Raises:
            GuestFault: it can't be opened.
        """
        firmware, tree = self._firmware, self._firmware.tree
        chosen = tree.find("/chosen") or tree.add(tree.root, "chosen")
        for name in ("stdin", "stdout"):
            chosen.properties[name] = encode_int(firmware.instances.open(path).ihandle)

    def _instance(self, which: str) -> Instance | None:
        return self._firmware.instances.by_ihandle.get(self.ihandle(which))

    def _room(self) -> int:
        """A piece of the firmware's own page that no callback uses now; of Forth's memory where it has no page."""
        firmware = self._firmware
        if not firmware.scratch:
            return firmware.forth.pad
        return firmware.scratch + SCRATCH_SLOT * min(firmware.depth, NESTING_LIMIT - 1)
