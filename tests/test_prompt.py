"""The prompt: of machines, of a firmware alone, on a terminal, and inside of a client program."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import guest_files
import pytest
from build import build_c

from vof.vm import VM, EndReason
from vof.vm.config import Config

BOOT = 30
OK = "\r\nok "


def vof(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vof", *arguments]
    return subprocess.run(command, input=typed, capture_output=True, text=True, timeout=30, check=False)


# --- alone ---


def test_alone() -> None:
    done = vof("ok", typed="dev /cpus ls\n: double dup + ;\n4 double .\nflub\nsee double\n")
    assert (done.returncode, done.stderr) == (0, "")
    banner, *lines = done.stdout.splitlines()
    assert banner.startswith("Virtual Open Firmware in Python ")
    assert [line.strip() for line in lines] == [
        "00100008: PowerPC,750@0",
        "8",
        "flub: undefined word (line 1)",
        ": double dup + ;",
    ]


def test_a_tree_of_ones_own(tmp_path: Path) -> None:
    source = tmp_path / "a.dts"
    source.write_text('/dts-v1/; / { board { compatible = "me,board"; }; };')
    subprocess.run(["dtc", "-q", "-o", tmp_path / "a.dtb", source], check=True)
    assert (
        'compatible              "me,board"'
        in vof("ok", str(tmp_path / "a.dtb"), typed="dev /board .properties\n").stdout
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ok", "/none.dtb"), "vof: /none.dtb: No such file or directory"),
        (("ok", "-m", "64", "a.dtb"), "vof: -m is for a machine, and a.dtb for none: --dtb a.dtb lays the tree over"),
        (("forth",), "vof: what is to be run?"),
        (("forth", "/none.fs"), "vof: /none.fs: No such file or directory"),
        (("boot", "--boot-delay", "long"), "vof: --boot-delay long: a number of seconds, as in --boot-delay 3"),
    ],
)
def test_one_line_says_what_is_wrong(arguments: tuple[str, ...], message: str) -> None:
    done = vof(*arguments)
    assert done.returncode == 2 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(message)


def test_what_needs_a_machine_is_told() -> None:
    done = vof("ok", typed="boot\n1 .\n")
    assert "there is no machine here" in done.stderr and done.stdout.rstrip().endswith("1")


def test_files(tmp_path: Path) -> None:
    (tmp_path / "a.fs").write_text('\\ a comment\n: greet ." hello" cr ;\ngreet\n')
    (tmp_path / "b.fs").write_text("greet\n\n1 0 /\n")
    done = vof("forth", str(tmp_path / "a.fs"), "-e", "greet")
    assert (done.returncode, done.stdout) == (0, "hello\nhello\n")
    done = vof("forth", str(tmp_path / "b.fs"))
    assert done.returncode == 1
    assert done.stderr == f"vof: {tmp_path}/b.fs: greet: undefined word (line 1)\n"


def test_on_a_terminal(tmp_path: Path) -> None:
    """The library edits the line: Tab completes a word, Ctrl-C gives a line up, Ctrl-D ends it."""
    pid, terminal = pty.fork()
    if not pid:
        os.environ.update(XDG_STATE_HOME=str(tmp_path), TERM="xterm")
        os.execv(sys.executable, [sys.executable, "-m", "vof", "ok"])
    seen = b""

    def read_until(wanted: bytes) -> None:
        nonlocal seen
        while wanted not in seen:
            assert select.select([terminal], [], [], 10)[0], (wanted, seen)
            seen += os.read(terminal, 4096)
        seen = seen.partition(wanted)[2]

    read_until(b"ok ")
    os.write(terminal, b"5 constan\tfive\r")
    read_until(b"ok ")
    os.write(terminal, b"five 1+ .\r")
    read_until(b"6 ")
    read_until(b"ok ")
    os.write(terminal, b"half a line\x03")
    read_until(b"ok ")
    os.write(terminal, b"\x04")
    assert os.waitpid(pid, 0)[1] == 0
    assert "five 1+ ." in (tmp_path / "vof" / "history").read_text()


# --- machines ---

MACHINES = {
    "pseries": {"machine": "pseries"},
    "pegasos2": {"machine": "pegasos2"},
    "generic": {"machine": "generic", "engine": "unicorn"},
}


@pytest.mark.guest
@pytest.mark.parametrize("name", MACHINES)
def test_before_a_program_is_started(name: str) -> None:
    core = str(guest_files.guests_folder() / "grub" / "core.elf")
    with VM(Config(prompt=True, kernel=core, **MACHINES[name])) as vm:  # type: ignore[arg-type]
        assert b"Virtual Open Firmware in Python" in vm.expect("ok ", BOOT)
        vm.send("dev /aliases pwd\r")
        vm.expect("/aliases")
        vm.expect(OK)
        vm.send('" /chosen" find-package drop . flub\r')
        vm.expect("flub: undefined word")
        vm.expect(OK)
        vm.send("go\r")
        vm.expect("no program is loaded: boot loads one")
        vm.expect(OK)
        vm.send("boot\r")
        vm.expect("grub> ", BOOT)


@pytest.mark.guest
def test_boot_from_a_disk_and_what_fails() -> None:
    image = guest_files.guests_folder() / "boot" / "gpt.img"
    drive = f"file={image},format=raw,readonly=on"
    with VM(Config(machine="pseries", memory="1G", drives=[drive], variables=["auto-boot?=false"], prompt=True)) as vm:
        vm.expect("ok ", BOOT)
        vm.send("boot /nowhere\r")
        vm.expect("nothing boots: ")
        vm.expect(OK)
        vm.send("load disk:1\r")
        vm.expect(OK)
        vm.send("load-size . load-base 10 dump\r")
        vm.expect("7f454c46")
        vm.expect(OK)
        vm.send("boot disk\r")
        vm.expect("Welcome to GRUB!", BOOT)


@pytest.mark.guest
def test_the_script_in_nvram(tmp_path: Path) -> None:
    core = str(guest_files.guests_folder() / "grub" / "core.elf")
    options = {"machine": "pseries", "kernel": core, "nvram": str(tmp_path / "nvram"), "prompt": True}
    with VM(Config(**options)) as vm:  # type: ignore[arg-type]
        vm.expect("ok ", BOOT)
        vm.send("nvedit\r")
        vm.expect("0: ")
        vm.send('dev /chosen " yes" encode-string " script-ran" property device-end\r.\r')
        vm.expect(OK)
        vm.send("nvstore setenv use-nvramrc? true\r")
        vm.expect(OK)
        vm.send("reset-all\r")
        vm.expect("ok ", BOOT)
        vm.send("dev /chosen .properties\r")
        vm.expect('script-ran              "yes"')
    with VM(Config(**options)) as vm:  # type: ignore[arg-type]
        vm.expect("ok ", BOOT)
        chosen = vm.tree.find("/chosen")
        assert chosen is not None and chosen.properties["script-ran"] == b"yes\0"


@pytest.mark.guest
def test_a_key_in_time_gives_the_prompt() -> None:
    core = str(guest_files.guests_folder() / "grub" / "core.elf")
    command = ["boot", "-machine", "generic", "--engine", "unicorn", "-kernel", core, "--boot-delay", "20"]
    done = vof(*command, typed=" bye\n")
    assert "Type a key within 20 s" in done.stdout and "ok " in done.stdout
    assert "GRUB" not in done.stdout


@pytest.mark.guest
@pytest.mark.parametrize("name", MACHINES)
def test_inside_of_a_client_program(name: str, tmp_path: Path) -> None:
    """`enter` gives the prompt, and `go` goes back to the program, which goes on."""
    bits = 64 if name == "pseries" else 32
    program = build_c("enters", bits, "big", tmp_path)
    with VM(Config(prompt=True, kernel=str(program), **MACHINES[name])) as vm:  # type: ignore[arg-type]
        vm.expect("ok ", BOOT)
        vm.send(": left-here 1234 ; boot\r")
        vm.expect("go goes back to it", BOOT)
        vm.expect("ok ")
        vm.send("left-here . .registers\r")
        vm.expect("1234")
        vm.expect("r31")
        vm.expect(OK)
        vm.send('dev /chosen " from the prompt" encode-string " note" property go\r')
        vm.expect("note: from the prompt", BOOT)
        vm.expect("sum 7")
        ending = vm.wait(BOOT)
        assert ending is not None and ending.reason is EndReason.EXIT
