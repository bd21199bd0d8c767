"""Words for screens: those that a driver installs the standard's support for, and the console, which is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from vof.errors import Throw, ThrowCode
from vof.firmware.words import frame_buffer
from vof.firmware.words.engine import DEVICE, SCREEN_ACTIONS, SCREEN_VALUES, Method
from vof.firmware.words.font import COUNT, FIRST, HEIGHT, WIDTH, font
from vof.firmware.words.terminal import Terminal
from vof.forth import Kind, Word

if TYPE_CHECKING:
    from vof.firmware.words.engine import FirmwareForth
    from vof.forth import Forth

__all__: list[str] = []

_A = "1275 A"
_LONGEST_TEXT = 1 << 16


def _fw(forth: Forth) -> FirmwareForth:
    return cast("FirmwareForth", forth)


def _size(forth: Forth, name: str, option: str, usual: int) -> None:
    self = _fw(forth)
    value = self.screen.get(name)
    if value is None:
        options = self.firmware.options
        value = usual if options is None else int(options[option])
    forth.stack.append(value & forth.mask)


@DEVICE.word("#lines", "( -- n )", _A)
def lines(forth: Forth) -> None:
    """Lines of the screen, or of the console."""
    _size(forth, "#lines", "screen-#rows", 24)


@DEVICE.word("#columns", "( -- n )", _A)
def columns(forth: Forth) -> None:
    """Columns of the screen, or of the console."""
    _size(forth, "#columns", "screen-#columns", 80)


_PROPERTIES = {"frame-buffer-adr": "address", "screen-width": "width", "screen-height": "height"}


def _by_property(self: FirmwareForth, name: str) -> int:
    """What a screen's package says where no driver in Forth has; BootX draws by it. 0 where it doesn't."""
    node = self.active if self.my_self is None else self.my_self.node
    value = b"" if node is None or name not in _PROPERTIES else node.properties.get(_PROPERTIES[name], b"")
    return int.from_bytes(value) if len(value) == 4 else 0


for _name in SCREEN_VALUES:
    if _name in ("#lines", "#columns"):
        continue

    def _read(forth: Forth, name: str = _name) -> None:
        self = _fw(forth)
        value = self.screen.get(name)
        if value is None:
            value = _by_property(self, name)
        forth.stack.append(value)

    _read.__doc__ = (
        "Of the current instance's screen: what was last said by to; its package's property, or 0, at first."
    )
    DEVICE.word(_name, "( -- n )", _A)(_read)


# --- what a driver has done in its own way ---

_EFFECTS = {
    "draw-character": "( char -- )",
    "insert-characters": "( n -- )",
    "delete-characters": "( n -- )",
    "insert-lines": "( n -- )",
    "delete-lines": "( n -- )",
    "draw-logo": "( line# address width height -- )",
}
_ON_THE_CONSOLE = {"erase-screen": "\x1b[H\x1b[J", "toggle-cursor": ""}

for _name in SCREEN_ACTIONS:

    def _act(forth: Forth, name: str = _name) -> None:
        token = _fw(forth).screen.get(name)
        if token is not None:
            forth.run(forth.word_of(token))
        elif name in _ON_THE_CONSOLE:
            forth.type(_ON_THE_CONSOLE[name])
        else:
            raise Throw(ThrowCode.UNSUPPORTED_OPERATION, f"{name}: no screen's driver has said how")

    _act.__doc__ = "What the screen's driver, or fb8-install, said by to."
    DEVICE.word(_name, _EFFECTS.get(_name, "( -- )"), _A)(_act)


@DEVICE.word("page", "( -- )", "SLOF, OpenBIOS")
def page(forth: Forth) -> None:
    """Clear the console."""
    forth.type(_ON_THE_CONSOLE["erase-screen"])


@DEVICE.word("fb8-write", "( text count -- count )", "Apple: ofboot")
def fb8_write(forth: Forth) -> None:
    """Type a text, as the console's write does; the count is how much was."""
    count = forth.stack[-1]
    forth.type(forth.pop_text())
    forth.stack.append(count)


@DEVICE.word("cursor-on", "( -- )", "GRUB, Apple")
def cursor_on(forth: Forth) -> None:
    """Nothing: the terminal shows its own cursor."""


@DEVICE.word("cursor-off", "( -- )", "GRUB, Apple")
def cursor_off(forth: Forth) -> None:
    """Nothing: the terminal shows its own cursor."""


@DEVICE.word("at-xy", "( column line -- )", "ANS 10.6.1.0742")
def at_xy(forth: Forth) -> None:
    """Go to a place of the console."""
    line, column = forth.stack.pop(), forth.stack.pop()
    forth.type(f"\x1b[{min(line, 999) + 1};{min(column, 999) + 1}H")


# --- fonts ---


@DEVICE.word("default-font", "( -- address width height advance min-char #glyphs )", _A)
def default_font(forth: Forth) -> None:
    """The firmware's own font: 5 dots by 7 in cells of 8 by 12."""
    self = _fw(forth)
    if not self.font_address:
        glyphs = font()
        self.font_address = forth.space.take(len(glyphs), forth.cell)
        forth.memory.write(self.font_address, glyphs)
    forth.stack += (self.font_address, WIDTH, HEIGHT, 1, FIRST, COUNT)


@DEVICE.word("set-font", "( address width height advance min-char #glyphs -- )", _A)
def set_font(forth: Forth) -> None:
    """Have the screen use a font: a glyph is height lines of advance bytes."""
    screen = _fw(forth).screen
    for name in ("#glyphs", "min-char", "fontbytes", "char-height", "char-width", "font-adr"):
        screen[name] = forth.stack.pop()


@DEVICE.word(">font", "( char -- address )", _A)
def to_font(forth: Forth) -> None:
    """Where a character's glyph is; the first one's, for a character that the font doesn't have."""
    forth.stack.append(frame_buffer.glyph_address(_fw(forth).screen, forth.stack.pop()))


# --- the standard's support of frame buffers ---

for _bits in (1, 8):
    for _name in SCREEN_ACTIONS:

        def _draw(forth: Forth, name: str = _name, bits: int = _bits) -> None:
            frame_buffer.ACTIONS[name](frame_buffer.FrameBuffer(_fw(forth), bits))

        _draw.__doc__ = f"{_name}, on a frame buffer of {_bits} bit{'s' * (_bits > 1)} a dot."
        DEVICE.word(f"fb{_bits}-{_name}", _EFFECTS.get(_name, "( -- )"), _A)(_draw)

    def _install(forth: Forth, bits: int = _bits) -> None:
        frame_buffer.install(_fw(forth), bits)

    _install.__doc__ = f"Have the screen be a frame buffer of {_bits} bit{'s' * (_bits > 1)} a dot."
    DEVICE.word(f"fb{_bits}-install", "( width height #columns #lines -- )", _A)(_install)


@DEVICE.word("fb1-slide-up", "( n -- )", _A)
def fb1_slide_up(forth: Forth) -> None:
    """Move what is below the cursor's line up."""
    frame_buffer.ACTIONS["delete-lines"](frame_buffer.FrameBuffer(_fw(forth), 1))


# --- what makes methods of a driver ---


def _become(forth: Forth, name: str, word: Word) -> None:
    self = _fw(forth)
    node = self.need_active()
    self.words_of(node).add(word)
    node.methods[word.name] = Method(self, word)


@DEVICE.word("is-install", "( xt -- )", _A)
def is_install(forth: Forth) -> None:
    """Give the package of a screen its methods: open, which runs the word, write, draw-logo and restore."""
    word = forth.word_of(forth.stack.pop())
    for name, function in (
        ("open", _Open(word)),
        ("write", _write),
        ("draw-logo", _draw_logo),
        ("restore", _restore),
    ):
        _become(forth, name, Word(name, Kind.PYTHON, function=function))


@DEVICE.word("is-remove", "( xt -- )", _A)
def is_remove(forth: Forth) -> None:
    """Have the package's close run the word."""
    _become(forth, "close", Word("close", Kind.PYTHON, function=_Run(forth.word_of(forth.stack.pop()))))


@DEVICE.word("is-selftest", "( xt -- )", _A)
def is_selftest(forth: Forth) -> None:
    """Have the package's selftest run the word."""
    _become(forth, "selftest", Word("selftest", Kind.PYTHON, function=_Run(forth.word_of(forth.stack.pop()))))


class _Run:
    """What runs a word."""

    def __init__(self, word: Word) -> None:
        self._word = word

    def __call__(self, forth: Forth, stack: list[int]) -> None:
        forth.run(self._word)


class _Open:
    """A screen's `open`: what the driver does, and a terminal."""

    def __init__(self, word: Word) -> None:
        self._word = word

    def __call__(self, forth: Forth, stack: list[int]) -> None:
        firmware_forth = _fw(forth)
        forth.run(self._word)
        firmware_forth.need_self().state["terminal"] = Terminal()
        screen = firmware_forth.screen
        if "reset-screen" in screen:
            for name in ("reset-screen", "erase-screen"):
                forth.run(forth.word_of(screen[name]))
            frame_buffer.toggle(firmware_forth)
        stack.append(forth.mask)


def _write(forth: Forth, stack: list[int]) -> None:
    """( address count -- count ) as a terminal."""
    self = _fw(forth)
    count, address = stack.pop(), stack.pop()
    if count > _LONGEST_TEXT:
        raise Throw(ThrowCode.INVALID_MEMORY_ADDRESS, f"a text of {count} characters")
    terminal = self.need_self().state.get("terminal")
    if isinstance(terminal, Terminal):
        terminal.write(self, forth.memory.read(address, count))
    stack.append(count)


def _draw_logo(forth: Forth, stack: list[int]) -> None:
    _act_by_name(forth, "draw-logo")


def _restore(forth: Forth, stack: list[int]) -> None:
    _act_by_name(forth, "reset-screen")


def _act_by_name(forth: Forth, name: str) -> None:
    word = forth.system_word(name)
    assert word is not None
    forth.run(word)
