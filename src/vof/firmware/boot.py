"""Booting: `load`, `init-program` and `boot` (1275 §7.4.3), from whatever has a `load` method.

What can't be booted raises `BootError` with the reason, and leaves things so that the next device can be tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from vof.errors import GuestFault, PortError, Throw, UsageError, VofError
from vof.firmware.system import OpenFirmware
from vof.loaders import (
    Placement,
    boot_command,
    expand,
    init_program,
    parse_chrp_script,
    place,
    read_prep,
    starts_payload,
)
from vof.loaders.compressed import GZIP_MAGIC, unpack_gzip
from vof.loaders.formats import read_plain
from vof.loaders.in_memory import MemoryFile
from vof.outcomes import Boot, Departed, Jump
from vof.tree import encode_string

__all__ = ["BootError", "Boots", "NothingBoots", "Started", "publish"]

_PIECE = 1 << 20
_MOVED_TO = 0x400000
"""Where a program that is linked at 0 goes, as with QEMU and SLOF."""
_LONGEST_PATH = 1023
_LONGEST_SCRIPT = 1 << 18
_SCRIPT = b"<chrp-boot"
_MOST_SCRIPTS = 4
_Result = TypeVar("_Result")


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
        super().__init__(f"nothing boots: {words or 'the machine has no disk and no network of the kinds asked for'}")


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
        r4 = placement.start if placement.program.kind == "prep" else 0
        return Jump(placement.entry, r4=r4, toc=placement.toc, bits=placement.program.bits)


class Boots:
    """The boot commands of one firmware.

    Args:
        firmware: the firmware.
        load_base: where `load` puts a program's file; an attribute, too.
        limit: the first address that neither that nor a program may be at.
        settle: called with the start and size of memory before a program is put there, which may have held code.
        usual: gives the devices that are tried where none is named; an attribute, too.
    """

    def __init__(
        self,
        firmware: OpenFirmware,
        *,
        load_base: int,
        limit: int,
        settle: Callable[[int, int], None] | None = None,
        usual: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._firmware = firmware
        self.load_base = load_base
        self._limit = limit
        self._settle = settle
        self.usual = usual

    def boot_any(self, devices: Iterable[str], arguments: str = "") -> Started:
        """Boot from the first device that has something to boot.

        Args:
            devices: device specifiers: paths or aliases, with arguments for the last component.
            arguments: the program's.

        Raises:
            NothingBoots: none of them can be booted.
        """
        return _first(devices, lambda device: self.boot(device, arguments))

    def load_any(self, devices: Iterable[str]) -> tuple[str, int, bool]:
        """`load` from the first device that has something.

        Raises:
            NothingBoots: none of them has.
        """
        return _first(devices, self.load)

    def boot(self, device: str, arguments: str = "") -> Started:
        """Load a program and get it ready.

        Args:
            device: a device specifier.
            arguments: the program's.

        Raises:
            BootError: it can't be booted.
        """
        for _ in range(_MOST_SCRIPTS):
            path, size, prep = self.load(device)
            head = self._firmware.memory.read(self.load_base, min(size, _LONGEST_SCRIPT))
            if head.lstrip()[: len(_SCRIPT)].lower() != _SCRIPT:
                break
            script, payload = self._read_script(head, path)
            command = boot_command(script)
            if command is None and payload is not None and starts_payload(script):
                size = self._move_down(payload, size)
                break
            if command is None:
                started = self._run_script(script, path, size)
                if isinstance(started, Started):
                    return started
                command = started
            wanted, _, own = command.partition(" ")
            device, arguments = wanted or path.rpartition(":")[0], own.strip() or arguments
        else:
            raise BootError("boot scripts lead to each other")
        placement = self.init_program(size, prep=prep)
        publish(self._firmware, path, arguments)
        return Started(path, arguments, size, placement)

    def _run_script(self, script: str, path: str, size: int) -> Started | str:
        """Run a boot script: what it has started, or what it wants booted.

        Raises:
            BootError: it does neither.
        """
        forth = self._firmware.forth
        forth.loaded, forth.program = (path, size, False), None
        try:
            forth.evaluate_whole(script)
        except Departed as departed:
            if isinstance(departed.outcome, Boot):
                return departed.outcome.command
            if isinstance(departed.outcome, Jump) and forth.program is not None:
                publish(self._firmware, path, "")
                return forth.program
            raise
        except Throw as thrown:
            raise BootError(f"the boot script of {path}: {thrown.reason}") from None
        raise BootError(f"the boot script of {path} has started nothing")

    def _move_down(self, offset: int, size: int) -> int:
        """Have `load-base` hold what is behind a script; its bytes."""
        memory, base = self._firmware.memory, self.load_base
        for done in range(0, size - offset, _PIECE):
            count = min(_PIECE, size - offset - done)
            memory.write(base + done, memory.read(base + offset + done, count))
        return size - offset

    def _read_script(self, data: bytes, path: str) -> tuple[str, int | None]:
        """The Forth of a CHRP boot script which was loaded from a path, and where in the file a program follows."""
        try:
            script = parse_chrp_script(data)
        except UsageError as error:
            raise BootError(str(error)) from None
        device, _, rest = path.rpartition(":")
        partition, _, file = rest.partition(",")
        directory, _, name = file.rpartition("\\")
        text = expand(
            script.boot_script,
            device=device,
            partition=partition,
            directory=f"{directory}\\",
            filename=name,
            full_path=path,
        )
        return text, script.payload_offset

    def load(self, device: str) -> tuple[str, int, bool]:
        """Have a device load a program's file (1275 §7.4.3.1, `load`).

        Returns:
            The path that it came from, the bytes that are at `load-base` now, and whether they are of a PReP partition.

        Raises:
            BootError: there is no such device, or it has nothing to load.
        """
        firmware = self._firmware
        if len(device) > _LONGEST_PATH:
            raise BootError("the path is too long")
        if ":" in device and firmware.tree.steps(device) is None:  # in arguments, a slash ends them
            name, _, arguments = device.partition(":")
            device = f"{name}:" + arguments.replace("/", "\\")
        try:
            instance = firmware.instances.open(device)
            try:
                stack = [self.load_base]
                instance.call("load", stack)
                path = instance.state.get("loaded") or instance.path
            finally:
                firmware.instances.close(instance)
        except Throw as thrown:
            raise BootError(thrown.reason or f"load threw {thrown.code}") from None
        except (GuestFault, PortError) as error:
            raise BootError(str(error)) from None
        size = stack.pop() if stack else 0
        if size <= 0:
            raise BootError("nothing was loaded")
        if self.load_base + size > self._limit:
            raise BootError(f"{size} bytes don't fit at {self.load_base:#x}: a larger -m would do")
        return path, size, bool(instance.state.get("prep"))

    def init_program(self, size: int, *, prep: bool = False) -> Placement:
        """Put the program whose file is at `load-base` where it runs (1275 §7.4.3.1, `init-program`).

        Args:
            size: the file's bytes.
            prep: whether it is what a PReP partition holds.

        Raises:
            BootError: it is no program, or doesn't fit.
        """
        memory, base = self._firmware.memory, self.load_base
        try:
            size = self._unpack(size)
            file = MemoryFile(memory, base, size)
            program = read_prep(file, size) if prep else read_plain(file)
            in_place = program.kind == "prep"
            placement = place(program, base if in_place else _MOVED_TO, limit=self._limit)
            self._claim(placement)
            if not in_place:
                for segment in placement.segments if self._settle is not None else ():
                    if segment.address >= base + size or segment.address + segment.memory_size <= base:
                        self._settle(segment.address, segment.memory_size)  # type: ignore[misc]
                init_program(memory, base, size, limit=self._limit, kernel_at=_MOVED_TO)
        except (UsageError, GuestFault) as error:
            raise BootError(str(error)) from None
        return placement

    def _unpack(self, size: int) -> int:
        """Unpack what is at `load-base`, if it is compressed; its bytes then."""
        memory, base = self._firmware.memory, self.load_base
        file = MemoryFile(memory, base, size)
        if file.read(len(GZIP_MAGIC)) != GZIP_MAGIC:
            return size
        file.seek(0)
        unpacked = unpack_gzip(file, self._limit - base)
        done = 0
        while data := unpacked.read(_PIECE):
            memory.write(base + done, data)
            done += len(data)
        return done

    def _claim(self, placement: Placement) -> None:
        start, end = placement.start, placement.end
        try:
            self._firmware.claims.claim(start, end - start, 0)
        except GuestFault as fault:
            raise BootError(f"no room for the program at {start:#x}: {fault}") from None


def _first(devices: Iterable[str], act: Callable[[str], _Result]) -> _Result:
    """What comes of the first device with which it can be done.

    Raises:
        NothingBoots: there is none.
    """
    tried = []
    for device in devices:
        try:
            return act(device)
        except BootError as error:
            tried.append((device, str(error)))
    raise NothingBoots(tried)


def publish(firmware: OpenFirmware, path: str, arguments: str) -> None:
    """Have `/chosen` say what was booted (1275 §3.5).

    Args:
        firmware: the firmware.
        path: where the program came from.
        arguments: the program's.
    """
    firmware.tree.set("/chosen", "bootpath", encode_string(path))
    firmware.tree.set("/chosen", "bootargs", encode_string(arguments))
