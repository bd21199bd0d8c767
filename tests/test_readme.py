"""What the README shows works."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
SCRIPTS = re.findall(r"```python\n(.*?)```\n\n((?:    [^\n]*\n)+)", README.read_text(), re.DOTALL)


def test_the_readme_has_scripts() -> None:
    assert [len(output.splitlines()) for _, output in SCRIPTS] == [2, 3]


@pytest.mark.guest
@pytest.mark.parametrize(("script", "output"), SCRIPTS, ids=["linux", "snapshots"])
def test_a_script_in_the_readme_prints_what_is_below_it(script: str, output: str) -> None:
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=200, check=False)
    assert run.returncode == 0, run.stderr
    expected = [line.removeprefix("    ") for line in output.splitlines()]
    assert [uncounted(line) for line in run.stdout.splitlines()] == [uncounted(line) for line in expected]


def uncounted(line: str) -> str:
    """A line without what another version of a guest would count differently."""
    return re.sub(r"\d+ (claims|calls)", r"N \1", line)
