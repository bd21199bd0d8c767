"""`vof campaign` as a user has it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import guest_files
import pytest
from program import VOF, vof

from leftovers import MARK, marked_processes, until

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "campaign.toml"


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    """The example, with its files beside it."""
    for name in ("core.elf", "disk.img"):
        shutil.copyfile(guest_files.guests_folder() / "grub" / name, tmp_path / name)
    return Path(shutil.copy(EXAMPLE, tmp_path))


@pytest.mark.guest
@pytest.mark.parametrize("where", [(), ("--dask", "local")])
def test_the_example(campaign: Path, where: tuple[str, ...]) -> None:
    output = campaign.with_name("results.json")
    done = vof("campaign", campaign, "--faults", "6", "--seed", "3", "-o", output, *where)
    assert done.returncode == 0, done.stderr
    head, first, second, *_ = done.stdout.splitlines()
    assert head.split()[-1] == "runs"
    assert first.startswith("grub machine=generic ") and first.endswith(" 6")
    assert second.startswith("grub machine=generic,real-mode=off ")
    runs = json.loads(output.read_text())["runs"]
    assert len(runs) == 12 and all(run["struck"] for run in runs)
    assert f"vof: 12 results are in {output}" in done.stderr


@pytest.mark.guest
def test_ctrl_c_keeps_what_is_done(campaign: Path) -> None:
    mark = uuid.uuid4().hex
    output = campaign.with_name("results.json")
    command = ["env", "--default-signal", *VOF, "campaign", str(campaign), "--faults", "400", "-o", str(output)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, MARK: mark}
    ) as process:
        until(lambda: sum("campaign_worker" in line for line in marked_processes(mark).values()) >= 3, "runs", 30)
        until(lambda: any("Popen" not in line for line in marked_processes(mark).values()), "runs")
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 128 + signal.SIGINT, errors
        assert "Traceback" not in errors
    until(lambda: not marked_processes(mark), "the end of all processes")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "no campaign is named"),
        (("none.toml",), "none.toml: No such file or directory"),
        ((str(EXAMPLE), "-o", "results.txt"), "-o results.txt: its name ends in .json, .csv or .html"),
        ((str(EXAMPLE), "--faults", "x"), "--faults x: it takes a whole number from 1 on"),
        ((str(EXAMPLE), "--jobs", "0"), "--jobs 0: it takes a whole number from 1 on"),
        ((str(EXAMPLE),), "without a fault grub machine=generic comes to no good class: failed"),
    ],
)
def test_what_cannot_be_is_told(words: tuple[str, ...], message: str) -> None:
    done = vof("campaign", *words)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert message in done.stderr


def test_without_dask_its_package_is_named() -> None:
    code = "import sys; sys.modules['distributed'] = None; from vof.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "campaign", str(EXAMPLE), "--dask", "local"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "vof: --dask needs Dask's cluster: pip install 'vof[cluster]'\n")
