"""What several tests are given."""

from __future__ import annotations

import gzip
import signal
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parent / "data"

# A shell that starts the tests in the background has them ignore Ctrl-C, and Python then leaves it at that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-transcript", action="store_true", help="write the conformance client's transcript anew")


@pytest.fixture
def dtb(tmp_path: Path) -> Path:
    """QEMU's own flattened tree of a pseries machine."""
    path = tmp_path / "pseries.dtb"
    path.write_bytes(gzip.decompress((DATA / "pseries.dtb.gz").read_bytes()))
    return path
