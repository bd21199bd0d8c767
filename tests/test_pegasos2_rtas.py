"""RTAS on `pegasos2`: every call from a C program after the firmware is gone, and NVRAM in a file from run to run."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from build import build_c

from vof.backends.nvram_file import NvramFile
from vof.errors import UsageError
from vof.events import Phase
from vof.machines.nvram import Nvram
from vof.machines.rtas import CALLS, NVRAM_SIZE, nvram_checksum
from vof.packages.nvram import NvramPartitions
from vof.vm import VM, EndReason

UNTOUCHED = 0x5A5A5A5A
BAD = 0xFFFFFFFD


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(build_c("rtas", 32, "big", tmp_path_factory.mktemp("rtas")))


@pytest.fixture(scope="module")
def said(program: str) -> str:
    with VM(machine="pegasos2", kernel=program, append="off") as vm:
        text = vm.expect("bye") + f"\nhost {int(time.time()):08x}\n".encode()
        ending = vm.wait(10)
    assert ending is not None and ending.reason is EndReason.POWER_OFF
    return text.decode()


def cells(said: str, name: str) -> list[list[int]]:
    """What each call of that name gave."""
    lines = re.findall(rf"^{name}((?: [0-9a-f]{{8}})+)\r?$", said, re.MULTILINE)
    assert lines, name
    return [[int(cell, 16) for cell in line.split()] for line in lines]


@pytest.mark.guest
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pci", [0, 0x82311106]),
        ("pci-word", [0, 0x8231]),
        ("pci-byte", [0, 0x11]),
        ("pci-other", [0, 0x646011AB]),
        ("pci-none", [0, 0xFFFFFFFF]),
        ("pci-width", [BAD, UNTOUCHED]),
        ("pci-align", [BAD, UNTOUCHED]),
        ("write", [0]),
        ("written", [0, 0x5A]),
        ("write-align", [BAD]),
        ("store", [0, 64]),
        ("fetch", [0, 64]),
        ("store-far", [BAD, UNTOUCHED]),
        ("fetch-far", [BAD, UNTOUCHED]),
        ("store-none", [0, 0]),
        ("event-scan", [1]),
        ("indicator", [BAD]),
        ("sensor", [BAD, UNTOUCHED]),
        ("restart", [0]),
        ("unknown", [BAD]),
        ("far", [BAD]),
        ("fewer", [BAD, UNTOUCHED]),
        ("one-result", [0]),
        ("no-result", []),
        ("many", [UNTOUCHED]),
        ("set-leap", [BAD]),
        ("set-year", [BAD]),
        ("set-month", [BAD]),
        ("set-day", [BAD]),
        ("set-hour", [BAD]),
    ],
)
def test_each_call(said: str, name: str, expected: list[int]) -> None:
    """The cell behind the results is the caller's."""
    assert cells(said, name)[-1] == [*expected, UNTOUCHED]


@pytest.mark.guest
def test_the_time_in_every_mode_of_the_clock(said: str) -> None:
    assert [row[0] for row in cells(said, "set")] == 5 * [0]
    for index, row in enumerate(cells(said, "get")[:4]):
        status, *found, nanosecond, behind = row
        assert (status, nanosecond, behind) == (0, 0, UNTOUCHED)
        assert found[:5] == [2028, 2, 29, 12 * (index & 1), 58] and 57 <= found[5] <= 59, index


@pytest.mark.guest
def test_the_time_is_the_host_s(said: str) -> None:
    status, year, month, day, hour, minute, second, _, _ = cells(said, "now")[0]
    ((host,),) = cells(said, "host")
    assert status == 0 and -2 <= host - datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp() <= 5


@pytest.mark.guest
def test_registers_data_and_bases(said: str) -> None:
    assert cells(said, "fetched") == [[0x80818283, 0xBCBDBEBF]]
    assert "registers lost" not in said
    assert "nowhere 0xffffffff" in said and "between 0xffffffff" in said and "entry 1" in said and "fits 1" in said


@pytest.mark.guest
def test_a_reboot_starts_the_firmware_again(program: str) -> None:
    phases: list[str] = []
    with VM(machine="pegasos2", kernel=program, append="reboot") as vm:
        vm.listen(lambda event: phases.append(getattr(event, "name", "")), Phase)
        for boot in range(3):
            assert cells(vm.expect("bye").decode(), "found") == [[0x80818283 if boot else 0]]
        vm.expect("fits 1")
    assert phases.count("firmware started again") == 3


# --- NVRAM ---


def formatted() -> bytes:
    """NVRAM as the firmware leaves it to a client program."""
    store = Nvram(NVRAM_SIZE)
    NvramPartitions(store).format()
    return store.read(0, NVRAM_SIZE)


@pytest.mark.guest
def test_nvram_is_kept_from_run_to_run(program: str, tmp_path: Path) -> None:
    path = tmp_path / "nvram"
    written = bytes(range(0x80, 0xC0))
    for found in (0, 0x80818283):
        with VM(machine="pegasos2", kernel=program, append="off", nvram=str(path)) as vm:
            assert cells(vm.expect("bye").decode(), "found") == [[found]]
            vm.wait(10)
        kept = NvramFile(str(path), NVRAM_SIZE)
        assert kept.data == formatted()[:0x1FC0] + written and not kept.notice
    before = path.read_bytes()
    with VM(machine="pegasos2", kernel=program, append="torn", nvram=str(path)) as vm:
        vm.wait(10)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["nvram"]


@pytest.mark.guest
def test_nvram_that_cannot_be_told_is_said(program: str, tmp_path: Path) -> None:
    path = tmp_path / "nvram"
    NvramFile(str(path), NVRAM_SIZE).save(bytes(NVRAM_SIZE))
    with VM(machine="pegasos2", kernel=program, append="torn", nvram=str(path)) as vm:
        vm.wait(10)
        assert [notice for notice in vm.notices if "was being written" in notice]


@pytest.mark.guest
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda each: str(each))
def test_nvram_is_kept_whatever_ends_the_run(program: str, tmp_path: Path, number: int) -> None:
    path = tmp_path / "nvram"
    options = ("-machine", "pegasos2", "-kernel", program, "-append", "wait", "--nvram", str(path))
    with subprocess.Popen(
        ["env", "--default-signal", sys.executable, "-m", "vof", "boot", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        while b"bye" not in process.stdout.readline():
            pass
        assert not path.exists()
        process.send_signal(number)
        assert process.stderr.read() == b""
    assert process.returncode == 128 + number
    assert NvramFile(str(path), NVRAM_SIZE).data == formatted()[:0x1FC0] + bytes(range(0x80, 0xC0))


@pytest.mark.parametrize(
    "spoil", [lambda b: b[:-1], lambda b: b + b"x", lambda b: b[:60] + b"x" + b[61:], lambda b: b""]
)
def test_a_damaged_file_is_kept_aside_when_there_is_another_to_keep(
    tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "nvram"
    NvramFile(str(path), 256).save(bytes(range(256)))
    for number in ("", "2"):
        found = spoil(path.read_bytes())
        path.write_bytes(found)
        again = NvramFile(str(path), 256)
        aside = tmp_path / f"nvram.damaged{number}"
        assert again.data == bytes(256) and aside.name in again.notice
        assert path.read_bytes() == found and not aside.exists()
        again.save(bytes(256))
        assert aside.read_bytes() == found
        assert NvramFile(str(path), 256).data == bytes(256) and not NvramFile(str(path), 256).notice


@pytest.mark.guest
def test_a_damaged_file_is_said_and_kept_aside(program: str, tmp_path: Path) -> None:
    path = tmp_path / "nvram"
    path.write_bytes(b"junk")
    options = ("boot", "-machine", "pegasos2", "-kernel", program, "-append", "off", "--nvram", str(path))
    command = [sys.executable, "-m", "vof", *options]
    for more in (["--dry-run"], ["--qemu", "/no/such/qemu"]):
        subprocess.run([*command, *more], stdin=subprocess.DEVNULL, capture_output=True)
        assert path.read_bytes() == b"junk"
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        f"vof: --nvram {path}: it is damaged, or no NVRAM of vof's; the machine starts with a fresh one, and the file "
        f"will be kept as {path}.damaged"
    ]
    assert (tmp_path / "nvram.damaged").read_bytes() == b"junk"
    assert NvramFile(str(path), NVRAM_SIZE).data.endswith(b"\xbf")


@pytest.mark.parametrize("machine", ["generic", "mac99"])
def test_a_machine_without(machine: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="pseries, pegasos2, mol have an NVRAM"):
        VM(machine=machine, nvram=str(tmp_path / "nvram"))


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "nvram").symlink_to("folder/real")
    NvramFile(str(tmp_path / "nvram"), 256).save(bytes(range(256)))
    assert (tmp_path / "nvram").is_symlink()
    assert NvramFile(str(tmp_path / "folder" / "real"), 256).data == bytes(range(256))


def test_what_cannot_be_kept_is_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, message in (
        (str(tmp_path / "none" / "nvram"), "no folder"),
        (str(tmp_path), "no regular file"),
        (str(tmp_path / "pipe"), "no regular file"),
        ("/dev/null", "no regular file"),
    ):
        with pytest.raises(UsageError, match=message):
            NvramFile(name, 256)
    file = NvramFile(str(tmp_path / "nvram"), 256)
    (tmp_path / "nvram").mkdir()
    with pytest.raises(UsageError, match="lost"):
        file.save(bytes(256))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["nvram", "pipe"]


def test_the_table_is_the_source_s() -> None:
    source = (Path(__file__).parents[1] / "src/vof/guest/rtas_pegasos2.S").read_text()
    table = source[source.index("\ntable:") : source.index("table_end:")]
    rows = [(int(a), int(r), name) for a, r, name in re.findall(r"row\s+(\d+), (\d+), (\w+)", table)]
    for call in CALLS:
        assert (rows[call.token][0], rows[call.token][1]) == (len(call.arguments), len(call.results)), call
    silent = [token for token, row in enumerate(rows) if row == (0, 0, "no_such_call")]
    assert sorted([call.token for call in CALLS] + silent) == list(range(len(rows)))


def test_the_checksum() -> None:
    assert nvram_checksum(bytes.fromhex("80000000 00000001")) == 2
