"""Boot images of PReP partitions (type 0x41): ELF or XCOFF, as GRUB's and AIX's are today, or PReP's own format.

PReP's own begins with a PC's boot block. In the second block are the offset of the entry and the length of the image,
both counted from the partition's beginning, little-endian. It has no address: it is loaded anywhere, wants that address
in r4 and residual data or 0 in r3. Source: PowerPC Reference Platform
Specification, boot process; GNU BFD's target ppcboot.
"""

from __future__ import annotations

import struct

from vof.errors import UsageError
from vof.loaders.formats import read_plain
from vof.loaders.program import Program, ProgramFile, Segment, SegmentFlags

__all__ = ["read_prep"]

_HEADER = struct.Struct("<2I")
_HEADER_AT = 512
_PROGRAMS = (b"\x7fELF", b"\x01\xdf")
_LENGTH_LIMIT = 32 << 20
"""Bytes. SLOF reads that many of a PReP partition at most."""
_RWX = SegmentFlags.READ | SegmentFlags.WRITE | SegmentFlags.EXECUTE


def read_prep(file: ProgramFile, size: int) -> Program:
    """Read what the boot image in a PReP partition says of itself.

    Only whoever knows that it is such a partition may ask: PReP's own format has no magic number.

    Args:
        file: the partition, from its first byte.
        size: how many bytes the partition has.

    Returns:
        The program. That of PReP's own format has one segment at 0 and is movable, so that `place` puts it at the load
        base; the placement's `start` is what it wants in r4.

    Raises:
        UsageError: there is no boot image. The message has one line.
    """
    try:
        file.seek(0)
        start = file.read(_HEADER_AT + _HEADER.size) or b""
    except OSError as error:
        raise UsageError(f"the PReP partition can't be read: {error.strerror or error}") from None
    if start.startswith(_PROGRAMS):
        return read_plain(file)
    if len(start) < _HEADER_AT + _HEADER.size:
        raise UsageError("the PReP partition is too small for a boot image: install a boot loader in it")
    if not any(start):
        raise UsageError("the PReP partition is empty: install a boot loader in it (grub-install, dd)")
    entry, length = _HEADER.unpack_from(start, _HEADER_AT)
    if entry < _HEADER_AT + _HEADER.size or entry & 3 or entry + 4 > length:
        raise UsageError(
            f"the PReP partition holds neither ELF nor a PReP boot image (entry {entry:#x} in {length:#x} bytes): "
            "install a boot loader in it"
        )
    most = min(size, _LENGTH_LIMIT)
    if length > most:
        raise UsageError(
            f"the boot image in the PReP partition has {length:#x} bytes, and {most:#x} can be loaded: install it again"
        )
    segment = Segment(0, 0, 0, length, length, _RWX)
    return Program(32, "big", entry, 0, (segment,), movable=True, kind="prep")
