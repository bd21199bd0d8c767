"""The letters of a screen: 5 dots by 7, in cells of 8 by 12."""

from __future__ import annotations

__all__ = ["COUNT", "FIRST", "HEIGHT", "WIDTH", "font"]

WIDTH, HEIGHT = 8, 12
FIRST, COUNT = 0x20, 95
_ABOVE, _LEFT, _ROWS, _DOTS = 3, 1, 7, 5
_GLYPHS = (
    "0000000 4444404 aa00000 0avava0 4fke5u4 pq248bj cik8lid 4400000 2488842 8422248 04lel40 044v440 0000448 000v000 "
    "00000cc 11248gg ehjlphe 4c4444e eh1248v v2421he 26aiv22 vgu11he 68guhhe v124888 ehhehhe ehhf12c 0cc0cc0 0cc0c48 "
    "248g842 00v0v00 8421248 eh12404 eh1dlle ehhvhhh uhhuhhu ehggghe sihhhis vgguggv vgguggg ehgnhhf hhhvhhh e44444e "
    "72222ic hikokih ggggggv hrllhhh hhpljhh ehhhhhe uhhuggg ehhhlid uhhukih fgge11u v444444 hhhhhhe hhhhha4 hhhllla "
    "hha4ahh hhha444 v1248gv e88888e gg84211 e22222e 4ah0000 000000v 8420000 00e1fhf ggmphhu 00egghe 11djhhf 00ehvge "
    "698s888 0fhhf1e ggmphhh 40c444e 20622ic ggikoki c44444e 00qllhh 00mphhh 00ehhhe 00uhugg 00djf11 00mpggg 00ege1u "
    "88s8896 00hhhjd 00hhha4 00hhlla 00ha4ah 00hhf1e 00v248v 2448442 4444444 8442448 008l200"
)
"""Each character's rows from the top down: a digit to base 32 has the dots of one, the leftmost first."""


def font() -> bytes:
    """The glyphs of characters 0x20 … 0x7E, 12 bytes each, the leftmost dot the highest bit."""
    shift = WIDTH - _LEFT - _DOTS
    below = bytes(HEIGHT - _ABOVE - _ROWS)
    return b"".join(bytes(_ABOVE) + bytes(int(row, 32) << shift for row in glyph) + below for glyph in _GLYPHS.split())
