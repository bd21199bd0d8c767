"""Words of a Forth with cells of 64 bits (IEEE 1275.6)."""

from __future__ import annotations

from vof.forth.word import Table

__all__ = ["WIDE"]

WIDE = Table("wide")
"""What 1275's 64-bit extensions add."""

_A = "1275.6"
_BYTES = " | ".join(f"({{{n}}} & 255) << {8 * n}" for n in range(8))
_WORDS = " | ".join(f"({{{n}}} & 65535) << {16 * n}" for n in range(4))

for _name, _effect, _results in (
    ("x@", "( address -- octa )", ("fetch({0})",)),
    ("rx@", "( address -- octa )", ("fetch({0})",)),
    ("unaligned-x@", "( address -- octa )", ("fetch({0})",)),
    ("bxjoin", "( a b c d e f g h -- octa )", (_BYTES,)),
    ("wxjoin", "( low second third high -- octa )", (_WORDS,)),
    ("lxjoin", "( low high -- octa )", ("({1} & 4294967295) << 32 | {0} & 4294967295",)),
    ("xlsplit", "( octa -- low high )", ("{0} & 4294967295", "{0} >> 32")),
    ("xwsplit", "( octa -- low second third high )", tuple(f"{{0}} >> {16 * n} & 65535" for n in range(4))),
    ("xbsplit", "( octa -- low … high )", tuple(f"{{0}} >> {8 * n} & 255" for n in range(8))),
    ("xlflip", "( octa -- octa )", ("({0} & 4294967295) << 32 | {0} >> 32",)),
    ("xwflip", "( octa -- octa )", (" | ".join(f"({{0}} >> {16 * n} & 65535) << {48 - 16 * n}" for n in range(4)),)),
    ("xbflip", "( octa -- octa )", (" | ".join(f"({{0}} >> {8 * n} & 255) << {56 - 8 * n}" for n in range(8)),)),
):
    WIDE.inline(_name, _effect, _A, *_results)

for _name in ("x!", "rx!", "unaligned-x!"):
    WIDE.inline(_name, "( octa address -- )", _A, statement="store({1}, {0})")

for _name, _effect, _text in (
    ("x,", "( octa -- )", ","),
    ("xbflips", "( address count -- )", "bounds ?do i x@ xbflip i x! 8 +loop"),
    ("xwflips", "( address count -- )", "bounds ?do i x@ xwflip i x! 8 +loop"),
    ("xlflips", "( address count -- )", "bounds ?do i x@ xlflip i x! 8 +loop"),
):
    WIDE.forth(_name, _effect, _A, _text)
