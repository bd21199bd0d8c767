"""Disks and their partition tables, by The Sleuth Kit."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

from vof.reader.protocol import Channel, Failed

__all__ = ["find", "find_part", "list_parts", "open_image", "part_list"]

_NUMBERS_SHOWN = 8
_AHEAD = 64 << 10
"""Bytes that are asked of the parent at least: the library reads a few at a time."""
_MBR_ENTRIES, _MBR_ENTRY = 446, 16
_ACTIVE = 0x80
_MBR_TYPE = re.compile(r"\(0x([0-9A-Fa-f]{2})\)$")
_GPT_PREP = "9e1a2d38-c612-4316-aa26-8b49521e5a8b"
_PREP = {"0x41": "prep", _GPT_PREP: "prep"}
_GPT_ENTRY = 128
_MOST_ENTRIES = 1024


def open_image(channel: Channel, size: int) -> Any:
    """The library's image object over the parent's disk; what goes wrong in a read is in its `failure`.

    Raises:
        Failed: the library isn't there.
    """
    try:
        import pytsk3
    except ImportError as error:
        raise Failed(f"partitions need the Python package pytsk3 (pip install pytsk3): {error}") from None

    class Image(pytsk3.Img_Info):  # type: ignore[misc]  # the library is C++ and has no types
        def __init__(self) -> None:
            self.failure: Failed | None = None
            self._kept = (0, b"")
            super().__init__(url="")

        def read(self, offset: int, length: int) -> bytes:
            try:
                return self.read_disk(offset, length)
            except Failed as failure:
                self.failure = failure  # and no exception: the library goes on with one pending
                return b""

        def read_disk(self, offset: int, length: int) -> bytes:
            length = min(length, max(0, size - offset))
            start, kept = self._kept
            if not start <= offset <= offset + length <= start + len(kept):
                start, kept = offset, channel.read_disk(offset, max(length, min(_AHEAD, size - offset)))
                self._kept = start, kept
            return kept[offset - start : offset - start + length]

        def get_size(self) -> int:
            return size

        def close(self) -> None:
            """Nothing is open."""

    return Image()


def _open_table(image: Any) -> Any:
    """The partition table; of several, which hybrid CDs have, Open Firmware's own first (the Apple map)."""
    import pytsk3

    # Detection comes last: it won't choose between tables, but knows a FAT boot sector from an MBR.
    for kind in (pytsk3.TSK_VS_TYPE_MAC, pytsk3.TSK_VS_TYPE_GPT, pytsk3.TSK_VS_TYPE_DETECT):
        try:
            return pytsk3.Volume_Info(image, kind)
        except OSError:
            if image.failure is not None:
                raise image.failure from None
    raise Failed("the disk has no partition table")


def _numbered(table: Any) -> Iterator[tuple[int, Any]]:
    """The partitions with the numbers that clients give them.

    Entries of an MBR are 1 … 4 and its logical partitions count from 5 in the order of their chain, as Linux and GRUB
    do; those of a GPT or an Apple map go by their place in the table, empty ones counted.
    """
    import pytsk3

    logical = []
    for part in table:
        if part.slot_num < 0:
            continue
        if table.info.vstype == pytsk3.TSK_VS_TYPE_DOS and part.table_num > 0:
            if int(part.flags) & int(pytsk3.TSK_VS_PART_FLAG_ALLOC):
                logical.append(part)
        else:
            yield part.slot_num + 1, part
    logical.sort(key=lambda part: (part.table_num, part.slot_num))
    yield from enumerate(logical, 5)


def find_part(image: Any, number: int) -> tuple[int, int]:
    """Where partition `number` is: start and size in bytes.

    Raises:
        Failed: there is none.
    """
    table = _open_table(image)
    parts = dict(_numbered(table))
    part = parts.get(number)
    if part is None:
        shown = ", ".join(map(str, sorted(parts)[:_NUMBERS_SHOWN])) or "none"
        more = ", …" if len(parts) > _NUMBERS_SHOWN else ""
        raise Failed(f"the disk has no partition {number}; it has {shown}{more}")
    block_size = table.info.block_size
    return part.start * block_size, part.len * block_size


def part_list(image: Any) -> list[dict[str, Any]]:
    """All partitions: `number`, `start`, `size`, `kind`, `name` and `active`; see `vof.ports.Partition`.

    Raises:
        Failed: there is no table.
    """
    import pytsk3

    table = _open_table(image)
    block_size = table.info.block_size
    kind_of = _kinds_of_gpt(image, block_size) if table.info.vstype == pytsk3.TSK_VS_TYPE_GPT else {}
    mbr = table.info.vstype == pytsk3.TSK_VS_TYPE_DOS
    sector = image.read_disk(0, 512) if mbr else b""
    parts = []
    for number, part in _numbered(table):
        text = (part.desc or b"").decode(errors="replace")
        kind, name, active = text.lower(), "", False
        if mbr:
            found = _MBR_TYPE.search(text)
            kind = f"0x{found[1].lower()}" if found else kind
            place = _MBR_ENTRIES + _MBR_ENTRY * (number - 1)
            active = number <= 4 and sector[place : place + 1] == bytes([_ACTIVE])
        elif kind_of:
            kind, name = kind_of.get(number, ("", ""))
        parts.append(
            {
                "number": number,
                "start": part.start * block_size,
                "size": part.len * block_size,
                "kind": _PREP.get(kind, kind),
                "name": name,
                "active": active,
            }
        )
    return parts


def _kinds_of_gpt(image: Any, block_size: int) -> dict[int, tuple[str, str]]:
    """Type GUIDs and names by partition number."""
    header = image.read_disk(block_size, 92)
    if header[:8] != b"EFI PART":
        return {}
    first = int.from_bytes(header[72:80], "little")
    count = min(int.from_bytes(header[80:84], "little"), _MOST_ENTRIES)
    step = int.from_bytes(header[84:88], "little")
    if step < _GPT_ENTRY or step > 4096:
        return {}
    entries = image.read_disk(first * block_size, count * step)
    kinds = {}
    for place in range(0, len(entries) - 15, step):
        raw = entries[place : place + 16]
        if any(raw):
            name = entries[place + 56 : place + _GPT_ENTRY].decode("utf-16-le", "replace").partition("\0")[0]
            kinds[place // step + 1] = str(uuid.UUID(bytes_le=raw)), name
    return kinds


def find(channel: Channel, question: dict[str, Any]) -> dict[str, int]:
    """Where partition `number` of a disk of `size` bytes is: `start` and `size` in bytes."""
    start, size = find_part(open_image(channel, question["size"]), question["number"])
    return {"start": start, "size": size}


def list_parts(channel: Channel, question: dict[str, Any]) -> dict[str, Any]:
    """All partitions of a disk of `size` bytes: `partitions`."""
    return {"partitions": part_list(open_image(channel, question["size"]))}
