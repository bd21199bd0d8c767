"""The files that a client program is made of: kernel and initial RAM disk, opened, placed and loaded."""

from __future__ import annotations

import mmap
import os
from io import FileIO
from typing import TYPE_CHECKING

from vof.errors import UsageError

if TYPE_CHECKING:
    from vof.loaders import Placement
    from vof.machines.machine import Program

__all__ = ["Images"]

_KERNEL_AT = 0x400000
"""Where a program that is linked at 0 goes, as with QEMU and SLOF: low memory stays the firmware's and the vectors'."""
_INITRD_GAP = 0x10000
_INITRD_ALIGN = 0x100000


class Images:
    """A kernel and an initial RAM disk.

    Args:
        kernel: the path of an ELF file; "" for none.
        initrd: the path of any file; "" for none.
        arguments: the client program's command line.

    Raises:
        UsageError: a file can't be read or used.
    """

    def __init__(self, kernel: str, initrd: str, arguments: str) -> None:
        if initrd and not kernel:
            raise UsageError("-initrd without -kernel: nothing would use it")
        self.arguments = arguments
        self.kernel = _open("-kernel", kernel)
        self._kernel_path = kernel
        self._initrd = _open("-initrd", initrd)
        self._placement: Placement | None = None
        self._initrd_range = (0, 0)

    @property
    def placement(self) -> Placement:
        """Where the kernel is."""
        assert self._placement is not None
        return self._placement

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """Start and size of what was loaded."""
        ranges = [self._initrd_range]
        if self._placement is not None:
            ranges.append((self._placement.start, self._placement.end - self._placement.start))
        return [(start, size) for start, size in ranges if size]

    @property
    def program(self) -> Program:
        """What a machine wants to know of it."""
        from vof.machines.machine import Program

        if self._placement is None:
            return Program(arguments=self.arguments)
        start, end = self._placement.start, self._placement.end
        return Program(kernel=(start, end - start), initrd=self._initrd_range, arguments=self.arguments)

    def load(self, ram: mmap.mmap, limit: int) -> str:
        """Put everything into guest memory.

        Args:
            ram: guest memory.
            limit: the first address that must stay free.

        Returns:
            What was loaded, in words.

        Raises:
            UsageError: it doesn't fit, or the kernel is none that this machine can run.
        """
        if self.kernel is None:
            return "none"
        from vof.loaders import load, place, read_elf

        first = self._placement is None
        if self._placement is None:
            try:
                self._placement = place(read_elf(self.kernel), load_base=_KERNEL_AT, limit=limit)
            except UsageError as error:
                raise UsageError(f"-kernel {self._kernel_path}: {error}") from None
        with memoryview(ram) as view:
            load(self._placement, self.kernel, view, fresh=first)
            words = f"{(self._placement.end - self._placement.start) >> 10} KiB at {self._placement.start:#x}"
            if self._initrd is not None:
                size = os.fstat(self._initrd.fileno()).st_size
                start = -(-(self._placement.end + _INITRD_GAP) // _INITRD_ALIGN) * _INITRD_ALIGN
                if start + size > limit:
                    raise UsageError(
                        f"-initrd: {size >> 20} MiB at {start:#x} don't fit below {limit:#x}: "
                        f"-m {((start + size) >> 20) + 256 & ~255}M would do"
                    )
                self._initrd.seek(0)
                with view[start : start + size] as room:
                    got = self._initrd.readinto(room)
                if got != size:
                    raise UsageError(f"-initrd: only {got} of {size} bytes could be read")
                self._initrd_range = (start, size)
                words += f", initial RAM disk {size >> 10} KiB at {start:#x}"
        return words

    def close(self) -> None:
        """Close the files."""
        for file in (self.kernel, self._initrd):
            if file is not None:
                file.close()


def _open(option: str, path: str) -> FileIO | None:
    if not path:
        return None
    try:
        file = FileIO(path)
    except OSError as error:
        raise UsageError(f"{option} {path}: {error.strerror}") from None
    if not os.fstat(file.fileno()).st_size:
        file.close()
        raise UsageError(f"{option} {path}: the file is empty")
    return file
