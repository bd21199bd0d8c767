"""Which ADB code a character and a host's key code are (Apple's extended keyboard; a US layout)."""

from __future__ import annotations

__all__ = ["CHARACTERS", "CONSOLE", "LINUX_KEYS", "SHIFT", "VNC", "X11", "X11_KEYS"]

CONSOLE, X11, VNC = 0x10000, 0x20000, 0x40000
"""Bits of a key code that say whose numbers it has."""
SHIFT = 0x38
_X11_OFFSET = 8
"""X servers on Linux number keys as the kernel does, from here on."""

_ROWS = (
    ("`1234567890-=", "~!@#$%^&*()_+", "32 12 13 14 15 17 16 1a 1c 19 1d 1b 18"),
    ("qwertyuiop[]\\", "QWERTYUIOP{}|", "0c 0d 0e 0f 11 10 20 22 1f 23 21 1e 2a"),
    ("asdfghjkl;'", 'ASDFGHJKL:"', "00 01 02 03 05 04 26 28 25 29 27"),
    ("zxcvbnm,./", "ZXCVBNM<>?", "06 07 08 09 0b 2d 2e 2b 2f 2c"),
)
_PLAIN = {" ": 0x31, "\t": 0x30, "\n": 0x24, "\r": 0x24, "\b": 0x33, "\x7f": 0x33, "\x1b": 0x35}


def _characters() -> dict[str, tuple[int, bool]]:
    table = {character: (code, False) for character, code in _PLAIN.items()}
    for plain, shifted, codes in _ROWS:
        for lower, upper, code in zip(plain, shifted, bytes.fromhex(codes), strict=True):
            table[lower], table[upper] = (code, False), (code, True)
    return table


CHARACTERS: dict[str, tuple[int, bool]] = _characters()
"""The ADB code of a character's key, and whether shift is held."""

_LINUX = """
1 35  2 12  3 13  4 14  5 15  6 17  7 16  8 1a  9 1c  10 19  11 1d  12 1b  13 18  14 33  15 30
16 0c  17 0d  18 0e  19 0f  20 11  21 10  22 20  23 22  24 1f  25 23  26 21  27 1e  28 24  29 36
30 00  31 01  32 02  33 03  34 05  35 04  36 26  37 28  38 25  39 29  40 27  41 32  42 38  43 2a
44 06  45 07  46 08  47 09  48 0b  49 2d  50 2e  51 2b  52 2f  53 2c  54 7b  55 43  56 3a  57 31  58 39
59 7a  60 78  61 63  62 76  63 60  64 61  65 62  66 64  67 65  68 6d  69 47  70 6b  87 67  88 6f
71 59  72 5b  73 5c  74 4e  75 56  76 57  77 58  78 45  79 53  80 54  81 55  82 52  83 41  96 4c  98 4b
97 7d  100 7c  102 73  103 3e  104 74  105 3b  106 3c  107 77  108 3d  109 79  110 72  111 75  125 37  126 37
"""


def _linux_keys() -> dict[int, int]:
    words = _LINUX.split()
    return {int(key): int(code, 16) for key, code in zip(words[::2], words[1::2], strict=True)}


LINUX_KEYS: dict[int, int] = _linux_keys()
"""ADB codes by the numbers of Linux's console (input-event-codes.h)."""
X11_KEYS: dict[int, int] = {key + _X11_OFFSET: code for key, code in LINUX_KEYS.items()}
"""The same by X11's."""
