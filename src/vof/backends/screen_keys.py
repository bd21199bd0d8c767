"""Keys as a browser names them (`KeyboardEvent.code`), and their ADB codes."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["adb_codes"]

_CHARACTERS = {
    **{f"Key{letter}": letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    **{f"Digit{digit}": digit for digit in "0123456789"},
    "Minus": "-",
    "Equal": "=",
    "BracketLeft": "[",
    "BracketRight": "]",
    "Backslash": "\\",
    "Semicolon": ";",
    "Quote": "'",
    "Backquote": "`",
    "Comma": ",",
    "Period": ".",
    "Slash": "/",
    "Space": " ",
    "Enter": "\n",
    "Tab": "\t",
    "Backspace": "\b",
    "Escape": "\x1b",
}
_OTHERS = {
    "ShiftLeft": 0x38,
    "ShiftRight": 0x7B,
    "ControlLeft": 0x36,
    "ControlRight": 0x7D,
    "AltLeft": 0x3A,
    "AltRight": 0x7C,
    "MetaLeft": 0x37,
    "MetaRight": 0x37,
    "CapsLock": 0x39,
    "ArrowLeft": 0x3B,
    "ArrowRight": 0x3C,
    "ArrowDown": 0x3D,
    "ArrowUp": 0x3E,
    "Home": 0x73,
    "End": 0x77,
    "PageUp": 0x74,
    "PageDown": 0x79,
    "Delete": 0x75,
    "Insert": 0x72,
    "IntlBackslash": 0x0A,
    **{f"F{number}": code for number, code in enumerate(bytes.fromhex("7a7863766061626465 6d676f 696b71"), 1)},
    "PrintScreen": 0x69,
    "ScrollLock": 0x6B,
    "Pause": 0x71,
    **{f"Numpad{digit}": code for digit, code in enumerate(bytes.fromhex("52535455565758595b5c"))},
    "NumpadDecimal": 0x41,
    "NumpadMultiply": 0x43,
    "NumpadAdd": 0x45,
    "NumLock": 0x47,
    "NumpadDivide": 0x4B,
    "NumpadEnter": 0x4C,
    "NumpadSubtract": 0x4E,
    "NumpadEqual": 0x51,
}


def adb_codes(characters: Callable[[str], int]) -> dict[str, int]:
    """The ADB code of each key.

    Args:
        characters: the ADB code of a character's key.
    """
    return {name: characters(character) for name, character in _CHARACTERS.items()} | _OTHERS
