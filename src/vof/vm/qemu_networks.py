"""The network cards of QEMU's machines, for the firmware: each on the very network that the guest's card is on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vof.engines.qemu import QemuEngine
from vof.engines.qemu.redirect import RedirectedNetwork
from vof.engines.qemu.topology import Topology
from vof.machines.disks import Controller
from vof.machines.networks import Card
from vof.vm.qemu_disks import found_by

__all__ = ["QemuNetworks"]


class QemuNetworks:
    """What of QEMU's cards the firmware gets.

    Args:
        engine: the QEMU.
        wrap: makes of a back end, given its name and its kind, the port that the firmware gets.

    Attributes:
        tend: called now and then while a frame is waited for.
        cards: the cards of this boot.
    """

    def __init__(self, engine: QemuEngine, wrap: Callable[[str, str, Any], Any]) -> None:
        self._engine = engine
        self._wrap = wrap
        self._open: list[RedirectedNetwork] = []
        self.tend: Callable[[], object] = _nothing
        self.cards: tuple[Card, ...] = ()

    def find(self) -> None:
        """See what cards the guest has: once for each boot.

        Raises:
            EngineError: QEMU doesn't answer.
        """
        self.let_go()
        engine = self._engine
        cards = []
        for number, card in enumerate(found_by(engine, Topology.networks)):
            network = RedirectedNetwork(engine.ask_monitor, engine.guardian, card.netdev, card.mac, self._tend)
            self._open.append(network)
            port = self._wrap(f"network{number}", "network", network)
            place = Controller(card.place.host, card.place.functions, card.place.vio)
            cards.append(Card(card.name, port, place, card.boot_index))
        self.cards = tuple(cards)

    def let_go(self) -> None:
        """Give all networks back: the client program has the machine, or it was reset."""
        while self._open:
            self._open.pop().close()

    def forget(self) -> None:
        """QEMU is gone, or about to be."""
        while self._open:
            self._open.pop().forget()

    def _tend(self) -> None:
        self.tend()


def _nothing() -> None:
    pass
