"""`FirmwareForth`: Forth with a firmware around it: packages have words as methods, and instances have data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vof.errors import GuestFault, Throw, ThrowCode
from vof.forth import Forth, Kind, Space, Table, Vocabulary, Word
from vof.forth.word import Op
from vof.packages import Instance, Stack, find_method
from vof.tree import Node

if TYPE_CHECKING:
    from vof.firmware.boot import Started
    from vof.firmware.system import OpenFirmware

__all__ = ["DEVICE", "SCREEN_ACTIONS", "SCREEN_VALUES", "Alarm", "FirmwareForth", "Method", "faults"]

DEVICE = Table("device")
"""Words of the firmware: 1275's device and user interfaces."""

_SPACE = 0x40000
_SMALL = 0x40
_HIGHEST_SPACE = 0x10000000
_DATA = "forth"
"""Where an instance keeps its own values."""
_INSTANCE_CELLS_LIMIT = 1 << 20
"""Values of their own that all instances have."""
_ALARMS_LIMIT = 16
_ROOMS = 2
_SCREEN = "screen"
SCREEN_VALUES = (
    *("#lines", "#columns", "line#", "column#", "inverse?", "inverse-screen?", "foreground-color", "background-color"),
    *("frame-buffer-adr", "screen-width", "screen-height", "window-left", "window-top", "frame-buffer-busy?"),
    *("font-adr", "char-width", "char-height", "fontbytes"),
)
"""What `to` changes of a screen."""
SCREEN_ACTIONS = (
    *("draw-character", "reset-screen", "toggle-cursor", "erase-screen", "blink-screen", "invert-screen"),
    *("insert-characters", "delete-characters", "insert-lines", "delete-lines", "draw-logo"),
)
"""What a screen does by a word that `to` gives it."""


@dataclass(slots=True)
class Alarm:
    """A word that runs every so often.

    Attributes:
        word: the word.
        instance: whose `my-self` it has; None for none.
        period: milliseconds.
        due: when it runs next.
    """

    word: Word
    instance: Instance | None
    period: int
    due: int


class Method:
    """A word as a package's method.

    Args:
        forth: the Forth that runs it.
        word: the word.
    """

    def __init__(self, forth: FirmwareForth, word: Word) -> None:
        self.forth = forth
        self.word = word

    def __call__(self, instance: Instance, stack: Stack) -> None:
        """Run it with the instance as `my-self`."""
        self.forth.run_method(self.word, instance, stack)


class FirmwareForth(Forth):
    """The Forth of one firmware.

    Args:
        firmware: the firmware.
        bits: of a cell, 32 or 64.

    Attributes:
        active: the package that definitions and properties go to; None for none.
        my_self: the instance whose method is running; None for none.
        new_devices: for each `new-device` that wants its `finish-device`: its instance, what was active before, and
            what `my-self` was.
        alarms: what runs every so often.
        loaded: path and size of the file that `load` loaded, and whether it is of a PReP partition.
        program: what `init-program` made of it.
        script: the text that `nvedit` edits; None for none.
        editing: whether lines go there.
        edited: which line of it is edited, from 0.
        span: characters that `expect` took.
        shows_stack: whether the stack is shown after each line of the prompt's.
        font_address: where the firmware's own font is; 0 before somebody wants it.
        returns: the return stack outside of definitions, the top last.
        redirected: for `stdin` and `stdout`, what `input` and `output` opened last.
        spin: what the word `spin` runs.
        mask_address: where the variable of `mask` is; 0 likewise.
    """

    def __init__(self, firmware: OpenFirmware, bits: int = 32) -> None:
        super().__init__(firmware.memory, self._claim_space, bits=bits, write=self._type, tables=("device", "core"))
        self.firmware = firmware
        self.active: Node | None = None
        self.my_self: Instance | None = None
        self.new_devices: list[tuple[Instance, Node | None, Instance | None]] = []
        self.alarms: list[Alarm] = []
        self.mask_address = 0
        self.spin: Word | None = None
        self.returns: list[int] = []
        self.redirected: dict[str, Instance] = {}
        self.loaded: tuple[str, int, bool] = ("", 0, False)
        self.program: Started | None = None
        self.script: str | None = None
        self.editing = False
        self.edited = 0
        self.font_address = 0
        self.span = 0
        self.shows_stack = False
        self._screen: dict[str, int] = {}
        self._package_words: dict[int, Vocabulary] = {}
        self._ringing = False
        self._instance_cells = 0
        self._rooms: list[tuple[int, int]] = []

    @property
    def screen(self) -> dict[str, int]:
        """The current instance's screen: its sizes and colours, and the words that draw; the console's without one."""
        if self.my_self is None:
            return self._screen
        screen: dict[str, int] = self.my_self.state.setdefault(_SCREEN, {})
        return screen

    def _claim_space(self) -> Space:
        """Memory for the dictionary: as high as a client program is least likely to want it."""
        claims = self.firmware.claims
        for top in (_HIGHEST_SPACE, _HIGHEST_SPACE >> 1, _HIGHEST_SPACE >> 2):
            try:
                start = claims.claim(top - _SPACE, _SPACE, 0)
            except GuestFault:
                continue
            return Space(self.memory, start, _SPACE)
        try:
            return Space(self.memory, claims.claim(0, _SPACE, 0x1000), _SPACE)
        except GuestFault as fault:
            raise Throw(ThrowCode.DICTIONARY_OVERFLOW, str(fault)) from None

    def abort(self) -> None:
        """As Forth's, with the return stack outside of definitions."""
        super().abort()
        self.returns.clear()

    def _type(self, text: str) -> None:
        with faults():
            self.firmware.console.show(text)

    def put_large(self, data: bytes) -> int:
        """Keep data that are too long for `put_temporary` until two others have been; their address."""
        room = self._rooms.pop(0) if len(self._rooms) == _ROOMS else (0, 0)
        if room[1] < len(data):
            room = (self.space.take(len(data), 8), len(data))
        self._rooms.append(room)
        self.memory.write(room[0], data)
        return room[0]

    def set_instance_cell(self, word: Word, cell: int) -> None:
        """As Forth's, for so many values."""
        store = self.instance_store
        if store is not None and self.token(word) not in store:
            if self._instance_cells >= _INSTANCE_CELLS_LIMIT:
                raise Throw(ThrowCode.DICTIONARY_OVERFLOW, f"instances have {_INSTANCE_CELLS_LIMIT} values")
            self._instance_cells += 1
        super().set_instance_cell(word, cell)

    # Alarms

    def set_alarm(self, word: Word, period: int) -> None:
        """Have a word run every `period` milliseconds with the current instance, or no more where that is 0.

        Raises:
            Throw: there are too many.
        """
        self.alarms = [alarm for alarm in self.alarms if alarm.word is not word or alarm.instance is not self.my_self]
        if not period:
            return
        if len(self.alarms) >= _ALARMS_LIMIT:
            raise Throw(ThrowCode.UNSUPPORTED_OPERATION, f"{_ALARMS_LIMIT} alarms are on")
        due = self.firmware.clock.milliseconds() + period
        self.alarms.append(Alarm(word, self.my_self, period, due))

    def ring(self) -> None:
        """Run the alarms that are due, once each. One that throws is off."""
        if self._ringing:
            return
        self._ringing = True
        before = self.my_self, self.instance_store
        try:
            for alarm in tuple(self.alarms):
                now = self.firmware.clock.milliseconds()
                if now < alarm.due or alarm not in self.alarms:
                    continue
                alarm.due = now + alarm.period
                self.my_self, self.instance_store = alarm.instance, self._data_of(alarm.instance)
                try:
                    self.call(alarm.word, [])
                except Throw:
                    self.alarms = [other for other in self.alarms if other is not alarm]
        finally:
            self._ringing = False
            self.my_self, self.instance_store = before

    def _data_of(self, instance: Instance | None) -> dict[int, int] | None:
        return None if instance is None else instance.state.setdefault(_DATA, {})

    def enter_instance(self, instance: Instance | None) -> None:
        """Have an instance be `my-self`, and its values be found."""
        self.my_self, self.instance_store = instance, self._data_of(instance)

    def push_small_text(self, text: str) -> None:
        """As `push_text`, for one that is used at once: GRUB's first words need no dictionary."""
        scratch = self.firmware.scratch
        data = text.encode("latin-1", "replace")
        if self.has_space or not scratch or len(data) >= _SMALL:
            self.push_text(text)
            return
        address = scratch + 0x1000 - _SMALL  # behind all that callbacks use but the last, which fails there
        self.memory.write(address, data)
        self.stack += (address, len(data))

    # Packages

    def activate(self, node: Node | None) -> None:
        """Make a package the active one: definitions become its methods, and its words are found first."""
        self.active = node
        del self.order[:-1]
        self.current = self.root
        if node is not None:
            words = self.words_of(node)
            self.order.insert(0, words)
            self.current = words

    def words_of(self, node: Node) -> Vocabulary:
        """The words that were defined while a package was active."""
        words = self._package_words.get(node.phandle)
        if words is None:
            words = self._package_words[node.phandle] = Vocabulary(node.base or "/")
        return words

    def remove(self, node: Node) -> None:
        """Remove a package, with all below it, and their words.

        Raises:
            Throw: it is the root.
        """
        below = list(node.walk())
        with faults():
            self.firmware.tree.remove(node)
        for gone in below:
            self._package_words.pop(gone.phandle, None)

    def defined(self, word: Word) -> None:
        """A word that is defined while a package is active is its method."""
        if self.active is not None and self.current is self._package_words.get(self.active.phandle):
            self.active.methods[word.name.lower()] = Method(self, word)  # BootX defines DRAW-RECTANGLE, and calls it so

    def run_method(self, word: Word, instance: Instance, stack: Stack) -> None:
        """Run a word as a method.

        Raises:
            Throw: whatever went wrong.
        """
        before = self.my_self, self.instance_store
        self.enter_instance(instance)
        try:
            self.call(word, stack)
        finally:
            self.my_self, self.instance_store = before

    def closed(self, instance: Instance) -> None:
        """Take what an instance had for its data back, and switch its alarms off."""
        self.alarms = [alarm for alarm in self.alarms if alarm.instance is not instance]
        store = instance.state.pop(_DATA, {})
        values = sum(self.word_of(token).kind not in (Kind.VARIABLE, Kind.BUFFER) for token in store)
        self._instance_cells = max(0, self._instance_cells - values)
        self.end_instance(store)

    def need_active(self) -> Node:
        """The active package.

        Raises:
            Throw: there is none.
        """
        if self.active is None:
            raise Throw(ThrowCode.ABORT, "no package is active: dev PATH makes one so")
        return self.active

    def need_self(self) -> Instance:
        """The current instance.

        Raises:
            Throw: there is none.
        """
        if self.my_self is None:
            raise Throw(ThrowCode.ABORT, "no instance is current")
        return self.my_self

    def node_of(self, phandle: int) -> Node:
        """A package by its handle.

        Raises:
            Throw: there is none.
        """
        node = self.firmware.tree.by_phandle.get(phandle)
        if node is None:
            raise Throw(ThrowCode.ABORT, f"no package {phandle:#x}")
        return node

    def instance_of(self, ihandle: int) -> Instance:
        """An instance by its handle.

        Raises:
            Throw: there is none.
        """
        with faults():
            return self.firmware.instances.need(ihandle)

    def call_instance(self, instance: Instance, method: str) -> None:
        """Call a method on this Forth's own stack.

        Raises:
            Throw: it threw, or there is none of that name.
        """
        stack, mask = self.stack, self.mask
        self.pay(10)
        with faults():
            instance.call(method, stack)
        stack[:] = [cell & mask for cell in stack]

    def change_special(self, name: str) -> bool:
        """`to` of what is no word of Forth's own; BootX has `to active-package` and `to spin`."""
        lower = name.lower()
        if lower in _SPECIAL:
            word = Word(f"to {name}", Kind.PYTHON, function=_SetSpecial(lower))
            if self.compiling:
                self.put(Op.WORD, word, f"to {name}")
            else:
                self.run(word)
            return True
        if lower in SCREEN_VALUES or lower in SCREEN_ACTIONS:
            if self.compiling:
                self.put(Op.WORD, self._screen_setter(lower), f"to {name}")
            else:
                self.screen[lower] = self.stack.pop()
            return True
        return False

    def _screen_setter(self, name: str) -> Word:
        return Word(f"to {name}", Kind.PYTHON, function=_SetScreen(name))

    def method_word(self, node: Node, name: str) -> Word | None:
        """A package's method as a word: its own, or one that calls the Python."""
        word = self.words_of(node).find(name.lower())
        if word is None and find_method(node, name) is not None:
            word = Word(name, Kind.PYTHON, function=_CallMethod(name))
            self.words_of(node).add(word)
        return word


_SPECIAL = ("active-package", "my-self", "spin")


class _SetSpecial:
    """What `to my-self`, `to active-package` and `to spin` do."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, forth: Forth, stack: list[int]) -> None:
        assert isinstance(forth, FirmwareForth)
        handle = stack.pop()
        if self._name == "spin":
            forth.spin = forth.word_of(handle)
        elif self._name == "my-self":
            forth.enter_instance(forth.instance_of(handle) if handle else None)
        else:
            forth.activate(forth.node_of(handle) if handle else None)


class _SetScreen:
    """What `to line#` compiles to."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, forth: Forth, stack: list[int]) -> None:
        assert isinstance(forth, FirmwareForth)
        forth.screen[self._name] = stack.pop()


class _CallMethod:
    """A word that calls a method in Python of the current instance."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, forth: Forth, stack: list[int]) -> None:
        assert isinstance(forth, FirmwareForth)
        forth.call_instance(forth.need_self(), self._name)


class faults:  # noqa: N801 (it reads as a word)
    """Have a firmware's ways of failing become throws."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        from vof.errors import PortError, UsageError

        if isinstance(error, GuestFault | PortError | UsageError):
            raise Throw(ThrowCode.ABORT, str(error)) from None
