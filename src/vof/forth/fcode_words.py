"""Words that have to do with FCode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vof.errors import Throw, ThrowCode
from vof.forth.core import CORE

if TYPE_CHECKING:
    from vof.forth.engine import Forth

__all__: list[str] = []

_A = "1275 A"
_REVISION = 0x00030000
_LAST_NUMBER = 0xFFF


@CORE.word("byte-load", "( address xt -- )", _A)
def byte_load_word(forth: Forth) -> None:
    """Run the FCode program at an address; the word fetches a byte of it, 1 means c@."""
    from vof.forth.fcode.evaluator import byte_load, fetch_program

    token, address = forth.stack.pop(), forth.stack.pop()
    byte_load(forth, fetch_program(forth, address, token))


@CORE.word("fcode-revision", "( -- n )", _A)
def fcode_revision(forth: Forth) -> None:
    """The version of FCode: 3.0."""
    forth.stack.append(_REVISION)


@CORE.word("get-token", "( fcode# -- xt immediate? )", _A)
def get_token(forth: Forth) -> None:
    """What an FCode number means."""
    from vof.forth.fcode.evaluator import system_word

    number = forth.stack.pop()
    word = forth.fcode.word(number) if forth.fcode is not None else system_word(forth, number)
    forth.stack += (forth.token(word), forth.mask if word.immediate else 0)


@CORE.word("set-token", "( xt immediate? fcode# -- )", _A)
def set_token(forth: Forth) -> None:
    """Have an FCode number mean something else for the program that runs."""
    number, _, token = forth.stack.pop(), forth.stack.pop(), forth.stack.pop()
    if forth.fcode is None or number > _LAST_NUMBER:
        raise Throw(ThrowCode.UNSUPPORTED_OPERATION, "set-token: while an FCode program runs, for 0 … 0xFFF")
    forth.fcode.words[number] = forth.word_of(token)
