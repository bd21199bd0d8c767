"""CHRP boot scripts: `bootinfo.txt` and the `tbxi` files of Macs.

A little SGML around a Forth program, which is run here only where it is nothing but `boot`, as SLOF reads it.
Ref: CHRP's PowerPC binding §11.1.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from vof.errors import UsageError

__all__ = ["ChrpScript", "is_chrp_script", "parse_chrp_script"]

_LONGEST = 1 << 20
"""Bytes of a script's head; behind it may be a program."""
_START = b"<chrp-boot"
_END = re.compile(rb"</chrp-boot\s*>(\r\n|\r|\n)?", re.IGNORECASE)
_ENTITY = re.compile(r"&([a-z-]+);", re.IGNORECASE)
_PLAIN = {"lt": "<", "gt": ">", "amp": "&"}
_COMMENT = re.compile(r"(?:^|(?<=\s))(?:\\\s.*|\(\s[^)]*\))", re.MULTILINE)
_BOOT = re.compile(r"boot(?:\s+(.*))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ChrpScript:
    """A boot script.

    Attributes:
        description, os_name: for people; "" if it doesn't say.
        compatible: the machines that it is for, by their `compatible`; empty for any.
        text: the Forth program with its entities.
        payload: where what follows the script begins, in bytes; the script's end if nothing does.
    """

    description: str
    os_name: str
    compatible: tuple[str, ...]
    text: str
    payload: int

    def expand(self, values: Mapping[str, str]) -> str:
        """The program, with its entities replaced.

        Args:
            values: of `device`, `partition`, `directory`, `filename` and `full-path`. What isn't among them stays.
        """
        known = {**_PLAIN, **values}
        return _ENTITY.sub(lambda found: known.get(found[1].lower(), found[0]), self.text)

    @staticmethod
    def boot_command(program: str) -> str | None:
        """What an expanded program has `boot` do: its arguments; None where it is more than that."""
        lines = [line.strip() for line in _COMMENT.sub("", program).splitlines()]
        lines = [line for line in lines if line]
        found = _BOOT.fullmatch(lines[0]) if len(lines) == 1 else None
        return (found[1] or "").strip() if found else None


def is_chrp_script(start: bytes) -> bool:
    """Whether a file that starts with these bytes is one."""
    return start.lstrip()[: len(_START)].lower() == _START


def parse_chrp_script(data: bytes) -> ChrpScript:
    """Take a script apart.

    Args:
        data: the file, or as much of it as there may be of a script.

    Raises:
        UsageError: it is none, or has no program.
    """
    head = data[:_LONGEST]
    if not is_chrp_script(head):
        raise UsageError("the file is no CHRP boot script")
    end = _END.search(head)
    if end is None:
        raise UsageError("the CHRP boot script has no end")
    text = head[: end.start()].decode("latin-1")
    program = _part(text, "boot-script")
    if program is None:
        raise UsageError("the CHRP boot script has no program")
    return ChrpScript(
        description=(_part(text, "description") or "").strip(),
        os_name=(_part(text, "os-name") or "").strip(),
        compatible=tuple((_part(text, "compatible") or "").split()),
        text=program,
        payload=end.end(),
    )


def _part(text: str, name: str) -> str | None:
    found = re.search(rf"<{name}\s*>(.*?)</{name}\s*>", text, re.IGNORECASE | re.DOTALL)
    return found[1] if found else None
