"""Programs that mean harm: each ends in a throw, soon, and without much of the host's memory."""

from __future__ import annotations

import time

import pytest

from vof.errors import Throw, ThrowCode
from vof.forth import DEFAULT_BUDGET, Forth, Space
from vof.memory import GuestMemory

SIZE = 1 << 21
STEPS = 4_000_000
"""A tenth of what a text has by default."""
SOON = 10.0
"""Seconds; each takes less than one where nothing else runs."""

TOO_LONG = ThrowCode.INTERRUPT


def forth(bits: int = 32, steps: int = STEPS) -> Forth:
    memory = GuestMemory(bytearray(SIZE))
    made = Forth(memory, lambda: Space(memory, 0x110000, 0x40000), bits=bits)
    made.steps = steps
    return made


def outcome(made: Forth, text: str) -> int:
    """0, or what was thrown; anything else that is raised fails the test."""
    try:
        made.evaluate(text)
    except Throw as thrown:
        made.abort()
        return thrown.code
    return 0


ENDLESS = {
    "again": ": x begin again ; x",
    "until": ": x begin 0 until ; x",
    "spaces once": "7fffffff spaces",
    "+loop by nothing": ": x 1 0 do 0 +loop ; x",
    "a loop of everything": ": x 0 0 do 0 0 do loop loop ; x",
    "a long body": f": x begin {'1 drop ' * 4000} again ; x",
    "a long body of fetches": f"variable v : x begin {'v @ drop ' * 3000} again ; x",
    "a long word in a loop": f": y {'1 drop ' * 4000} ; : x begin y again ; x",
    "a long word of calls": f": y {'depth drop ' * 4000} ; : x begin y again ; x",
    "its throw is caught": ": g begin again ; : x begin ['] g catch drop again ; x",
    "its throw is caught in a text": ': g begin again ; : x begin s" g" [\'] evaluate catch drop 2drop again ; x',
    "each of many calls catches": "defer a : b ['] a catch drop a ; ' b to a a",
    "abort is caught": ": x begin ['] abort catch drop again ; x",
    "texts": ': x begin s" 1 drop" evaluate again ; x',
    "definitions": ': x begin s" : q 1 drop ;" evaluate again ; x',
    "structures outside of definitions": ': x begin s" 1 if 2 drop then" evaluate again ; x',
    "an empty text": ": x begin 0 100000 evaluate again ; 0 100000 20 fill x",
    "a text read again and again": "1 drop 0 >in !",
    "fill": ": x begin 0 100000 0 fill again ; x",
    "move": ": x begin 0 80000 80000 move again ; x",
    "cmove": ": x begin 0 1 100000 cmove 1 0 100000 cmove> again ; x",
    "comp": ": x begin 0 80000 80000 comp drop again ; x",
    "compare": ": x begin 0 100000 2dup compare drop again ; x",
    "$=": ": x begin 0 100000 2dup $= drop again ; x",
    "search": ': x begin 0 100000 s" zq" search 2drop drop again ; x',
    "$find": ": x begin 0 100000 $find 2drop drop again ; x",
    "$number": ": x begin 0 100000 $number drop again ; x",
    "-trailing": ": x begin 0 100000 -trailing 2drop again ; x",
    "left-parse-string": ": x begin 0 100000 41 left-parse-string 2drop 2drop again ; x",
    "environment?": ": x begin 0 100000 environment? drop again ; x",
    "wbflips": ": x begin 0 100000 wbflips again ; x",
    "type": ": x begin 0 100000 type again ; x",
    "spaces": ": x begin 7fffffff spaces again ; x",
    "source": ": x begin source 2drop again ; x",
    "word": ": x begin 20 word drop again ; x",
    "allot": ": x begin 30000 allot -30000 allot again ; x",
    "roll": ": g 800 0 do i loop ; : x begin 7fe roll again ; g x",
    ">number": ": x begin 0 0 80000 8000 >number 2drop 2drop again ; x",
    ".s": ": x begin .s again ; x",
    "order": ": x begin order again ; x",
    "body>": ": x begin 10000 ['] body> catch 2drop again ; x",
}


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("text", ENDLESS.values(), ids=ENDLESS)
def test_what_never_ends_is_ended(text: str, bits: int) -> None:
    made = forth(bits)
    start = time.monotonic()
    assert outcome(made, text) == TOO_LONG
    assert time.monotonic() - start < SOON
    assert outcome(made, "1 2 +") == 0 and made.stack == [3]


STORMS = {
    "create": "variable n 100000 n ! : x begin 1 n +! n @ (.) $create again ; x",
    "the same name": ': x begin s" abcd" $create again ; x',
    "wordlist": ": x begin wordlist drop again ; x",
    "vocabulary": ': x begin s" vocabulary q" evaluate again ; x',
    "marker": ': x begin s" marker q" evaluate again ; x',
    "definitions": ': x begin s" : abcd 1 2 3 4 5 6 7 8 ;" evaluate again ; x',
    "their texts": f': x {"1 drop " * 20} .( {"y" * 900}) ." {"y" * 10000}" ;',
    "xts": ": x begin :noname postpone ; drop again ; x",
    "xts that are forgotten": ': x begin s" : abcd 1 2 3 4 ; \' abcd drop forget abcd" evaluate again ; x',
}


@pytest.mark.parametrize("text", STORMS.values(), ids=STORMS)
def test_words_without_end_fill_the_dictionary(text: str) -> None:
    made = forth()
    start, texts = time.monotonic(), 0
    while outcome(made, text) != ThrowCode.DICTIONARY_OVERFLOW:
        texts += 1
        made._room = min(made._room, 1 << 20)
        assert texts < 200 and time.monotonic() - start < SOON
    assert outcome(made, "1 2 +") == 0 and made.stack == [3]


def test_what_is_forgotten_or_wrong_makes_room() -> None:
    made = forth()
    made.evaluate(": x 1 ;")
    room = made._room
    for text in (f": y {'1 drop ' * 100} ; forget y", ": y 1 flub", "1 if 2 drop then", "marker m 5 value v m"):
        outcome(made, text)
        made.abort()
        outcome(made, text)
        outcome(made, text)
    assert room - made._room <= 2000


HARMFUL = {
    "recursion": (": x recurse ; x", ThrowCode.RETURN_STACK_OVERFLOW),
    "recursion of two": ("defer a : b a ; ' b to a a", ThrowCode.RETURN_STACK_OVERFLOW),
    "texts in texts": (': e s" e" evaluate ; e', ThrowCode.RETURN_STACK_OVERFLOW),
    "the stack": (": x begin 1 again ; x", ThrowCode.STACK_OVERFLOW),
    "the stack, by thousands": (f": x begin {'1 ' * 8000} again ; x", ThrowCode.STACK_OVERFLOW),
    "the return stack": (": x begin 1 >r again ; x", ThrowCode.RETURN_STACK_OVERFLOW),
    "the return stack, in a branch": (": x begin 1 if 1 >r then again ; x", ThrowCode.RETURN_STACK_OVERFLOW),
    "the search order": (": x begin also again ; x", ThrowCode.STACK_OVERFLOW),
    "a number's text": (": x <# begin 41 hold again ; x", ThrowCode.DICTIONARY_OVERFLOW),
    "many conditions": (f": x {'1 if ' * 10000}", ThrowCode.DICTIONARY_OVERFLOW),
    "deep conditions": (f": x {'1 if ' * 90} {'then ' * 90} ;", ThrowCode.CONTROL_STRUCTURE_MISMATCH),
    "deep loops": (f": x {'1 0 do ' * 15} {'loop ' * 15} ;", ThrowCode.CONTROL_STRUCTURE_MISMATCH),
    "deep begins": (f": x {'begin ' * 50} {'1 until ' * 50} ;", ThrowCode.CONTROL_STRUCTURE_MISMATCH),
    "a definition without end": (f": x {'1 drop ' * 20000}", ThrowCode.DICTIONARY_OVERFLOW),
    "compiling without end": (": x begin postpone dup again ; immediate : y x ;", ThrowCode.DICTIONARY_OVERFLOW),
    "allot": ("7fffffff allot", ThrowCode.DICTIONARY_OVERFLOW),
    "allot back": ("-1000000 allot", ThrowCode.DICTIONARY_OVERFLOW),
    "buffer:": ("ffffffff buffer: x", ThrowCode.DICTIONARY_OVERFLOW),
    "fill": ("0 7fffffff 0 fill", ThrowCode.INVALID_MEMORY_ADDRESS),
    "erase": ("100 -1 erase", ThrowCode.INVALID_MEMORY_ADDRESS),
    "move": ("0 100 7fffffff move", ThrowCode.INVALID_MEMORY_ADDRESS),
    "type": ("0 7fffffff type", ThrowCode.INVALID_MEMORY_ADDRESS),
    "pick": ("1 -1 pick", ThrowCode.STACK_UNDERFLOW),
    "roll": ("1 2 -1 roll", ThrowCode.STACK_UNDERFLOW),
    "a missing [then]": (f"0 [if] {'x ' * 100000}", ThrowCode.CONTROL_STRUCTURE_MISMATCH),
    "a long name": ("x" * 1000000, ThrowCode.UNDEFINED_WORD),
    "a long number": ("1" * 1000000, ThrowCode.UNDEFINED_WORD),
}


@pytest.mark.parametrize(("text", "code"), HARMFUL.values(), ids=HARMFUL)
def test_what_is_too_much_throws(text: str, code: ThrowCode) -> None:
    made = forth(steps=DEFAULT_BUDGET)
    start = time.monotonic()
    assert outcome(made, text) == code
    assert time.monotonic() - start < SOON
    assert outcome(made, "1 2 +") == 0 and made.stack == [3]


def test_what_is_odd_is_no_harm() -> None:
    for text in (
        "( " * 100000,
        f": x 1 {'0= ' * 5000} ; x",
        f": x {'1 if 2 drop then ' * 3000} ; x",
        "0 base ! 1 . 1 base ! 1 . -1 base ! 1 . <# 1 0 # #s #> type hex",
        'decimal 2000000000 base ! s" zz" $number 0 0 s" zz" >number',
        "1 7fffffff lshift 1 7fffffff rshift 1 7fffffff >>a",
        "1 2 7fffffff d.r 1 7fffffff .r 1 7fffffff u.r",
    ):
        made = forth()
        start = time.monotonic()
        assert outcome(made, text) == 0, text[:60]
        assert time.monotonic() - start < SOON
