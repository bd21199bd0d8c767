"""A screen as a web page of this machine's own: the picture while it changes, keyboard and mouse."""

from __future__ import annotations

import json
import sys
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from vof.backends.screen_document import screen_document
from vof.backends.screen_image import Shown, image_library, png_bytes
from vof.backends.screen_keys import adb_codes
from vof.errors import UsageError

__all__ = ["Key", "Pointer", "ScreenPage"]

_MOST_WAITING = 1024
_LARGEST_POST = 1 << 14
_LARGEST_NUMBER = 0x7FFF
_HOSTS = ("127.0.0.1", "localhost")


@dataclass(frozen=True, slots=True)
class Key:
    """A key that went down or up.

    Attributes:
        code: its ADB code.
        down: whether it went down.
    """

    code: int
    down: bool


@dataclass(frozen=True, slots=True)
class Pointer:
    """The mouse was moved, or its buttons have changed.

    Attributes:
        x, y: where it is, in dots; or by how much it was moved.
        size: width and height of the screen that it is on; None for a move by a distance.
        buttons: those that are down: bit 0 is the left one, bit 1 the right one, bit 2 the one between them.
    """

    x: int
    y: int
    size: tuple[int, int] | None
    buttons: int


class ScreenPage:
    """The page, and its server on the loopback address.

    A page of somebody else's in the same browser can neither look nor type: a request that names another host than this
    one, or comes from another page, is refused.

    Args:
        port: its port; 0 for any.
        characters: the ADB code of a character's key.

    Attributes:
        address: where a browser finds it.

    Raises:
        UsageError: the port can't be had, or pictures can't be made.
    """

    def __init__(self, port: int, characters: Callable[[str], int]) -> None:
        image_library()
        self._picture: Callable[[], Shown] = _Blank
        self._state: Callable[[], object] | None = None
        self._input: deque[Key | Pointer] = deque(maxlen=_MOST_WAITING)
        self._codes = adb_codes(characters)
        self._latest: tuple[str, bytes] = ("", b"")
        self.document = screen_document(self._codes)
        page = self

        class Handler(_Handler):
            shown = page

        try:
            self._server = _Server(("127.0.0.1", port), Handler)
        except OSError as error:
            raise UsageError(f"-display web,port={port}: {error.strerror}") from None
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True, name="vof-screen").start()

    def show(self, picture: Callable[[], Shown], state: Callable[[], object] | None = None) -> None:
        """Show what this gives from now on.

        Args:
            picture: gives the picture.
            state: gives something that differs where the picture does, and is sooner made.
        """
        self._picture, self._state = picture, state

    def take_input(self) -> Iterator[Key | Pointer]:
        """What was done at keyboard and mouse since the last time."""
        while self._input:
            yield self._input.popleft()

    def picture(self, seen: str = "") -> tuple[str, bytes]:
        """What the screen shows: what it is to be asked by the next time, and the PNG; none where it is as was seen."""
        picture = None if self._state is not None else self._picture()
        told = zlib.crc32(picture.rgb) if picture is not None else hash(self._state and self._state())
        tag = f"{told & 0xFFFFFFFFFFFFFFFF:x}"
        if tag == seen:
            return tag, b""
        latest = self._latest
        if latest[0] != tag:
            latest = self._latest = tag, png_bytes(picture or self._picture())
        return latest

    def put(self, text: bytes) -> None:
        """Input as the page sends it. Keys that this keyboard hasn't are left out.

        Args:
            text: a list of `["key", name, down]`, `["to", x, y, width, height, buttons]`, `["by", dx, dy, buttons]`.

        Raises:
            ValueError: it is something else.
        """
        try:
            found = [self._parse(*event) for event in json.loads(text)]
        except (TypeError, RecursionError):
            raise ValueError("no list of input") from None
        self._input.extend(event for event in found if event is not None)

    def close(self) -> None:
        """Be gone."""
        self._server.shutdown()
        self._server.server_close()

    def _parse(self, kind: object, *values: Any) -> Key | Pointer | None:
        if kind == "key":
            name, down = values
            return Key(self._codes[name], bool(down)) if name in self._codes else None
        numbers = [max(-_LARGEST_NUMBER, min(value, _LARGEST_NUMBER)) for value in values if type(value) is int]
        if kind == "by" and len(numbers) == len(values) == 3:
            return Pointer(numbers[0], numbers[1], None, numbers[2] & 7)
        if kind == "to" and len(numbers) == len(values) == 5 and min(numbers) >= 0:
            return Pointer(numbers[0], numbers[1], (numbers[2], numbers[3]), numbers[4] & 7)
        raise ValueError("no such input")


class _Blank:
    """What is shown before there is a machine."""

    width = height = 1
    rgb = bytes(3)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away, and a machine that did, are no news."""
        if not isinstance(sys.exception(), OSError | ValueError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    shown: ScreenPage
    protocol_version = "HTTP/1.1"
    timeout = 30
    """Seconds that a connection may say nothing."""

    def do_GET(self) -> None:
        """The page or the picture."""
        path, _, query = self.path.partition("?")
        if not self._is_ours():
            self.send_error(403)
        elif path == "/":
            self._answer(200, "text/html; charset=utf-8", self.shown.document)
        elif path == "/screen.png":
            seen, data = self.shown.picture(query.removeprefix("seen="))
            self._answer(200 if data else 204, "image/png", data, seen)
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        """Input."""
        length = self.headers.get("Content-Length", "")
        if not self._is_ours():
            self.send_error(403)
        elif self.path != "/input":
            self.send_error(404)
        elif not (length.isascii() and length.isdigit()) or len(length) > 9:
            self.send_error(411)
        elif int(length) > _LARGEST_POST:
            self.send_error(413)
        else:
            try:
                self.shown.put(self.rfile.read(int(length)))
            except ValueError:
                self.send_error(400)
            else:
                self._answer(204, "text/plain", b"")

    def _is_ours(self) -> bool:
        """Whether it is this page that asks: a browser tells the host that it believes to ask, and whose page does."""
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        return host.partition(":")[0] in _HOSTS and origin in (None, f"http://{host}")

    def _answer(self, status: int, kind: str, data: bytes, seen: str = "") -> None:
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
        if seen:
            self.send_header("X-Seen", seen)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", "frame-ancestors 'none'")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
