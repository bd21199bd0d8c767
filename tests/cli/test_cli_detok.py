"""`vof detok`, and `vof forth` with FCode."""

from __future__ import annotations

from pathlib import Path

from program import vof

TCX = "/usr/share/qemu/QEMU,tcx.bin"


def test_a_program_as_text() -> None:
    done = vof("detok", TCX)
    assert done.returncode == 0 and done.stdout.startswith("start1 ( 16-bit offsets)\n  format:    0x08\n")
    assert '" SUNW,tcx"\ndevice-name\n' in done.stdout
    places = vof("detok", "-o", "-v", TCX).stdout.splitlines()
    assert places[4] == "     8: new-token ( 0x0b5 ) 0x800" and "b?branch ( 0x014 ) 0x0007 ( dest = 21 )" in places[7]


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
    assert cut.returncode == 0 and cut.stdout.splitlines()[-1].startswith("\\ the program ends at 100")


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
