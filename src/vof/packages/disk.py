"""The disk's package: what a client opens to read and write a disk or one of its partitions."""

from __future__ import annotations

from vof.errors import PortError
from vof.packages.instance import Instance, Method, Stack, Throw, ThrowCode
from vof.ports import Block, Memory, Partitions

__all__ = ["DiskPackage"]

_CHUNK = 0x100000
"""Bytes moved at a time: a client may pass any length."""
_CELL = 0xFFFFFFFF
_LONGEST_NUMBER = 6


class DiskPackage:
    """Methods of a disk over the `Block` port, with the work of the `disk-label` and `deblocker` packages in them.

    Open arguments, as clients write them: none, `0` and `nolabel` are the whole disk, `2` is partition 2, `2,\\path`
    is partition 2 as well, `,\\path` and `\\path` the whole disk: opening a file needs a file system's reader, which
    is not here. `seek`, `read` and `write` are relative to what was opened and stay inside it; `read-blocks`,
    `write-blocks` and `#blocks` are the device's own (1275's device type "block") and know no partitions.

    An instance's state is `start` and `size` of what it opened, `position` in that, all in bytes, the number of the
    `partition` and the `path`.
    """

    def __init__(self, memory: Memory, block: Block, partitions: Partitions) -> None:
        self.memory = memory
        self.block = block
        self.partitions = partitions

    def methods(self) -> dict[str, Method]:
        """The methods, by name, for `Node.methods`."""
        return {
            "open": self.open,
            "close": self.close,
            "read": self.read,
            "write": self.write,
            "seek": self.seek,
            "load": self.load,
            "block-size": self.block_size,
            "#blocks": self.block_count,
            "max-transfer": self.max_transfer,
            "read-blocks": self.read_blocks,
            "write-blocks": self.write_blocks,
        }

    def open(self, instance: Instance, stack: Stack) -> None:
        """( -- true ). What can't be opened throws, for the reason's sake."""
        number, path = _parse(instance.arguments)
        start, size = self.partitions.find(number) if number else (0, self.block.size)
        instance.state.update(partition=number, start=start, size=size, position=0, path=path)
        stack.append(-1)

    def close(self, instance: Instance, stack: Stack) -> None:
        """( -- ): nothing is held back, so there is nothing to write."""

    def seek(self, instance: Instance, stack: Stack) -> None:
        """( pos.lo pos.hi -- status ): 0, or -1 beyond the end."""
        high, low = stack.pop(), stack.pop()
        position = (high & _CELL) << 32 | low & _CELL
        if position > instance.state["size"]:
            stack.append(-1)
        else:
            instance.state["position"] = position
            stack.append(0)

    def read(self, instance: Instance, stack: Stack) -> None:
        """( addr len -- actual ): fewer only at the end."""
        length, address = stack.pop(), stack.pop()
        state = instance.state
        actual = min(_count(length), state["size"] - state["position"])
        self._to_memory(state["start"] + state["position"], address, actual)
        state["position"] += actual
        stack.append(actual)

    def write(self, instance: Instance, stack: Stack) -> None:
        """( addr len -- actual ): fewer only at the end."""
        length, address = stack.pop(), stack.pop()
        state = instance.state
        actual = min(_count(length), state["size"] - state["position"])
        self._from_memory(state["start"] + state["position"], address, actual)
        state["position"] += actual
        stack.append(actual)

    def load(self, instance: Instance, stack: Stack) -> None:
        """( addr -- size ): all of the partition that was opened, as a PReP boot partition is loaded."""
        address = stack.pop()
        state = instance.state
        if state["path"]:
            raise Throw(ThrowCode.ABORT, f"no reader of file systems yet, so no file {state['path']}")
        if not state["partition"]:
            raise Throw(ThrowCode.ABORT, "a whole disk is no program: name a partition")
        size: int = state["size"]
        if address + size > self.memory.size:
            raise Throw(ThrowCode.ABORT, f"{size} bytes don't fit into memory at {address:#x}")
        self._to_memory(state["start"], address, size)
        stack.append(size)

    def block_size(self, instance: Instance, stack: Stack) -> None:
        """( -- bytes )."""
        stack.append(self.block.block_size)

    def block_count(self, instance: Instance, stack: Stack) -> None:
        """( -- blocks ): whole ones, and no more than a cell can say."""
        stack.append(min(self.block.size // self.block.block_size, _CELL))

    def max_transfer(self, instance: Instance, stack: Stack) -> None:
        """( -- bytes ): what is a good amount for one call; more works."""
        stack.append(_CHUNK)

    def read_blocks(self, instance: Instance, stack: Stack) -> None:
        """( addr block# #blocks -- #read )."""
        count, first, address = stack.pop(), stack.pop(), stack.pop()
        actual = self._blocks(first, count)
        self._to_memory(first * self.block.block_size, address, actual * self.block.block_size)
        stack.append(actual)

    def write_blocks(self, instance: Instance, stack: Stack) -> None:
        """( addr block# #blocks -- #written )."""
        count, first, address = stack.pop(), stack.pop(), stack.pop()
        actual = self._blocks(first, count)
        self._from_memory(first * self.block.block_size, address, actual * self.block.block_size)
        stack.append(actual)

    def _blocks(self, first: int, count: int) -> int:
        """How many of these blocks the disk has."""
        return max(0, min(_count(count), self.block.size // self.block.block_size - _count(first)))

    def _to_memory(self, offset: int, address: int, length: int) -> None:
        self._check(address, length)
        for done in range(0, length, _CHUNK):
            wanted = min(_CHUNK, length - done)
            data = self.block.read(offset + done, wanted)
            if len(data) != wanted:
                raise PortError(f"the disk gave {len(data)} of {wanted} bytes at {offset + done}")
            self.memory.write(address + done, data)

    def _from_memory(self, offset: int, address: int, length: int) -> None:
        self._check(address, length)
        for done in range(0, length, _CHUNK):
            self.block.write(offset + done, self.memory.read(address + done, min(_CHUNK, length - done)))

    def _check(self, address: int, length: int) -> None:
        """Nothing is moved where the end of the buffer is outside memory."""
        if length:
            self.memory.read(address + length - 1, 1)


def _count(number: int) -> int:
    if number < 0:
        raise Throw(ThrowCode.ABORT, f"a count of {number}")
    return number


def _parse(arguments: str) -> tuple[int, str]:
    """The partition's number, 0 for the whole disk, and the path."""
    before, comma, after = arguments.partition(",")
    if before[:1] in ("\\", "/"):
        return 0, arguments
    if before in ("", "nolabel"):
        return 0, after
    if not (before.isascii() and before.isdigit() and len(before) <= _LONGEST_NUMBER):
        raise Throw(ThrowCode.ABORT, f'no partition "{before}": it is a number, "nolabel" or "N,\\path"')
    return int(before), after if comma else ""
