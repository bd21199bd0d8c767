"""`deblocker` and `disk-label`, as a disk opens them: an instance whose parent is the disk's."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import World

from disk_images import LAYOUTS, MIB, make_image
from vof.backends import OverlayDisk, RawDisk, Volumes
from vof.errors import Throw
from vof.machines.disks import add_support_packages
from vof.packages import DiskPackage, Instance
from vof.packages.instance import Stack
from vof.tree import Node

DISK = "/pci@8/scsi@1/disk"
BUFFER = 0x100000
BLOCK = 512
SIZE = 64 * BLOCK


class Blocks:
    """A device that moves whole blocks and nothing else.

    Attributes:
        fails_at: the first block that can't be moved.
        moves: how many blocks each call was asked for.
    """

    def __init__(self, world: World) -> None:
        self.memory = world.memory
        self.data = bytearray(os.urandom(SIZE))
        self.fails_at = SIZE // BLOCK
        self.moves: list[int] = []

    def block_size(self, instance: Instance, stack: Stack) -> None:
        stack.append(BLOCK)

    def max_transfer(self, instance: Instance, stack: Stack) -> None:
        stack.append(8 * BLOCK)

    def read_blocks(self, instance: Instance, stack: Stack) -> None:
        count, first, address = stack.pop(), stack.pop(), stack.pop()
        actual = self._actual(first, count)
        self.memory.write(address, bytes(self.data[first * BLOCK : (first + actual) * BLOCK]))
        stack.append(actual)

    def write_blocks(self, instance: Instance, stack: Stack) -> None:
        count, first, address = stack.pop(), stack.pop(), stack.pop()
        actual = self._actual(first, count)
        self.data[first * BLOCK : (first + actual) * BLOCK] = self.memory.read(address, actual * BLOCK)
        stack.append(actual)

    def _actual(self, first: int, count: int) -> int:
        self.moves.append(count)
        return max(0, min(count, self.fails_at - first))


@pytest.fixture
def world() -> World:
    world = World()
    add_support_packages(world.tree, world.memory, world.claims, {})
    return world


@pytest.fixture
def blocks(world: World) -> Blocks:
    blocks = Blocks(world)
    names = ("block-size", "max-transfer", "read-blocks", "write-blocks")
    world.node(DISK).methods.update({name: getattr(blocks, name.replace("-", "_")) for name in names})
    return blocks


def support(world: World, name: str, arguments: str = "") -> Instance:
    """An instance of a support package, opened by an instance of the disk."""
    package = world.tree.find(f"/packages/{name}")
    assert isinstance(package, Node)
    instance = Instance(2, package, Instance(1, world.node(DISK), None), arguments=arguments)
    assert ask(instance, "open") == [-1]
    return instance


def ask(instance: Instance, method: str, *stack: int) -> list[int]:
    cells = list(stack)
    instance.call(method, cells)
    return cells


@pytest.mark.parametrize(
    ("position", "length"), [(0, SIZE), (1, 1), (511, 2), (512, 512), (700, 9000), (0, 0), (3, 511)]
)
def test_deblocker_reads_and_writes_any_bytes(world: World, blocks: Blocks, position: int, length: int) -> None:
    instance = support(world, "deblocker")
    assert ask(instance, "seek", position, 0) == [0]
    assert ask(instance, "read", BUFFER, length) == [length]
    assert world.memory.read(BUFFER, length) == blocks.data[position : position + length]

    new, before = os.urandom(length), bytes(blocks.data)
    world.memory.write(BUFFER, new)
    ask(instance, "seek", position, 0)
    assert ask(instance, "write", BUFFER, length) == [length]
    assert blocks.data == before[:position] + new + before[position + length :]
    assert max(blocks.moves, default=0) <= 8
    assert instance.state["position"] == position + length
    pickle.loads(pickle.dumps(instance.state))


def test_deblocker_ends_where_the_device_does(world: World, blocks: Blocks) -> None:
    instance = support(world, "deblocker")
    ask(instance, "seek", SIZE - 700, 0)
    assert ask(instance, "read", BUFFER, 9000) == [700]
    assert ask(instance, "read", BUFFER, 1) == [0]
    ask(instance, "seek", 0, 0xFFFFFFFF)
    assert ask(instance, "read", BUFFER, 1) == [0]
    blocks.fails_at = 3
    ask(instance, "seek", 0, 0)
    assert ask(instance, "write", BUFFER, SIZE) == [3 * BLOCK]


def test_deblocker_gives_its_buffer_back(world: World, blocks: Blocks) -> None:
    before = world.claims.free()
    instance = support(world, "deblocker")
    assert world.claims.free() != before
    ask(instance, "close")
    assert world.claims.free() == before


@pytest.mark.parametrize("size", [0, 0x20000, -1])
def test_deblocker_takes_no_senseless_blocks(world: World, blocks: Blocks, size: int) -> None:
    world.node(DISK).methods["block-size"] = lambda instance, stack: stack.append(size)
    with pytest.raises(Throw, match="blocks of"):
        support(world, "deblocker")


@pytest.mark.parametrize("name", ["deblocker", "disk-label"])
def test_a_parent_that_is_no_disk(world: World, name: str) -> None:
    with pytest.raises(Throw, match="its parent is none"):
        support(world, name)


@pytest.fixture
def volumes() -> Iterator[Volumes]:
    volumes = Volumes()
    yield volumes
    volumes.close()


def test_disk_label_knows_where_a_partition_is(world: World, volumes: Volumes, tmp_path: Path) -> None:
    layout = LAYOUTS["mbr"]
    block = OverlayDisk(RawDisk(make_image(tmp_path / "disk.img", layout)))
    node = world.node(DISK)
    disks = {node.phandle: DiskPackage(world.memory, block, volumes.partitions(block))}
    node.methods.update(disks[node.phandle].methods())
    add_support_packages(world.tree, world.memory, world.claims, disks)
    disk = Instance(1, node, None)
    assert ask(disk, "open") == [-1]
    package = world.tree.find("/packages/disk-label")
    assert package is not None
    for number, (start, _) in layout.partitions.items():
        instance = Instance(2, package, disk, arguments=str(number))
        assert ask(instance, "open") == [-1]
        assert ask(instance, "offset", 512, 0) == [start * MIB + 512, 0]
        ask(instance, "close")
