"""CHRP boot scripts: `bootinfo.txt`, `ofboot.b`, BootX and the Mac OS ROM file, all of which begin with `<CHRP-BOOT>`.

Such a file has elements as SGML has them: what it is for, what it is called, an icon, and Forth that boots. A program
may follow in the same file. Source: CHRP binding to 1275, `bootinfo`; for programs that follow, BootX's script.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from vof.errors import UsageError

__all__ = ["ChrpScript", "boot_command", "expand", "parse_chrp_script", "starts_payload"]

_TEXT_LIMIT = 1 << 18
"""Bytes up to `</CHRP-BOOT>`. Those in the field have some 20 KiB, most of which is an icon."""
_SPACE = b"\0\t\n\r\f "
_OPEN = rb"<%s(?:[\s][^<>]{0,256})?>"
_CLOSE = rb"</%s\s{0,16}>"
_LINE_END = 2
"""BootX's script takes what is two bytes behind `</CHRP-BOOT>` for its program, whatever these two are."""
_ENTITY = re.compile(r"&([A-Za-z-]{1,16});")
_LINE_BREAK = re.compile(r"\r\n?")
_BLANKS = "\0\t\n\f "
_WORD = re.compile(r"[^\0\t\n\f ]+")
_ENDS = {'"': '"', '."': '"', ".(": ")", "(": ")"}
_HARMLESS = {"cr", "space"}

_Kind = Literal["word", "string", "output", "broken"]


@dataclass(frozen=True, slots=True)
class ChrpScript:
    """What a CHRP boot script says. Text is the file's bytes as Latin-1.

    Attributes:
        compatible: the machines that it is for, such as "MacRISC"; empty for any.
        description: what it boots, for a menu; "" if it doesn't say.
        os_name: the operating system; "" if it doesn't say.
        boot_script: the Forth, as it is in the file: `expand` replaces the entities.
        payload_offset: where in the file a program follows, counted as BootX's own script does it; None if nothing
            follows. What is there need not be a program: the rest of a Mac OS ROM has its place from the script.
    """

    compatible: tuple[str, ...]
    description: str
    os_name: str
    boot_script: str
    payload_offset: int | None


def parse_chrp_script(data: bytes) -> ChrpScript:
    """Take a CHRP boot script apart.

    Args:
        data: the file, or its first 256 KiB: the script must be within these.

    Raises:
        UsageError: it is no such script, or has no `<BOOT-SCRIPT>`, or is too long. The message has one line.
    """
    head = data[:_TEXT_LIMIT]
    opened = _tag(_OPEN, b"CHRP-BOOT").match(head, len(head) - len(head.lstrip(_SPACE)))
    if opened is None:
        raise UsageError("the file is no CHRP boot script: it doesn't begin with <CHRP-BOOT>")
    closed = _tag(_CLOSE, b"CHRP-BOOT").search(head, opened.end())
    text = head[opened.end() : closed.start() if closed else len(head)]
    script, text = _take(text, b"BOOT-SCRIPT")
    if script is None:
        long = "within 256 KiB" if len(data) > _TEXT_LIMIT else "in it"
        raise UsageError(f"the CHRP boot script has nothing to run: there is no <BOOT-SCRIPT> … </BOOT-SCRIPT> {long}")
    compatible, text = _take(text, b"COMPATIBLE")
    description, text = _take(text, b"DESCRIPTION")
    os_name, text = _take(text, b"OS-NAME")
    payload = closed.end() + _LINE_END if closed else None
    return ChrpScript(
        compatible=tuple(expand((compatible or b"").decode("latin-1")).split()),
        description=_plain(description),
        os_name=_plain(os_name),
        boot_script=script.decode("latin-1"),
        payload_offset=payload if payload is not None and payload < len(data) else None,
    )


def _tag(form: bytes, name: bytes) -> re.Pattern[bytes]:
    return re.compile(form % re.escape(name), re.IGNORECASE)


def _take(text: bytes, name: bytes) -> tuple[bytes | None, bytes]:
    """What the first element of this name holds, None without one; and the text without the element."""
    opened = _tag(_OPEN, name).search(text)
    closed = _tag(_CLOSE, name).search(text, opened.end()) if opened else None
    if opened is None or closed is None:
        return None, text
    return text[opened.end() : closed.start()], text[: opened.start()] + text[closed.end() :]


def _plain(text: bytes | None) -> str:
    return " ".join(expand((text or b"").decode("latin-1")).split())


def expand(
    text: str,
    *,
    device: str | None = None,
    partition: str | None = None,
    directory: str | None = None,
    filename: str | None = None,
    full_path: str | None = None,
) -> str:
    """Replace the entities in a boot script; those that are unknown, or whose value isn't given, stay as they are.

    What comes in is not looked at again: `&amp;lt;` becomes `&lt;`.

    Args:
        text: the script.
        device: for `&device;`, the path of the device that the script was read from, without its arguments.
        partition: for `&partition;`, the partition's number.
        directory: for `&directory;`, the script's directory, separated and ended as the firmware's paths are.
        filename: for `&filename;`, the script's own name.
        full_path: for `&full-path;`, all of them together.
    """
    values = {
        "lt": "<",
        "gt": ">",
        "amp": "&",
        "device": device,
        "partition": partition,
        "directory": directory,
        "filename": filename,
        "full-path": full_path,
    }

    def value(found: re.Match[str]) -> str:
        wanted = values.get(found[1].lower())
        return found[0] if wanted is None else wanted

    return _ENTITY.sub(value, text)


def boot_command(text: str) -> str | None:
    """What follows `boot` in a script that does nothing but `boot`, and so needs no Forth: most of `bootinfo.txt`s.

    Besides that one line it may have comments, blank lines, and output that only greets the user: `." …"`, `.( …)`,
    `" …" type`, `cr`, `space`.

    Args:
        text: the boot script, expanded or not.

    Returns:
        The arguments as they are in the line, such as `&device;:\\ppc\\chrp\\yaboot quiet`; "" for a bare `boot`. None
        if there is anything else in the script: only Forth can tell what that does.
    """
    found: str | None = None
    previous: _Kind = "word"
    for kind, token in _tokens(text):
        word = token.lower()
        if previous == "string" and word != "type":
            return None
        if kind == "word":
            if word == "boot" or word.startswith("boot "):
                if found is not None:
                    return None
                found = token[len("boot") :].strip(_BLANKS)
            elif word not in _HARMLESS and not (word == "type" and previous == "string"):
                return None
        elif kind == "broken":
            return None
        previous = kind
    return None if previous == "string" else found


def starts_payload(text: str) -> bool:
    """Whether a script starts the program that follows it in the file, at `payload_offset`, as BootX's does.

    That is so if it looks for `</CHRP-BOOT>` in what is loaded at `load-base`, and then has `init-program` and `go`.
    Whether it comes to these words only Forth can tell: here they need only be in the script, outside comments and
    strings. The scripts of Mac OS ROM files, which know their program's place by numbers, start none by this.

    Args:
        text: the boot script, expanded or not.
    """
    looks, wanted = False, ["load-base", "init-program", "go"]
    for kind, token in _tokens(text):
        if kind == "string" and "</chrp" in expand(token).lower():
            looks = True
        elif kind == "word" and wanted and token.lower() == wanted[0]:
            wanted.pop(0)
    return looks and not wanted


def _tokens(text: str) -> Iterator[tuple[_Kind, str]]:
    """The words of Forth, its strings, and what it prints, without comments. `boot` takes the rest of its line with it.

    A string without an end on its line is "broken", and so is a comment without an end: they are the last to come.
    """
    text = _LINE_BREAK.sub("\n", text)
    at, line_end = 0, -1
    while (found := _WORD.search(text, at)) is not None:
        word, at = found[0], found.end()
        if line_end < at:
            line_end = text.find("\n", at)
            if line_end < 0:
                line_end = len(text)
        if word == "\\":
            at = line_end
        elif word.lower() == "boot":
            yield "word", "boot " + text[at:line_end]
            at = line_end
        elif word in _ENDS:
            end = _string_end(text, at + 1, line_end) if word == '"' else text.find(_ENDS[word], at)
            if end < 0 or (end > line_end and word != "("):
                yield "broken", ""
                return
            if word != "(":
                yield ("string" if word == '"' else "output"), text[at + 1 : end]
            at = end + 1
        else:
            yield "word", word


def _string_end(text: str, at: int, line_end: int) -> int:
    """Where the quote is that ends a string on this line, or -1.

    Only one with a blank behind it does: `"n` and the like are single characters, `"(0d 0a)` is bytes.
    """
    while 0 <= (at := text.find('"', at, line_end)) < line_end:
        following = text[at + 1 : at + 2]
        if following in _BLANKS:
            return at
        at = text.find(")", at, line_end) if following == "(" else at + 2
        if at < 0:
            break
    return -1
