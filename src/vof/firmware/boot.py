"""Booting: `load`, `init-program` and `boot` (1275 §7.4.3), from whatever has a `load` method.

What can't be booted raises `BootError` with the reason, and leaves things so that the next device can be tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from vof.errors import GuestFault, PortError, UsageError, VofError
from vof.firmware.system import OpenFirmware
from vof.loaders import Placement, Program, ProgramFile, place, read_elf
from vof.loaders.chrp_script import is_chrp_script, parse_chrp_script
from vof.loaders.guest_file import GuestFile
from vof.outcomes import Jump
from vof.packages import Throw
from vof.tree import encode_string

__all__ = ["BootError", "Boots", "NothingBoots", "Started", "publish"]

_PIECE = 1 << 20
_MOVED_TO = 0x400000
"""Where a program that is linked at 0 goes, as with QEMU and SLOF."""
_LONGEST_PATH = 1023
_LONGEST_SCRIPT = 1 << 20
_MOST_SCRIPTS = 4


class BootError(VofError):
    """It can't be booted; the message says why."""


class NothingBoots(UsageError):
    """Nothing that was tried can be booted.

    Attributes:
        tried: what was tried, and why it failed.
    """

    def __init__(self, tried: Sequence[tuple[str, str]]) -> None:
        self.tried = tuple(tried)
        words = "; ".join(f"{what}: {why}" for what, why in tried)
        super().__init__(f"nothing boots: {words or 'there is no disk and no network'}")


@dataclass(frozen=True, slots=True)
class Started:
    """A program that is ready to go.

    Attributes:
        path: where it came from: `/chosen` `bootpath`.
        arguments: `/chosen` `bootargs`.
        size: bytes that were loaded.
        placement: where it is now.
    """

    path: str
    arguments: str
    size: int
    placement: Placement

    @property
    def jump(self) -> Jump:
        """How to start it (1275 PowerPC binding §8.2.1)."""
        placement = self.placement
        return Jump(placement.entry, toc=placement.toc, bits=placement.program.bits)


class Boots:
    """The boot commands of one firmware.

    Args:
        firmware: the firmware.
        load_base: where `load` puts a program's file.
        limit: the first address that neither that nor a program may be at.
        settle: called with the start and size of memory before a program is put there, which may have held code.
    """

    def __init__(
        self,
        firmware: OpenFirmware,
        *,
        load_base: int,
        limit: int,
        settle: Callable[[int, int], None] | None = None,
    ) -> None:
        self._firmware = firmware
        self._load_base = load_base
        self._limit = limit
        self._settle = settle

    def boot_any(self, devices: Iterable[str], arguments: str = "") -> Started:
        """Boot from the first device that has something to boot.

        Args:
            devices: device specifiers: paths or aliases, with arguments for the last component.
            arguments: the program's.

        Raises:
            NothingBoots: none of them can be booted.
        """
        tried = []
        for device in devices:
            try:
                return self.boot(device, arguments)
            except BootError as error:
                tried.append((device, str(error)))
        raise NothingBoots(tried)

    def boot(self, device: str, arguments: str = "") -> Started:
        """Load a program and get it ready.

        Args:
            device: a device specifier.
            arguments: the program's.

        Raises:
            BootError: it can't be booted.
        """
        for _ in range(_MOST_SCRIPTS):
            path, size = self.load(device)
            head = self._firmware.memory.read(self._load_base, min(size, _LONGEST_SCRIPT))
            if not is_chrp_script(head):
                break
            device, arguments = self._read_script(head, path, arguments)
        else:
            raise BootError("boot scripts lead to each other")
        placement = self.init_program(size)
        publish(self._firmware, path, arguments)
        return Started(path, arguments, size, placement)

    def _read_script(self, data: bytes, path: str, arguments: str) -> tuple[str, str]:
        """The device that a CHRP boot script boots, and the program's arguments."""
        try:
            script = parse_chrp_script(data)
        except UsageError as error:
            raise BootError(str(error)) from None
        device, _, rest = path.rpartition(":")
        partition, comma, file = rest.partition(",")
        if not comma:
            partition, file = "", rest
        directory, _, name = file.rpartition("\\")
        values = {"device": device, "partition": partition, "directory": directory, "filename": name, "full-path": path}
        program = script.expand(values)
        command = script.boot_command(program)
        if command is None:
            raise BootError(f"{path} is a boot script in Forth that does more than boot, which can't be run yet")
        wanted, _, own = command.partition(" ")
        return wanted or device, own.strip() or arguments

    def load(self, device: str) -> tuple[str, int]:
        """Have a device load a program's file (1275 §7.4.3.1, `load`).

        Returns:
            The path that was opened, and the bytes that are at `load-base` now.

        Raises:
            BootError: there is no such device, or it has nothing to load.
        """
        firmware = self._firmware
        if len(device) > _LONGEST_PATH:
            raise BootError("the path is too long")
        try:
            instance = firmware.open(device)
            try:
                stack = [self._load_base]
                instance.call("load", stack)
                path = instance.state.get("loaded") or instance.path
            finally:
                firmware.close(instance)
        except Throw as thrown:
            raise BootError(thrown.reason or f"load threw {thrown.code}") from None
        except (GuestFault, PortError) as error:
            raise BootError(str(error)) from None
        size = stack.pop() if stack else 0
        if size <= 0:
            raise BootError("nothing was loaded")
        if self._load_base + size > self._limit:
            raise BootError(f"{size} bytes don't fit at {self._load_base:#x}: a larger -m would do")
        return path, size

    def init_program(self, size: int) -> Placement:
        """Put the program whose file is at `load-base` where it runs (1275 §7.4.3.1, `init-program`).

        Args:
            size: the file's bytes.

        Raises:
            BootError: it is no program, or doesn't fit.
        """
        firmware = self._firmware
        file = GuestFile(firmware.memory, self._load_base, size)
        try:
            program = _read(file)
            placement = place(program, _MOVED_TO, limit=self._limit)
        except UsageError as error:
            raise BootError(str(error)) from None
        start, end = placement.start, placement.end
        try:
            firmware.claims.claim(start, end - start, 0)
        except GuestFault as fault:
            raise BootError(f"no room for the program at {start:#x}: {fault}") from None
        # All of it is taken out first: where it goes may be where it is.
        pieces = []
        for segment in placement.segments:
            file.seek(segment.file_offset)
            pieces.append((segment, file.read(segment.file_size)))
        for segment, data in pieces:
            if self._settle is not None:
                self._settle(segment.address, segment.memory_size)
            self._put(segment.address, data)
            self._zero(segment.address + len(data), segment.memory_size - len(data))
        return placement

    def _put(self, address: int, data: bytes) -> None:
        for done in range(0, len(data), _PIECE):
            self._firmware.memory.write(address + done, data[done : done + _PIECE])

    def _zero(self, address: int, size: int) -> None:
        for done in range(0, size, _PIECE):
            self._firmware.memory.write(address + done, bytes(min(_PIECE, size - done)))


def publish(firmware: OpenFirmware, path: str, arguments: str) -> None:
    """Have `/chosen` say what was booted (1275 §3.5).

    Args:
        firmware: the firmware.
        path: where the program came from.
        arguments: the program's.
    """
    firmware.tree.set("/chosen", "bootpath", encode_string(path))
    firmware.tree.set("/chosen", "bootargs", encode_string(arguments))


def _read(file: ProgramFile) -> Program:
    return read_elf(file)
