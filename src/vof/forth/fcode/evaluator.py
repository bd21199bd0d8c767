"""Runs FCode: what it defines goes through the compiler that text goes through.

FCode has its control structures as branches. Which structure a branch belongs to is read from where branches lead: a
conditional one that leaves a loop is its WHILE, and an unconditional one back ends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vof.errors import Throw, ThrowCode, UsageError
from vof.forth.fcode.numbers import FERROR, NAMES
from vof.forth.fcode.program import HEADER_SIZE, Program, Step, is_own, name_of
from vof.forth.word import Kind, Op, Vocabulary, Word
from vof.rom import LONGEST_PROGRAM

if TYPE_CHECKING:
    from vof.forth.engine import Forth

__all__ = ["Evaluator", "byte_load"]

_NESTING_LIMIT = 8
"""Programs that run inside of each other."""
_CODE = {name: number for number, name in NAMES.items()}
_MARK, _RESOLVE = _CODE["b(<mark)"], _CODE["b(>resolve)"]
_BRANCH, _BRANCH_UNLESS = _CODE["bbranch"], _CODE["b?branch"]
_DEFINING = {
    _CODE[f"b({word})"]: word for word in ("value", "variable", "constant", "create", "defer", "buffer:", "field")
}
_STRUCTURES = {
    _RESOLVE: (Op.THEN, -1, "then"),
    _CODE["b(do)"]: (Op.DO, 1, "do"),
    _CODE["b(?do)"]: (Op.QUESTION_DO, 1, "?do"),
    _CODE["b(loop)"]: (Op.LOOP, -1, "loop"),
    _CODE["b(+loop)"]: (Op.PLUS_LOOP, -1, "+loop"),
    _CODE["b(endof)"]: (Op.ELSE, 0, "endof"),
}
_OTHERS = {_CODE["compile"]: "compile,", _CODE["fcode-version"]: "fcode-revision"}
"""Numbers whose word has another name in text."""
_ENDS = (_CODE["end0"], _CODE["end1"])
_NOTHING = (_CODE["offset16"], _CODE["suspend-fcode"])


def byte_load(forth: Forth, data: bytes) -> None:
    """Run an FCode program.

    Args:
        forth: the Forth whose dictionary, stack and active package it gets.
        data: its bytes, with the header.

    Raises:
        Throw: they are none, or what went wrong, with the place in the program.
    """
    try:
        program = Program.parse(data)
        if program.length > min(len(data), LONGEST_PROGRAM):
            raise UsageError(f"the FCode's header says {program.length} bytes, and there are {len(data)}")
        steps = list(program.steps())
    except UsageError as error:
        raise Throw(ThrowCode.ABORT, str(error)) from None
    if program.checksum != program.sum:
        forth.type(f"FCode checksum is {program.sum:04x}, not {program.checksum:04x} as its header says\n")
    before = forth.fcode
    depth = before.depth + 1 if before else 0
    if depth >= _NESTING_LIMIT:
        raise Throw(ThrowCode.RETURN_STACK_OVERFLOW, f"{_NESTING_LIMIT} FCode programs run inside of each other")
    forth.fcode = Evaluator(forth, steps, depth)
    try:
        forth.fcode.run()
    finally:
        forth.fcode = before


def fetch_program(forth: Forth, address: int, token: int) -> bytes:
    """The bytes of a program, fetched as `byte-load` says: by a word, or from memory where that is 1.

    Raises:
        Throw: there is no program, or no memory.
    """

    def fetch(start: int, count: int, spread: int) -> bytes:
        if token == 1 and spread <= 1 and start + count <= forth.memory.size:
            return forth.memory.read(start, count) if spread else forth.memory.read(start, 1) * count
        word = forth.word_of(token) if token != 1 else forth.system_word("rb@") or forth.system_word("c@")
        assert word is not None
        found = bytearray()
        for index in range(count):
            forth.pay(5)
            forth.stack.append(start + index * spread & forth.mask)
            forth.run(word)
            found.append(forth.stack.pop() & 0xFF)
        return bytes(found)

    first = fetch(address, 1, 1)
    try:
        spread = Program.parse(first + bytes(HEADER_SIZE - 1)).spread
        header = first + fetch(address + spread, HEADER_SIZE - 1, spread)
        length = Program.parse(header).length
        if length > LONGEST_PROGRAM:
            raise UsageError(f"the FCode's header says {length} bytes, and {LONGEST_PROGRAM} are the most")
    except UsageError as error:
        raise Throw(ThrowCode.ABORT, str(error)) from None
    return header + fetch(address + HEADER_SIZE * spread, max(0, length - HEADER_SIZE), spread)


class Evaluator:
    """One program that runs.

    Args:
        forth: where.
        steps: of the program.
        depth: how many run around it.

    Attributes:
        words: what the program's own numbers mean, and those that `set-token` changed.
        immediate: numbers of which `set-token` has said that they run where a definition is compiled.
    """

    def __init__(self, forth: Forth, steps: Sequence[Step], depth: int) -> None:
        self.depth = depth
        self.words: dict[int, Word] = {}
        self.immediate: set[int] = set()
        self._forth = forth
        self._steps = steps
        self._headerless = Vocabulary("headerless")
        self._new: tuple[int, str] | None = None
        self._whiles, self._repeats = _find_whiles(steps)
        self._at = 0

    def run(self) -> None:
        """Run the program.

        Raises:
            Throw: what went wrong, and where.
        """
        forth = self._forth
        while self._at < len(self._steps):
            step = self._steps[self._at]
            self._at += 1
            if step.number in _ENDS:
                break
            try:
                with forth.throwing():
                    forth.pay(1)
                    self._step(step)
            except Throw as thrown:
                forth.drop_definition()
                reason = thrown.reason or f"threw {thrown.code}"
                place = "" if "(FCode at " in reason else f" (FCode at {step.at:#x})"
                raise Throw(thrown.code, reason + place) from None
        if forth.compiling:
            forth.drop_definition()
            raise Throw(ThrowCode.CONTROL_STRUCTURE_MISMATCH, "the FCode ends in the middle of a definition")

    def word(self, number: int) -> Word:
        """What a number means; a word that throws, if nothing (1275 A, ferror)."""
        word = self.words.get(number)
        if word is None:
            word = system_word(self._forth, number) or Word(NAMES[FERROR], Kind.PYTHON, function=_Missing(number))
            self.words[number] = word
        return word

    def token(self, number: int) -> tuple[int, bool]:
        """The execution token of what a number means, ferror's if nothing, and whether it is immediate."""
        word = self.word(number)
        if isinstance(word.function, _Missing):
            word = ferror(self._forth)
        return self._forth.token(word), word.immediate or number in self.immediate

    def _step(self, step: Step) -> None:
        forth, number = self._forth, step.number
        if is_own(number):
            self._use(number)
        elif number in _STRUCTURES:
            forth.structure(*_STRUCTURES[number])
        elif number in _DEFINING:
            self._define(_DEFINING[number])
        elif number in _METHODS:
            _METHODS[number](self, step)
        elif number not in _NOTHING:
            self._use(number)

    def _use(self, number: int) -> None:
        forth, word = self._forth, self.word(number)
        if not forth.compiling:
            if word.compile_only:
                raise Throw(ThrowCode.COMPILE_ONLY, f"{word.name}: only in a definition")
            forth.run(word)
        elif word is forth.definition.word:
            forth.put(Op.RECURSE, None, word.name)
        elif word.immediate or number in self.immediate:
            forth.run(word)
        else:
            forth.put(Op.WORD, word, word.name)

    def _next_is(self, number: int) -> bool:
        """Whether this is what follows; it is done with then."""
        if self._at < len(self._steps) and self._steps[self._at].number == number:
            self._at += 1
            return True
        return False

    # What is behind numbers

    def _literal(self, step: Step) -> None:
        cell = step.value - (step.value >> 31 << 32)
        if self._forth.compiling:
            self._forth.put_literal(cell)
        else:
            self._forth.stack.append(cell & self._forth.mask)

    def _tick(self, step: Step) -> None:
        token, _ = self.token(step.value)
        if self._forth.compiling:
            self._forth.put(Op.LITERAL, token, f"['] {self.word(step.value).name}")
        else:
            self._forth.stack.append(token)

    def _string(self, step: Step) -> None:
        self._forth.text(step.text)

    def _to(self, step: Step) -> None:
        word = self.word(step.value)
        if isinstance(word.function, _Missing):
            word.function(self._forth, self._forth.stack)
        if not (word.shared and self._forth.change_special(word.name)):
            self._forth.change(word)

    # Definitions

    def _token(self, step: Step) -> None:
        if self._forth.compiling:
            raise Throw(ThrowCode.UNSUPPORTED_OPERATION, "a definition inside of a definition")
        if not is_own(step.value):
            raise Throw(
                ThrowCode.UNSUPPORTED_OPERATION, f"{step.value:#x} can't be defined: programs have 0x800 … 0xFFF"
            )
        name = step.text.decode("latin-1")
        self._new = step.value, "" if not name.isprintable() or " " in name else name

    def _define(self, word: str) -> None:
        if self._new is None:
            raise Throw(ThrowCode.UNSUPPORTED_OPERATION, f"b({word}) without new-token")
        number, name = self._new
        self._run_defining(word, name, f"fcode-{number:03x}")
        if word == ":":
            self.words[number] = self._forth.definition.word
        else:
            self._new = None
            assert self._forth.last is not None
            self.words[number] = self._forth.last

    def _colon(self, step: Step) -> None:
        self._define(":")

    def _semicolon(self, step: Step) -> None:
        if self._new is None or not self._forth.compiling:
            raise Throw(ThrowCode.COMPILE_ONLY, "b(;) without b(:)")
        name, self._new = self._new[1], None
        self._run_defining(";", name, "")

    def _run_defining(self, word: str, name: str, stand_in: str) -> None:
        """Run a defining word; what has no name goes where nobody finds it."""
        forth = self._forth
        before = forth.current
        if not name:
            forth.current = self._headerless
        try:
            defining = forth.system_word(word)
            assert defining is not None
            with forth.reading(name or stand_in):
                forth.run(defining)
        finally:
            forth.current = before

    # Control structures

    def _mark(self, step: Step) -> None:
        self._forth.structure(Op.BEGIN, 1, "begin")

    def _branch_unless(self, step: Step) -> None:
        if step.value < 0:
            self._forth.structure(Op.UNTIL, -1, "until")
        elif step.at in self._whiles:
            self._forth.structure(Op.WHILE, 1, "while")
        else:
            self._forth.structure(Op.IF, 1, "if")

    def _branch(self, step: Step) -> None:
        forth = self._forth
        if step.value < 0:
            if step.at in self._repeats and self._next_is(_RESOLVE):
                forth.structure(Op.REPEAT, -2, "repeat")
            else:
                forth.structure(Op.AGAIN, -1, "again")
        elif self._next_is(_RESOLVE):
            forth.structure(Op.ELSE, 0, "else")
        else:
            forth.put_literal(0)
            forth.structure(Op.IF, 1, "ahead")

    def _leave(self, step: Step) -> None:
        self._forth.put(Op.LEAVE, None, "leave")

    def _case(self, step: Step) -> None:
        self._forth.begin_case()

    def _of(self, step: Step) -> None:
        self._forth.of()

    def _endcase(self, step: Step) -> None:
        self._forth.end_case()


_METHODS = {
    _CODE["b(lit)"]: Evaluator._literal,
    _CODE["b(')"]: Evaluator._tick,
    _CODE['b(")']: Evaluator._string,
    _CODE["b(to)"]: Evaluator._to,
    _CODE["new-token"]: Evaluator._token,
    _CODE["named-token"]: Evaluator._token,
    _CODE["external-token"]: Evaluator._token,
    _CODE["b(:)"]: Evaluator._colon,
    _CODE["b(;)"]: Evaluator._semicolon,
    _MARK: Evaluator._mark,
    _BRANCH_UNLESS: Evaluator._branch_unless,
    _BRANCH: Evaluator._branch,
    _CODE["b(leave)"]: Evaluator._leave,
    _CODE["b(case)"]: Evaluator._case,
    _CODE["b(of)"]: Evaluator._of,
    _CODE["b(endcase)"]: Evaluator._endcase,
}


class _Missing:
    """What a number without a meaning does: a driver that never comes to it works without.

    Args:
        number: it.
    """

    def __init__(self, number: int) -> None:
        self._number = number

    def __call__(self, forth: Forth, stack: list[int]) -> None:
        name = name_of(self._number)
        what = "a number that was never defined" if is_own(self._number) or name == NAMES[FERROR] else name
        raise Throw(ThrowCode.UNDEFINED_WORD, f"FCode {self._number:#05x}: {what}: undefined word")


def system_word(forth: Forth, number: int) -> Word | None:
    """What a number means that isn't a program's own; None for nothing."""
    name = _OTHERS.get(number) or NAMES.get(number)
    return None if name is None or number == FERROR else forth.system_word(name)


def ferror(forth: Forth) -> Word:
    """The word that numbers without a meaning mean."""
    word = forth.system_word(NAMES[FERROR])
    assert word is not None
    return word


def _find_whiles(steps: Sequence[Step]) -> tuple[set[int], set[int]]:
    """Where the conditional branches are that leave a loop, and the branches back of such loops."""
    ends: dict[int, Step] = {}
    for step in steps:
        if step.number in (_BRANCH, _BRANCH_UNLESS) and step.value < 0:
            ends[step.target] = step
    whiles, repeats = set(), set()
    open_loops: list[Step] = []
    for step in steps:
        if step.number == _MARK and step.end in ends:
            open_loops.append(ends[step.end])
        elif open_loops and step is open_loops[-1]:
            open_loops.pop()
        elif open_loops and step.number == _BRANCH_UNLESS and step.target > open_loops[-1].at:
            whiles.add(step.at)
            repeats.add(open_loops[-1].at)
    return whiles, repeats
