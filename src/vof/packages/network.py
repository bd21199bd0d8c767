"""A network device's package: frames in and out for clients with a network of their own, and loading of a boot file."""

from __future__ import annotations

from vof.errors import Throw, ThrowCode, UsageError
from vof.packages.instance import Instance, Method, Stack
from vof.packages.net import BootArguments, Lease, next_frame, parse_arguments
from vof.packages.net.wire import FRAME_LIMIT, valid_mac
from vof.packages.obp_tftp import NETWORK, ObpTftp, Publish
from vof.ports import Clock, Memory, Network
from vof.tree import encode_cells, encode_string

__all__ = ["NetworkPackage", "network_properties"]

_PATIENCE = 2
"""Milliseconds that `read` waits for a frame: clients poll."""
_SHORTEST, _HEADER = 60, 14
_NOTHING = -2
"""What `read` answers when there is no frame (1275 §3.8.3)."""


def network_properties(mac: bytes) -> dict[str, bytes]:
    """The properties that a network device's node needs besides its bus's (1275 §3.8.3), from its six-byte address.

    Raises:
        UsageError: that is no card's address.
    """
    if not valid_mac(mac):
        raise UsageError(
            f"{mac.hex(':') or 'nothing'} is no network card's address: six bytes, such as 52:54:00:12:34:56"
        )
    return {
        "device_type": encode_string("network"),
        "network-type": encode_string("ethernet,auto,rj45,auto"),
        "mac-address": mac,
        "local-mac-address": mac,
        "address-bits": encode_cells(48),
        "max-frame-size": encode_cells(FRAME_LIMIT),
    }


class NetworkPackage:
    """Methods of a device of the type "network" over the `Network` port, with `obp-tftp`'s work in them.

    Open arguments are `net.arguments.parse_arguments`'s; all of them may be missing. A client that reads and writes
    frames has the card for itself: nothing is answered on its behalf except while `load` runs.

    Args:
        memory: guest memory.
        network: the card.
        clock: the machine's.
        publish: takes properties for `/chosen` when a load has learned them (`ObpTftp`).
        tftp: the support package that loads; None for one of its own.

    An instance's state is the port, the parsed arguments (`boot`) and, after `load`, the path of what was `loaded`.
    """

    def __init__(
        self,
        memory: Memory,
        network: Network,
        clock: Clock,
        publish: Publish | None = None,
        *,
        tftp: ObpTftp | None = None,
    ) -> None:
        self.memory = memory
        self.network = network
        self.clock = clock
        self.tftp = ObpTftp(memory, clock, publish) if tftp is None else tftp

    @property
    def learned(self) -> BootArguments | None:
        """What the last load went by (`ObpTftp.learned`)."""
        return self.tftp.learned

    @property
    def lease(self) -> Lease | None:
        """The answer of DHCP or BOOTP that the last load went by."""
        return self.tftp.lease

    def methods(self) -> dict[str, Method]:
        """The methods, by name, for `Node.methods`."""
        return {
            "open": self.open,
            "close": self.close,
            "read": self.read,
            "write": self.write,
            "load": self.load,
        }

    def open(self, instance: Instance, stack: Stack) -> None:
        """( -- true ). Arguments that make no sense fail with a reason."""
        instance.state["boot"] = parse_arguments(instance.arguments)
        instance.state[NETWORK] = self.network
        stack.append(-1)

    def close(self, instance: Instance, stack: Stack) -> None:
        """( -- )."""

    def read(self, instance: Instance, stack: Stack) -> None:
        """( addr len -- actual ): a frame from its first byte, cut where it is longer; -2 if none has come."""
        length, address = stack.pop(), stack.pop()
        if length < 0:
            raise Throw(ThrowCode.ABORT, f"a count of {length}")
        self.memory.read(address, min(length, FRAME_LIMIT))  # a frame is not taken for a buffer that is none
        frame = next_frame(self.network, self.clock, self.clock.milliseconds() + _PATIENCE)[:length]
        self.memory.write(address, frame)
        stack.append(len(frame) or _NOTHING)

    def write(self, instance: Instance, stack: Stack) -> None:
        """( addr len -- actual ): a frame from its first byte, without checksum; a short one is padded."""
        length, address = stack.pop(), stack.pop()
        if not _HEADER <= length <= FRAME_LIMIT:
            raise Throw(ThrowCode.ABORT, f"a frame of {length} bytes: Ethernet's have {_HEADER} … {FRAME_LIMIT}")
        self.network.send(self.memory.read(address, length).ljust(_SHORTEST, b"\0"))
        stack.append(length)

    def load(self, instance: Instance, stack: Stack) -> None:
        """( addr -- size ): the boot file, by DHCP or BOOTP where the arguments leave something open, and TFTP."""
        address = stack.pop()
        stack.append(self.tftp.load_file(self.network, instance.state["boot"], address))
        path = instance.path.removesuffix(f":{instance.arguments}") if instance.arguments else instance.path
        instance.state["loaded"] = f"{path}:{self.learned}"
