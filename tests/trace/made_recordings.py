"""Small recordings, made line by line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

__all__ = ["HEADER", "boot", "call", "write_recording"]

HEADER: dict[str, Any] = {
    "is": "header",
    "recording": 1,
    "vof": "0.1.0",
    "created": "2026-11-23T08:00:00Z",
    "machine": "generic",
    "engine": "unicorn",
    "trap": "hypercall",
    "running": "in this process",
    "command": [],
    "options": {},
    "host": "Python",
}


def boot(tree: list[Any] | None = None, at: int = 0) -> dict[str, Any]:
    """A firmware's start, with 128 MiB of memory."""
    return {
        "is": "boot",
        "at": at,
        "memory": 128 << 20,
        "region": [0x7E0_0000, 0x20_0000],
        "program": {"kernel": [0x20_0000, 0x1000], "initrd": [0, 0]},
        "tree": tree or ["", 1, {}, []],
    }


def call(service: str, *arguments: int, at: int = 0, took: float = 1.0, **more: Any) -> dict[str, Any]:
    """A call that began at so many microseconds."""
    return {"is": "call", "service": service, "us": [at, took], "block": 0, "args": arguments, "reads": [], **more}


def write_recording(path: Path, *lines: dict[str, Any], header: dict[str, Any] = HEADER) -> Path:
    """Write them to a file, whose path is returned."""
    path.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in (header, *lines)).encode()))
    return path
