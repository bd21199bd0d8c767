"""Make the pictures of the report: those that the tests compare with, and the one in docs/report.md.

Usage: .venv/bin/python tools/make_screenshots.py
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "trace")]

from report_reader import DESK, Reader  # noqa: E402

from vof.trace.recording import Recording  # noqa: E402
from vof.trace.report import write_report  # noqa: E402

__all__ = ["main"]

RECORDING = ROOT / "tests" / "data" / "recordings" / "linux-pseries.vof"
TABS = ("overview", "tree", "memory")
SMALLER = 8
"""How much smaller the tests' pictures are."""
COLOURS = 255
"""What is enough for the page, and keeps the picture small."""


def main() -> None:
    """Open the report of the stored recording and take its pictures."""
    reader = Reader()
    try:
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "report.html"
            write_report(Recording.open(RECORDING), page)
            reader.open(page)
            for tab in TABS:
                reader.tab(tab)
                small = tuple(size // SMALLER for size in DESK)
                _save(
                    _shot(reader).convert("L").resize(small, Image.Resampling.BOX),
                    f"tests/data/screenshots/report-{tab}.png",
                )
            reader.open(page)
            reader.click(".reason-link")
            reader.click("#zoom-calls")
            _save(_shot(reader).convert("RGB").quantize(COLOURS), "docs/report.png")
    finally:
        reader.close()


def _shot(reader: Reader) -> Image.Image:
    return Image.open(io.BytesIO(reader.driver.get_screenshot_as_png()))


def _save(image: Image.Image, name: str) -> None:
    path = ROOT / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, optimize=True)
    print(f"{name}: {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
