"""FCode as text: one line for each number, as Debian's `detok` has them."""

from __future__ import annotations

from collections.abc import Iterator

from vof.errors import UsageError
from vof.forth.fcode.numbers import Behind, behind
from vof.forth.fcode.program import Program, Step, find_programs, is_own, name_of
from vof.rom import OPEN_FIRMWARE, find_images, starts_rom

__all__ = ["detokenize"]

_INNER = 4
_OPENING = ("b(:)", "b(do)", "b(?do)", "b(of)", "b(case)", "b(<mark)", "b?branch")
_CLOSING = ("b(;)", "b(loop)", "b(+loop)", "b(endof)", "b(endcase)", "b(>resolve)")


def detokenize(data: bytes, *, offsets: bool = False, numbers: bool = False) -> Iterator[str]:
    """Lines of text.

    Args:
        data: FCode programs, or a PCI expansion ROM with images of that kind.
        offsets: begin each line with its place in the program.
        numbers: put each word's FCode number behind it.

    Raises:
        UsageError: there is no FCode in it.
    """
    if starts_rom(data):
        found = False
        for image in find_images(data):
            yield (
                f"\\ image at {image.at:#x}: {image.kind_name}, {image.length} bytes, "
                f"vendor {image.vendor:04x}, device {image.device:04x}, class {image.class_code:06x}"
            )
            if image.code_type == OPEN_FIRMWARE:
                found = True
                yield from _programs(data[image.fcode : image.at + image.length], offsets, numbers)
        if not found:
            raise UsageError("a PCI expansion ROM without an image for Open Firmware")
        return
    yield from _programs(data, offsets, numbers)


def _programs(data: bytes, offsets: bool, numbers: bool) -> Iterator[str]:
    names: dict[int, str] = {}
    end = 0
    for at, program in find_programs(data):
        yield from _Listing(program, at, names, offsets=offsets, numbers=numbers).lines()
        end = at + program.length
    rest = data[end:]
    if rest.strip(b"\0"):
        yield f"\\ {len(rest)} bytes behind the last program"


class _Listing:
    """The lines of one program.

    Args:
        program: it.
        base: where it begins, for the lines' places.
        names: what the programs before it named, and this one adds to.
        offsets, numbers: what the lines have.
    """

    def __init__(self, program: Program, base: int, names: dict[int, str], *, offsets: bool, numbers: bool) -> None:
        self._program = program
        self._base = base
        self._names = names
        self._offsets = offsets
        self._numbers = numbers
        self._indent = 0

    def lines(self) -> Iterator[str]:
        program = self._program
        width = 8 if program.name == "version1" else 16
        yield self._line(0, f"{self._word(program.starter)} ( {width}-bit offsets)")
        yield self._line(1, f"  format:    {program.format:#04x}")
        right = "(Ok)" if program.checksum == program.sum else f"should be {program.sum:#06x}"
        yield self._line(2, f"  checksum:  {program.checksum:#06x} {right}")
        yield self._line(4, f"  len:       {program.length:#06x} ( {program.length} bytes)")
        wide = width == 16
        try:
            for step in program.steps():
                name = name_of(step.number)
                if (
                    name in _CLOSING
                    or (name == "bbranch" and step.value < 0)
                    or (name == "b?branch" and step.value < 0)
                ):
                    self._indent = max(0, self._indent - 1)
                yield from self._step(step, wide)
                wide = wide or name == "offset16"
                if name in _OPENING and not (name == "b?branch" and step.value < 0):
                    self._indent += 1
        except UsageError as error:
            yield f"\\ {error}"
        else:
            if program.length > len(program.data):
                yield f"\\ {program.length - len(program.data)} bytes of the program are missing"

    def _step(self, step: Step, wide: bool) -> Iterator[str]:
        text = self._word(step.number)
        kind = behind(step.number)
        if kind is Behind.CELL:
            text += f" {step.value:#x}"
        elif kind is Behind.NUMBER:
            text += f" {self._word(step.value)}"
        elif kind is Behind.NEW:
            text += f" {step.value:#05x}"
        elif kind is Behind.NAMED:
            name = _printable(step.text)
            self._names[step.value] = name
            text += f" {name} {step.value:#05x}"
        elif kind is Behind.OFFSET:
            digits, mask = (6, 0xFFFF) if wide else (4, 0xFF)
            text += f" {step.value & mask:#0{digits}x}"
            if self._offsets:
                text += f" ( dest = {self._base + step.target} )"
        elif kind is Behind.TEXT:
            yield self._line(step.at, f"{text} ( len={len(step.text)} )")
            yield self._line(None, f'" {_quoted(step.text)}"')
            return
        yield self._line(step.at, text)

    def _word(self, number: int) -> str:
        if is_own(number):
            name = self._names.get(number)
            if name is None:
                return f"(unnamed-fcode) [{number:#05x}]"
            return f"{name} ( {number:#05x} )" if self._numbers else name
        return f"{name_of(number)} ( {number:#05x} )" if self._numbers else name_of(number)

    def _line(self, at: int | None, text: str) -> str:
        place = ""
        if self._offsets:
            place = " " * 8 if at is None else f"{self._base + at:6}: "
        return f"{place}{' ' * (_INNER * self._indent)}{text}"


def _printable(name: bytes) -> str:
    return "".join(chr(byte) if 0x21 <= byte < 0x7F else f"\\x{byte:02x}" for byte in name)


def _quoted(text: bytes) -> str:
    """A string as Forth writes it, with the bytes that can't be typed in parentheses (1275 §7.3.4.6)."""
    out, at = [], 0
    while at < len(text):
        end = at
        while end < len(text) and (0x20 <= text[end] < 0x7F) and text[end] != 0x22:
            end += 1
        out.append(text[at:end].decode("ascii"))
        at = end
        while end < len(text) and not (0x20 <= text[end] < 0x7F and text[end] != 0x22):
            end += 1
        if end > at:
            out.append(f'"( {text[at:end].hex(" ")} )')
            at = end
    return "".join(out)
