"""`vof diff` as a user has it: stored recordings, a deliberately broken boot, QEMU's own VOF."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path

import guest_files
import pytest
from program import boot_arguments, vof

DATA = Path(__file__).resolve().parent.parent / "data"
LINUX, GRUB = (DATA / "recordings" / f"{name}.vof" for name in ("linux-pseries", "grub-generic"))
APPEND = "console=hvc0 vof.run=poweroff"


def test_a_boot_is_like_itself() -> None:
    done = vof("diff", LINUX, LINUX)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "  they are alike"


def test_two_machines_are_not() -> None:
    done = vof("diff", LINUX, GRUB, "-U", "1")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0].startswith("--- ") and "pseries, qemu, mailbox" in lines[0]
    assert lines[1].startswith("+++ ") and "generic, unicorn, hypercall" in lines[1]
    assert any(line.startswith("@@ the tree at the start: ") for line in lines)
    assert "more differences of the trees; --all shows them" in done.stdout


def test_everything_for_a_program() -> None:
    done = vof("diff", "--json", LINUX, GRUB)
    plain = json.loads(done.stdout)
    assert not plain["same"] and plain["found"] >= len(plain["differences"]) > 0
    assert plain["differences"][0]["good"]["calls"][0]["service"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("one.vof",), "two recordings are compared"),
        ((str(LINUX), "none.vof"), "none.vof: No such file or directory"),
        ((str(LINUX), str(DATA / "pseries.dtb.gz")), "is damaged, or no recording"),
        ((str(LINUX), str(LINUX), "-U", "x"), "-U x: it takes a number of calls"),
        ((str(LINUX), str(LINUX), "--ignore", "getprp"), 'no service "getprp": did you mean "getprop"?'),
    ],
)
def test_what_cannot_be_is_told(words: tuple[str, ...], message: str) -> None:
    done = vof("diff", *words)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert message in done.stderr


@pytest.mark.guest
def test_the_call_that_was_broken_is_named(tmp_path: Path) -> None:
    good, again, bad = (tmp_path / name for name in ("good.vof", "again.vof", "bad.vof"))
    for path, more in ((good, ()), (again, ()), (bad, ("--inject", "getprop:when=9"))):
        assert vof(*boot_arguments(APPEND), "--record", path, *more).returncode == 0
    assert vof("diff", good, again).returncode == 0
    done = vof("diff", good, bad)
    assert done.returncode == 1
    place = next(line for line in done.stdout.splitlines() if line.startswith("@@"))
    assert place.endswith(": another answer @@")
    assert "+getprop(" in done.stdout and "= -1 (injected: getprop:when=9) [instead]" in done.stdout


@pytest.mark.guest
def test_qemus_own_vof_on_the_same_kernel(tmp_path: Path) -> None:
    """What it answers otherwise is known, all of it."""
    log, ours = tmp_path / "xvof.log", tmp_path / "ours.vof"
    guests = guest_files.guests_folder()
    options = "cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off"
    command = ["qemu-system-ppc64", "-M", f"pseries,x-vof=on,{options}", "-m", "512M", "-nodefaults"]
    command += ["-display", "none", "-serial", "null", "-kernel", str(guests / "vmlinux")]
    command += ["-initrd", str(guests / "initrd.gz"), "-append", APPEND, "-trace", "vof_*", "-D", str(log)]
    subprocess.run(command, check=True, timeout=120)
    assert vof(*boot_arguments(APPEND), "--record", ours).returncode == 0
    for pair in ((ours, log), (log, ours)):
        done = vof("diff", *pair)
        assert done.returncode == 0, done.stdout
        assert "calls asked both the same" in done.stdout and "QEMU counts the NUL" in done.stdout
    assert "one of the two is a recording" in vof("diff", log, log).stderr


def test_the_stored_log_of_qemus_vof(tmp_path: Path) -> None:
    log = tmp_path / "xvof.log"
    log.write_bytes(gzip.decompress((DATA / "xvof.log.gz").read_bytes()))
    assert vof("diff", LINUX, log).returncode == 0
