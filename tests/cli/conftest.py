"""What several tests of the command line are given."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parent.parent / "data"


@pytest.fixture
def dtb(tmp_path: Path) -> Path:
    """QEMU's own flattened tree of a pseries machine."""
    path = tmp_path / "pseries.dtb"
    path.write_bytes(gzip.decompress((DATA / "pseries.dtb.gz").read_bytes()))
    return path
