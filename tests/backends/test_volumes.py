"""Partitions by the worker: real tables, damaged ones, and a worker that dies, hangs or lies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import pack_into

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disk_images import LAYOUTS, MIB, make_image, run_tool
from vof.backends import OverlayDisk, RawDisk, Volumes, volume_worker
from vof.errors import PortError

CASES = [(name, number) for name, layout in LAYOUTS.items() for number in layout.partitions]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("images")
    return {name: make_image(folder / f"{name}.img", layout) for name, layout in LAYOUTS.items()}


@pytest.fixture
def volumes() -> Iterator[Volumes]:
    volumes = Volumes()
    yield volumes
    volumes.close()


def gone(pid: int) -> bool:
    """Whether a process has ended, be it that nobody has waited for it yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not done():
        assert time.monotonic() < end
        time.sleep(1e-3)


class Faulty:
    """The port `Block` over a file, whose reads go wrong from some offset on."""

    block_size = 512
    size = 48 * MIB

    def __init__(self, path: Path, good: int, fault: Callable[[], bytes]) -> None:
        self.disk = RawDisk(path)
        self.good = good
        self.fault = fault

    def read(self, offset: int, length: int) -> bytes:
        return self.disk.read(offset, length) if offset < self.good else self.fault()

    def write(self, offset: int, data: bytes) -> None:
        raise PortError("read-only")


# --- tables ---


@pytest.mark.parametrize(("kind", "number"), CASES)
def test_a_partition_is_where_the_tool_put_it(
    images: dict[str, Path], volumes: Volumes, kind: str, number: int
) -> None:
    start, size = LAYOUTS[kind].partitions[number]
    assert volumes.partitions(RawDisk(images[kind])).find(number) == (start * MIB, size * MIB)


@pytest.mark.parametrize(
    ("kind", "number", "reason"),
    [
        ("mbr", 4, r"no partition 4; it has 1, 2, 3, 5, 6, 7$"),
        ("mbr", 8, "no partition 8"),
        ("gpt", 2, "no partition 2; it has 1, 3, 128"),
        ("gpt", 129, "no partition 129"),
        ("mac", 99, "no partition 99"),
    ],
)
def test_a_partition_that_is_not_there(
    images: dict[str, Path], volumes: Volumes, kind: str, number: int, reason: str
) -> None:
    with pytest.raises(PortError, match=reason):
        volumes.partitions(RawDisk(images[kind])).find(number)


@pytest.mark.parametrize("content", [b"", b"x", bytes(MIB), b"\xff" * MIB])
def test_a_disk_without_a_table(tmp_path: Path, volumes: Volumes, content: bytes) -> None:
    (tmp_path / "disk.img").write_bytes(content)
    with pytest.raises(PortError, match="no partition table"):
        volumes.partitions(RawDisk(tmp_path / "disk.img")).find(1)


def test_of_two_tables_the_apple_map_counts(tmp_path: Path, images: dict[str, Path], volumes: Volumes) -> None:
    """Hybrid CDs have both, and Open Firmware's numbers are those of its own map."""
    hybrid = bytearray(images["mac"].read_bytes()[:MIB])
    hybrid[446:512] = images["mbr"].read_bytes()[446:512]
    path = tmp_path / "hybrid.img"
    path.write_bytes(hybrid)
    os.truncate(path, 48 * MIB)
    assert volumes.partitions(RawDisk(path)).find(2) == (1 * MIB, 9 * MIB)


def test_a_gpt_whose_first_copy_is_lost(tmp_path: Path, images: dict[str, Path], volumes: Volumes) -> None:
    path = tmp_path / "disk.img"
    content = bytearray(images["gpt"].read_bytes())
    content[512:1024] = bytes(512)
    path.write_bytes(content)
    assert volumes.partitions(RawDisk(path)).find(3) == (5 * MIB, 8 * MIB)


def test_an_image_cut_short(tmp_path: Path, images: dict[str, Path], volumes: Volumes) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(images["mbr"].read_bytes()[: 6 * MIB])
    partitions = volumes.partitions(RawDisk(path))
    assert partitions.find(1) == (1 * MIB, 4 * MIB)
    assert partitions.find(2) == (5 * MIB, 1 * MIB)  # what there is of it


def test_a_table_that_the_client_has_written(tmp_path: Path, images: dict[str, Path], volumes: Volumes) -> None:
    """The worker reads through the overlay, and keeps nothing between questions."""
    path = tmp_path / "disk.img"
    path.write_bytes(b"")
    os.truncate(path, 48 * MIB)
    disk = OverlayDisk(RawDisk(path))
    partitions = volumes.partitions(disk)
    with pytest.raises(PortError, match="no partition table"):
        partitions.find(1)
    blank = disk.state()
    disk.write(0, images["mbr"].read_bytes()[:512])
    assert partitions.find(1) == (1 * MIB, 4 * MIB)
    disk.restore(blank)
    with pytest.raises(PortError, match="no partition table"):
        partitions.find(1)


# --- all of them ---

GUID = {"data": "0fc63daf-8483-4772-8e79-3d69d8477de4", "efi": "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"}
KINDS = {
    "mbr": {1: ("prep", "", True), 2: ("0x83", "", False), 3: ("0x05", "", False)}
    | {5: ("0x83", "", False), 6: ("0x82", "", False), 7: ("0x83", "", False)},
    "gpt": {1: ("prep", "boot", False), 3: (GUID["data"], "Grüße", False), 128: (GUID["efi"], "", False)},
    "mac": {1: ("apple_partition_map", "Apple", False)}
    | {2: ("apple_hfs", "primary", False), 3: ("apple_unix_svr2", "primary", False)},
}


@pytest.fixture(scope="module")
def named_gpt(tmp_path_factory: pytest.TempPathFactory, images: dict[str, Path]) -> Path:
    path = tmp_path_factory.mktemp("named") / "gpt.img"
    path.write_bytes(images["gpt"].read_bytes())
    run_tool("sgdisk", "-c", "1:boot", "-c", "3:Grüße", "-c", "128:", "-t", "128:ef00", str(path))
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_the_list_says_what_the_tool_put_there(
    images: dict[str, Path], named_gpt: Path, volumes: Volumes, kind: str
) -> None:
    partitions = volumes.partitions(RawDisk(named_gpt if kind == "gpt" else images[kind]))
    found = {part.number: part for part in partitions.list()}
    assert {
        number: (part.kind, part.name, part.active) for number, part in found.items() if part.kind != "apple_free"
    } == (KINDS[kind])
    for number, part in found.items():
        assert (part.start, part.size) == partitions.find(number)


def test_the_list_of_a_gpt_whose_first_copy_is_lost(tmp_path: Path, named_gpt: Path, volumes: Volumes) -> None:
    content = bytearray(named_gpt.read_bytes())
    content[512:1024] = bytes(512)
    (tmp_path / "disk.img").write_bytes(content)
    assert [part.name for part in volumes.partitions(RawDisk(tmp_path / "disk.img")).list()] == ["boot", "Grüße", ""]


def test_of_two_tables_the_apple_map_is_listed(tmp_path: Path, images: dict[str, Path], volumes: Volumes) -> None:
    hybrid = OverlayDisk(RawDisk(images["mac"]))
    hybrid.write(446, images["mbr"].read_bytes()[446:512])
    assert [part.kind for part in volumes.partitions(hybrid).list()][1] == "apple_hfs"


def test_a_prep_partition_of_an_apple_map(images: dict[str, Path], volumes: Volumes) -> None:
    disk = OverlayDisk(RawDisk(images["mac"]))
    disk.write(2 * 512 + 48, b"PReP Boot\0")
    assert [part.kind for part in volumes.partitions(disk).list()][1] == "prep"


@pytest.mark.parametrize("content", [b"", b"x", bytes(MIB), b"\xff" * MIB])
def test_a_disk_without_a_table_has_no_partitions(tmp_path: Path, volumes: Volumes, content: bytes) -> None:
    (tmp_path / "disk.img").write_bytes(content)
    assert volumes.partitions(RawDisk(tmp_path / "disk.img")).list() == []


def test_the_list_ends_where_the_disk_ends(tmp_path: Path, images: dict[str, Path], volumes: Volumes) -> None:
    (tmp_path / "disk.img").write_bytes(images["mbr"].read_bytes()[: 6 * MIB])
    found = volumes.partitions(RawDisk(tmp_path / "disk.img")).list()
    assert [(part.number, part.start, part.size) for part in found] == [(1, MIB, 4 * MIB), (2, 5 * MIB, MIB)]


def test_a_disk_that_fails_has_no_empty_list(images: dict[str, Path], volumes: Volumes) -> None:
    def fault() -> bytes:
        raise PortError("the cable came off")

    with pytest.raises(PortError, match="the cable came off"):
        volumes.partitions(Faulty(images["mbr"], 0, fault)).list()


# --- damage ---


def test_a_chain_of_logical_partitions_that_loops(tmp_path: Path, images: dict[str, Path], volumes: Volumes) -> None:
    content = bytearray(images["mbr"].read_bytes())
    first_link = 32768 * 512 + 446 + 16
    pack_into("<II", content, first_link + 8, 0, 60000)  # the next table is the first one again
    path = tmp_path / "disk.img"
    path.write_bytes(content)
    partitions = volumes.partitions(RawDisk(path))
    begun = time.monotonic()
    try:
        assert partitions.find(1) == (1 * MIB, 4 * MIB)
        assert partitions.list()[0].kind == "prep"
    except PortError as error:
        assert "\n" not in str(error)
    assert time.monotonic() - begun < volumes.deadline


@pytest.fixture(scope="module")
def one_worker() -> Iterator[Volumes]:
    """For many questions: a worker each would take too long."""
    volumes = Volumes()
    yield volumes
    volumes.close()


damage = st.lists(st.tuples(st.integers(0, 0x2000), st.binary(min_size=1, max_size=16)), min_size=1, max_size=8)


@settings(deadline=None)
@given(kind=st.sampled_from(sorted(LAYOUTS)), spots=damage, number=st.integers(1, 9), far=st.booleans())
def test_damaged_tables_give_a_partition_or_a_reason(
    images: dict[str, Path],
    one_worker: Volumes,
    kind: str,
    spots: list[tuple[int, bytes]],
    number: int,
    far: bool,
) -> None:
    disk = OverlayDisk(RawDisk(images[kind]))
    for offset, data in spots:
        # The logical partitions' first table, or the whole disk's.
        disk.write(32768 * 512 + offset if far and kind == "mbr" else offset % 0x800, data)
    try:
        start, size = one_worker.partitions(disk).find(number)
        found = {part.number: part for part in one_worker.partitions(disk).list()}
        assert number not in found or (found[number].start, found[number].size) == (start, size)
        assert all(0 <= part.start < disk.size and part.size <= disk.size - part.start for part in found.values())
    except PortError as error:
        assert "\n" not in str(error)
        assert "within" not in str(error)  # the deadline
    else:
        assert 0 <= start < disk.size and 0 <= size <= disk.size - start


# --- the disk fails ---


def test_the_disks_error_is_the_reason(images: dict[str, Path], volumes: Volumes) -> None:
    def fault() -> bytes:
        raise PortError("the cable came off")

    with pytest.raises(PortError, match="the cable came off"):
        volumes.partitions(Faulty(images["mbr"], 0, fault)).find(1)
    assert volumes.partitions(RawDisk(images["mbr"])).find(1) == (1 * MIB, 4 * MIB)


def test_an_interrupt_amidst_a_read_leaves_no_worker_out_of_step(images: dict[str, Path], volumes: Volumes) -> None:
    def fault() -> bytes:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        volumes.partitions(Faulty(images["mbr"], 0, fault)).find(1)
    assert volumes.pid is None
    assert volumes.partitions(RawDisk(images["mbr"])).find(1) == (1 * MIB, 4 * MIB)


# --- the worker ---


def test_nothing_is_started_before_the_first_question(images: dict[str, Path], volumes: Volumes) -> None:
    partitions = volumes.partitions(RawDisk(images["mbr"]))
    assert volumes.pid is None
    partitions.find(1)
    first = volumes.pid
    assert first is not None
    volumes.partitions(RawDisk(images["gpt"])).find(1)
    assert volumes.pid == first  # one for all disks


def test_close_ends_the_worker(images: dict[str, Path]) -> None:
    volumes = Volumes()
    partitions = volumes.partitions(RawDisk(images["mbr"]))
    partitions.find(1)
    pid = volumes.pid
    assert pid is not None
    volumes.close()
    volumes.close()
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(PortError, match="has ended"):
        partitions.find(1)


def test_a_killed_worker_is_replaced(images: dict[str, Path], volumes: Volumes) -> None:
    partitions = volumes.partitions(RawDisk(images["mbr"]))
    partitions.find(1)
    pid = volumes.pid
    assert pid is not None
    os.kill(pid, signal.SIGSEGV)
    until(lambda: gone(pid))
    assert partitions.find(1) == (1 * MIB, 4 * MIB)
    assert volumes.pid != pid


def test_a_worker_that_crashes_on_a_disk(images: dict[str, Path], volumes: Volumes) -> None:
    def fault() -> bytes:
        assert volumes.pid is not None
        os.kill(volumes.pid, signal.SIGSEGV)
        return bytes(512)

    with pytest.raises(PortError, match=r"died \(Segmentation fault\)"):
        volumes.partitions(Faulty(images["mbr"], 0, fault)).find(1)
    assert volumes.partitions(RawDisk(images["mbr"])).find(1) == (1 * MIB, 4 * MIB)


def test_a_worker_that_takes_too_long_is_killed(images: dict[str, Path], volumes: Volumes) -> None:
    def fault() -> bytes:
        assert volumes.pid is not None
        os.kill(volumes.pid, signal.SIGSTOP)
        return bytes(512)

    volumes.partitions(RawDisk(images["mbr"])).find(1)
    volumes.deadline = 0.2
    pid = volumes.pid
    assert pid is not None
    with pytest.raises(PortError, match=r"within 0\.2 s"):
        volumes.partitions(Faulty(images["mbr"], 0, fault)).find(1)
    assert not Path(f"/proc/{pid}").exists()


LIES = {
    "a huge message": ("HEAD.pack(b'A', 1 << 31)", "out of its mind"),
    "a huge read": ("HEAD.pack(b'R', 12) + READ.pack(0, 1 << 31)", "out of its mind"),
    "an unknown kind": ("HEAD.pack(b'?', 0)", "out of its mind"),
    "no JSON": ("HEAD.pack(b'A', 3) + b'abc'", "out of its mind"),
    "deep JSON": ("HEAD.pack(b'A', 60000) + b'[' * 60000", "out of its mind"),
    "a list": ("HEAD.pack(b'A', 2) + b'[]'", "out of its mind"),
    "no numbers": ("HEAD.pack(b'A', 2) + b'{}'", "outside the disk"),
    "a partition elsewhere": ("say(b'A', b'{\"start\": -5, \"size\": 9}')", "outside the disk"),
    "a reason with control characters": ("say(b'F', b'a\\x1b[2Jb\\n')", r"a\?\[2Jb\?$"),
    "a long reason": ("say(b'F', b'x' * 60000)", "^x{200}$"),
    "an end": ("b''", "ended with status 0"),
}


@pytest.mark.parametrize(("words", "reason"), LIES.values(), ids=list(LIES))
def test_nothing_that_the_worker_says_is_trusted(
    tmp_path: Path, images: dict[str, Path], monkeypatch: pytest.MonkeyPatch, words: str, reason: str
) -> None:
    liar = tmp_path / "liar.py"
    liar.write_text(
        "import os, socket, struct, time\n"
        "HEAD, READ = struct.Struct('>cI'), struct.Struct('>QI')\n"
        "def say(kind, payload): return HEAD.pack(kind, len(payload)) + payload\n"
        "channel = socket.socket(fileno=1)\n"
        "channel.recv(4096)\n"
        f"words = {words}\n"
        "channel.sendall(words)\n"
        "if words: time.sleep(60)\n"
    )
    monkeypatch.setattr(volume_worker, "__file__", str(liar))
    volumes = Volumes()
    try:
        with pytest.raises(PortError, match=reason):
            volumes.partitions(RawDisk(images["mbr"])).find(1)
    finally:
        volumes.close()


PARENT = """
import os, sys, time
from vof.backends import RawDisk, Volumes, volume_worker
class Stuck(RawDisk):
    def read(self, offset, length):
        if "{case}" != "forked" or os.fork():
            print(volumes.pid, flush=True)
        time.sleep(60)
if "{case}" == "deaf":
    volume_worker.__file__ = sys.argv[2]
volumes = Volumes()
volumes.partitions(Stuck(sys.argv[1])).find(1)
"""
DEAF = """
import os
from vof.backends.volume_worker import HEAD, READ, Kind, _confine
_confine()
os.write(1, HEAD.pack(Kind.READ, READ.size) + READ.pack(0, 512))
while True:
    pass
"""


@pytest.mark.parametrize("case", ["waiting", "deaf", "forked"])
def test_the_worker_dies_with_its_parent(tmp_path: Path, images: dict[str, Path], case: str) -> None:
    """Even where it is lost in a loop, and where a child of the parent lives on."""
    deaf = tmp_path / "deaf.py"
    deaf.write_text(DEAF)
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(case=case), str(images["mbr"]), str(deaf)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert parent.stdout is not None
    try:
        pid = int(parent.stdout.readline())
        assert not gone(pid)
        parent.kill()
        parent.wait()
        until(lambda: gone(pid))
    finally:
        if case == "forked":
            os.killpg(parent.pid, signal.SIGKILL)
        parent.stdout.close()


def test_a_forked_child_has_a_worker_of_its_own(images: dict[str, Path], volumes: Volumes) -> None:
    partitions = volumes.partitions(RawDisk(images["mbr"]))
    partitions.find(1)
    before = volumes.pid
    child = os.fork()
    if child == 0:
        try:
            forgotten = volumes.pid is None
            found = partitions.find(2) == (5 * MIB, 10 * MIB)
            volumes.close()
            os._exit(0 if forgotten and found else 1)
        finally:
            os._exit(2)
    assert partitions.find(5) == (17 * MIB, 2 * MIB)
    assert os.waitpid(child, 0)[1] == 0
    assert partitions.find(6) == (20 * MIB, 2 * MIB)
    assert volumes.pid == before
