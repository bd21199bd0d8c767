"""What runs a word of each kind that is no definition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from vof.errors import Throw, ThrowCode
from vof.forth.word import Function, Kind, Word

if TYPE_CHECKING:
    from vof.forth.engine import Forth

__all__ = ["BY_KIND"]


def _push_value(word: Word) -> Function:
    def run(forth: Forth, stack: list[int]) -> None:
        stack.append(forth.instance_cell(word) if word.instance else word.value)

    return run


def _push_address(word: Word) -> Function:
    def run(forth: Forth, stack: list[int]) -> None:
        stack.append(forth.instance_address(word) if word.instance else word.value)
        if word.target is not None:
            forth.run(word.target)

    return run


def _run_target(word: Word) -> Function:
    def run(forth: Forth, stack: list[int]) -> None:
        target = word.target
        if word.instance or target is None:
            target = forth.target(word)
        if target is None:
            raise Throw(ThrowCode.UNSUPPORTED_OPERATION, f"{word.name}: a deferred word that was never set")
        forth.budget -= 1
        if forth.budget < 0:
            forth.pay()
        (target.function or forth.function(target))(forth, stack)

    return run


def _add_offset(word: Word) -> Function:
    def run(forth: Forth, stack: list[int]) -> None:
        stack[-1] = stack[-1] + word.value & forth.mask

    return run


BY_KIND: Mapping[Kind, Callable[[Word], Function]] = {
    Kind.CONSTANT: _push_value,
    Kind.VALUE: _push_value,
    Kind.VARIABLE: _push_address,
    Kind.BUFFER: _push_address,
    Kind.CREATE: _push_address,
    Kind.DEFER: _run_target,
    Kind.FIELD: _add_offset,
}
"""Makes the function of a word."""
