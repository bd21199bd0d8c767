"""The network card's package: raw frames by `read` and `write`, and `load` by the `obp-tftp` package's protocols."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vof.errors import PortError
from vof.packages.instance import Instance, Method, Stack, Throw, ThrowCode
from vof.packages.net.arguments import BootArguments, parse_arguments
from vof.ports import Clock, Memory, Network
from vof.tree import encode_int, encode_string

__all__ = ["NetworkPackage", "network_properties"]

_LONGEST_FRAME = 1518
_WAIT = 2
"""Milliseconds that `read` waits for a frame: clients ask again, and GRUB looks for keys in between."""
_NONE = -2
_RESPONSES = ("bootp-response", "dhcp-response")
_ANY = bytes(4)


def network_properties(mac: bytes) -> dict[str, bytes]:
    """What a network card's node says besides what its bus does (1275 annex on device type "network")."""
    return {
        "device_type": encode_string("network"),
        "network-type": encode_string("ethernet"),
        "mac-address": mac,
        "local-mac-address": mac,
        "address-bits": encode_int(48),
        "max-frame-size": encode_int(_LONGEST_FRAME),
    }


class NetworkPackage:
    """Methods of a network card over the `Network` port.

    Open arguments are a loader's: see `vof.packages.net.arguments`. They matter to `load` only.

    Args:
        memory: guest memory.
        network: the card.
        clock: the time.
        publish: sets properties of `/chosen`: what the network answered.
        top: the first address that `load` may not write to; 0 for the end of memory.
    """

    def __init__(
        self,
        memory: Memory,
        network: Network,
        clock: Clock,
        publish: Callable[[Mapping[str, bytes]], None],
        top: int = 0,
    ) -> None:
        self._memory = memory
        self._network = network
        self._clock = clock
        self._publish = publish
        self._top = top or memory.size

    def methods(self) -> dict[str, Method]:
        """The methods, by name, for `Node.methods`."""
        return {"open": self.open, "close": self.close, "read": self.read, "write": self.write, "load": self.load}

    def open(self, instance: Instance, stack: Stack) -> None:
        """( -- true ). Arguments that make no sense throw when they are used: GRUB and others pass any."""
        self._network.receive(0)  # the card is there
        stack.append(-1)

    def close(self, instance: Instance, stack: Stack) -> None:
        """( -- )."""

    def read(self, instance: Instance, stack: Stack) -> None:
        """( addr len -- actual ): a frame, without its checksum; -2 if none came in a few milliseconds."""
        length, address = stack.pop(), stack.pop()
        if length < 0:
            raise Throw(ThrowCode.ABORT, f"a count of {length}")
        if length:
            self._memory.read(address + length - 1, 1)
        frame = self._network.receive(_WAIT)[:length]
        if not frame:
            stack.append(_NONE)
            return
        self._memory.write(address, frame)
        stack.append(len(frame))

    def write(self, instance: Instance, stack: Stack) -> None:
        """( addr len -- actual ): send a frame."""
        length, address = stack.pop(), stack.pop()
        if not 0 <= length <= _LONGEST_FRAME:
            raise Throw(ThrowCode.ABORT, f"no frame has {length} bytes")
        self._network.send(self._memory.read(address, length))
        stack.append(length)

    def load(self, instance: Instance, stack: Stack) -> None:
        """( addr -- size ): a file by TFTP, with an address by DHCP or BOOTP where the arguments have none."""
        address = stack.pop()
        arguments = parse_arguments(instance.arguments)
        if address >= self._top:
            raise Throw(ThrowCode.ABORT, f"nothing can be loaded to {address:#x}")
        size, loaded = self._fetch(arguments, address)
        path = instance.path.removesuffix(f":{instance.arguments}") if instance.arguments else instance.path
        instance.state["loaded"] = f"{path}:{loaded}"
        stack.append(size)

    def _fetch(self, arguments: BootArguments, address: int) -> tuple[int, str]:
        """Load the file; its size, and the arguments as they came to be."""
        from vof.packages.net.dhcp import configure
        from vof.packages.net.station import Station, dotted
        from vof.packages.net.tftp import fetch

        station = Station(self._network, self._clock)
        server, file = arguments.server, arguments.file
        if arguments.client != _ANY and server != _ANY and file:
            station.address, station.gateway = arguments.client, arguments.gateway
            station.subnet = arguments.subnet if arguments.subnet != _ANY else b"\xff\xff\xff\0"
        else:
            lease = configure(station, tries=arguments.tries, bootp=arguments.protocol == "bootp")
            self._publish(dict.fromkeys(_RESPONSES, lease.packet))
            server = server if server != _ANY else lease.server
            file = file or lease.file
        if not file:
            raise PortError("the network tells of no file to load: name one, as in net:,\\vmlinux")
        if server == _ANY:
            raise PortError("the network tells of no server: name one, as in net:10.0.2.2,vmlinux")

        def write(offset: int, data: bytes) -> None:
            self._memory.write(address + offset, data)

        size = fetch(station, server, file, write, limit=self._top - address, tries=arguments.tftp_tries)
        words = (dotted(server), file.replace("/", "\\"), dotted(station.address), dotted(station.gateway))
        return size, ",".join(words)
