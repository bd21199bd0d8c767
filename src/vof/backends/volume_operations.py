"""What the worker can be asked, and what it keeps between questions."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from vof.backends.partition_tables import NO_TABLE, find_partition, list_partitions
from vof.backends.volume_source import Source
from vof.errors import PortError

__all__ = ["Opened", "Operations"]

_MOST_DISKS = 4
_MOST_SYSTEMS = 8
_MOST_PATHS = 64
_LIBRARY_PLACE = re.compile(r"\w+: \([\w.]+:\d+\) ")


@dataclass(slots=True)
class OpenedSystem:
    """A file system, and the entries that paths of it led to."""

    source: Source
    system: Any
    entries: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Opened:
    """What was opened of one disk. It is good for as long as the parent says the same generation of that disk."""

    generation: object
    systems: dict[int, OpenedSystem] = field(default_factory=dict)


class Operations:
    """The questions and their answers.

    Args:
        read: bytes of the disk that the present question is about, as `Source` takes it.
    """

    def __init__(self, read: Callable[[int, int], bytes]) -> None:
        self._ask_parent = read
        self._failure: OSError | None = None
        self._disks: dict[int | None, Opened] = {}
        self._rows: dict[str, Callable[[dict[str, Any]], dict[str, Any] | bytes]] = {
            "find": self.find,
            "list": self.list_partitions,
            "file-size": self.file_size,
            "file-read": self.file_read,
            "file-list": self.file_list,
            "file-blessed": self.file_blessed,
            "file-of-type": self.file_of_type,
        }

    def do(self, question: dict[str, Any]) -> dict[str, Any] | bytes:
        """Answer a question: its `do` is a row's name, its `size` the disk's in bytes, the rest the row's own.

        Questions about files have `disk`, a number for what may be kept and null for nothing, and its `generation`,
        which is another whenever the disk has been written to.

        Raises:
            PortError: the reason, for people. What was kept of the disk is then dropped.
        """
        self._failure = None
        try:
            answer = self._rows[question["do"]](question)
        except Exception as error:
            self._disks.pop(question.get("disk"), None)
            raise self._disks_own(error) from None
        if self._failure is not None:  # the library has gone on without what it couldn't read
            self._disks.pop(question.get("disk"), None)
            raise self._disks_own(self._failure)
        return answer

    def find(self, question: dict[str, Any]) -> dict[str, Any]:
        """Where partition `number` is: `start` and `size` in bytes."""
        start, size = find_partition(self._disk(question), question["number"])
        return {"start": start, "size": size}

    def list_partitions(self, question: dict[str, Any]) -> dict[str, Any]:
        """All partitions: `partitions`, as `vof.ports.Partition` has them; none where there is no table."""
        disk = self._disk(question)
        try:
            return {"partitions": list_partitions(disk)}
        except PortError as error:
            if str(error) != NO_TABLE:
                raise
            return {"partitions": []}

    def file_size(self, question: dict[str, Any]) -> dict[str, Any]:
        """The `size` in bytes of the file at `path` in `partition`."""
        opened = self._system(question)
        return {"size": opened.system.size(self._file(opened, question))}

    def file_read(self, question: dict[str, Any]) -> bytes:
        """At most `length` bytes of that file from `offset`."""
        opened = self._system(question)
        offset, length = question["offset"], question["length"]
        data: bytes = opened.system.read(self._file(opened, question), offset, length)
        return data

    def file_list(self, question: dict[str, Any]) -> dict[str, Any]:
        """The `names` in the directory at `path`."""
        from vof.backends.file_systems import list_names

        opened = self._system(question)
        return {"names": list_names(opened.system, self._folder(opened, question))}

    def file_blessed(self, question: dict[str, Any]) -> dict[str, Any]:
        """The `path` of the directory that the volume boots from."""
        return {"path": self._system(question).system.blessed()}

    def file_of_type(self, question: dict[str, Any]) -> dict[str, Any]:
        """The `path` of the file in the directory at `path` whose Finder type is `kind`."""
        opened = self._system(question)
        name = opened.system.of_type(self._folder(opened, question), question["kind"])
        folder = question["path"].rstrip("/")
        if not name:
            raise PortError(f"no file of type {question['kind']} in {folder}/ in {_place(question['partition'])}")
        return {"path": f"{folder}/{name}"}

    def _read(self, offset: int, length: int) -> bytes:
        try:
            return self._ask_parent(offset, length)
        except OSError as error:
            self._failure = self._failure or error
            raise

    def _disks_own(self, error: Exception) -> Exception:
        """The error of the disk, where there was one: what became of it in the library says less."""
        if self._failure is not None:
            return PortError(str(self._failure))
        if isinstance(error, OSError):  # the library's, with the place in its source before it
            return PortError(f"the file system is damaged: {_LIBRARY_PLACE.sub('', str(error))}")
        if isinstance(error, (struct.error, IndexError)):
            return PortError(f"the file system is damaged: a record is cut short ({error})")
        return error

    def _disk(self, question: dict[str, Any]) -> Source:
        return Source(self._read, 0, question["size"])

    def _system(self, question: dict[str, Any]) -> OpenedSystem:
        """The file system in `partition`, opened anew unless it is kept."""
        from vof.backends.file_systems import open_file_system

        number, disk, generation = question["partition"], question.get("disk"), question.get("generation")
        kept = self._disks.get(disk) if disk is not None else None
        if kept is not None and kept.generation == generation and number in kept.systems:
            return kept.systems[number]
        whole = self._disk(question)
        source = whole
        if number:
            source = whole.part(*find_partition(whole, number))
        opened = OpenedSystem(source, open_file_system(source, _place(number)))
        if disk is not None:
            if kept is None or kept.generation != generation:
                self._disks.pop(disk, None)
                kept = self._disks[disk] = Opened(generation)
            _add(kept.systems, number, opened, _MOST_SYSTEMS)
            _add(self._disks, disk, kept, _MOST_DISKS)
        return opened

    def _entry(self, opened: OpenedSystem, question: dict[str, Any]) -> Any:
        from vof.backends.file_systems import find_entry

        path = question["path"]
        entry = opened.entries.get(path)
        if entry is None:
            entry = find_entry(opened.system, path, _place(question["partition"]))
            _add(opened.entries, path, entry, _MOST_PATHS)
        return entry

    def _file(self, opened: OpenedSystem, question: dict[str, Any]) -> Any:
        entry = self._entry(opened, question)
        if entry.nature.name != "FILE":
            what = "a directory" if entry.nature.name == "FOLDER" else "no plain file"
            raise PortError(f"{question['path']} in {_place(question['partition'])} is {what}")
        return entry

    def _folder(self, opened: OpenedSystem, question: dict[str, Any]) -> Any:
        entry = self._entry(opened, question)
        if entry.nature.name != "FOLDER":
            raise PortError(f"{question['path']} in {_place(question['partition'])} is no directory")
        return entry


def _add(kept: dict[Any, Any], key: Any, value: Any, most: int) -> None:
    """Keep a value as the newest of at most so many."""
    kept.pop(key, None)
    while len(kept) >= most:
        del kept[next(iter(kept))]
    kept[key] = value


def _place(partition: int) -> str:
    return f"partition {partition}" if partition else "the disk"
