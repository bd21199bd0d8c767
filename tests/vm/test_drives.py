"""`-drive` for the in-process engine: what is taken, what is refused, and with which words."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from vof.backends import OverlayDisk, RawDisk
from vof.errors import UsageError
from vof.vm.drives import Drive, Media, open_drives


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with some images, of which all but one are small files of zeros."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.img", "b.img", "a,b.img", "a=b.img", "odd.qcow2"):
        (tmp_path / name).write_bytes(bytes(4096))
    return tmp_path


def only(value: str) -> Drive:
    (drive,) = open_drives([value])
    return drive


@pytest.mark.parametrize(
    ("value", "file", "media", "writable", "name"),
    [
        ("file=a.img", "a.img", "disk", True, "disk0"),
        ("a.img", "a.img", "disk", True, "disk0"),
        ("a.img,readonly=on", "a.img", "disk", False, "disk0"),
        ("file=a.img,format=raw,if=none,id=d0", "a.img", "disk", True, "d0"),
        ("if=virtio,file=a.img", "a.img", "disk", True, "disk0"),
        ("file=a.img,read-only=on", "a.img", "disk", False, "disk0"),
        ("file=a.img,readonly", "a.img", "disk", False, "disk0"),
        ("readonly,file=a.img", "a.img", "disk", False, "disk0"),
        ("file=a.img,readonly=yes", "a.img", "disk", False, "disk0"),
        ("file=a.img,readonly=off", "a.img", "disk", True, "disk0"),
        ("file=a.img,media=cdrom", "a.img", "cdrom", False, "cdrom0"),
        ("file=a.img,media=cdrom,readonly=off", "a.img", "cdrom", False, "cdrom0"),
        ("file=a.img,index=3", "a.img", "disk", True, "disk3"),
        ("file=b.img,file=a.img", "a.img", "disk", True, "disk0"),
        ("file=a,,b.img", "a,b.img", "disk", True, "disk0"),
        ("a,,b.img,id=x", "a,b.img", "disk", True, "x"),
        ("file=a=b.img", "a=b.img", "disk", True, "disk0"),
        ("./a=b.img", "a=b.img", "disk", True, "disk0"),
        ("file=odd.qcow2,format=raw", "odd.qcow2", "disk", True, "disk0"),
    ],
)
def test_one_drive(folder: Path, value: str, file: str, media: str, writable: bool, name: str) -> None:
    drive = only(value)
    assert (drive.image.path, drive.media, drive.name) == (str(folder / file), media, name)
    assert (drive.image.writable, drive.read_only) == (writable, not writable)
    assert drive.block is drive.image
    assert drive.block.block_size == (2048 if media == Media.CDROM else 512)
    drive.close()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "names no image: -drive file=IMAGE"),
        ("media=cdrom", "names no image: -drive file=IMAGE"),
        ("file=", "names no image: -drive file=IMAGE"),
        ("file=none.img", "can't open the disk image none.img: No such file or directory"),
        ("nbd://localhost/x", "--engine qemu has QEMU's protocols"),
        ("file=.", "s a directory"),
        ("file=a.img,fromat=raw", 'unknown option "fromat": did you mean format=?'),
        ("file=a.img,readony=on", 'unknown option "readony": did you mean readonly=?'),
        ("file=a.img,xyzzy=1", 'unknown option "xyzzy": there are file, format'),
        ("file=a.img,cache=none", 'the in-process engine has no "cache": leave it out, or use --engine qemu'),
        ("file=a.img,throttling.bps-total=1", "leave it out, or use --engine qemu"),
        ("file=a.img,id", "id needs a value: id=…"),
        ("file=a.img,format=rwa", 'no format "rwa": did you mean raw?'),
        ("file=a.img,format=qcow2", "a.img: Image is not in qcow2 format"),
        ("odd.qcow2", "odd.qcow2: Image is not in qcow2 format"),
        ("file=x.VMDK", "say format=vmdk, or format=raw if it is raw all the same"),
        ("file=x.vdi", "say format=vdi"),
        ("file=a.img,if=sata", "there are virtio, scsi, ide, none"),
        ("file=a.img,if=virtoi", "did you mean virtio?"),
        ("file=a.img,media=cd", "there are disk, cdrom"),
        ("file=a.img,media=dsik", "did you mean disk?"),
        ("file=a.img,readonly=maybe", "it is on or off"),
        ("file=a.img,snapshot=", "it is on or off"),
        ("file=a.img,id=0", "an id is a letter"),
        ("file=a.img,id=", "an id is a letter"),
        ("file=a.img,index=-1", "it is a number"),
        ("file=a.img,index=99999999999", "it is a number"),
    ],
)
def test_what_is_refused(value: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        open_drives([value])
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_content_that_claims_to_be_qcow2_stays_raw(folder: Path) -> None:
    """A guest could have written that, with a backing file of the host's in it."""
    (folder / "secret").write_bytes(b"the host's own".ljust(4096))
    command = "qemu-img create -q -f qcow2 -b secret -F raw a.img"
    subprocess.run(command.split(), check=True, timeout=60)
    for value in ("file=a.img", "file=a.img,format=raw"):
        drive = only(value)
        assert drive.block.read(0, 1 << 20) == (folder / "a.img").read_bytes()
        assert drive.block.read(0, 4) == b"QFI\xfb"
        drive.close()


def test_a_snapshot_keeps_its_writes(folder: Path) -> None:
    for drive in [*open_drives(["file=a.img,snapshot=on"]), *open_drives(["file=a.img"], snapshot=True)]:
        assert isinstance(drive.block, OverlayDisk) and not drive.read_only and not drive.image.writable
        drive.block.write(10, b"written")
        assert drive.block.read(9, 9) == b"\0written\0"
        drive.reopen()
        assert drive.block.read(9, 9) == b"\0written\0"
        drive.close()
    assert (folder / "a.img").read_bytes() == bytes(4096)
    (drive,) = open_drives(["file=a.img,snapshot=off"], snapshot=True)
    assert isinstance(drive.block, RawDisk) and drive.image.writable


def test_a_write_reaches_the_file(folder: Path) -> None:
    only("file=a.img").block.write(10, b"written")
    assert (folder / "a.img").read_bytes()[9:18] == b"\0written\0"


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["a.img", "b.img,media=cdrom"], ["disk0", "cdrom1"]),
        (["a.img,index=1", "b.img"], ["disk0", "disk1"]),
        (["a.img", "b.img,index=0,id=boot"], ["boot", "disk1"]),
        (["a.img,readonly=on"] * 64, [f"disk{number}" for number in range(64)]),
        ([], []),
    ],
)
def test_the_order_of_drives(values: list[str], names: list[str]) -> None:
    assert [drive.name for drive in open_drives(values)] == names


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a.img", "b.img", "./a.img"], "disk0 and disk2 would both write to"),
        (["a.img", "link.img"], "give one of them readonly=on or snapshot=on"),
        (["a.img,id=x", "b.img,id=x"], "two drives have the id x"),
        (["a.img,id=disk1", "b.img"], "two drives have the id disk1"),
        (["a.img,index=2", "b.img,index=2"], "index=2: a.img has it; give b.img another one"),
        (["a.img", "none.img"], "none.img"),
    ],
)
def test_drives_that_are_in_each_others_way(folder: Path, values: list[str], message: str) -> None:
    os.link(folder / "a.img", folder / "link.img")
    before = os.listdir("/proc/self/fd")
    with pytest.raises(UsageError, match=message):
        open_drives(values)
    assert os.listdir("/proc/self/fd") == before  # none is left open


@pytest.mark.parametrize("other", ["a.img,readonly=on", "a.img,snapshot=on", "a.img,media=cdrom"])
def test_one_file_twice_where_one_writes_at_most(other: str) -> None:
    assert len(open_drives(["a.img", other])) == 2


def test_a_file_that_may_only_be_read() -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are for nobody but the user
        os.chmod(name, 0o755)
        path = Path(name) / "theirs.img"
        path.write_bytes(bytes(512))
        path.chmod(0o444)
        child = os.fork()
        if child == 0:
            try:
                if os.geteuid() == 0:  # who may write everything
                    os.setuid(65534)
                open_drives([f"{path},readonly=on", f"{path},snapshot=on"])
                open_drives([str(path)])
            except UsageError as error:
                expected = "Permission denied; readonly=on or snapshot=on needs no right to write it"
                os._exit(0 if str(error).endswith(expected) else 1)
            finally:
                os._exit(2)
        assert os.waitpid(child, 0)[1] == 0
