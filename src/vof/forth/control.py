"""Words that control the flow, and those for the return stack and local variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vof.errors import Throw, ThrowCode
from vof.forth.core import CORE
from vof.forth.word import Op

if TYPE_CHECKING:
    from vof.forth.engine import Forth

__all__: list[str] = []

_A = "1275 A"
_ANS = "ANS 6"


for _word, _op, _change_of_depth, _effect in (
    ("if", Op.IF, 1, "( flag -- )"),
    ("else", Op.ELSE, 0, "( -- )"),
    ("then", Op.THEN, -1, "( -- )"),
    ("begin", Op.BEGIN, 1, "( -- )"),
    ("again", Op.AGAIN, -1, "( -- )"),
    ("until", Op.UNTIL, -1, "( flag -- )"),
    ("while", Op.WHILE, 1, "( flag -- )"),
    ("repeat", Op.REPEAT, -2, "( -- )"),
    ("do", Op.DO, 1, "( limit start -- )"),
    ("?do", Op.QUESTION_DO, 1, "( limit start -- )"),
    ("loop", Op.LOOP, -1, "( -- )"),
    ("+loop", Op.PLUS_LOOP, -1, "( n -- )"),
):

    def _structure(forth: Forth, op: Op = _op, change: int = _change_of_depth, name: str = _word) -> None:
        forth.structure(op, change, name)

    _structure.__doc__ = f"Control the flow: {_word}."
    CORE.word(_word, _effect, _A, immediate=True)(_structure)


@CORE.word("ahead", "( -- )", _ANS, immediate=True, compile_only=True)
def ahead(forth: Forth) -> None:
    """Go on behind the then."""
    forth.put_literal(0)
    forth.structure(Op.IF, 1, "ahead")


@CORE.word("case", "( x -- x )", _A, immediate=True)
def case(forth: Forth) -> None:
    """Begin a choice among numbers."""
    forth.begin_case()


@CORE.word("of", "( x n -- | x )", _A, immediate=True, compile_only=True)
def of(forth: Forth) -> None:
    """If the number is this one, up to endof."""
    forth.of()


@CORE.word("endof", "( -- )", _A, immediate=True, compile_only=True)
def endof(forth: Forth) -> None:
    """Go on behind endcase."""
    forth.structure(Op.ELSE, 0, "endof")


@CORE.word("endcase", "( x -- )", _A, immediate=True, compile_only=True)
def endcase(forth: Forth) -> None:
    """End the choice, and drop the number that was none of them."""
    forth.end_case()


@CORE.word("leave", "( -- )", _A, immediate=True, compile_only=True)
def leave(forth: Forth) -> None:
    """Leave a loop."""
    forth.put(Op.LEAVE, None, "leave")


@CORE.word("?leave", "( flag -- )", _A, immediate=True, compile_only=True)
def question_leave(forth: Forth) -> None:
    """Leave a loop if the flag is true."""
    forth.put(Op.IF, None, "?leave")
    forth.put(Op.LEAVE, None, "\0")
    forth.put(Op.THEN, None, "\0")


@CORE.word("unloop", "( -- )", _A, immediate=True, compile_only=True)
def unloop(forth: Forth) -> None:
    """Forget a loop, before an exit: i is the index of the one around it."""
    forth.put(Op.UNLOOP, None, "unloop")


for _word, _between in (("i", 0), ("j", 1), ("k", 2)):

    def _index(forth: Forth, between: int = _between, name: str = _word) -> None:
        forth.put(Op.INDEX, between, name)

    _index.__doc__ = "The index of a loop: the innermost, the one around it, or the next."
    CORE.word(_word, "( -- n )", _A, immediate=True, compile_only=True)(_index)

for _word, _op in ((">r", Op.TO_R), ("r>", Op.FROM_R), ("r@", Op.R_FETCH)):

    def _return(forth: Forth, op: Op = _op, name: str = _word) -> None:
        forth.put(op, None, name)

    _return.__doc__ = "Use the return stack."
    CORE.word(_word, "( x -- )" if _word == ">r" else "( -- x )", _A, immediate=True, compile_only=True)(_return)


@CORE.word("2>r", "( a b -- )", _ANS, immediate=True, compile_only=True)
def two_to_r(forth: Forth) -> None:
    """Put two items on the return stack."""
    swap = CORE.words["swap"]
    forth.put(Op.WORD, swap, "2>r")
    forth.put(Op.TO_R, None, "\0")
    forth.put(Op.TO_R, None, "\0")


@CORE.word("2r>", "( -- a b )", _ANS, immediate=True, compile_only=True)
def two_r_from(forth: Forth) -> None:
    """Take them back."""
    forth.put(Op.FROM_R, None, "2r>")
    forth.put(Op.FROM_R, None, "\0")
    forth.put(Op.WORD, CORE.words["swap"], "\0")


@CORE.word("{", "( … -- )", "Apple, SLOF", immediate=True, compile_only=True)
def left_brace(forth: Forth) -> None:
    """Local variables: those before `;` or `|` come from the stack, the last from its top; those behind are 0."""
    names: list[str] = []
    taken: int | None = None
    while True:
        name = forth.parse_name()
        if not name:
            raise Throw(ThrowCode.CONTROL_STRUCTURE_MISMATCH, "{ without }")
        if name == "}":
            break
        if name in (";", "|"):
            taken = len(names)
        elif name == "--":
            while forth.parse_name() not in ("}", ""):
                continue
            break
        else:
            names.append(name.lower())
    if forth.definition.locals or len(names) > 32:
        raise Throw(ThrowCode.UNSUPPORTED_OPERATION, "local variables twice, or more than 32")
    forth.definition.locals[:] = names
    forth.put(Op.LOCALS, len(names) if taken is None else taken, f"{{ {' '.join(names)} }}")
