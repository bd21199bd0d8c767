"""Files on a disk or in one of its partitions: what The Sleuth Kit reads, and plain HFS.

A path has `/` between its names. A name is looked for as it is written, then in any case; links are followed.
What was opened last is kept for the next question only where that says that it goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vof.reader.hfs_plus import blessed_folder, files_of_type
from vof.reader.protocol import READ_LIMIT, Channel, Failed
from vof.reader.tables import find_part, open_image

__all__ = ["blessed", "list_folder", "read_file", "stat_file"]

_MOST_NAMES = 10_000
_MOST_LINKS = 8
_LONGEST_LINK = 1024
_NAMES_SHOWN = 6
_HFS_LIMIT = 256 << 20
_CATALOG = 4
"""The number of HFS+'s catalog file."""
_OTHERS = (
    (0, b"XFSB", "xfs"),
    (0x10040, b"_BHRfS_M", "btrfs"),
    (0, b"hsqs", "squashfs"),
    (0, b"LUKS", "an encrypted volume"),
    (0x218, b"LVM2 001", "an LVM volume"),
    (0x18, b"\x34\x45\x52\x46", "reiserfs"),
)


def stat_file(channel: Channel, question: dict[str, Any]) -> dict[str, Any]:
    """Of a `path` in `partition` (0 for the whole disk): `size`, and whether it is a `folder`."""
    item = _open(channel, question).find(question["path"])
    return {"size": item.size, "folder": item.folder}


def read_file(channel: Channel, question: dict[str, Any]) -> bytes:
    """`length` bytes of a file from `offset`, fewer at its end."""
    item = _open(channel, question).find(question["path"])
    if item.folder:
        raise Failed(f"{question['path']} is a folder")
    length = min(question["length"], READ_LIMIT, max(0, item.size - question["offset"]))
    return item.read(question["offset"], length) if length > 0 else b""


def list_folder(channel: Channel, question: dict[str, Any]) -> dict[str, Any]:
    """The `names` in a folder; those of folders end with a slash."""
    item = _open(channel, question).find(question["path"])
    if not item.folder:
        raise Failed(f"{question['path']} is no folder")
    return {"names": [child.name + "/" * child.folder for child in item.children()]}


def blessed(channel: Channel, question: dict[str, Any]) -> dict[str, Any]:
    """The `path` of the blessed folder; with `type`, of the first file in it of that type."""
    return {"path": _open(channel, question).blessed(question.get("type", ""))}


@dataclass(slots=True)
class _Item:
    """A file or folder.

    Attributes:
        volume: what it is in.
        number: the file system's number of it.
        name: its name.
        folder: whether it is a folder.
        size: bytes; of a folder nothing certain.
        link: what it points to; "" for no link.
        thing: the library's own object.
    """

    volume: _Volume
    number: int
    name: str
    folder: bool
    size: int
    link: str
    thing: Any

    def children(self) -> list[_Item]:
        return self.volume.children(self)

    def read(self, offset: int, length: int) -> bytes:
        return self.volume.read(self, offset, length)


class _Volume:
    """A file system."""

    root: _Item

    def __init__(self) -> None:
        self._last: tuple[str, _Item] | None = None

    def children(self, folder: _Item) -> list[_Item]:
        raise NotImplementedError

    def read(self, item: _Item, offset: int, length: int) -> bytes:
        raise NotImplementedError

    def blessed(self, kind: str) -> str:
        raise Failed("the file system has no blessed folder: HFS and HFS+ have one")

    def find(self, path: str) -> _Item:
        """What is at a path.

        Raises:
            Failed: nothing.
        """
        if self._last is not None and self._last[0] == path:
            return self._last[1]
        names = [name for name in path.split("/") if name not in ("", ".")][::-1]
        above: list[_Item] = [self.root]
        links = 0
        while names:
            name = names.pop()
            if name == "..":
                above = above[:-1] or above
                continue
            if not above[-1].folder:
                raise Failed(f"no file {path}: {above[-1].name} is no folder")
            children = above[-1].children()
            found = _named(name, children)
            if found is None:
                shown = ", ".join(child.name + "/" * child.folder for child in children[:_NAMES_SHOWN])
                more = ", …" if len(children) > _NAMES_SHOWN else ""
                raise Failed(f"no file {path}: beside it there are {shown}{more}" if shown else f"no file {path}")
            if found.link:
                links += 1
                if links > _MOST_LINKS:
                    raise Failed(f"no file {path}: too many links")
                if found.link.startswith("/"):
                    above = [self.root]
                names += [part for part in found.link.split("/") if part not in ("", ".")][::-1]
                continue
            above.append(found)
        self._last = path, above[-1]
        return above[-1]


def _named(name: str, children: list[_Item]) -> _Item | None:
    for child in children:
        if child.name == name:
            return child
    low = name.lower()
    return next((child for child in children if child.name.lower() == low), None)


class _SleuthKit(_Volume):
    """What the library reads."""

    def __init__(self, image: Any, start: int, size: int) -> None:
        import pytsk3

        super().__init__()
        self._image, self._start, self._size = image, start, size
        self._types = pytsk3
        self._system = pytsk3.FS_Info(image, offset=start)
        self.root = _Item(self, self._system.info.root_inum, "", True, 0, "", None)

    def children(self, folder: _Item) -> list[_Item]:
        types = self._types
        items = []
        for place, entry in enumerate(self._system.open_dir(inode=folder.number)):
            if place >= _MOST_NAMES:
                break
            name = entry.info.name.name.decode(errors="replace")
            meta = entry.info.meta
            if name in (".", "..") or meta is None or int(entry.info.name.flags) & int(types.TSK_FS_NAME_FLAG_UNALLOC):
                continue
            if meta.type == types.TSK_FS_META_TYPE_VIRT_DIR:
                continue  # the library's own, for what was deleted
            is_folder = meta.type == types.TSK_FS_META_TYPE_DIR
            link = ""
            if meta.type == types.TSK_FS_META_TYPE_LNK:
                link = (meta.link or b"")[:_LONGEST_LINK].decode(errors="replace")
            items.append(_Item(self, meta.addr, name, is_folder, meta.size, link, None))
        self._check()
        return items

    def read(self, item: _Item, offset: int, length: int) -> bytes:
        if item.thing is None:
            item.thing = self._system.open_meta(inode=item.number)
        data = item.thing.read_random(offset, length)
        self._check()
        return bytes(data)

    def blessed(self, kind: str) -> str:
        if self._system.info.ftype not in (self._types.TSK_FS_TYPE_HFS, self._types.TSK_FS_TYPE_HFS_DETECT):
            return super().blessed(kind)
        number = blessed_folder(lambda at, length: self._image.read_disk(self._start + at, length))
        if not number:
            raise Failed("no folder is blessed")
        path = self._path_of(number)
        if not kind:
            return path
        catalog = _Item(self, _CATALOG, "", False, 0, "", None)
        names = files_of_type(
            lambda at, length: self.read(catalog, at, length), number, kind.encode("latin-1", "replace")
        )
        if not names:
            raise Failed(f"the blessed folder {path or '/'} has no file of the type {kind}")
        return f"{path}/{names[0]}"

    def _path_of(self, number: int) -> str:
        """The path of a folder; the root's is empty."""
        waiting, seen = [("", self.root)], 0
        for path, folder in waiting:
            if folder.number == number:
                return path
            for child in folder.children():
                seen += 1
                if seen > _MOST_NAMES:
                    break
                if child.folder:
                    waiting.append((f"{path}/{child.name}", child))
        raise Failed("the blessed folder can't be found")

    def _check(self) -> None:
        """The library goes on where the disk couldn't be read."""
        if self._image.failure is not None:
            failure, self._image.failure = self._image.failure, None
            raise failure


class _Hfs(_Volume):
    """Plain HFS, which is read as a whole."""

    def __init__(self, data: bytes) -> None:
        import machfs

        super().__init__()
        volume = machfs.Volume()
        volume.read(data)
        self.root = _Item(self, 0, "", True, 0, "", volume)

    def children(self, folder: _Item) -> list[_Item]:
        import machfs

        items = []
        for name, thing in folder.thing.items():
            is_folder = isinstance(thing, machfs.Folder)
            items.append(_Item(self, 0, name, is_folder, 0 if is_folder else len(thing.data), "", thing))
        return items

    def read(self, item: _Item, offset: int, length: int) -> bytes:
        return bytes(item.thing.data[offset : offset + length])

    def blessed(self, kind: str) -> str:
        """By what is in it: the library doesn't tell which folder is blessed."""
        wanted = kind.encode("latin-1", "replace") or b"tbxi"
        waiting = [("", self.root)]
        for path, folder in waiting:
            for child in folder.children():
                if child.folder:
                    waiting.append((f"{path}/{child.name}", child))
                elif child.thing.type == wanted:
                    return f"{path}/{child.name}" if kind else path
        raise Failed(f"no file has the type {wanted.decode('latin-1')}")


_kept: tuple[tuple[object, ...], _Volume] | None = None


def _open(channel: Channel, question: dict[str, Any]) -> _Volume:
    """The file system of `partition`; the one that is kept, if the question goes on where the last one ended."""
    global _kept
    key = question.get("key"), question["size"], question["partition"]
    if question.get("goes_on") and _kept is not None and _kept[0] == key:
        return _kept[1]
    _kept = None
    image = open_image(channel, question["size"])
    number = question["partition"]
    start, size = find_part(image, number) if number else (0, question["size"])
    volume = _mount(image, start, size, f"partition {number}" if number else "the disk")
    _kept = key, volume
    return volume


def _mount(image: Any, start: int, size: int, what: str) -> _Volume:
    head = image.read_disk(start + 1024, 2)
    if head == b"BD" and image.read_disk(start + 1024 + 0x7C, 2) not in (b"H+", b"HX"):
        if size > _HFS_LIMIT:
            raise Failed(f"{what} holds HFS of more than {_HFS_LIMIT >> 20} MiB")
        pieces = [image.read_disk(start + at, min(READ_LIMIT, size - at)) for at in range(0, size, READ_LIMIT)]
        return _Hfs(b"".join(pieces))
    try:
        return _SleuthKit(image, start, size)
    except OSError:
        if image.failure is not None:
            raise image.failure from None
    for at, magic, name in _OTHERS:
        if image.read_disk(start + at, len(magic)) == magic:
            raise Failed(
                f"{what} holds {name}, which the firmware can't read: put the program on ext4, FAT, ISO 9660 or HFS+"
            )
    raise Failed(f"{what} holds no file system that the firmware can read")
