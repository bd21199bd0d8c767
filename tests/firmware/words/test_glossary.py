"""Every name in the standard's glossary: a word that we have, or one that docs/words.md says why we don't."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vof.firmware import words as words  # the device's words are in its table
from vof.firmware.words.absent import ABSENT
from vof.forth import TABLES
from vof.forth.fcode.numbers import NAMES

HERE = Path(__file__).parent
DOCS = HERE.parents[2] / "docs"


def glossary() -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {}
    for line in (HERE / "glossary.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        kind = re.match(r"(\w+): ", line)
        if kind is not None:
            kinds[kind[1]] = []
            line = line[kind.end() :]
        next(reversed(kinds.values())).extend(line.split())
    return kinds


GLOSSARY = glossary()
OURS = {name for table in ("core", "wide", "device") for name in TABLES[table].words}


@pytest.mark.parametrize("kind", [kind for kind in GLOSSARY if kind != "fcode"])
def test_a_word_is_there_or_it_is_said_why_not(kind: str) -> None:
    assert [name for name in GLOSSARY[kind] if name not in OURS and name not in ABSENT] == []


def test_what_a_tokenizer_writes_has_its_number() -> None:
    assert [name for name in GLOSSARY["fcode"] if name not in NAMES.values()] == []


def test_what_is_said_to_be_absent_is_and_is_in_the_glossary() -> None:
    names = {name for kind in GLOSSARY.values() for name in kind}
    assert [name for name in ABSENT if name in OURS or name not in names] == []


def test_the_documentation_lists_what_is_absent() -> None:
    page = (DOCS / "words.md").read_text().partition("## Absent")[2]
    assert re.findall(r"^\| `(\S+)` \|", page, re.MULTILINE) == sorted(ABSENT)


def test_help_says_why() -> None:
    from test_words import alone

    forth, console = alone()
    forth.evaluate("help debug")
    assert ABSENT["debug"] in console.written.decode()
