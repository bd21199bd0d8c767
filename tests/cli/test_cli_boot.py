"""`vof boot`: how it begins, where the console is, how it ends."""

from __future__ import annotations

import os
import pty
import re
import shlex
import signal
import socket
import subprocess
import termios
import time
from pathlib import Path

import pytest
from program import boot_arguments, elf, running, script, vof

UP = "vof: user space is up"
PROMPT = b"/ # "
PATIENCE = 20.0


def test_a_dry_run_prints_qemus_command_line(tmp_path: Path) -> None:
    qemu = script(tmp_path, "qemu-system-ppc64", "exit 1")
    options = ["-m", "1G", "-smp", "2", "-cpu", "power9", "-device", "a", "-drive", "b c", "-device", "d"]
    done = vof("boot", *options, "-s", "--dry-run", "--", "-name", "it's", path=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    command = shlex.split(done.stdout)
    assert command[0] == str(qemu)
    for part in (["-smp", "2"], ["-cpu", "power9"]):
        assert shlex.join(part) in done.stdout
    assert '"filename":"b c"' in done.stdout
    assert shlex.join(["-device", "a", "-device", "d", "-s", "-name", "it's"]) in done.stdout
    assert command[command.index("-machine") + 1].startswith("pseries,")


def test_a_machine_that_says_nothing_ends_in_time(tmp_path: Path) -> None:
    script(tmp_path, "qemu-system-ppc64", "exec /bin/sleep 60")
    (tmp_path / "kernel").write_bytes(elf())
    done = vof("boot", "-kernel", tmp_path / "kernel", "--timeout", "0.3", path=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (124, "", "vof: ended after 0.3 s (--timeout)\n")


def test_qemus_lists_are_qemus(tmp_path: Path) -> None:
    script(tmp_path, "qemu-system-ppc64", 'echo asked "$@"; exit 7')
    done = vof("boot", "-cpu", "help", path=str(tmp_path))
    assert done.returncode == 7 and done.stdout.startswith("asked -nodefaults -machine pseries -cpu help")
    assert "-device virtio-net,help" in vof("boot", "-device", "virtio-net,help", path=str(tmp_path)).stdout


@pytest.mark.guest
def test_a_power_off_is_a_success_and_nothing_is_said_of_it() -> None:
    done = vof(*boot_arguments("console=hvc0 vof.run=poweroff"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "Linux version" in done.stdout and UP in done.stdout and "reboot: Power down" in done.stdout


@pytest.mark.guest
def test_a_panic_is_not() -> None:
    done = vof(*boot_arguments("console=hvc0 vof.run=panic"))
    assert (done.returncode, done.stderr) == (4, "vof: the guest panicked\n")


@pytest.mark.guest
def test_phases_have_a_line_each() -> None:
    done = vof(*boot_arguments("console=hvc0 vof.run=poweroff"), "-v")
    lines = done.stderr.splitlines()
    assert all(re.match(r"vof: +\d+\.\d{3} s  \w", line) for line in lines)
    names = [line.split(" s  ")[1].split(":")[0] for line in lines]
    wanted = ["engine started", "client program loaded", "firmware started", "client program started"]
    assert [name for name in names if name in wanted] == wanted
    assert names[-1] == "ended"
    times = [float(line.split()[1]) for line in lines]
    assert times == sorted(times)


@pytest.mark.guest
def test_an_argument_may_begin_with_a_dash() -> None:
    done = vof(*boot_arguments("-x console=hvc0 vof.run=poweroff"))
    assert done.returncode == 0 and "-x console=hvc0" in done.stdout


@pytest.mark.guest
def test_input_from_a_pipe_reaches_the_guest() -> None:
    with running(*boot_arguments("console=hvc0"), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        read_until(process.stdout.fileno(), PROMPT)
        process.stdin.write(b"expr 6 \\* 7; poweroff -f\n")
        process.stdin.close()  # its end doesn't end the machine
        assert b"\n42" in process.stdout.read()
    assert process.returncode == 0


@pytest.mark.guest
def test_the_console_in_a_file(tmp_path: Path) -> None:
    done = vof(*boot_arguments("console=hvc0 vof.run=poweroff"), "--console", f"file:{tmp_path / 'log'}")
    assert (done.returncode, done.stdout) == (0, "")
    assert UP in (tmp_path / "log").read_text()


@pytest.mark.guest
def test_no_console() -> None:
    done = vof(*boot_arguments("console=hvc0 vof.run=poweroff"), "--console", "none")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.guest
def test_the_console_on_a_socket(tmp_path: Path) -> None:
    path = tmp_path / "console"
    arguments = [*boot_arguments("console=hvc0"), "--console", f"unix:{path}"]
    with running(*arguments) as process, socket.socket(socket.AF_UNIX) as peer:
        end = time.monotonic() + PATIENCE
        while peer.connect_ex(str(path)):
            assert time.monotonic() < end
            time.sleep(0.01)
        read_until(peer.fileno(), PROMPT)
        peer.sendall(b"poweroff -f\n")
        assert process.stdout is not None and process.stdout.read() == b""
    assert process.returncode == 0 and not path.exists()


@pytest.mark.guest
@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=lambda each: str(each),
)
def test_a_signal_ends_it_with_its_status(number: int, status: int) -> None:
    with running(
        *boot_arguments("console=hvc0"),
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        read_until(process.stdout.fileno(), PROMPT)
        process.send_signal(number)
        assert process.stderr.read() == b""
    assert process.returncode == status


@pytest.mark.guest
def test_an_output_that_nobody_reads_ends_it_quietly() -> None:
    with running(*boot_arguments("console=hvc0"), stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        read_until(process.stdout.fileno(), b"Linux version")
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.guest
def test_on_a_terminal() -> None:
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    try:
        with running(*boot_arguments("console=hvc0"), stdin=theirs, stdout=theirs, stderr=theirs) as process:
            assert b"Ctrl-a h for help, Ctrl-a x to end" in read_until(ours, b"\n")
            read_until(ours, PROMPT)
            assert not termios.tcgetattr(theirs)[3] & (termios.ECHO | termios.ICANON | termios.ISIG)
            os.write(ours, b"\x01h")
            read_until(ours, b"Ctrl-a x ends the machine")
            os.write(ours, b"\x03")  # Ctrl-C is the guest's
            read_until(ours, PROMPT)
            os.write(ours, b"expr 6 \\* 7\n")
            read_until(ours, b"\n42")
            os.write(ours, b"\x01x")
            assert b"vof: ended by the user" in read_until(ours, b"user\r\n")
            assert process.wait(PATIENCE) == 0
        assert termios.tcgetattr(theirs) == before
    finally:
        os.close(ours)
        os.close(theirs)


def read_until(descriptor: int, wanted: bytes) -> bytes:
    """Read until `wanted` has come, which it does within the patience or the test fails."""
    heard = b""
    os.set_blocking(descriptor, False)
    end = time.monotonic() + PATIENCE
    while wanted not in heard:
        assert time.monotonic() < end, heard[-500:]
        try:
            chunk = os.read(descriptor, 0x1000)
        except BlockingIOError:
            time.sleep(0.01)
            continue
        assert chunk, heard[-500:]
        heard += chunk
    os.set_blocking(descriptor, True)
    return heard
