"""The example project, as its own CI runs it: the docs' tutorial works."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import guest_files
import pytest

pytestmark = pytest.mark.guest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "boot-loader-tests"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "project", ignore=shutil.ignore_patterns("__pycache__")))


def ci(project: Path, grub: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHON": sys.executable, "GRUB_FILES": str(grub)}
    return subprocess.run([project / "ci"], env=environment, capture_output=True, text=True, timeout=300)


def test_all_pass(project: Path) -> None:
    done = ci(project, guest_files.guests_folder() / "grub")
    assert done.returncode == 0, done.stdout
    (suite,) = ElementTree.parse(project / "junit.xml").iter("testsuite")
    assert (suite.get("failures"), suite.get("skipped")) == ("0", "0")
    assert int(suite.get("tests", "0")) >= 10
    assert not (project / "artifacts").exists()


def test_one_that_is_broken_leaves_a_report(project: Path) -> None:
    """What its README has the reader do."""
    tests = project / "test_grub.py"
    tests.write_text(tests.read_text().replace('b"Boot the client" in menu', 'b"Boot another" in menu'))
    done = ci(project, guest_files.guests_folder() / "grub")
    assert done.returncode == 1
    assert "vof calls" in done.stdout
    (report,) = (project / "artifacts").rglob("*.html")
    assert report.parent.name == "test_grub.py--test_the_menu_appears"


def test_without_grub_all_is_skipped_and_says_why(project: Path) -> None:
    done = ci(project, project)
    assert done.returncode == 0
    assert "core.elf is missing" in done.stdout and "passed" not in done.stdout
