"""Which format a program's file has, by its first bytes, and reading it."""

from __future__ import annotations

from vof.errors import UsageError
from vof.loaders.compressed import GZIP_MAGIC, unpack_gzip
from vof.loaders.elf import read_elf
from vof.loaders.foreign import describe
from vof.loaders.program import Program, ProgramFile
from vof.loaders.xcoff import XCOFF_MAGIC, read_xcoff

__all__ = ["open_program", "read_plain", "read_program"]

_ELF_MAGIC = b"\x7fELF"
_START = 64
_UNPACKED_LIMIT = 256 << 20
"""Bytes. A Linux kernel with its debug data has more, and no distribution compresses that one."""


def read_program(file: ProgramFile) -> Program:
    """Read what a program's file says of itself: ELF or XCOFF, as it is or compressed by gzip.

    Args:
        file: the file, which must be able to seek. Nothing is kept of it.

    Returns:
        The program. If the file is compressed, its offsets are into what is unpacked: to load it, take `open_program`.

    Raises:
        UsageError: the file can't be a client program. The message has one line, without the file's name.
    """
    return open_program(file, _UNPACKED_LIMIT)[1]


def open_program(file: ProgramFile, limit: int) -> tuple[ProgramFile, Program]:
    """Read what a program's file says of itself, and unpack the file if it is compressed by gzip.

    Args:
        file: the file, which must be able to seek.
        limit: how many bytes it may have when unpacked. One that isn't compressed may have any number.

    Returns:
        The file to `load` from, which is `file` itself or one in memory; and the program.

    Raises:
        UsageError: as for `read_program`.
    """
    if _start(file).startswith(GZIP_MAGIC):
        file = unpack_gzip(file, limit)
    return file, read_plain(file)


def read_plain(file: ProgramFile) -> Program:
    """As `read_program`, but a compressed file is refused."""
    start = _start(file)
    if start.startswith(XCOFF_MAGIC):
        return read_xcoff(file)
    if start.startswith(_ELF_MAGIC):
        return read_elf(file)
    raise UsageError(describe(start))


def _start(file: ProgramFile) -> bytes:
    try:
        file.seek(0)
        return file.read(_START) or b""
    except OSError as error:
        raise UsageError(f"the file can't be read: {error.strerror or error}") from None
