"""The program as a whole: help, versions, what it imports, its pages."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import make_docs
import pytest
from program import VOF, script, vof

import vof as package
from vof.cli.commands import COMMANDS
from vof.machines import MACHINES

ROOT = Path(__file__).resolve().parents[2]


def test_the_reference_pages_are_what_the_tables_say() -> None:
    assert make_docs.outdated() == [], "run .venv/bin/python tools/make_docs.py"


@pytest.mark.parametrize("spelling", ["-h", "-help", "--help"])
def test_help_names_every_command(spelling: str) -> None:
    done = vof(spelling)
    assert (done.returncode, done.stderr) == (0, "")
    for name, (_, summary) in COMMANDS.items():
        assert name in done.stdout and summary in done.stdout


def test_no_command_is_a_question_for_help() -> None:
    done = vof()
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.startswith("usage: vof COMMAND")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    done = vof(name, "--help")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith(f"usage: vof {name}")
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_the_version_is_the_projects() -> None:
    declared = importlib.metadata.version("vof")
    assert vof("--version").stdout == f"vof {declared}\n"
    assert package.__version__ == declared == version("vof")


def imported(statement: str) -> set[str]:
    """The parts of the package that are imported by a statement."""
    show = "print('\\n'.join(name for name in sys.modules if name.startswith('vof')), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", f"import sys; {statement}; {show}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def test_the_package_loads_nothing_until_it_is_used() -> None:
    assert imported("import vof") == {"vof"}
    assert "vof.vm" not in imported("from vof import DeviceTree")


def test_help_loads_no_machine() -> None:
    for line in ([], ["boot"], ["tree"], ["machines"]):
        loaded = imported(f"from vof.cli import main; main({[*line, '--help']})")
        others = {name for name in loaded if not name.startswith("vof.cli")} - {"vof", "vof.errors"}
        assert others == set()


def test_every_public_name_is_there() -> None:
    for name in package.__all__:
        assert getattr(package, name) is not None
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="nosuch"):
        _ = package.nosuch


def test_machines() -> None:
    lines = vof("machines").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["NAME", *MACHINES]
    table = json.loads(vof("machines", "--json").stdout)
    assert [row["name"] for row in table] == list(MACHINES)
    assert table[0]["qemu"] == MACHINES[table[0]["name"]].qemu


def test_the_doctor_misses_qemu(tmp_path: Path) -> None:
    done = vof("doctor", path=str(tmp_path))
    assert (done.returncode, done.stderr) == (1, "")
    lines = [line for line in done.stdout.splitlines() if line.startswith("MISSING")]
    assert any("QEMU for pseries" in line and "apt-get install qemu-system-ppc" in line for line in lines)


def test_the_doctor_is_content_with_what_is_needed(tmp_path: Path) -> None:
    for name, text in (("qemu-system-ppc64", "echo QEMU emulator version 9.9.9"), ("sh", ""), ("stty", "")):
        script(tmp_path, name, text)
    done = vof("doctor", path=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert f"9.9.9, {tmp_path}/qemu-system-ppc64" in done.stdout and "absent   dtc: apt-get install" in done.stdout


def test_the_doctor_finds_an_old_qemu(tmp_path: Path) -> None:
    script(tmp_path, "qemu-system-ppc64", "echo QEMU emulator version 5.2.0")
    done = vof("doctor", path=str(tmp_path))
    assert done.returncode == 1 and "is QEMU 5.2.0; 7.0 or newer is needed" in done.stdout


@pytest.mark.parametrize("line", ["machines", "tree {dtb}", "--help", "doctor"])
def test_a_reader_that_goes_ends_it_quietly(line: str, dtb: Path) -> None:
    command = [*VOF, *line.format(dtb=dtb).split()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams(closed: str) -> None:
    done = subprocess.run(["/bin/sh", "-c", f'"$@" {closed}', "sh", *VOF, "machines"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
