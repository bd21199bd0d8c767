"""File systems that The Sleuth Kit reads, in the worker: ext, FAT, exFAT, NTFS and UFS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vof.backends.file_systems import MOST_ENTRIES, Entry, Nature
from vof.backends.volume_source import Source, library_image
from vof.errors import PortError

__all__ = ["SleuthKitFileSystem", "open_by_library"]

_LONGEST_TARGET = 1024


def open_by_library(source: Source) -> SleuthKitFileSystem | None:
    """The file system in a stretch of the disk, if it is one of the library's."""
    image = library_image(source)
    import pytsk3

    # One by one: the library's own detection gives up where two kinds might be meant.
    kinds = (
        ("ext", pytsk3.TSK_FS_TYPE_EXT_DETECT),
        ("NTFS", pytsk3.TSK_FS_TYPE_NTFS),
        ("exFAT", pytsk3.TSK_FS_TYPE_EXFAT),
        ("FAT", pytsk3.TSK_FS_TYPE_FAT_DETECT),
        ("UFS", pytsk3.TSK_FS_TYPE_FFS_DETECT),
    )
    for name, kind in kinds:
        try:
            return SleuthKitFileSystem(name, source, pytsk3.FS_Info(image, 0, kind))
        except OSError:
            if source.failure is not None:
                return None
    return None


class SleuthKitFileSystem:
    """A `FileSystem` that the library has opened.

    Args:
        kind: its name.
        source: where its bytes are.
        info: the library's object.
    """

    def __init__(self, kind: str, source: Source, info: Any) -> None:
        import pytsk3

        self.kind = kind
        self._source = source
        self._info = info
        self._opened: tuple[int, Any] | None = None
        self._natures = {
            int(pytsk3.TSK_FS_META_TYPE_REG): Nature.FILE,
            int(pytsk3.TSK_FS_META_TYPE_DIR): Nature.FOLDER,
            int(pytsk3.TSK_FS_META_TYPE_LNK): Nature.LINK,
        }
        self._in_use = int(pytsk3.TSK_FS_NAME_FLAG_ALLOC)
        self._virtual = {int(pytsk3.TSK_FS_NAME_TYPE_VIRT), int(pytsk3.TSK_FS_NAME_TYPE_VIRT_DIR)}
        self.root = Entry("", Nature.FOLDER, int(info.info.root_inum))

    def entries(self, folder: Entry) -> Iterator[Entry]:
        """See `FileSystem`."""
        seen: set[str] = set()
        for count, item in enumerate(self._info.open_dir(inode=folder.handle)):
            if count >= MOST_ENTRIES:
                raise PortError(f"a directory holds more than {MOST_ENTRIES} entries")
            entry = self._entry(item)
            if entry is not None and entry.name not in seen:
                seen.add(entry.name)
                yield entry

    def size(self, file: Entry) -> int:
        """See `FileSystem`."""
        return max(0, int(self._open(file).info.meta.size))

    def read(self, file: Entry, offset: int, length: int) -> bytes:
        """See `FileSystem`."""
        length = min(length, self.size(file) - offset)
        if length <= 0:
            return b""
        data: bytes = self._open(file).read_random(offset, length)
        return data

    def target(self, link: Entry) -> str:
        """See `FileSystem`."""
        held = self._open(link).info.meta.link
        if isinstance(held, bytes) and held:
            return held[:_LONGEST_TARGET].decode("utf-8", "surrogateescape")
        return self.read(link, 0, _LONGEST_TARGET).decode("utf-8", "surrogateescape")

    def blessed(self) -> str:
        """See `FileSystem`."""
        raise PortError(f"{self.kind} has no blessed folder: HFS and HFS+ have")

    def of_type(self, folder: Entry, kind: str) -> str:
        """See `FileSystem`."""
        raise PortError(f"{self.kind} has no Finder types ({kind}): HFS and HFS+ have")

    def _entry(self, item: Any) -> Entry | None:
        """The entry, unless it is deleted, one of the library's inventions, or the directory itself."""
        name = item.info.name
        if not int(name.flags) & self._in_use or int(name.type) in self._virtual or item.info.meta is None:
            return None
        text = name.name.decode("utf-8", "surrogateescape")
        if text in ("", ".", "..") or (text[0] == "$" and self.kind in ("NTFS", "exFAT")):
            return None
        nature = self._natures.get(int(item.info.meta.type), Nature.OTHER)
        return Entry(text, nature, int(item.info.meta.addr))

    def _open(self, file: Entry) -> Any:
        if self._opened is None or self._opened[0] != file.handle:
            self._opened = (file.handle, self._info.open_meta(inode=file.handle))
        return self._opened[1]
