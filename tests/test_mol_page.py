"""The page that shows `mol`'s screen, in a real browser, used as a user would use it."""

from __future__ import annotations

import io
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bench.report_page import browser
from build import build_mol
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from vof.vm import VM

PATIENCE = 60

pytestmark = pytest.mark.guest


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    chromium = browser(1000, 800)
    yield chromium
    chromium.quit()


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came to it"
        time.sleep(0.02)


def open_page(driver: Any, vm: VM, width: int, height: int) -> Any:
    """The page's picture, once it is there."""
    driver.get(vm.notices[0].rpartition(" ")[2])
    picture = driver.find_element(By.ID, "screen")
    until(lambda: (picture.get_property("naturalWidth"), picture.get_property("naturalHeight")) == (width, height))
    return picture


def seen(picture: Any) -> Image.Image:
    """What a user sees of the picture."""
    return Image.open(io.BytesIO(picture.screenshot_as_png)).convert("RGB")


def hear(vm: VM, last: str) -> list[str]:
    """What the guest says, up to a line that begins so."""
    return vm.expect(last + "\r\n", PATIENCE).decode().replace("\r", "").splitlines()


def test_keys_and_the_mouse_are_the_machines(driver: Any, tmp_path: Path) -> None:
    with VM(machine="mol", kernel=str(build_mol("input", tmp_path, others=["vectors.S"])), display="web") as vm:
        vm.expect("ready\r\n", PATIENCE)
        picture = open_page(driver, vm, 640, 480)
        keys = ActionChains(driver, duration=0)
        keys.key_down(Keys.SHIFT).send_keys("b").key_up(Keys.SHIFT).send_keys(Keys.ARROW_LEFT, Keys.NUMPAD7).perform()
        assert hear(vm, "key d9") == [f"key {code}" for code in ("38", "b", "8b", "b8", "3b", "bb", "59", "d9")]

        ActionChains(driver, duration=0).key_down("a").perform()
        assert hear(vm, "key 0") == ["key 0"]
        driver.execute_script("dispatchEvent(new Event('blur'))")  # the key goes up where the page can't see it
        assert hear(vm, "key 80") == ["key 80"]
        ActionChains(driver, duration=0).key_up("a").perform()
        hear(vm, "key 80")

        pointer = ActionChains(driver, duration=0).move_to_element_with_offset(picture, -320 + 100, -240 + 50)
        pointer.click().perform()
        moves = hear(vm, "mouse at 100 50 of 640x480, buttons 1")
        assert all(line.startswith("mouse at ") for line in moves)
        moves = hear(vm, "mouse at 100 50 of 640x480, buttons 0")  # a click is never too short to be seen
        driver.execute_script("arguments[0].style.width = '320px'", picture)
        driver.execute_script(
            "const box = arguments[0].getBoundingClientRect();"
            "for (const buttons of [2, 0]) arguments[0].dispatchEvent(new PointerEvent('pointermove',"
            " {clientX: box.left + 200, clientY: box.top + 20, buttons}))",
            picture,
        )
        assert hear(vm, "mouse at 400 40 of 640x480, buttons 2")[-1:] == ["mouse at 400 40 of 640x480, buttons 2"]
        hear(vm, "mouse at 400 40 of 640x480, buttons 0")

        driver.find_element(By.ID, "capture").click()
        until(lambda: driver.execute_script("return document.pointerLockElement !== null"))
        driver.execute_script(
            "for (let n = 0; n < 3; n++)"
            " arguments[0].dispatchEvent(new PointerEvent('pointermove', {movementX: 2, movementY: -1}))",
            picture,
        )
        x = y = 0
        while (x, y) != (6, -3):  # some of them are put together
            line = vm.expect("buttons 0\r\n", PATIENCE).decode().split()
            if line[1] == "moved":
                x, y = x + int(line[2]), y + int(line[3].rstrip(","))


@pytest.mark.parametrize(("index", "depth"), [(0, 8), (1, 15), (2, 32)])
def test_the_picture_is_the_screens(driver: Any, index: int, depth: int, tmp_path: Path) -> None:
    (tmp_path / "mode").write_bytes(struct.pack(">II", 2, index))
    files = [f"mode={tmp_path / 'mode'}"]
    with VM(machine="mol", kernel=str(build_mol("screen", tmp_path)), pseudo_files=files, display="web") as vm:
        vm.expect("drawn", PATIENCE)
        picture = open_page(driver, vm, 800, 600)
        driver.set_window_size(1000, 900)
        stored = Image.open(Path(__file__).parent / "data" / "mol" / f"screen-{depth}.png").convert("RGB")
        until(lambda: seen(picture).size == stored.size and seen(picture).tobytes() == stored.tobytes())
        vm.devices.video.set_video_power(0)
        until(lambda: not any(seen(picture).tobytes()))
    until(lambda: driver.find_element(By.ID, "note").text == "The machine has ended.")
