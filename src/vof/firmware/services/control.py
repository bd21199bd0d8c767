"""Client services on control, user interface and time (1275 §6.3.2.5 to §6.3.2.7), and what clients expect besides."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from vof.errors import GuestFault
from vof.firmware.table import service
from vof.outcomes import Enter, Exit, Jump, Outcome, Reset

if TYPE_CHECKING:
    from vof.firmware.system import OpenFirmware

__all__: list[str] = []

COMMAND_LIMIT = 2048
"""Bytes of a boot command with its NUL."""
TEXT_LIMIT = 0x4000
"""Bytes of a Forth text with its NUL. BootX's package script is the longest known, about 1,200."""


@service("boot", "bootspec:string", "", None, "1275 §6.3.2.5")
def boot(firmware: OpenFirmware, bootspec: int) -> Outcome:
    """Reset the machine and boot again as the boot command says."""
    return Reset(firmware.memory.read_string(bootspec, COMMAND_LIMIT))


@service("enter", "", "", None, "1275 §6.3.2.5")
def enter(firmware: OpenFirmware) -> Outcome:
    """Give the user the firmware's prompt; the client program may be resumed."""
    return Enter()


@service("exit", "", "", None, "1275 §6.3.2.5")
def exit_client(firmware: OpenFirmware) -> Outcome:
    """End the client program."""
    return Exit()


@service("chain", "virt:address size:size entry:address args:pointer len:size", "", None, "1275 §6.3.2.5")
def chain(firmware: OpenFirmware, virt: int, size: int, entry: int, args: int, length: int) -> Outcome:
    """Give the caller's memory back and start another program."""
    # The caller was loaded there without a claim, perhaps: no reason to leave it with a call that came back.
    with suppress(GuestFault):
        firmware.claims.release(virt, size)
    return Jump(entry, r6=args, r7=length)


@service("interpret", "cmd:string", "catch-result:cell", -1, "1275 §6.3.2.6", variadic=True)
def interpret(firmware: OpenFirmware, command: int, arguments: tuple[int, ...], wanted: int) -> tuple[int, ...]:
    """Run Forth text: further arguments and results are its stack, top first; 0, or what it threw."""
    text = firmware.memory.read_string(command, TEXT_LIMIT)
    stack = firmware.interpret(text, arguments[::-1])
    return (0, *reversed(stack))[:wanted]


@service("set-callback", "newfunc:address", "oldfunc:address", -1, "1275 §6.3.2.6")
def set_callback(firmware: OpenFirmware, function: int) -> int:
    """Set the function that the firmware calls back; the one before is returned, 0 at first."""
    callbacks = firmware.callbacks
    before, callbacks.entry = callbacks.entry, function
    return before


@service("set-symbol-lookup", "sym-to-value:address value-to-sym:address", "", None, "1275 §6.3.2.6")
def set_symbol_lookup(firmware: OpenFirmware, by_symbol: int, by_value: int) -> None:
    """Set the functions that find a symbol's value, and a value's symbol, for the firmware's debugger."""
    firmware.callbacks.symbol_lookup = (by_symbol, by_value)


@service("milliseconds", "", "ms:cell", -1, "1275 §6.3.2.7")
def milliseconds(firmware: OpenFirmware) -> int:
    """Milliseconds since some moment, modulo 2**32."""
    firmware.ring()
    return firmware.clock.milliseconds() & 0xFFFFFFFF


@service("quiesce", "", "", None, "Linux prom_init, SLOF, Apple")
def quiesce(firmware: OpenFirmware) -> None:
    """The client program takes the machine over. Calls after it are still answered: Linux prints once more."""
    firmware.quiesce()


@service("start-cpu", "phandle:package pc:address r3:cell", "", None, "1275 CHRP binding; Linux prom_init")
def start_cpu(firmware: OpenFirmware, phandle: int, pc: int, r3: int) -> None:
    """Start a CPU that is held, at `pc`."""
    node = firmware.tree.by_phandle.get(phandle)
    if node is None:
        raise GuestFault("no package {:#x}", phandle)
    firmware.start_cpu(node, pc, r3)
