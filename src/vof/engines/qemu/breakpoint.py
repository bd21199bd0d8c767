"""The trap `breakpoint`: the guest stops at the client interface's entry, and its registers are read and set from here.

QEMU's gdb server does the stopping: no stub answers in the guest, and guest RAM need not be shared. Three addresses
have a breakpoint for as long as the machine lives: the entry, the place where an order ends, and the reset vector.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from vof.engines.layout import Layout
from vof.engines.qemu.gdb import SIGINT, SIGTRAP, GdbClient, GdbGone, Stop
from vof.engines.qemu.gdb_proxy import UserGdb
from vof.engines.qemu.gdb_registers import RegisterImage
from vof.engines.trap import Hello, refuse, sleep_instead
from vof.errors import EngineError, PortError
from vof.outcomes import Departed, Exit, Jump, Outcome, Panic, Reset, Return, Suspended
from vof.ports import Access, BusOp

__all__ = ["BreakpointTrap", "ResetVector"]

_PAGE = os.path.join(os.path.dirname(__file__), "..", "..", "guest", "breakpoint.bin")
_DONE = 0x20
_HYPERCALL = 0x40
_CLEAR = 0x60
_LOOK_EVERY = 0x40
"""Client calls between two looks at everything else."""
_SHORT_WAIT = 1e-3
_LONGEST_WAIT = 10e-3
_MSR_64BIT = 1 << 63
_MSR_USER = 0x4000
_MSR_MACHINE_CHECK_FP_RI = 0x1000 | 0x2000 | 0x2
_CELL = 0xFFFFFFFF
_PANICKED = "guest-panicked"


@dataclass(frozen=True, slots=True)
class ResetVector:
    """Where the machine starts.

    Attributes:
        address: of the first instruction.
        mark_at: where the firmware's file was loaded to, if that is RAM, which a client program uses later: it is there
            again after each reset. -1 if it is ROM.
        mark: what stands there then.
    """

    address: int
    mark_at: int = -1
    mark: bytes = b""


class _Place(Enum):
    """Where, or why, the guest has stopped for us."""

    ENTRY = "entry"
    DONE = "done"
    RESET = "reset"
    PANIC = "panic"


class BreakpointTrap:
    """See `vof.engines.trap.Trap`.

    Args:
        client: the connection to QEMU's gdb server. Nothing is sent before `serve`.
        layout: where the firmware's region lies.
        vector: where the machine starts.
        user: the user's own gdb, if he may connect one; where it holds the guest from the start, it says when to run.

    Attributes:
        greeted: whether the machine has ever come to its reset vector.
        greeting: whether it has come there while a port call waited, and `serve` will say so next.
    """

    def __init__(self, client: GdbClient, layout: Layout, vector: ResetVector, user: UserGdb | None = None) -> None:
        self.answer: Callable[[int], Outcome] = refuse
        self.idle: Callable[[float], bool] = sleep_instead
        self.abandoned = False
        self.calls = 0
        self.pause = False
        self.ordering = 0
        self.greeted = False
        self.greeting = False
        self._client = client
        self._layout = layout
        self._vector = vector
        self._user = user
        self._places = {
            layout.client_entry: _Place.ENTRY,
            layout.page + _DONE: _Place.DONE,
            vector.address: _Place.RESET,
        }
        self._started = False
        self._tree = 0
        self._pc = 0
        self._block = 0
        self._link = 0
        """Where the client call at hand returns to."""
        self._asked = False
        self._passing = False

    @staticmethod
    def addresses(layout: Layout, vector: ResetVector) -> frozenset[int]:
        """Where the breakpoints are."""
        return frozenset((layout.client_entry, layout.page + _DONE, vector.address))

    def _start(self) -> None:
        """Have the machine run from its reset, unless the user says when."""
        for address in self._places:
            self._client.insert(address)
        self._started = True
        if self._user is None or not self._user.holds:
            self._client.resume(b"c")

    def reset(self) -> None:
        """Reset the machine, whether it runs or not; `serve` will say hello."""
        client = self._client
        try:
            with client.halted():
                client.command("system_reset")
                client.forget_stops()
            client.stray = False
            if not client.running and not (self._user is not None and self._user.holds):
                client.resume(b"c")
        except GdbGone:
            return  # which `serve` finds out
        self._asked = False

    # The trap

    def serve(self) -> Hello | Outcome | None:
        """See `Trap`."""
        try:
            return self._serve()
        except GdbGone:
            while not self.idle(_LONGEST_WAIT):  # which finds out what has become of QEMU
                pass
            return None

    def give_back(self, r3: int) -> None:
        """See `Trap`."""
        registers = self._client.registers
        try:
            self._go([registers.put("r3", r3)], self._link)
        except GdbGone:
            return  # which `serve` finds out

    def jump(self, start: Jump) -> None:
        """See `Trap`.

        Raises:
            EngineError: this CPU has no such registers here.
        """
        registers, layout = self._client.registers, self._layout
        if start.segments or start.sprs:
            raise EngineError("the trap breakpoint can't set segment and special purpose registers")
        values = dict.fromkeys((f"r{number}" for number in range(32)), 0)
        values |= {"r1": start.stack or layout.stack, "r2": start.toc, "r3": start.r3, "r4": start.r4}
        values |= {"r5": layout.client_entry, "r6": start.r6, "r7": start.r7}
        msr = start.msr | _MSR_MACHINE_CHECK_FP_RI | (_MSR_64BIT if start.bits == 64 else 0)
        try:
            # By itself and first: the byte order of what follows depends on it.
            little = self._client.read_image().little
            self._client.do(registers.put("msr", msr, little=little))
            image = self._client.read_image()
            for name, value in values.items():
                image[name] = value
            self._go([image.packet()], start.entry)
        except GdbGone:
            return  # which `serve` finds out

    def clear(self, address: int, size: int) -> None:
        """See `Trap`. All of it, by the guest's own stores and, at its ends, by QEMU's."""
        first, last = -(-address // 4) * 4, (address + size) // 4 * 4
        if first >= last:
            first = last = address + size
        self._guarded(self._client.write, address, bytes(first - address))
        self._guarded(self._client.write, last, bytes(address + size - last))
        if last > first:
            self._order(_CLEAR, {"r0": 0, "r3": first - 4, "ctr": (last - first) // 4})

    def leave(self) -> None:
        """See `Trap`. None was borrowed."""

    def hypercall(self, number: int, *arguments: int) -> tuple[int, ...]:
        """Port `Hypervisor`."""
        values = (number, *arguments, *[0] * (9 - len(arguments)))
        after = self._order(_HYPERCALL, {f"r{register}": value for register, value in enumerate(values, 3)})
        status, *rest = (after[f"r{register}"] for register in range(3, 12))
        bits = self._client.registers.bits
        return status - (1 << bits) if status >> bits - 1 else status, *rest

    def call(self, entry: int, arguments: Sequence[int]) -> int:
        """Port `Cpu`."""
        values = {f"r{register}": value for register, value in enumerate(arguments, 3)}
        values["lr"] = self._layout.page + _DONE
        return self._order(entry - self._layout.page, values)["r3"] & _CELL

    def run(self, accesses: Sequence[Access]) -> list[int]:
        """Port `Bus`. By QEMU's own hand: each is one access of its width if the device takes that width; a device that
        takes at most four bytes sees eight as two accesses.
        """
        plain = [(one.address, one.width, one.value if one.op is BusOp.WRITE else None) for one in accesses]
        try:
            return self._client.access(plain)
        except GdbGone:
            self._gone()
        except EngineError as error:
            raise PortError(f"device access failed: {error}") from None
        return []

    # Serving

    def _serve(self) -> Hello | Outcome | None:
        if not self._started:
            self._start()
        if self.greeting:
            self.greeting = False
            return Hello(self._tree)
        asked, self._asked = self._asked, False
        while asked or (place := self._wait(self.idle)) is not None:
            if not asked and place is _Place.RESET:
                self._take_hello()
                return Hello(self._tree)
            if not asked and place is _Place.PANIC:
                return Panic()
            if asked or place is _Place.ENTRY:
                asked = False
                outcome = self._answer_call()
                if outcome is None or type(outcome) is not Return:
                    return outcome
                self.calls += 1
                if self.pause or (not self.calls % _LOOK_EVERY and self.idle(0)):
                    self.pause = False
                    return None
        return None

    def _answer_call(self) -> Outcome | None:
        """Answer the client call that the guest has stopped for, and have it return if that is its outcome."""
        link = self._link
        try:
            outcome = self.answer(self._block)
        except Suspended:
            self._asked = True
            return None
        self._link = link  # there may have been other calls inside
        if type(outcome) is Return:
            self._go([self._client.registers.put("r3", outcome.r3)], link)
        return outcome

    def _order(self, offset: int, values: dict[str, int]) -> RegisterImage:
        """Have the guest run from an offset in its page with some registers set, until it is done there.

        Client calls that come meanwhile are answered. Afterwards the registers are what they were.
        """
        link, block = self._link, self._block
        self.ordering += 1
        try:
            image = self._client.read_image()
            before = image.packet()
            for name, value in values.items():
                image[name] = value
            self._go([image.packet()], self._layout.page + offset)
            self._until_done()
            after = self._client.read_image()
            self._client.do(before)
            return after
        except GdbGone:
            self._gone()
            raise
        finally:
            self.ordering -= 1
            self._link, self._block = link, block

    def _until_done(self) -> None:
        while True:
            place = self._wait(self._idle_on)
            if place is _Place.PANIC:
                raise Departed(Panic())
            if place is _Place.DONE:
                return
            if place is _Place.RESET:
                self._take_hello()
                self.greeting = True
                raise Departed(Reset())
            if place is _Place.ENTRY:
                outcome = self._answer_call()
                if outcome is not None and type(outcome) is not Return:
                    raise Departed(outcome)

    def _take_hello(self) -> None:
        """The machine starts: bring the page to its place, and see where QEMU's tree is."""
        client = self._client
        with open(_PAGE, "rb") as file:
            client.write(self._layout.page, file.read())
        self._tree = client.read_image()["r3"]
        self.greeted = True

    # Running

    def _go(self, packets: list[bytes], address: int) -> None:
        """Set registers and have the guest run from an address, unless the user wants it stopped there."""
        user = self._user
        if user is not None and (user.wants or user.stepping):
            self._client.do(*packets, self._client.registers.put("pc", address))
            user.hold(SIGTRAP if user.stepping else SIGINT)
        else:
            self._client.resume(*packets, b"c%x" % address)

    def _wait(self, idle: Callable[[float], bool]) -> _Place | None:
        """Have the guest run until it stops for us; None if `idle` stops the waiting."""
        client, user, seconds = self._client, self._user, _SHORT_WAIT
        while True:
            if user is not None and user.holds:
                place = self._let_user()
                if place is not None:
                    return place
            else:
                stop = client.stopped(_SHORT_WAIT)
                if stop is not None:
                    place = self._judge(stop)
                    if place is not None:
                        return place
                    seconds = _SHORT_WAIT
                    continue
            if idle(seconds):
                return None
            seconds = min(2 * seconds, _LONGEST_WAIT)
            if user is not None and user.wants and not user.holds:
                client.interrupt()

    def _let_user(self) -> _Place | None:
        """Do what the user's gdb says while the guest is stopped for it; the place if it runs on from one of ours."""
        user = self._user
        assert user is not None
        packet = user.serve()
        if packet is None:
            return None
        user.look_at_stopped()
        place = self._place()
        if place is None:
            self._client.resume(packet)
        return place

    def _judge(self, stop: Stop) -> _Place | None:
        """Why the guest has stopped: the place if it is ours, and what else is to be done then."""
        client, user = self._client, self._user
        if stop.signal < 0:
            raise GdbGone("QEMU has ended")
        if user is not None:
            user.stopped = stop.reply
        if self._passing:
            self._passing = False
            client.resume(b"c")
            return None
        if stop.signal == SIGTRAP:
            place = self._place()
            if user is not None and (user.stepping or self._pc in user.breakpoints):
                user.hold(SIGTRAP, stop.reply)
                return None
            if place is not None:
                return place
            if self._pc in self._places:  # somebody else's code is at this address now
                self._passing = True
                client.resume(b"s")
                return None
            if user is not None and (user.connected or user.left):
                user.hold(SIGTRAP, stop.reply)
            else:
                client.resume(b"c")
        elif stop.signal != SIGINT and _PANICKED in client.command("info status"):
            return _Place.PANIC
        elif user is not None and (user.connected or user.left):
            user.hold(stop.signal, stop.reply)
        else:
            client.stray = True
        return None

    def _place(self) -> _Place | None:
        """At which of our places the stopped CPU is. For the entry, notes what the call needs."""
        image = self._client.read_image()
        msr = image["msr"]
        self._pc = image["pc"]
        place = self._places.get(self._pc)
        if place is None or msr & _MSR_USER:
            return None
        if place is _Place.RESET:
            vector = self._vector
            at = vector.mark_at
            return place if at < 0 or self._client.read(at, len(vector.mark)) == vector.mark else None
        if place is _Place.DONE:
            return place if self.ordering else None
        mask = -1 if msr & _MSR_64BIT else _CELL
        self._link = image["lr"] & mask & ~3
        self._block = image["r3"] & mask
        return place

    # Ends

    def _idle_on(self, seconds: float) -> bool:
        # Whoever wants to stop the run loop waits until the guest has done what it was told, unless it is for good.
        self.idle(seconds)
        if self.abandoned:
            raise Departed(Exit())
        return False

    def _guarded(self, write: Callable[[int, bytes], None], address: int, data: bytes) -> None:
        try:
            write(address, data)
        except GdbGone:
            self._gone()

    def _gone(self) -> None:
        """QEMU has hung up inside an order: wait until the run loop knows why, and depart."""
        while not self.abandoned:
            self.idle(_LONGEST_WAIT)
        raise Departed(Exit())
