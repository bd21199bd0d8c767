"""Words for the machine: its memory, time, its reset, and what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from vof.firmware.words.engine import DEVICE, faults
from vof.outcomes import Departed, PowerOff, Reset
from vof.version import VERSION

if TYPE_CHECKING:
    from vof.firmware.words.engine import FirmwareForth
    from vof.forth import Forth

__all__ = ["LOOK", "STEPS_PER_MILLISECOND"]

_A = "1275 A"
_LONGEST_WAIT = 10_000
"""Milliseconds of one `ms`."""
LOOK = 10
"""Milliseconds between two looks at the alarms, or at the keyboard."""
STEPS_PER_MILLISECOND = 20
"""What it costs to wait: no text does for more than some half an hour."""


def _fw(forth: Forth) -> FirmwareForth:
    return cast("FirmwareForth", forth)


# --- memory ---


@DEVICE.word("alloc-mem", "( size -- address )", _A)
def alloc_mem(forth: Forth) -> None:
    """Take memory."""
    with faults():
        forth.stack.append(_fw(forth).firmware.claims.claim(0, forth.stack.pop(), 16))


@DEVICE.word("free-mem", "( address size -- )", _A)
def free_mem(forth: Forth) -> None:
    """Give memory back."""
    size, address = forth.stack.pop(), forth.stack.pop()
    with faults():
        _fw(forth).firmware.claims.release(address, size)


# --- time ---


@DEVICE.word("ms", "( milliseconds -- )", _A)
def ms(forth: Forth) -> None:
    """Wait. Alarms run meanwhile."""
    firmware = _fw(forth).firmware
    forth.pay(1000)
    left = min(forth.stack.pop(), _LONGEST_WAIT)
    forth.pay(left * STEPS_PER_MILLISECOND)
    with faults():
        while left > 0:
            piece = min(left, LOOK) if _fw(forth).alarms else left
            firmware.clock.sleep(piece)
            left -= piece
            firmware.ring()


@DEVICE.word("alarm", "( xt milliseconds -- )", _A)
def alarm(forth: Forth) -> None:
    """Have a word run every so often, where a program looks at the time or waits; 0 milliseconds: no more."""
    period, token = forth.stack.pop(), forth.stack.pop()
    _fw(forth).set_alarm(forth.word_of(token), period)


@DEVICE.word("get-msecs", "( -- milliseconds )", _A)
def get_msecs(forth: Forth) -> None:
    """Milliseconds since some moment."""
    _fw(forth).firmware.ring()
    forth.stack.append(_fw(forth).firmware.clock.milliseconds() & forth.mask)


# --- reset ---


@DEVICE.word("reset-all", "( -- )", _A)
def reset_all(forth: Forth) -> None:
    """Reset the machine."""
    raise Departed(_fw(forth).firmware.hooks.commands.get("reset-all", Reset()))


@DEVICE.word("power-off", "( -- )", _A)
def power_off(forth: Forth) -> None:
    """Switch the machine off."""
    raise Departed(_fw(forth).firmware.hooks.commands.get("power-off", PowerOff()))


for _name in ("poweroff", "shut-down"):
    DEVICE.word(_name, "( -- )", "Haiku, GRUB")(power_off)


# --- what it is ---


@DEVICE.word(".version", "( -- )", _A)
def dot_version(forth: Forth) -> None:
    """Type this firmware's version."""
    forth.type(f"vof {VERSION}\r\n")


@DEVICE.word("banner", "( -- )", _A)
def banner(forth: Forth) -> None:
    """Say what machine this is."""
    self = _fw(forth)
    variables = self.firmware.options
    if variables is not None and variables["oem-banner?"] == "true":
        forth.type(variables["oem-banner"] + "\r\n")
        return
    root = self.firmware.tree.root.properties
    model = (root.get("model") or root.get("compatible") or b"").split(b"\0")[0].decode("latin-1")
    forth.type(f"Virtual Open Firmware in Python {VERSION}: {model}, {self.firmware.memory.size >> 20} MiB\r\n")


@DEVICE.word("oem-logo", "( -- address count )", _A)
def oem_logo(forth: Forth) -> None:
    """The banner's logo: none is kept."""
    self = _fw(forth)
    self.push_small_text("")


@DEVICE.word("suppress-banner", "( -- )", _A)
def suppress_banner(forth: Forth) -> None:
    """Nothing: there is none to suppress."""


@DEVICE.word("probe-all", "( -- )", _A)
def probe_all(forth: Forth) -> None:
    """Nothing: the devices are known."""
