"""The mailbox: how the stub in the guest and this process talk, in a few pages of shared RAM.

The guest posts a *request* (hello, a client call, "your order is done") and waits; the host answers each with one
*order* (return, make a hypercall, call a function, jump, …). A request is accepted only if its 64-bit word holds both
this run's nonce and the next number, so that no stray word in RAM, which is the client program's own after it took the
machine over, looks like one. `src/vof/guest/mailbox.inc` is the layout; docs/mailbox.md tells it in words.

This side spins a little, then sleeps ever longer: see `Mailbox.wait`.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
import time
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any

__all__ = ["BATCH_LIMIT", "HELLO_AT", "NONCE_AT", "RESIDENT_AT", "Mailbox", "OrderKind", "RequestKind", "resident_stub"]

BATCH_LIMIT = 170
"""Device accesses that one batch holds."""

_GUEST = os.path.join(os.path.dirname(__file__), "..", "guest")
HELLO_AT = 4
"""Where a machine starts the resident page."""
RESIDENT_AT = 0x1000
"""Where the resident page begins in the file of a stub that has code before it."""
_BOX = 0x1000
NONCE_AT = _BOX + 0x0C
"""Where the host writes its number, from the resident page."""
_BOX_SIZE = 0x120
_BATCH = 0x2000
_REGISTERS = 0x1200
_REGISTER_CELLS = struct.Struct(">41Q")
_REGISTER_NAMES = (
    *(f"r{number}" for number in range(32)),
    *("vector", "srr0", "srr1", "lr", "cr", "ctr", "xer", "dar", "dsisr"),
)
_RESULT_CELLS = struct.Struct(">9Q")
_REQUEST_HEAD = struct.Struct(">I4xQ")
_ACCESS = struct.Struct(">QQQ")
_FLAG_MAY_NAP = 1

# indices of 64-bit words in the box
_REQUEST = 1
_ORDER = 12
_ORDER_ARGUMENT = 13

_SPINS = 1500
"""Looks at the mailbox before the CPU is given up: some 60 µs."""
_SHORT_SLEEP = 20e-6
_SHORT_SLEEPS = 50
_LONGEST_SLEEP = 40e-3
"""Once the client program has the machine, nobody is in a hurry: twenty-five looks a second cost next to nothing."""


def resident_stub(bits: int) -> bytes:
    """The stub's page that stays in memory, with the mailbox behind it, for a CPU of so many bits; without a nonce."""
    with open(os.path.join(_GUEST, "pseries.bin" if bits == 64 else "mailbox32.bin"), "rb") as file:
        return file.read()[RESIDENT_AT if bits == 64 else 0 :]


class RequestKind(IntEnum):
    """What the guest asks."""

    HELLO = 1
    CALL = 2
    DONE = 3
    EXCEPTION = 4


class OrderKind(IntEnum):
    """What the guest is told to do."""

    RETURN = 1
    HYPERCALL = 2
    CALL = 3
    JUMP = 4
    BATCH = 5
    CLEAR = 6


class Mailbox:
    """The host's side of one mailbox.

    Args:
        ram: guest memory, from address 0.
        page: the resident page's address, a multiple of 4096; the mailbox is behind it.
        nonce: this run's number, not 0.

    Attributes:
        kind: what the last accepted request asks.
        argument: its first argument.
    """

    def __init__(self, ram: mmap.mmap, page: int, nonce: int) -> None:
        self._ram = ram
        self._box = page + _BOX
        self._batch = page + _BATCH
        self._registers = page + _REGISTERS
        self._nonce = _swap32(nonce)
        with memoryview(ram) as whole, whole[self._box : self._box + _BOX_SIZE] as box:
            self._words = box.cast("Q")
        self._head_at = self._box + 0x10
        self._results_at = self._box + 0x18
        self._seen = self._words[_REQUEST]
        self._expected = -1
        self._return_order = 0
        self._number = 0
        self.kind = RequestKind.DONE
        self.argument = 0

    def forget(self) -> None:
        """Nobody is at the other end: what comes next is a hello."""
        self._words[_REQUEST] = self._seen = 0
        self._expected = -1

    def close(self) -> None:
        """Let go of guest memory."""
        self._words.release()

    def wait(self, idle: Callable[[float], bool]) -> bool:
        """Wait for a request.

        Spins first, since an answer to a client that calls in a row comes within microseconds; then sleeps 20 µs at a
        time, since a spinning process that shares its core with others loses whole time slices; then leaves the waiting
        to `idle`, for at most as many seconds as it is told, up to 40 ms.

        Args:
            idle: waits and tends to other things; says whether to stop waiting.

        Returns:
            Whether a request came: `kind` and `argument` tell which. False if `idle` stopped the waiting.
        """
        words, seen = self._words, self._seen
        for _ in range(_SPINS):
            if words[_REQUEST] != seen:
                if self._accept():
                    return True
                seen = self._seen
        for _ in range(_SHORT_SLEEPS):
            time.sleep(_SHORT_SLEEP)
            if words[_REQUEST] != seen:
                if self._accept():
                    return True
                seen = self._seen
        seconds = 1e-3
        while not idle(seconds):
            if words[_REQUEST] != seen:
                if self._accept():
                    return True
                seen = self._seen
            seconds = min(2 * seconds, _LONGEST_SLEEP)
        return False

    @property
    def held(self) -> bool:
        """Whether the guest waits for the order that answers its last request."""
        return self._seen == self._expected

    @property
    def has_news(self) -> bool:
        """Whether the request's word has changed since it was last looked at."""
        return self._words[_REQUEST] != self._seen

    def give_back(self, r3: int) -> None:
        """Order: return to the client program with this in r3."""
        words = self._words
        words[_ORDER_ARGUMENT] = _swap(r3) if r3 else 0
        words[_ORDER] = self._return_order
        # The rest happens while the guest is already running on.
        number = self._number = (self._number + 1) & 0x7FFFFFFF
        self._expected = _word(number, self._nonce)
        self._return_order = _word(number, _RETURN)

    def order(self, kind: OrderKind, arguments: Sequence[int]) -> None:
        """Give an order with at most twelve 64-bit arguments."""
        words = self._words
        for index, argument in enumerate(arguments, _ORDER_ARGUMENT):
            words[index] = _swap(argument)
        words[_ORDER] = _word(self._number, _swap32(kind))
        self._expect(self._number + 1 & 0x7FFFFFFF)

    def results(self) -> tuple[int, ...]:
        """The nine words that came with the last request, unsigned."""
        return _RESULT_CELLS.unpack_from(self._ram, self._results_at)

    def registers(self) -> dict[str, int]:
        """What an exception found: r0 … r31, vector, srr0, srr1, lr, cr, ctr, xer, dar and dsisr."""
        return dict(zip(_REGISTER_NAMES, _REGISTER_CELLS.unpack_from(self._ram, self._registers), strict=True))

    def put_batch(self, accesses: Sequence[tuple[int, int, int]]) -> None:
        """Lay out a batch of (write << 8 | width, address, value), at most `BATCH_LIMIT`."""
        for index, access in enumerate(accesses):
            _ACCESS.pack_into(self._ram, self._batch + index * _ACCESS.size, *access)

    def batch_values(self, count: int) -> list[int]:
        """The values of a batch that is done."""
        return [_ACCESS.unpack_from(self._ram, self._batch + index * _ACCESS.size)[2] for index in range(count)]

    def may_nap(self, allowed: bool) -> None:
        """Say whether the stub may borrow the decrementer's vector to give its CPU up while it waits."""
        struct.pack_into(">I", self._ram, self._box + 0xC8, _FLAG_MAY_NAP if allowed else 0)

    def take_state(self) -> tuple[Any, ...]:
        """What this side knows that is not in guest memory."""
        return self._seen, self._number, self.kind, self.argument

    def put_state(self, state: tuple[Any, ...]) -> None:
        """Know what was known when that was taken."""
        self._seen, number, self.kind, self.argument = state
        self._expect(number)

    def _accept(self) -> bool:
        """Look at a request word that has changed: whether it is a request."""
        word = self._words[_REQUEST]
        self._seen = word
        if word != self._expected:
            number, nonce = _halves(word)
            if nonce != self._nonce or not number & _HELLO_BIT:
                return False
            self._expect(number)
        kind, self.argument = _REQUEST_HEAD.unpack_from(self._ram, self._head_at)
        self.kind = _KINDS.get(kind, RequestKind.DONE)
        return True

    def _expect(self, number: int) -> None:
        """The request with this number is the one that comes next, or that has come."""
        self._number = number
        self._expected = _word(number, self._nonce)
        self._return_order = _word(number, _RETURN)


_HELLO_BIT = 0x80000000
_KINDS = {int(kind): kind for kind in RequestKind}

# A word of the mailbox that both sides compare or write at once: a number, which is little-endian in memory, and what
# follows it there. On this host it is read as a native 64-bit integer.
if sys.byteorder == "little":

    def _word(number: int, follows: int) -> int:
        return follows << 32 | number

    def _halves(word: int) -> tuple[int, int]:
        return word & 0xFFFFFFFF, word >> 32

    def _swap32(value: int) -> int:
        """A 32-bit value as this host reads it where the guest wrote it big-endian, or the other way round."""
        return int.from_bytes(value.to_bytes(4, "big"), "little")

else:

    def _word(number: int, follows: int) -> int:
        return int.from_bytes(number.to_bytes(4, "little"), "big") << 32 | follows

    def _halves(word: int) -> tuple[int, int]:
        return int.from_bytes((word >> 32).to_bytes(4, "big"), "little"), word & 0xFFFFFFFF

    def _swap32(value: int) -> int:
        """A 32-bit value as this host reads it where the guest wrote it big-endian, or the other way round."""
        return value


_RETURN = _swap32(OrderKind.RETURN)


def _swap(value: int) -> int:
    """A 64-bit value as this host's memory must hold it to be big-endian there, or back."""
    return int.from_bytes((value & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "big"), sys.byteorder)
