"""Makes one Python function of one Forth definition.

The stack's top is kept in Python variables wherever it is known: `dup +` costs no list operation. Whatever is known
goes back to the stack before a call, a branch and a loop, so that each block of Python begins with nothing known.
Control structures become Python's own. No text of a user's gets into the Python: names are numbered, strings are
objects.

Steps are paid for in loops, each time round, and in definitions that call others, each time they run; see
`Forth.pay`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vof.errors import Throw, ThrowCode
from vof.forth.analysis import steps_of, takes_returns_in_blocks
from vof.forth.word import Function, Inline, Kind, Op, Token, Word

if TYPE_CHECKING:
    from vof.forth.compilation import Compilation

__all__ = ["compile_word"]

_DEEPEST = 60
"""Control structures inside of each other: Python takes a hundred levels of indentation, and some take two."""
_DEEPEST_LOOPS = 20
"""Loops of Python's inside of each other, of which `do` … `loop` takes two."""
_LONGEST_CONDITION = 100
_NO_STEPS = 4
"""A definition that calls nobody and has no more steps than these is paid for by its callers."""
_LOOP_CHUNK = 4096
"""Rounds of a loop that are paid for at a time."""


@dataclass(slots=True)
class _Item:
    """A cell that is known: an expression without effect, or a condition for true and false."""

    text: str
    condition: bool = False


@dataclass(slots=True)
class _Block:
    """A control structure that is open.

    Attributes:
        kind: what began it.
        number: its variables' number.
        indent: the indentation of its first line.
        place: the step that began it.
        whiles: how many WHILEs it has had.
        pay: the line that pays for a round of it, and what the steps are multiplied by there.
        unlooped: loops that `unloop` had forgotten where it began.
        leaves: the loops that a LEAVE inside of it is for, where they are further out.
    """

    kind: Op
    number: int
    indent: int
    place: int
    unlooped: int
    whiles: int = 0
    pay: tuple[int, str] | None = None
    leaves: set[int] = field(default_factory=set)


def compile_word(forth: Compilation, word: Word) -> Function:
    """The function of a definition or a primitive.

    Raises:
        Throw: its control structures don't match, or are too deep.
    """
    tokens = word.source if word.inline is None else (Token(Op.WORD, word),)
    return _Compiler(forth, word, tokens).function()


class _Compiler:
    def __init__(self, forth: Compilation, word: Word, tokens: Sequence[Token]) -> None:
        self._forth = forth
        self._word = word
        self._tokens = tokens
        self._lines: list[str] = []
        self._indent = 1
        self._place = 0
        self._unlooped = 0
        self._known: list[_Item] = []
        self._returns: list[str] = []
        self._explicit_returns = takes_returns_in_blocks(tokens)
        self._blocks: list[_Block] = []
        self._count = 0
        self._steps = [0]  # up to each place
        for token in tokens:
            self._steps.append(self._steps[-1] + steps_of(token))
        self._pays = any(token.op is Op.RECURSE for token in tokens) or self._steps[-1] > _NO_STEPS
        self._names: dict[int, str] = {}
        self._space: dict[str, Any] = {
            "M": forth.mask,
            "H": forth.sign,
            "B": forth.bits,
            "Throw": Throw,
            **forth.helpers,
        }

    def function(self) -> Function:
        for place, token in enumerate(self._tokens):
            self._place = place
            self._step(token)
        if self._blocks:
            raise _mismatch()
        self._spill()
        head = ["def word(f, s):"]
        if self._pays:
            head += [f"    f.budget -= {1 + self._steps[-1]}", "    if f.budget < 0:", "        f.pay()"]
        if self._word.local_count:
            head.append("    " + " = ".join(f"v{number}" for number in range(self._word.local_count)) + " = 0")
        if self._explicit_returns:
            head.append("    r = []")
        body = self._lines or ["    pass"]
        try:
            exec(compile("\n".join([*head, *body]), "<forth>", "exec"), self._space)
        except (SyntaxError, RecursionError, MemoryError):
            raise Throw(ThrowCode.DICTIONARY_OVERFLOW, "the definition is too much for Python") from None
        function: Function = self._space["word"]
        return function

    # What is known of the stack

    def _emit(self, text: str) -> None:
        self._lines.append("    " * self._indent + text)

    def _fresh(self, text: str) -> _Item:
        """A variable with the value of an expression."""
        self._count += 1
        name = f"t{self._count}"
        self._emit(f"{name} = {text}")
        return _Item(name)

    def _pop(self) -> _Item:
        return self._known.pop() if self._known else self._fresh("s.pop()")

    def _cell(self, item: _Item) -> str:
        """An item as an expression of its cell."""
        return self._fresh(f"M if {item.text} else 0").text if item.condition else item.text

    def _pop_cell(self) -> str:
        return self._cell(self._pop())

    def _spill(self) -> None:
        """Put all that is known on the stack."""
        cells = [self._cell(item) for item in self._known]
        self._known.clear()
        if len(cells) == 1:
            self._emit(f"s.append({cells[0]})")
        elif cells:
            self._emit(f"s += ({', '.join(cells)})")

    # Steps

    def _step(self, token: Token) -> None:
        argument = token.argument
        match token.op:
            case Op.LITERAL:
                self._known.append(_Item(str(argument)))
            case Op.WORD:
                self._use(argument)
            case Op.RECURSE:
                self._call(self._word)
            case Op.TYPE:
                self._call_python(f"f.type({self._name(argument)})")
            case Op.TO:
                self._to(argument)
            case Op.EXIT:
                self._spill()
                self._emit("return")
            case Op.DOES:
                self._spill()
                self._emit(f"f.does({self._name(argument)})")
                self._emit("return")
            case Op.LOCALS:
                for number in range(argument - 1, -1, -1):
                    self._emit(f"v{number} = {self._pop_cell()}")
            case Op.LOCAL:
                self._known.append(self._fresh(f"v{argument}"))
            case Op.TO_LOCAL:
                self._emit(f"v{argument} = {self._pop_cell()}")
            case Op.TO_R | Op.FROM_R | Op.R_FETCH:
                self._return_stack(token.op)
            case _:
                self._control(token.op, argument)

    def _use(self, word: Word) -> None:
        if word.inline is not None:
            self._put_inline(word.inline)
        elif word.kind is Kind.CONSTANT or (word.kind in _WITH_ADDRESS and not word.instance and word.target is None):
            self._known.append(_Item(str(word.value)))
        elif word.kind is Kind.VALUE:
            fetch = f"f.instance_cell({self._name(word)})" if word.instance else f"{self._name(word)}.value"
            self._known.append(self._fresh(fetch))
        elif word.kind is Kind.FIELD:
            self._known.append(self._fresh(f"({self._pop_cell()} + {word.value}) & M"))
        else:
            self._call(word)

    def _put_inline(self, inline: Inline) -> None:
        items = [self._pop() for _ in range(inline.inputs)][::-1]
        if inline.results == ("not {0}",) and len(items[0].text) < _LONGEST_CONDITION:
            self._known.append(_Item(f"not ({items[0].text})", condition=True))
            return
        if all(len(result) == 3 and result[0] == "{" for result in inline.results) and not inline.statement:
            self._known += [items[int(result[1])] for result in inline.results]  # it only moves them
            return
        cells = [self._cell(item) for item in items]
        if inline.statement:
            self._emit(inline.statement.format(*cells))
        results = []
        for result in inline.results:
            text = result.format(*cells)
            results.append(_Item(text, condition=True) if inline.flag else self._fresh(text))
        self._known += results

    def _to(self, word: Word) -> None:
        cell = self._pop_cell()
        if word.instance:
            self._emit(f"f.set_instance_cell({self._name(word)}, {cell})")
        elif word.kind is Kind.DEFER:
            self._emit(f"f.set_target({self._name(word)}, {cell})")
        elif word.kind is Kind.VARIABLE:
            self._emit(f"store({word.value}, {cell})")
        else:
            self._emit(f"{self._name(word)}.value = {cell}")

    def _call(self, word: Word) -> None:
        self._spill()
        name = self._name(word)
        if word is self._word:
            self._emit("word(f, s)")
        elif (function := self._forth.ready(word)) is not None:
            self._space[f"c{name}"] = function
            self._emit(f"c{name}(f, s)")
        else:
            self._emit(f"f.run({name})")

    def _call_python(self, text: str) -> None:
        self._spill()
        self._emit(text)

    def _name(self, thing: object) -> str:
        """The name by which the function knows an object."""
        name = self._names.get(id(thing))
        if name is None:
            name = self._names[id(thing)] = f"o{len(self._names)}"
            self._space[name] = thing
        return name

    def _return_stack(self, op: Op) -> None:
        if self._explicit_returns:
            if op is Op.TO_R:
                self._emit(f"r.append({self._pop_cell()})")
            else:
                self._known.append(self._fresh("r.pop()" if op is Op.FROM_R else "r[-1]"))
        elif op is Op.TO_R:
            self._returns.append(self._pop_cell())
        elif not self._returns:
            raise Throw(ThrowCode.RETURN_STACK_IMBALANCE, "more is taken from the return stack than was put there")
        else:
            self._known.append(_Item(self._returns.pop() if op is Op.FROM_R else self._returns[-1]))

    # Control structures

    def _open(self, op: Op, head: str, number: int = 0) -> _Block:
        if len(self._blocks) >= _DEEPEST:
            raise Throw(ThrowCode.CONTROL_STRUCTURE_MISMATCH, f"{_DEEPEST} control structures are inside of each other")
        block = _Block(op, number or self._number(), self._indent, self._place, self._unlooped)
        if sum(_LOOPS.get(each.kind, 0) for each in (*self._blocks, block)) > _DEEPEST_LOOPS:
            raise Throw(ThrowCode.CONTROL_STRUCTURE_MISMATCH, "too many loops are inside of each other")
        self._blocks.append(block)
        self._emit(head)
        self._indent += 1
        self._emit("pass")
        return block

    def _close(self, *kinds: Op) -> _Block:
        if not self._blocks or self._blocks[-1].kind not in kinds:
            raise _mismatch()
        self._spill()
        block = self._blocks.pop()
        self._indent = block.indent
        self._unlooped = block.unlooped
        if block.pay is not None:
            line, rounds = block.pay
            steps = 1 + self._steps[self._place + 1] - self._steps[block.place + 1] - (block.kind is Op.LOOP)
            self._lines[line] = self._lines[line] + (f"({rounds}) * {steps}" if rounds != "1" else str(steps))
        return block

    def _number(self) -> int:
        self._count += 1
        return self._count

    def _control(self, op: Op, argument: Any) -> None:
        match op:
            case Op.IF:
                test = self._pop().text
                self._spill()
                self._open(Op.IF, f"if {test}:")
            case Op.ELSE:
                self._close(Op.IF)
                self._open(Op.ELSE, "else:")
            case Op.THEN:
                self._close(Op.IF, Op.ELSE)
            case Op.BEGIN:
                self._begin()
            case Op.WHILE:
                self._while()
            case Op.AGAIN | Op.REPEAT | Op.UNTIL:
                self._end_of_begin(op)
            case Op.DO | Op.QUESTION_DO:
                self._do(op)
            case Op.LOOP | Op.PLUS_LOOP:
                self._loop(op)
            case Op.LEAVE:
                self._leave()
            case Op.INDEX:
                self._known.append(_Item(f"(i{self._loops(argument + self._unlooped).number} & M)"))
            case Op.UNLOOP:
                self._unlooped += 1
            case _:
                raise AssertionError(op)

    def _pay(self, block: _Block, rounds: str) -> None:
        """Pay for rounds of a loop; the price of one is known at its end."""
        block.pay = len(self._lines), rounds
        self._emit("f.budget -= ")
        self._emit("if f.budget < 0:")
        self._emit("    f.pay(0, r)" if self._explicit_returns else "    f.pay()")

    def _begin(self) -> None:
        self._spill()
        number = self._number()
        self._emit(f"w{number} = -1")
        self._pay(self._open(Op.BEGIN, "while True:", number), "1")

    def _while(self) -> None:
        if not self._blocks or self._blocks[-1].kind is not Op.BEGIN:
            raise _mismatch()
        block = self._blocks[-1]
        test = self._pop().text
        self._spill()
        self._emit(f"if not ({test}):")
        self._emit(f"    w{block.number} = {block.whiles}")
        self._emit("    break")
        block.whiles += 1

    def _end_of_begin(self, op: Op) -> None:
        if op is Op.UNTIL:
            test = self._pop().text
            self._spill()
            self._emit(f"if {test}:")
            self._emit("    break")
        block = self._close(Op.BEGIN)
        self._go_on_leaving(block)
        if op is Op.REPEAT and not block.whiles:
            self._close(Op.IF, Op.ELSE)  # an IF before the BEGIN does for a WHILE
        # What follows is for the last way out alone; the earlier WHILEs lead to a THEN (or ELSE) behind it.
        for way in range(block.whiles - 1 if op is Op.REPEAT else block.whiles):
            self._open(Op.IF, f"if w{block.number} != {way}:")

    def _do(self, op: Op) -> None:
        start, limit = self._pop_cell(), self._pop_cell()
        self._spill()
        n = self._number()
        self._emit(f"l{n} = False")
        rounds = f"{limit} - {start} & M" if op is Op.QUESTION_DO else f"({limit} - {start} - 1 & M) + 1"
        if self._ends_in_plus_loop():
            self._emit(f"i{n} = {start}")
            self._emit(f"e{n} = {limit}")
            self._pay(self._open(Op.PLUS_LOOP, f"while {rounds}:", n), "1")
            return
        self._emit(f"a{n} = {start}")
        self._emit(f"e{n} = a{n} + ({rounds})")
        block = self._open(Op.LOOP, f"for c{n} in range(a{n}, e{n}, {_LOOP_CHUNK}):", n)
        self._emit(f"d{n} = min(c{n} + {_LOOP_CHUNK}, e{n})")
        self._pay(block, f"d{n} - c{n}")
        self._emit(f"for i{n} in range(c{n}, d{n}):")
        self._indent += 1
        self._emit("pass")

    def _ends_in_plus_loop(self) -> bool:
        """Whether the loop whose DO is being compiled ends in +LOOP."""
        inner = 0
        for token in self._tokens[self._place :]:
            if token.op in (Op.DO, Op.QUESTION_DO):
                inner += 1
            elif token.op in (Op.LOOP, Op.PLUS_LOOP):
                inner -= 1
                if not inner:
                    return token.op is Op.PLUS_LOOP
        raise _mismatch()

    def _loop(self, op: Op) -> None:
        if op is Op.LOOP:
            block = self._close(Op.LOOP)
            inner = "    " * (block.indent + 1)
            self._lines += [f"{inner}else:", f"{inner}    continue", f"{inner}break"]
        else:
            step = self._pop_cell()
            n = self._loops(0).number
            self._spill()
            # It ends where the step crosses the border between limit - 1 and limit (ANS 6.1.0140).
            self._emit(f"x{n} = (({step}) ^ H) - H")
            self._emit(f"y{n} = ((i{n} - e{n} & M) ^ H) - H")
            self._emit(f"i{n} = i{n} + x{n} & M")
            self._emit(f"if (y{n} < 0) != (y{n} + x{n} < 0):")
            self._emit("    break")
            block = self._close(Op.PLUS_LOOP)
        self._go_on_leaving(block)

    def _loops(self, between: int) -> _Block:
        """The DO that encloses this place, or one further out."""
        loops = [block for block in self._blocks if block.kind in (Op.LOOP, Op.PLUS_LOOP)]
        if len(loops) <= between:
            raise Throw(ThrowCode.LOOP_PARAMETERS_UNAVAILABLE, "outside of a loop")
        return loops[-1 - between]

    def _leave(self) -> None:
        target = self._loops(0)
        self._spill()
        for block in reversed(self._blocks):
            if block is target:
                break
            if block.kind is Op.BEGIN:
                block.leaves.add(target.number)
                self._emit(f"l{target.number} = True")
        self._emit("break")

    def _go_on_leaving(self, block: _Block) -> None:
        """Behind a loop that a LEAVE may have ended for the sake of one further out."""
        for number in sorted(block.leaves):
            self._emit(f"if l{number}:")
            self._emit("    break")


_WITH_ADDRESS = (Kind.VARIABLE, Kind.BUFFER, Kind.CREATE)
_LOOPS = {Op.BEGIN: 1, Op.LOOP: 2, Op.PLUS_LOOP: 1}
"""How many loops of Python's each is."""


def _mismatch() -> Throw:
    return Throw(ThrowCode.CONTROL_STRUCTURE_MISMATCH, "control structures don't match")
