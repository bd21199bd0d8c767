"""Partition tables, in the worker: where the partitions are by the library, what they are by the tables' own bytes.

The library's answer has no types that can be compared: an MBR's type byte and active flag, a GPT's type and an Apple
map's type are read beside it (UEFI §5; Inside Macintosh: Devices, chapter 3).
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator
from typing import Any

from vof.backends.volume_source import Source, library_image
from vof.errors import PortError

__all__ = ["NO_TABLE", "find_partition", "list_partitions"]

NO_TABLE = "the disk has no partition table"
_NUMBERS_SHOWN = 8
_MOST_PARTITIONS = 1024
_MOST_LOGICAL = 256
_PREP_TYPE = 0x41
_PREP_GUID = "9e1a2d38-c612-4316-aa26-8b49521e5a8b"
_EXTENDED_TYPES = (0x05, 0x0F, 0x85)
_MBR_ENTRY = struct.Struct("<B3xB3xII")
_NAME_LIMIT = 36


def find_partition(disk: Source, number: int) -> tuple[int, int]:
    """Where partition `number` starts and its size, in bytes; a `PortError` if there is none."""
    table = _open_table(disk)
    parts = dict(_numbered(table))
    part = parts.get(number)
    if part is None:
        shown = ", ".join(map(str, sorted(parts)[:_NUMBERS_SHOWN])) or "none"
        more = ", …" if len(parts) > _NUMBERS_SHOWN else ""
        raise PortError(f"the disk has no partition {number}; it has {shown}{more}")
    block_size = table.info.block_size
    return part.start * block_size, part.len * block_size


def list_partitions(disk: Source) -> list[dict[str, object]]:
    """All partitions by number, as `vof.ports.Partition` has them; a `PortError` if there is no table."""
    import pytsk3

    table = _open_table(disk)
    parts = sorted(dict(_numbered(table)).items())[:_MOST_PARTITIONS]
    block_size = table.info.block_size
    described: dict[int, dict[str, object]]
    if table.info.vstype == pytsk3.TSK_VS_TYPE_DOS:
        by_start = _mbr_entries(disk, block_size)
        described = {number: by_start.get(part.start, {}) for number, part in parts}
    elif table.info.vstype == pytsk3.TSK_VS_TYPE_GPT:
        described = _gpt_entries(disk, block_size, [number for number, _ in parts])
    elif table.info.vstype == pytsk3.TSK_VS_TYPE_MAC:
        described = {number: _apple_entry(disk, block_size, number) for number, _ in parts}
    else:
        described = {}
    rows = []
    for number, part in parts:
        row: dict[str, object] = {"number": number, "start": part.start * block_size, "size": part.len * block_size}
        row["kind"] = part.desc.decode(errors="replace").lower()
        rows.append(row | described.get(number, {}))
    return rows


def _open_table(disk: Source) -> Any:
    """The partition table; of several, which hybrid CDs have, Open Firmware's own first (the Apple map)."""
    image = library_image(disk)
    import pytsk3

    # Detection comes last: it won't choose between tables, but knows a FAT boot sector from an MBR.
    for kind in (pytsk3.TSK_VS_TYPE_MAC, pytsk3.TSK_VS_TYPE_GPT, pytsk3.TSK_VS_TYPE_DETECT):
        try:
            return pytsk3.Volume_Info(image, kind)
        except OSError:
            if disk.failure is not None:
                raise disk.failure from None
    raise PortError(NO_TABLE)


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


def _mbr_entries(disk: Source, block_size: int) -> dict[int, dict[str, object]]:
    """What an MBR and its chain of extended tables say of the partitions, by their first sectors."""
    entries: dict[int, dict[str, object]] = {}
    chain, seen, first = [0], set[int](), 0
    while chain and len(seen) < _MOST_LOGICAL:
        table = chain.pop()
        if table in seen:
            continue
        seen.add(table)
        sector = disk.read(table * block_size, 512)
        if sector[510:512] != b"\x55\xaa":
            continue
        for status, kind, start, length in _MBR_ENTRY.iter_unpack(sector[446:510]):
            if not length:
                continue
            extended = kind in _EXTENDED_TYPES
            # A link counts from the first extended table, all else from the table that it is in.
            start += first if extended else table
            text = "prep" if kind == _PREP_TYPE else f"{kind:#04x}"
            entries.setdefault(start, {"kind": text, "active": bool(status & 0x80)})
            if extended:
                chain.append(start)
                first = first or start
    return entries


def _gpt_entries(disk: Source, block_size: int, numbers: list[int]) -> dict[int, dict[str, object]]:
    """What a GPT says of the partitions, by number; its second copy's word where the first is lost."""
    for header_at in (block_size, (disk.size // block_size - 1) * block_size):
        header = disk.read(header_at, 92)
        if header[:8] == b"EFI PART" and len(header) == 92:
            break
    else:
        return {}
    (table_at,) = struct.unpack_from("<Q", header, 72)
    entry_size = struct.unpack_from("<I", header, 84)[0]
    if not 128 <= entry_size <= 4096:
        return {}
    entries: dict[int, dict[str, object]] = {}
    for number in numbers:
        entry = disk.read(table_at * block_size + (number - 1) * entry_size, 128)
        if len(entry) == 128:
            kind = str(uuid.UUID(bytes_le=entry[:16]))
            name = entry[56:128].decode("utf-16-le", errors="replace").partition("\0")[0]
            entries[number] = {"kind": "prep" if kind == _PREP_GUID else kind, "name": name[:_NAME_LIMIT]}
    return entries


def _apple_entry(disk: Source, block_size: int, number: int) -> dict[str, object]:
    """What an Apple partition map's entry says."""
    entry = disk.read(number * block_size, 80)
    if entry[:2] != b"PM" or len(entry) < 80:
        return {}
    name, kind = (text.partition(b"\0")[0].decode("mac_roman") for text in (entry[16:48], entry[48:80]))
    kind = kind.lower()
    return {"kind": "prep" if kind.removeprefix("apple_").startswith("prep") else kind, "name": name}
