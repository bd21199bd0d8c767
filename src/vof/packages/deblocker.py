"""The support package `deblocker`: bytes at any place of a device that reads and writes whole blocks (1275 §3.8.1)."""

from __future__ import annotations

from vof.errors import GuestFault, Throw, ThrowCode
from vof.memory import Claims
from vof.packages.instance import Instance, Method, Stack
from vof.ports import Memory

__all__ = ["Deblocker"]

_CELL = 0xFFFFFFFF
_LARGEST_BLOCK = 1 << 16
_SECTOR = 512


class Deblocker:
    """Methods of `/packages/deblocker`, which a disk opens as its own (`$open-package`).

    The parent's methods are `block-size`, `read-blocks`, and for writing `write-blocks`; it moves at most
    `max-transfer` bytes at a time, where it has that. An instance's state is its `position` in bytes, the `block` size,
    the `most` blocks of one transfer, and `buffer`, the address of a block of memory for what is less than one.

    Args:
        memory: guest memory.
        claims: where the buffer is taken from.
    """

    def __init__(self, memory: Memory, claims: Claims) -> None:
        self._memory = memory
        self._claims = claims

    def methods(self) -> dict[str, Method]:
        """The methods, by name, for `Node.methods`."""
        return {"open": self.open, "close": self.close, "seek": self.seek, "read": self.read, "write": self.write}

    def open(self, instance: Instance, stack: Stack) -> None:
        """( -- true )."""
        parent = _parent(instance)
        block = _ask(parent, "block-size")
        if not 0 < block <= _LARGEST_BLOCK:
            raise Throw(ThrowCode.ABORT, f"blocks of {block} bytes")
        most = max(1, _ask(parent, "max-transfer") // block) if "max-transfer" in parent.node.methods else 1
        try:
            buffer = self._claims.claim(0, block, _SECTOR)
        except GuestFault as fault:
            raise Throw(ThrowCode.DICTIONARY_OVERFLOW, str(fault)) from None
        instance.state.update(position=0, block=block, most=most, buffer=buffer)
        stack.append(-1)

    def close(self, instance: Instance, stack: Stack) -> None:
        """( -- ): nothing is held back, so there is nothing to write."""
        self._claims.release(instance.state["buffer"], instance.state["block"])

    def seek(self, instance: Instance, stack: Stack) -> None:
        """( pos.lo pos.hi -- status ): 0; it is the next transfer that knows whether there is something."""
        high, low = stack.pop(), stack.pop()
        instance.state["position"] = (high & _CELL) << 32 | low & _CELL
        stack.append(0)

    def read(self, instance: Instance, stack: Stack) -> None:
        """( addr len -- actual ): fewer where the device gives fewer."""
        length, address = stack.pop(), stack.pop()
        stack.append(self._move(instance, address, length & _CELL, writing=False))

    def write(self, instance: Instance, stack: Stack) -> None:
        """( addr len -- actual ): likewise; of a block that is written in part, the rest is read before."""
        length, address = stack.pop(), stack.pop()
        stack.append(self._move(instance, address, length & _CELL, writing=True))

    def _move(self, instance: Instance, address: int, length: int, *, writing: bool) -> int:
        if length:
            self._memory.read(address, 1)
            self._memory.read(address + length - 1, 1)
        state = instance.state
        size, done = state["block"], 0
        while done < length:
            number, offset = divmod(state["position"], size)
            if number > _CELL:
                break
            whole = min((length - done) // size, state["most"])
            if offset or not whole:
                count = min(size - offset, length - done)
                moved = self._part(instance, number, offset, address + done, count, writing=writing)
            else:
                count = whole * size
                moved = self._blocks(instance, address + done, number, whole, writing=writing) * size
            done += moved
            state["position"] += moved
            if moved < count:
                break
        return done

    def _part(self, instance: Instance, number: int, offset: int, address: int, count: int, *, writing: bool) -> int:
        """Move bytes within one block, by way of the buffer; how many."""
        buffer = instance.state["buffer"]
        if self._blocks(instance, buffer, number, 1, writing=False) != 1:
            return 0
        if not writing:
            self._memory.write(address, self._memory.read(buffer + offset, count))
            return count
        self._memory.write(buffer + offset, self._memory.read(address, count))
        return count * self._blocks(instance, buffer, number, 1, writing=True)

    def _blocks(self, instance: Instance, address: int, number: int, count: int, *, writing: bool) -> int:
        """Have the parent move blocks; how many it did."""
        moved = _ask(_parent(instance), "write-blocks" if writing else "read-blocks", address, number, count)
        return moved if moved <= count else 0  # a driver's way of failing is a negative number


def _parent(instance: Instance) -> Instance:
    if instance.parent is None or "read-blocks" not in instance.parent.node.methods:
        raise Throw(ThrowCode.ABORT, "deblocker is opened by a device with read-blocks, and its parent is none")
    return instance.parent


def _ask(instance: Instance, method: str, *arguments: int) -> int:
    """The result of a parent's method."""
    stack = list(arguments)
    instance.call(method, stack)
    if not stack:
        raise Throw(ThrowCode.STACK_UNDERFLOW, f'"{method}" in {instance.node.path} left nothing')
    return stack.pop() & _CELL
