"""Words that show: help, the dictionary, definitions, memory, registers."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from vof.errors import Throw, ThrowCode
from vof.firmware.words.absent import ABSENT
from vof.firmware.words.engine import DEVICE
from vof.forth import TABLES, Kind
from vof.forth.numbers import parse_number
from vof.forth.word import Op, Token, Word

if TYPE_CHECKING:
    from vof.firmware.words.engine import FirmwareForth
    from vof.forth import Forth

__all__: list[str] = []

_A = "1275 A"
_LINE = 16
_DUMP_STEPS = 100
"""That a line of `dump` costs beside its text."""
_WIDTH = 78
_INTRODUCTION = """\
This is an Open Firmware user interface; numbers are hexadecimal.
  dev PATH, ls, pwd, .properties    look at the device tree
  show-devs, devalias               its paths and short names
  printenv, setenv NAME VALUE       configuration variables
  boot [DEVICE] [ARGUMENTS]         load a program and start it
  load DEVICE, go                   the same in two steps
  words, see NAME, help NAME        the Forth that all this is
  reset-all, power-off, bye         leave
"""


def _fw(forth: Forth) -> FirmwareForth:
    return cast("FirmwareForth", forth)


@DEVICE.word("help", "( -- )", _A)
def help_(forth: Forth) -> None:
    """Say what can be done, or what a word does."""
    name = forth.parse_name()
    if not name:
        for line in _INTRODUCTION.splitlines():
            forth.type(f"{line}\r\n")
        return
    word = forth.find(name)
    if word is None and name.lower() in ABSENT:
        forth.type(f"{name}: this firmware doesn't have it: {ABSENT[name.lower()]}\r\n")
        return
    if word is None:
        from difflib import get_close_matches

        near = get_close_matches(name.lower(), forth.words(), 3)
        hint = f": is it {', '.join(near)}?" if near else ": words lists them"
        raise Throw(ThrowCode.UNDEFINED_WORD, f"no word {name[:40]}{hint}")
    said = (word.name, word.effect, word.summary, f"[{word.clause}]" if word.clause else "")
    forth.type(f"{' '.join(each for each in said if each)}\r\n")


@DEVICE.word("words", "( -- )", _A)
def words(forth: Forth) -> None:
    """Type the names of the active package's methods, or of all words where none is active."""
    active = _fw(forth).active
    names = forth.words() if active is None else list(active.methods)
    if active is not None and not names:
        forth.type(f"{active.path} has no methods; after device-end, words types all words\r\n")
        return
    line = ""
    for name in names:
        if len(line) + len(name) > _WIDTH:
            forth.type(f"{line}\r\n")
            line = ""
        line += f"{name} "
    forth.type(f"{line}\r\n")


@DEVICE.word("sifting", "( -- )", _A)
def sifting(forth: Forth) -> None:
    """Type the names of words that have a text in them: `sifting prop`."""
    _sift(forth, forth.parse_name())


@DEVICE.word("sift", "( text count -- )", _A)
def sift(forth: Forth) -> None:
    """The same, with the text from the stack."""
    _sift(forth, forth.pop_text())


def _sift(forth: Forth, text: str) -> None:
    found = [name for name in forth.words() if text.lower() in name.lower()]
    forth.type(f"{' '.join(found)}\r\n")


@DEVICE.word("$sift", "( text count -- )", _A)
def dollar_sift(forth: Forth) -> None:
    """The same."""
    _sift(forth, forth.pop_text())


@DEVICE.word("showstack", "( -- )", _A)
def showstack(forth: Forth) -> None:
    """Have the prompt show the stack after each line."""
    _fw(forth).shows_stack = True


@DEVICE.word("noshowstack", "( -- )", _A)
def noshowstack(forth: Forth) -> None:
    """Have it show the stack no more."""
    _fw(forth).shows_stack = False


@DEVICE.word("patch", "( -- )", _A)
def patch(forth: Forth) -> None:
    """Have a definition use another word, or number: `patch new old definition`."""
    new, old, name = (forth.parse_name() for _ in range(3))
    _patch(forth, new, old, name)


@DEVICE.word("(patch)", "( new new-is-number? old old-is-number? xt -- )", _A)
def paren_patch(forth: Forth) -> None:
    """The same from the stack, words by their execution tokens."""
    word = forth.word_of(forth.stack.pop())
    steps = []
    for _ in range(2):
        is_number, cell = forth.stack.pop(), forth.stack.pop()
        steps.append(Token(Op.LITERAL, cell) if is_number else _word_step(forth.word_of(cell)))
    _replace(forth, word, steps[1], steps[0])


def _patch(forth: Forth, new: str, old: str, name: str) -> None:
    word = forth.find(name) if name else None
    if word is None:
        raise Throw(ThrowCode.UNDEFINED_WORD, f"{name[:40]}: undefined word" if name else "patch NEW OLD DEFINITION")
    _replace(forth, word, _as_step(forth, new), _as_step(forth, old))


def _as_step(forth: Forth, name: str) -> Token:
    word = forth.find(name)
    if word is not None:
        return _word_step(word)
    number = parse_number(name, forth.base)
    if number is None:
        raise Throw(ThrowCode.UNDEFINED_WORD, f"{name[:40]}: undefined word")
    return Token(Op.LITERAL, number & forth.mask)


def _word_step(word: Word) -> Token:
    return Token(Op.WORD, word, word.name)


def _replace(forth: Forth, word: Word, new: Token, old: Token) -> None:
    steps = list(word.source)
    for place, step in enumerate(steps):
        if step.op is old.op and step.argument == old.argument:
            steps[place] = new
            break
    else:
        raise Throw(ThrowCode.INVALID_NAME_ARGUMENT, f"{word.name} has nothing like that")
    if word.shared:
        raise Throw(ThrowCode.UNSUPPORTED_OPERATION, f"{word.name} is the firmware's own")
    word.source = tuple(steps)
    word.function = None
    for vocabulary in forth.order:
        for other in vocabulary.words.values():
            if other.kind is Kind.COLON:
                other.function = None  # it may have called what was there


@DEVICE.word("see", "( -- )", _A)
def see(forth: Forth) -> None:
    """Type a word's definition."""
    name = forth.parse_name()
    word = forth.find(name)
    if word is None:
        raise Throw(ThrowCode.UNDEFINED_WORD, f"{name[:40]}: undefined word" if name else "see NAME")
    forth.type(f"{definition(forth, word)}\r\n")


@DEVICE.word("(see)", "( xt -- )", _A)
def paren_see(forth: Forth) -> None:
    """The same, by its execution token."""
    forth.type(f"{definition(forth, forth.word_of(forth.stack.pop()))}\r\n")


def definition(forth: Forth, word: Word) -> str:
    """A word as it might have been defined."""
    number = f"{word.value:x}"
    immediate = " immediate" if word.immediate else ""
    if word.kind is Kind.COLON and word.text:
        return f": {word.name} {word.effect} {word.text} ;{immediate}"
    if word.kind is Kind.COLON:
        steps = " ".join(_step(forth, token.text, token.argument) for token in word.source if token.text != "\0")
        return f": {word.name} {steps} ;{immediate}"
    if word.kind in (Kind.CONSTANT, Kind.VALUE):
        return f"{number} {word.kind.value} {word.name}"
    if word.kind is Kind.DEFER:
        return f"defer {word.name}" + (f" ' {word.target.name} to {word.name}" if word.target is not None else "")
    if word.kind in (Kind.PYTHON, Kind.INLINE):
        return f"code {word.name} {word.effect}{immediate}"
    if word.kind is Kind.FIELD:
        return f"{number} {word.size:x} field {word.name} drop"
    does = f" does> {' '.join(t.text for t in word.target.source)}" if word.target is not None else ""
    return f"{word.kind.value} {word.name} \\ at {number}{does}"


def _step(forth: Forth, text: str, argument: object) -> str:
    return text or (f"{argument:x}" if isinstance(argument, int) else str(argument))


@DEVICE.word("dump", "( address count -- )", _A)
def dump(forth: Forth) -> None:
    """Type memory."""
    length, address = forth.stack.pop(), forth.stack.pop()
    for place in range(address, address + length, _LINE):
        line = forth.memory.read(place, min(_LINE, address + length - place))
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in line)
        forth.pay(_DUMP_STEPS)
        forth.type(f"{place:08x}: {line.hex(' ', 4):{_LINE * 2 + 3}} {text}\r\n")


@DEVICE.word(".calls", "( xt -- )", _A)
def dot_calls(forth: Forth) -> None:
    """Type the names of the words that can be found whose definitions have a word."""
    word = forth.word_of(forth.stack.pop())
    for name in forth.words():
        other = forth.find(name)
        if other is not None and _uses(other, word):
            forth.type(f"{name}\r\n")


def _uses(word: Word, used: Word) -> bool:
    if word.shared:
        return used.shared != "" and used.name in word.text.split()
    return any(step.argument is used for step in word.source)


@DEVICE.word("exit?", "( -- flag )", _A)
def exit_question(forth: Forth) -> None:
    """Whether the user has had enough of what is typed: no; here it isn't stopped at each page."""
    forth.stack.append(0)


def glossary() -> list[Word]:
    """All words that every Forth has, by name: for the reference page."""
    rows = [word for name in ("core", "wide", "device") for word in TABLES[name].words.values()]
    return sorted(rows, key=lambda word: word.name)
