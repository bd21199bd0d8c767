"""The disk's package: what a client opens to read and write a disk or one of its partitions."""

from __future__ import annotations

from collections.abc import Sequence

from vof.errors import PortError, Throw, ThrowCode
from vof.packages.instance import Instance, Method, Stack
from vof.ports import Block, Files, Memory, Partition, Partitions

__all__ = ["DiskPackage"]

_CHUNK = 0x100000
"""Bytes moved at a time: a client may pass any length."""
_CELL = 0xFFFFFFFF
_LONGEST_NUMBER = 6
_LONGEST_BOOT_PARTITION = 32 << 20
"""Bytes that are loaded of a PReP partition: as much as SLOF does."""
_USUAL_FILES = ("/ppc/bootinfo.txt", "/boot/grub/powerpc.elf")
"""What is loaded from a file system by convention: CHRP's boot script, then what grub-mkrescue has."""
_BOOT_TYPE = "tbxi"
"""The type of a boot file in the blessed folder."""


class DiskPackage:
    """Methods of a disk over the `Block` port, with the work of the `disk-label` and `deblocker` packages in them.

    Open arguments, as clients write them: none, `0` and `nolabel` are the whole disk, `2` is partition 2, `2,\\path` a
    file in that, `,\\path` and `\\path` one on the whole disk, or in the first partition that has it; `2,\\\\:tbxi` is
    the file of that type in the blessed folder and `2,\\\\name` any other one in it. `seek`, `read` and `write` are
    relative to the partition that was opened, or the disk, and stay inside it; a path is for `load`. `read-blocks`,
    `write-blocks` and `#blocks` are the device's own (1275's device type "block") and know no partitions.

    An instance's state is `start` and `size` of what it opened, `position` in that, all in bytes, the number of the
    `partition` and the `path`; after `load` also `loaded`, the path of what was, and `prep`, whether that
    is a PReP partition.

    Args:
        memory: guest memory.
        block: the disk.
        partitions: its partitions.
        files: its files; without, no path can be loaded.
        top: the first address that `load` may not write to; 0 for the end of memory.
    """

    def __init__(
        self, memory: Memory, block: Block, partitions: Partitions, files: Files | None = None, top: int = 0
    ) -> None:
        self.memory = memory
        self.block = block
        self.partitions = partitions
        self.files = files
        self.top = top or memory.size

    def methods(self) -> dict[str, Method]:
        """The methods, by name, for `Node.methods`."""
        return {
            "open": self.open,
            "close": self.close,
            "read": self.read,
            "write": self.write,
            "seek": self.seek,
            "load": self.load,
            "block-size": self.block_size,
            "#blocks": self.block_count,
            "max-transfer": self.max_transfer,
            "read-blocks": self.read_blocks,
            "write-blocks": self.write_blocks,
        }

    def open(self, instance: Instance, stack: Stack) -> None:
        """( -- true ). What can't be opened throws, for the reason's sake."""
        number, path = _parse(instance.arguments)
        start, size = self.partitions.find(number) if number else (0, self.block.size)
        instance.state.update(partition=number, start=start, size=size, position=0, path=path)
        stack.append(-1)

    def close(self, instance: Instance, stack: Stack) -> None:
        """( -- ): nothing is held back, so there is nothing to write."""

    def seek(self, instance: Instance, stack: Stack) -> None:
        """( pos.lo pos.hi -- status ): 0, or -1 beyond the end."""
        high, low = stack.pop(), stack.pop()
        position = (high & _CELL) << 32 | low & _CELL
        if position > instance.state["size"]:
            stack.append(-1)
        else:
            instance.state["position"] = position
            stack.append(0)

    def read(self, instance: Instance, stack: Stack) -> None:
        """( addr len -- actual ): fewer only at the end."""
        length, address = stack.pop(), stack.pop()
        state = instance.state
        actual = min(_count(length), state["size"] - state["position"])
        self._to_memory(state["start"] + state["position"], address, actual)
        state["position"] += actual
        stack.append(actual)

    def write(self, instance: Instance, stack: Stack) -> None:
        """( addr len -- actual ): fewer only at the end."""
        length, address = stack.pop(), stack.pop()
        state = instance.state
        actual = min(_count(length), state["size"] - state["position"])
        self._from_memory(state["start"] + state["position"], address, actual)
        state["position"] += actual
        stack.append(actual)

    def load(self, instance: Instance, stack: Stack) -> None:
        """( addr -- size ): the file that was opened, a PReP partition, or what is on the disk to be booted."""
        address = stack.pop()
        number, path = instance.state["partition"], instance.state["path"]
        if path:
            stack.append(self._load_file(instance, address, self._in_partitions(number, path), path))
        elif number:
            stack.append(self._load_from(instance, address, self._partition(number)))
        else:
            stack.append(self._load_any(instance, address))

    def block_size(self, instance: Instance, stack: Stack) -> None:
        """( -- bytes )."""
        stack.append(self.block.block_size)

    def block_count(self, instance: Instance, stack: Stack) -> None:
        """( -- blocks ): whole ones, and no more than a cell can say."""
        stack.append(min(self.block.size // self.block.block_size, _CELL))

    def max_transfer(self, instance: Instance, stack: Stack) -> None:
        """( -- bytes ): what is a good amount for one call; more works."""
        stack.append(_CHUNK)

    def read_blocks(self, instance: Instance, stack: Stack) -> None:
        """( addr block# #blocks -- #read )."""
        count, first, address = stack.pop(), stack.pop(), stack.pop()
        actual = self._blocks(first, count)
        self._to_memory(first * self.block.block_size, address, actual * self.block.block_size)
        stack.append(actual)

    def write_blocks(self, instance: Instance, stack: Stack) -> None:
        """( addr block# #blocks -- #written )."""
        count, first, address = stack.pop(), stack.pop(), stack.pop()
        actual = self._blocks(first, count)
        self._from_memory(first * self.block.block_size, address, actual * self.block.block_size)
        stack.append(actual)

    # What `load` finds

    def _partition(self, number: int) -> Partition:
        found = next((one for one in self.partitions.list() if one.number == number), None)
        return found or Partition(number, *self.partitions.find(number), "")

    def _in_partitions(self, number: int, path: str) -> Sequence[int]:
        """Where a file may be: the partition that was named, or the whole disk and then all partitions."""
        return (number,) if number else (0, *(one.number for one in self._all_partitions()))

    def _all_partitions(self) -> list[Partition]:
        try:
            return self.partitions.list()
        except PortError:  # a CD-ROM, or nothing at all
            return []

    def _load_any(self, instance: Instance, address: int) -> int:
        """What is on the disk to be booted: a PReP partition, the active ones first, or what a file system has."""
        partitions = self._all_partitions()
        preps = sorted((one for one in partitions if one.kind == "prep"), key=lambda one: not one.active)
        if preps:
            return self._load_raw(instance, address, preps[0])
        reasons = []
        for number in (0, *(one.number for one in partitions)):
            try:
                return self._load_usual(instance, address, number)
            except PortError as error:
                reasons.append(str(error))
        there = ", ".join(str(one.number) for one in partitions)
        raise Throw(
            ThrowCode.ABORT,
            f"no PReP partition, and no boot script or boot file in partition {there}" if there else reasons[0],
        )

    def _load_from(self, instance: Instance, address: int, partition: Partition) -> int:
        """What a partition has: all of it, if it is a PReP one or holds no file system."""
        if partition.kind != "prep" and self.files is not None:
            try:
                return self._load_usual(instance, address, partition.number)
            except PortError as error:
                if partition.size > _LONGEST_BOOT_PARTITION:
                    raise Throw(ThrowCode.ABORT, str(error)) from None
        return self._load_raw(instance, address, partition)

    def _load_raw(self, instance: Instance, address: int, partition: Partition) -> int:
        size = min(partition.size, _LONGEST_BOOT_PARTITION)
        self._check_room(address, size)
        self._to_memory(partition.start, address, size)
        self._loaded(instance, str(partition.number))
        instance.state["prep"] = partition.kind == "prep"
        return size

    def _load_usual(self, instance: Instance, address: int, number: int) -> int:
        """A boot script or boot file, where a file system has one.

        Raises:
            PortError: it has none.
        """
        if self.files is None:
            raise PortError("no reader of file systems")
        first: PortError | None = None
        for path in (*_USUAL_FILES, ""):
            try:
                found = path or self._typed(number, _BOOT_TYPE)
                size = self.files.size(number, found)
            except PortError as error:
                first = first or error
                continue
            return self._load_from_file(instance, address, number, found, size)
        assert first is not None
        raise first

    def _load_file(self, instance: Instance, address: int, numbers: Sequence[int], path: str) -> int:
        if self.files is None:
            raise Throw(ThrowCode.ABORT, f"no reader of file systems, so no file {path}")
        first: PortError | None = None
        for number in numbers:
            try:
                found = self._resolve(number, path)
                size = self.files.size(number, found)
            except PortError as error:
                first = first if first is not None and len(numbers) == 1 else error
                continue
            return self._load_from_file(instance, address, number, found, size)
        raise Throw(ThrowCode.ABORT, str(first))

    def _resolve(self, number: int, path: str) -> str:
        """A path as clients write it, with slashes."""
        assert self.files is not None
        plain = path.replace("\\", "/")
        if not plain.startswith("//"):
            return plain if plain.startswith("/") else f"/{plain}"
        name = plain[2:]
        if name.startswith(":"):
            return self._typed(number, name[1:])
        return f"{self.files.blessed(number)}/{name}"

    def _typed(self, number: int, kind: str) -> str:
        """The file of a type in the blessed folder."""
        assert self.files is not None
        return self.files.of_type(number, self.files.blessed(number), kind)

    def _load_from_file(self, instance: Instance, address: int, number: int, path: str, size: int) -> int:
        assert self.files is not None
        self._check_room(address, size)
        done = 0
        while done < size:
            data = self.files.read(number, path, done, min(_CHUNK, size - done))
            if not data:
                raise PortError(f"{path} ended {size - done} bytes early")
            self.memory.write(address + done, data)
            done += len(data)
        partition = str(number) if number else ""
        self._loaded(instance, f"{partition},{path}".replace("/", "\\"))  # as GRUB takes `/chosen` `bootpath` apart
        return size

    def _check_room(self, address: int, size: int) -> None:
        if address + size > self.top:
            raise Throw(ThrowCode.ABORT, f"{size} bytes don't fit into memory at {address:#x}: a larger -m would do")

    def _loaded(self, instance: Instance, arguments: str) -> None:
        path = instance.path.removesuffix(f":{instance.arguments}") if instance.arguments else instance.path
        instance.state.update(loaded=f"{path}:{arguments}", prep=False)

    # Bytes

    def _blocks(self, first: int, count: int) -> int:
        """How many of these blocks the disk has."""
        return max(0, min(_count(count), self.block.size // self.block.block_size - _count(first)))

    def _to_memory(self, offset: int, address: int, length: int) -> None:
        self._check(address, length)
        for done in range(0, length, _CHUNK):
            wanted = min(_CHUNK, length - done)
            data = self.block.read(offset + done, wanted)
            if len(data) != wanted:
                raise PortError(f"the disk gave {len(data)} of {wanted} bytes at {offset + done}")
            self.memory.write(address + done, data)

    def _from_memory(self, offset: int, address: int, length: int) -> None:
        self._check(address, length)
        for done in range(0, length, _CHUNK):
            self.block.write(offset + done, self.memory.read(address + done, min(_CHUNK, length - done)))

    def _check(self, address: int, length: int) -> None:
        """Nothing is moved where the end of the buffer is outside memory."""
        if length:
            self.memory.read(address + length - 1, 1)


def _count(number: int) -> int:
    if number < 0:
        raise Throw(ThrowCode.ABORT, f"a count of {number}")
    return number


def _parse(arguments: str) -> tuple[int, str]:
    """The partition's number, 0 for the whole disk, and the path."""
    before, comma, after = arguments.partition(",")
    if before[:1] in ("\\", "/"):
        return 0, arguments
    if before in ("", "nolabel"):
        return 0, after
    if not (before.isascii() and before.isdigit() and len(before) <= _LONGEST_NUMBER):
        raise Throw(ThrowCode.ABORT, f'no partition "{before}": it is a number, "nolabel" or "N,\\path"')
    return int(before), after if comma else ""
