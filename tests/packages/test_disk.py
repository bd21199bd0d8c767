"""The disk's package as clients use it: real images, opened through the client interface."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes import World

from disk_images import LAYOUTS, MIB, make_image
from vof.backends import OverlayDisk, RawDisk, Volumes
from vof.errors import PortError, ThrowCode
from vof.packages import DiskPackage
from vof.ports import Block

NODE = "/pci@8/scsi@1/disk"
BUFFER = 0x100000
MBR = LAYOUTS["mbr"]
MARK = b"first bytes of %d"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MBR disk whose partitions say at their beginning which they are."""
    path = make_image(tmp_path_factory.mktemp("images") / "disk.img", MBR)
    with path.open("r+b") as file:
        for number, (start, _) in MBR.partitions.items():
            file.seek(start * MIB)
            file.write(MARK % number)
    return path


@pytest.fixture(scope="module")
def volumes() -> Iterator[Volumes]:
    volumes = Volumes()
    yield volumes
    volumes.close()


class Disk:
    """A small machine with a disk in it, and a client that has opened something of it."""

    def __init__(self, block: Block, volumes: Volumes) -> None:
        self.world = World()
        package = DiskPackage(self.world.memory, block, volumes.partitions(block))
        self.world.node(NODE).methods.update(package.methods())
        self.ihandle = 0

    def open(self, specifier: str) -> bool:
        self.ihandle = self.world.ask("open", specifier).results[0]
        return bool(self.ihandle)

    def seek(self, position: int) -> int:
        return self._status("seek", position >> 32, position & 0xFFFFFFFF)

    def read(self, length: int, address: int = BUFFER) -> int:
        return self._status("read", address, length)

    def write(self, length: int, address: int = BUFFER) -> int:
        return self._status("write", address, length)

    def method(self, name: str, *arguments: int, results: int = 1) -> tuple[int, ...]:
        """`call-method` with the method's arguments, top of the stack first: catch result and results."""
        return self.world.ask("call-method", name, self.ihandle, *arguments, nret=1 + results).results

    def memory(self, length: int) -> bytes:
        return self.world.memory.read(BUFFER, length)

    def put(self, data: bytes) -> None:
        self.world.memory.write(BUFFER, data)

    def _status(self, service: str, first: int, second: int) -> int:
        (result,) = self.world.ask(service, self.ihandle, first, second).results
        return result - (1 << 32) if result >> 31 else result


@pytest.fixture
def disk(image: Path, volumes: Volumes) -> Disk:
    """The image under an overlay: tests may write."""
    return Disk(OverlayDisk(RawDisk(image)), volumes)


# --- open ---


@pytest.mark.parametrize(
    ("arguments", "partition"),
    [
        ("", 0),
        (":", 0),
        (":0", 0),  # GRUB, yaboot
        (":nolabel", 0),
        (":1", 1),
        (":02", 2),  # yaboot writes two digits
        (":5", 5),
        (":7", 7),
        (r":1,\path", 1),  # GRUB's bootpath
        (r":02,\etc\yaboot.conf", 2),
        (r":0,\path", 0),
        (r":,\ofwboot", 0),
        (r":\ofwboot", 0),
        (r":,\\:tbxi", 0),
    ],
)
def test_open_arguments(disk: Disk, arguments: str, partition: int) -> None:
    assert disk.open("disk" + arguments), disk.world.fault
    if partition == 0:
        assert disk.seek(510) == 0
        assert disk.read(2) == 2
        assert disk.memory(2) == b"\x55\xaa"
    else:
        assert disk.read(16) == 16
        assert disk.memory(16) == (MARK % partition)[:16].ljust(16, b"\0")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (":4", "no partition 4; it has 1, 2, 3, 5, 6, 7"),
        (":99", "no partition 99"),
        (r":8,\path", "no partition 8"),
        (":%BOOT", 'no partition "%BOOT"'),
        (":-1", "no partition"),
        (":1x", 'no partition "1x"'),
        (":" + "9" * 400, "no partition"),
        (":\xb2", "no partition"),  # a digit to Python, and no number
    ],
)
def test_what_cannot_be_opened_says_why(disk: Disk, arguments: str, reason: str) -> None:
    before = disk.world.state()
    assert not disk.open("disk" + arguments)
    assert reason in disk.world.fault
    assert disk.world.state() == before


def test_a_disk_without_a_table_is_whole(tmp_path: Path, volumes: Volumes) -> None:
    (tmp_path / "disk.img").write_bytes(bytes(MIB))
    disk = Disk(RawDisk(tmp_path / "disk.img"), volumes)
    assert disk.open("disk:0")
    assert not disk.open("disk:1")
    assert "no partition table" in disk.world.fault


def test_instances_have_positions_of_their_own(disk: Disk) -> None:
    assert disk.open("disk:1")
    first = disk.ihandle
    assert disk.seek(100) == 0
    assert disk.open("disk:1")
    assert disk.read(5) == 5
    assert disk.memory(5) == b"first"
    disk.ihandle = first
    assert disk.read(5) == 5
    assert disk.memory(5) == bytes(5)


def test_an_instances_state_can_be_pickled(disk: Disk) -> None:
    assert disk.open(r"disk:2,\path")
    assert disk.read(7) == 7
    state = disk.world.firmware.instances.by_ihandle[disk.ihandle].state
    assert state == {"partition": 2, "start": 5 * MIB, "size": 10 * MIB, "position": 7, "path": "\\path"}
    assert pickle.loads(pickle.dumps(state)) == state


# --- seek, read, write ---


@pytest.mark.parametrize(
    ("arguments", "position", "status"),
    [
        (":0", 0, 0),
        (":0", 48 * MIB, 0),
        (":0", 48 * MIB + 1, -1),
        (":0", 1 << 32, -1),
        (":0", (1 << 64) - 1, -1),
        (":1", 4 * MIB, 0),
        (":1", 4 * MIB + 1, -1),
    ],
)
def test_seek(disk: Disk, arguments: str, position: int, status: int) -> None:
    assert disk.open("disk" + arguments)
    assert disk.seek(position) == status


def test_seek_has_64_bits(tmp_path: Path, volumes: Volumes) -> None:
    path = tmp_path / "large.img"
    with path.open("wb") as file:
        file.truncate(2 << 40)
        file.seek((1 << 40) + 5)
        file.write(b"far out")
    disk = Disk(RawDisk(path), volumes)
    assert disk.open("disk")
    assert disk.seek((1 << 40) + 5) == 0
    assert disk.read(7) == 7
    assert disk.memory(7) == b"far out"


@pytest.mark.parametrize(
    ("arguments", "position", "length", "actual"),
    [
        (":0", 0, 0, 0),
        (":0", 0, 3 * MIB + 1, 3 * MIB + 1),  # in pieces
        (":0", 48 * MIB - 3, 10, 3),
        (":0", 48 * MIB, 10, 0),
        (":1", 4 * MIB - 1, 0xFFFFFFFF, 1),  # any length, where the disk ends before memory does
        (":2", 10 * MIB - 512, 1024, 512),
    ],
)
def test_reads_are_short_only_at_the_end(
    disk: Disk, image: Path, arguments: str, position: int, length: int, actual: int
) -> None:
    assert disk.open("disk" + arguments)
    start = {":0": 0, ":1": 1, ":2": 5}[arguments] * MIB
    disk.put(b"?" * MIB)
    assert disk.seek(position) == 0
    assert disk.read(length) == actual
    with image.open("rb") as file:
        file.seek(start + position)
        for done in range(0, actual, MIB):
            piece = min(MIB, actual - done)
            assert disk.world.memory.read(BUFFER + done, piece) == file.read(piece)
    if actual < MIB:
        assert disk.world.memory.read(BUFFER + actual, 1) == b"?"
    assert disk.read(0) == 0


def test_reads_go_on_where_the_last_one_ended(disk: Disk) -> None:
    assert disk.open("disk:6")
    seen = b""
    for length in (1, 5, 12):
        assert disk.read(length) == length
        seen += disk.memory(length)
    assert seen == (MARK % 6).ljust(18, b"\0")


def test_what_is_written_is_read(disk: Disk) -> None:
    assert disk.open("disk:1")
    disk.put(b"changed")
    assert disk.seek(4 * MIB - 9) == 0
    assert disk.write(7) == 7
    assert disk.open("disk:0")
    assert disk.seek(5 * MIB - 10) == 0
    assert disk.read(11) == 11
    assert disk.memory(11) == b"\0changed\0\0f"


def test_a_write_stays_inside_its_partition(disk: Disk) -> None:
    assert disk.open("disk:1")
    disk.put(b"changed")
    assert disk.seek(4 * MIB - 3) == 0
    assert disk.write(7) == 3
    assert disk.write(7) == 0
    assert disk.open("disk:2")
    assert disk.read(5) == 5
    assert disk.memory(5) == b"first"


def test_a_write_reaches_the_image(tmp_path: Path, volumes: Volumes) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(3 * MIB))
    disk = Disk(RawDisk(path, writable=True), volumes)
    assert disk.open("disk")
    disk.put(bytes(range(256)) * (2 * MIB // 256))
    assert disk.seek(100) == 0
    assert disk.write(2 * MIB) == 2 * MIB
    assert path.read_bytes() == bytes(100) + bytes(range(256)) * (2 * MIB // 256) + bytes(MIB - 100)


def test_a_read_only_image_stays_untouched(image: Path, volumes: Volumes) -> None:
    disk = Disk(RawDisk(image), volumes)
    before = (image.stat().st_mtime_ns, image.read_bytes())
    assert disk.open("disk:1")
    assert disk.write(7) == -1
    assert "read-only" in disk.world.fault
    assert disk.method("write-blocks", 1, 0, BUFFER)[0] != 0
    assert "read-only" in disk.world.fault
    assert (image.stat().st_mtime_ns, image.read_bytes()) == before
    assert disk.read(5) == 5  # from where it was
    assert disk.memory(5) == b"first"


@pytest.mark.parametrize("service", ["read", "write"])
@pytest.mark.parametrize(
    ("address", "length"),
    [(World.SIZE - 10, 11), (World.SIZE - 10, 8 * MIB), (0xFFFFFFFF, 2), (World.SIZE, 1)],
)
def test_a_buffer_outside_memory_moves_nothing(disk: Disk, service: str, address: int, length: int) -> None:
    assert disk.open("disk:2")
    tail = disk.world.memory.read(World.SIZE - 10, 10)
    answer = disk.world.ask(service, disk.ihandle, address, length)
    assert (answer.r3, answer.results) == (-1, (0xFFFFFFFF,))
    assert disk.world.memory.read(World.SIZE - 10, 10) == tail
    assert disk.read(5) == 5
    assert disk.memory(5) == b"first"


# --- the device's own methods ---


def test_what_the_device_says_of_itself(disk: Disk) -> None:
    for arguments in ("", ":2"):
        assert disk.open("disk" + arguments)
        assert disk.method("block-size") == (0, 512)
        assert disk.method("#blocks") == (0, 48 * MIB // 512)
        assert disk.method("max-transfer")[1] % 512 == 0


def test_a_cd_has_blocks_of_its_own(image: Path, volumes: Volumes) -> None:
    disk = Disk(RawDisk(image, block_size=2048), volumes)
    assert disk.open("disk")
    assert disk.method("block-size") == (0, 2048)
    assert disk.method("#blocks") == (0, 48 * MIB // 2048)
    assert disk.method("read-blocks", 1, MIB // 2048, BUFFER) == (0, 1)
    assert disk.memory(5) == b"first"


@pytest.mark.parametrize(
    ("first", "count", "actual"),
    [
        (2048, 1, 1),
        (2048, 4000, 4000),
        (48 * 2048 - 1, 5, 1),
        (48 * 2048, 1, 0),
        (0xFFFFFFFF, 0xFFFFFFFF, 0),
        (0, 0, 0),
    ],
)
def test_read_blocks(disk: Disk, image: Path, first: int, count: int, actual: int) -> None:
    assert disk.open("disk:1")  # block numbers are the device's all the same
    assert disk.method("read-blocks", count, first, BUFFER) == (0, actual)
    with image.open("rb") as file:
        file.seek(first * 512)
        assert disk.memory(min(actual * 512, MIB)) == file.read(min(actual * 512, MIB))


def test_write_blocks(disk: Disk) -> None:
    assert disk.open("disk")
    disk.put(b"block".ljust(1024, b"-"))
    assert disk.method("write-blocks", 2, 2048, BUFFER) == (0, 2)
    assert disk.method("write-blocks", 2, 48 * 2048 - 1, BUFFER) == (0, 1)
    assert disk.open("disk:1")
    assert disk.read(1025) == 1025
    assert disk.memory(1025) == b"block".ljust(1024, b"-") + b"\0"


@pytest.mark.parametrize("method", ["seek", "read", "write", "read-blocks", "write-blocks", "load"])
def test_too_few_arguments(disk: Disk, method: str) -> None:
    assert disk.open("disk:1")
    answer = disk.world.ask("call-method", method, disk.ihandle, nret=2)
    assert (answer.r3, answer.results[0]) == (0, ThrowCode.STACK_UNDERFLOW & 0xFFFFFFFF)
    assert "too few" in disk.world.fault


def test_load_brings_the_whole_partition(disk: Disk) -> None:
    assert disk.open("disk:1")
    assert disk.method("load", BUFFER) == (0, 4 * MIB)
    assert disk.memory(len(MARK % 1)) == MARK % 1
    assert disk.world.memory.read(BUFFER + 4 * MIB, 1) == b"\0"


@pytest.mark.parametrize(
    ("arguments", "address", "reason"),
    [
        (r":0,\kernel", BUFFER, r"no file \kernel"),
        (r":1,\kernel", BUFFER, r"no file \kernel"),
        (":1", World.SIZE - 4 * MIB + 1, "don't fit"),
    ],
)
def test_what_cannot_be_loaded(disk: Disk, arguments: str, address: int, reason: str) -> None:
    assert disk.open("disk" + arguments)
    assert disk.method("load", address)[0] == 0xFFFFFFFF
    assert reason in disk.world.fault


# --- the disk fails ---


class Failing:
    """The port `Block` over an image, whose accesses fail from some offset on."""

    block_size = 512

    def __init__(self, path: Path, good: int, fault: Callable[[], bytes]) -> None:
        self.disk = RawDisk(path)
        self.size = self.disk.size
        self.good = good
        self.fault = fault

    def read(self, offset: int, length: int) -> bytes:
        return self.disk.read(offset, length) if offset + length <= self.good else self.fault()

    def write(self, offset: int, data: bytes) -> None:
        self.fault()


def failure() -> bytes:
    raise PortError("the cable came off")


@pytest.mark.parametrize(
    ("fault", "reason"), [(failure, "the cable came off"), (lambda: b"short", "the disk gave 5 of")]
)
def test_a_disk_that_fails_leaves_the_position(
    image: Path, volumes: Volumes, fault: Callable[[], bytes], reason: str
) -> None:
    disk = Disk(Failing(image, 2 * MIB, fault), volumes)
    assert disk.open("disk")
    assert disk.seek(MIB) == 0
    assert disk.read(2 * MIB) == -1
    assert reason in disk.world.fault
    assert disk.read(5) == 5
    assert disk.memory(5) == b"first"


def test_the_worker_is_not_needed_for_the_whole_disk(image: Path) -> None:
    volumes = Volumes()
    try:
        disk = Disk(RawDisk(image), volumes)
        assert disk.open("disk:0")
        assert volumes.pid is None
        assert disk.open("disk:1")
        assert volumes.pid is not None and volumes.pid != os.getpid()
    finally:
        volumes.close()
