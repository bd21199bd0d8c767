"""The terminal that a screen's `write` is: ANSI X3.64's sequences as 1275 §B has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vof.firmware.words import frame_buffer

if TYPE_CHECKING:
    from vof.firmware.words.engine import FirmwareForth

__all__ = ["Terminal"]

_ESCAPE, _LARGEST = 0x1B, 999
_TAB = 8


class Terminal:
    """A terminal's state: an escape sequence of which more is to come."""

    def __init__(self) -> None:
        self._sequence: str | None = None

    def write(self, forth: FirmwareForth, text: bytes) -> None:
        """Show a text; the cursor is off while that goes on."""
        screen = forth.screen
        if "draw-character" not in screen:
            return
        frame_buffer.toggle(forth)
        try:
            for byte in text:
                forth.pay(5)
                if self._sequence is not None:
                    self._more(forth, chr(byte))
                elif byte == _ESCAPE:
                    self._sequence = ""
                elif byte >= 0x20:
                    self._draw(forth, byte)
                else:
                    self._control(forth, byte)
        finally:
            frame_buffer.toggle(forth)

    def _draw(self, forth: FirmwareForth, byte: int) -> None:
        screen = forth.screen
        if screen["column#"] >= screen["#columns"]:
            screen["column#"] = 0
            self._down(forth)
        _act(forth, "draw-character", byte)
        screen["column#"] += 1

    def _control(self, forth: FirmwareForth, byte: int) -> None:
        screen = forth.screen
        match chr(byte):
            case "\a":
                _act(forth, "blink-screen")
            case "\b":
                screen["column#"] = max(0, screen["column#"] - 1)
            case "\t":
                screen["column#"] = min(screen["#columns"] - 1, (screen["column#"] // _TAB + 1) * _TAB)
            case "\n":
                self._down(forth)
            case "\v":
                screen["line#"] = max(0, screen["line#"] - 1)
            case "\f":
                screen["line#"] = screen["column#"] = 0
                _act(forth, "erase-screen")
            case "\r":
                screen["column#"] = 0

    def _down(self, forth: FirmwareForth) -> None:
        screen = forth.screen
        if screen["line#"] + 1 < screen["#lines"]:
            screen["line#"] += 1
            return
        line, screen["line#"] = screen["line#"], 0
        _act(forth, "delete-lines", 1)
        screen["line#"] = line

    def _more(self, forth: FirmwareForth, character: str) -> None:
        sequence = f"{self._sequence}{character}"
        if sequence == "[" or (
            sequence[0] == "[" and (character.isdigit() or character in ";?") and len(sequence) < 32
        ):
            self._sequence = sequence
            return
        self._sequence = None
        if sequence[0] == "[":
            numbers = [
                min(_LARGEST, int(each)) if each.isdigit() else 0 for each in sequence[1:-1].strip("?").split(";")
            ]
            self._sequence_ends(forth, character, numbers)

    def _sequence_ends(self, forth: FirmwareForth, character: str, numbers: list[int]) -> None:
        screen = forth.screen
        count = numbers[0] or 1
        last_line, last_column = screen["#lines"] - 1, screen["#columns"] - 1
        match character:
            case "A":
                screen["line#"] = max(0, screen["line#"] - count)
            case "B" | "E":
                screen["line#"] = min(last_line, screen["line#"] + count)
                if character == "E":
                    screen["column#"] = 0
            case "C":
                screen["column#"] = min(last_column, screen["column#"] + count)
            case "D":
                screen["column#"] = max(0, screen["column#"] - count)
            case "f" | "H":
                column = numbers[1] if len(numbers) > 1 else 1
                screen["line#"] = max(0, min(last_line, count - 1))
                screen["column#"] = max(0, min(last_column, (column or 1) - 1))
            case "J":
                _act(forth, "delete-characters", screen["#columns"] - screen["column#"])
                if screen["line#"] < last_line:
                    screen["line#"] += 1
                    _act(forth, "delete-lines", screen["#lines"] - screen["line#"])
                    screen["line#"] -= 1
            case "K":
                _act(forth, "delete-characters", screen["#columns"] - screen["column#"])
            case "L":
                _act(forth, "insert-lines", count)
            case "M":
                _act(forth, "delete-lines", count)
            case "@":
                _act(forth, "insert-characters", count)
            case "P":
                _act(forth, "delete-characters", count)
            case "m":
                for number in numbers:
                    if number in (0, 7, 27):
                        screen["inverse?"] = forth.mask if number == 7 else 0
            case "p" | "q":
                wanted = forth.mask if character == "q" else 0
                if bool(wanted) != bool(screen.get("inverse-screen?")):
                    _act(forth, "invert-screen")
                    screen["inverse-screen?"] = wanted
            case "s":
                _act(forth, "reset-screen")


def _act(forth: FirmwareForth, name: str, *arguments: int) -> None:
    forth.stack += arguments
    forth.run(forth.word_of(forth.screen[name]))
