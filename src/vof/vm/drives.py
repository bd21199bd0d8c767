"""`-drive` for the in-process engine, in QEMU's spelling."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from vof.backends import OverlayDisk, RawDisk
from vof.backends.image_lock import ImageLocks
from vof.backends.qemu_nbd import ImageDisk
from vof.errors import UsageError
from vof.ports import Block
from vof.vm.drive_options import PROTOCOL, format_of, one_of, split_drive, switch

__all__ = ["Drive", "Media", "open_drives"]

_KEYS = ("file", "format", "if", "media", "readonly", "read-only", "snapshot", "id", "index")
_QEMU_KEYS = (
    *("aio", "auto-read-only", "bus", "cache", "copy-on-read", "detect-zeroes", "discard", "driver", "locking"),
    *("node-name", "rerror", "unit", "werror"),
)
_QEMU_KEY_GROUPS = ("cache.", "throttling.", "stats-", "bps", "iops", "file.", "backing")
_INTERFACES = ("virtio", "scsi", "ide", "none")
_ID = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")
_CDROM_BLOCK = 2048
_LAST_INDEX = 1023


class Media(StrEnum):
    """What kind of medium a drive has."""

    DISK = "disk"
    CDROM = "cdrom"


@dataclass(frozen=True, slots=True)
class Drive:
    """An opened drive.

    Attributes:
        name: its `id=`, or one made of medium and place: `disk0`, `cdrom1`.
        media: disk or CD-ROM.
        interface: how it is attached: `if=`; "none" where nothing is said.
        read_only: whether the guest's writes fail.
        block: the disk, for the firmware: the image, or an overlay over it (`snapshot=on`).
        image: the file.
        locks: the locks of this drive and of others.
    """

    name: str
    media: Media
    interface: str
    read_only: bool
    block: Block
    image: RawDisk | ImageDisk
    locks: ImageLocks

    def reopen(self) -> None:
        """Open the file anew, in a forked child.

        Raises:
            PortError: it is no longer there.
        """
        self.locks.close()  # the parent's hold
        self.image.reopen()

    def close(self) -> None:
        """Close the file."""
        self.image.close()
        self.locks.close()


@dataclass(frozen=True, slots=True)
class _Wish:
    """One `-drive`, read and checked, not opened."""

    file: str
    format: str
    media: Media
    interface: str
    read_only: bool
    snapshot: bool
    name: str
    index: int | None

    @property
    def writable(self) -> bool:
        """Whether the image is written to."""
        return not self.read_only and not self.snapshot


def open_drives(values: Sequence[str], *, snapshot: bool = False) -> list[Drive]:
    """Open the drives that `-drive` options name.

    Args:
        values: as for QEMU: `file=NAME,format=raw,readonly=on`. A first word without `=` is the file.
        snapshot: keep all writes in memory (QEMU's `-snapshot`), but where a drive says `snapshot=off`.

    Returns:
        The drives in their order: those with an `index=` at that place, the others at the free ones.

    Raises:
        UsageError: one can't be had; none is left open.
    """
    placed = _place([_parse(value, snapshot) for value in values])
    drives: list[Drive] = []
    locks = ImageLocks((wish.file, wish.writable) for _, wish in placed)
    try:
        for place, wish in placed:
            drives.append(_open(wish, wish.name or f"{wish.media}{place}", locks))
        _check_apart(drives)
    except BaseException:
        for drive in drives:
            drive.close()
        locks.close()
        raise
    return drives


def _parse(value: str, snapshot: bool) -> _Wish:
    options = _split(value)
    file = options.get("file", "")
    if not file:
        raise UsageError(f'-drive "{value}" names no image: -drive file=IMAGE')
    interface = options.get("if", "none")
    if interface not in _INTERFACES:
        raise UsageError(f"-drive if={interface}: {one_of('interface', interface, _INTERFACES)}")
    medium = options.get("media", "disk")
    if medium not in tuple(Media):
        raise UsageError(f"-drive media={medium}: {one_of('medium', medium, tuple(Media))}")
    media = Media(medium)
    name = options.get("id", "")
    if "id" in options and not _ID.fullmatch(name):
        raise UsageError(f'-drive id={name}: an id is a letter, then letters, digits, "-", "." and "_"')
    return _Wish(
        file=file,
        format=format_of(file, options.get("format")),
        media=media,
        interface=interface,
        read_only=media is Media.CDROM or switch(options, "readonly", default=False),
        snapshot=switch(options, "snapshot", default=snapshot),
        name=name,
        index=_index(options.get("index")),
    )


def _split(value: str) -> dict[str, str]:
    """Keys and values; of a key given twice the last counts, as for QEMU."""
    options: dict[str, str] = {}
    for key, text in split_drive(value):
        if key not in _KEYS:
            raise UsageError(f"-drive {value}: {_unknown(key)}")
        options["readonly" if key == "read-only" else key] = text
    return options


def _unknown(key: str) -> str:
    if key in _QEMU_KEYS or key.startswith(_QEMU_KEY_GROUPS):
        return f'the in-process engine has no "{key}": leave it out, or use --engine qemu'
    near = get_close_matches(key, _KEYS, 1)
    return f'unknown option "{key}": ' + (f"did you mean {near[0]}=?" if near else f"there are {', '.join(_KEYS)}")


def _index(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and int(text) <= _LAST_INDEX):
        raise UsageError(f"-drive index={text}: it is a number, 0 to {_LAST_INDEX}")
    return int(text)


def _place(wishes: Iterable[_Wish]) -> list[tuple[int, _Wish]]:
    """The drives by their place."""
    taken: dict[int, _Wish] = {}
    unplaced = []
    for wish in wishes:
        if wish.index is None:
            unplaced.append(wish)
        elif wish.index in taken:
            other = taken[wish.index].file
            raise UsageError(f"-drive index={wish.index}: {other} has it; give {wish.file} another one")
        else:
            taken[wish.index] = wish
    place = 0
    for wish in unplaced:
        while place in taken:
            place += 1
        taken[place] = wish
    return sorted(taken.items())


def _open(wish: _Wish, name: str, locks: ImageLocks) -> Drive:
    writable = wish.writable
    block_size = _CDROM_BLOCK if wish.media is Media.CDROM else 512
    image: RawDisk | ImageDisk
    try:
        if wish.format == "raw":
            image = RawDisk(wish.file, writable=writable, block_size=block_size)
        else:
            image = ImageDisk(wish.file, wish.format, writable=writable, block_size=block_size)
    except UsageError as error:
        if PROTOCOL.match(wish.file):
            raise UsageError(f"{error}: it takes local images; --engine qemu has QEMU's protocols") from None
        raise
    overlaid = wish.snapshot and not wish.read_only
    return Drive(
        name, wish.media, wish.interface, wish.read_only, OverlayDisk(image) if overlaid else image, image, locks
    )


def _check_apart(drives: Iterable[Drive]) -> None:
    names: set[str] = set()
    written: dict[tuple[int, int], Drive] = {}
    for drive in drives:
        if drive.name in names:
            raise UsageError(f"two drives have the id {drive.name}: give one of them another")
        names.add(drive.name)
        if drive.image.writable:
            other = written.setdefault(drive.image.identity, drive)
            if other is not drive:
                raise UsageError(
                    f"{other.name} and {drive.name} would both write to {drive.image.path}: "
                    "give one of them readonly=on or snapshot=on"
                )
