"""FCode as text: one line for each number, as Debian's `detok` has them to the byte.

What begins with a backslash is a remark on the file, which `detok` makes in its own words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from vof.errors import UsageError
from vof.forth.fcode.numbers import FERROR, NAMES, Behind, behind
from vof.forth.fcode.program import Program, Step, find_programs, is_own
from vof.rom import OPEN_FIRMWARE, Image, find_images, starts_rom

__all__ = ["Look", "detokenize"]

_INNER = " " * 4
_OPENS = ("b(:)", "b(<mark)", "b(case)", "b(do)", "b(?do)", "b(of)")
_CLOSES = ("b(;)", "b(>resolve)", "b(endcase)", "b(loop)", "b(+loop)", "b(endof)")
_BRANCHES = ("bbranch", "b?branch")


@dataclass(frozen=True, slots=True)
class Look:
    """What the lines have.

    Attributes:
        offsets: each line begins with its place in the program, and branches say where they lead.
        lines: each line begins with its number, unless with its place.
        numbers: each word has its FCode number behind it.
        beyond: a program goes on behind end0 and end1, as far as its header says.
        names: of numbers that the standard has none for.
    """

    offsets: bool = False
    lines: bool = False
    numbers: bool = False
    beyond: bool = False
    names: Mapping[int, str] | None = None


def detokenize(data: bytes, look: Look | None = None) -> Iterator[str]:
    """Lines of text.

    Args:
        data: FCode programs, or a PCI expansion ROM with images of that kind.
        look: what the lines have.

    Raises:
        UsageError: there is no FCode in it.
    """
    look = look or Look()
    if not starts_rom(data):
        yield from _programs(data, look)
        return
    found, image = False, None
    for number, image in enumerate(find_images(data), 1):
        yield from _told(number, image)
        if image.code_type == OPEN_FIRMWARE:
            found = True
            yield from _programs(data[image.fcode : image.at + image.length], look, alone=False)
    if image is not None and not image.last:
        yield "\\ the expansion ROM ends here, and no image has said to be the last one"
    if not found:
        raise UsageError("a PCI expansion ROM without an image for Open Firmware")


def _told(number: int, image: Image) -> Iterator[str]:
    last = ", the last one" if image.last else ""
    yield f"\\ image {number} at {image.at:#x} of the expansion ROM: {image.kind_name}, {image.length} bytes{last}"
    yield (
        f"\\   vendor {image.vendor:#06x}, device {image.device:#06x}, class {image.class_code:#08x}, "
        f"revision of its code {image.revision:#06x}"
    )
    yield (
        f"\\   PCI data structure at {image.structure:#x}: {image.structure_size} bytes, "
        f"revision {image.structure_revision}; vital product data at {image.product_data:#x}"
    )
    if image.code_type == OPEN_FIRMWARE:
        yield f"\\   FCode at {image.fcode:#x}"


def _programs(data: bytes, look: Look, *, alone: bool = True) -> Iterator[str]:
    names = {**NAMES, **(look.names or {})}
    end, counter = 0, _Counter()
    for at, program in find_programs(data):
        yield from _Listing(program, at, names, look, counter).lines()
        end = at + program.length
    rest = data[end:]
    if rest.strip(b"\0"):
        yield f"\\ {len(rest)} bytes behind the last program"
    elif alone and end == len(data):
        yield "End of file."


class _Counter:
    """Numbers lines."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        self._last += 1
        return self._last


class _Listing:
    """The lines of one program.

    Args:
        program: it.
        base: where it begins, for the lines' places.
        names: of numbers; it adds those that it names.
        look: what the lines have.
        counter: numbers them.
    """

    def __init__(self, program: Program, base: int, names: dict[int, str], look: Look, counter: _Counter) -> None:
        self._program = program
        self._base = base
        self._names = names
        self._look = look
        self._counter = counter
        self._indent = 0

    def lines(self) -> Iterator[str]:
        program = self._program
        wide = program.name != "version1"
        yield self._line(0, f"{self._word(program.starter)}  ( {16 if wide else 8}-bit offsets)")
        yield self._line(1, f"  format:    {program.format:#04x}")
        if program.checksum == program.sum:
            yield self._line(2, f"  checksum:  {program.checksum:#06x} (Ok)")
        else:
            yield self._line(2, f"  checksum should be:  {program.sum:#06x}, but is {program.checksum:#06x}")
        yield self._line(4, f"  len:       {program.length:#06x} ( {program.length} bytes)")
        try:
            for step in program.steps(beyond=self._look.beyond):
                name = self._names.get(step.number, "")
                if name in _CLOSES:
                    self._indent = max(0, self._indent - 1)
                yield from self._step(step, wide)
                wide = wide or name == "offset16"
                if name in _OPENS or (name in _BRANCHES and step.value >= 0):
                    self._indent += 1
                elif name in _BRANCHES:
                    self._indent = max(0, self._indent - 1)
        except UsageError as error:
            yield f"\\ {error}"
        else:
            if program.length > len(program.data):
                yield f"\\ {program.length - len(program.data)} bytes of the program are missing"

    def _step(self, step: Step, wide: bool) -> Iterator[str]:
        text = self._word(step.number)
        match behind(step.number):
            case Behind.CELL:
                text += f"{step.value:#x}"
            case Behind.NUMBER:
                text += self._word(step.value)
            case Behind.NEW:
                text += f"{step.value:#05x}"
                self._names.pop(step.value, None)
            case Behind.NAMED:
                name = self._names[step.value] = _printable(step.text)
                text += f"{name} {step.value:#05x}"
            case Behind.OFFSET:
                digits, mask = (6, 0xFFFF) if wide else (4, 0xFF)
                again = "" if 0 <= step.value <= 9 else f" =dec {step.value}"
                nowhere = not step.value or not 0 < step.target <= len(self._program.data)
                target = f"  dest = {self._base + step.target} " if self._look.offsets or nowhere else ""
                text += f"{step.value & mask:#0{digits}x} ({again}{target})"
                yield self._line(step.at, text)
                if nowhere:
                    yield "\\ a branch to nowhere" if step.value else "\\ a branch that was never resolved"
                return
            case Behind.TEXT:
                yield self._line(step.at, text + _length(len(step.text)))
                yield self._line(None, f'" {_quoted(step.text)}"')
                return
            case _:
                pass
        yield self._line(step.at, text)

    def _word(self, number: int) -> str:
        name = self._names.get(number)
        if name is None:
            if is_own(number):
                return f"(unnamed-fcode) [{number:#05x}] "
            name = NAMES[FERROR]
        return f"{name} ( {number:#05x} ) " if self._look.numbers else f"{name} "

    def _line(self, at: int | None, text: str) -> str:
        place = ""
        if self._look.offsets or self._look.lines:
            place = " " * 8
            if at is not None:
                place = f"{self._base + at if self._look.offsets else self._counter.next():6}: "
        return f"{place}{_INNER * self._indent}{text}"


def _length(count: int) -> str:
    return f"( len={count} )" if count < 10 else f"( len={count:#x} [{count} bytes] )"


def _printable(name: bytes) -> str:
    return "".join(chr(byte) if 0x21 <= byte < 0x7F else f"\\x{byte:02x}" for byte in name)


def _quoted(text: bytes) -> str:
    """A string as Forth writes it, with the bytes that can't be typed in parentheses (1275 §7.3.4.6)."""
    out, inside = [], False
    for byte in text:
        typed = 0x20 <= byte < 0x7F
        if typed and inside:
            out.append(" )")
        elif not typed and not inside:
            out.append('"(')
        inside = not typed
        out.append(chr(byte) * (2 if byte == 0x22 else 1) if typed else f" {byte:02x}")
    return "".join(out) + (" )" if inside else "")
