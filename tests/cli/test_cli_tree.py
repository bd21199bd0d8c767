"""`vof tree`: a file's tree and a machine's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from program import script, vof

from vof.tree import build_fdt, parse_fdt, to_dts, to_json


def test_a_file(dtb: Path) -> None:
    tree = parse_fdt(dtb.read_bytes())
    assert vof("tree", dtb).stdout == to_dts(tree)
    assert vof("tree", dtb, "--json").stdout == to_json(tree) + "\n"


def test_a_node_and_what_is_below_it(dtb: Path) -> None:
    tree = parse_fdt(dtb.read_bytes())
    done = vof("tree", dtb, "--path", "/vdevice")
    assert done.stdout == to_dts(tree, tree.find("/vdevice")) and done.stdout.startswith("vdevice {")
    assert json.loads(vof("tree", dtb, "--path", "/chosen", "--json").stdout)["path"] == "/chosen"


def test_a_node_that_is_not_there(dtb: Path) -> None:
    done = vof("tree", dtb, "--path", "/vdevices")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "vof: the tree has no /vdevices: did you mean /vdevice?\n"


def test_changes(dtb: Path, tmp_path: Path) -> None:
    over = parse_fdt(dtb.read_bytes())
    over.set("/chosen", "from-file", b"yes\0")
    (tmp_path / "over.dtb").write_bytes(build_fdt(over))
    sets = ["--set", "/chosen:cells=<1 0x2>", "--set", "/chosen:bytes=[0a ff]", "--set=/chosen:text=a=b"]
    shown = vof(
        "tree", dtb, "--path", "/chosen", "--dtb", tmp_path / "over.dtb", *sets, "--set", "/chosen:empty"
    ).stdout
    for line in ('from-file = "yes";', "cells = <0x01 0x02>;", "bytes = [0a ff];", 'text = "a=b";', "\tempty;"):
        assert line in shown


def test_every_damage_has_one_line(dtb: Path, tmp_path: Path) -> None:
    blob = dtb.read_bytes()
    for size in (0, 3, 39, 40, 100, len(blob) // 2, len(blob) - 1):
        (tmp_path / "cut.dtb").write_bytes(blob[:size])
        done = vof("tree", tmp_path / "cut.dtb")
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr


def test_a_qemu_that_dies_leaves_its_command_line_and_last_words(tmp_path: Path) -> None:
    script(tmp_path, "qemu-system-ppc64", "echo broken >&2; kill -SEGV $$")
    done = vof("tree", "-machine", "pseries", path=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    said = done.stderr.splitlines()
    assert said[0] == "vof: QEMU was ended by SIGSEGV"
    assert said[1:4] == ["QEMU's last words:", "    broken", "QEMU's command line:"]
    assert said[4].strip().startswith(f"{tmp_path}/qemu-system-ppc64 ")


@pytest.mark.guest
def test_a_machine() -> None:
    tree = json.loads(vof("tree", "-machine", "pseries", "-m", "1G", "-smp", "2", "--json").stdout)
    nodes = {node["path"]: node for node in tree["children"]}
    assert nodes["/chosen"]["properties"]["stdout"] and nodes["/memory@0"]["properties"]["available"]
    cpus = [node for node in nodes["/cpus"]["children"] if "ibm,ppc-interrupt-server#s" in node["properties"]]
    assert len(cpus) == 2
    assert nodes["/memory@0"]["properties"]["reg"]["cells"] == [0, 0, 0, 1 << 30]


@pytest.mark.guest
def test_a_machine_with_more_in_it() -> None:
    arguments = ("-device", "virtio-rng-pci,addr=3", "--set", "/chosen:mark=here", "--", "-name", "x")
    shown = vof("tree", "-M", "pseries", *arguments).stdout
    assert 'mark = "here";' in shown and "@3 {" in shown
    assert "@3 {" not in vof("tree", "-M", "pseries").stdout
