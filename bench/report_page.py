"""`vof report` of a long boot: how long making the page takes, and how soon a reader can use it in Chromium."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.options import BenchError, Options
from bench.report import Report

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

__all__ = ["browser", "long_boot", "measure"]

CALLS = 100_000
_WINDOW = (1280, 900)
_DRIVER = "/usr/bin/chromedriver"
_CHROMIUM = "/usr/bin/chromium"
_STORED = Path(__file__).resolve().parent.parent / "tests" / "data" / "recordings" / "grub-generic.vof"
_READY = """
    const done = arguments[arguments.length - 1];
    const look = () => document.body.dataset.state ? done(performance.now()) : requestAnimationFrame(look);
    look();
"""
_SEARCH = """
    const [word, done] = arguments;
    const began = performance.now();
    const field = document.getElementById("filter");
    field.value = word;
    field.dispatchEvent(new Event("input"));
    requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)));
"""


def measure(options: Options) -> Report:
    """Make the page and open it, again and again."""
    count = 2000 if options.quick else CALLS
    report = Report("report_page", f"the page of {count:,} calls")
    making: list[float] = []
    ready: list[float] = []
    search: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        recording, page = Path(folder) / "long.vof", Path(folder) / "long.html"
        long_boot(recording, count)
        for _ in range(options.times(usual=5)):
            began = time.perf_counter()
            done = subprocess.run([options.vof, "report", recording, "-o", page], capture_output=True, text=True)
            if done.returncode:
                raise BenchError(f"vof report failed: {done.stderr.strip()}")
            making.append(time.perf_counter() - began)
            driver = browser(*_WINDOW)
            try:
                driver.get(page.as_uri())
                ready.append(driver.execute_async_script(_READY) / 1000)
                driver.execute_script("document.getElementById('tab-calls').click()")
                search.append(driver.execute_async_script(_SEARCH, "disk0 open") / 1000)
            finally:
                driver.quit()
        report.add("size", "vof", "MB", [page.stat().st_size / 1e6])
    report.add("vof report", "vof", "s", making)
    report.add("page can be used", "vof", "s", ready)
    report.expect("page can be used", "vof", 1, "s")
    report.add("first search", "vof", "s", search)
    report.notes.append(
        "page can be used: from the opening to all parts drawn and listening; Chromium without a screen"
    )
    return report


def browser(width: int, height: int) -> Chrome:
    """A Chromium without a screen, and nothing downloaded for it.

    Args:
        width, height: of its window, in pixels.

    Raises:
        BenchError: it is not installed.
    """
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    for program in (_CHROMIUM, _DRIVER):
        if not Path(program).exists():
            raise BenchError(f"{program} does not exist: `make setup` installs it")
    options = ChromeOptions()
    options.binary_location = _CHROMIUM
    # Root has no sandbox, a container's /dev/shm is small, and fonts are laid out alike everywhere without hinting.
    for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-gpu", "hide-scrollbars"):
        options.add_argument(f"--{argument}")
    options.add_argument("--font-render-hinting=none")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=Service(_DRIVER))
    driver.set_script_timeout(60)
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 700},
    )
    return driver


def long_boot(path: Path, count: int) -> None:
    """Write a recording of so many calls: those of the stored GRUB, again and again, each time later."""
    lines = [json.loads(line) for line in zlib.decompress(_STORED.read_bytes(), 31).splitlines()]
    text = "\n".join(json.dumps(line) for line in _repeated(lines, count))
    packer = zlib.compressobj(wbits=31)
    path.write_bytes(packer.compress(text.encode() + b"\n") + packer.flush())


def _repeated(lines: list[dict[str, Any]], count: int) -> Iterator[dict[str, Any]]:
    first = next(number for number, line in enumerate(lines) if line["is"] == "call")
    yield from lines[:first]
    body = [line for line in lines[first:] if line["is"] in ("call", "out")]
    wide = max(line["us"][0] for line in body if line["is"] == "call")
    last = lines[-1]
    shift = 0
    while count:
        for line in body:
            if line["is"] == "call":
                if not count:
                    break
                count -= 1
                yield {**line, "us": [line["us"][0] + shift, line["us"][1]]}
            else:
                yield {**line, "at": line["at"] + shift}
        shift += wide
    yield {**last, "at": last["at"] + shift}
