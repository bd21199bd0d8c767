"""The disks of QEMU's machines, for the firmware: the nodes of QEMU's block layer that the guest's controllers have.

While the firmware has the machine they are exported to this process; at the hand-over the exports close, and the client
program's own drivers have the disks alone.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from typing import Any, TypeVar

from vof.backends import Volumes
from vof.backends.cached import CachedDisk
from vof.backends.image_lock import ImageLocks
from vof.backends.nbd import NbdDisk, NbdError
from vof.engines.qemu import QemuEngine
from vof.engines.qemu.exports import Exports
from vof.engines.qemu.topology import GuestDisk, Topology
from vof.errors import EngineError, PortError
from vof.machines.disks import Controller, Disk, DiskPlace
from vof.vm.drive_options import QemuDrives

__all__ = ["QemuDisks", "found_by"]

_T = TypeVar("_T")
_BLOCK, _CDROM_BLOCK = 512, 2048


class QemuDisks:
    """What of QEMU's disks the firmware gets.

    Args:
        engine: the QEMU.
        drives: what the user's drives have become.
        wrap: makes of a back end, given its name and its kind, the port that the firmware gets.

    Attributes:
        tend: called now and then while QEMU is waited for.
        disks: the disks of this boot; those of the user's `-drive` options first, in their order.

    Raises:
        UsageError: another machine has one of the images.
    """

    def __init__(self, engine: QemuEngine, drives: QemuDrives, wrap: Callable[[str, str, Any], Any]) -> None:
        self._engine = engine
        self._drives = drives
        self._wrap = wrap
        self._closers = ExitStack()
        self._exports: Exports | None = None
        self._volumes: Volumes | None = None
        self._open: list[_ExportedDisk] = []
        self._cached: list[CachedDisk] = []
        self.tend: Callable[[], object] = _nothing
        self.disks: tuple[Disk, ...] = ()
        try:
            self._closers.enter_context(closing(ImageLocks(drives.images)))
        except BaseException:
            self.close()
            raise

    @property
    def bytes_read(self) -> int:
        """Bytes that the firmware read."""
        return sum(disk.bytes_read for disk in self._cached)

    def find(self) -> None:
        """See what disks the guest has: once for each boot.

        Raises:
            EngineError: QEMU doesn't answer.
        """
        self.let_go()
        engine = self._engine
        if self._exports is None:
            self._exports = Exports(engine.ask_monitor, engine.guardian)
            self._closers.callback(self._exports.forget)
            self._volumes = Volumes()
            self._closers.callback(self._volumes.close)
        assert self._volumes is not None
        order = {name: place for place, name in enumerate(self._drives.names)}
        found = sorted(
            (disk for disk in found_by(engine, Topology.disks) if disk.node),
            key=lambda disk: order.get(disk.name, len(order)),
        )
        disks = []
        for number, disk in enumerate(found):
            exported = _ExportedDisk(self._exports, disk, self._tend)
            self._open.append(exported)
            cached = CachedDisk(exported)
            self._cached.append(cached)
            files = self._volumes.files(cached, partial(getattr, cached, "writes"))
            place = disk.place
            disks.append(
                Disk(
                    name=disk.name,
                    block=self._wrap(f"block{number}", "block", cached),
                    partitions=self._wrap(f"partitions{number}", "partitions", self._volumes.partitions(cached)),
                    files=self._wrap(f"files{number}", "files", files),
                    cdrom=disk.cdrom,
                    place=DiskPlace(
                        disk.kind,
                        Controller(place.host, place.functions, place.vio),
                        disk.channel,
                        disk.target,
                        disk.lun,
                    ),
                    boot_index=disk.boot_index,
                )
            )
        self.disks = tuple(disks)

    def let_go(self) -> None:
        """End all exports: the client program has the machine, or it was reset."""
        for disk in self._open:
            disk.close()
        self._open.clear()
        if self._exports is not None:
            self._exports.stop()

    def forget(self) -> None:
        """QEMU is gone, and another one is about to take its place."""
        for disk in self._open:
            disk.close()
        self._open.clear()
        if self._exports is not None:
            self._exports.forget()

    def close(self) -> None:
        """Let go of everything. QEMU is ended apart."""
        self.forget()
        self._closers.close()

    def _tend(self) -> None:
        self.tend()


class _ExportedDisk:
    """The port `Block` over one of QEMU's nodes. It is exported read-only until something is written."""

    def __init__(self, exports: Exports, disk: GuestDisk, tend: Callable[[], None]) -> None:
        self._exports = exports
        self._disk = disk
        self._tend = tend
        self._there: NbdDisk | None = None
        self._writes = False
        self._closed = False

    @property
    def block_size(self) -> int:
        return _CDROM_BLOCK if self._disk.cdrom else _BLOCK

    @property
    def size(self) -> int:
        return self._disk.size

    def read(self, offset: int, length: int) -> bytes:
        return self._talk(lambda there: there.read(offset, length))

    def write(self, offset: int, data: bytes) -> None:
        if self._disk.read_only:
            raise PortError(f"{self._disk.name} is read-only")
        if not self._writes:
            self._hang_up()
            self._writes = True
        self._talk(lambda there: there.write(offset, data))

    def close(self) -> None:
        self._closed = True
        self._hang_up()

    def _hang_up(self) -> None:
        there, self._there = self._there, None
        if there is not None:
            there.close()

    def _talk(self, what: Callable[[NbdDisk], _T]) -> _T:
        """Do something with a connection; with a second one where the first has broken since it was last used."""
        again = self._there is not None
        while True:
            try:
                return what(self._connect())
            except NbdError as error:
                self._hang_up()
                if not again:
                    raise PortError(f"{self._disk.name}: {error}") from None
                again = False
            except BaseException:
                if self._there is not None and not self._there.in_step:
                    self._hang_up()
                raise

    def _connect(self) -> NbdDisk:
        if self._closed:
            raise PortError(f"{self._disk.name}: the client program's own driver has it now")
        if self._there is None:
            try:
                connection, export = self._exports.connect(self._disk.node, writable=self._writes)
            except EngineError as error:
                raise PortError(f"{self._disk.name}: {error}") from None
            self._there = NbdDisk(connection, export, block_size=self.block_size, tend=self._tend)
        return self._there


def found_by(engine: QemuEngine, find: Callable[[Topology], list[_T]]) -> list[_T]:
    """What QEMU's monitor tells of the guest's devices.

    Raises:
        EngineError: it doesn't answer; if QEMU has ended, why.
    """
    try:
        return find(Topology(engine.monitor.execute))  # some questions are refused, which is an answer, too
    except EngineError:
        engine.ask_monitor("query-status")
        raise


def _nothing() -> None:
    pass
