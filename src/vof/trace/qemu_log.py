"""QEMU's own Virtual Open Firmware, as it tells of itself: the log of `-trace 'vof_*'`, as client calls.

Ref: QEMU's hw/ppc/trace-events and vof.c. There are no trace points for `peer`, `child`, `parent`, `nextprop`,
`quiesce` and `exit`; of data the log has the beginning, of errors that there was one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import dropwhile
from pathlib import Path

from vof.errors import UsageError
from vof.events import ClientReturn, Written

__all__ = ["TRACED", "is_qemu_log", "read_qemu_log"]

TRACED = (
    *("finddevice", "getprop", "getproplen", "setprop", "open", "instance-to-package", "instance-to-path"),
    *("package-to-path", "write", "claim", "release", "call-method", "interpret"),
)
"""The services that the log tells of."""
_HEAD = re.compile(r"^(?:\d+@[\d.]+:)?vof_(\w+) ")
_FAILED = 0xFFFFFFFF
_LIMIT = 64 << 20


def is_qemu_log(path: Path) -> bool:
    """Whether a file is such a log."""
    try:
        with path.open("rb") as file:
            return any(_HEAD.match(line.decode("latin-1")) for line in file.read(4096).splitlines()[:5])
    except OSError:
        return False


def read_qemu_log(path: Path) -> list[ClientReturn]:
    """The calls of a log, in order, from the first `finddevice`: those before it are the machine's own.

    Raises:
        UsageError: it can't be read, or tells of none.
    """
    try:
        text = path.read_bytes()[:_LIMIT].decode("latin-1")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    paths: dict[int, str] = {}
    calls = [event for name, line in _entries(text) if (event := _call(name, line, paths)) is not None]
    calls = list(dropwhile(lambda event: event.service != "finddevice", calls))
    if not calls:
        raise UsageError(f"{path} is no log of QEMU's -trace 'vof_*'")
    return calls


def _entries(text: str) -> Iterator[tuple[str, str]]:
    """Name and text of each entry; a text that the client wrote may have line ends of its own."""
    name, lines = "", []
    for line in text.split("\n"):
        found = _HEAD.match(line)
        if found is None:
            lines.append(line)
            continue
        if name:
            yield name, "\n".join(lines)
        name, lines = found[1], [line[found.end() :]]
    if name:
        yield name, "\n".join(lines)


def _call(name: str, text: str, paths: dict[int, str]) -> ClientReturn | None:
    entry = _ENTRIES.get(name)
    if entry is None:
        return None
    pattern, make = entry
    found = re.match(pattern.replace("HEX", "([0-9a-f]{1,16})"), text, re.DOTALL)
    return make(found, paths) if found is not None else None


def _made(
    service: str, arguments: tuple[int, ...], results: tuple[int, ...], paths: dict[int, str], **more: object
) -> ClientReturn:
    return ClientReturn(
        service,
        arguments,
        results,
        0,
        "",
        0,
        paths=paths,
        engine="qemu",
        trap="x-vof",
        **more,  # type: ignore[arg-type]
    )


def _finddevice(found: re.Match[str], paths: dict[int, str]) -> ClientReturn:
    handle = int(found[2], 16) & _FAILED
    if handle not in (0, _FAILED):
        _learn(paths, handle, found[1])
    return _made("finddevice", (1,), (handle,), paths, texts={0: found[1]})


def _getprop(found: re.Match[str], paths: dict[int, str]) -> ClientReturn:
    length = int(found[3])
    data = _data(found[4], length)
    writes = (Written(1, length, data),) if length > 0 else ()
    arguments = (int(found[1], 16), 1, 1, max(length, 0))
    return _made("getprop", arguments, (length & _FAILED,), paths, texts={1: found[2]}, writes=writes)


def _getproplen(found: re.Match[str], paths: dict[int, str]) -> ClientReturn:
    return _made("getproplen", (int(found[1], 16), 1), (int(found[3]) & _FAILED,), paths, texts={1: found[2]})


def _setprop(found: re.Match[str], paths: dict[int, str]) -> ClientReturn:
    length = int(found[4])
    given = Written(1, length, _data(found[3], length))
    arguments = (int(found[1], 16), 1, 1, length)
    return _made("setprop", arguments, (int(found[5]) & _FAILED,), paths, texts={1: found[2]}, given=given)


def _open(found: re.Match[str], paths: dict[int, str]) -> ClientReturn:
    handle = int(found[3], 16)
    _learn(paths, int(found[2], 16), found[1])
    paths[handle] = found[1]
    return _made("open", (1,), (handle,), paths, texts={0: found[1]})


def _instance_to_package(found: re.Match[str], paths: dict[int, str]) -> ClientReturn:
    return _made("instance-to-package", (int(found[1], 16),), (int(found[2], 16),), paths)


def _instance_to_path(found: re.Match[str], paths: dict[int, str]) -> ClientReturn:
    paths[int(found[1], 16)] = found[3]
    _learn(paths, int(found[2], 16), found[3])
    return _path_answer("instance-to-path", int(found[1], 16), found[3], int(found[4]), paths)


def _package_to_path(found: re.Match[str], paths: dict[int, str]) -> ClientReturn:
    _learn(paths, int(found[1], 16), found[2])
    return _path_answer("package-to-path", int(found[1], 16), found[2], int(found[3]), paths)


def _path_answer(service: str, handle: int, path: str, length: int, paths: dict[int, str]) -> ClientReturn:
    writes = (Written(1, len(path) + 1, path.encode("latin-1") + b"\0"),)
    return _made(service, (handle, 1, 255), (length & _FAILED,), paths, writes=writes)


def _write(found: re.Match[str], paths: dict[int, str]) -> ClientReturn:
    length = int(found[2])
    given = Written(1, length, found[3].encode("latin-1")[:256])
    return _made("write", (int(found[1], 16), 1, length), (length,), paths, given=given)


def _claim(found: re.Match[str], paths: dict[int, str]) -> ClientReturn:
    arguments = (int(found[1], 16), int(found[2], 16), int(found[3], 16))
    return _made("claim", arguments, (int(found[4], 16) & _FAILED,), paths)


def _method(found: re.Match[str], paths: dict[int, str]) -> ClientReturn:
    results = (int(found[4], 16), int(found[5], 16))
    return _made("call-method", (1, int(found[1], 16), int(found[3], 16)), results, paths, texts={0: found[2]})


_ENTRIES: dict[str, tuple[str, Callable[[re.Match[str], dict[int, str]], ClientReturn]]] = {
    "finddevice": (r'"(.*)" => ph=0xHEX', _finddevice),
    "getprop": (r'ph=0xHEX "(.*)" => len=(-?\d{1,10}) \[(.*)\]', _getprop),
    "getproplen": (r'ph=0xHEX "(.*)" => len=(-?\d{1,10})', _getproplen),
    "setprop": (r'ph=0xHEX "(.*)" \[(.*)\] len=(\d{1,10}) => ret=(-?\d{1,10})', _setprop),
    "open": (r"(\S+) ph=0xHEX => ih=0xHEX", _open),
    "instance_to_package": (r"ih=0xHEX => ph=0xHEX", _instance_to_package),
    "instance_to_path": (r"ih=0xHEX ph=0xHEX => (\S*) len=(-?\d{1,10})", _instance_to_path),
    "package_to_path": (r"ph=0xHEX => (\S*) len=(-?\d{1,10})", _package_to_path),
    "write": (r'ih=0xHEX \[(\d{1,10})\] "(.*)"', _write),
    "claim": (r"virt=0xHEX size=0xHEX align=0xHEX => 0xHEX", _claim),
    "method": (r'ih=0xHEX "(.*?)"\(0xHEX\) => 0xHEX 0xHEX', _method),
}
"""The trace points that tell of calls: the form of the text, and what to make of it."""


def _learn(paths: dict[int, str], handle: int, path: str) -> None:
    """A package's path; an alias is none."""
    if path.startswith("/"):
        paths[handle] = path


def _data(text: str, length: int) -> bytes:
    """The data in an entry's brackets: words in hexadecimal, or a string."""
    cut = text.endswith("...")
    digits = text.removesuffix("...").replace(" ", "")
    if length > 0 and re.fullmatch(r"[0-9A-F]*", digits) and (cut or len(digits) == 2 * length):
        return bytes.fromhex(digits[: len(digits) // 2 * 2])
    return text.encode("latin-1") + b"\0" if length > 0 else b""
