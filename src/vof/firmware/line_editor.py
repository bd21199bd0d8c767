"""A line typed at a console, key by key, with what 1275 has as command line editing.

On a terminal of its own the command line interface has a library for it. This is for all other consoles: a serial line,
a socket, a script.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence

__all__ = ["INTERRUPT", "LineEditor"]

INTERRUPT = "\x03"
"""What `feed` gives where the user wants to be rid of the line, or of what goes on."""

_BELL = "\a"
_LONGEST = 4096
_KEPT = 100
_ESCAPE = "\x1b"


class LineEditor:
    """Makes lines of keys, and says what to show.

    Ctrl-A and Ctrl-E go to the line's ends, Ctrl-B and Ctrl-F or the arrows move, Ctrl-P and Ctrl-N go through what was
    typed before, Ctrl-D or Delete, Backspace, Ctrl-K, Ctrl-U and Ctrl-W erase, Ctrl-L shows the line again, Tab
    completes a word, Ctrl-C gives up.

    Bytes are UTF-8: a character of several of them is one place in the line. Others are kept as they are.

    Args:
        show: gets what the console has to show, a character for each byte.
        complete: gives the words that may stand for the last one of a text.
    """

    def __init__(self, show: Callable[[str], None], complete: Callable[[str], Sequence[str]]) -> None:
        self._send = show
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._complete = complete
        self._prompt = ""
        self._line = ""
        self._at = 0
        self._escape = ""
        self._after_return = False
        self._history: list[str] = []
        self._back = 0

    def ask(self, prompt: str, line: str = "") -> None:
        """Show a prompt, and what the next line has already."""
        self._prompt = prompt
        self._line = _characters(line)
        self._at = len(self._line)
        self._show(prompt + self._line)
        self._back = 0

    def feed(self, key: int) -> str | None:
        """Take a key, a byte: the line that it ends with a character for each byte, `INTERRUPT`, or None."""
        ended = None
        for character in self._decoder.decode(bytes((key,))):
            ended = self._take(character)  # there are several after half a character, and the last one is the key's
        return ended

    def _show(self, text: str) -> None:
        self._send(_bytes(text))

    def _take(self, character: str) -> str | None:
        if self._escape:
            self._sequence(character)
            return None
        after_return, self._after_return = self._after_return, character == "\r"
        if character == "\n" and after_return:
            return None  # the second half of a line's end
        if character in "\r\n":
            return self._end()
        if character == INTERRUPT:
            self._show("^C\r\n")
            self._line, self._at = "", 0
            return INTERRUPT
        if character == _ESCAPE:
            self._escape = character
        elif action := _ACTIONS.get(character):
            action(self)
        elif character.isprintable() or "\udc80" <= character <= "\udcff":
            self._insert(character)
        else:
            self._show(_BELL)
        return None

    def _end(self) -> str:
        line, self._line, self._at = self._line, "", 0
        if line.strip() and self._history[-1:] != [line]:
            self._history = [*self._history, line][-_KEPT:]
        self._show("\r\n")
        return _bytes(line)

    def _sequence(self, character: str) -> None:
        """The rest of what a terminal sends for an arrow, Home, End or Delete."""
        self._escape += character
        if self._escape in ("\x1b[", "\x1bO") or (character in "0123456789;" and len(self._escape) < 8):
            return
        action = _KEYS.get(self._escape[2:])
        self._escape = ""
        if action is not None:
            action(self)

    def _insert(self, text: str) -> None:
        if len(self._line) + len(text) > _LONGEST:
            self._show(_BELL)
            return
        rest = self._line[self._at :]
        self._line = self._line[: self._at] + text + rest
        self._at += len(text)
        self._show(text + rest + "\b" * len(rest))

    def _cut(self, first: int, last: int) -> None:
        """Take what is between two places out of the line; the cursor is at one of them."""
        back = self._at - first
        rest, gone = self._line[last:], last - first
        self._line, self._at = self._line[:first] + rest, first
        self._show("\b" * back + rest + " " * gone + "\b" * (gone + len(rest)))

    def _move(self, place: int) -> None:
        self._show("\b" * (self._at - place) if place < self._at else self._line[self._at : place])
        self._at = place

    def _left(self) -> None:
        self._move(max(0, self._at - 1))

    def _right(self) -> None:
        self._move(min(len(self._line), self._at + 1))

    def _home(self) -> None:
        self._move(0)

    def _to_end(self) -> None:
        self._move(len(self._line))

    def _backspace(self) -> None:
        if self._at:
            self._cut(self._at - 1, self._at)

    def _delete(self) -> None:
        if self._at < len(self._line):
            self._cut(self._at, self._at + 1)

    def _kill(self) -> None:
        self._cut(self._at, len(self._line))

    def _erase(self) -> None:
        self._to_end()
        self._cut(0, len(self._line))

    def _erase_word(self) -> None:
        start = self._line[: self._at].rstrip().rfind(" ") + 1
        self._cut(start, self._at)

    def _again(self) -> None:
        rest = len(self._line) - self._at
        self._show(f"\r\n{self._prompt}{self._line}" + "\b" * rest)

    def _older(self) -> None:
        self._recall(self._back + 1)

    def _newer(self) -> None:
        self._recall(self._back - 1)

    def _recall(self, back: int) -> None:
        if not 0 <= back <= len(self._history):
            self._show(_BELL)
            return
        self._back = back
        self._erase()
        self._insert(self._history[-back] if back else "")

    def _tab(self) -> None:
        start = self._line[: self._at].rfind(" ") + 1
        words = [_characters(word) for word in self._complete(_bytes(self._line[: self._at]))]
        common = _common([word.lower() for word in words])
        if len(words) == 1 or len(common) > self._at - start:
            self._cut(start, self._at)
            self._insert((words[0] + " ") if len(words) == 1 else words[0][: len(common)])
        elif words:
            self._show("\r\n" + "  ".join(words[:_KEPT]))
            self._again()
        else:
            self._show(_BELL)


def _characters(text: str) -> str:
    """A text that has a character for each byte, as UTF-8."""
    return text.encode("latin-1", "replace").decode("utf-8", "surrogateescape")


def _bytes(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _common(words: Sequence[str]) -> str:
    """What all of them begin with."""
    first, last = (min(words), max(words)) if words else ("", "")
    count = next((at for at, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first))
    return first[: min(count, len(last))]


_ACTIONS: dict[str, Callable[[LineEditor], None]] = {
    "\x01": LineEditor._home,
    "\x02": LineEditor._left,
    "\x04": LineEditor._delete,
    "\x05": LineEditor._to_end,
    "\x06": LineEditor._right,
    "\b": LineEditor._backspace,
    "\t": LineEditor._tab,
    "\x0b": LineEditor._kill,
    "\f": LineEditor._again,
    "\x0e": LineEditor._newer,
    "\x10": LineEditor._older,
    "\x15": LineEditor._erase,
    "\x17": LineEditor._erase_word,
    "\x7f": LineEditor._backspace,
}
_KEYS: dict[str, Callable[[LineEditor], None]] = {
    "A": LineEditor._older,
    "B": LineEditor._newer,
    "C": LineEditor._right,
    "D": LineEditor._left,
    "H": LineEditor._home,
    "F": LineEditor._to_end,
    "3~": LineEditor._delete,
}
