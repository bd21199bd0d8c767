"""A machine's disks in JSON's terms, for recordings, and back: all but their ports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from vof.machines.disks import Controller, Disk, DiskPlace

__all__ = ["describe_disks", "described_disks"]


def describe_disks(disks: Sequence[Disk]) -> list[dict[str, Any]]:
    """Disks in JSON's terms."""
    described = []
    for disk in disks:
        facts: dict[str, Any] = {"name": disk.name, "cdrom": disk.cdrom, "boot_index": disk.boot_index}
        place = disk.place
        if place is not None:
            controller = place.controller
            facts["place"] = [place.kind, place.channel, place.target, place.lun]
            facts["controller"] = [controller.host, [list(each) for each in controller.functions], controller.vio]
        described.append(facts)
    return described


def described_disks(described: Sequence[dict[str, Any]], port: Callable[[str], Any]) -> tuple[Disk, ...]:
    """The disks that were described so.

    Args:
        described: what `describe_disks` made.
        port: makes the ports `block0`, `partitions0`, `files0` and so on.
    """
    disks = []
    for number, facts in enumerate(described):
        place = None
        if "place" in facts:
            kind, channel, target, lun = facts["place"]
            host, functions, vio = facts["controller"]
            controller = Controller(host, tuple((device, function) for device, function in functions), vio)
            place = DiskPlace(kind, controller, channel, target, lun)
        block, partitions, files = (port(f"{kind}{number}") for kind in ("block", "partitions", "files"))
        index = facts.get("boot_index", -1)
        disks.append(Disk(facts["name"], block, partitions, facts["cdrom"], place, index, files))
    return tuple(disks)
