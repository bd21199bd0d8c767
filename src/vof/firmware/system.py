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

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vof.errors import GuestFault, MemoryFault, PortError
from vof.events import ClientCall, ClientReturn, Event, Listener
from vof.firmware import services as services  # filling the table is what it is imported for
from vof.firmware.outcomes import DONE, MALFORMED, Departed, Outcome
from vof.firmware.table import SERVICES
from vof.memory import ClaimMap
from vof.packages import Instance, Throw
from vof.ports import Clock, Cpu, Memory
from vof.tree import DeviceTree, Node, encode_int

__all__ = ["Hooks", "OpenFirmware"]

CELLS_LIMIT = 32
"""Argument cells, or result cells, of one call. The longest known block has 15 (Haiku)."""
NAME_LIMIT = 64
NESTING_LIMIT = 16
"""Client calls inside of each other, by way of callbacks."""
INSTANCES_LIMIT = 0x4000
"""Instances open at a time. FreeBSD's loader closes none."""
PROPERTIES_LIMIT = 16 << 20
"""Bytes of properties that a client may set in all, names and some book-keeping counted."""
PROPERTY_OVERHEAD = 256
FIRST_IHANDLE = 0x40000000
"""Far from the phandles, so that a client which mixes them up is told."""
SCRATCH_SLOT = 0x100
CALLBACK_CELLS = 12


@dataclass(slots=True)
class Hooks:
    """What a machine may say about its firmware; each is optional.

    Attributes:
        may_set: whether the client may set this property of this node to this value. Without it, it may set any.
        quiesce: what happens when the client takes the machine over.
        start_cpu: start the CPU of a node at an address with a value in r3. Without it, `start-cpu` fails.
    """

    may_set: Callable[[Node, str, bytes], bool] | None = None
    quiesce: Callable[[], None] | None = None
    start_cpu: Callable[[Node, int, int], None] | None = None


class OpenFirmware:
    """Open Firmware's client interface over a device tree, guest memory and ports.

    Args:
        tree: the device tree, which clients read and change.
        memory: guest memory.
        claims: what of it is in use.
        clock: the time.
        cpu: runs guest functions; without it callbacks fail.
        hooks: the machine's answers.
        scratch: the address of a page of guest memory that is the firmware's own: it builds callback blocks there.

    Attributes:
        callback_entry: what the client passed to `set-callback`.
        symbol_lookup: what it passed to `set-symbol-lookup`.
        quiesced: whether it has taken the machine over.
        depth: client calls being answered now, one inside the other.
        listeners: who gets the events.
    """

    def __init__(
        self,
        tree: DeviceTree,
        memory: Memory,
        claims: ClaimMap,
        *,
        clock: Clock,
        cpu: Cpu | None = None,
        hooks: Hooks | None = None,
        scratch: int = 0,
    ) -> None:
        self.tree = tree
        self.memory = memory
        self.claims = claims
        self.clock = clock
        self.cpu = cpu
        self.hooks = hooks or Hooks()
        self.scratch = scratch
        self.callback_entry = 0
        self.symbol_lookup = (0, 0)
        self.quiesced = False
        self.depth = 0
        self.listeners: list[Listener] = []
        self.instances: dict[int, Instance] = {}
        self._next_ihandle = FIRST_IHANDLE
        self._property_budget = PROPERTIES_LIMIT

    def call(self, address: int) -> Outcome:
        """Answer the client call whose argument block is at `address`.

        Never raises for anything that a client program does.
        """
        memory = self.memory
        try:
            # Nearly every block has at most five arguments: one read is cheaper than two.
            cells = memory.read_cells(address, 8)
            argument_count = cells[1]
            arguments = cells[3 : 3 + argument_count]
            if argument_count > 5:
                raise MemoryFault("a long block")
        except GuestFault:
            try:
                cells = memory.read_cells(address, 3)
                argument_count = cells[1]
                if argument_count > CELLS_LIMIT:
                    raise MemoryFault("{} argument cells", argument_count) from None
                arguments = memory.read_cells(address + 12, argument_count)
            except GuestFault as fault:
                return self._misunderstood("", (), fault)
        result_count = cells[2]
        results_address = address + 12 + 4 * argument_count
        try:
            row = SERVICES[memory.read_string(cells[0], NAME_LIMIT)]
            if result_count > CELLS_LIMIT:
                raise MemoryFault("{} result cells", result_count)
        except (GuestFault, KeyError) as fault:
            return self._misunderstood(self._name(cells[0]), arguments, fault, results_address, result_count)
        wanted = row.argument_count
        if argument_count != wanted and (argument_count < wanted or not row.variadic):
            miscount = MemoryFault("{} argument cells where {} takes {}", argument_count, row.name, wanted)
            return self._misunderstood(row.name, arguments, miscount, results_address, result_count, row.failure)

        outcome: Outcome = DONE
        why: Exception | None = None
        if self.listeners:
            self._tell(ClientCall(row.name, arguments, self.depth))
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
        except Departed as departed:
            outcome, value = departed.outcome, None
        finally:
            self.depth -= 1

        results: tuple[int, ...] = ()
        if type(value) is int:
            results = (value,)
        elif type(value) is tuple:
            results = value
        elif value is not None:
            outcome = value
        if result_count:
            filled = results if len(results) == result_count else (*results, *_ZEROS)[:result_count]
            try:
                memory.write_cells(results_address, filled)
            except GuestFault as fault:
                outcome, why = MALFORMED, fault
        if self.listeners:
            self._tell_return(row.name, arguments, results, outcome, why)
        return outcome

    def instance(self, ihandle: int) -> Instance:
        """The open instance with this handle.

        Raises:
            GuestFault: there is none.
        """
        instance = self.instances.get(ihandle)
        if instance is None:
            raise GuestFault("no instance {:#x}", ihandle)
        return instance

    def open(self, path: str) -> Instance:
        """Open the device that a path or alias leads to, with an instance for each package on the way (1275 §4.3).

        Packages above the last need no `open` method, but where they have one it is called.

        Raises:
            GuestFault: there is no such device, it can't be opened, or too many are open.
        """
        steps = self.tree.steps(path)
        if steps is None:
            raise GuestFault('no device "{}"', path)
        if len(self.instances) + len(steps) > INSTANCES_LIMIT:
            raise GuestFault("{} instances are open", len(self.instances))
        if "open" not in steps[-1].node.methods:
            raise GuestFault('no method "open" in {}', steps[-1].node.path)
        chain: list[Instance] = []
        for step in steps:
            instance = Instance(self._next_ihandle, step.node, chain[-1] if chain else None, step.unit, step.arguments)
            self._next_ihandle += 1
            try:
                opened = self._call_open(instance)
            except Throw as thrown:
                self._close_chain(chain)
                raise GuestFault("open of {} threw {}: {}", step.node.path, thrown.code, thrown.reason) from None
            if not opened:
                self._close_chain(chain)
                raise GuestFault("{} could not be opened", step.node.path)
            self.instances[instance.ihandle] = instance
            chain.append(instance)
        return chain[-1]

    def close(self, instance: Instance) -> None:
        """Close an instance, and the instances of the packages above that were opened with it."""
        chain = []
        above: Instance | None = instance
        while above is not None:
            chain.append(above)
            above = above.parent
        self._close_chain(chain[::-1])

    def set_property(self, node: Node, name: str, value: bytes) -> None:
        """Set a property for the client program.

        Raises:
            GuestFault: the machine says no, the firmware keeps that property itself, or the client has set too much.
        """
        if node.properties.is_computed(name):
            raise GuestFault('"{}" in {} is the firmware\'s to say', name, node.path)
        if self.hooks.may_set is not None and not self.hooks.may_set(node, name, value):
            raise GuestFault('"{}" in {} may not be set', name, node.path)
        cost = PROPERTY_OVERHEAD + len(name) + len(value)
        if cost > self._property_budget:
            raise GuestFault("the client program has set {} bytes of properties", PROPERTIES_LIMIT)
        self._property_budget -= cost
        node.properties[name] = value

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

    def callback(self, name: str, arguments: Sequence[int], result_count: int) -> tuple[int, ...]:
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
        if not self.callback_entry:
            raise GuestFault("the client program has set no callback")
        if self.cpu is None or not self.scratch:
            raise GuestFault("this machine can't call back")
        if self.depth >= NESTING_LIMIT:
            raise GuestFault("{} client calls are inside of each other", self.depth)
        if len(name) > 31 or len(arguments) + result_count > CALLBACK_CELLS:
            raise GuestFault("a callback of {} cells", len(arguments) + result_count)
        block = self.scratch + SCRATCH_SLOT * self.depth
        name_address = block + SCRATCH_SLOT - 32
        self.memory.write(name_address, name.encode("latin-1").ljust(32, b"\0"))
        self.memory.write_cells(block, (name_address, len(arguments), result_count, *arguments, *_ZEROS[:result_count]))
        status = self.cpu.call(self.callback_entry, (block,))
        return status, *self.memory.read_cells(block + 12 + 4 * len(arguments), result_count)

    def use_console(self, path: str) -> None:
        """Open the console's device for input and for output, and say so in `/chosen`.

        Raises:
            GuestFault: it can't be opened.
        """
        chosen = self.tree.find("/chosen") or self.tree.add(self.tree.root, "chosen")
        for name in ("stdin", "stdout"):
            chosen.properties[name] = encode_int(self.open(path).ihandle)

    def _call_open(self, instance: Instance) -> bool:
        if "open" not in instance.node.methods:
            return True
        stack: list[int] = []
        instance.call("open", stack)
        return not stack or bool(stack.pop())

    def _close_chain(self, chain: list[Instance]) -> None:
        for instance in reversed(chain):
            if self.instances.pop(instance.ihandle, None) is None or "close" not in instance.node.methods:
                continue
            try:
                instance.call("close", [])
            except Throw as thrown:
                raise GuestFault("close threw {}: {}", thrown.code, thrown.reason) from None

    def _misunderstood(
        self,
        name: str,
        arguments: tuple[int, ...],
        fault: Exception,
        results_address: int = 0,
        result_count: int = 0,
        failure: int | None = -1,
    ) -> Outcome:
        """Answer a call that is malformed, or of a service that isn't there."""
        if isinstance(fault, KeyError):
            fault = GuestFault('no service "{}"', name)
        results = () if failure is None or not result_count else (failure,)
        if results:
            try:
                self.memory.write_cells(results_address, results)
            except GuestFault as unwritable:
                fault = unwritable
        if self.listeners:
            self._tell(ClientCall(name, arguments, self.depth))
            self._tell_return(name, arguments, results, MALFORMED, fault)
        return MALFORMED

    def _name(self, address: int) -> str:
        try:
            return self.memory.read_string(address, NAME_LIMIT)
        except GuestFault:
            return ""

    def _tell_return(
        self, name: str, arguments: tuple[int, ...], results: tuple[int, ...], outcome: Outcome, why: Exception | None
    ) -> None:
        cells = tuple(value & 0xFFFFFFFF for value in results)
        status = -1 if outcome is MALFORMED else 0
        self._tell(ClientReturn(name, arguments, cells, status, "" if why is None else str(why), self.depth))

    def _tell(self, event: Event) -> None:
        for listener in self.listeners:
            listener(event)


_ZEROS = (0,) * CELLS_LIMIT
