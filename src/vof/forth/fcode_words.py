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


@CORE.word("ferror", "( -- )", _A)
def ferror_word(forth: Forth) -> None:
    """What an FCode number without a meaning does: throw."""
    raise Throw(ThrowCode.UNDEFINED_WORD, "ferror: an FCode number without a meaning")


@CORE.word("get-token", "( fcode# -- xt immediate? )", _A)
def get_token(forth: Forth) -> None:
    """What an FCode number means; ferror, if nothing."""
    from vof.forth.fcode.evaluator import ferror, system_word

    number = forth.stack.pop()
    if forth.fcode is not None:
        token, immediate = forth.fcode.token(number)
    else:
        word = system_word(forth, number) or ferror(forth)
        token, immediate = forth.token(word), word.immediate
    forth.stack += (token, forth.mask if immediate else 0)


@CORE.word("set-token", "( xt immediate? fcode# -- )", _A)
def set_token(forth: Forth) -> None:
    """Have an FCode number mean something else for the program that runs."""
    number, immediate, token = forth.stack.pop(), forth.stack.pop(), forth.stack.pop()
    if forth.fcode is None or number > _LAST_NUMBER:
        raise Throw(ThrowCode.UNSUPPORTED_OPERATION, "set-token: while an FCode program runs, for 0 … 0xFFF")
    forth.fcode.words[number] = forth.word_of(token)
    (forth.fcode.immediate.add if immediate else forth.fcode.immediate.discard)(number)
