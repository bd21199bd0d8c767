"""Numbers in text (1275 §7.3.4.1), and back."""

from __future__ import annotations

__all__ = ["digits", "parse_number", "signed_digits"]

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_LONGEST = 80


def parse_number(text: str, base: int) -> int | None:
    """A number in `base`, with `.` and `,` between digits for people's sake; None if it is none."""
    if len(text) > _LONGEST or not 2 <= base <= 36:
        return None
    sign, body = (-1, text[1:]) if text[:1] == "-" else (1, text)
    body = body.replace(".", "").replace(",", "") if body[:1] not in (".", ",") else ""
    if not body:
        return None
    if body[:2].lower() == "0x" and len(body) > 2:  # SmartFirmware takes it, and Linux relies on that
        base, body = 16, body[2:]
    value = 0
    for character in body.lower():
        digit = _DIGITS.find(character)
        if not 0 <= digit < base:
            return None
        value = value * base + digit
    return sign * value


def digits(number: int, base: int) -> str:
    """A number that isn't negative, in `base`, 2 … 36."""
    if not 2 <= base <= 36:
        base = 16
    text = ""
    while True:
        number, digit = divmod(number, base)
        text = _DIGITS[digit] + text
        if not number:
            return text


def signed_digits(number: int, base: int) -> str:
    """A number in `base`, 2 … 36."""
    return f"-{digits(-number, base)}" if number < 0 else digits(number, base)
