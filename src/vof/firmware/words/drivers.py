"""Words that drivers in ROMs use beside those for properties and instances."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from vof.errors import GuestFault, Throw, ThrowCode
from vof.firmware.words.engine import DEVICE, faults

if TYPE_CHECKING:
    from vof.firmware.words.engine import FirmwareForth
    from vof.forth import Forth

__all__: list[str] = []

_A = "1275 A"
_VERSION = 0x00030000
_ADDRESSES = ("mac-address", "local-mac-address")


def _fw(forth: Forth) -> FirmwareForth:
    return cast("FirmwareForth", forth)


for _name, _effect, _text in (
    ("memmap", "( physical… size -- address )", '" map-in" $call-parent'),
    ("dma-alloc", "( size -- address )", '" dma-alloc" $call-parent'),
    ("dma-free", "( address size -- )", '" dma-free" $call-parent'),
    ("dma-map-in", "( address size cacheable? -- dma-address )", '" dma-map-in" $call-parent'),
    ("dma-map-out", "( address dma-address size -- )", '" dma-map-out" $call-parent'),
    ("dma-sync", "( address dma-address size -- )", '" dma-sync" $call-parent'),
    ("driver", "( text count -- )", 'encode-string " name" property'),
    ("intr", "( interrupt vector -- )", '>r encode-int r> encode-int encode+ " intr" property'),
):
    DEVICE.forth(_name, _effect, _A, _text)


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


@DEVICE.word("test", "( -- )", _A)
def test(forth: Forth) -> None:
    """Run a device's selftest: `test PATH`."""
    path = forth.parse_name()
    if not path:
        raise Throw(ThrowCode.ABORT, "test PATH")
    _test(_fw(forth), path)


@DEVICE.word("test-all", "( -- )", _A)
def test_all(forth: Forth) -> None:
    """Run the selftest of each device that has one."""
    self = _fw(forth)
    for node in list(self.firmware.tree):
        if "selftest" in node.methods:
            _test(self, node.path)


def _test(self: FirmwareForth, path: str) -> None:
    try:
        instance = self.firmware.open(path)
    except GuestFault as fault:
        raise Throw(ThrowCode.ABORT, f"{path} can't be opened: {fault}") from None
    try:
        if "selftest" not in instance.node.methods:
            self.type(f"{path} has no selftest\r\n")
            return
        self.call_instance(instance, "selftest")
        result = self.stack.pop()
        self.type(f"{path}: {'passed' if not result else f'failed ({result:x})'}\r\n")
    finally:
        with faults():
            self.firmware.close(instance)
