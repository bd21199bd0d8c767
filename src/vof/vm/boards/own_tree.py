"""The tree that a user gives a machine in this process: `-machine generic,dtb=FILE`."""

from __future__ import annotations

from vof.errors import UsageError

__all__ = ["memory_of_tree", "read_tree"]


def read_tree(machine: str, path: str) -> bytes:
    """The flattened tree in a file; empty for no path.

    Raises:
        UsageError: it can't be read.
    """
    if not path:
        return b""
    from vof.vm.tree_file import read_tree_file

    try:
        return read_tree_file(path)[0]
    except UsageError as error:
        raise UsageError(f"-machine {machine},dtb={error}") from None


def memory_of_tree(machine: str, path: str, flattened: bytes) -> int:
    """The bytes of RAM that the tree tells of; 0 if there is none.

    Raises:
        UsageError: it tells of none that the machine can have.
    """
    if not flattened:
        return 0
    from vof.machines.profiles import MACHINES
    from vof.machines.pseries_tree import memory_of

    least, most = MACHINES[machine].least_memory, MACHINES[machine].most_memory
    try:
        size = memory_of(flattened)
        if not least <= size <= most:
            raise UsageError(f"its memory at 0 has {size >> 20} MiB: {machine} takes {least >> 20} to {most >> 20}")
    except UsageError as error:
        raise UsageError(f"-machine {machine},dtb={path}: {error}") from None
    return size
