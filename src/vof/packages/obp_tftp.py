"""The support package `obp-tftp`: a file over the network into memory, by DHCP or BOOTP and TFTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from vof.errors import PortError, Throw, ThrowCode
from vof.packages.instance import Instance, Method, Stack
from vof.packages.net import BootArguments, Host, Lease, fetch, obtain, parse_arguments
from vof.packages.net.tftp import BLOCK_SIZE, TRIES
from vof.ports import Clock, Memory, Network

__all__ = ["NETWORK", "ObpTftp", "Publish"]

NETWORK = "network"
"""Where a network device's instance keeps its port, for the support packages that it opens."""
_HEADERS = 42
"""Bytes before a BOOTP message in its frame: Ethernet, IP, UDP."""

Publish = Callable[[dict[str, bytes]], None]
"""Takes properties for `/chosen`."""


class ObpTftp:
    """Methods of `/packages/obp-tftp`, which a network device opens as its own (1275 §3.8.3's `$open-package`).

    Args:
        memory: where files are loaded to.
        clock: what retries are measured with.
        publish: told the server's answer, as it came, each time that there is one: `bootp-response` or
            `dhcp-response`, and the same behind 42 bytes of headers as `bootpreply-packet`.
        top: the first address that may not be written to; 0 for the end of memory.

    Attributes:
        learned: what the last successful load went by: the arguments with all that DHCP filled in. As a string it is
            what belongs behind `bootpath`'s colon.
        lease: the answer of DHCP or BOOTP that it went by, or None where the arguments said everything.
    """

    def __init__(self, memory: Memory, clock: Clock, publish: Publish | None = None, *, top: int = 0) -> None:
        self.memory = memory
        self.top = top or memory.size
        self.clock = clock
        self.publish = publish
        self.learned: BootArguments | None = None
        self.lease: Lease | None = None

    def methods(self) -> dict[str, Method]:
        """The methods, by name, for `Node.methods`."""
        return {"open": self.open, "close": self.close, "load": self.load}

    def open(self, instance: Instance, stack: Stack) -> None:
        """( -- true ). The parent is a network device's instance; arguments that make no sense fail with a reason."""
        network = None if instance.parent is None else instance.parent.state.get(NETWORK)
        if network is None:
            raise Throw(ThrowCode.ABORT, "obp-tftp is opened by a network device, and its parent is none")
        instance.state[NETWORK] = network
        instance.state["boot"] = parse_arguments(instance.arguments)
        stack.append(-1)

    def close(self, instance: Instance, stack: Stack) -> None:
        """( -- )."""

    def load(self, instance: Instance, stack: Stack) -> None:
        """( addr -- size )."""
        address = stack.pop()
        stack.append(self.load_file(instance.state[NETWORK], instance.state["boot"], address))

    def load_file(self, network: Network, arguments: BootArguments, address: int) -> int:
        """Load the boot file to an address in memory; its size.

        Raises:
            PortError: the network didn't give it; the reason is for people.
        """
        room = self.top - address
        if address < 0 or room <= 0:
            raise Throw(ThrowCode.INVALID_MEMORY_ADDRESS, f"no memory to load to at {address:#x}")
        host = Host(network, self.clock)
        complete = self._configure(host, arguments)
        if complete.server is None:
            raise PortError("nobody said which server to load from: write it first in the device's arguments")
        if not complete.file:
            raise PortError('nobody said which file to load: write ",name" in the device\'s arguments')
        size = fetch(
            host,
            complete.server,
            complete.file,
            lambda offset, data: self.memory.write(address + offset, data),
            limit=room,
            tries=complete.tftp_tries or TRIES,
            block_size=complete.block_size or BLOCK_SIZE,
        )
        self.learned = complete
        return size

    def _configure(self, host: Host, given: BootArguments) -> BootArguments:
        """Give the host its address, from the arguments or from the network; what the arguments say goes first."""
        if given.is_enough and given.client is not None:
            self.lease = None
            host.address, host.mask, host.gateway = given.client, given.mask, given.gateway
            return given
        lease = obtain(host, dhcp=given.mode != "bootp", bootp=given.mode != "dhcp", tries=given.bootp_tries or None)
        self.lease = lease
        complete = replace(
            given,
            server=given.server or lease.server,
            file=given.file or lease.file,
            client=lease.address,
            gateway=given.gateway or lease.gateway,
            mask=given.mask or lease.mask,
        )
        host.mask, host.gateway = complete.mask, complete.gateway
        if self.publish is not None:
            name = "dhcp-response" if lease.is_dhcp else "bootp-response"
            frame = lease.frame[:_HEADERS].ljust(_HEADERS, b"\0") + lease.packet
            self.publish({name: lease.packet, "bootpreply-packet": frame})
        return complete
