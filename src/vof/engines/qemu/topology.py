"""Which of QEMU's block nodes and networks is behind which of the guest's devices: asked of the monitor.

Names of drives and addresses of devices may be QEMU's own choice, so the command line doesn't tell. Every device's
parent is the owner of its bus, up to the host bridge.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from vof.errors import EngineError

__all__ = ["GuestDisk", "GuestNetwork", "Place", "Topology"]

_PAPR_HOST = "spapr-pci-host-bridge"
_PAPR_BUID = 0x800000020000000
_DEEPEST = 16
_MODEL = re.compile(r"type=nic,model=([^,\s]+)")
_PERIPHERALS = ("/machine/peripheral", "/machine/peripheral-anon", "/machine/unattached")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a controller or card is.

    Attributes:
        host: its host bridge's unit address on `pseries`, QEMU's name of it elsewhere; "" on PAPR's virtual I/O bus.
        functions: device and function of each bridge below that and of the controller itself; empty there.
        vio: its unit address on PAPR's virtual I/O bus.
    """

    host: str = ""
    functions: tuple[tuple[int, int], ...] = ()
    vio: int = 0


@dataclass(frozen=True, slots=True)
class GuestDisk:
    """A disk that the guest sees.

    Attributes:
        node: QEMU's block node; "" where no medium is in.
        name: what the user calls it: the drive's or the device's id, else the node's name.
        kind: how it is attached.
        place: its controller.
        channel, target, lun: its address there: SCSI's, or of IDE the channel and the unit.
        size: bytes.
        read_only: whether QEMU writes to it.
        cdrom: whether it is a CD-ROM.
        boot_index: what `bootindex=` says; -1 for nothing.
    """

    node: str
    name: str
    kind: Literal["virtio-blk", "virtio-scsi", "vscsi", "scsi", "ide"]
    place: Place
    channel: int
    target: int
    lun: int
    size: int
    read_only: bool
    cdrom: bool
    boot_index: int = -1


@dataclass(frozen=True, slots=True)
class GuestNetwork:
    """A network card that the guest sees.

    Attributes:
        netdev: QEMU's name of the network that it is on; "" for none.
        name: its id, or "".
        place: where it is.
        mac: its address, six bytes.
        boot_index: what `bootindex=` says; -1 for nothing.
    """

    netdev: str
    name: str
    place: Place
    mac: bytes
    boot_index: int = -1


class Topology:
    """QEMU's devices.

    Args:
        execute: runs a QMP command with these arguments and returns what it returns.
    """

    def __init__(self, execute: Callable[..., Any]) -> None:
        self._execute = execute
        self._known: dict[tuple[str, str], Any] = {}

    def disks(self) -> list[GuestDisk]:
        """All disks whose place is known, by QEMU's order.

        Raises:
            EngineError: QEMU doesn't answer.
        """
        found = []
        for backend in self._execute("query-block"):
            try:
                disk = self._disk(backend)
            except EngineError:  # no device of a bus, such as the NVRAM's
                continue
            if disk is not None:
                found.append(disk)
        return found

    def networks(self) -> list[GuestNetwork]:
        """All network cards whose place is known.

        Raises:
            EngineError: QEMU doesn't answer.
        """
        # QEMU lists its cards for people only; that names their models, and objects tell of theirs.
        text = self._execute("human-monitor-command", **{"command-line": "info network"})
        models = {f"child<{model}>" for model in _MODEL.findall(text)}
        found = []
        for folder in _PERIPHERALS if models else ():
            for each in self._execute("qom-list", path=folder):
                if each["type"] in models:
                    network = self._network(f"{folder}/{each['name']}")
                    if network is not None:
                        found.append(network)
        return found

    def _network(self, device: str) -> GuestNetwork | None:
        try:
            mac = bytes.fromhex(self._get(device, "mac").replace(":", ""))
            place = self._place(device, "reg" if "spapr-vio" in self._get(device, "parent_bus") else "addr")
        except EngineError:
            return None
        if place is None:
            return None
        name = device.rpartition("/")[2]
        netdev = self._get(device, "netdev")
        return GuestNetwork(netdev, "" if "[" in name else name, place, mac, self._boot_index(device))

    def _disk(self, backend: dict[str, Any]) -> GuestDisk | None:
        device = backend.get("qdev", "")
        if not device:
            return None
        if not device.startswith("/"):
            device = f"/machine/peripheral/{device}"
        inserted = backend.get("inserted") or {}
        node = inserted.get("node-name", "")
        what = self._get(device, "type")
        identity = device.split("/")[3] if device.startswith("/machine/peripheral/") else ""
        facts: dict[str, Any] = {
            "node": node,
            "name": backend.get("device") or (node if not node.startswith("#") else "") or identity,
            "size": inserted.get("image", {}).get("virtual-size", 0),
            "read_only": bool(inserted.get("ro", True)),
            "cdrom": what.endswith("-cd"),
            "boot_index": self._boot_index(device),
        }
        owner, bus = self._owner(device)
        if what == "virtio-blk-device":
            return self._placed(owner, "virtio-blk", facts, (0, 0, 0))
        if what.startswith("scsi-"):
            where = (self._get(device, "channel"), self._get(device, "scsi-id"), self._get(device, "lun"))
            controller = self._get(owner, "type")
            if controller == "virtio-scsi-device":
                return self._placed(self._owner(owner)[0], "virtio-scsi", facts, where)
            return self._placed(owner, "vscsi" if controller == "spapr-vscsi" else "scsi", facts, where)
        if what.startswith("ide-"):
            channel = bus.rpartition(".")[2]
            unit = self._get(device, "unit")
            return self._placed(owner, "ide", facts, (int(channel) if channel.isdigit() else 0, unit, 0))
        return None

    def _boot_index(self, device: str) -> int:
        try:
            return int(self._get(device, "bootindex"))
        except EngineError:
            return -1

    def _placed(
        self, controller: str, kind: Any, facts: dict[str, Any], where: tuple[int, int, int]
    ) -> GuestDisk | None:
        place = self._place(controller, "reg" if kind == "vscsi" else "addr")
        if place is None:
            return None
        return GuestDisk(kind=kind, place=place, channel=where[0], target=where[1], lun=where[2], **facts)

    def _place(self, device: str, address: str) -> Place | None:
        if address == "reg":
            return Place(vio=self._get(device, "reg"))
        functions: list[tuple[int, int]] = []
        for _ in range(_DEEPEST):
            try:
                number = self._get(device, "addr")
            except EngineError:  # on no PCI bus: the host bridge itself
                break
            functions.insert(0, (number >> 3, number & 7))
            device = self._owner(device)[0]
        if not functions:
            return None
        if self._get(device, "type") == _PAPR_HOST:
            return Place(f"{_PAPR_BUID + self._get(device, 'index'):x}", tuple(functions))
        return Place(device.rpartition("/")[2], tuple(functions))

    def _owner(self, device: str) -> tuple[str, str]:
        """What a device's bus belongs to, and the bus."""
        bus = self._get(device, "parent_bus")
        return bus.rpartition("/")[0], bus

    def _get(self, path: str, name: str) -> Any:
        key = path, name
        if key not in self._known:
            self._known[key] = self._execute("qom-get", path=path, property=name)
        return self._known[key]
