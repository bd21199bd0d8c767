"""A screen as a web page of this machine's own: the picture several times a second, and the keyboard."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from vof.backends.screen_image import Shown, png_bytes
from vof.errors import UsageError

__all__ = ["ScreenPage"]

_MOST_KEYS = 1024
_LARGEST_POST = 4096
_PAGE = b"""<!doctype html>
<meta charset="utf-8"><title>vof: screen</title>
<style>body { margin: 0; background: #222; color: #ccc; font: 14px sans-serif; text-align: center }
img { margin-top: 1em; image-rendering: pixelated; outline: 1px solid #555 }</style>
<img id="screen" alt="the machine's screen"><p id="note">What you type goes to the machine.</p>
<script>
const screen = document.getElementById("screen"), note = document.getElementById("note");
function again() { setTimeout(() => { screen.src = "screen.png?" + Date.now(); }, 100); }
screen.onload = again;
screen.onerror = () => { note.textContent = "The machine has ended."; };
again();
for (const kind of ["keydown", "keyup"])
  addEventListener(kind, event => {
    if (event.repeat) return;
    event.preventDefault();
    fetch("key", { method: "POST", body: JSON.stringify([event.code, kind === "keydown"]) });
  });
</script>
"""
_CODES = {
    **{f"Key{letter}": letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    **{f"Digit{digit}": digit for digit in "0123456789"},
    "Minus": "-",
    "Equal": "=",
    "BracketLeft": "[",
    "BracketRight": "]",
    "Backslash": "\\",
    "Semicolon": ";",
    "Quote": "'",
    "Backquote": "`",
    "Comma": ",",
    "Period": ".",
    "Slash": "/",
    "Space": " ",
    "Enter": "\n",
    "Tab": "\t",
    "Backspace": "\b",
    "Escape": "\x1b",
}
_ADB = {
    "ShiftLeft": 0x38,
    "ShiftRight": 0x7B,
    "ControlLeft": 0x36,
    "ControlRight": 0x7D,
    "AltLeft": 0x3A,
    "AltRight": 0x7C,
    "MetaLeft": 0x37,
    "MetaRight": 0x37,
    "CapsLock": 0x39,
    "ArrowLeft": 0x3B,
    "ArrowRight": 0x3C,
    "ArrowDown": 0x3D,
    "ArrowUp": 0x3E,
    "Home": 0x73,
    "End": 0x77,
    "PageUp": 0x74,
    "PageDown": 0x79,
    "Delete": 0x75,
    "Insert": 0x72,
    **{f"F{number}": code for number, code in enumerate(bytes.fromhex("7a7863766061626465 6d676f"), 1)},
}


class ScreenPage:
    """The page, and its server on the loopback address.

    Args:
        port: its port; 0 for any.
        characters: the ADB code of a character's key.

    Attributes:
        address: where a browser finds it.

    Raises:
        UsageError: the port can't be had, or the library for pictures isn't installed.
    """

    def __init__(self, port: int, characters: Callable[[str], int]) -> None:
        png_bytes(_Blank())
        self._picture: Callable[[], Shown] = _Blank
        self._keys: deque[tuple[int, bool]] = deque(maxlen=_MOST_KEYS)
        self._codes = {code: characters(character) for code, character in _CODES.items()} | _ADB
        page = self

        class Handler(_Handler):
            shown = page

        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        except OSError as error:
            raise UsageError(f"-display web,port={port}: {error.strerror}") from None
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, daemon=True, name="vof-screen").start()

    def show(self, picture: Callable[[], Shown]) -> None:
        """Show what this gives from now on."""
        self._picture = picture

    def take_keys(self) -> Iterator[tuple[int, bool]]:
        """The keys that went down or up since the last time: ADB codes, and whether it was down."""
        while self._keys:
            yield self._keys.popleft()

    def picture(self) -> bytes:
        """What the screen shows, as PNG."""
        return png_bytes(self._picture())

    def type(self, code: str, down: bool) -> None:
        """A browser's key; those that this keyboard hasn't are left out."""
        if code in self._codes:
            self._keys.append((self._codes[code], down))

    def close(self) -> None:
        """Be gone."""
        self._server.shutdown()
        self._server.server_close()


class _Blank:
    """What is shown before there is a machine."""

    width = height = 1
    rgb = bytes(3)


class _Handler(BaseHTTPRequestHandler):
    shown: ScreenPage

    def do_GET(self) -> None:
        """The page or the picture."""
        path = self.path.partition("?")[0]
        if path == "/":
            self._answer("text/html; charset=utf-8", _PAGE)
        elif path == "/screen.png":
            self._answer("image/png", self.shown.picture())
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        """A key."""
        try:
            length = int(self.headers.get("Content-Length", "0"))
            code, down = json.loads(self.rfile.read(min(length, _LARGEST_POST)))
            self.shown.type(str(code), bool(down))
        except (ValueError, TypeError):
            self.send_error(400)
            return
        self._answer("text/plain", b"")

    def _answer(self, kind: str, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
