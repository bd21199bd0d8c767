"""The terminal on a frame buffer: what 1275's annex B says of each sequence, read back from the dots."""

from __future__ import annotations

import pytest

from vof.firmware.words import FirmwareForth
from vof.firmware.words.font import COUNT, FIRST, HEIGHT, WIDTH, font
from vof.vm.alone import firmware_alone

COLUMNS, LINES = 10, 4
FRAME_BUFFER = 0x1000000
MARGIN = 8

BEGUN = "abcdefghij", "klmnopqrst", "uvwxyz0123", "456789    "
ESC = "\x1b["


class Nobody:
    """A console without anybody."""

    def read(self, limit: int) -> bytes:
        return b""

    def wait(self, milliseconds: int) -> bool:
        return False

    def write(self, data: bytes) -> None:
        pass


class Screen:
    """A screen of 10 by 4 characters, with a margin around them."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.width, self.height = COLUMNS * WIDTH + 2 * MARGIN, LINES * HEIGHT + 2 * MARGIN
        self.forth: FirmwareForth = firmware_alone(Nobody()).forth
        self.forth.evaluate(
            f"""
            dev / : open true ; : close ;
            new-device " screen" device-name
            : start
               {FRAME_BUFFER:x} to frame-buffer-adr default-font set-font
               d# {self.width} d# {self.height} d# {COLUMNS} d# {LINES} fb{bits}-install
            ;
            ' start is-install
            finish-device device-end
            " /screen" open-dev value screen
            """
        )
        self.begin()

    def begin(self) -> None:
        """Clear it, and write what all cases begin with."""
        self.write(f"{ESC}m\f{''.join(BEGUN).rstrip()}")

    def write(self, text: str) -> None:
        data = text.encode("latin-1")
        self.forth.memory.write(0x200000, data)
        self.forth.evaluate(f'200000 {len(data):x} " write" screen $call-method drop')

    @property
    def cursor(self) -> tuple[int, int]:
        """Its line and column."""
        state = self.forth.instance_of(self.forth.find("screen").value).state["screen"]  # type: ignore[union-attr]
        return state["line#"], state["column#"]

    def dots(self) -> list[list[int]]:
        size = self.width * self.height * self.bits // 8
        data = self.forth.memory.read(FRAME_BUFFER, size)
        if self.bits == 8:
            assert set(data) <= {0, 0xFF}
            flat = [byte & 1 for byte in data]
        else:
            flat = [byte >> bit & 1 for byte in data for bit in range(7, -1, -1)]
        return [flat[row * self.width : (row + 1) * self.width] for row in range(self.height)]

    def text(self) -> tuple[str, ...]:
        """What can be read, in capitals where colours are swapped; the cursor is as if it weren't there."""
        dots = self.dots()
        cursor = self.cursor
        lines = []
        for line in range(LINES):
            read = ""
            for column in range(COLUMNS):
                top, left = MARGIN + line * HEIGHT, MARGIN + column * WIDTH
                cell = [dots[top + row][left : left + WIDTH] for row in range(HEIGHT)]
                shown = line == cursor[0] and column == min(cursor[1], COLUMNS - 1)  # behind a full line, on its last
                inverse = cell[0][0] ^ shown
                glyph = bytes(
                    int("".join(str(dot ^ cell[0][0]) for dot in row), 2) for row in cell
                )  # the first dot of each is paper
                read += GLYPHS[glyph].upper().replace(" ", "_") if inverse else GLYPHS[glyph]
            lines.append(read)
        return tuple(lines)

    def margin(self) -> set[int]:
        """The dots around the text."""
        return {
            dot
            for number, row in enumerate(self.dots())
            for place, dot in enumerate(row)
            if not (MARGIN <= number < self.height - MARGIN and MARGIN <= place < self.width - MARGIN)
        }


def _glyphs() -> dict[bytes, str]:
    glyphs = font()
    return {glyphs[at * HEIGHT : (at + 1) * HEIGHT]: chr(FIRST + at) for at in range(COUNT)}


GLYPHS = _glyphs()

CASES = [
    # What is written over the text at the beginning, with the cursor where that ends, and what is there then.
    ("", BEGUN, (3, 6)),
    # Control characters (B.1)
    ("\b\bX", (*BEGUN[:3], "4567X9    "), (3, 5)),
    ("\b" * 20 + "X", (*BEGUN[:3], "X56789    "), (3, 1)),
    ("\rX", (*BEGUN[:3], "X56789    "), (3, 1)),
    ("\nX", (*BEGUN[1:3], "456789    ", "      X   "), (3, 7)),
    ("\r\nX", (*BEGUN[1:3], "456789    ", "X         "), (3, 1)),
    ("\vX", (*BEGUN[:2], "uvwxyzX123", BEGUN[3]), (2, 7)),
    ("\v" * 9 + "X", ("abcdefXhij", *BEGUN[1:]), (0, 7)),
    ("\fX", ("X         ", " " * 10, " " * 10, " " * 10), (0, 1)),
    ("\tX", (*BEGUN[:3], "456789  X "), (3, 9)),
    ("\r\tX", (*BEGUN[:3], "456789  X "), (3, 9)),
    ("\t\t\tX", (*BEGUN[:3], "456789   X"), (3, 10)),
    ("\a", BEGUN, (3, 6)),
    ("\0\x01X", (*BEGUN[:3], "456789X   "), (3, 7)),
    # The end of a line, and of the screen
    ("1234", (*BEGUN[:3], "4567891234"), (3, 10)),
    ("1234\r\n", (*BEGUN[1:3], "4567891234", " " * 10), (3, 0)),
    ("12345", (*BEGUN[1:3], "4567891234", "5         "), (3, 1)),
    # Moving the cursor (B.2)
    (f"{ESC}2AX", (BEGUN[0], "klmnopXrst", *BEGUN[2:]), (1, 7)),
    (f"{ESC}AX", (*BEGUN[:2], "uvwxyzX123", BEGUN[3]), (2, 7)),
    (f"{ESC}0AX", (*BEGUN[:2], "uvwxyzX123", BEGUN[3]), (2, 7)),
    (f"{ESC}99AX", ("abcdefXhij", *BEGUN[1:]), (0, 7)),
    (f"{ESC}H{ESC}2BX", (*BEGUN[:2], "Xvwxyz0123", BEGUN[3]), (2, 1)),
    (f"{ESC}99BX", (*BEGUN[:3], "456789X   "), (3, 7)),
    (f"{ESC}2CX", (*BEGUN[:3], "456789  X "), (3, 9)),
    (f"{ESC}99CX", (*BEGUN[:3], "456789   X"), (3, 10)),
    (f"{ESC}3DX", (*BEGUN[:3], "456X89    "), (3, 4)),
    (f"{ESC}99DX", (*BEGUN[:3], "X56789    "), (3, 1)),
    (f"{ESC}H{ESC}2EX", (*BEGUN[:2], "Xvwxyz0123", BEGUN[3]), (2, 1)),
    (f"{ESC}EX", (*BEGUN[:3], "X56789    "), (3, 1)),
    (f"{ESC}HX", ("Xbcdefghij", *BEGUN[1:]), (0, 1)),
    (f"{ESC}2;3HX", (BEGUN[0], "klXnopqrst", *BEGUN[2:]), (1, 3)),
    (f"{ESC}2;3fX", (BEGUN[0], "klXnopqrst", *BEGUN[2:]), (1, 3)),
    (f"{ESC}3HX", (*BEGUN[:2], "Xvwxyz0123", BEGUN[3]), (2, 1)),
    (f"{ESC};4HX", ("abcXefghij", *BEGUN[1:]), (0, 4)),
    (f"{ESC}99;99HX", (*BEGUN[:3], "456789   X"), (3, 10)),
    (f"{ESC}0;0HX", ("Xbcdefghij", *BEGUN[1:]), (0, 1)),
    # Erasing (B.2): from the cursor on, which stays
    (f"{ESC}2;3H{ESC}JX", (BEGUN[0], "klX       ", " " * 10, " " * 10), (1, 3)),
    (f"{ESC}H{ESC}J", (" " * 10,) * 4, (0, 0)),
    (f"{ESC}4;3H{ESC}J", (*BEGUN[:3], "45        "), (3, 2)),
    (f"{ESC}2;3H{ESC}K", (BEGUN[0], "kl        ", *BEGUN[2:]), (1, 2)),
    (f"{ESC}2;10H{ESC}K", (BEGUN[0], "klmnopqrs ", *BEGUN[2:]), (1, 9)),
    # Inserting and deleting
    (f"{ESC}2;3H{ESC}L", (BEGUN[0], " " * 10, *BEGUN[1:3]), (1, 2)),
    (f"{ESC}2;3H{ESC}2LX", (BEGUN[0], "  X       ", " " * 10, BEGUN[1]), (1, 3)),
    (f"{ESC}2;3H{ESC}99L", (BEGUN[0], *(" " * 10,) * 3), (1, 2)),
    (f"{ESC}2;3H{ESC}M", (BEGUN[0], *BEGUN[2:], " " * 10), (1, 2)),
    (f"{ESC}2;3H{ESC}2M", (BEGUN[0], BEGUN[3], *(" " * 10,) * 2), (1, 2)),
    (f"{ESC}2;3H{ESC}99M", (BEGUN[0], *(" " * 10,) * 3), (1, 2)),
    (f"{ESC}2;3H{ESC}@", (BEGUN[0], "kl mnopqrs", *BEGUN[2:]), (1, 2)),
    (f"{ESC}2;3H{ESC}3@X", (BEGUN[0], "klX  mnopq", *BEGUN[2:]), (1, 3)),
    (f"{ESC}2;3H{ESC}99@", (BEGUN[0], "kl        ", *BEGUN[2:]), (1, 2)),
    (f"{ESC}2;3H{ESC}P", (BEGUN[0], "klnopqrst ", *BEGUN[2:]), (1, 2)),
    (f"{ESC}2;3H{ESC}3P", (BEGUN[0], "klpqrst   ", *BEGUN[2:]), (1, 2)),
    (f"{ESC}2;3H{ESC}99P", (BEGUN[0], "kl        ", *BEGUN[2:]), (1, 2)),
    # Colours
    (f"{ESC}7ma {ESC}0mb{ESC}7mc{ESC}m", (*BEGUN[:3], "456789A_bC"), (3, 10)),
    (f"{ESC}7ma{ESC}md", (*BEGUN[:3], "456789Ad  "), (3, 8)),
    # What is no sequence of the terminal's is nothing
    (f"{ESC}5;6zX{ESC}?25hY\x1bcZ", (*BEGUN[:3], "456789XYZ "), (3, 9)),
    (f"{ESC}s", BEGUN, (3, 6)),
]


@pytest.mark.parametrize("bits", [1, 8])
def test_what_each_sequence_does(bits: int) -> None:
    screen = Screen(bits)
    for written, expected, cursor in CASES:
        screen.begin()
        screen.write(written)
        assert (screen.text(), screen.cursor) == (expected, cursor), repr(written)
        assert screen.margin() == {0}, repr(written)
        screen.begin()
        for character in written:  # a sequence may come in pieces
            screen.write(character)
        assert (screen.text(), screen.cursor) == (expected, cursor), repr(written)


@pytest.mark.parametrize("bits", [1, 8])
def test_the_whole_screen_in_other_colours(bits: int) -> None:
    screen = Screen(bits)
    before = screen.dots()
    screen.write(f"{ESC}q")
    assert screen.dots() == [[1 - dot for dot in row] for row in before]
    screen.write(f"{ESC}qX")
    assert screen.text() == tuple(line.upper().replace(" ", "_") for line in (*BEGUN[:3], "456789X   "))
    screen.write(f"{ESC}p\b ")
    screen.write("\b")
    assert screen.dots() == before


def test_the_cursor_is_one_cell_in_other_colours() -> None:
    screen = Screen(8)
    shown = screen.dots()
    screen.write(f"{ESC}D{ESC}C")
    assert screen.dots() == shown
    top, left = MARGIN + 3 * HEIGHT, MARGIN + 6 * WIDTH
    assert all(dot for row in shown[top : top + HEIGHT] for dot in row[left : left + WIDTH])
