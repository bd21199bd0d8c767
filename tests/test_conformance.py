"""The conformance client says the same on every machine, engine and trap: what tests/conformance/transcript.txt says.

`pytest tests/test_conformance.py --update-transcript` writes that file anew, from the first row; then read the diff.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import pytest
from build import GUESTS
from runs import Row, build, transcript

from vof.firmware import SERVICES

KEPT = Path(__file__).resolve().parent / "conformance" / "transcript.txt"

BUILDS = ((64, "big"), (64, "little"), (32, "big"))
ROWS = [
    *(Row("pseries", "qemu", "mailbox", *target) for target in BUILDS),
    *(Row("pseries", "qemu", "breakpoint", *target) for target in BUILDS),
    *(
        Row("pseries", "unicorn", trap, *target)
        for trap in ("hypercall", "illegal", "osi", "mailbox")
        for target in BUILDS
    ),
    *(Row("generic", "unicorn", trap, 32, "big") for trap in ("hypercall", "illegal", "osi", "mailbox")),
    *(Row("generic,real-mode=off", "unicorn", trap, 32, "big") for trap in ("hypercall", "mailbox")),
    Row("40p", "qemu", "breakpoint", 32, "big", (("memory", "128M"),)),
    Row("generic", "unicorn", "hypercall", 32, "big", (("clock", "virtual"),)),
]
"""What says the same. The transcript is written from the first."""


@pytest.mark.guest
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_transcript(row: Row, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    said = transcript(row, build(row, tmp_path))
    if request.config.getoption("--update-transcript") and row == ROWS[0]:
        KEPT.write_text(said, encoding="utf-8")
    kept = KEPT.read_text(encoding="utf-8").splitlines()
    differences = [*difflib.unified_diff(kept, said.splitlines(), KEPT.name, str(row), n=1, lineterm="")]
    assert not differences, "\n".join(differences)


def test_every_service_is_tried() -> None:
    text = KEPT.read_text(encoding="utf-8")
    tried = {line.split(" ")[0] for group in _groups(text) if group[0] != "== form" for line in group}
    assert set(SERVICES) <= tried


def test_every_service_is_tried_with_wrong_counts() -> None:
    form = next(group for group in _groups(KEPT.read_text(encoding="utf-8")) if group[0] == "== form")
    assert set(SERVICES) <= {line.split(" ")[0] for line in form}


def test_the_clients_table_is_the_firmwares() -> None:
    source = (GUESTS / "conformance" / "services.c").read_text()
    rows = re.findall(r'\{"([^"]+)", (\d+), (\d+), \w+, ([01]), [01]\}', source)
    theirs = {name: (int(arguments), int(results), variadic == "1") for name, arguments, results, variadic in rows}
    assert theirs == {row.name: (len(row.arguments), len(row.results), row.variadic) for row in SERVICES.values()}


def _groups(text: str) -> list[list[str]]:
    """The transcript's groups: a headline, then its lines."""
    groups: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("="):
            groups.append([])
        groups[-1].append(line)
    return groups
