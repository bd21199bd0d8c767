"""`vof detok`, and `vof forth` with FCode."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from program import vof

TCX = "/usr/share/qemu/QEMU,tcx.bin"
CG3 = "/usr/share/qemu/QEMU,cgthree.bin"


def test_a_program_as_text() -> None:
    done = vof("detok", TCX)
    assert done.returncode == 0 and done.stdout.startswith("start1   ( 16-bit offsets)\n  format:    0x08\n")
    assert '" SUNW,tcx"\ndevice-name \n' in done.stdout
    places = vof("detok", "-o", "-v", TCX).stdout.splitlines()
    assert places[4] == "     8: new-token ( 0x0b5 ) 0x800" and "b?branch ( 0x014 ) 0x0007 (  dest = 21 )" in places[7]


@pytest.mark.parametrize("options", [(), ("-v", "-o"), ("--linenumbers", "--all"), ("-n",)])
def test_detok_writes_the_same(options: tuple[str, ...]) -> None:
    theirs = subprocess.run(["detok", *options, TCX, CG3], capture_output=True, text=True, check=True).stdout
    said = vof("detok", *options, TCX, CG3)
    assert said.returncode == 0 and without_remarks(said.stdout) == without_remarks(theirs)


def without_remarks(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("\\")]


def test_names_of_further_numbers(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("# ours\n\\ too\n\n0x407 first-of-ours\n  408 second and a remark\n0X5ff third\n")
    body = bytes.fromhex("040704080409 05ff 00".replace(" ", ""))
    program = b"\xf1\x08" + sum(body).to_bytes(2) + (8 + len(body)).to_bytes(4) + body
    (tmp_path / "program").write_bytes(program)
    arguments = ("-v", "-f", str(tmp_path / "list"), str(tmp_path / "program"))
    theirs = subprocess.run(["detok", *arguments], capture_output=True, text=True, check=True).stdout
    said = vof("detok", *arguments).stdout
    assert without_remarks(said) == without_remarks(theirs) and "first-of-ours ( 0x407 ) " in said.splitlines()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0x407", "line 1: a number in hexadecimal and a name, as in 0x407 my-word"),
        ("xyz name", "line 1: a number in hexadecimal and a name, as in 0x407 my-word"),
        ("0x110 name", "line 1: FCode 0x110 is property"),
        ("0x800 name", "line 1: FCode 0x800 is nobody's to name: 010 … 7FF are"),
    ],
)
def test_a_list_that_is_none(line: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "list").write_text(f"{line}\n")
    done = vof("detok", "-f", tmp_path / "list", TCX)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"vof: {tmp_path}/list, {message}\n")


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("/dev/zero", "no FCode here: "),
        ("/dev/null", "no FCode here: "),
        ("/tmp", "Is a directory"),
        ("/usr/lib/ipxe/qemu/efi-e1000.rom", "a PCI expansion ROM without an image for Open Firmware"),
    ],
)
def test_files_of_another_kind(file: str, message: str) -> None:
    done = vof("detok", file)
    assert done.returncode == 2 and done.stderr.startswith(f"vof: {file}: {message}") and done.stderr.count("\n") == 1


def test_what_a_rom_holds_is_told_as_romheaders_does() -> None:
    rom = "/usr/lib/ipxe/qemu/efi-e1000.rom"
    said = vof("detok", rom).stdout
    theirs = subprocess.run(["romheaders", rom], capture_output=True, text=True, check=True).stdout
    for one, other in (
        ("vendor 0x8086, device 0x100e, class 0x020000", "Class Code: 0x020000"),
        ("image 1 at 0x0 of the expansion ROM: x86 PC, ", "Code Type: 0x00 (Intel x86)"),
        ("expansion ROM: EFI, ", "Code Type: 0x03"),
    ):
        assert one in said and other in theirs


def test_what_is_no_fcode(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello, world")
    done = vof("detok", tmp_path / "text")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"vof: {tmp_path}/text: no FCode here: a program begins with a byte F0 … F3 or FD and a header of 8 bytes\n"
    )
    assert vof("detok", tmp_path / "none").stderr == f"vof: {tmp_path}/none: No such file or directory\n"
    assert "which file?" in vof("detok").stderr
    (tmp_path / "cut").write_bytes(Path(TCX).read_bytes()[:100])
    cut = vof("detok", tmp_path / "cut")
    assert cut.returncode == 0 and "\\ the program ends at 100, in the middle" in cut.stdout.splitlines()[-2]


def test_a_driver_of_fcode_becomes_a_device(tmp_path: Path) -> None:
    (tmp_path / "bus.fs").write_text(
        '0 dev / new-device " sbus" device-name 2 encode-int " #address-cells" property '
        '1 encode-int " #size-cells" property : decode-unit 2drop 0 0 ;\n'
    )
    done = vof("forth", tmp_path / "bus.fs", TCX, "-e", "device-end dev /sbus/SUNW,tcx .properties")
    assert done.returncode == 0 and 'device_type             "display"' in done.stdout


def test_cells_of_64_bits() -> None:
    assert vof("forth", "--cells", "64", "-e", "123456789abcdef0 xbflip u. /n .").stdout == "f0debc9a78563412 8 "
    assert vof("forth", "-e", "/n .").stdout == "4 "
    wrong = vof("forth", "--cells", "16", "-e", "1")
    assert (wrong.returncode, wrong.stderr) == (2, "vof: --cells 16: 32 or 64\n")
