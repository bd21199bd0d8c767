"""A machine's disks and network cards in JSON's terms, for recordings, and back: all but their ports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from vof.machines.disks import Controller, Disk, DiskPlace
from vof.machines.networks import Card

__all__ = ["describe_devices", "described_cards", "described_disks"]


def describe_devices(disks: Sequence[Disk], cards: Sequence[Card]) -> dict[str, Any]:
    """Disks and cards in JSON's terms."""
    return {"disks": _describe_disks(disks), "cards": _describe_cards(cards)}


def _describe_disks(disks: Sequence[Disk]) -> list[dict[str, Any]]:
    described = []
    for disk in disks:
        facts: dict[str, Any] = {"name": disk.name, "cdrom": disk.cdrom, "boot_index": disk.boot_index}
        place = disk.place
        if place is not None:
            facts["place"] = [place.kind, place.channel, place.target, place.lun]
            facts["controller"] = _described(place.controller)
        described.append(facts)
    return described


def described_disks(described: Sequence[dict[str, Any]], port: Callable[[str], Any]) -> tuple[Disk, ...]:
    """The disks that were described so.

    Args:
        described: what `describe_devices` made of them.
        port: makes the ports `block0`, `partitions0`, `files0` and so on.
    """
    disks = []
    for number, facts in enumerate(described):
        place = None
        if "place" in facts:
            kind, channel, target, lun = facts["place"]
            place = DiskPlace(kind, _controller(facts["controller"]), channel, target, lun)
        block, partitions, files = (port(f"{kind}{number}") for kind in ("block", "partitions", "files"))
        index = facts.get("boot_index", -1)
        disks.append(Disk(facts["name"], block, partitions, facts["cdrom"], place, index, files))
    return tuple(disks)


def _describe_cards(cards: Sequence[Card]) -> list[dict[str, Any]]:
    described = []
    for card in cards:
        facts: dict[str, Any] = {"name": card.name, "boot_index": card.boot_index}
        if card.place is not None:
            facts["controller"] = _described(card.place)
        described.append(facts)
    return described


def described_cards(described: Sequence[dict[str, Any]], port: Callable[[str], Any]) -> tuple[Card, ...]:
    """The cards that were described so.

    Args:
        described: what `describe_devices` made of them.
        port: makes the ports `network0` and so on.
    """
    cards = []
    for number, facts in enumerate(described):
        place = _controller(facts["controller"]) if "controller" in facts else None
        cards.append(Card(facts["name"], port(f"network{number}"), place, facts["boot_index"]))
    return tuple(cards)


def _described(controller: Controller) -> list[Any]:
    return [controller.host, [list(each) for each in controller.functions], controller.vio]


def _controller(facts: Sequence[Any]) -> Controller:
    host, functions, vio = facts
    return Controller(host, tuple((device, function) for device, function in functions), vio)
