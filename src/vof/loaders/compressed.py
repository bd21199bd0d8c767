"""Programs that are compressed by gzip, as distributions ship kernels. Nothing else is unpacked."""

from __future__ import annotations

import zlib
from io import BytesIO

from vof.errors import UsageError
from vof.loaders.program import ProgramFile

__all__ = ["GZIP_MAGIC", "unpack_gzip"]

GZIP_MAGIC = b"\x1f\x8b"

_PIECE = 1 << 16
_GZIP_ONLY = 16 + zlib.MAX_WBITS
_MEMBERS_LIMIT = 1 << 14
_KIB = 1 << 10
_CUT_OFF = "the file is compressed (gzip) and cut off: get it again"


def unpack_gzip(file: ProgramFile, limit: int) -> BytesIO:
    """What a gzip file holds, unpacked into memory; all of its members, as `gzip -d` has it.

    Args:
        file: the file; it is read from its beginning.
        limit: how many bytes may come out.

    Returns:
        A file of the bytes, at its beginning. What follows the last member, such as padding, is ignored.

    Raises:
        UsageError: it is damaged, cut off, or holds more than `limit` bytes.
    """
    unpacked = BytesIO()
    try:
        file.seek(0)
        _unpack(file, unpacked, limit)
    except OSError as error:
        raise UsageError(f"the file can't be read: {error.strerror or error}") from None
    except zlib.error:
        raise UsageError("the file is compressed (gzip) and damaged: get it again") from None
    unpacked.seek(0)
    return unpacked


def _unpack(file: ProgramFile, unpacked: BytesIO, limit: int) -> None:
    data = b""
    for _ in range(_MEMBERS_LIMIT):
        data = _unpack_member(file, data, unpacked, limit)
        while len(data) < len(GZIP_MAGIC) and (piece := file.read(_PIECE)):
            data += piece
        if not data.startswith(GZIP_MAGIC):
            return
    raise UsageError(f"the file is compressed (gzip) in more than {_MEMBERS_LIMIT} members: unpack it first")


def _unpack_member(file: ProgramFile, data: bytes, unpacked: BytesIO, limit: int) -> bytes:
    """Unpack one member, which begins with `data` and goes on in the file; returns what was read beyond its end."""
    member = zlib.decompressobj(_GZIP_ONLY)
    while not member.eof:
        data = data or file.read(_PIECE) or b""
        if not data:
            raise UsageError(_CUT_OFF)
        # One byte more than may come out tells whether there is more.
        unpacked.write(member.decompress(data, min(_PIECE, limit - unpacked.tell() + 1)))
        if unpacked.tell() > limit:
            raise UsageError(
                f"the file is compressed (gzip) and holds more than {limit // _KIB} KiB: it doesn't fit into memory"
            )
        data = member.unconsumed_tail
    return member.unused_data
