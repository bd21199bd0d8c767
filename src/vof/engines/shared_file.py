"""Filling a file that is a guest's RAM, inside the kernel: without a page fault for each page of it."""

from __future__ import annotations

import os

from vof.errors import UsageError

__all__ = ["copy_into"]


def copy_into(ram: int, file: int, offset: int, address: int, size: int) -> None:
    """Copy a part of a file.

    Args:
        ram: the descriptor of the file that is RAM from address 0.
        file: the descriptor of the file that is copied.
        offset: where in it to begin.
        address: where in RAM to begin.
        size: how many bytes.

    Raises:
        UsageError: the file can't be read, or is too short.
    """
    os.lseek(ram, address, os.SEEK_SET)
    end = offset + size
    try:
        while offset < end:
            count = os.sendfile(ram, file, offset, end - offset)
            if not count:
                raise UsageError(f"the file ended {end - offset} bytes early: was it changed meanwhile?")
            offset += count
    except OSError as error:
        raise UsageError(f"the file can't be read: {error.strerror}") from None
