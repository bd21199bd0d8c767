"""HFS and HFS+, in the worker: files, Finder types and the blessed folder.

The Sleuth Kit reads files of HFS+, but knows neither types nor the blessed folder nor plain HFS; `machfs` reads plain
HFS, all of its files at once, and knows no blessed folder. Both questions need the catalog's B-tree, and with that the
files are no more work. So all of it is here, for both formats alike, and those libraries are the tests' peers.

Sources: Apple's Technical Note TN1150 (HFS+), Inside Macintosh: Files, chapter 2 (HFS). All numbers are big-endian.
"""

from __future__ import annotations

import struct
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vof.backends.file_systems import MOST_ENTRIES, Entry, Nature
from vof.backends.hfs_btree import BTree
from vof.backends.volume_source import Pieces, Source
from vof.errors import PortError

__all__ = ["HfsFileSystem", "is_hfs", "open_hfs"]

_HEADER = 1024
_HEADER_SIZE = 512
_ROOT = 2
_EXTENTS_FILE = 3
_CATALOG_FILE = 4
_DATA_FORK = 0
_MOST_FOLDERS = 64
_MOST_EXTENTS = 1 << 16
_LONGEST_TARGET = 1024
_COMPRESSED = 0x20
"""`UF_COMPRESSED` among a file's flags: Mac OS X 10.6 and later keep its content elsewhere."""


@dataclass(frozen=True, slots=True)
class _Form:
    """Where the two formats differ: offsets in the catalog's records, and how numbers and names are written.

    Attributes:
        kind: the format's name.
        key_length: the bytes of a B-tree key's own length.
        key: a catalog key's parent, after that length; the name follows.
        name_length: the length of a name, in letters.
        letter: bytes of a letter.
        codec: the letters.
        folder_id, file_id, finder, size_at, extents_at: offsets in a folder's and a file's record.
        size: a file's size.
        thread: the offset of the parent's number in a thread record; the name follows.
        extent: one extent: first block and count.
        extents_in_record: how many extents stand together.
        extents_key: a key of the extents' tree: fork, file, first block.
    """

    kind: str
    key_length: int
    key: struct.Struct
    name_length: struct.Struct
    letter: int
    codec: str
    folder_id: int
    file_id: int
    finder: int
    size: struct.Struct
    size_at: int
    extents_at: int
    thread: int
    extent: struct.Struct
    extents_in_record: int
    extents_key: struct.Struct


_HFS = _Form(
    kind="HFS",
    key_length=1,
    key=struct.Struct(">xI"),
    name_length=struct.Struct(">B"),
    letter=1,
    codec="mac_roman",
    folder_id=6,
    file_id=20,
    finder=4,
    size=struct.Struct(">I"),
    size_at=26,
    extents_at=74,
    thread=10,
    extent=struct.Struct(">HH"),
    extents_in_record=3,
    extents_key=struct.Struct(">BIH"),
)
_HFS_PLUS = _Form(
    kind="HFS+",
    key_length=2,
    key=struct.Struct(">I"),
    name_length=struct.Struct(">H"),
    letter=2,
    codec="utf-16-be",
    folder_id=8,
    file_id=8,
    finder=48,
    size=struct.Struct(">Q"),
    size_at=88,
    extents_at=88 + 16,
    thread=4,
    extent=struct.Struct(">II"),
    extents_in_record=8,
    extents_key=struct.Struct(">BxII"),
)


@dataclass(frozen=True, slots=True)
class _Volume:
    """What a volume's header says.

    Attributes:
        block_size: the bytes of an allocation block.
        first: where block 0 is in the volume, in bytes.
        blocks: how many there are.
        finder: the eight words that the Finder keeps.
        extents, catalog: size and first extents of these files.
    """

    form: _Form
    block_size: int
    first: int
    blocks: int
    finder: tuple[int, ...]
    extents: tuple[int, bytes]
    catalog: tuple[int, bytes]


def is_hfs(source: Source) -> bool:
    """Whether there is a header of either format."""
    return source.read(_HEADER, 2) in (b"BD", b"H+", b"HX")


def open_hfs(source: Source) -> HfsFileSystem:
    """The volume in a stretch of the disk; `PortError` where it is damaged. HFS+ inside HFS is what is opened then."""
    header = source.exactly(_HEADER, _HEADER_SIZE)
    if header[:2] == b"BD" and header[0x7C:0x7E] == b"H+":
        block_size, first = _hfs_blocks(header)
        start, count = struct.unpack_from(">HH", header, 0x7E)
        source = source.part(first + start * block_size, count * block_size)
        header = source.exactly(_HEADER, _HEADER_SIZE)
    volume = _hfs_volume(header) if header[:2] == b"BD" else _hfs_plus_volume(header)
    return HfsFileSystem(source, volume)


def _hfs_blocks(header: bytes) -> tuple[int, int]:
    (block_size,) = struct.unpack_from(">I", header, 20)
    (first_sector,) = struct.unpack_from(">H", header, 28)
    if block_size % 512 or not block_size:
        raise PortError(f"the HFS volume is damaged: blocks of {block_size} bytes")
    return block_size, first_sector * 512


def _hfs_volume(header: bytes) -> _Volume:
    block_size, first = _hfs_blocks(header)
    (blocks,) = struct.unpack_from(">H", header, 18)
    sizes = struct.unpack_from(">I12xI", header, 130)
    extents, catalog = header[134:146], header[150:162]
    finder = struct.unpack_from(">8I", header, 92)
    return _Volume(_HFS, block_size, first, blocks, finder, (sizes[0], extents), (sizes[1], catalog))


def _hfs_plus_volume(header: bytes) -> _Volume:
    if header[:2] not in (b"H+", b"HX"):
        raise PortError("the HFS+ volume is damaged: it has no header")
    block_size, blocks = struct.unpack_from(">II", header, 40)
    if block_size < 512 or block_size & (block_size - 1):
        raise PortError(f"the HFS+ volume is damaged: blocks of {block_size} bytes")
    finder = struct.unpack_from(">8I", header, 80)
    extents, catalog = ((*struct.unpack_from(">Q", header, at), header[at + 16 : at + 80]) for at in (192, 272))
    return _Volume(_HFS_PLUS, block_size, 0, blocks, finder, extents, catalog)


class HfsFileSystem:
    """A `FileSystem` of either format.

    Args:
        source: the volume's bytes.
        volume: what its header says.
    """

    def __init__(self, source: Source, volume: _Volume) -> None:
        self.kind = volume.form.kind
        self.root = Entry("", Nature.FOLDER, _ROOT)
        self._source = source
        self._volume = volume
        self._form = volume.form
        self._overflow: BTree | None = None
        self._opened: tuple[bytes, Pieces] | None = None
        if volume.extents[0]:
            self._overflow = self._tree(*volume.extents, _EXTENTS_FILE)
        self._catalog = self._tree(*volume.catalog, _CATALOG_FILE)

    def entries(self, folder: Entry) -> Iterator[Entry]:
        """See `FileSystem`. Keys are (parent's number, name): a directory's entries are neighbours."""
        for count, (key, record) in enumerate(self._catalog.records(self._parent_before(folder.handle))):
            if count >= MOST_ENTRIES:
                raise PortError(f"a directory holds more than {MOST_ENTRIES} entries")
            if self._parent(key) != folder.handle:
                return
            entry = self._entry(key, record)
            if entry is not None:
                yield entry

    def size(self, file: Entry) -> int:
        """See `FileSystem`."""
        return self._fork(file).size

    def read(self, file: Entry, offset: int, length: int) -> bytes:
        """See `FileSystem`."""
        return self._fork(file).read(offset, length)

    def target(self, link: Entry) -> str:
        """See `FileSystem`."""
        return self.read(link, 0, _LONGEST_TARGET).decode("utf-8", "surrogateescape")

    def blessed(self) -> str:
        """See `FileSystem`: the folder for Open Firmware, else that of Mac OS X, else that of Mac OS 9."""
        number = next((self._volume.finder[at] for at in (0, 5, 3) if self._volume.finder[at]), 0)
        if not number:
            raise PortError(f"the {self.kind} volume has no blessed folder")
        names: list[str] = []
        folder = number
        while folder != _ROOT:
            if len(names) == _MOST_FOLDERS:
                raise PortError(f"the {self.kind} volume's blessed folder is nowhere: its parents go in a circle")
            folder, name = self._thread(folder, number)
            names.append(name)
        return "/" + "/".join(reversed(names))

    def of_type(self, folder: Entry, kind: str) -> str:
        """See `FileSystem`."""
        wanted = kind.encode("mac_roman", "replace")
        at = self._form.finder
        for entry in self.entries(folder):
            if entry.nature is Nature.FILE and entry.handle[at : at + 4] == wanted:
                return entry.name
        return ""

    def _tree(self, size: int, extents: bytes, number: int) -> BTree:
        fork = self._make_fork(size, extents, number)
        return BTree(fork, self._form.key_length)

    def _parent(self, key: bytes) -> int:
        return int(self._form.key.unpack_from(key)[0])

    def _parent_before(self, number: int) -> Callable[[bytes], bool]:
        return lambda key: self._parent(key) < number

    def _entry(self, key: bytes, record: bytes) -> Entry | None:
        form = self._form
        name = self._name(key, form.key.size)
        kind = self._record_kind(record)
        if not name or kind not in (1, 2):
            return None
        if kind == 1:
            return Entry(name, Nature.FOLDER, *struct.unpack_from(">I", record, form.folder_id))
        finder = record[form.finder : form.finder + 8]
        nature = {b"slnkrhap": Nature.LINK, b"hlnkhfs+": Nature.OTHER}.get(finder, Nature.FILE)
        return Entry(name, nature, record)

    def _record_kind(self, record: bytes) -> int:
        return record[0] if self._form is _HFS else int.from_bytes(record[:2], "big")

    def _name(self, data: bytes, at: int) -> str:
        """A name with its length before it. The separator of the Mac's own paths is `:`; a `/` may be in a name."""
        form = self._form
        (letters,) = form.name_length.unpack_from(data, at)
        at += form.name_length.size
        text = data[at : at + letters * form.letter].decode(form.codec, "replace")
        return unicodedata.normalize("NFC", text).replace("/", ":")

    def _thread(self, folder: int, blessed: int) -> tuple[int, str]:
        """A folder's parent and name, of its thread record: the first of those that have it as parent."""
        found = next(self._catalog.records(self._parent_before(folder)), None)
        if found is not None and self._parent(found[0]) == folder and self._record_kind(found[1]) == 3:
            record, at = found[1], self._form.thread
            return int.from_bytes(record[at : at + 4], "big"), self._name(record, at + 4)
        raise PortError(f"the {self.kind} volume's blessed folder, number {blessed}, isn't there")

    def _fork(self, file: Entry) -> Pieces:
        record: bytes = file.handle
        if self._opened is None or self._opened[0] is not record:
            form = self._form
            if form is _HFS_PLUS and record[41] & _COMPRESSED:
                raise PortError(f"{file.name} is compressed, as Mac OS X 10.6 and later do; put it there plain")
            (size,) = form.size.unpack_from(record, form.size_at)
            (number,) = struct.unpack_from(">I", record, form.file_id)
            extents = record[form.extents_at : form.extents_at + form.extent.size * form.extents_in_record]
            self._opened = (record, self._make_fork(size, extents, number))
        return self._opened[1]

    def _make_fork(self, size: int, extents: bytes, number: int) -> Pieces:
        """The data of file `number`: the extents beside its size, then those of the overflow file."""
        volume, found, blocks = self._volume, list[tuple[int, int]](), 0
        wanted = -(-size // volume.block_size)
        while True:
            before = blocks
            for start, count in self._form.extent.iter_unpack(extents):
                if count and blocks < wanted:
                    if start + count > volume.blocks:
                        raise PortError(f"the {self.kind} volume is damaged: file {number} leads outside it")
                    found.append((volume.first + start * volume.block_size, count * volume.block_size))
                    blocks += count
            if blocks >= wanted:
                return Pieces(self._source, size, found)
            if blocks == before or len(found) > _MOST_EXTENTS or self._overflow is None:
                raise PortError(f"the {self.kind} volume is damaged: parts of file {number} are nowhere")
            extents = self._more_extents(self._overflow, number, blocks)

    def _more_extents(self, overflow: BTree, number: int, block: int) -> bytes:
        form, wanted = self._form, (number, _DATA_FORK, block)

        def place(key: bytes) -> tuple[int, int, int]:
            fork, file, first = form.extents_key.unpack_from(key)
            return file, fork, first

        for key, record in overflow.records(lambda key: place(key) < wanted):
            if place(key) == wanted:
                return record[: form.extent.size * form.extents_in_record]
            break
        return b""
