"""The boards that `vof.machines.pci_board` makes, by the machine's name."""

from __future__ import annotations

from collections.abc import Mapping

from vof.machines.macs import G3BEIGE, MAC99
from vof.machines.pci_board import PciBoardFacts
from vof.machines.pegasos2 import PEGASOS2

__all__ = ["BOARDS"]

BOARDS: Mapping[str, PciBoardFacts] = {"pegasos2": PEGASOS2, "mac99": MAC99, "g3beige": G3BEIGE}
