"""The files that a client program is made of: kernel and initial RAM disk, opened, placed and loaded."""

from __future__ import annotations

import mmap
import os
from io import FileIO
from typing import TYPE_CHECKING, Protocol

from vof.errors import UsageError

if TYPE_CHECKING:
    from vof.loaders import Placement, ProgramFile
    from vof.machines.machine import Program
    from vof.ports import Memory

__all__ = ["Images"]

_INITRD_GAP = 0x10000
_INITRD_ALIGN = 0x100000
_MEMORY_STEP = 256 << 20
"""What memory sizes are multiples of on machines that mind."""


class GuestRam(Protocol):
    """Guest memory that files can be copied to."""

    @property
    def ram(self) -> mmap.mmap | None:
        """All of it, from address 0; None where it can't be reached so: it is zeroed by other means then."""
        ...

    @property
    def memory(self) -> Memory:
        """The same as a port."""
        ...

    def copy_file(self, file: int, offset: int, address: int, size: int) -> None:
        """Copy `size` bytes at `offset` of a file to an address; `UsageError` if they can't be had."""
        ...


class Images:
    """A kernel and an initial RAM disk.

    Args:
        kernel: the path of a client program: ELF or XCOFF, compressed by gzip or not; "" for none.
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
        self._initrd_path = initrd
        self._program: ProgramFile | None = None
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

    def load(self, memory: GuestRam, limit: int, movable_at: int) -> str:
        """Put everything into guest memory.

        Args:
            memory: guest memory.
            limit: the first address that must stay free.
            movable_at: where a program that is linked at 0 goes.

        Returns:
            What was loaded, in words.

        Raises:
            UsageError: it doesn't fit, or the kernel is none that this machine can run.
        """
        if self.kernel is None:
            return "nothing"
        from vof.loaders import load, open_program, place

        kernel = self.kernel.fileno()
        first = self._placement is None
        try:
            if self._placement is None:
                self._program, program = open_program(self.kernel, limit)
                self._placement = place(program, load_base=movable_at)
                _check_fit(self._placement.end, memory, limit)
            assert self._program is not None
            packed = self._program is not self.kernel
            if memory.ram is None:
                for one in self._placement.segments:
                    if packed:
                        self._program.seek(one.file_offset)
                        memory.memory.write(one.address, self._program.read(one.file_size) or b"")
                    else:
                        memory.copy_file(kernel, one.file_offset, one.address, one.file_size)
            else:
                load(
                    self._placement,
                    self._program,
                    memory.ram,
                    fresh=first,
                    copy=None
                    if packed
                    else lambda offset, address, size: memory.copy_file(kernel, offset, address, size),
                )
        except UsageError as error:
            raise UsageError(f"-kernel {self._kernel_path}: {error}") from None
        start, end = self._placement.start, self._placement.end
        words = f"{(end - start) >> 10} KiB at {start:#x}"
        if self._initrd is not None:
            size = os.fstat(self._initrd.fileno()).st_size
            start = -(-(end + _INITRD_GAP) // _INITRD_ALIGN) * _INITRD_ALIGN
            try:
                _check_fit(start + size, memory, limit)
                memory.copy_file(self._initrd.fileno(), 0, start, size)
            except UsageError as error:
                raise UsageError(f"-initrd {self._initrd_path}: {error}") from None
            self._initrd_range = (start, size)
            words += f", initial RAM disk {size >> 10} KiB at {start:#x}"
        return words

    def symbol(self, address: int) -> str:
        """The kernel's symbol that is nearest below an address, "start+0x4"; "" if it has none."""
        if self._program is None or self._placement is None:
            return ""
        from vof.loaders.symbols import nearest_symbol

        return nearest_symbol(self._program, self._placement, address)

    def close(self) -> None:
        """Close the files."""
        for file in (self.kernel, self._initrd):
            if file is not None:
                file.close()


def _check_fit(end: int, memory: GuestRam, limit: int) -> None:
    if end > limit:
        needed = end + memory.memory.size - limit
        enough = -(-needed // _MEMORY_STEP) * _MEMORY_STEP
        raise UsageError(
            f"it doesn't fit: it would end at {end >> 20} MiB of {limit >> 20}; -m {enough >> 20}M would do"
        )


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
