"""The machine `mol`, run by guest programs in C that know it by its calls alone."""

from __future__ import annotations

import hashlib
import re
import struct
import subprocess
import time
import wave
from pathlib import Path

import pytest
from build import build_mol
from PIL import Image, ImageChops

from vof.errors import UsageError
from vof.vm import VM, Config, EndReason, ExpectTimeout

PICTURES = Path(__file__).parent / "data" / "mol"
PATIENCE = 60

pytestmark = pytest.mark.guest


def lines_of(said: bytes) -> list[str]:
    return said.decode().replace("\r", "").splitlines()


# --- disks ---


def test_ten_thousand_scattered_requests_copy_a_disk(tmp_path: Path) -> None:
    size = 12_800_000
    content = hashlib.shake_128(b"mol").digest(size)
    (tmp_path / "from").write_bytes(content)
    for name in ("to", "kept"):
        (tmp_path / name).write_bytes(bytes(size))
    drives = [f"file={tmp_path / name},format=raw" for name in ("from", "to")]
    drives.append(f"file={tmp_path / 'kept'},format=raw,readonly=on")
    with VM(machine="mol", kernel=str(build_mol("copy", tmp_path)), drives=drives) as vm:
        said = lines_of(vm.expect("done", PATIENCE))
        vm.wait(PATIENCE)
    assert said == [
        "start: 0, 25000 sectors, flags c",
        "at least ten thousand requests, 0 batches failed",
        "write to a disk that can't be written: flags 5, running 0",
        "done",
    ]
    assert (tmp_path / "to").read_bytes() == content
    assert not any((tmp_path / "kept").read_bytes())


def test_a_cd_on_scsi_is_copied_to_a_disk(tmp_path: Path) -> None:
    content = hashlib.shake_128(b"cd").digest(20 * 2048)
    (tmp_path / "cd").write_bytes(content)
    (tmp_path / "disk").write_bytes(bytes(1 << 20))
    drives = [f"file={tmp_path / 'disk'},format=raw,if=scsi", f"file={tmp_path / 'cd'},if=scsi,media=cdrom"]
    with VM(machine="mol", kernel=str(build_mol("scsi", tmp_path, others=["vectors.S"])), drives=drives) as vm:
        said = lines_of(vm.expect("done", PATIENCE))
    assert said == [
        "0: kind 0, VIRTUAL DISK    last 7ff, 512 bytes each",
        "1: kind 5, VIRTUAL CD-ROM  last 13, 2048 bytes each",
        "2: nobody",
        "read: 0, 16384 bytes",
        "written: 0, 16384 bytes",
        "a CD: 2, key 7, code 27",
        "table of contents: 20 bytes, lead-out at 14",
        "done",
    ]
    assert (tmp_path / "disk").read_bytes() == bytes(2048) + content[:16384] + bytes((1 << 20) - 18432)


# --- the network ---


@pytest.mark.parametrize("older", [False, True])
def test_arp_ping_and_a_file_by_tftp(older: bool, tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    content = hashlib.shake_128(b"tftp").digest(1_000_001)
    (tmp_path / "served" / "file").write_bytes(content)
    check = 0
    for byte in content:
        check = (check << 1 | check >> 31) & 0xFFFFFFFF ^ byte
    network = f"user,tftp={tmp_path / 'served'}"
    files = [f"older={tmp_path / 'served' / 'file'}"] if older else []
    program = str(build_mol("net", tmp_path))
    with VM(machine="mol", kernel=program, netdevs=[network], pseudo_files=files) as vm:
        said = lines_of(vm.expect("done", PATIENCE))
    assert said == [
        "start: 0",
        "mac: 5254123456",
        "arp: 5255202",
        "ping: 1",
        f"tftp: {len(content)} bytes, check {check:x}",
        f"a card that has stopped: {-1 if older else 1}",
        "done",
    ]


def test_a_snapshot_in_the_middle_of_a_transfer(tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "file").write_bytes(hashlib.shake_128(b"tftp").digest(1_000_001))
    with VM(machine="mol", kernel=str(build_mol("net", tmp_path)), netdevs=[f"user,tftp={tmp_path / 'served'}"]) as vm:
        vm.expect("ping: 1", PATIENCE)
        with pytest.raises(ExpectTimeout):
            vm.expect("done", 0.05)
        amid = vm.snapshot()
        first = vm.expect("done", PATIENCE)
        vm.restore(amid)
        assert vm.expect("done", PATIENCE) == first and b"1000001 bytes" in first


# --- the screen ---


def color_at(x: int, y: int, width: int, height: int) -> tuple[int, int, int]:
    """What the guest program means to draw."""
    return x * 255 // width, y * 255 // height, 255 if (x ^ y) & 64 else 0


@pytest.mark.parametrize(("index", "depth", "off"), [(0, 8, 85), (1, 15, 8), (2, 32, 0)])
def test_a_drawn_picture(index: int, depth: int, off: int, tmp_path: Path) -> None:
    (tmp_path / "mode").write_bytes(struct.pack(">II", 2, index))
    with VM(machine="mol", kernel=str(build_mol("screen", tmp_path)), pseudo_files=[f"mode={tmp_path / 'mode'}"]) as vm:
        said = lines_of(vm.expect("drawn", PATIENCE))
        vm.screenshot(tmp_path / "screen.png")
        vm.devices.video.set_video_power(0)
        assert not any(vm.devices.video.picture().rgb)
    assert said[:2] == ["mode 1: 640x480x32", "mode 2: 800x600x32"]
    assert said[-2] == f"0: 81000000 {800 * {8: 1, 15: 2, 32: 4}[depth]} 800x600x{depth}"
    shown, stored = Image.open(tmp_path / "screen.png"), Image.open(PICTURES / f"screen-{depth}.png").convert("RGB")
    assert shown.size == (800, 600)
    assert ImageChops.difference(shown, stored).getbbox() is None
    for x, y in ((0, 0), (799, 599), (64, 0), (0, 64), (400, 300), (123, 456)):
        got, meant = shown.getpixel((x, y)), color_at(x, y, 800, 600)
        assert isinstance(got, tuple)
        assert all(abs(one - other) <= off for one, other in zip(got, meant, strict=True)), (x, y)


def test_a_size_of_ones_own_is_the_usual_mode(tmp_path: Path) -> None:
    (tmp_path / "mode").write_bytes(struct.pack(">II", 0, 0))
    files = [f"mode={tmp_path / 'mode'}"]
    with VM(machine="mol", kernel=str(build_mol("screen", tmp_path)), pseudo_files=files, geometry="320x200x15") as vm:
        said = lines_of(vm.expect("drawn", PATIENCE))
        picture = vm.devices.video.picture()
    assert "mode 7: 320x200x32" in said and said[-3:-1] == ["set: 1", "0: 81000000 640 320x200x15"]
    assert (picture.width, picture.height, len(picture.rgb)) == (320, 200, 3 * 320 * 200)


# --- keys, mouse and interrupts ---


@pytest.mark.parametrize("clock", ["host", "virtual"])
def test_keys_and_mouse_wake_a_guest_that_sleeps(clock: str, tmp_path: Path) -> None:
    with VM(machine="mol", kernel=str(build_mol("input", tmp_path, others=["vectors.S"])), clock=clock) as vm:
        assert lines_of(vm.expect("ready\r\n", PATIENCE)) == ["decrementer 1", "ready"]
        keyboard, mouse = vm.devices.keyboard, vm.devices.mouse
        keyboard.type("aB")
        assert lines_of(vm.expect("key b8\r\n", PATIENCE)) == [
            f"key {key}" for key in ("0", "80", "38", "b", "8b", "b8")
        ]
        mouse.move(3, -4)
        mouse.buttons(1)
        assert lines_of(vm.expect("buttons 1\r\n", PATIENCE)) == ["mouse moved 3 -4, buttons 1"]
        mouse.move_to(10, 20, 640, 480)
        assert lines_of(vm.expect("buttons 1\r\n", PATIENCE)) == ["mouse at 10 20 of 640x480, buttons 1"]
        asleep = vm.snapshot()
        for _ in range(2):
            keyboard = vm.devices.keyboard
            keyboard.type("the quick brown fox " * 3)  # more than the ring's sixteen: none is lost
            typed = lines_of(vm.expect("key 31\r\nkey b1\r\n", PATIENCE))
            assert typed[:2] == ["key 11", "key 91"]
            vm.restore(asleep)
        vm.devices.keyboard.type("\x1b")
        ending = vm.wait(PATIENCE)
    assert ending is not None and ending.reason is EndReason.POWER_OFF


def test_a_run_with_a_virtual_clock_is_repeated_exactly(tmp_path: Path) -> None:
    program = str(build_mol("input", tmp_path, others=["vectors.S"]))
    ends = []
    for _ in range(2):
        with VM(machine="mol", kernel=program, clock="virtual") as vm:
            vm.expect("ready\r\n", PATIENCE)
            ends.append(
                (vm._machinery.clock.elapsed, vm.engine.registers(), bytes(vm.engine.memory.read(0x100000, 0x20000)))
            )
    assert ends[0] == ends[1]


# --- sound ---


def test_a_ring_and_written_buffers_are_heard(tmp_path: Path) -> None:
    program = str(build_mol("sound", tmp_path, others=["vectors.S"]))
    heard = []
    for name in ("first.wav", "second.wav"):
        with VM(machine="mol", kernel=program, clock="virtual", audiodev=f"wav,path={tmp_path / name}") as vm:
            said = lines_of(vm.expect("done", PATIENCE))
        with wave.open(str(tmp_path / name)) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (44100, 2, 2)
            heard.append(file.readframes(file.getnframes()))
    assert said == [
        *("format: 0", "ring: 0", "start: 0"),
        *(f"interrupt {number}, later: 1" for number in (1, 2, 3)),
        "at sample 0",
        "buffers of 8192 bytes, start: 0",
        *(f"interrupt {number}, later: 1" for number in (4, 5, 6)),
        "done",
    ]
    ring = bytes((index * 7 + (index >> 8)) & 0xFF for index in range(0x4000))
    swapped = b"".join(ring[at : at + 2][::-1] for at in range(0, len(ring), 2))
    assert heard == [swapped * 4] * 2  # three times round, and once in two buffers


# --- the tree ---


def test_the_tree_is_the_client_interfaces(tmp_path: Path) -> None:
    with VM(machine="mol,start=client", kernel=str(build_mol("prom", tmp_path)), netdevs=["user"]) as vm:
        said = lines_of(vm.expect("done", PATIENCE))
        nodes = len(list(vm.tree.walk())) - 4  # what the program made itself
    assert said[0].startswith(f"{nodes} nodes, ") and said[0].endswith(" 0 differences")
    assert said[1:] == [
        "made: 1",
        "set: 5",
        "got: 5 5",
        "by case and any unit: 1",
        "by the unit's number: 1",
        "new handle: 0 5",
        "old handle: -1",
        "close: 0, then 0",
        "done",
    ]


@pytest.mark.parametrize("start", ["bare", "client"])
def test_the_tree_has_what_a_firmware_that_copies_it_passes_on(start: str, tmp_path: Path) -> None:
    (tmp_path / "disk").write_bytes(bytes(1 << 20))
    with VM(
        machine=f"mol,start={start}",
        kernel=str(build_mol("scsi", tmp_path, others=["vectors.S"])),
        drives=[f"file={tmp_path / 'disk'},format=raw,if=scsi"],
    ) as vm:
        vm.expect("0: kind 0", PATIENCE)
        scsi, targets, rtas, chosen = (
            vm.tree.find(path).properties  # type: ignore[union-attr]
            for path in ("/mol/mol-scsi", "/mol/mol-scsi/sd", "/rtas", "/chosen")
        )
    # Firmware gives methods to sd, which is every target, and opens sd@0.
    assert (scsi["#address-cells"], scsi["#size-cells"]) == (b"\0\0\0\1", bytes(4))
    assert targets["device_type"] == b"block\0" and "reg" not in targets
    # Linux has RTAS instantiated only where there is a size.
    assert rtas["rtas-size"] == b"\0\0\x10\0"
    # It asks for the package of /chosen's cpu, and only the client interface knows ours.
    assert ("cpu" in chosen) == (start == "client")


# --- user mode ---


@pytest.mark.parametrize(
    ("machine", "results"),
    [
        ("mol", "1 1 77810f9b 113724fa 5678 0"),
        ("mol,osi=supervisor", "ead ead 77810f9b ead 5678 0"),
    ],
)
def test_calls_from_user_mode_with_translation_on(machine: str, results: str, tmp_path: Path) -> None:
    with VM(machine=machine, kernel=str(build_mol("user", tmp_path, others=["user_mode.S"]))) as vm:
        assert lines_of(vm.expect("done", PATIENCE)) == [f"results: {results}", "done"]


# --- the machine ---


def test_the_guides_program(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[1] / "docs" / "mol.md").read_text()
    (tmp_path / "program.c").write_text(re.findall(r"```c\n(.*?)```", guide, re.DOTALL)[0])
    command = re.findall(r"\$ (powerpc-linux-gnu-gcc .*?)\n    \$", guide, re.DOTALL)[0].replace("\\\n", "")
    (tmp_path / "guests").symlink_to(Path(__file__).parents[1] / "guests")
    subprocess.run(command, shell=True, cwd=tmp_path, check=True)
    (tmp_path / "disk.img").write_bytes(bytes([0xAB, 0xCD]) * 512)
    drive = f"file={tmp_path / 'disk.img'},format=raw"
    with VM(machine="mol", kernel=str(tmp_path / "program.elf"), drives=[drive]) as vm:
        assert lines_of(vm.expect("\n", PATIENCE)) == ["the disk begins with ab cd"]


def test_a_program_starts_with_nothing_in_its_registers(tmp_path: Path) -> None:
    with VM(machine="mol", kernel=str(build_mol("net", tmp_path, at=0))) as vm:
        vm.run_to_client()
        registers = vm.engine.registers()
    assert registers.pop("pc") == vm.images.placement.entry
    assert vm.images.placement.start == 0
    assert set(registers.values()) == {0}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"machine": "mol,start=cold"}, "start=cold: it is bare or client"),
        ({"machine": "mol,osi=none"}, "osi=none: it is any or supervisor"),
        ({"machine": "mol,dtb=x"}, "mol has start=bare|client, osi=any|supervisor and zone=utc|host"),
        ({"machine": "mol,zone=mars"}, "zone=mars: it is utc or host"),
        ({"machine": "mol", "resources": ["adjust_time=noon"]}, "adjust_time=noon: a number, as in adjust_time=1"),
        ({"machine": "mol", "geometry": "huge"}, "write WIDTHxHEIGHT"),
        ({"machine": "mol", "geometry": "9999x9999"}, "more than the 16 MiB"),
        ({"machine": "mol", "geometry": "9000x300x32"}, "more than the 32767 bytes that GET_VMODE_INFO can tell"),
        ({"machine": "mol", "display": "gtk"}, "there are none, web, web,port=NUMBER and png"),
        ({"machine": "mol", "display": "web,port=0"}, "a number from 1 to 65535"),
        ({"machine": "mol", "display": "png,path=/no/such/x.png"}, "/no/such is no folder"),
        ({"machine": "mol", "audiodev": "jack"}, "there are none, wav,path=FILE, host, and the sound systems"),
        ({"machine": "mol", "audiodev": "wav,id=a"}, "there are none, wav,path=FILE, host, and the sound systems"),
        ({"machine": "mol", "audiodev": "none,path=x"}, "there are none, wav,path=FILE, host, and the sound systems"),
        ({"machine": "mol", "audiodev": "wav,path=/no/such/x.wav"}, "No such file"),
        ({"machine": "mol", "resources": ["key"]}, "write KEY=TEXT"),
        ({"machine": "mol", "pseudo_files": ["name"]}, "write NAME=FILE"),
        ({"machine": "mol", "pseudo_files": ["name=/no/such"]}, "No such file"),
        ({"machine": "mol", "trap": "mailbox"}, "mol has hypercall, illegal and osi"),
        ({"machine": "mol", "engine": "qemu"}, "can't run on --engine qemu"),
        ({"machine": "generic", "engine": "unicorn", "display": "web"}, "is for -machine mol"),
    ],
)
def test_what_cannot_be_is_said(options: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says.replace("|", r"\|")):
        VM(Config(**options))  # type: ignore[arg-type]


def test_other_machines_have_no_such_devices() -> None:
    with VM(machine="generic", engine="unicorn", kernel="") as vm, pytest.raises(UsageError, match="generic has none"):
        _ = vm.devices


@pytest.mark.parametrize(
    ("machine", "zone", "resources", "ahead"),
    [
        ("mol", "XYZ-5:30", [], 0),
        ("mol,zone=host", "XYZ-5:30", [], 5 * 3600 + 1800),
        ("mol,zone=host", "XYZ8", ["adjust_time=1"], -7 * 3600),
        ("mol", "XYZ8", ["adjust_time=-2"], -2 * 3600),
    ],
)
def test_local_time_is_the_hosts_where_that_is_wanted(
    machine: str, zone: str, resources: list[str], ahead: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        kernel = str(build_mol("input", tmp_path, others=["vectors.S"]))
        with VM(machine=machine, kernel=kernel, clock="virtual", resources=[*resources, "mouse_dpi=72"]) as vm:
            vm.expect("ready", PATIENCE)
            vm.restore(vm.snapshot())
            gmt, local, dpi = (vm.devices.osi[selector](*[0] * 6) for selector in (7, 9, 8))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert isinstance(gmt, int) and isinstance(local, int)
    assert local - gmt == 0x7C25B080 + ahead
    assert dpi == 72
