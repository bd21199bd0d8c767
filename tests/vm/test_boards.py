"""Boards: what is opened for a machine that then can't be made is closed again."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from vof.errors import UsageError
from vof.vm import VM, Config


def open_files() -> list[str]:
    """What this process has open, where it is more than a number."""
    found = []
    for path in Path("/proc/self/fd").iterdir():
        try:
            found.append(os.readlink(path))
        except FileNotFoundError:  # the one that lists the folder
            continue
    return sorted(found)


@pytest.fixture
def image(tmp_path: Path) -> str:
    path = tmp_path / "image"
    path.write_bytes(bytes(16 << 20))
    return str(path)


LATE_MISTAKES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("a drive, then a variable", {"machine": "generic", "engine": "unicorn", "drives": ["IMAGE"], "variables": ["x"]}),
    ("somebody's RAM, then a variable", {"machine": "pseries", "memory_file": "IMAGE", "variables": ["x"]}),
    ("somebody's RAM, then an image", {"machine": "generic", "memory_file": "IMAGE", "drives": ["/nowhere"]}),
    ("a screen, then sound", {"machine": "mol", "display": "web", "audiodev": "loud"}),
    ("a file, then the screen", {"machine": "mol", "pseudo_files": ["a=IMAGE"], "display": "loud"}),
    ("a file, then another", {"machine": "mol", "pseudo_files": ["a=IMAGE", "b=/nowhere"]}),
)


@pytest.mark.parametrize("options", [each for _, each in LATE_MISTAKES], ids=[name for name, _ in LATE_MISTAKES])
def test_nothing_is_left_of_a_machine_that_can_not_be(image: str, options: dict[str, Any]) -> None:
    def put(value: Any) -> Any:
        return (
            [each.replace("IMAGE", image) for each in value]
            if isinstance(value, list)
            else value.replace("IMAGE", image)
        )

    given = {name: put(value) for name, value in options.items()}
    before = open_files(), threading.active_count()
    with pytest.raises(UsageError) as raised:
        VM(Config(**given))
    assert (open_files(), threading.active_count()) == before, raised  # whose frames hold what is not closed
