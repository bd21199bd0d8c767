"""The errors that the whole house shares.

Three kinds of trouble, told apart by whose fault it is: the user asked for something impossible (`UsageError`), the
emulator failed (`EngineError`), or the client program broke the rules (`GuestFault`). The last is always answered
inside the firmware with the service's declared failure and an event; it never leaves the run loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

__all__ = [
    "EngineError",
    "GuestFault",
    "MemoryFault",
    "PortError",
    "Throw",
    "ThrowCode",
    "TreeError",
    "UsageError",
    "VofError",
]


class VofError(Exception):
    """The base of every error that this package raises on purpose."""


class UsageError(VofError):
    """The user asked for something impossible. The message says what is wrong and what would work, in one line."""


class EngineError(VofError):
    """The emulator failed, or died.

    Args:
        message: what happened, in one line.
        command: the emulator's command line, if one was started.
        last_words: what the emulator printed last.
    """

    def __init__(self, message: str, *, command: Sequence[str] = (), last_words: str = "") -> None:
        super().__init__(message)
        self.command = tuple(command)
        self.last_words = last_words

    def __str__(self) -> str:
        last = self.last_words.splitlines()[-1:]
        return ": ".join([str(self.args[0]), *last])


class TreeError(EngineError):
    """The tree that the machine tells of can't be used: the engine's failure at the start, the guest's doing later."""


class PortError(VofError):
    """The only error that a port may raise: the outside could not do it. It becomes the service's declared failure."""


class GuestFault(VofError):
    """The client program broke the rules: answered and traced, never raised past the run loop.

    The message takes its arguments as `str.format` does, and is put together only when somebody reads it: a client
    that asks for a property which isn't there costs no string.
    """

    def __str__(self) -> str:
        message, *details = self.args
        return str(message).format(*details)


class MemoryFault(GuestFault):
    """A pointer or length that leads outside guest memory: the whole call is malformed, not only its result."""


class ThrowCode(IntEnum):
    """Codes of `throw` (ANS Forth, table 9.2), as far as something here throws them."""

    ABORT = -1
    ABORT_QUOTE = -2
    STACK_OVERFLOW = -3
    STACK_UNDERFLOW = -4
    RETURN_STACK_OVERFLOW = -5
    RETURN_STACK_UNDERFLOW = -6
    DICTIONARY_OVERFLOW = -8
    INVALID_MEMORY_ADDRESS = -9
    DIVISION_BY_ZERO = -10
    UNDEFINED_WORD = -13
    COMPILE_ONLY = -14
    ZERO_LENGTH_NAME = -16
    NAME_TOO_LONG = -19
    UNSUPPORTED_OPERATION = -21
    CONTROL_STRUCTURE_MISMATCH = -22
    INVALID_NUMERIC_ARGUMENT = -24
    RETURN_STACK_IMBALANCE = -25
    LOOP_PARAMETERS_UNAVAILABLE = -26
    INTERRUPT = -28
    INVALID_NAME_ARGUMENT = -32
    QUIT = -56


class Throw(Exception):
    """A Forth `throw` on its way to the nearest `catch`.

    Args:
        code: the throw code; never 0.
        reason: for people who read traces.
    """

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason
