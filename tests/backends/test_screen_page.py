"""The screen as a web page, asked as a browser asks."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from PIL import Image

from vof.backends.screen_page import ScreenPage
from vof.errors import UsageError
from vof.firmware.osi.video import Picture


@pytest.fixture
def page() -> Iterator[ScreenPage]:
    shown = ScreenPage(0, ord)
    yield shown
    shown.close()


def ask(page: ScreenPage, path: str, data: bytes | None = None) -> bytes:
    with urllib.request.urlopen(page.address + path, data, timeout=10) as answer:
        body: bytes = answer.read()
    return body


def test_the_page_has_the_present_picture(page: ScreenPage) -> None:
    assert b"screen.png" in ask(page, "")
    assert Image.open(io.BytesIO(ask(page, "screen.png"))).size == (1, 1)
    page.show(lambda: Picture(2, 1, bytes([1, 2, 3, 250, 251, 252])))
    image = Image.open(io.BytesIO(ask(page, "screen.png?7")))
    assert (image.getpixel((0, 0)), image.getpixel((1, 0))) == ((1, 2, 3), (250, 251, 252))
    with pytest.raises(urllib.error.HTTPError, match="404"):
        ask(page, "../etc/passwd")


def test_keys_come_in_their_order_and_nonsense_does_not(page: ScreenPage) -> None:
    for key in (["ShiftLeft", True], ["KeyA", True], ["KeyA", False], ["NoSuchKey", True], ["F12", True]):
        ask(page, "key", json.dumps(key).encode())
    for nonsense in (b"", b"[1]", b"{", b"[[], 2, 3]"):
        with pytest.raises(urllib.error.HTTPError, match="400"):
            ask(page, "key", nonsense)
    assert list(page.take_keys()) == [(0x38, True), (ord("a"), True), (ord("a"), False), (0x6F, True)]
    assert list(page.take_keys()) == []


def test_a_port_that_is_taken_is_said(page: ScreenPage) -> None:
    port = int(page.address.rstrip("/").rpartition(":")[2])
    with pytest.raises(UsageError, match=f"-display web,port={port}: Address already in use"):
        ScreenPage(port, ord)
