"""`OpenFirmware`: one firmware, for one boot of one machine.

How a call travels. `call` reads the argument block, looks the service up in the table, hands it the argument cells, and
writes the result cells. What goes wrong is told apart by whose business it is:

- r3 is -1 only where the block can't be understood: an unknown service, too few or too many cells, a pointer that leads
  outside memory. Clients take a negative r3 for "no such service", and Linux then looks at no result.
- Everything else (no such property, no memory left, a disk that failed) is r3 = 0 and the row's failure value in the
  first result cell.
- Since yaboot and iQUIK never look at r3, the failure value is written in the first case, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from vof.errors import GuestFault, MemoryFault, PortError, Throw
from vof.events import ClientCall, ClientReturn, Event, Listener
from vof.firmware import services as services  # filling the table is what it is imported for
from vof.firmware.callbacks import Callbacks
from vof.firmware.client_properties import ClientProperties
from vof.firmware.console import ChosenConsole
from vof.firmware.hooks import Hooks
from vof.firmware.instances import Instances
from vof.firmware.options import Options
from vof.firmware.table import SERVICES, Service
from vof.memory import Claims
from vof.outcomes import DONE, MALFORMED, Departed, Enter, Outcome, Return, describe
from vof.ports import Clock, Cpu, Memory
from vof.tree import DeviceTree, Node

if TYPE_CHECKING:
    from vof.firmware.boot import Boots
    from vof.firmware.words import FirmwareForth

__all__ = ["OpenFirmware"]

CELLS_LIMIT = 32
"""Argument cells, or result cells, of one call. The longest known block has 15 (Haiku)."""
NAME_LIMIT = 64


class OpenFirmware:
    """Open Firmware's client interface over a device tree, guest memory and ports.

    Args:
        tree: the device tree, which clients read and change.
        memory: guest memory.
        claims: what of it is in use.
        clock: the time.
        cpu: runs guest functions; without it callbacks fail.
        hooks: the machine's answers.
        options: the configuration variables; None for none.
        scratch: the address of a page of guest memory that is the firmware's own: it builds callback blocks there.

    Attributes:
        instances: what is open.
        client_properties: what the client program changes of the tree's properties.
        callbacks: the client program's functions that the firmware calls.
        console: what `/chosen` names as such.
        quiesced: whether the client program has taken the machine over.
        cell_bits: of its Forth's cells, 32 or 64; it counts until the Forth is first used.
        depth: client calls being answered now, one inside the other.
        listeners: who gets the events.
        rows: the services by name: the table, or what a user's hooks have made of it.
        hooked: `instead` or `after`, set by a hook that answered the call under way; see `vof.events.ClientReturn`.
    """

    def __init__(
        self,
        tree: DeviceTree,
        memory: Memory,
        claims: Claims,
        *,
        clock: Clock,
        cpu: Cpu | None = None,
        hooks: Hooks | None = None,
        scratch: int = 0,
        options: Options | None = None,
    ) -> None:
        self.tree = tree
        self.memory = memory
        self.claims = claims
        self.clock = clock
        self.cpu = cpu
        self.hooks = hooks or Hooks()
        self.options = options
        self.scratch = scratch
        self.quiesced = False
        self.depth = 0
        self.listeners: list[Listener] = []
        self.rows: Mapping[str, Service] = SERVICES
        self.hooked = ""
        self.instances = Instances(tree)
        self.client_properties = ClientProperties(self)
        self.callbacks = Callbacks(self)
        self.console = ChosenConsole(self)
        self._forth: FirmwareForth | None = None
        self.cell_bits = 32

    def call(self, address: int) -> Outcome:
        """Answer the client call whose argument block is at `address`.

        Never raises for anything that a client program does.
        """
        memory = self.memory
        try:
            try:
                # Nearly every block has at most five cells behind its head: one read is cheaper than two.
                cells = memory.read_cells(address, 8)
            except MemoryFault:
                cells = memory.read_cells(address, 3)
            argument_count = cells[1]
            result_count = cells[2]
            if argument_count + result_count > len(cells) - 3:
                arguments = self._long_block(address, argument_count, result_count)
            else:
                arguments = cells[3 : 3 + argument_count]
            row = self.rows[memory.read_string(cells[0], NAME_LIMIT)]
            wanted = row.argument_count
            if argument_count != wanted and (argument_count < wanted or not row.variadic):
                raise MemoryFault("{} argument cells where {} takes {}", argument_count, row.name, wanted)
        except (GuestFault, KeyError) as fault:
            return self._misunderstood(address, fault)

        outcome: Outcome = DONE
        why: Exception | None = None
        if self.listeners:
            self.tell(ClientCall(row.name, arguments, self.depth, address))
        self.depth += 1
        try:
            if row.variadic:
                value = row.function(self, *arguments[:wanted], arguments[wanted:], result_count)
            else:
                value = row.function(self, *arguments)
        except MemoryFault as fault:
            outcome, why, value = MALFORMED, fault, row.failure
        except (GuestFault, PortError) as fault:
            why, value = fault, row.failure
        except Throw as thrown:  # only variadic services let one through: it is their catch result
            said = thrown.reason if thrown.reason.startswith("threw ") else f"threw {thrown.code}: {thrown.reason}"
            why, value = GuestFault("{}", said), thrown.code
        except Departed as departed:
            outcome, value = departed.outcome, None
            if type(outcome) is Return:  # `go` where nothing was loaded: on with the caller
                value = outcome.r3
            else:
                result_count = 0  # whose block this was is gone
        finally:
            self.depth -= 1

        results: tuple[int, ...] = ()
        if type(value) is int:
            results = (value,)
        elif type(value) is tuple:
            results = value
        elif isinstance(value, int):
            results = (int(value),)  # a Python method's True
        elif type(value) is Enter and self.depth:
            why = GuestFault("no prompt inside of a callback")  # unwinding would lose the calls that it is inside of
        elif value is not None:
            outcome = value
        if result_count:
            filled = results if len(results) == result_count else (*results, *_ZEROS)[:result_count]
            memory.write_cells(address + 12 + 4 * argument_count, filled)
        if self.listeners:
            self._tell_return(address, row.name, arguments, results, outcome, why)
        return outcome

    def quiesce(self) -> None:
        """Let the client program have the machine. Its calls are answered as before."""
        self.quiesced = True
        if self.hooks.quiesce is not None:
            self.hooks.quiesce()

    def start_cpu(self, node: Node, entry: int, r3: int) -> None:
        """Start the CPU of a node.

        Raises:
            GuestFault: this machine has no way to.
        """
        if self.hooks.start_cpu is None:
            raise GuestFault("this machine starts no CPUs through the firmware")
        self.hooks.start_cpu(node, entry, r3)

    @property
    def forth(self) -> FirmwareForth:
        """Its Forth: made at the first use."""
        if self._forth is None:
            from vof.firmware.words import FirmwareForth

            self._forth = FirmwareForth(self, self.cell_bits)
            self.instances.when_closed = self._forth.closed
        return self._forth

    def ring(self) -> None:
        """Run the alarms that are due (1275 `alarm`): called where somebody looks at the time, or waits for a key."""
        if self._forth is not None and self._forth.alarms:
            self._forth.ring()

    @property
    def boots(self) -> Boots | None:
        """Its boot commands, where there is a machine."""
        return None if self.hooks.boots is None else self.hooks.boots()

    def interpret(self, text: str, arguments: Sequence[int]) -> list[int]:
        """Run a text in Forth on a stack of its own.

        Args:
            text: the text.
            arguments: the stack, the top last.

        Returns:
            The stack afterwards, the top last.

        Raises:
            Throw: what went wrong.
            Departed: it does not return: `boot`, `reset-all`.
        """
        forth = self.forth
        before, forth.stack = forth.stack, list(arguments)
        try:
            forth.evaluate(text)
            return forth.stack
        finally:
            forth.stack = before

    def _long_block(self, address: int, argument_count: int, result_count: int) -> tuple[int, ...]:
        """The argument cells of a block that is long, or at the end of memory. All of it is there, results too."""
        if argument_count > CELLS_LIMIT or result_count > CELLS_LIMIT:
            raise MemoryFault("{} argument cells and {} result cells", argument_count, result_count)
        return self.memory.read_cells(address + 12, argument_count + result_count)[:argument_count]

    def _misunderstood(self, address: int, fault: Exception) -> Outcome:
        """Answer a call that is malformed, or of a service that isn't there, as far as its block can be read."""
        memory = self.memory
        name = ""
        arguments: tuple[int, ...] = ()
        results: tuple[int, ...] = ()
        with suppress(GuestFault):
            name_address, argument_count, result_count = memory.read_cells(address, 3)
            with suppress(GuestFault):
                name = memory.read_string(name_address, NAME_LIMIT)
            row = SERVICES.get(name)
            failure = -1 if row is None else row.failure
            if argument_count <= CELLS_LIMIT:
                arguments = memory.read_cells(address + 12, argument_count)
                if result_count and failure is not None:
                    memory.write_cells(address + 12 + 4 * argument_count, (failure,))
                    results = (failure,)
        if self.listeners:
            why = GuestFault('no service "{}"', name) if isinstance(fault, KeyError) else fault
            self.tell(ClientCall(name, arguments, self.depth, address))
            self._tell_return(address, name, arguments, results, MALFORMED, why)
        return MALFORMED

    def _tell_return(
        self,
        block: int,
        name: str,
        arguments: tuple[int, ...],
        results: tuple[int, ...],
        outcome: Outcome,
        why: Exception | None,
    ) -> None:
        cells = tuple([value & 0xFFFFFFFF for value in results])
        status = -1 if outcome is MALFORMED else 0
        went = "" if type(outcome) is Return else describe(outcome)
        fault = "" if why is None else str(why)
        hook, self.hooked = self.hooked, ""
        self.tell(ClientReturn(name, arguments, cells, status, fault, self.depth, block, went, hook))

    def tell(self, event: Event) -> None:
        """Have the listeners know."""
        for listener in self.listeners:
            listener(event)


_ZEROS = (0,) * CELLS_LIMIT
