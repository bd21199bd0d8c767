"""`pytest-vof` in a pytest of its own: boots that pass, fail, are skipped and are left behind."""

from __future__ import annotations

import shutil
import uuid
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import guest_files
import pytest

from leftovers import MARK, marked_processes, until

GUESTS = guest_files.guests_folder()  # now: `pytester` changes HOME
RECORDINGS = Path(__file__).resolve().parent.parent / "data" / "recordings"


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder with GRUB's files, in which pytest runs apart."""
    for name in ("core.elf", "disk.img"):
        source = GUESTS / "grub" / name
        if source.exists():
            (pytester.path / name).symlink_to(source)
    shutil.copyfile(RECORDINGS / "linux-pseries.vof", pytester.path / "linux.vof")
    return pytester


def run(project: pytest.Pytester, source: str, *options: str) -> pytest.RunResult:
    project.makepyfile(test_boots=source)
    return project.runpytest_subprocess("-p", "no:cacheprovider", *options)


GRUB = """
GRUB = {"kernel": "core.elf", "drives": ["disk.img,snapshot=on"], "engine": "unicorn", "clock": "virtual"}
"""


def test_a_recording_is_asserted_on_without_a_guest(project: pytest.Pytester) -> None:
    source = """
def test_linux(vof_recording):
    linux = vof_recording("linux.vof")
    linux.log.assert_called("finddevice", text="/chosen")
    linux.log.assert_called("quiesce", times=1)
    linux.log.assert_not_called("claim", path="/nowhere")
    assert "user space is up" in linux.log.console
    assert linux.tree.find("/cpus") is not None
    assert linux.replay().same


def test_what_is_not_so(vof_recording):
    vof_recording("linux.vof").log.assert_called("getprop", text="colour")


def test_what_is_so_after_all(vof_recording):
    vof_recording("linux.vof").log.assert_not_called("finddevice", text="/rtas")
"""
    result = run(project, source)
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        [
            '*AssertionError: getprop with "colour" was called never; the last of its * calls:*',
            '*AssertionError: finddevice with "/rtas" was called: finddevice("/rtas") = /rtas*',
        ]
    )


@pytest.mark.parametrize(
    ("need", "reason"),
    [
        ("file:none.elf", "none.elf is missing"),
        ("file:$NOWHERE/vmlinux", "$NOWHERE/vmlinux is missing"),
        ("qemu", "qemu-system-ppc64 is not installed*apt-get install qemu-system-ppc*"),
    ],
)
def test_a_test_that_lacks_something_is_skipped_with_the_reason(
    project: pytest.Pytester, need: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if need == "qemu":
        monkeypatch.setenv("PATH", "/nowhere")
    source = (
        f'import pytest\n\n@pytest.mark.vof(needs=["unicorn", "{need}"])\ndef test_it(vof_boot):\n    assert False\n'
    )
    result = run(project, source, "-rs", "--strict-markers")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines([f"SKIPPED*{reason}"])


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("", ("--vof-engine", "bochs"), "--vof-engine bochs: there are qemu and unicorn"),
        ("", ("--vof-keep",), "--vof-keep needs a folder: --vof-artifacts DIR"),
        ('@pytest.mark.vof(needs=["kvm"])', (), 'vof(needs=["kvm"]): a need is qemu, unicorn or file:PATH'),
        ('@pytest.mark.vof("qemu")', (), "the marker is vof(needs=[...])"),
    ],
)
def test_what_cannot_be_is_told(project: pytest.Pytester, source: str, options: tuple[str, ...], message: str) -> None:
    result = run(project, f"import pytest\n\n{source}\ndef test_it():\n    pass\n", *options)
    assert result.ret != 0
    assert message in result.stdout.str() + result.stderr.str()


def test_help_has_the_options_and_markers(project: pytest.Pytester) -> None:
    assert "--vof-artifacts=DIR" in run(project, "", "--help").stdout.str()
    assert "@pytest.mark.vof(needs=[...])" in run(project, "", "--markers").stdout.str()
    assert "vof_boot" in run(project, "", "--fixtures").stdout.str()


@pytest.mark.guest
def test_boots_that_pass(project: pytest.Pytester) -> None:
    source = (
        GRUB
        + """
def test_menu(vof_boot, vof_trace):
    vm = vof_boot(**GRUB)
    vm.expect("GNU GRUB")
    vof_trace.assert_called("finddevice", text="/chosen", failed=False)
    assert vof_trace.calls("claim") and not vof_trace.failed("claim")
    assert vm.tree.find("/chosen") is not None


def test_two_machines(vof_boot, vof_trace):
    one, other = vof_boot(**GRUB), vof_boot(**GRUB, inject=["claim:when=1"])
    other.expect("Aborted")
    one.expect("GNU GRUB")
    assert [event.what for event in vof_trace.injected] == ["claim 1"]


def test_hooks_and_keys(vof_boot):
    vm = vof_boot(**GRUB)
    seen = []
    vm.on("open")(lambda call: seen.append(call.text("device-specifier")))
    vm.expect("automatically in")
    vm.send("c")
    vm.expect("grub> ")
    assert "disk" in seen
"""
    )
    result = run(project, source, "--junitxml=junit.xml")
    result.assert_outcomes(passed=3)
    properties = [(each.get("name"), each.get("value")) for each in ElementTree.parse("junit.xml").iter("property")]
    assert ("vof-machine", "generic") in properties and ("vof-engine1", "unicorn") in properties


@pytest.mark.guest
def test_a_point_is_reached_once_and_gone_on_from_by_each_test(project: pytest.Pytester) -> None:
    source = (
        GRUB
        + """
boots = []


def to_prompt(boot):
    boots.append(1)
    vm = boot(**GRUB)
    vm.expect("automatically in")
    vm.send("c")
    vm.expect("grub> ")
    return vm


def test_first(vof_snapshot, vof_trace):
    vm = vof_snapshot(to_prompt)
    vm.inject("disk")
    vm.on("milliseconds")(lambda call: 1)
    vm.send("set x=1\\r")
    vm.expect("grub> ")
    assert vof_trace.calls("write")


def test_second(vof_snapshot, vof_trace):
    vm = vof_snapshot(to_prompt)
    assert not len(vof_trace)
    vm.send("echo [$x]\\r")
    vm.expect("[]")
    vm.send("ls /boot/grub/\\r")
    vm.expect("grub.cfg")
    assert boots == [1]
"""
    )
    run(project, source).assert_outcomes(passed=2)


FAILING = (
    GRUB
    + """
def test_menu(vof_boot):
    vm = vof_boot(**GRUB, inject=["claim:when=2"])
    vm.expect("GNU GRUB", timeout=3)


def test_good(vof_boot):
    vof_boot(**GRUB).expect("GNU GRUB")
"""
)


@pytest.mark.guest
@pytest.mark.parametrize("options", [(), ("-n", "2")])
def test_a_boot_that_fails_shows_console_and_calls(project: pytest.Pytester, options: tuple[str, ...]) -> None:
    result = run(project, FAILING, "--vof-artifacts", "kept", *options)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*ExpectTimeout: *",
            "*vof console*",
            "*Aborted*",
            "*vof calls*",
            "write(/serial, *, 1) = 1",
            "*vof machines*",
            "core.elf: *",
        ]
    )
    kept = sorted(path.name for path in project.path.joinpath("kept").rglob("*"))
    assert kept == ["boot0.html", "boot0.vof", "test_boots.py--test_menu"]


@pytest.mark.guest
def test_all_are_kept_where_one_wants_that(project: pytest.Pytester) -> None:
    run(project, FAILING, "--vof-artifacts", "kept", "--vof-keep").assert_outcomes(passed=1, failed=1)
    assert len(list(project.path.joinpath("kept").rglob("boot0.html"))) == 2


@pytest.mark.guest
def test_nothing_is_left_of_a_boot_that_fails(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = uuid.uuid4().hex
    monkeypatch.setenv(MARK, mark)

    source = f"""
import os, signal
LINUX = {{"kernel": "{GUESTS / "vmlinux"}", "append": "console=hvc0"}}

def test_fails(vof_boot):
    vof_boot(**LINUX).expect("no such text", timeout=1)

def test_is_interrupted(vof_boot):
    vof_boot(**LINUX).run_to_client()
    os.kill(os.getpid(), signal.SIGINT)
"""
    result = run(project, source)
    assert "1 failed" in result.stdout.str() and "KeyboardInterrupt" in result.stdout.str()
    until(lambda: not marked_processes(mark), "the end of all processes")
