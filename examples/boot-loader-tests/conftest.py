"""What every test starts from: GRUB, built as it is, and its disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(os.environ.get("GRUB_FILES", Path(__file__).parent))


@pytest.fixture
def grub(vof_boot: Callable[..., Any]) -> Callable[..., Any]:
    """Boots GRUB in process; options are added to the usual ones."""
    return lambda **options: vof_boot(**usual(), **options)


def usual() -> dict[str, Any]:
    """A 32-bit machine without hardware, whose time is the same in every run; the disk stays as it is."""
    return {
        "engine": "unicorn",
        "clock": "virtual",
        "kernel": FOLDER / "core.elf",
        "drives": [f"file={FOLDER / 'disk.img'},format=raw,snapshot=on"],
    }
