"""What `-drive` options have in common on every engine.

A format is never guessed from what an image holds, since a guest could have written that.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from vof.errors import UsageError

__all__ = ["PROTOCOL", "QemuDrives", "format_of", "one_of", "split_drive", "switch"]

PROTOCOL = re.compile(r"[a-z][a-z0-9+-]+:", re.IGNORECASE)
"""How the name of an image begins that is no file here."""
_FORMATS = ("raw", "qcow2", "qcow", "qed", "vmdk", "vdi", "vhdx", "vpc", "dmg", "parallels", "luks")
_NAMED = re.compile(r"\.(qcow2|qcow|vmdk|vdi|vhdx)$", re.IGNORECASE)
_QCOW2_HEAD = struct.Struct(">4sIQ")
_QCOW2_MAGIC = b"QFI\xfb"
_SWITCHES = ("readonly", "read-only", "snapshot")
_SWITCH = {**dict.fromkeys(("on", "yes", "true", "y"), True), **dict.fromkeys(("off", "no", "false", "n"), False)}


@dataclass(slots=True)
class QemuDrives:
    """What drives come to.

    Attributes:
        arguments: QEMU's, with what the user gave besides drives behind them.
        names: the drives' ids in the user's order, the names that QEMU gives them where they have none.
        images: the paths of the image files that are there, and whether each one is written to.
    """

    arguments: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    images: list[tuple[str, bool]] = field(default_factory=list)


def split_drive(value: str) -> list[tuple[str, str]]:
    """The keys and values of a `-drive` option, in their order. A first word that is no key is the file.

    Raises:
        UsageError: a key has no value.
    """
    pairs = []
    # A comma inside of a value is doubled.
    for place, match in enumerate(re.finditer(r"(?:[^,]|,,)+", value)):
        word = match[0]
        key, equals, text = word.partition("=")
        text = text.replace(",,", ",")
        if not equals and key in _SWITCHES:
            text = "on"
        elif place == 0 and (not equals or not re.fullmatch(r"[a-z][a-z0-9.-]*", key)):
            key, text = "file", word.replace(",,", ",")
        elif not equals:
            raise UsageError(f"-drive {value}: {key} needs a value: {key}=…")
        pairs.append((key, text))
    return pairs


def format_of(file: str, given: str | None) -> str:
    """An image's format: what the user says, qcow2 where its name says so, else raw.

    Raises:
        UsageError: there is no such format; the name says another one; or it is qcow2 by name alone and would have
            other files opened that a guest may have put there.
    """
    if given is not None:
        if given not in _FORMATS:
            raise UsageError(f"-drive format={given}: {one_of('format', given, _FORMATS)}")
        return given
    named = _NAMED.search(file)
    if not named:
        return "raw"
    name = named[1].lower()
    if name != "qcow2":
        raise UsageError(f"-drive {file}: say format={name}, or format=raw if it is raw all the same")
    if _has_backing_file(file):
        raise UsageError(f"-drive {file}: it has a backing file, which is opened only where you say format=qcow2")
    return name


def _has_backing_file(file: str) -> bool:
    try:
        with open(file, "rb") as image:
            head = image.read(_QCOW2_HEAD.size)
    except (OSError, ValueError):
        return False  # which is said when it is opened in earnest
    if len(head) < _QCOW2_HEAD.size:
        return False
    magic, _, offset = _QCOW2_HEAD.unpack(head)
    return bool(magic == _QCOW2_MAGIC and offset)


def one_of(what: str, word: str, words: Sequence[str]) -> str:
    """That a word is none of these, and what was meant perhaps."""
    near = get_close_matches(word, words, 1)
    return f'no {what} "{word}": ' + (f"did you mean {near[0]}?" if near else f"there are {', '.join(words)}")


def switch(options: Mapping[str, str], key: str, *, default: bool) -> bool:
    """What an option that is on or off says.

    Raises:
        UsageError: neither.
    """
    if key not in options:
        return default
    value = _SWITCH.get(options[key])
    if value is None:
        raise UsageError(f"-drive {key}={options[key]}: it is on or off")
    return value
