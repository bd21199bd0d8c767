"""Events: what happened, for those who watch. A view only: nothing in the firmware depends on one.

Whoever wants them passes a listener, a function of one event. With nobody listening no event is made.

Times: `started` and `at` are nanoseconds of the host since the VM was started, `clock` nanoseconds of the machine's own
clock, which stands still or jumps where that clock is virtual. Where nobody measures (a firmware without a VM) they
are 0. Times take no part in comparing two events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

__all__ = [
    "ClientCall",
    "ClientReturn",
    "ConsoleInput",
    "ConsoleOutput",
    "Event",
    "Injected",
    "Listener",
    "OsiCall",
    "Phase",
    "TreeReplaced",
    "Written",
]


@dataclass(frozen=True, slots=True)
class Written:
    """A piece of guest memory that the firmware wrote for a client, or that a client gave it.

    Attributes:
        address: where, as the firmware reaches memory: a real address.
        size: bytes.
        head: the first of them, at most 256.
        digest: of all of them, where there are more than in `head`; else "".
    """

    address: int
    size: int
    head: bytes
    digest: str = ""


@dataclass(frozen=True, slots=True)
class ClientCall:
    """The client program called a service.

    Attributes:
        service: its name, as the client wrote it.
        arguments: the argument cells, unsigned.
        depth: how many calls this one is inside of.
        block: the address of its argument block.
        texts: the string that an argument points to, by the argument's place.
        paths: the path of each phandle and ihandle among the arguments, by the handle.
        started: when.
        clock: when, by the machine's clock.
        phase: what the boot was at: the name of the last `Phase`.
    """

    service: str
    arguments: tuple[int, ...]
    depth: int
    block: int = 0
    texts: Mapping[int, str] = field(default_factory=dict)
    paths: Mapping[int, str] = field(default_factory=dict)
    started: int = field(default=0, compare=False)
    clock: int = field(default=0, compare=False)
    phase: str = ""


@dataclass(frozen=True, slots=True)
class ClientReturn:
    """A service was answered.

    Attributes:
        service: its name.
        arguments: the argument cells, unsigned.
        results: the result cells as declared, unsigned; the client may have asked for fewer.
        status: r3: 0, or -1 where the service is unknown or the block or a pointer is bad.
        fault: why it failed; empty if it did not.
        depth: as in `ClientCall`.
        block: the address of its argument block.
        outcome: what it came to where it does not simply return: `exit`, `reset`, `jump 0x10000`; else "".
        hook: `instead` where a user's hook answered, `after` where one changed the answer; else "".
        texts: as in `ClientCall`.
        paths: the path of each phandle and ihandle among arguments and results, by the handle.
        writes: what it wrote to guest memory, its result cells apart.
        started, clock, phase: as in `ClientCall`.
        duration: nanoseconds of the host that the firmware took.
        engine, trap: what the guest runs on, and by what way it called.
        given: what a `write`, `setprop` or `chain` found at its buffer; of data that was read in pieces, the first.
    """

    service: str
    arguments: tuple[int, ...]
    results: tuple[int, ...]
    status: int
    fault: str
    depth: int
    block: int = 0
    outcome: str = ""
    hook: str = ""
    texts: Mapping[int, str] = field(default_factory=dict)
    paths: Mapping[int, str] = field(default_factory=dict)
    writes: tuple[Written, ...] = ()
    started: int = field(default=0, compare=False)
    clock: int = field(default=0, compare=False)
    phase: str = ""
    duration: int = field(default=0, compare=False)
    engine: str = ""
    trap: str = ""
    given: Written | None = None


@dataclass(frozen=True, slots=True)
class ConsoleOutput:
    """Bytes that the machine showed on its console, from the firmware or from the guest's own driver."""

    data: bytes
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class ConsoleInput:
    """Bytes that were typed at the console."""

    data: bytes
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class TreeReplaced:
    """The whole device tree was replaced (PAPR `ibm,client-architecture-support`)."""

    nodes: int


@dataclass(frozen=True, slots=True)
class Injected:
    """A fault that the user asked for was put into the run.

    Attributes:
        fault: which, in the user's spelling.
        what: what it did.
    """

    fault: str
    what: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class OsiCall:
    """A guest made one of Mac-on-Linux's calls.

    Attributes:
        selector, name: which.
        arguments: as many as it takes, unsigned.
        results: r3 and what follows it, unsigned; None for a register that it left as it was.
        fault: why it failed; empty if it did not, or if its answer says no more.
        outcome: what it came to where it does not return; else "".
    """

    selector: int
    name: str
    arguments: tuple[int, ...]
    results: tuple[int | None, ...]
    fault: str = ""
    outcome: str = ""
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Phase:
    """The boot reached a new phase.

    Attributes:
        name: what begins.
        seconds: since the VM was started.
        detail: a few words more, for people.
    """

    name: str
    seconds: float
    detail: str = ""


Event = ClientCall | ClientReturn | ConsoleOutput | ConsoleInput | Injected | OsiCall | TreeReplaced | Phase
Listener = Callable[[Event], None]
