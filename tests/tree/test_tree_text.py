"""The tree as text: word for word what `dtc` writes, and JSON."""

import json
import re

import pytest
from hypothesis import given, settings
from tree_samples import FIXTURES, dtc, fixture, trees

from vof.tree import DeviceTree, Reading, build_fdt, guess_reading, parse_fdt, to_dts, to_json


@pytest.mark.parametrize("name", FIXTURES)
def test_writes_what_dtc_writes(name: str) -> None:
    assert to_dts(parse_fdt(fixture(name))) == dtc(fixture(name))


@settings(max_examples=60, deadline=None)
@given(trees())
def test_writes_any_tree_as_dtc_does(tree: DeviceTree) -> None:
    assert to_dts(tree) == dtc(build_fdt(tree))


READINGS = [
    (b"", Reading.EMPTY, ""),
    (b"abc\0", Reading.STRINGS, ' = "abc"'),
    (b"abc\0de\0", Reading.STRINGS, ' = "abc", "de"'),
    (b"\0ab\0", Reading.STRINGS, ' = "", "ab"'),
    (b"abc\0\0", Reading.STRINGS, ' = "abc", ""'),
    (b"1\0", Reading.STRINGS, ' = "1"'),
    (b'\a\b\t\n\v\f\r"\\\0', Reading.STRINGS, r' = "\a\b\t\n\v\f\r\"\\"'),
    (b"x\0\0", Reading.BYTES, " = [78 00 00]"),
    (b"\0", Reading.BYTES, " = [00]"),
    (b"abcd", Reading.CELLS, " = <0x61626364>"),
    (b"\xe9ab\0", Reading.CELLS, " = <0xe9616200>"),
    (bytes(8), Reading.CELLS, " = <0x00 0x00>"),
    (b"\x7fa\0", Reading.BYTES, " = [7f 61 00]"),
    (b"ab", Reading.BYTES, " = [61 62]"),
]


@pytest.mark.parametrize(("value", "reading", "text"), READINGS)
def test_guesses_what_a_value_is(value: bytes, reading: Reading, text: str) -> None:
    tree = DeviceTree()
    tree.root.properties["p"] = value
    assert guess_reading(value) is reading
    assert to_dts(tree) == f"/dts-v1/;\n\n/ {{\n\tp{text};\n}};\n" == dtc(build_fdt(tree))


def test_a_subtree_stands_alone() -> None:
    tree = DeviceTree()
    tree.add("/", "bus")
    tree.add("/bus", "a@1", {"x": b""})
    tree.add("/", "other")
    assert to_dts(tree, tree.find("/bus")) == "bus {\n\n\ta@1 {\n\t\tx;\n\t};\n};\n"
    assert json.loads(to_json(tree, tree.find("/bus")))["path"] == "/bus"


def test_json_says_what_a_node_is() -> None:
    tree = DeviceTree()
    node = tree.add("/", "a@1", {"reg": bytes(4), "compatible": b"x\0y\0", "mac": b"\1\2\3", "empty": b""}, phandle=5)
    tree.add(node, "b")
    root = json.loads(to_json(tree))
    assert root["path"] == "/"
    (shown,) = root["children"]
    assert [child["path"] for child in shown.pop("children")] == ["/a@1/b"]
    assert shown == {
        "path": "/a@1",
        "phandle": 5,
        "properties": {
            "reg": {"hex": "00000000", "cells": [0]},
            "compatible": {"hex": "78007900", "strings": ["x", "y"]},
            "mac": {"hex": "010203"},
            "empty": {"hex": ""},
        },
    }


@given(trees())
def test_json_holds_every_node_once(tree: DeviceTree) -> None:
    paths = re.findall(r'"path": "([^"]*)"', to_json(tree))
    assert paths == [node.path for node in tree]
