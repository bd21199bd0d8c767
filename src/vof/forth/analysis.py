"""What is to be known of a definition's steps before Python is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from vof.forth.word import Inline, Kind, Op, Token, Word

__all__ = ["steps_of", "takes_returns_in_blocks"]

_MEMORY_STEPS, _CALL_STEPS, _PYTHON_STEPS, _PLUS_LOOP_STEPS = 6, 2, 10, 10
"""What is paid for an access to memory, the call of a definition, that of a word in Python, and a `+loop`."""
_OP_STEPS = {Op.RECURSE: _CALL_STEPS, Op.DO: _CALL_STEPS, Op.QUESTION_DO: _CALL_STEPS, Op.PLUS_LOOP: _PLUS_LOOP_STEPS}


@cache
def _steps_of_inline(inline: Inline) -> int:
    text = " ".join((*inline.results, inline.statement))
    return 1 + (_MEMORY_STEPS - 1) * (text.count("fetch") + text.count("store"))


def steps_of(token: Token) -> int:
    """What is paid for a step of a definition."""
    if token.op is not Op.WORD:
        return _OP_STEPS.get(token.op, 1)
    word: Word = token.argument
    if word.inline is not None:
        return _steps_of_inline(word.inline)
    return _PYTHON_STEPS if word.kind is Kind.PYTHON else _CALL_STEPS


def takes_returns_in_blocks(tokens: Sequence[Token]) -> bool:
    """Whether a block changes what of the return stack was there before it: then Python needs a list for that."""
    depth = 0
    marks: list[int] = []
    whiles: list[int] = []  # of each mark
    for token in tokens:
        match token.op:
            case Op.TO_R:
                depth += 1
            case Op.FROM_R:
                depth -= 1
                if marks and depth < marks[-1]:
                    return True
            case Op.IF | Op.BEGIN | Op.DO | Op.QUESTION_DO:
                marks.append(depth)
                whiles.append(0)
            case Op.ELSE | Op.WHILE | Op.THEN | Op.REPEAT | Op.UNTIL | Op.AGAIN | Op.LOOP | Op.PLUS_LOOP:
                if marks and depth != marks[-1]:
                    return True
                if marks and token.op is Op.WHILE:
                    whiles[-1] += 1
                elif marks and token.op is not Op.ELSE:
                    marks.pop()
                    used = whiles.pop()
                    if token.op is Op.REPEAT:
                        used -= 1
                    if used < 0 and marks and depth != marks.pop():
                        return True
                    # Each WHILE that is left has a THEN behind the loop.
                    marks += [depth] * used
                    whiles += [0] * max(0, used)
    return False
