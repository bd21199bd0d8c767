"""The return stack outside of definitions: Mac OS 9's boot script begins with `here >r`, and has its `r>` much later.

A definition has a return stack of its own, and so has a control structure outside of one; what is between has this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from vof.errors import Throw, ThrowCode
from vof.firmware.words.engine import DEVICE
from vof.forth import TABLES

if TYPE_CHECKING:
    from vof.firmware.words.engine import FirmwareForth
    from vof.forth import Forth

__all__: list[str] = []

_A = "1275 A"
_LIMIT = 4096


Act = Callable[["FirmwareForth"], None]


def _to_r(forth: FirmwareForth) -> None:
    if len(forth.returns) >= _LIMIT:
        raise Throw(ThrowCode.RETURN_STACK_OVERFLOW, "too much on the return stack")
    forth.returns.append(forth.stack.pop())


def _from_r(forth: FirmwareForth) -> None:
    _r_fetch(forth)
    forth.returns.pop()


def _r_fetch(forth: FirmwareForth) -> None:
    if not forth.returns:
        raise Throw(ThrowCode.RETURN_STACK_UNDERFLOW, "nothing is on the return stack")
    forth.stack.append(forth.returns[-1])


for _name, _effect, _summary, _act in (
    (">r", "( x -- )", "Move a number to the return stack.", _to_r),
    ("r>", "( -- x )", "Move it back.", _from_r),
    ("r@", "( -- x )", "The number that is on top of the return stack.", _r_fetch),
):

    def _run(forth: Forth, name: str = _name, act: Act = _act) -> None:
        if forth.compiling:
            forth.run(TABLES["core"].words[name])
        else:
            act(cast("FirmwareForth", forth))

    _run.__doc__ = _summary
    DEVICE.word(_name, _effect, _A, immediate=True)(_run)
