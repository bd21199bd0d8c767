"""A reader of reports: a Chromium without a screen, and what one looks at."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.report_page import browser
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

__all__ = ["DESK", "PHONE", "Reader"]

_PATIENCE = 30
DESK = (1280, 860)
PHONE = (360, 740)


class Reader:
    """Opens pages, one after another, in one browser."""

    def __init__(self) -> None:
        self.driver = browser(*DESK)

    def open(self, page: Path, *, size: tuple[int, int] = DESK, dark: bool = False, hash_: str = "") -> None:
        width, height = size
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 700}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.get("about:blank")  # else another hash of the same page is no new page
        self.driver.get(page.as_uri() + hash_)
        self.wait(lambda: self.run("return document.body.dataset.state") == "ready")

    def close(self) -> None:
        self.driver.quit()

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def wait(self, condition: Callable[[], Any]) -> Any:
        """Wait until something is so; what it came to."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            found = condition()
            if found:
                return found
            assert time.monotonic() < deadline, "the page never came to it"
            time.sleep(0.02)

    def settle(self) -> None:
        """Wait until everything that was asked for is drawn."""
        self.driver.execute_async_script(
            "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 20)));"
        )

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return self.one(selector).text

    def click(self, selector: str) -> None:
        self.one(selector).click()
        self.settle()

    def tab(self, name: str) -> None:
        self.click(f"#tab-{name}")

    def type(self, selector: str, text: str) -> None:
        field = self.one(selector)
        field.send_keys(Keys.CONTROL + "a")
        field.send_keys(Keys.BACKSPACE + text)
        self.settle()

    def press(self, *keys: str) -> None:
        """Press keys, one after the other, wherever the focus is."""
        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()
        self.settle()

    def focused(self) -> str:
        """The id of what has the focus, or its label."""
        name: str = self.run(
            "const e = document.activeElement; return e.id || e.getAttribute('aria-label') || e.tagName"
        )
        return name

    def active_row(self, list_: str) -> WebElement:
        """The row that a list says is the active one."""
        return self.one(
            "#" + self.run("return document.getElementById(arguments[0]).getAttribute('aria-activedescendant')", list_)
        )

    def complaints(self) -> list[str]:
        """What the page, or the browser of it, said on its console."""
        return [entry["message"] for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]
