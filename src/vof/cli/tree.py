"""`vof tree`: a device tree as text."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING

from vof.cli.commands import Command
from vof.cli.machine_options import CHANGES, ENGINE, HELP, MACHINE, config_from
from vof.cli.options import Given, Group, Option
from vof.errors import UsageError

if TYPE_CHECKING:
    from vof.tree import DeviceTree, Node

__all__ = ["COMMAND"]

_OUTPUT = Group(
    "The output",
    (
        Option(("--path",), "PATH", "only this node and what is below it; an alias does as well"),
        Option(("--json",), "", "JSON, with the bytes of each property and what they look like"),
    ),
)


def _run(given: Given) -> int:
    if given.operands:
        tree = _of_file(given)
    elif "-machine" in given:
        tree = _of_machine(given)
    else:
        raise UsageError("whose tree? Name a file or a machine: `vof tree FILE.dtb` or `vof tree -machine pseries`")
    from vof.tree import to_dts, to_json

    node = _find(tree, given.last("--path")) if "--path" in given else None
    sys.stdout.write(to_json(tree, node) + "\n" if "--json" in given else to_dts(tree, node))
    return 0


def _of_file(given: Given) -> DeviceTree:
    path = given.operands[0]
    for option in MACHINE.options + ENGINE.options:
        if option.name in given:
            raise UsageError(f"{option.name} belongs to a machine, and {path} is a file: give one of them")
    if given.rest:
        raise UsageError(f"arguments for QEMU belong to a machine, and {path} is a file: give one of them")
    from vof.vm.tree_file import read_tree_file

    _, tree = read_tree_file(path)
    dtb, sets = given.last("--dtb"), given.all("--set")
    if dtb or sets:
        from vof.vm.changes import TreeChanges

        TreeChanges(dtb, sets).apply(tree)
    return tree


def _of_machine(given: Given) -> DeviceTree:
    from vof.vm import VM

    with closing(VM(config_from(given))) as vm:
        vm.start()
        vm.run_to_client()
        return vm.tree


def _find(tree: DeviceTree, path: str) -> Node:
    node = tree.find(path)
    if node is None:
        from difflib import get_close_matches

        near = get_close_matches(path, [each.path for each in tree.walk()], 1)
        hint = f"did you mean {near[0]}?" if near else "without --path the whole tree is shown"
        raise UsageError(f"the tree has no {path}: {hint}")
    return node


COMMAND = Command(
    usage="FILE | -machine NAME [OPTION]... [-- QEMU-ARGUMENT...]",
    about="""
        Prints a device tree as dtc does: that of a file in the flattened form (a .dtb) or in source form (a .dts, where
        dtc is installed); or that of a machine as its client program finds it.
    """,
    groups=(_OUTPUT, CHANGES, MACHINE, ENGINE, HELP),
    run=_run,
    operands=1,
    passes_on=True,
)
