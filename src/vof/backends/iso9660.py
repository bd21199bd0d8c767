"""ISO 9660 with Rock Ridge, Joliet and Apple's extension, in the worker.

The Sleuth Kit reads it too, but gives no Rock Ridge names and no symbolic links, which most bootable CDs for PowerPC
have, and no Finder types. Of several sets of names on a CD the Rock Ridge ones count, then Joliet's, then the plain.

Sources: ECMA-119; IEEE P1281 (SUSP), IEEE P1282 (Rock Ridge); Joliet specification; Apple's Technical Note FL36.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from vof.backends.file_systems import MOST_ENTRIES, Entry, Nature, bare_name
from vof.backends.volume_source import Pieces, Source
from vof.errors import PortError

__all__ = ["IsoFileSystem", "is_iso", "open_iso"]

_SECTOR = 2048
_FIRST_DESCRIPTOR = 16
_MOST_DESCRIPTORS = 32
_PRIMARY, _SUPPLEMENTARY, _TERMINATOR = 1, 2, 255
_ROOT_RECORD = slice(156, 190)
_JOLIET = (b"%/@", b"%/C", b"%/E")
_DIRECTORY, _MORE_EXTENTS = 0x02, 0x80
_SHORTEST_RECORD = 34
_MOST_SECTORS = 1 << 15
"""Sectors of a directory that are looked at."""
_MOST_EXTENTS = 256
_MOST_CONTINUATIONS = 8
_READ_AT_ONCE = 16
_APPLE_HFS = 2


@dataclass(frozen=True, slots=True)
class _Record:
    """A directory's record, or several that are one file.

    Attributes:
        name: as it is written.
        flags: a combination of `_DIRECTORY` and `_MORE_EXTENTS`.
        extents: offset and length of its pieces, in bytes.
        extension: the system use area.
    """

    name: bytes
    flags: int
    extents: tuple[tuple[int, int], ...]
    extension: bytes


@dataclass(frozen=True, slots=True)
class _Extension:
    """What the system use area says.

    Attributes:
        name: Rock Ridge's name; empty if there is none.
        target: a symbolic link's; None if it is no link.
        child: the block of a directory that was moved elsewhere; 0 if it wasn't.
        hidden: it is where moved directories are.
        packed: the content is compressed (zisofs).
        finder_type: Apple's type; empty if there is none.
    """

    name: bytes = b""
    target: str | None = None
    child: int = 0
    hidden: bool = False
    packed: bool = False
    finder_type: bytes = b""


@dataclass(frozen=True, slots=True)
class _Object:
    """What an entry leads to."""

    extents: tuple[tuple[int, int], ...]
    target: str = ""
    finder_type: bytes = b""


def is_iso(source: Source) -> bool:
    """Whether there is a volume descriptor."""
    return source.read(_FIRST_DESCRIPTOR * _SECTOR + 1, 5) == b"CD001"


def open_iso(source: Source) -> IsoFileSystem:
    """The volume in a stretch of the disk; a `PortError` if it is damaged."""
    primary = joliet = b""
    for number in range(_FIRST_DESCRIPTOR, _FIRST_DESCRIPTOR + _MOST_DESCRIPTORS):
        descriptor = source.exactly(number * _SECTOR, _SECTOR)
        if descriptor[1:6] != b"CD001" or descriptor[0] == _TERMINATOR:
            break
        if descriptor[0] == _PRIMARY:
            primary = primary or descriptor
        elif descriptor[0] == _SUPPLEMENTARY and descriptor[88:91] in _JOLIET:
            joliet = joliet or descriptor
    if not primary:
        raise PortError("the ISO 9660 volume is damaged: it has no primary descriptor")
    system = IsoFileSystem(source, primary)
    if joliet and not system.rock_ridge:
        return IsoFileSystem(source, joliet, "utf-16-be")
    return system


class IsoFileSystem:
    """A `FileSystem`.

    Args:
        source: the volume's bytes.
        descriptor: the descriptor whose directories are read.
        codec: the names' in it.

    Attributes:
        rock_ridge: whether there are Rock Ridge's names.
    """

    kind = "ISO 9660"

    def __init__(self, source: Source, descriptor: bytes, codec: str = "latin-1") -> None:
        self._source = source
        self._codec = codec
        self._skip = 0
        self.rock_ridge = False
        (self._block,) = struct.unpack_from("<H", descriptor, 128)
        if self._block not in (512, 1024, 2048):
            raise PortError(f"the ISO 9660 volume is damaged: blocks of {self._block} bytes")
        root = self._record(descriptor[_ROOT_RECORD])
        if root is None:
            raise PortError("the ISO 9660 volume is damaged: it has no root directory")
        self.root = Entry("", Nature.FOLDER, _Object(root.extents))
        own = next(self._records(root.extents), None)
        if own is not None and own.extension[:2] == b"SP" and len(own.extension) >= 7 and codec == "latin-1":
            self._skip = own.extension[6]
            self.rock_ridge = any(mark in (b"ER", b"RR", b"PX") for mark, _ in self._fields(own.extension))

    def entries(self, folder: Entry) -> Iterator[Entry]:
        """See `FileSystem`."""
        for count, record in enumerate(self._records(folder.handle.extents)):
            if count >= MOST_ENTRIES:
                raise PortError(f"a directory holds more than {MOST_ENTRIES} entries")
            if record.name not in (b"\0", b"\1"):
                entry = self._entry(record)
                if entry is not None:
                    yield entry

    def size(self, file: Entry) -> int:
        """See `FileSystem`."""
        return sum(length for _, length in file.handle.extents)

    def read(self, file: Entry, offset: int, length: int) -> bytes:
        """See `FileSystem`."""
        return Pieces(self._source, self.size(file), file.handle.extents).read(offset, length)

    def target(self, link: Entry) -> str:
        """See `FileSystem`."""
        target: str = link.handle.target
        return target

    def blessed(self) -> str:
        """See `FileSystem`."""
        raise PortError("ISO 9660 has no blessed folder: HFS and HFS+ have")

    def of_type(self, folder: Entry, kind: str) -> str:
        """See `FileSystem`: by Apple's extension."""
        wanted = kind.encode("mac_roman", "replace")
        return next((entry.name for entry in self.entries(folder) if entry.handle.finder_type == wanted), "")

    def _records(self, extents: tuple[tuple[int, int], ...]) -> Iterator[_Record]:
        """A directory's records, those of a file in several pieces made one. None crosses a sector's end."""
        begun: list[_Record] = []
        for data in self._sectors(extents):
            at = 0
            while at < len(data) and data[at]:
                record = self._record(data[at : at + data[at]])
                at += data[at]
                if record is None:
                    continue
                begun.append(record)
                if record.flags & _MORE_EXTENTS and len(begun) < _MOST_EXTENTS:
                    continue
                pieces = tuple(piece for part in begun for piece in part.extents)
                yield _Record(begun[0].name, record.flags, pieces, begun[0].extension)
                begun = []

    def _sectors(self, extents: tuple[tuple[int, int], ...]) -> Iterator[bytes]:
        for start, length in extents:
            length = min(length, _MOST_SECTORS * _SECTOR)
            for offset in range(0, length, _READ_AT_ONCE * _SECTOR):
                data = self._source.exactly(start + offset, min(_READ_AT_ONCE * _SECTOR, length - offset))
                for at in range(0, len(data), _SECTOR):
                    yield data[at : at + _SECTOR]

    def _record(self, data: bytes) -> _Record | None:
        """One record; None if it is none."""
        if len(data) < _SHORTEST_RECORD or _SHORTEST_RECORD - 1 + data[32] > len(data):
            return None
        extra, block, size = data[1], *struct.unpack_from("<I4xI", data, 2)
        end = 33 + data[32]
        return _Record(data[33:end], data[25], (((block + extra) * self._block, size),), data[end + (end & 1) :])

    def _entry(self, record: _Record) -> Entry | None:
        extension = self._extension(record.extension)
        if extension.hidden:
            return None
        name = bare_name(record.name.decode(self._codec, "replace"))
        if extension.name:
            name = extension.name.decode("utf-8", "surrogateescape")
        name = name.replace("/", ":")
        if name in ("", ".", ".."):
            return None
        extents, nature = record.extents, Nature.FOLDER if record.flags & _DIRECTORY else Nature.FILE
        if extension.child:
            own = self._record(self._source.exactly(extension.child * self._block, 255)[:_SHORTEST_RECORD])
            if own is None:
                return None
            extents, nature = own.extents, Nature.FOLDER
        elif extension.target is not None:
            nature = Nature.LINK
        elif extension.packed:
            nature = Nature.OTHER
        return Entry(name, nature, _Object(extents, extension.target or "", extension.finder_type))

    def _extension(self, area: bytes) -> _Extension:
        """The system use area's fields."""
        name, finder_type, child, target, hidden, packed = b"", b"", 0, list[str](), False, False
        linked = continued = False
        for mark, field in self._fields(area[self._skip :]):
            if mark == b"AA" and len(field) >= 12 and field[3] == _APPLE_HFS:
                finder_type = field[4:8]
            elif not self.rock_ridge:
                continue
            elif mark == b"NM":
                name += field[5:]
            elif mark == b"SL":
                linked = True
                continued = _add_components(target, field[5:], continued)
            elif mark == b"CL" and len(field) >= 8:
                (child,) = struct.unpack_from("<I", field, 4)
            hidden = hidden or mark == b"RE"
            packed = packed or mark == b"ZF"
        path = "/".join(target) or "/" if linked else None
        return _Extension(name, path, child, hidden and self.rock_ridge, packed, finder_type)

    def _fields(self, area: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Mark and whole of each field, those of continuation areas too."""
        for _ in range(_MOST_CONTINUATIONS):
            next_area = b""
            while len(area) >= 4 and area[2] >= 4:
                field, area = area[: area[2]], area[area[2] :]
                if field[:2] == b"ST":
                    break
                if field[:2] == b"CE" and len(field) >= 28:
                    block, offset, length = struct.unpack_from("<I4xI4xI", field, 4)
                    next_area = self._source.read(block * self._block + offset, min(length, _SECTOR))
                else:
                    yield field[:2], field
            if not next_area:
                return
            area = next_area


def _add_components(target: list[str], data: bytes, continued: bool) -> bool:
    """Add a symbolic link's components; returns whether the last is to be continued."""
    while len(data) >= 2 and len(target) < MOST_ENTRIES:
        flags, length = data[0], data[1]
        text = data[2 : 2 + length].decode("utf-8", "surrogateescape")
        text = {0x02: ".", 0x04: "..", 0x08: ""}.get(flags & 0x0E, text)
        if continued and target:
            target[-1] += text
        else:
            target.append(text)
        continued = bool(flags & 0x01)
        data = data[2 + length :]
    return continued
