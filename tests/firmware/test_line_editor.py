"""Lines typed key by key: what the editor shows is what it has."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vof.firmware.line_editor import INTERRUPT, LineEditor

WORDS = ("create", "cr", "constant", "dup", "/pci", "/pci/disk")
UP, DOWN, RIGHT, LEFT, HOME, END, DELETE = (f"\x1b[{code}" for code in ("A", "B", "C", "D", "H", "F", "3~"))


def utf8(text: str) -> str:
    """A text with a character for each of its bytes, as keys come."""
    return text.encode().decode("latin-1")


class Terminal:
    """What a user sees of the line where the cursor is."""

    def __init__(self) -> None:
        self.row = ""
        self.at = 0
        self.rows: list[str] = []
        self.bells = 0

    def show(self, text: str) -> None:
        for character in text.encode("latin-1").decode("utf-8", "surrogateescape"):
            if character == "\n":
                self.rows.append(self.row.rstrip())
                self.row, self.at = "", 0
            elif character == "\r":
                self.at = 0
            elif character == "\b":
                assert self.at, "moved beyond the left edge"
                self.at -= 1
            elif character == "\a":
                self.bells += 1
            else:
                self.row = self.row[: self.at] + character + self.row[self.at + 1 :]
                self.at += 1


class Typist:
    """Somebody at an editor."""

    def __init__(self) -> None:
        self.terminal = Terminal()
        self.editor = LineEditor(self.terminal.show, self.complete)
        self.lines: list[str] = []
        self.editor.ask("ok ")

    def complete(self, text: str) -> list[str]:
        word = text.rpartition(" ")[2].lower()
        return [each for each in WORDS if each.startswith(word)]

    def type(self, keys: str) -> Typist:
        for key in keys.encode("latin-1"):
            line = self.editor.feed(key)
            if line is not None:
                self.lines.append(line)
                self.editor.ask("ok ")
        return self


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ("1 2 +", "1 2 +"),
        ("1 3\b2", "1 2"),
        ("1 3\x7f2", "1 2"),
        ("bc\x01a", "abc"),
        ("ac\x02b", "abc"),
        (f"ac{LEFT}b{RIGHT}d", "abcd"),
        (f"bc{HOME}a{END}d", "abcd"),
        ("abc\x15x", "x"),
        ("one two\x17x", "one x"),
        ("abcd\x01\x06\x0b", "a"),
        ("abc\x01\x04", "bc"),
        (f"abc{HOME}{DELETE}", "bc"),
        ("con\t", "constant "),
        ("1 du\tdrop", "1 dup drop"),
        ("/p\t", "/pci"),
        ("\x1b[99;99x1", "1"),
        ("\x1bOD1", "1"),
        ("a\x00\x1fb", "ab"),
        ("  spaces  kept ", "  spaces  kept "),
        ("caf\xe9", "caf\xe9"),
        ("\xe9\x02a\x06b", "a\xe9b"),
        (utf8("aä€b"), utf8("aä€b")),
        (utf8(f"äÅ€{LEFT}{LEFT}\b!"), utf8("!Å€")),
        (utf8("ab€\x7f\x7fc"), "ac"),
    ],
)
def test_keys(keys: str, line: str) -> None:
    assert Typist().type(keys + "\r").lines == [line]


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_ends_of_line(end: str) -> None:
    assert Typist().type(f"one{end}two{end}").lines == ["one", "two"]


def test_what_was_typed_before() -> None:
    typist = Typist().type("first\rsecond\rsecond\r\r")
    assert typist.type(f"{UP}{UP}!\r").lines[-1] == "first!"
    assert typist.type(f"\x10\x10\x10{DOWN}\r").lines[-1] == "second"
    assert typist.type(f"{DOWN}x\r").lines[-1] == "x"


def test_a_line_may_have_something_already() -> None:
    typist = Typist()
    typist.editor.ask("0: ", utf8("devalias ä"))
    assert typist.terminal.row.endswith("0: devalias ä")
    assert typist.type("\x7fb\r").lines == ["devalias b"]


def test_an_interrupt_gives_the_line_up() -> None:
    assert Typist().type("half a line\x03rest\r").lines == [INTERRUPT, "rest"]


def test_several_completions_are_shown() -> None:
    typist = Typist().type("c\t")
    assert "create  cr  constant" in typist.terminal.rows
    assert typist.terminal.row == "ok c"


def test_a_line_has_an_end() -> None:
    typist = Typist().type("x" * 5000 + "\r")
    assert typist.lines == ["x" * 4096]
    assert typist.terminal.bells == 5000 - 4096


KEYS = [*"ab /\t\b\x01\x02\x04\x05\x06\x0b\x0e\x10\x15\x17\x7f\r", UP, DOWN, RIGHT, LEFT, HOME, END, DELETE]


@given(st.lists(st.sampled_from(KEYS), max_size=60))
@settings(max_examples=300, deadline=None)
def test_what_is_shown_is_what_is_there(keys: list[str]) -> None:
    typist = Typist()
    for key in keys:
        typist.type(key)
        assert typist.terminal.row.startswith("ok ")
    shown = typist.terminal.row[3:].rstrip()
    typist.type("\r")
    assert typist.lines[-1].rstrip() == shown


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes(keys: bytes) -> None:
    Typist().type(keys.decode("latin-1"))
