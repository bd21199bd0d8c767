"""Whatever ends it, and whenever: no process, no file, a sane terminal, and the right exit status.

Each run is the real command line on a terminal of its own (`leftovers.Run`), stopped at the moment that the test wants
to hit (`leftovers_driver.py`).
"""

from __future__ import annotations

import os
import random
import signal
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from leftovers import Run, guest_arguments, until

pytestmark = pytest.mark.guest

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
SIDES = ("Python", "QEMU")
WAITING_MOMENTS = ("engine started", "while loading", "inside a call", "during a reboot")
MOMENTS = (*WAITING_MOMENTS, "before hello", "at the guest's prompt")
SPAWN_DELAYS = (0.0, 0.0005, 0.002, 0.006, 0.01)
SWEEP_SEED = 20261123
SWEEP = 20
SWEEP_LONGEST = 1.2
PROMPT = "/ # "


def seeded_delays() -> Iterator[tuple[str, signal.Signals, float]]:
    chance = random.Random(SWEEP_SEED)
    for _ in range(SWEEP):
        yield chance.choice(SIDES), chance.choice(SIGNALS), chance.uniform(0, SWEEP_LONGEST)


def strike(run: Run, side: str, number: signal.Signals) -> None:
    os.kill(run.process.pid if side == "Python" else run.qemu, number)


def assert_status(run: Run, side: str, number: signal.Signals) -> None:
    status = run.ended()
    if side == "Python":
        assert status == (-number if number == signal.SIGKILL else 128 + number), run.text
        return
    assert status == 1, run.text
    assert_tells_of_dead_qemu(run, number)


def assert_tells_of_dead_qemu(run: Run, number: signal.Signals) -> None:
    told = [line for line in run.text.splitlines() if line.startswith("vof: QEMU ")]
    assert len(told) == 1, run.text
    assert "-mon chardev=vof-monitor" in run.text
    if f"was ended by {number.name}" not in told[0]:  # it has its own way for those that it can catch
        assert number != signal.SIGKILL
        assert f"terminating on signal {number:d}" in run.text


def id_of(value: object) -> str:
    return value.name if isinstance(value, signal.Signals) else str(value)


# --- a signal to either side, at each moment ---


@pytest.mark.parametrize("number", SIGNALS, ids=id_of)
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("moment", MOMENTS)
def test_end_by_signal(tmp_path: Path, moment: str, side: str, number: signal.Signals) -> None:
    with Run(tmp_path, moment, ["boot", *guest_arguments()]) as run:
        if moment == "at the guest's prompt":
            run.wait_for_text(PROMPT)
        else:
            run.wait_for_mark()
        assert run.raw
        strike(run, side, number)
        if side == "QEMU" and moment == "before hello" and number != signal.SIGKILL:
            strike(run, side, signal.SIGCONT)
        if side == "QEMU" and moment in WAITING_MOMENTS:
            run.go_on()
        assert_status(run, side, number)
        run.assert_nothing_left()


@pytest.mark.parametrize("delay", SPAWN_DELAYS)
@pytest.mark.parametrize("number", SIGNALS, ids=id_of)
@pytest.mark.parametrize("side", SIDES)
def test_end_right_after_spawn(tmp_path: Path, side: str, number: signal.Signals, delay: float) -> None:
    with Run(tmp_path, "right after spawn", ["boot", *guest_arguments()]) as run:
        run.wait_for_mark()
        if side == "QEMU":
            assert run.qemu
        time.sleep(delay)
        strike(run, side, number)
        assert_status(run, side, number)
        run.assert_nothing_left()


@pytest.mark.parametrize(("side", "number", "delay"), list(seeded_delays()), ids=id_of)
def test_end_at_any_moment(tmp_path: Path, side: str, number: signal.Signals, delay: float) -> None:
    with Run(tmp_path, "at the start", ["boot", *guest_arguments()]) as run:
        run.wait_for_mark()
        if side == "QEMU":
            assert run.qemu
        time.sleep(delay)
        strike(run, side, number)
        status = run.ended()
        if status != -number:  # before its handlers are there, a signal ends Python as it ends any program
            assert_status(run, side, number)
        run.assert_nothing_left()


def test_both_sides_killed_at_once(tmp_path: Path) -> None:
    with Run(tmp_path, "inside a call", ["boot", *guest_arguments()]) as run:
        run.wait_for_mark()
        qemu = run.qemu
        os.kill(run.process.pid, signal.SIGKILL)
        os.kill(qemu, signal.SIGKILL)
        assert run.ended() == -signal.SIGKILL
        run.assert_nothing_left()


@pytest.mark.parametrize("number", SIGNALS, ids=id_of)
def test_stopped_qemu_ends_too(tmp_path: Path, number: signal.Signals) -> None:
    with Run(tmp_path, "inside a call", ["boot", *guest_arguments()]) as run:
        run.wait_for_mark()
        strike(run, "QEMU", signal.SIGSTOP)
        strike(run, "Python", number)
        assert_status(run, "Python", number)
        run.assert_nothing_left()


def test_ctrl_c_many_times(tmp_path: Path) -> None:
    """People press it again when it takes a while; nothing may be left half done."""
    with Run(tmp_path, "inside a call", ["boot", *guest_arguments()]) as run:
        run.wait_for_mark()
        for _ in range(20):
            if run.process.poll() is None:
                strike(run, "Python", signal.SIGINT)
                time.sleep(2e-3)
        assert_status(run, "Python", signal.SIGINT)
        run.assert_nothing_left()


# --- the ends that people choose ---


def test_power_off(tmp_path: Path) -> None:
    with Run(tmp_path, "", ["boot", *guest_arguments("console=hvc0 vof.run=poweroff")]) as run:
        run.wait_for_text("vof: user space is up")
        assert run.raw
        assert run.ended() == 0
        run.assert_nothing_left()


def test_escape_key(tmp_path: Path) -> None:
    with Run(tmp_path, "", ["boot", *guest_arguments()]) as run:
        run.wait_for_text("Linux version")
        assert run.raw
        run.type(b"\x01x")
        assert run.ended() == 0
        run.assert_nothing_left()


def test_key_ctrl_c_is_the_guests_in_raw_mode(tmp_path: Path) -> None:
    with Run(tmp_path, "", ["boot", *guest_arguments()]) as run:
        run.wait_for_text(PROMPT)
        run.type(b"sleep 100\r")
        time.sleep(0.3)
        run.type(b"\x03")
        time.sleep(0.1)
        run.type(b"echo status $?\r")
        run.wait_for_text("status 130")
        run.type(b"\x01x")
        assert run.ended() == 0
        run.assert_nothing_left()


def test_key_ctrl_c_without_raw_mode(tmp_path: Path) -> None:
    with Run(tmp_path, "inside a call", ["boot", *guest_arguments()], redirect=True) as run:
        run.wait_for_mark()
        assert not run.raw
        run.type(b"\x03")
        assert run.ended() == 130
        run.assert_nothing_left()


def test_terminal_closed(tmp_path: Path) -> None:
    with Run(tmp_path, "", ["boot", *guest_arguments()]) as run:
        run.wait_for_text("Linux version")
        run.hang_up()
        assert run.ended() == 128 + signal.SIGHUP
        run.assert_nothing_left(terminal=False)


def test_output_that_nobody_reads(tmp_path: Path) -> None:
    with Run(tmp_path, "", ["boot", *guest_arguments()], redirect=True) as run:
        run.wait_for_text("Linux version")
        run.stop_reading()
        assert run.ended() == 128 + signal.SIGPIPE
        run.assert_nothing_left()


# --- a console's socket ---


@pytest.mark.parametrize("number", [*SIGNALS, signal.SIGHUP], ids=id_of)
def test_socket_is_removed(tmp_path: Path, number: signal.Signals) -> None:
    arguments = ["boot", "--console", "unix:the console", *guest_arguments()]
    with Run(tmp_path, "inside a call", arguments) as run, socket.socket(socket.AF_UNIX) as peer:
        run.wait_for_mark()
        path = run.folders[0] / "the console"
        assert stat.S_ISSOCK(path.stat().st_mode)
        peer.connect(str(path))
        strike(run, "Python", number)
        assert_status(run, "Python", number)
        run.assert_nothing_left()


def test_socket_that_was_there_stays(tmp_path: Path) -> None:
    with (
        Run(tmp_path, "", ["boot", "--console", "unix:taken", *guest_arguments()]) as run,
        socket.socket(socket.AF_UNIX) as other,
    ):
        path = run.folders[0] / "taken"
        other.bind(str(path))
        assert run.ended() == 2
        assert "--console unix:taken" in run.text
        path.unlink()
        run.assert_nothing_left()


# --- a child that the caller forked ---


def test_forked_child_does_not_keep_qemu_alive(tmp_path: Path) -> None:
    """A `multiprocessing` child inherits every descriptor, the guardian's pipe among them."""
    with Run(tmp_path, "forked", ["boot", *guest_arguments()]) as run:
        run.wait_for_mark()
        qemu = run.qemu
        strike(run, "Python", signal.SIGKILL)
        assert run.ended() == -signal.SIGKILL
        until(lambda: not Path(f"/proc/{qemu}/exe").exists(), "QEMU's end", 5)
        run.go_on()
        run.assert_nothing_left()
