"""`-drive` for the QEMU engine: as `-blockdev`, and as a `-device` that lets others write.

Only so may the firmware write to a drive that the guest's own controller has: QEMU refuses it otherwise. What QEMU's
lock on an image kept apart, other machines, a lock of our own keeps apart: see `vof.backends.image_lock`.
Ref: QEMU's blockdev.c: what `-drive` makes of its options; qapi/block-core.json: what `-blockdev` takes.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Mapping, Sequence
from typing import Any

from vof.errors import UsageError
from vof.vm.drive_options import PROTOCOL, QemuDrives, format_of, split_drive, switch

__all__ = ["qemu_drives"]

_LONGEST_NAME = 31
_UNITS = {"scsi": 7, "ide": 2, "virtio": 0}
"""Devices on a bus by interface; 0 for a controller of its own."""
_CACHE = {  # cache.direct, cache.no-flush and the device's write-cache
    "writeback": (False, False, True),
    "none": (True, False, True),
    "writethrough": (False, False, False),
    "directsync": (True, False, False),
    "unsafe": (False, True, True),
}
_LIMITS = {
    **dict.fromkeys(("bps", "bps_total"), "bps-total"),
    "bps_rd": "bps-read",
    "bps_wr": "bps-write",
    "iops": "iops-total",
    "iops_rd": "iops-read",
    "iops_wr": "iops-write",
    "bps_max": "bps-total-max",
    "bps_rd_max": "bps-read-max",
    "iops_size": "iops-size",
    "bps_wr_max": "bps-write-max",
    "iops_max": "iops-total-max",
    "iops_rd_max": "iops-read-max",
    "iops_wr_max": "iops-write-max",
}
_PLAIN = ("file", "format", "driver", "if", "media", "readonly", "read-only", "snapshot", "id", "index", "bus", "unit")
_MAPPED = (*_PLAIN, "cache", "aio", "discard", "detect-zeroes", "werror", "rerror", "auto-read-only")
_TRUE_UNMAP = {"unmap": "unmap", "on": "unmap", "ignore": "ignore", "off": "ignore"}
_NODE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")


def qemu_drives(interface: str, drives: Sequence[str], extra: Sequence[str], *, snapshot: bool = False) -> QemuDrives:
    """Take `-drive` options apart.

    Args:
        interface: what a drive of the machine is attached to where it doesn't say: `scsi` or `ide`.
        drives: their values.
        extra: the user's other arguments for QEMU, among them devices for drives with `if=none`.
        snapshot: keep all writes apart, but where a drive says `snapshot=off`.

    Raises:
        UsageError: a value can't be understood.
    """
    made = QemuDrives()
    maker = _Maker(interface, made, snapshot=snapshot)
    for value in drives:
        maker.take(value)
    for bus in range(maker.adapters):  # those that have nothing, too, as QEMU does
        made.arguments += ["-device", f"spapr-vscsi,id=vof-scsi{bus}"]
    made.arguments += maker.devices
    made.arguments += [
        _shared(argument, maker.shared) if before == "-device" else argument
        for before, argument in zip(("", *extra), extra, strict=False)
    ]
    return made


class _Maker:
    """Drives, one after the other."""

    def __init__(self, interface: str, made: QemuDrives, *, snapshot: bool) -> None:
        self._interface = interface
        self._made = made
        self._snapshot = snapshot
        self._taken: dict[str, set[tuple[int, int]]] = {}
        self.adapters = 0
        self._groups: set[str] = set()
        self.devices: list[str] = []
        self.shared: set[str] = set()

    def take(self, value: str) -> None:
        """One `-drive`."""
        options: dict[str, str] = {}
        for key, text in split_drive(value):
            options["readonly" if key == "read-only" else key] = text
        interface = options.get("if", self._interface)
        if interface not in ("none", "virtio", self._interface):
            self._made.arguments += ["-drive", value]  # for devices that no firmware boots from, and QEMU's own words
            return
        cdrom = options.get("media") == "cdrom"
        read_only = cdrom or switch(options, "readonly", default=False)
        bus, unit = self._place(interface, options, value)
        name = options.get("id") or _legacy_name(interface, bus, unit, cdrom=cdrom)
        if not _NODE_NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
            raise UsageError(
                f'-drive id={name}: an id is a letter, then letters, digits, "-", "." and "_", {_LONGEST_NAME} at most'
            )
        self._made.names.append(name)
        properties: dict[str, str] = {}
        medium = self._medium(value, options, name, properties, read_only=read_only)
        if not read_only:
            self.shared.add(name)
            properties["share-rw"] = "on"
        for key in ("werror", "rerror"):
            if key in options:
                properties[key] = options[key]
        if interface != "none":
            self._attach(interface, bus, unit, name if medium else "", properties, cdrom=cdrom)

    def _medium(
        self, value: str, options: dict[str, str], name: str, properties: dict[str, str], *, read_only: bool
    ) -> bool:
        """Make the drive's nodes; False if there is no medium in."""
        file = options.get("file", "")
        if not file and not any(key.startswith("file.") for key in options):
            return False
        snapshot = switch(options, "snapshot", default=self._snapshot)
        given = options.get("format", options.get("driver"))
        image_format = format_of(file, given)
        known = all(key in _MAPPED or key in _LIMITS or key.startswith("throttling.") for key in options)
        if file and not PROTOCOL.match(file):
            self._made.images.append((file, not read_only and not snapshot))
        elif not given:
            raise UsageError(f"-drive {value}: say its format, for nothing is guessed: format=raw")
        if snapshot or not known or not file or PROTOCOL.match(file):
            self._by_drive(options, name, image_format, read_only=read_only, snapshot=snapshot)
            return True
        limits = self._limits(options)
        top = _nodes(file, image_format, options, properties, read_only=read_only)
        if limits is None:
            self._blockdev({"node-name": name, **top})
        else:
            group, object_options = limits
            if object_options:
                self._made.arguments += [
                    "-object",
                    _json({"qom-type": "throttle-group", "id": group, **object_options}),
                ]
            self._blockdev(
                {"driver": "throttle", "node-name": name, "throttle-group": group, "read-only": read_only, "file": top}
            )
        return True

    def _by_drive(
        self, options: Mapping[str, str], name: str, image_format: str, *, read_only: bool, snapshot: bool
    ) -> None:
        """The old way, for what `-blockdev` can't say: a temporary overlay, a URL."""
        rest = {key: text for key, text in options.items() if key not in _PLAIN and key not in ("werror", "rerror")}
        words = {"if": "none", "id": name, "format": image_format, "readonly": "on" if read_only else "off"}
        words |= {"snapshot": "on" if snapshot else "off"} | rest
        if "file" in options:
            words["file"] = options["file"]
        self._made.arguments += ["-drive", ",".join(f"{key}={text.replace(',', ',,')}" for key, text in words.items())]

    def _limits(self, options: Mapping[str, str]) -> tuple[str, dict[str, Any]] | None:
        """Name of a group of throttled drives and, where it has none, what makes it."""
        limits: dict[str, int] = {}
        group = ""
        for key, text in options.items():
            name = _LIMITS.get(key) or key.removeprefix("throttling.")
            if name == key:
                continue
            if name == "group":
                group = text
            elif text.isascii() and text.isdigit():
                limits[name] = int(text)
            else:
                raise UsageError(f"-drive {key}={text}: it is a number")
        if not limits and not group:
            return None
        first = bool(limits) or group not in self._groups
        self._groups.add(group)
        return group or f"vof-throttle{len(self._groups)}", {"limits": limits} if first else {}

    def _blockdev(self, node: dict[str, Any]) -> None:
        self._made.arguments += ["-blockdev", _json(node)]

    def _place(self, interface: str, options: Mapping[str, str], value: str) -> tuple[int, int]:
        """Bus and unit, as QEMU gives them."""
        if interface == "none":
            return 0, len(self._made.names)
        units = _UNITS[interface]
        taken = self._taken.setdefault(interface, set())
        bus, unit = _number(options, "bus"), _number(options, "unit")
        index = _number(options, "index")
        if index is not None:
            if bus is not None or unit is not None:
                raise UsageError(f"-drive {value}: index= says what bus= and unit= would")
            bus, unit = divmod(index, units) if units else (0, index)
        bus = bus or 0
        if unit is None:
            unit = 0
            while (bus, unit) in taken:
                unit += 1
                if units and unit >= units:
                    bus, unit = bus + 1, 0
        if units and unit >= units:
            raise UsageError(f"-drive {value}: unit {unit} is too big: {interface} has 0 to {units - 1}")
        if (bus, unit) in taken:
            raise UsageError(f"-drive {value}: another drive has {interface} bus {bus}, unit {unit}")
        taken.add((bus, unit))
        return bus, unit

    def _attach(
        self, interface: str, bus: int, unit: int, name: str, properties: dict[str, str], *, cdrom: bool
    ) -> None:
        """Make a drive's device."""
        if interface == "virtio":
            device = {"driver": "virtio-blk-pci"}
        elif interface == "ide":
            device = {"driver": "ide-cd" if cdrom else "ide-hd", "bus": f"ide.{bus}", "unit": str(unit)}
        else:
            self.adapters = max(self.adapters, bus + 1)
            device = {"driver": "scsi-cd" if cdrom else "scsi-hd", "bus": f"vof-scsi{bus}.0", "scsi-id": str(unit)}
        if name:
            device["drive"] = name
        driver = device.pop("driver")
        self.devices += [
            "-device",
            ",".join([driver, *(f"{key}={text}" for key, text in (device | properties).items())]),
        ]


def _nodes(
    file: str, image_format: str, options: Mapping[str, str], properties: dict[str, str], *, read_only: bool
) -> dict[str, Any]:
    """The format's node over the file's; what is the device's goes to `properties`."""
    common: dict[str, Any] = {"read-only": read_only}
    if not read_only:
        common["auto-read-only"] = switch(options, "auto-read-only", default=True)
    if "cache" in options:
        modes = _CACHE.get(options["cache"])
        if modes is None:
            raise UsageError(f"-drive cache={options['cache']}: there are {', '.join(_CACHE)}")
        direct, no_flush, write_cache = modes
        common["cache"] = {"direct": direct, "no-flush": no_flush}
        if not write_cache:
            properties["write-cache"] = "off"
    if "discard" in options:
        discard = _TRUE_UNMAP.get(options["discard"])
        if discard is None:
            raise UsageError(f"-drive discard={options['discard']}: there are unmap and ignore")
        common["discard"] = discard
    bottom: dict[str, Any] = {"driver": _file_driver(file), "filename": file, **common}
    if "aio" in options:
        bottom["aio"] = options["aio"]
    top: dict[str, Any] = {"driver": image_format, **common, "file": bottom}
    if "detect-zeroes" in options:
        top["detect-zeroes"] = options["detect-zeroes"]
    return top


def _file_driver(file: str) -> str:
    try:
        return "host_device" if stat.S_ISBLK(os.stat(file).st_mode) else "file"
    except (OSError, ValueError):
        return "file"  # QEMU says why it can't be opened


def _legacy_name(interface: str, bus: int, unit: int, *, cdrom: bool) -> str:
    """The id that QEMU gives a drive without one."""
    if interface in ("scsi", "ide"):
        return f"{interface}{bus}-{'cd' if cdrom else 'hd'}{unit}"
    return f"{interface}{unit}"


def _number(options: Mapping[str, str], key: str) -> int | None:
    text = options.get(key)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise UsageError(f"-drive {key}={text}: it is a number")
    return int(text)


def _shared(argument: str, names: set[str]) -> str:
    """The user's `-device`, letting others write where its drive is one of these."""
    if argument.startswith("{"):
        try:
            device = json.loads(argument)
        except ValueError:
            return argument  # QEMU says what is wrong
        if isinstance(device, dict) and device.get("drive") in names:
            return _json({"share-rw": True, **device})
        return argument
    words = argument.split(",")
    ours = any(word.removeprefix("drive=") in names for word in words if word.startswith("drive="))
    if ours and not any(word.startswith("share-rw=") for word in words):
        return f"{argument},share-rw=on"
    return argument


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
