"""A device tree in a file of the user's: a blob, or its source, which `dtc` makes a blob of."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from vof.errors import UsageError

if TYPE_CHECKING:
    from vof.tree import DeviceTree

__all__ = ["read_tree_file"]

_LARGEST = 16 << 20
_PATIENCE = 30
"""Seconds that `dtc` has."""


def read_tree_file(path: str) -> tuple[bytes, DeviceTree]:
    """The blob, and its tree.

    Args:
        path: of a blob (.dtb) or of source text (.dts), of 16 MiB at most.

    Raises:
        UsageError: it can't be read or is none, or it is source that `dtc` doesn't take, or there is no `dtc`.
    """
    from vof.tree import is_tree_source, parse_fdt

    try:
        with open(path, "rb") as file:
            blob = file.read(_LARGEST)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    if is_tree_source(blob):
        blob = _compiled(path)
    try:
        return blob, parse_fdt(blob)
    except UsageError as error:
        raise UsageError(f"{path} is no usable flattened tree: {error}") from None


def _compiled(path: str) -> bytes:
    command = ["dtc", "-q", "-I", "dts", "-O", "dtb", "--", path]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False)
    except FileNotFoundError:
        raise UsageError(
            f"{path} is a tree's source, and dtc, which makes a blob of it, is not installed: "
            "apt-get install device-tree-compiler"
        ) from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"{path}: dtc has not made a blob of it in {_PATIENCE} seconds") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise UsageError(f"{path}: dtc makes no blob of it: {said[0] if said else f'status {done.returncode}'}")
    return done.stdout
