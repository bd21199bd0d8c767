"""The screen as a web page, asked as a browser asks."""

from __future__ import annotations

import io
import json
import socket
import struct
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from vof.backends.screen_image import check_image, write_png
from vof.backends.screen_page import Key, Pointer, ScreenPage
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


def test_an_unchanged_picture_is_not_sent_again(page: ScreenPage) -> None:
    shown = Picture(1, 1, b"abc")
    page.show(lambda: shown)
    seen, data = page.picture()
    assert data and page.picture(seen) == (seen, b"")
    assert ask(page, f"screen.png?seen={seen}") == b""
    shown = Picture(1, 1, b"abd")
    assert Image.open(io.BytesIO(ask(page, f"screen.png?seen={seen}"))).getpixel((0, 0)) == (97, 98, 100)
    page.show(lambda: shown, lambda: "as it was")
    seen, _ = page.picture()
    shown = Picture(1, 1, b"xyz")
    assert page.picture(seen) == (seen, b"")


def test_input_comes_in_its_order_and_nonsense_does_not(page: ScreenPage) -> None:
    ask(page, "input", json.dumps([["key", "ShiftLeft", True], ["key", "KeyA", True], ["key", "KeyA", False]]).encode())
    ask(
        page, "input", json.dumps([["key", "NoSuchKey", True], ["key", "F12", True], ["key", "Numpad7", True]]).encode()
    )
    ask(page, "input", json.dumps([["to", 3, 4, 640, 480, 1], ["by", -5, 1 << 40, 9]]).encode())
    for nonsense in (
        *(b"", b"[1]", b"{", b"[[]]", b"7", b"null", b"[" * 16000, b"\xff\xfe", b'[["key"]]', b'[["key", [], true]]'),
        *(
            b'[["key", "KeyA", true, 1]]',
            b'[["to", 1, 2, 3, 4]]',
            b'[["to", -1, 2, 3, 4, 0]]',
            b'[["by", 1e999, 2, 0]]',
        ),
        *(b'[["by", true, 2, 0]]', b'[["by", "1", 2, 0]]', b'[["at", 1, 2]]', b'[{"a": 1, "b": 2}]', b'{"key": 1}'),
    ):
        with pytest.raises(urllib.error.HTTPError, match="400"):
            ask(page, "input", nonsense)
    assert list(page.take_input()) == [
        Key(0x38, True),
        Key(ord("a"), True),
        Key(ord("a"), False),
        Key(0x6F, True),
        Key(0x59, True),
        Pointer(3, 4, (640, 480), 1),
        Pointer(-5, 0x7FFF, None, 1),
    ]
    assert list(page.take_input()) == []


def raw(page: ScreenPage, request: bytes) -> bytes:
    """The status line that an unusual request gets."""
    with socket.create_connection(("127.0.0.1", int(page.address.rstrip("/").rpartition(":")[2])), 10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return connection.makefile("rb").readline().strip()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost:8080\r\n\r\n", b"200"),  # through a tunnel
        (b"GET / HTTP/1.1\r\nHost: rebound.example\r\n\r\n", b"403"),
        (b"GET /screen.png HTTP/1.1\r\n\r\n", b"403"),
        (
            b"POST /input HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://evil.example\r\nContent-Length: 2\r\n\r\n[]",
            b"403",
        ),
        (b"POST /input HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\nContent-Length: 2\r\n\r\n[]", b"204"),
        (b"POST /other HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n[]", b"404"),
        (b"POST /input HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n[]", b"411"),
        (b"POST /input HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n[]", b"411"),
        (b"POST /input HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999999999\r\n\r\n[]", b"413"),
        (b"POST /input HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 20\r\n\r\n[]", b"204"),
        (b"PUT /input HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"501"),
        (b"GET " + b"/" * 70000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"\0\xff\r\n\r\n", b"<!DOCTYPE HTML>"),  # an answer of HTTP 0.9, where there are no status lines
    ],
)
def test_hostile_requests(page: ScreenPage, request_: bytes, status: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    assert status in raw(page, request_)
    assert b"200" in raw(page, b"GET /screen.png HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert capfd.readouterr() == ("", "")


def test_browsers_that_go_away_are_no_news(page: ScreenPage, capfd: pytest.CaptureFixture[str]) -> None:
    def gone() -> Picture:
        raise ValueError("mmap closed or invalid")

    page.show(lambda: Picture(1000, 1000, bytes(range(250)) * 12000))
    for _ in range(10):
        with socket.create_connection(
            ("127.0.0.1", int(page.address.rstrip("/").rpartition(":")[2])), 10
        ) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(b"GET /screen.png HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    page.show(gone)
    assert raw(page, b"GET /screen.png HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") == b""
    page.close()
    assert capfd.readouterr() == ("", "")


def test_a_picture_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(UsageError, match=r"can't be written to .*folder.png: Is a directory"):
        write_png(Picture(1, 1, b"abc"), str(tmp_path / "folder.png"))
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


def test_a_port_that_is_taken_is_said(page: ScreenPage) -> None:
    port = int(page.address.rstrip("/").rpartition(":")[2])
    with pytest.raises(UsageError, match=f"-display web,port={port}: Address already in use"):
        ScreenPage(port, ord)


def test_without_the_library_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(UsageError, match=r"pip install 'vof\[screen\]'"):
        ScreenPage(0, str.__len__)
    with pytest.raises(UsageError, match="Pillow"):
        check_image(str(tmp_path / "picture.png"))
