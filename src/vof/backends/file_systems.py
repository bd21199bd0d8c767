"""File systems, in the worker: what each kind gives, which one a partition holds, and paths in it."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from vof.backends.volume_source import Source
from vof.errors import PortError

__all__ = ["MOST_ENTRIES", "Entry", "FileSystem", "Nature", "find_entry", "list_names", "open_file_system"]

MOST_ENTRIES = 1 << 17
"""Entries of a directory that are looked at."""
_LONGEST_LIST = 1 << 19
"""Bytes of a directory's names, as they are sent."""
_MOST_NAMES = 64
_MOST_LINKS = 8
_LONGEST_PATH = 1024
_SHOWN = 8
_SHOWN_LETTERS = 24
_SHOWN_FOLDER = 48


class Nature(Enum):
    """What an entry of a directory is."""

    FILE = 1
    FOLDER = 2
    LINK = 3
    OTHER = 4


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a directory.

    Attributes:
        name: its name, without what a format hangs on to it.
        nature: what it is.
        handle: what its file system finds it by.
    """

    name: str
    nature: Nature
    handle: Any


class FileSystem(Protocol):
    """One opened file system. All methods raise `PortError`, and the library's any error, at damage."""

    kind: str
    """Its name, for people."""

    root: Entry

    def entries(self, folder: Entry) -> Iterator[Entry]:
        """What a directory holds, itself and its parent excepted; at most `MOST_ENTRIES`."""
        ...

    def size(self, file: Entry) -> int:
        """A file's bytes."""
        ...

    def read(self, file: Entry, offset: int, length: int) -> bytes:
        """Bytes of a file; fewer only at its end."""
        ...

    def target(self, link: Entry) -> str:
        """The path that a symbolic link holds."""
        ...

    def blessed(self) -> str:
        """The path of the directory to boot from."""
        ...

    def of_type(self, folder: Entry, kind: str) -> str:
        """The name of a file in the directory by its Finder type; empty if there is none."""
        ...


# What the firmware can't read, by what is where: for a refusal that says what the user has.
_FOREIGN = (
    (0, b"XFSB", "xfs"),
    (0x10040, b"_BHRfS_M", "btrfs"),
    (0, b"hsqs", "squashfs"),
    (1024, b"\x10\x20\xf5\xf2", "f2fs"),
    (0x10034, b"ReIsEr", "reiserfs"),
    (0x8000, b"JFS1", "jfs"),
    (0, b"LUKS\xba\xbe", "an encrypted volume (LUKS)"),
    (512, b"LABELONE", "a physical volume of LVM"),
    (4096, b"\xfc\x4e\x2b\xa9", "a part of a RAID"),
    (4086, b"SWAPSPACE2", "swap space"),
    (65526, b"SWAPSPACE2", "swap space"),
    (32, b"NXSB", "APFS"),
    (0, b"DOS", "an Amiga file system"),
    (0, b"SFS\0", "an Amiga file system (SFS)"),
    (0, b"PFS", "an Amiga file system (PFS)"),
    (0, b"RDSK", "an Amiga partition table (RDB)"),
)

_EXT_MAGIC_AT, _EXT_MAGIC = (1080, 2), b"\x53\xef"


def open_file_system(source: Source, place: str) -> FileSystem:
    """The file system in a stretch of the disk; a `PortError` that names what is there instead.

    Args:
        source: the partition, or the disk.
        place: `partition 2`, for the refusal.
    """
    from vof.backends import hfs, iso9660, sleuthkit

    damage: PortError | None = None
    if hfs.is_hfs(source):  # before the CD that it may share the disk with: it has types and a blessed folder
        try:
            return hfs.open_hfs(source)
        except PortError as error:
            damage = error
    if iso9660.is_iso(source) and source.read(*_EXT_MAGIC_AT) != _EXT_MAGIC:  # or what was there before ext
        return iso9660.open_iso(source)
    found = sleuthkit.open_by_library(source)
    if source.failure is not None:
        raise source.failure
    if found is not None:
        return found
    for offset, magic, name in _FOREIGN:
        if source.read(offset, len(magic)) == magic:
            raise PortError(
                f"{place} holds {name}, which the firmware can't read: "
                "put the boot loader on ext4, FAT, ISO 9660 or HFS+"
            )
    if source.read(*_EXT_MAGIC_AT) == _EXT_MAGIC:
        raise PortError(
            f"{place} holds ext2, ext3 or ext4, but its superblock is damaged or has features that can't be read"
        )
    raise damage or PortError(f"{place} holds no file system that can be read")


def find_entry(system: FileSystem, path: str, place: str) -> Entry:
    """What `path` leads to, by way of symbolic links; a `PortError` that says what is there instead."""
    trail, names, links = [system.root], deque(_split(path)), 0
    while names:
        name = names.popleft()
        if name == "..":
            trail = trail[:-1] or trail
            continue
        found = _match(system, trail[-1], name)
        if found is None:
            raise PortError(f"no file {path} in {place}: {_what_there_is(system, trail)}")
        if found.nature is Nature.LINK:
            links += 1
            if links > _MOST_LINKS:
                raise PortError(f"{path} in {place} leads through more than {_MOST_LINKS} symbolic links")
            target = system.target(found)
            if target.startswith("/"):
                trail = trail[:1]
            names.extendleft(reversed(_split(target)))
        elif names and found.nature is not Nature.FOLDER:
            raise PortError(f"no file {path} in {place}: {found.name} is no directory")
        else:
            trail.append(found)
    return trail[-1]


def list_names(system: FileSystem, folder: Entry) -> list[str]:
    """The names in a directory, sorted; a directory's own with a `/`."""
    names, room = [], _LONGEST_LIST
    for entry in system.entries(folder):
        names.append(entry.name + "/" * (entry.nature is Nature.FOLDER))
        room -= len(json.dumps(names[-1])) + 2
        if room < 0:
            raise PortError(f"the directory holds too many names to be listed: {len(names)} and more")
    return sorted(names)


def _split(path: str) -> list[str]:
    names = [name for name in path.split("/") if name not in ("", ".")]
    if len(path) > _LONGEST_PATH or len(names) > _MOST_NAMES:
        raise PortError("the path is too long")
    return names


def _match(system: FileSystem, folder: Entry, name: str) -> Entry | None:
    """The entry of that name: exactly, else the first that differs in case alone."""
    if system.kind == "ISO 9660":
        name = bare_name(name)
    folded = name.casefold()
    near = None
    for entry in system.entries(folder):
        if entry.name == name:
            return entry
        if near is None and entry.name.casefold() == folded:
            near = entry
    return near


def bare_name(name: str) -> str:
    """A name of ISO 9660 without its version and the dot of a name that has no extension."""
    return re.sub(r";[0-9]{1,5}\Z", "", name).rstrip(".") or name


def _what_there_is(system: FileSystem, trail: list[Entry]) -> str:
    folder = "/" + "/".join(entry.name for entry in trail[1:])
    folder = folder if len(folder) <= _SHOWN_FOLDER else "…" + folder[-_SHOWN_FOLDER:]
    shown: list[str] = []
    for entry in system.entries(trail[-1]):
        if len(shown) == _SHOWN:
            shown.append("…")
            break
        shown.append(entry.name[:_SHOWN_LETTERS] + "/" * (entry.nature is Nature.FOLDER))
    return f"in {folder} there are {', '.join(shown)}" if shown else f"{folder} is empty"
