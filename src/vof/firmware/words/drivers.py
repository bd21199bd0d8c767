"""Words that drivers in ROMs use beside those for properties and instances; and running such drivers."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast
from zlib import adler32

from vof.errors import GuestFault, MemoryFault, PortError, Throw, ThrowCode
from vof.firmware.words.engine import DEVICE, faults
from vof.firmware.words.instances import call_parent
from vof.firmware.words.new_devices import finish_device
from vof.firmware.words.properties import set_property
from vof.forth import Kind, Word

if TYPE_CHECKING:
    from vof.firmware.words.engine import FirmwareForth
    from vof.forth import Forth
    from vof.tree import Node

__all__ = ["load_driver"]

_A = "1275 A"
_VERSION = 0x00030000
_PIECE = 0x1000
_LARGEST_FILL = 1 << 32
_PATTERNS = (0x55, 0xAA, 0xFF, 0x00)
_ADDRESSES = ("mac-address", "local-mac-address")


def _fw(forth: Forth) -> FirmwareForth:
    return cast("FirmwareForth", forth)


for _name, _effect, _method in (
    ("memmap", "( physical… size -- address )", "map-in"),
    ("dma-alloc", "( size -- address )", "dma-alloc"),
    ("dma-free", "( address size -- )", "dma-free"),
    ("dma-map-in", "( address size cacheable? -- dma-address )", "dma-map-in"),
    ("dma-map-out", "( address dma-address size -- )", "dma-map-out"),
    ("dma-sync", "( address dma-address size -- )", "dma-sync"),
):
    # In Python: a text in a word that all firmwares share would be in the memory of the first that compiled it.

    def _of_parent(forth: Forth, method: str = _method) -> None:
        call_parent(_fw(forth), method)

    _of_parent.__doc__ = f"The parent's {_method}."
    DEVICE.word(_name, _effect, _A)(_of_parent)

DEVICE.forth("even", "( n -- n )", _A, "1+ -2 and")
DEVICE.forth("convert", "( low high address -- low high address )", _A, "char+ 10000 >number drop")


@DEVICE.word("driver", "( text count -- )", _A)
def driver(forth: Forth) -> None:
    """Set `name`; it is obsolete."""
    set_property(_fw(forth), "name", forth.pop_text().encode("latin-1") + b"\0")


@DEVICE.word("intr", "( interrupt vector -- )", _A)
def intr(forth: Forth) -> None:
    """Set `intr`; it is obsolete."""
    vector, interrupt = forth.stack.pop() & 0xFFFFFFFF, forth.stack.pop() & 0xFFFFFFFF
    set_property(_fw(forth), "intr", interrupt.to_bytes(4) + vector.to_bytes(4))


@DEVICE.word("mac-address", "( -- address count )", _A)
def mac_address(forth: Forth) -> None:
    """The network address of the current instance: its node's, or none."""
    node = _fw(forth).need_self().node
    for name in _ADDRESSES:
        if name in node.properties:
            forth.push_text(node.properties[name].decode("latin-1"))
            return
    forth.push_text("")


@DEVICE.word("diagnostic-mode?", "( -- flag )", _A)
def diagnostic_mode(forth: Forth) -> None:
    """Whether diag-switch? is true."""
    options = _fw(forth).firmware.options
    forth.stack.append(forth.mask if options is not None and options["diag-switch?"] == "true" else 0)


@DEVICE.word("display-status", "( n -- )", _A)
def display_status(forth: Forth) -> None:
    """Nothing: there are no lights to show it with."""
    forth.stack.pop()


@DEVICE.word("mask", "( -- address )", _A)
def mask(forth: Forth) -> None:
    """The variable that says which bits of a cell memory-test-suite tests: all, at first."""
    self = _fw(forth)
    if not self.mask_address:
        self.mask_address = self.space.take(self.cell, self.cell)
        self.memory.write(self.mask_address, b"\xff" * self.cell)
    self.stack.append(self.mask_address)


@DEVICE.word("memory-test-suite", "( address count -- failed? )", _A)
def memory_test_suite(forth: Forth) -> None:
    """Test memory, whose content is lost: a few patterns are written and read back."""
    self = _fw(forth)
    mask(forth)
    wanted = self.memory.read(self.stack.pop(), self.cell)
    count, address = self.stack.pop(), self.stack.pop()
    self.memory.read(address + max(count - 1, 0), 1)  # all of it is memory, or none of it is written
    bits = int.from_bytes(wanted * (_PIECE // self.cell))
    failed = False
    for start in range(address, address + count, _PIECE):
        size = min(_PIECE, address + count - start)
        self.pay(size)
        for pattern in _PATTERNS:
            data = bytes((pattern,)) * size
            self.memory.write(start, data)
            read = self.memory.read(start, size)
            failed = failed or bool((int.from_bytes(read) ^ int.from_bytes(data)) & bits >> 8 * (_PIECE - size))
    self.stack.append(self.mask * failed)


@DEVICE.word("memory-test-issue", "( address count -- failed? )", "fcode-utils")
def memory_test_issue(forth: Forth) -> None:
    """What FCode tools call memory-test-suite."""
    memory_test_suite(forth)


DEVICE.forth("suspend-fcode", "( -- )", _A, "noop")


@DEVICE.word("(emit)", "( char -- char )", "Apple: BootX")
def log_emit(forth: Forth) -> None:
    """Nothing: Apple's firmware keeps a log, which gets the character."""
    forth.stack.append(forth.stack.pop())


DEVICE.forth("debug-cr", "( -- )", "Apple: BootX", "noop")


@DEVICE.word("spin", "( -- )", "Apple: BootX")
def spin(forth: Forth) -> None:
    """What was last said by to, or nothing: it turns a cursor while something is loaded."""
    word = _fw(forth).spin
    if word is not None:
        forth.run(word)


@DEVICE.word("filll", "( address count quad -- )", "Apple: BootX")
def filll(forth: Forth) -> None:
    """Fill memory with a number of 32 bits."""
    quad, count, address = forth.stack.pop(), forth.stack.pop(), forth.stack.pop()
    forth.pay(min(count, _LARGEST_FILL) // 16)
    pattern = (quad & 0xFFFFFFFF).to_bytes(4) * (_PIECE // 4)
    forth.memory.read(address + max(count - 1, 0), 1)  # all of it is memory, or none of it is written
    for start in range(0, count, _PIECE):
        forth.memory.write(address + start, pattern[: count - start])


@DEVICE.word("(adler32)", "( sum address count -- sum )", "OpenBIOS, for Mac OS 9")
def paren_adler32(forth: Forth) -> None:
    """Go on with a checksum of Adler's over memory; it begins with 1."""
    count, address, total = forth.stack.pop(), forth.stack.pop(), forth.stack.pop() & 0xFFFFFFFF
    forth.memory.read(address + max(count - 1, 0), 1)
    for start in range(0, count, _PIECE):
        size = min(_PIECE, count - start)
        forth.pay(size // 16)
        total = adler32(forth.memory.read(address + start, size), total)
    forth.stack.append(total)


DEVICE.forth("adler32", "( sum address count -- sum )", "OpenBIOS, for Mac OS 9", "(adler32)")


@DEVICE.word("firmware-version", "( -- n )", _A)
def firmware_version(forth: Forth) -> None:
    """The version of Open Firmware: 3.0."""
    forth.stack.append(_VERSION)


@DEVICE.word("parse-2int", "( text count -- low high )", _A)
def parse_2int(forth: Forth) -> None:
    """Two hexadecimal numbers with a comma between them."""
    high, _, low = forth.pop_text().partition(",")
    try:
        forth.stack += (int(low or "0", 16) & forth.mask, int(high or "0", 16) & forth.mask)
    except ValueError:
        raise Throw(ThrowCode.ABORT, f"{high},{low} isn't two hexadecimal numbers") from None


@DEVICE.word("(is-user-word)", "( text count xt -- )", _A)
def is_user_word(forth: Forth) -> None:
    """Give a word another name, in the main list."""
    word = forth.word_of(forth.stack.pop())
    name = forth.pop_text()
    forth.root.words[name.lower()] = word


@DEVICE.word("user-abort", "( -- )", _A)
def user_abort(forth: Forth) -> None:
    """Give up, as at a user's word."""
    raise Throw(ThrowCode.ABORT, "aborted")


# --- registers of devices: what map-in mapped, in one access ---


def _reach(forth: Forth, address: int, width: int, value: int | None = None) -> int:
    """Read or write at an address: memory, or else a register.

    Raises:
        Throw: there is neither.
    """
    device = _fw(forth).firmware.hooks.device
    try:
        if value is None:
            return int.from_bytes(forth.memory.read(address, width))
        forth.memory.write(address, (value & (1 << 8 * width) - 1).to_bytes(width))
        return 0
    except MemoryFault as fault:
        if device is None:
            raise Throw(ThrowCode.INVALID_MEMORY_ADDRESS, str(fault)) from None
    forth.pay(20)
    try:
        return device(address, width, value)
    except (GuestFault, PortError) as fault:
        raise Throw(ThrowCode.INVALID_MEMORY_ADDRESS, str(fault)) from None


for _letter, _unit, _width in (("b", "c", 1), ("w", "w", 2), ("l", "l", 4)):
    _what = f"{_width} byte{'s' * (_width > 1)}"

    def _fetch(forth: Forth, width: int = _width) -> None:
        forth.stack.append(_reach(forth, forth.stack.pop(), width))

    def _store(forth: Forth, width: int = _width) -> None:
        address, value = forth.stack.pop(), forth.stack.pop()
        _reach(forth, address, width, value)

    def _peek(forth: Forth, width: int = _width) -> None:
        address = forth.stack.pop()
        try:
            forth.stack += (_reach(forth, address, width), forth.mask)
        except Throw:
            forth.stack.append(0)

    def _poke(forth: Forth, width: int = _width) -> None:
        address, value = forth.stack.pop(), forth.stack.pop()
        try:
            _reach(forth, address, width, value)
        except Throw:
            forth.stack.append(0)
        else:
            forth.stack.append(forth.mask)

    _fetch.__doc__ = f"Fetch {_what} of memory, or of a register that map-in mapped."
    _store.__doc__ = f"Store {_what} to memory, or to a register that map-in mapped."
    _peek.__doc__ = f"Fetch {_what}, if there is memory or a register that map-in mapped."
    _poke.__doc__ = f"Store {_what}, if there is memory or a register that map-in mapped."
    DEVICE.word(f"r{_letter}@", "( address -- value )", _A)(_fetch)
    DEVICE.word(f"r{_letter}!", "( value address -- )", _A)(_store)
    DEVICE.word(f"{_unit}peek", "( address -- false | value true )", _A)(_peek)
    DEVICE.word(f"{_unit}poke", "( value address -- okay? )", _A)(_poke)


# --- running a driver ---


def load_driver(forth: FirmwareForth, node: Node, program: bytes) -> None:
    """Run an FCode program as the driver of a package that is there: active, with an instance of it as `my-self`.

    The packages above are open meanwhile.

    Args:
        forth: the firmware's Forth.
        node: the package.
        program: the program, with its header.

    Raises:
        Throw: what went wrong, with the place in the program.
        GuestFault: the packages above can't be opened.
        Departed: it ended the machine, or reset it.
    """
    from vof.forth.fcode import byte_load

    firmware = forth.firmware
    above = firmware.instances.open(node.parent.path) if node.parent is not None else None
    instance = firmware.instances.add(node, above, node.unit)
    depth, active, my_self = len(forth.new_devices), forth.active, forth.my_self
    forth.enter_instance(instance)
    forth.activate(node)
    try:
        forth.call(Word("byte-load", Kind.PYTHON, function=lambda forth, stack: byte_load(forth, program)), [])
    finally:
        while len(forth.new_devices) > depth:
            finish_device(forth)
        forth.enter_instance(my_self)
        forth.activate(active)
        firmware.instances.remove(instance)
        if above is not None:
            firmware.instances.close(above)


@DEVICE.word("test", "( -- )", _A)
def test(forth: Forth) -> None:
    """Run a device's selftest: `test PATH`."""
    path = forth.parse_name()
    if not path:
        raise Throw(ThrowCode.ABORT, "test PATH")
    _test(_fw(forth), path)


@DEVICE.word("test-all", "( -- )", _A)
def test_all(forth: Forth) -> None:
    """Run the selftest of each device that has one, or of those at and below the one that follows."""
    self = _fw(forth)
    path = forth.parse_name() or "/"
    top = self.firmware.tree.find(path)
    if top is None:
        raise Throw(ThrowCode.ABORT, f'no device "{path}"')
    for node in list(top.walk()):
        if "selftest" in node.methods:
            _test(self, node.path)


def _test(self: FirmwareForth, path: str) -> None:
    try:
        instance = self.firmware.instances.open(path, last=False)
    except GuestFault as fault:
        raise Throw(ThrowCode.ABORT, f"{path} can't be tested: {fault}") from None
    try:
        if "selftest" not in instance.node.methods:
            self.type(f"{path} has no selftest\r\n")
            return
        self.call_instance(instance, "selftest")
        result = self.stack.pop()
        self.type(f"{path}: {'passed' if not result else f'failed ({result:x})'}\r\n")
    finally:
        with faults():
            self.firmware.instances.close(instance)
