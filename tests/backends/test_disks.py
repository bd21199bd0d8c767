"""Raw images and overlays: what is read, what is written, and what can't be."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vof.backends import OverlayDisk, OverlayState, RawDisk
from vof.errors import PortError, UsageError

CHUNK = 4096


def image(folder: Path, content: bytes, name: str = "disk.img") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


class Bytes:
    """The port `Block` over bytes, read-only."""

    block_size = 512

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.size = len(content)

    def read(self, offset: int, length: int) -> bytes:
        return self.content[offset : offset + length]

    def write(self, offset: int, data: bytes) -> None:
        raise PortError("read-only")


# --- raw images ---


@pytest.mark.parametrize(
    ("offset", "length", "wanted"),
    [
        (0, 4, b"0123"),
        (3, 3, b"345"),
        (8, 100, b"89"),  # short only at the end
        (10, 1, b""),
        (1 << 70, 1, b""),
        (0, 0, b""),
    ],
)
def test_any_offset_can_be_read(tmp_path: Path, offset: int, length: int, wanted: bytes) -> None:
    disk = RawDisk(image(tmp_path, b"0123456789"))
    assert (disk.size, disk.block_size) == (10, 512)
    assert disk.read(offset, length) == wanted


def test_a_write_is_in_the_file_when_it_returns(tmp_path: Path) -> None:
    path = image(tmp_path, b"0123456789")
    disk = RawDisk(path, writable=True)
    disk.write(4, b"abc")
    assert path.read_bytes() == b"0123abc789"
    assert disk.read(3, 5) == b"3abc7"


@pytest.mark.parametrize(("offset", "data"), [(8, b"abc"), (11, b"a"), (-1, b"a"), (1 << 70, b"a")])
def test_nothing_is_written_outside_the_disk(tmp_path: Path, offset: int, data: bytes) -> None:
    path = image(tmp_path, b"0123456789")
    with pytest.raises(PortError, match="outside the disk"):
        RawDisk(path, writable=True).write(offset, data)
    assert path.read_bytes() == b"0123456789"


def test_a_read_only_image_stays_untouched(tmp_path: Path) -> None:
    path = image(tmp_path, b"0123456789")
    with pytest.raises(PortError, match="read-only"):
        RawDisk(path).write(0, b"x")
    assert path.read_bytes() == b"0123456789"


def test_a_sparse_disk_of_many_terabytes(tmp_path: Path) -> None:
    path = tmp_path / "large.img"
    with path.open("wb") as file:
        file.truncate(4 << 40)
    disk = RawDisk(path, writable=True)
    disk.write((4 << 40) - 3, b"end")
    assert disk.size == 4 << 40
    assert disk.read((4 << 40) - 4, 100) == b"\0end"


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    cases = [("none.img", "No such file"), (".", "directory"), ("pipe", "neither a file"), ("a\0b", "null")]
    for name, reason in cases:
        with pytest.raises(UsageError, match=reason) as raised:
            RawDisk(tmp_path / name)
        assert "\n" not in str(raised.value) and str(raised.value).startswith("can't open the disk image")


def test_an_image_that_shrinks_is_an_error_of_the_port(tmp_path: Path) -> None:
    path = image(tmp_path, bytes(100))
    disk = RawDisk(path)
    os.truncate(path, 50)
    with pytest.raises(PortError, match="shorter than it was"):
        disk.read(0, 100)


def test_a_closed_disk_is_an_error_of_the_port(tmp_path: Path) -> None:
    disk = RawDisk(image(tmp_path, bytes(100)), writable=True)
    disk.close()
    disk.close()
    for action in (lambda: disk.read(0, 1), lambda: disk.write(0, b"x")):
        with pytest.raises(PortError, match="Bad file descriptor"):
            action()


def test_it_can_be_reopened_from_another_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image(tmp_path, b"here")
    monkeypatch.chdir(tmp_path)
    disk = RawDisk("disk.img")
    monkeypatch.chdir("/")
    disk.reopen()
    assert disk.read(0, 4) == b"here"


def test_another_file_of_the_same_name_is_not_reopened(tmp_path: Path) -> None:
    disk = RawDisk(image(tmp_path, b"old!"))
    image(tmp_path, b"new!", "other").rename(tmp_path / "disk.img")
    with pytest.raises(PortError, match="no longer the file"):
        disk.reopen()
    assert disk.read(0, 4) == b"old!"


def test_a_forked_child_has_the_disk_for_itself(tmp_path: Path) -> None:
    path = image(tmp_path, bytes(2 * CHUNK))
    disk = RawDisk(path, writable=True)
    child = os.fork()
    if child == 0:
        try:
            disk.reopen()
            disk.write(CHUNK, b"child")
            os._exit(0)
        finally:
            os._exit(1)
    disk.write(0, b"parent")
    assert os.waitpid(child, 0)[1] == 0
    assert (disk.read(0, 6), disk.read(CHUNK, 5)) == (b"parent", b"child")


# --- overlays ---

SIZE = 3 * CHUNK + 700  # the last chunk is not whole


def test_the_base_is_never_written(tmp_path: Path) -> None:
    path = image(tmp_path, b"0123456789")
    disk = OverlayDisk(RawDisk(path))
    disk.write(4, b"abc")
    assert disk.read(0, 99) == b"0123abc789"
    assert path.read_bytes() == b"0123456789"


def test_a_state_is_put_back_any_number_of_times() -> None:
    disk = OverlayDisk(Bytes(bytes(SIZE)))
    disk.write(CHUNK - 2, b"first")
    state = disk.state()
    for _ in range(2):
        disk.write(CHUNK, b"other")
        disk.write(3 * CHUNK + 699, b"!")
        assert disk.state() != state
        disk.restore(state)
        assert disk.state() == state
        assert disk.read(CHUNK - 2, 6) == b"first\0"
        assert disk.read(SIZE - 1, 9) == b"\0"


def test_a_state_can_be_taken_elsewhere() -> None:
    disk = OverlayDisk(Bytes(bytes(SIZE)))
    disk.write(5, b"kept")
    other = OverlayDisk(Bytes(bytes(SIZE)))
    state: OverlayState = pickle.loads(pickle.dumps(disk.state()))
    other.restore(state)
    assert other.read(4, 6) == b"\0kept\0"
    assert hash(state) == hash(disk.state())


def test_a_guest_cannot_fill_the_hosts_memory() -> None:
    disk = OverlayDisk(Bytes(bytes(SIZE)), limit=2 * CHUNK)
    disk.write(0, bytes(CHUNK + 1))
    disk.write(7, b"the same chunks")
    with pytest.raises(PortError, match="overlay is full"):
        disk.write(2 * CHUNK - 1, b"no")
    assert disk.read(2 * CHUNK - 1, 2) == b"\0\0"


@pytest.mark.parametrize(("offset", "length"), [(SIZE, 1), (SIZE - 1, 2), (-1, 1), (1 << 70, 1)])
def test_nothing_is_written_outside_the_base(offset: int, length: int) -> None:
    disk = OverlayDisk(Bytes(bytes(SIZE)))
    with pytest.raises(PortError, match="outside the disk"):
        disk.write(offset, bytes(length))
    assert disk.state() == ()


def test_an_overlay_over_an_overlay() -> None:
    lower = OverlayDisk(Bytes(b"0123456789"))
    lower.write(0, b"ab")
    upper = OverlayDisk(lower)
    upper.write(1, b"XY")
    assert (lower.read(0, 4), upper.read(0, 4)) == (b"ab23", b"aXY3")


offsets = st.one_of(st.integers(0, SIZE), st.sampled_from([0, CHUNK - 1, CHUNK, 2 * CHUNK + 1, 3 * CHUNK, SIZE]))
steps = st.one_of(
    st.tuples(st.just("write"), offsets, st.binary(max_size=64), st.integers(1, 200)),
    st.tuples(st.just("read"), offsets, st.just(b""), st.integers(0, 2 * SIZE)),
    st.tuples(st.sampled_from(["take", "restore"]), st.just(0), st.just(b""), st.just(0)),
)


@given(st.lists(steps, max_size=12))
def test_an_overlay_is_like_bytes(script: list[tuple[str, int, bytes, int]]) -> None:
    base = bytes(range(256)) * (SIZE // 256 + 1)
    disk, model = OverlayDisk(Bytes(base[:SIZE])), bytearray(base[:SIZE])
    taken = (disk.state(), bytes(model))
    for action, offset, data, number in script:
        if action == "write":
            piece = (data * number)[: SIZE - offset]
            disk.write(offset, piece)
            model[offset : offset + len(piece)] = piece
        elif action == "read":
            assert disk.read(offset, number) == model[offset : offset + number]
        elif action == "take":
            taken = (disk.state(), bytes(model))
        else:
            disk.restore(taken[0])
            model[:] = taken[1]
    assert disk.read(0, SIZE) == model
