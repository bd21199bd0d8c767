"""The network cards of a machine: their nodes, their methods and aliases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vof.machines.disks import Controller
from vof.packages.network import NetworkPackage, network_properties
from vof.packages.obp_tftp import ObpTftp
from vof.ports import Clock, Memory, Network
from vof.tree import DeviceTree, Node, encode_string

__all__ = ["Card", "CardNodes"]

_RESPONSES = ("bootp-response", "dhcp-response", "bootpreply-packet")
"""GRUB takes the first that is there: none may be an earlier load's."""


@dataclass(frozen=True, slots=True)
class Card:
    """A network card.

    Attributes:
        name: what the user calls it; "" for nothing.
        network: the port.
        place: where it is; None where the machine has no buses.
        boot_index: its place among the devices that the user gave one; -1 for none.
    """

    name: str
    network: Network
    place: Controller | None = None
    boot_index: int = -1


class CardNodes:
    """The nodes of a machine's cards.

    Args:
        memory: guest memory.
        clock: the time.
        cards: the cards.
        hosts: paths of PCI host bridges by the emulator's name of them.
        top: the first address that a program may not be loaded to.
    """

    def __init__(self, memory: Memory, clock: Clock, cards: Sequence[Card], hosts: Mapping[str, str], top: int) -> None:
        self._memory = memory
        self._clock = clock
        self._cards = cards
        self._hosts = dict(hosts)
        self._top = top
        self._chosen: Node | None = None
        self._nodes: list[tuple[Node, Card]] = []

    def add(self, tree: DeviceTree) -> None:
        """Put them into a tree, and their aliases: `net`, `net0` and so on. A card without a place is `/ethernet@N`."""
        self._nodes.clear()
        tftp = ObpTftp(self._memory, self._clock, self._publish, top=self._top)
        self._chosen = tree.find("/chosen")
        aliases = tree.find("/aliases")
        assert aliases is not None
        for number, card in enumerate(self._cards):
            if card.place is None:
                path = f"/ethernet@{number:x}"
                node = tree.find(path) or tree.add("/", path[1:], {"reg": number.to_bytes(4)})
            else:
                found = card.place.find(tree, self._hosts)
                if found is None:
                    continue
                node = found
            node.properties.update(network_properties(card.network.mac))
            package = NetworkPackage(self._memory, card.network, self._clock, tftp=tftp)
            node.methods.update(package.methods())
            names = (f"net{len(self._nodes)}", card.name, *(("net",) if not self._nodes else ()))
            for name in names:
                if name:
                    aliases.properties.setdefault(name, encode_string(node.path))
            self._nodes.append((node, card))
        if self._nodes:
            support = tree.find("/packages/obp-tftp") or tree.add("/packages", "obp-tftp")
            support.methods.update(tftp.methods())

    @property
    def paths(self) -> list[tuple[str, Card]]:
        """Paths of the cards that have a node, with the card."""
        return [(node.path, card) for node, card in self._nodes]

    @property
    def first(self) -> list[tuple[int, str]]:
        """Boot index and path of the cards that the user gave one."""
        return [(card.boot_index, path) for path, card in self.paths if card.boot_index >= 0]

    def _publish(self, properties: Mapping[str, bytes]) -> None:
        if self._chosen is None:
            return
        for name in _RESPONSES:
            self._chosen.properties.pop(name, None)
        self._chosen.properties.update(properties)
