"""What the README shows works."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.guest
def test_the_script_in_the_readme_runs() -> None:
    text = README.read_text()
    (script,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=200, check=False)
    assert run.returncode == 0, run.stderr
    expected = re.search(r"    (b'console=hvc0.*)\n    (Ending.*)\n", text)
    assert expected is not None
    claims, ending = run.stdout.splitlines()
    assert re.sub(r"\d+ claims", "N claims", claims) == re.sub(r"\d+ claims", "N claims", expected[1])
    assert ending == expected[2]
