"""Strings as lines show them: in quotes with C's escapes, and without what a terminal might obey."""

from __future__ import annotations

__all__ = ["printable", "quoted"]


def quoted(text: str, limit: int, size: int | None = None) -> str:
    """A string in quotes, with escapes as in C for what can't be printed.

    Args:
        text: a character for each byte.
        limit: the bytes that are shown; dots stand for the rest.
        size: the bytes that there are, where `text` is only their beginning.
    """
    dots = "..." if (len(text) if size is None else size) > limit or (size or 0) > len(text) else ""
    text = text[:limit]
    if not (text.isascii() and text.isprintable()) or '"' in text or "\\" in text:
        text = text.translate(_ESCAPED)
        if not text.isascii():  # nothing that the firmware read
            text = "".join(map(_escape, text))
    return f'"{text}"{dots}'


def _escape(character: str) -> str:
    code = ord(character)
    if character.isascii() and character.isprintable():
        return character
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


_ESCAPED = {code: _escape(chr(code)) for code in range(0x100)}
_ESCAPED |= str.maketrans({"\0": "\\0", "\t": "\\t", "\n": "\\n", "\r": "\\r", '"': '\\"', "\\": "\\\\"})


def printable(text: str) -> str:
    """Text without what a terminal might obey."""
    if text.isprintable():
        return text
    return "".join([each if each.isprintable() else _ESCAPED.get(ord(each)) or _escape(each) for each in text])
