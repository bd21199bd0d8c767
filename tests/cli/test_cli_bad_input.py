"""Bad input gets one line that says what is wrong and what would work."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from program import X86_64, elf, script, vof

RUNNING_QEMU = "exec /bin/sleep 60"  # as far as a program is loaded, one that does nothing will do
OLD_QEMU = "echo QEMU emulator version 5.2.0"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of every badness, and QEMUs of some."""
    for name, data in (
        ("good", elf()),
        ("empty", b""),
        ("text", b"no ELF at all"),
        ("packed", b"\x1f\x8b\x08"),
        ("foreign", elf(machine=X86_64)),
        ("huge", elf(memory=1 << 30)),
        ("cut", elf()[:100]),
        ("bad.dtb", b"\xd0\x0d\xfe\xed and then nothing"),
    ):
        (tmp_path / name).write_bytes(data)
    with (tmp_path / "initrd").open("wb") as file:
        file.truncate(600 << 20)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "taken"))
    listener.close()
    (tmp_path / "none").mkdir()
    script(tmp_path / "qemu", "qemu-system-ppc64", RUNNING_QEMU)
    script(tmp_path / "old", "qemu-system-ppc64", OLD_QEMU)
    script(tmp_path / "strange", "qemu-system-ppc64", "echo hello")
    return tmp_path


def check(done: object, status: int, *fragments: str) -> None:
    """One line on the error stream, nothing else."""
    stderr, stdout, returncode = (getattr(done, name) for name in ("stderr", "stdout", "returncode"))
    assert stdout == ""
    assert stderr.startswith("vof: ") and stderr.endswith("\n") and stderr.count("\n") == 1, stderr
    for fragment in fragments:
        assert fragment in stderr
    assert returncode == status


BOOT = "boot -kernel good"
CASES = [
    # command line in the folder, PATH, fragments
    ("bot", "qemu", ["bot", "did you mean boot?"]),
    ("-v boot", "qemu", ["a command comes first"]),
    ("boot", "qemu", ["nothing to boot", "-kernel FILE"]),
    ("boot -krenel good", "qemu", ["-krenel", "did you mean -kernel?"]),
    ("boot -dtb x", "qemu", ["-dtb", "did you mean --dtb?"]),
    ("boot -serial stdio", "qemu", ["-serial", "put QEMU's own options after --"]),
    ("boot -frobnicate", "qemu", ["-frobnicate", "--help"]),
    ("boot -m=1G", "qemu", ["write -m 1G"]),
    ("boot -kernel", "qemu", ["-kernel needs a value", "FILE"]),
    ("boot good", "qemu", ['"good" belongs to no option', "after --"]),
    ("boot -ker good", "qemu", ["unknown option -ker"]),
    (BOOT + " --engine qemu", "none", ["qemu-system-ppc64 is not installed", "apt-get install", "--qemu"]),
    (BOOT + " --qemu other-qemu", "qemu", ["other-qemu is not installed", "--qemu"]),
    (BOOT, "old", ["is QEMU 5.2.0", "7.0 or newer"]),
    (BOOT, "strange", ["doesn't say that it is QEMU", "--qemu"]),
    ("boot -kernel missing", "qemu", ["-kernel missing", "No such file"]),
    ("boot -kernel none", "qemu", ["-kernel none", "directory"]),
    ("boot -kernel empty", "qemu", ["-kernel empty", "empty"]),
    ("boot -kernel text", "qemu", ["-kernel text", "not ELF", "PowerPC"]),
    ("boot -kernel packed", "qemu", ["-kernel packed", "gzip", "cut off"]),
    ("boot -kernel foreign", "qemu", ["-kernel foreign", "x86-64", "PowerPC"]),
    ("boot -kernel cut", "qemu", ["-kernel cut", "ELF"]),
    ("boot -kernel huge -m 512M", "qemu", ["-kernel huge", "MiB", "-m "]),
    (BOOT + " -initrd missing", "qemu", ["-initrd missing", "No such file"]),
    (BOOT + " -initrd initrd -m 512M", "qemu", ["-initrd", "-m "]),
    (BOOT + " -machine pserie", "qemu", ['unknown machine "pserie"', 'did you mean "pseries"?', "vof machines"]),
    (BOOT + " -machine mac98", "qemu", ['unknown machine "mac98"', "vof machines"]),
    (BOOT + " -m plenty", "qemu", ['"plenty" is no memory size', "512M"]),
    (BOOT + " -m 300000K", "qemu", ["whole number of MiB", "293M"]),
    (BOOT + " -m 16M", "qemu", ["16M is too little", "256 MiB"]),
    (BOOT + " -numa node,mem=1G -m 512M", "qemu", ["NUMA", "1024 MiB", "512"]),
    (BOOT + " --console tty", "qemu", ['"tty"', "stdio, file:PATH, unix:PATH or none"]),
    (BOOT + " --console unix:taken", "qemu", ["unix:taken", "in use", "remove it"]),
    (BOOT + " --console unix:missing/x", "qemu", ["unix:missing/x", "No such file"]),
    (BOOT + " --console file:none", "qemu", ["file:none", "directory"]),
    (BOOT + " --timeout soon", "qemu", ['--timeout "soon"', "--timeout 60"]),
    (BOOT + " --timeout -1", "qemu", ['--timeout "-1"', "--timeout 60"]),
    (BOOT + " --dtb missing", "qemu", ["missing", "No such file"]),
    (BOOT + " --dtb bad.dtb", "qemu", ["bad.dtb", "damaged"]),
    (BOOT + " --set chosen", "qemu", ["--set chosen", "/path:property=value"]),
    ("tree", "qemu", ["vof tree FILE.dtb", "-machine pseries"]),
    ("tree missing", "qemu", ["missing", "No such file"]),
    ("tree none", "qemu", ["none", "directory"]),
    ("tree bad.dtb", "qemu", ["bad.dtb", "damaged"]),
    ("tree empty", "qemu", ["empty", "damaged"]),
    ("tree good", "qemu", ["good", "damaged", "0x7f454c46"]),
    ("tree bad.dtb -m 1G", "qemu", ["-m", "is a file"]),
    ("tree -machine pseries --engine qemu", "none", ["not installed", "apt-get install"]),
    ("tree -machine pseries", "old", ["is QEMU 5.2.0"]),
    ("machines all", "qemu", ['"all"']),
    ("doctor --json", "qemu", ["unknown option --json"]),
]


@pytest.mark.parametrize(("line", "path", "fragments"), CASES, ids=[f"{line} ({path})" for line, path, _ in CASES])
def test_one_line_says_what_is_wrong(
    line: str, path: str, fragments: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    check(vof(*line.split(), path=str(folder / path)), 2, *fragments)
    assert (folder / "taken").exists()


@pytest.mark.guest
@pytest.mark.parametrize(
    ("line", "fragments"),
    [
        ("-m 300M", ["not aligned to 256 MiB"]),
        ("-cpu nosuch", ["nosuch"]),
        ("-machine pseries,nosuch=on", ["nosuch", "not found"]),
        ("-smp lots", ["smp"]),
        ("-device nosuch", ["'nosuch' is not a valid device"]),
        ("-drive file=missing,if=none", ["missing", "No such file"]),
        ("-- -nosuch", ["-nosuch"]),
    ],
)
def test_what_qemu_refuses_is_said_in_its_words(
    line: str, fragments: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    check(vof(*BOOT.split(), *line.split()), 2, "qemu-system-ppc64 refuses: ", *fragments)


@pytest.mark.guest
def test_a_taken_port(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = vof(*BOOT.split(), "--", "-gdb", f"tcp:127.0.0.1:{server.getsockname()[1]}")
    check(done, 2, "refuses: ", "Address already in use")
