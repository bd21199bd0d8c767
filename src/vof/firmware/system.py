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

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vof.errors import GuestFault, MemoryFault, PortError, Throw
from vof.events import ClientCall, ClientReturn, Event, Listener
from vof.firmware import services as services  # filling the table is what it is imported for
from vof.firmware.options import Options
from vof.firmware.table import SERVICES, Service
from vof.memory import Claims
from vof.outcomes import DONE, MALFORMED, Departed, Enter, Outcome, Return, describe
from vof.packages import Instance
from vof.ports import Clock, Cpu, Memory
from vof.tree import DeviceTree, Node, encode_int

if TYPE_CHECKING:
    from vof.firmware.boot import Boots
    from vof.firmware.words import FirmwareForth

__all__ = ["Hooks", "OpenFirmware"]

CELLS_LIMIT = 32
"""Argument cells, or result cells, of one call. The longest known block has 15 (Haiku)."""
NAME_LIMIT = 64
NESTING_LIMIT = 16
"""Client calls inside of each other, by way of callbacks."""
INSTANCES_LIMIT = 0x4000
"""Instances open at a time. FreeBSD's loader closes none."""
PROPERTIES_LIMIT = 16 << 20
"""Bytes that a client's properties may take beyond those that they replace, names and some book-keeping counted."""
PROPERTY_OVERHEAD = 256
INTERPOSED_LIMIT = 16
"""Packages that are interposed in one path."""
FIRST_IHANDLE, LAST_IHANDLE = 0x40000000, 0x7FFFFFFF
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
        commands: what the words `reset-all` and `power-off` come to.
        boots: makes what `load` and `boot` need. Without it, they fail.
        registers: those of the client program that is in a call, by name; none where nobody knows.
        device: reads a device's register, at an address that a driver has mapped, of a width in bytes; or writes it,
            where there is a value. A `GuestFault` where there is none.
    """

    may_set: Callable[[Node, str, bytes], bool] | None = None
    quiesce: Callable[[], None] | None = None
    start_cpu: Callable[[Node, int, int], None] | None = None
    commands: Mapping[str, Outcome] = field(default_factory=dict)
    boots: Callable[[], Boots] | None = None
    registers: Callable[[], Mapping[str, int]] | None = None
    device: Callable[[int, int, int | None], int] | None = None


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
        callback_entry: what the client passed to `set-callback`.
        symbol_lookup: what it passed to `set-symbol-lookup`.
        quiesced: whether it has taken the machine over.
        next_ihandle: the handle of the next instance.
        interposing: packages, with arguments, that are opened next; None while no device is being opened.
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
        self.callback_entry = 0
        self.symbol_lookup = (0, 0)
        self.quiesced = False
        self.depth = 0
        self.listeners: list[Listener] = []
        self.rows: Mapping[str, Service] = SERVICES
        self.hooked = ""
        self.instances: dict[int, Instance] = {}
        self.next_ihandle = FIRST_IHANDLE
        self.interposing: list[tuple[Node, str]] | None = None
        self._property_budget = PROPERTIES_LIMIT
        self._forth: FirmwareForth | None = None
        self.cell_bits = 32
        self._key: int | None = None

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

    def instance(self, ihandle: int) -> Instance:
        """The open instance with this handle.

        Raises:
            GuestFault: there is none.
        """
        instance = self.instances.get(ihandle)
        if instance is None:
            raise GuestFault("no instance {:#x}", ihandle)
        return instance

    def open(self, path: str, *, last: bool = True) -> Instance:
        """Open the device that a path or alias leads to, with an instance for each package on the way (1275 §4.3).

        Packages above the last need no `open` method, but where they have one it is called. What one of them has
        interposed is opened right behind it.

        Args:
            path: a device specifier.
            last: whether the last package is opened. If not, its `open` isn't called, and it needs none
                (`execute-device-method`).

        Raises:
            GuestFault: there is no such device, it can't be opened, or too many are open.
        """
        steps = self.tree.steps(path)
        if steps is None:
            raise GuestFault('no device "{}"', path)
        self.need_room_for_instances(len(steps))
        if last and "open" not in steps[-1].node.methods:
            raise GuestFault('no method "open" in {}', steps[-1].node.path)
        chain: list[Instance] = []
        before, self.interposing = self.interposing, []
        try:
            for step in steps:
                self._open_link(chain, step.node, step.unit, step.arguments, call=last or step is not steps[-1])
                while self.interposing:
                    node, arguments = self.interposing.pop(0)
                    self._open_link(chain, node, "", arguments, interposed=True)
        except BaseException:
            # Whatever went wrong, even a nested call that does not return: what is open by now has no owner.
            with suppress(GuestFault, PortError):
                self._close_chain(chain)
            raise
        finally:
            self.interposing = before
        return chain[-1]

    def _open_link(
        self,
        chain: list[Instance],
        node: Node,
        unit: str,
        arguments: str,
        *,
        call: bool = True,
        interposed: bool = False,
    ) -> None:
        """Open the next package of a chain."""
        if interposed:
            self.need_room_for_instances(1)
            if sum(instance.interposed for instance in chain) >= INTERPOSED_LIMIT:
                raise GuestFault("{} packages were interposed", INTERPOSED_LIMIT)
        instance = Instance(self.next_ihandle, node, chain[-1] if chain else None, unit, arguments)
        instance.interposed, instance.opened = interposed, call
        self.next_ihandle += 1
        if not self._open_instance(instance):
            raise GuestFault("{} could not be opened", node.path)
        chain.append(instance)

    def _open_instance(self, instance: Instance) -> bool:
        """Have an instance be there, if its package's `open` says so; while that runs, its handle is good."""
        self.instances[instance.ihandle] = instance
        opened = False
        try:
            opened = not instance.opened or self._call_open(instance)
        finally:
            if not opened:
                self.instances.pop(instance.ihandle, None)
        return opened and instance.ihandle in self.instances

    def need_room_for_instances(self, count: int) -> None:
        """See whether so many more can be opened.

        Raises:
            GuestFault: they can't.
        """
        if len(self.instances) + count > INSTANCES_LIMIT:
            raise GuestFault("{} instances are open", len(self.instances))
        if self.next_ihandle + count > LAST_IHANDLE:
            raise GuestFault("all ihandles were given out")

    def interpose(self, node: Node, arguments: str) -> None:
        """Have a package be opened behind the one whose `open` runs (1275's practice "Interposition").

        Raises:
            GuestFault: no device is being opened, or too much was interposed.
        """
        if self.interposing is None:
            raise GuestFault("interpose: only while a device is opened")
        if len(self.interposing) >= INTERPOSED_LIMIT:
            raise GuestFault("{} packages were interposed", INTERPOSED_LIMIT)
        self.interposing.append((node, arguments))

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
        if self.options is not None and self.options.client_sets(node, name, value):
            return
        if node.properties.is_computed(name):
            raise GuestFault('"{}" in {} is the firmware\'s to say', name, node.path)
        if self.hooks.may_set is not None and not self.hooks.may_set(node, name, value):
            raise GuestFault('"{}" in {} may not be set', name, node.path)
        before = node.properties.get(name)
        cost = len(value) + (PROPERTY_OVERHEAD + len(name) if before is None else -len(before))
        if cost > self._property_budget:
            raise GuestFault("the client program has set {} bytes of properties", PROPERTIES_LIMIT)
        self._property_budget -= cost
        node.properties[name] = value

    def delete_property(self, node: Node, name: str) -> None:
        """Take a property away for the client program, or do nothing where there is none.

        Raises:
            GuestFault: the firmware keeps that property itself, or the machine says that it may not be changed.
        """
        value = node.properties.get(name)
        if value is None:
            return
        if node.properties.is_computed(name):
            raise GuestFault('"{}" in {} is the firmware\'s to say', name, node.path)
        if self.hooks.may_set is not None and not self.hooks.may_set(node, name, b""):
            raise GuestFault('"{}" in {} may not be set', name, node.path)
        del node.properties[name]
        given_back = len(value) + PROPERTY_OVERHEAD + len(name)
        self._property_budget = min(PROPERTIES_LIMIT, self._property_budget + given_back)

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
        return self.call_client(self.callback_entry, name, arguments, result_count)

    def call_client(self, entry: int, name: str, arguments: Sequence[int], result_count: int) -> tuple[int, ...]:
        """As `callback`, by the function at an address: those of `set-symbol-lookup` are called so, too."""
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
        status = self.cpu.call(entry, (block,))
        return status, *self.memory.read_cells(block + 12 + 4 * len(arguments), result_count)

    @property
    def forth(self) -> FirmwareForth:
        """Its Forth: made at the first use."""
        if self._forth is None:
            from vof.firmware.words import FirmwareForth

            self._forth = FirmwareForth(self, self.cell_bits)
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

    def open_package(self, node: Node, parent: Instance | None, arguments: str) -> Instance | None:
        """Open one package, with a parent that is open already (1275's `open-package`); None where it can't be.

        Raises:
            GuestFault: too many are open.
        """
        self.need_room_for_instances(1)
        instance = Instance(self.next_ihandle, node, parent, node.unit, arguments)
        self.next_ihandle += 1
        return instance if "open" in node.methods and self._open_instance(instance) else None

    def close_package(self, instance: Instance) -> None:
        """Close what `open_package` opened, and nothing above it."""
        self._close_chain([instance])

    # The console, for Forth

    def console_instance(self, which: str) -> int:
        """The handle of `stdin` or `stdout`; 0 for none."""
        chosen = self.tree.find("/chosen")
        value = b"" if chosen is None else chosen.properties.get(which, b"")
        return int.from_bytes(value) if len(value) == 4 else 0

    def show(self, text: str) -> None:
        """Have the console show a text."""
        instance = self.instances.get(self.console_instance("stdout"))
        if instance is None:
            return
        data, room = text.encode("latin-1", "replace"), self._console_room()
        for start in range(0, len(data), SCRATCH_SLOT):
            piece = data[start : start + SCRATCH_SLOT]
            self.memory.write(room, piece)
            instance.call("write", [room, len(piece)])

    def key_waits(self) -> bool:
        """Whether a key was typed."""
        instance = self.instances.get(self.console_instance("stdin"))
        if self._key is None and instance is not None:
            stack = [self._console_room(), 1]
            instance.call("read", stack)
            if stack and stack.pop() == 1:
                self._key = self.memory.read(self._console_room(), 1)[0]
        return self._key is not None

    def take_key(self) -> int:
        """The key that `key_waits` told of."""
        key, self._key = self._key, None
        return key or 0

    def _console_room(self) -> int:
        """A piece of the firmware's own page that no callback uses now."""
        return self.scratch + SCRATCH_SLOT * min(self.depth, NESTING_LIMIT - 1) if self.scratch else self.forth.pad

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
        opened = False
        try:
            instance.call("open", stack)
            opened = not stack or bool(stack.pop())
        except Throw as thrown:
            raise GuestFault("open of {} threw {}: {}", instance.node.path, thrown.code, thrown.reason) from None
        finally:
            if not opened:
                self._closed(instance)
        return opened

    def _closed(self, instance: Instance) -> None:
        """An instance is no more."""
        if self._forth is not None:
            self._forth.closed(instance)

    def _close_chain(self, chain: list[Instance]) -> None:
        """Close instances, the last one first. All of them, even where one of their methods fails."""
        for instance in chain:
            self.instances.pop(instance.ihandle, None)
        failed: GuestFault | PortError | None = None
        for instance in reversed(chain):
            try:
                if instance.opened and "close" in instance.node.methods:
                    instance.call("close", [])
            except Throw as thrown:
                failed = GuestFault("close threw {}: {}", thrown.code, thrown.reason)
            except (GuestFault, PortError) as fault:
                failed = fault
            self._closed(instance)
        if failed is not None:
            raise failed

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
