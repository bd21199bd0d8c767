"""What a few hundred lines do at SLOF's and OpenBIOS's prompts, and here.

SLOF's cells have 64 bits, OpenBIOS's 32; ours are what those of the one that we are compared with are. What an oracle
takes for an error, it doesn't know; what we answer otherwise is in `REASONS`.
"""

from __future__ import annotations

from functools import cache

import pytest
from fakes import QuietConsole
from prompts import OPENBIOS, RECORDS, REPORT, SLOF, Answer, Prompt, one_liners, read_answer, read_records

from vof.errors import Throw
from vof.firmware import words as words  # the device's words are in its table
from vof.forth import TABLES
from vof.vm.alone import firmware_alone

CELLS = {"slof": 64, "openbios": 32}

REASONS = {
    ("openbios", "1 2 3 .s"): "it shows how many first",
    ("slof", "banner"): "each has its own",
    ("openbios", "banner"): "each has its own",
    ("openbios", '" abd" drop " abc" comp'): "it gives -1 whichever is greater; 1275 A and SLOF: 1",
    ("openbios", "forth 5"): "it leaves a cell",
    ("openbios", "#lines 0>"): "it counts a screen's, of which it has none",
    ("openbios", "#columns 0>"): "it counts a screen's, of which it has none",
    ("openbios", "77 0 d."): "it has no d., and takes it for a number",
    ("slof", "11 0 d0="): "it has no d0=, and takes it for numbers",
    ("slof", "1 0 0 1 d<"): "it has no d<, and takes it for a number",
    ("slof", "-1 -1 0 0 d<"): "it has no d<, and takes it for a number",
    ("openbios", "create spot 20 allot 55 spot rb! spot rb@"): "it leaves the store's address",
    ("openbios", "create spot 20 allot 1234 spot rw! spot rw@"): "it leaves the store's address",
    ("openbios", "create spot 20 allot 12345678 spot rl! spot rl@"): "it leaves the store's address",
    ("openbios", "variable v v body> ' v ="): "its body is behind where the data are; ANS 6.1.0550: it is the data",
    ("openbios", "variable v ' v >body v ="): "its body is behind where the data are; ANS 6.1.0550: it is the data",
    ("slof", "variable v v body> ' v ="): "its body is behind where the data are; ANS 6.1.0550: it is the data",
    ("slof", "variable v ' v >body v ="): "its body is behind where the data are; ANS 6.1.0550: it is the data",
    ("openbios", ": t 1 0 / ; ' t catch 0<>"): "the CPU's answer is 0; ANS 9.3.5: it throws -10",
    ("slof", ": t 1 0 / ; ' t catch 0<>"): "the CPU's answer is 0; ANS 9.3.5: it throws -10",
    ("openbios", ": t { a b } a b + to a a ; 5 3 t"): "its local variables can't be changed so; Apple's can",
    (
        "openbios",
        ': t 1 abort" bad" 5 ; \' t catch',
    ): "it types the text though it is caught; ANS 9.6.2.0680: it doesn't",
    ("openbios", ": t 1 2 + ; patch 5 1 t t"): "its patch knows no numbers; 1275 A's does",
    ("openbios", ": t 5 ; forget t"): "it says that the word is obsolescent",
    ("openbios", "mask @ 1+"): "its mask is a word that does nothing",
    ("slof", "3 even 4 even -1 even"): "it makes 5 of 4, which is even",
}


@cache
def ours(cells: int) -> dict[str, Answer]:
    """What we answer to each line, all of them typed at one prompt."""
    console = QuietConsole()
    forth = firmware_alone(console, cells=cells).forth
    forth.evaluate(REPORT)
    answers: dict[str, Answer] = {}
    for line in one_liners():
        console.written = b""
        try:
            forth.evaluate("clear hex")
            forth.evaluate(f"{line} report")
        except Throw:
            forth.abort()
            forth.activate(None)
            answers[line] = None
        else:
            answers[line] = read_answer(console.written.decode("latin-1"))
    return answers


@pytest.mark.parametrize("oracle", CELLS)
def test_every_line_is_recorded(oracle: str) -> None:
    assert list(read_records(RECORDS / f"{oracle}.txt")) == one_liners(), "run tools/record_prompts.py"


@pytest.mark.parametrize("oracle", CELLS)
def test_lines_do_the_same(oracle: str) -> None:
    theirs, mine = read_records(RECORDS / f"{oracle}.txt"), ours(CELLS[oracle])
    differ = {line for line, answer in theirs.items() if answer is not None and mine[line] != answer}
    with_reason = {line for name, line in REASONS if name == oracle}
    assert differ == with_reason, "\n".join(
        f"{line}\n  {theirs[line]}\n  {mine[line]}" for line in differ ^ with_reason
    )
    known = sum(answer is not None for answer in theirs.values())
    assert known > 500 and len(with_reason) <= known / 20


def test_what_both_take_for_an_error_is_a_word_that_neither_has() -> None:
    slof, openbios = (read_records(RECORDS / f"{name}.txt") for name in CELLS)
    neither = [line for line in one_liners() if slof[line] is None and openbios[line] is None]
    assert len(neither) <= len(one_liners()) / 20, neither


@pytest.mark.guest
@pytest.mark.parametrize(("oracle", "command"), [("slof", SLOF), ("openbios", OPENBIOS)])
def test_the_records_are_true(oracle: str, command: tuple[str, ...]) -> None:
    records = read_records(RECORDS / f"{oracle}.txt")
    sample = [line for line in one_liners() if records[line] is not None and "node" not in line][:: len(CELLS) * 6]
    with Prompt(command) as prompt:
        assert {line: prompt.ask(line) for line in sample} == {line: records[line] for line in sample}


NOT_HERE = {
    "boots, resets or waits": (
        "boot load go init-program reset-all power-off key ms expect span accept callback $callback sync"
    ),
    "needs a console of one's own": "stdin stdout input output io input-device output-device install-console",
    "shows what differs from firmware to firmware": (
        "help words sifting sift see (see) dump .registers ctrace show-devs devalias ls .properties printenv"
    ),
}
NEITHER_HAS = "%msr %pc %srr0 %srr1 .version d>s dma-sync map-in sift u>d umin"
"""Words that there is nobody to ask about; they have tests of their own."""


def test_every_word_of_the_standard_has_a_line() -> None:
    used = {word.lower() for text in (*one_liners(), REPORT) for word in text.split()}
    used |= {word.strip("',[]()") for word in used}
    rows = [word for name in ("core", "device") for word in TABLES[name].words.values() if "1275" in word.clause]
    excepted = {word for words in (*NOT_HERE.values(), NEITHER_HAS) for word in words.split()}
    assert sorted(word.name for word in rows if word.name not in used | excepted) == []


@pytest.mark.guest
@pytest.mark.parametrize("command", [SLOF, OPENBIOS], ids=["slof", "openbios"])
def test_nobody_has_these(command: tuple[str, ...]) -> None:
    with Prompt(command) as prompt:
        answers = {word: prompt.ask(f'" {word}" $find if drop 1 else 2drop 0 then') for word in NEITHER_HAS.split()}
    assert answers == dict.fromkeys(NEITHER_HAS.split(), ((0,), ""))
