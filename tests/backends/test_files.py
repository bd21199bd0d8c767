"""Files by the worker: file systems made by the ordinary tools, damaged ones, and disks that are written meanwhile."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import pack, pack_into, unpack_from

import pytest
import pytsk3
from hypothesis import given, settings
from hypothesis import strategies as st
from machfs import File, Folder, Volume  # type: ignore[import-untyped]

from disk_images import LAYOUTS, MIB, make_image, run_tool
from vof.backends import DiskFiles, OverlayDisk, RawDisk, Volumes
from vof.errors import PortError

KERNEL = random.Random(1).randbytes(3 * MIB + 777)
SCRIPT = b"<CHRP-BOOT></CHRP-BOOT>\n"
PLACE = 5  # of the partition for most: MiB from the disk's start; `mbr` has number 2 there


def fat(image: Path, tree: Path) -> None:
    os.truncate(image, 40 * MIB)
    run_tool("mkfs.vfat", "-F", "32", str(image))
    run_tool("mcopy", "-s", "-i", str(image), f"{tree}/ppc", f"{tree}/boot", "::/")


def hfs(image: Path, tree: Path) -> None:
    volume = Volume()
    for path in sorted(tree.rglob("*")):
        inside = tuple(path.relative_to(tree).parts)
        if path.is_dir():
            volume[inside] = Folder()
        elif not path.is_symlink():
            volume[inside] = file = File()
            file.data = path.read_bytes()
            file.type, file.creator = (b"tbxi", b"chrp") if path.name == "bootinfo.txt" else (b"TEXT", b"ttxt")
    image.write_bytes(volume.write(8 * MIB))


def hfs_plus_cd(image: Path, tree: Path) -> None:
    """xorriso's: an Apple map whose third partition is HFS+."""
    bless = ("-hfs-bless-by", "p", "/ppc/chrp", "-hfsplus-file-creator-type", "chrp", "tbxi", "/ppc/bootinfo.txt")
    run_tool("xorriso", "-as", "mkisofs", "-quiet", "-hfsplus", *bless, "-o", str(image), str(tree))


def cd(*options: str) -> Callable[[Path, Path], None]:
    return lambda image, tree: discard(
        run_tool("xorriso", "-as", "mkisofs", "-quiet", *options, "-o", str(image), str(tree))
    )


def ext(kind: str) -> Callable[[Path, Path], None]:
    def make(image: Path, tree: Path) -> None:
        os.truncate(image, 10 * MIB)
        run_tool("mke2fs", "-q", "-t", kind, "-d", str(tree), str(image))

    return make


def ufs(order: str) -> Callable[[Path, Path], None]:
    return lambda image, tree: discard(
        run_tool("makefs", "-s", "8m", "-t", "ffs", "-B", order, "-o", "version=1", str(image), str(tree))
    )


def discard(_: object) -> None:
    """A tool's words are not wanted."""


SYSTEMS: dict[str, Callable[[Path, Path], None]] = {
    "ext2": ext("ext2"),
    "ext3": ext("ext3"),
    "ext4": ext("ext4"),
    "FAT": fat,
    "ISO 9660": cd(),
    "Joliet": cd("-J"),
    "Rock Ridge": cd("-R"),
    "HFS": hfs,
    "HFS+": hfs_plus_cd,
    "UFS1, big-endian": ufs("be"),
    "UFS1, little-endian": ufs("le"),
}
WITH_LINKS = ("ext2", "ext3", "ext4", "Rock Ridge", "HFS+", "UFS1, big-endian")
WITH_LONG_NAMES = [name for name in SYSTEMS if name not in ("ISO 9660",)]
PARTITION = {"HFS+": 3}  # the others have the disk to themselves


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("tree")
    (tree / "ppc" / "chrp").mkdir(parents=True)
    (tree / "boot").mkdir()
    (tree / "ppc" / "bootinfo.txt").write_bytes(SCRIPT)
    (tree / "ppc" / "chrp" / "README").write_bytes(b"")
    (tree / "boot" / "vmlinux-6.1.0-9").write_bytes(KERNEL)
    (tree / "boot" / "KERNEL").write_bytes(b"other\n")
    return tree


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory, tree: Path) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    linked = folder / "linked"
    shutil.copytree(tree, linked)
    (linked / "boot" / "vmlinux").symlink_to("vmlinux-6.1.0-9")
    (linked / "script").symlink_to("/ppc/chrp/../bootinfo.txt")
    (linked / "boot" / "circle").symlink_to("../boot/circle")
    made = {}
    for name, make in SYSTEMS.items():
        made[name] = folder / f"{name}.img"
        made[name].write_bytes(b"")
        make(made[name], linked if name in WITH_LINKS else tree)
    return made


@pytest.fixture(scope="module")
def volumes() -> Iterator[Volumes]:
    volumes = Volumes()
    yield volumes
    volumes.close()


@pytest.fixture
def put(tmp_path: Path) -> Callable[[Path, str], RawDisk]:
    """Puts a file system's image into the partition at 5 MiB of a partitioned disk."""

    def put(content: Path, kind: str = "mbr") -> RawDisk:
        path = make_image(tmp_path / "disk.img", LAYOUTS[kind])
        with path.open("r+b") as file:
            file.seek(PLACE * MIB)
            file.write(content.read_bytes())
        return RawDisk(path)

    return put


class Counting(RawDisk):
    """A disk that counts what is read of it."""

    count = 0

    def read(self, offset: int, length: int) -> bytes:
        self.count += 1
        return super().read(offset, length)


# --- every file system ---


@pytest.mark.parametrize("name", SYSTEMS)
def test_files_are_as_the_tool_put_them(images: dict[str, Path], volumes: Volumes, name: str) -> None:
    files, partition = volumes.files(RawDisk(images[name]), lambda: 1), PARTITION.get(name, 0)
    assert files.size(partition, "/ppc/bootinfo.txt") == len(SCRIPT)
    assert files.read(partition, "ppc/bootinfo.txt", 0, 1000) == SCRIPT
    assert files.size(partition, "/ppc/chrp/readme") == 0
    assert files.read(partition, "/ppc/chrp/readme", 0, 10) == b""
    kernel = next(n for n in files.list(partition, "/boot") if n.lower().startswith("vmlinux") and len(n) > 7)
    path = f"/boot/{kernel}"
    assert files.size(partition, path) == len(KERNEL)
    assert files.read(partition, path, 0, 2 * len(KERNEL)) == KERNEL
    for offset, length in (0, 1), (511, 2), (MIB - 1, 2), (100_001, 65_537), (len(KERNEL) - 3, 9), (len(KERNEL), 1):
        assert files.read(partition, path, offset, length) == KERNEL[offset : offset + length]


@pytest.mark.parametrize("name", WITH_LONG_NAMES)
def test_a_directorys_names(images: dict[str, Path], volumes: Volumes, name: str) -> None:
    files, partition = volumes.files(RawDisk(images[name])), PARTITION.get(name, 0)
    root = [found for found in files.list(partition, "/") if not found.startswith(("lost", "script", "Desktop"))]
    assert root == ["boot/", "ppc/"]
    assert files.list(partition, "ppc/") == ["bootinfo.txt", "chrp/"]
    assert "vmlinux-6.1.0-9" in files.list(partition, "/boot")


@pytest.mark.parametrize("name", SYSTEMS)
def test_names_match_without_regard_to_case(images: dict[str, Path], volumes: Volumes, name: str) -> None:
    files, partition = volumes.files(RawDisk(images[name])), PARTITION.get(name, 0)
    assert files.read(partition, "PPC//BootInfo.TXT", 0, 99) == SCRIPT
    assert files.read(partition, "/boot/./../boot/kernel", 0, 99) == b"other\n"


@pytest.mark.parametrize("name", ["ISO 9660", "Joliet", "Rock Ridge"])
@pytest.mark.parametrize("path", ["/PPC/BOOTINFO.TXT;1", "/ppc/bootinfo.txt;1", "/PPC./BOOTINFO.TXT"])
def test_a_version_and_a_trailing_dot_on_a_cd(images: dict[str, Path], volumes: Volumes, name: str, path: str) -> None:
    assert volumes.files(RawDisk(images[name])).size(0, path) == len(SCRIPT)
    assert volumes.files(RawDisk(images[name])).size(0, "/boot/kernel.;1") == 6


@pytest.mark.parametrize("name", WITH_LINKS)
def test_symbolic_links_are_followed(images: dict[str, Path], volumes: Volumes, name: str) -> None:
    files, partition = volumes.files(RawDisk(images[name])), PARTITION.get(name, 0)
    assert files.size(partition, "/boot/vmlinux") == len(KERNEL)
    assert files.read(partition, "script", 0, 99) == SCRIPT
    with pytest.raises(PortError, match="more than 8 symbolic links"):
        files.size(partition, "/boot/circle")


def test_an_exact_name_comes_first(tmp_path: Path, volumes: Volumes) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in "Boot", "BOOT", "boot":
        (tree / name).write_text(name)
    (tmp_path / "disk.img").write_bytes(b"")
    ext("ext2")(tmp_path / "disk.img", tree)
    files = volumes.files(RawDisk(tmp_path / "disk.img"))
    for name in "boot", "BOOT", "Boot":
        assert files.read(0, name, 0, 9) == name.encode()
    assert files.read(0, "bOOT", 0, 9).lower() == b"boot"


# --- where ---


@pytest.mark.parametrize(("table", "partition"), [("mbr", 2), ("gpt", 3)])
def test_a_partitions_file_system(
    images: dict[str, Path], volumes: Volumes, put: Callable[..., RawDisk], table: str, partition: int
) -> None:
    disk = put(images["HFS"], table)
    files = volumes.files(disk)
    assert files.read(partition, "/ppc/bootinfo.txt", 0, 99) == SCRIPT
    assert files.read(partition, "/boot/vmlinux-6.1.0-9", 0, 1 << 40) == KERNEL
    with pytest.raises(PortError, match=r"^partition 1 holds no file system that can be read$"):
        files.list(1, "/")
    with pytest.raises(PortError, match=r"^the disk holds no file system that can be read$"):
        files.list(0, "/")
    with pytest.raises(PortError, match="the disk has no partition 99"):
        files.list(99, "/")


def test_a_hybrid_cd_is_a_disk_and_a_cd(images: dict[str, Path], volumes: Volumes) -> None:
    disk = RawDisk(images["HFS+"])
    assert [part.kind for part in volumes.partitions(disk).list()][2] == "apple_hfs"
    files = volumes.files(disk)
    assert files.read(0, "/ppc/bootinfo.txt", 0, 99) == files.read(3, "/ppc/bootinfo.txt", 0, 99) == SCRIPT


def test_a_disk_of_two_tebibytes(tmp_path: Path, images: dict[str, Path], volumes: Volumes) -> None:
    path = tmp_path / "disk.img"
    with path.open("wb") as file:
        file.truncate(2 << 40)
        run_tool("sgdisk", "-n", "1:2000G:+64M", "-c", "1:far away", str(path))
        file.seek(2000 << 30)
        file.write(images["ext4"].read_bytes())
    disk = RawDisk(path)
    (part,) = volumes.partitions(disk).list()
    assert (part.start, part.size, part.name) == (2000 << 30, 64 * MIB, "far away")
    assert volumes.files(disk).read(1, "/boot/vmlinux-6.1.0-9", 3 * MIB, 1 << 20) == KERNEL[3 * MIB :]


# --- what can't be answered ---


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (
            "/ppc/nothing",
            r"^no file /ppc/nothing in the disk: in /ppc there are (bootinfo.txt, chrp/|chrp/, bootinfo.txt)$",
        ),
        ("/boot/KERNEL/x", "KERNEL is no directory"),
        ("/boot", "^/boot in the disk is a directory$"),
        ("x" * 2000, "the path is too long"),
        ("/a" * 200, "the path is too long"),
        ("", "is a directory"),
    ],
)
def test_a_file_that_is_not_there(images: dict[str, Path], volumes: Volumes, path: str, reason: str) -> None:
    for name in "ext4", "HFS":
        files = volumes.files(RawDisk(images[name]))
        with pytest.raises(PortError, match=reason):
            files.size(0, path)
        with pytest.raises(PortError, match=reason):
            files.read(0, path, 0, 1)
    with pytest.raises(PortError, match="is no directory"):
        files.list(0, "/boot/KERNEL")


FOREIGN = {
    "xfs": (0, b"XFSB"),
    "btrfs": (0x10040, b"_BHRfS_M"),
    "squashfs": (0, b"hsqs"),
    "swap space": (4086, b"SWAPSPACE2"),
    "a physical volume of LVM": (512, b"LABELONE"),
}


@pytest.mark.parametrize(("name", "spot"), FOREIGN.items())
def test_what_the_firmware_cant_read_is_named(
    tmp_path: Path, volumes: Volumes, put: Callable[..., RawDisk], name: str, spot: tuple[int, bytes]
) -> None:
    (tmp_path / "foreign").write_bytes(bytes(spot[0]) + spot[1])
    with pytest.raises(PortError, match=f"^partition 2 holds {name}, which the firmware can't read: put the boot "):
        volumes.files(put(tmp_path / "foreign")).list(2, "/")


@pytest.mark.parametrize(("offset", "length"), [(-1, 1), (0, -1)])
def test_bytes_that_are_in_no_file(images: dict[str, Path], volumes: Volumes, offset: int, length: int) -> None:
    with pytest.raises(PortError, match="are in no file"):
        volumes.files(RawDisk(images["ext4"])).read(0, "/boot/KERNEL", offset, length)


# --- HFS and HFS+: the blessed folder, types, trees ---


def test_the_blessed_folder_and_types(images: dict[str, Path], volumes: Volumes) -> None:
    files = volumes.files(RawDisk(images["HFS+"]))
    assert files.blessed(3) == "/ppc/chrp"
    assert files.of_type(3, "/ppc", "tbxi") == "/ppc/bootinfo.txt"
    with pytest.raises(PortError, match="no file of type tbxi in /ppc/chrp/ in partition 3"):
        files.of_type(3, "/ppc/chrp/", "tbxi")
    files = volumes.files(RawDisk(images["HFS"]))
    assert files.of_type(0, "/PPC/", "tbxi") == "/PPC/bootinfo.txt"
    with pytest.raises(PortError, match="HFS volume has no blessed folder"):
        files.blessed(0)


@pytest.mark.parametrize("name", ["ext4", "FAT"])
def test_other_file_systems_have_neither(images: dict[str, Path], volumes: Volumes, name: str) -> None:
    files = volumes.files(RawDisk(images[name]))
    with pytest.raises(PortError, match=r"has no blessed folder: HFS and HFS. have"):
        files.blessed(0)
    with pytest.raises(PortError, match=r"has no Finder types \(tbxi\): HFS and HFS. have"):
        files.of_type(0, "/", "tbxi")


def test_a_volume_of_hfsutils_whose_files_are_in_pieces(tmp_path: Path, volumes: Volumes) -> None:
    """More pieces than a file's record has room for: the rest are in the extents' own tree."""
    image, small, big = (tmp_path / name for name in ("hfs.img", "small", "big"))
    with image.open("wb") as file:
        file.truncate(2 * MIB)
    small.write_bytes(bytes(16 << 10))
    big.write_bytes(KERNEL[: 700 << 10])
    environment = f"HOME={tmp_path}"
    commands = [f"hformat -l Disk {image}", "hmkdir :System", "hmkdir :System:Folder", "hattrib -b :System:Folder"]
    commands += [f"hcopy -r {small} :small{number}" for number in range(110)]
    commands += [f"hdel :small{number}" for number in range(0, 110, 2)]
    commands += [f"hcopy -r {big} :System:Folder:big", "hattrib -t tbxi -c UNIX :System:Folder:big", "humount"]
    run_tool("env", environment, "sh", "-ec", "\n".join(commands))
    files = volumes.files(RawDisk(image))
    assert files.blessed(0) == "/System/Folder"
    assert files.of_type(0, files.blessed(0), "tbxi") == "/System/Folder/big"
    assert files.read(0, "/System/Folder/big", 0, MIB) == big.read_bytes()
    assert files.list(0, "/") == sorted(["System/", *(f"small{number}" for number in range(1, 110, 2))])


MANY = [f"file {number} with a name" for number in range(600)]


def test_a_big_directory_of_hfs(tmp_path: Path, volumes: Volumes) -> None:
    volume = Volume()
    for folder in "a", "many", "z":
        volume[folder] = Folder()
        volume[folder, "x"] = File()
    for name in MANY:
        volume["many", name] = File()
    (tmp_path / "hfs.img").write_bytes(volume.write(4 * MIB, desktopdb=False))
    files = volumes.files(RawDisk(tmp_path / "hfs.img"))
    assert files.list(0, "/") == ["a/", "many/", "z/"]
    assert files.list(0, "/many") == sorted([*MANY, "x"])
    assert files.list(0, "/a") == files.list(0, "/z") == ["x"]


def test_a_big_directory_of_hfs_plus_and_what_the_library_says_of_it(tmp_path: Path, volumes: Volumes) -> None:
    tree = tmp_path / "tree"
    for folder in "a", "many", "z/deep/er":
        (tree / folder).mkdir(parents=True)
        (tree / folder / "x").write_text(folder)
    for name in MANY:
        (tree / "many" / name).write_text(name)
    (tree / "z" / "Grüße, 世界").write_text("hello")
    hfs = tmp_path / "hfs.img"
    run_tool("xorriso", "-as", "mkisofs", "-quiet", "-hfsplus", "-o", str(hfs), str(tree))
    disk = RawDisk(hfs)
    start, _ = volumes.partitions(disk).find(3)
    system = pytsk3.FS_Info(pytsk3.Img_Info(str(hfs)), start, pytsk3.TSK_FS_TYPE_HFS_DETECT)
    files = volumes.files(disk)
    for folder in "/a", "/many", "/z/deep/er":
        library = {item.info.name.name.decode() for item in system.open_dir(path=folder)}
        assert set(files.list(3, folder)) == library - {".", ".."}
    assert len(files.list(3, "/many")) == len(MANY) + 1
    assert files.read(3, "/many/" + MANY[437], 0, 99) == MANY[437].encode()
    assert files.read(3, "/z/grüße, 世界", 0, 99) == b"hello"


# --- CDs ---


def test_finder_types_of_a_cd(tmp_path: Path, tree: Path, volumes: Volumes) -> None:
    (tmp_path / "map").write_text(".txt Raw 'chrp' 'tbxi' \"CHRP script\"\n* Raw '????' 'BINA' \"else\"\n")
    cd = tmp_path / "cd.iso"
    run_tool("genisoimage", "-quiet", "-R", "-apple", "-map", str(tmp_path / "map"), "-o", str(cd), str(tree))
    files = volumes.files(RawDisk(cd))
    assert files.of_type(0, "/ppc", "tbxi") == "/ppc/bootinfo.txt"
    with pytest.raises(PortError, match="no file of type tbxi in /boot/ in the disk"):
        files.of_type(0, "/boot", "tbxi")


def test_a_cd_that_is_an_hfs_volume_too(tmp_path: Path, tree: Path, volumes: Volumes) -> None:
    """As Debian's and others' for Macs are: an Apple map, plain HFS in it, and the same files in ISO 9660."""
    (tmp_path / "map").write_text(".txt Raw 'chrp' 'tbxi' \"CHRP script\"\n* Raw '????' 'BINA' \"else\"\n")
    cd = tmp_path / "cd.iso"
    options = ("-R", "-hfs", "-part", "-map", str(tmp_path / "map"), "-hfs-bless", str(tree / "ppc"))
    run_tool("genisoimage", "-quiet", *options, "-o", str(cd), str(tree))
    disk = RawDisk(cd)
    (number,) = (part.number for part in volumes.partitions(disk).list() if part.kind == "apple_hfs")
    files = volumes.files(disk)
    assert files.blessed(number) == "/ppc"
    assert files.of_type(number, "/ppc", "tbxi") == "/ppc/bootinfo.txt"
    for partition in 0, number:
        assert files.read(partition, "/boot/vmlinux-6.1.0-9", 0, 1 << 30) == KERNEL


def test_rock_ridge_with_deep_directories_and_long_links(tmp_path: Path, volumes: Volumes) -> None:
    """Directories deeper than eight are moved to another place; what doesn't fit a record is continued elsewhere."""
    deep = Path(*(f"level {number} {'x' * 60}" for number in range(1, 12)))
    tree = tmp_path / "tree"
    (tree / deep).mkdir(parents=True)
    (tree / deep / "file").write_text("deep")
    (tree / "link").symlink_to(Path(*deep.parts[:3]) / "other")
    (tree / Path(*deep.parts[:3]) / "other").write_text("linked")
    (tree / ("n" * 200)).write_text("long")
    for number in range(300):
        (tree / "level 1 {}".format("x" * 60) / f"{number}.with a.name").write_text(str(number))
    cd = tmp_path / "cd.iso"
    run_tool("genisoimage", "-quiet", "-R", "-o", str(cd), str(tree))
    files = volumes.files(RawDisk(cd))
    assert files.read(0, str(deep / "file"), 0, 9) == b"deep"
    assert files.read(0, "link", 0, 9) == b"linked"
    assert files.read(0, "n" * 200, 0, 9) == b"long"
    assert [name for name in files.list(0, "/") if name != "rr_moved/"] == [deep.parts[0] + "/", "link", "n" * 200]
    assert files.list(0, deep.parts[0]) == sorted(p.name + "/" * p.is_dir() for p in (tree / deep.parts[0]).iterdir())
    assert files.read(0, f"{deep.parts[0]}/299.WITH A.NAME", 0, 9) == b"299"


def test_a_file_of_a_cd_in_several_extents(images: dict[str, Path], volumes: Volumes) -> None:
    """As files of 4 GiB and more have them: two records of one name, the first of which says that more comes."""
    content = images["ISO 9660"].read_bytes()
    disk = OverlayDisk(RawDisk(images["ISO 9660"]))
    name = b"BOOTINFO.TXT;1"
    at = content.index(name) - 33
    record = bytearray(content[at : at + content[at]])
    (kernel,) = unpack_from("<I", content, content.index(b"VMLINUX_") - 33 + 2)
    pack_into("<I", record, 2, kernel)
    pack_into("<I", record, 10, 2048)
    record[25] |= 0x80
    assert content[at + 2 * len(record)] == 0  # there is room after it, or another record that moves
    disk.write(at, bytes(record) + content[at : at + 512])
    files = volumes.files(disk)
    assert files.read(0, "/ppc/bootinfo.txt", 0, 4096) == KERNEL[:2048] + SCRIPT
    assert files.read(0, "/ppc/bootinfo.txt", 2040, 16) == KERNEL[2040:2048] + SCRIPT[:8]


# --- generations ---


def test_a_generation_keeps_the_file_system_open(images: dict[str, Path], volumes: Volumes) -> None:
    disk = Counting(images["ext4"])
    files, anew = volumes.files(disk, lambda: 7), volumes.files(disk)
    assert files.read(0, "/boot/KERNEL", 0, 9) == b"other\n"
    disk.count = 0
    assert files.read(0, "/boot/KERNEL", 1, 9) == b"ther\n"
    assert disk.count <= 1
    disk.count = 0
    assert anew.read(0, "/boot/KERNEL", 1, 9) == b"ther\n"
    assert disk.count > 3


@pytest.mark.parametrize("name", ["ext4", "HFS"])
def test_a_write_is_seen(images: dict[str, Path], volumes: Volumes, name: str) -> None:
    at = images[name].read_bytes().index(SCRIPT)
    disk, generation = OverlayDisk(RawDisk(images[name])), [0]
    kept, anew = volumes.files(disk, lambda: generation[0]), volumes.files(disk)
    for files in kept, anew:
        assert files.read(0, "/ppc/bootinfo.txt", 0, 5) == b"<CHRP"
    disk.write(at, b"[CHRP")
    generation[0] += 1
    for files in kept, anew:
        assert files.read(0, "/ppc/bootinfo.txt", 0, 5) == b"[CHRP"


def test_disks_dont_mix(images: dict[str, Path], volumes: Volumes) -> None:
    disks = {name: volumes.files(RawDisk(images[name]), lambda: 1) for name in SYSTEMS}
    for _ in range(2):
        for name, files in disks.items():
            assert files.read(PARTITION.get(name, 0), "/boot/kernel", 0, 99) == b"other\n"


def test_the_disks_error_is_the_reason_and_is_forgotten(images: dict[str, Path], volumes: Volumes) -> None:
    class Loose(RawDisk):
        loose = False

        def read(self, offset: int, length: int) -> bytes:
            if self.loose:
                raise PortError("the cable came off")
            return super().read(offset, length)

    for name in "ext4", "HFS":
        disk = Loose(images[name])
        files = volumes.files(disk, lambda: 1)
        disk.loose = True
        with pytest.raises(PortError, match=r"^the cable came off$"):
            files.list(0, "/")
        disk.loose = False
        assert files.size(0, "/boot/vmlinux-6.1.0-9") == len(KERNEL)
        disk.loose = True
        with pytest.raises(PortError, match=r"^the cable came off$"):
            files.read(0, "/boot/vmlinux-6.1.0-9", MIB, MIB)
        disk.loose = False
        assert files.read(0, "/boot/vmlinux-6.1.0-9", MIB, MIB) == KERNEL[MIB : 2 * MIB]


# --- damage ---


def answer_or_reason(files: DiskFiles, partition: int) -> list[str]:
    """Ask everything; the reasons of what got no answer."""
    reasons = []
    for ask in (
        lambda: files.list(partition, "/"),
        lambda: files.size(partition, "/boot/kernel"),
        lambda: files.read(partition, "/boot/vmlinux-6.1.0-9", 0, 1 << 21),
        lambda: files.read(partition, "/boot/vmlinux", 0, 10),
        lambda: files.blessed(partition),
        lambda: files.of_type(partition, "/ppc", "tbxi"),
    ):
        try:
            ask()
        except PortError as error:
            reasons.append(str(error))
    assert not any("\n" in reason or "within" in reason for reason in reasons)
    return reasons


spots = st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(min_size=1, max_size=8)), min_size=1, max_size=6)


@pytest.mark.parametrize("name", ["ext4", "FAT", "Rock Ridge", "HFS", "HFS+"])
@settings(deadline=None, max_examples=12)
@given(spots=spots)
def test_damage_gives_an_answer_or_a_reason(
    images: dict[str, Path], volumes: Volumes, name: str, spots: list[tuple[int, bytes]]
) -> None:
    disk = OverlayDisk(RawDisk(images[name]))
    partition = PARTITION.get(name, 0)
    begin = volumes.partitions(disk).find(partition)[0] if partition else 0
    begin += 0x8000 if name == "Rock Ridge" else 0
    for offset, data in spots:
        disk.write(begin + offset, data)
    answer_or_reason(volumes.files(disk, lambda: 1), partition)


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("share", [0.001, 0.2, 0.7])
def test_an_image_cut_short(tmp_path: Path, images: dict[str, Path], volumes: Volumes, name: str, share: float) -> None:
    whole = images[name].read_bytes()
    (tmp_path / "disk.img").write_bytes(whole[: int(len(whole) * share)])
    disk = RawDisk(tmp_path / "disk.img")
    reasons = answer_or_reason(volumes.files(disk), PARTITION.get(name, 0))
    assert reasons or (name, share) == ("HFS+", 0.7)  # whose files are at the CD's beginning


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_no_file_system(tmp_path: Path, volumes: Volumes, seed: int) -> None:
    (tmp_path / "disk.img").write_bytes(random.Random(seed).randbytes(2 * MIB))
    with pytest.raises(PortError, match=r"^the disk holds no file system that can be read$"):
        volumes.files(RawDisk(tmp_path / "disk.img")).list(0, "/")


def test_an_ext4_with_a_bad_superblock(images: dict[str, Path], volumes: Volumes) -> None:
    disk = OverlayDisk(RawDisk(images["ext4"]))
    disk.write(1024, random.Random(3).randbytes(1024))
    with pytest.raises(PortError, match="no file system that can be read"):
        volumes.files(disk).list(0, "/")
    disk.write(1080, b"\x53\xef")
    with pytest.raises(PortError, match="the disk holds ext2, ext3 or ext4, but its superblock is damaged"):
        volumes.files(disk).list(0, "/")


def test_a_worker_that_is_killed_between_two_reads(images: dict[str, Path]) -> None:
    volumes = Volumes()
    try:
        files = volumes.files(RawDisk(images["ext4"]), lambda: 1)
        assert files.read(0, "/boot/vmlinux", 0, 100) == KERNEL[:100]
        before = volumes.pid
        assert before is not None
        os.kill(before, signal.SIGKILL)
        os.waitid(os.P_PID, before, os.WEXITED | os.WNOWAIT)
        assert files.read(0, "/boot/vmlinux", 100, 100) == KERNEL[100:200]
        assert volumes.pid != before
    finally:
        volumes.close()


def test_a_directory_too_big_to_be_listed_is_still_searched(tmp_path: Path, volumes: Volumes) -> None:
    volume = Volume()
    for number in range(16_500):
        volume[f"{number:05} with a rather long name"] = File()
    (tmp_path / "hfs.img").write_bytes(volume.write(16 * MIB, desktopdb=False))
    files = volumes.files(RawDisk(tmp_path / "hfs.img"))
    with pytest.raises(PortError, match=r"too many names to be listed: \d+ and more"):
        files.list(0, "/")
    assert files.size(0, "14998 WITH A RATHER LONG NAME") == 0


def leaves(disk: OverlayDisk, begin: int) -> list[int]:
    """Where the leaf nodes of the volume's catalog are, by the header of the B-tree and by eye."""
    (block_size,) = unpack_from(">I", disk.read(begin + 1024, 512), 40)
    (start,) = unpack_from(">I", disk.read(begin + 1024, 512), 272 + 16)
    catalog = begin + start * block_size
    header = disk.read(catalog, 512)
    (node_size,), (count,) = unpack_from(">H", header, 32), unpack_from(">I", header, 36)
    nodes = [catalog + number * node_size for number in range(1, count)]
    return [node for node in nodes if disk.read(node, 10)[8] == 0xFF and disk.read(node, 12)[10:12] != b"\0\0"]


def catalog_record(disk: OverlayDisk, begin: int, name: str) -> int:
    """Where the record of a file or directory of that name is on the disk, after its key."""
    key_end = pack(">H", len(name)) + name.encode("utf-16-be")
    for node in leaves(disk, begin):
        content = disk.read(node, 4096)
        at = content.find(key_end)
        while at >= 0:
            if content[at + len(key_end) : at + len(key_end) + 2] in (b"\0\1", b"\0\2"):
                return node + at + len(key_end)
            at = content.find(key_end, at + 1)
    raise AssertionError(name)


def node(kind: int, records: list[bytes], size: int = 4096) -> bytes:
    """A B-tree's node."""
    content = bytearray(size)
    pack_into(">IIBBHH", content, 0, 0, 0, kind, int(kind == 0xFF), len(records), 0)
    at = 14
    for number, record in enumerate([*records, b""]):
        pack_into(">H", content, size - 2 * (number + 1), at)
        content[at : at + len(record)] = record
        at += len(record)
    return bytes(content)


def test_a_file_of_hfs_plus_in_many_pieces(images: dict[str, Path], volumes: Volumes) -> None:
    """By hand: bootinfo.txt gets every other block of the kernel, 8 by its record and 12 by the extents' tree."""
    disk = OverlayDisk(RawDisk(images["HFS+"]))
    begin, _ = volumes.partitions(disk).find(3)
    (block_size,) = unpack_from(">I", disk.read(begin + 1024, 512), 40)
    (kernel,) = unpack_from(">I", disk.read(catalog_record(disk, begin, "vmlinux-6.1.0-9"), 248), 88 + 16)
    script = catalog_record(disk, begin, "bootinfo.txt")
    (number,) = unpack_from(">I", disk.read(script, 12), 8)
    pieces = [(kernel + 2 * index, 1) for index in range(20)]
    extents = [b"".join(pack(">II", *piece) for piece in pieces[at : at + 8]).ljust(64, b"\0") for at in (0, 8, 16)]
    disk.write(script + 88, pack(">QII", 20 * block_size - 3, 0, 20) + extents[0])
    # The extents' tree comes where the kernel's second MiB was.
    place = kernel + MIB // block_size
    header = pack(">HIIIIHHII", 1, 1, 2, 1, 1, 4096, 10, 2, 0).ljust(106, b"\0")
    keys = [pack(">HBxII", 10, 0, number, first) for first in (8, 16)]
    tree = node(1, [header]) + node(0xFF, [key + rest for key, rest in zip(keys, extents[1:], strict=True)])
    disk.write(begin + place * block_size, tree)
    fork = pack(">QII", len(tree), 0, len(tree) // block_size) + pack(">II", place, len(tree) // block_size)
    disk.write(begin + 1024 + 192, fork.ljust(80, b"\0"))
    wanted = b"".join(KERNEL[2 * index * block_size :][:block_size] for index in range(20))[:-3]
    files = volumes.files(disk)
    assert files.size(3, "/ppc/bootinfo.txt") == len(wanted)
    assert files.read(3, "/ppc/bootinfo.txt", 0, 1 << 20) == wanted
    assert (
        files.read(3, "/ppc/bootinfo.txt", 7 * block_size - 1, 3 * block_size)
        == wanted[7 * block_size - 1 :][: 3 * block_size]
    )
    disk.write(begin + place * block_size + 4096 + 14 + 2 + 6, pack(">I", 9))
    with pytest.raises(PortError, match=f"parts of file {number} are nowhere"):
        volumes.files(disk).size(3, "/ppc/bootinfo.txt")


def test_hfs_plus_inside_hfs(tmp_path: Path, images: dict[str, Path], volumes: Volumes) -> None:
    """As Mac OS 9 and early Mac OS X made them."""
    disk = RawDisk(images["HFS+"])
    start, size = volumes.partitions(disk).find(3)
    header = bytearray(512)
    pack_into(">2s16xHIIH", header, 0, b"BD", 65535, 512, 512, 10)
    pack_into(">2sHH", header, 0x7C, b"H+", 6, size // 512)
    wrapped = bytes(1024) + bytes(header) + bytes((10 + 6) * 512 - 1536) + disk.read(start, size)
    (tmp_path / "disk.img").write_bytes(wrapped)
    files = volumes.files(RawDisk(tmp_path / "disk.img"))
    assert files.read(0, "/ppc/bootinfo.txt", 0, 99) == SCRIPT
    assert files.of_type(0, "ppc", "tbxi") == "ppc/bootinfo.txt"
    assert files.blessed(0) == "/ppc/chrp"


def test_a_compressed_file_of_hfs_plus(images: dict[str, Path], volumes: Volumes) -> None:
    disk = OverlayDisk(RawDisk(images["HFS+"]))
    begin, _ = volumes.partitions(disk).find(3)
    disk.write(catalog_record(disk, begin, "bootinfo.txt") + 41, b"\x20")
    with pytest.raises(PortError, match=r"^bootinfo.txt is compressed, as Mac OS X 10.6"):
        volumes.files(disk).size(3, "/ppc/bootinfo.txt")


def test_leaves_of_a_catalog_that_go_in_a_circle(tmp_path: Path, images: dict[str, Path], volumes: Volumes) -> None:
    disk = OverlayDisk(RawDisk(images["HFS+"]))
    begin, _ = volumes.partitions(disk).find(3)
    for node in leaves(disk, begin):
        disk.write(node, pack(">I", 1))
    begun = time.monotonic()
    answer_or_reason(volumes.files(disk), 3)
    with pytest.raises(PortError, match=r"(go in a circle|no file)"):
        volumes.files(disk).size(3, "/zzz")
    assert time.monotonic() - begun < 2


def test_a_blessed_folder_that_is_its_own_parent(images: dict[str, Path], volumes: Volumes) -> None:
    disk = OverlayDisk(RawDisk(images["HFS+"]))
    begin, _ = volumes.partitions(disk).find(3)
    (blessed,) = unpack_from(">I", disk.read(begin + 1024, 512), 80)
    for node in leaves(disk, begin):
        content = bytearray(disk.read(node, 4096))
        thread = content.find(pack(">HIHHH", 6, blessed, 0, 3, 0))
        if thread >= 0:
            pack_into(">I", content, thread + 12, blessed)
            disk.write(node, bytes(content))
    with pytest.raises(PortError, match="its parents go in a circle"):
        volumes.files(disk).blessed(3)


@pytest.mark.parametrize("at", [80, 100])
def test_a_blessed_folder_that_is_not_there(images: dict[str, Path], volumes: Volumes, at: int) -> None:
    """Word 0 is Open Firmware's, word 5 that of Mac OS X, which counts where the first is empty."""
    disk = OverlayDisk(RawDisk(images["HFS+"]))
    begin, _ = volumes.partitions(disk).find(3)
    disk.write(begin + 1024 + 80, bytes(32))
    with pytest.raises(PortError, match="has no blessed folder"):
        volumes.files(disk).blessed(3)
    disk.write(begin + 1024 + at, pack(">I", 99999))
    with pytest.raises(PortError, match="blessed folder, number 99999, isn't there"):
        volumes.files(disk).blessed(3)
    disk.write(begin + 1024 + at, pack(">I", 2))
    assert volumes.files(disk).blessed(3) == "/"
