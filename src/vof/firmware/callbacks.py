"""The firmware's calls of functions of the client program (1275 §6.3.2.6): its callback, its symbol look-up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vof.errors import GuestFault

if TYPE_CHECKING:
    from vof.firmware.system import OpenFirmware

__all__ = ["NESTING_LIMIT", "SCRATCH_SLOT", "Callbacks"]

NESTING_LIMIT = 16
"""Client calls inside of each other, by way of callbacks."""
SCRATCH_SLOT = 0x100
"""Bytes of the firmware's own page for each of them."""
CALLBACK_CELLS = 12


class Callbacks:
    """What the client program has given to be called, and the calls.

    Args:
        firmware: has memory, a CPU that runs guest functions, and a page to build blocks on.

    Attributes:
        entry: what the client passed to `set-callback`.
        symbol_lookup: what it passed to `set-symbol-lookup`.
    """

    def __init__(self, firmware: OpenFirmware) -> None:
        self.entry = 0
        self.symbol_lookup = (0, 0)
        self._firmware = firmware

    def call(self, name: str, arguments: Sequence[int], result_count: int) -> tuple[int, ...]:
        """Call the client program's callback (1275 §6.3.2.6), as `$callback` does.

        The block that it gets, and the name, are built on the firmware's own page.

        Args:
            name: the service asked of the client, at most 31 characters.
            arguments: at most twelve cells together with the results.
            result_count: how many result cells to give room for.

        Returns:
            The callback's r3 and then the result cells, all unsigned.

        Raises:
            GuestFault: the client has set no callback, or calls are nested too deep.
        """
        if not self.entry:
            raise GuestFault("the client program has set no callback")
        return self.call_function(self.entry, name, arguments, result_count)

    def call_function(self, entry: int, name: str, arguments: Sequence[int], result_count: int) -> tuple[int, ...]:
        """As `call`, by the function at an address: those of `set-symbol-lookup` are called so, too."""
        firmware = self._firmware
        memory, cpu, depth = firmware.memory, firmware.cpu, firmware.depth
        if cpu is None or not firmware.scratch:
            raise GuestFault("this machine can't call back")
        if depth >= NESTING_LIMIT:
            raise GuestFault("{} client calls are inside of each other", depth)
        if len(name) > 31 or len(arguments) + result_count > CALLBACK_CELLS:
            raise GuestFault("a callback of {} cells", len(arguments) + result_count)
        block = firmware.scratch + SCRATCH_SLOT * depth
        name_address = block + SCRATCH_SLOT - 32
        memory.write(name_address, name.encode("latin-1").ljust(32, b"\0"))
        memory.write_cells(block, (name_address, len(arguments), result_count, *arguments, *(0,) * result_count))
        status = cpu.call(entry, (block,))
        return status, *memory.read_cells(block + 12 + 4 * len(arguments), result_count)
