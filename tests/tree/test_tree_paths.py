"""Path resolution: what clients write, and the node that they mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tree_samples import components, trees

from vof.tree import DeviceTree, Node


def cell(value: int) -> bytes:
    return value.to_bytes(4, "big")


def sample() -> DeviceTree:
    tree = DeviceTree()
    tree.add("/", "aliases")
    tree.add("/", "chosen")
    tree.add("/", "memory@0", {"reg": bytes(12)})
    tree.add("/", "memory@100000000", {"reg": bytes(12)})
    tree.add("/", "hostbridge@f8000000", {"reg": bytes(12)})
    cpus = tree.add("/", "cpus", {"#address-cells": cell(1), "#size-cells": cell(0)})
    tree.add(cpus, "PowerPC,POWER9@0", {"reg": cell(0)})
    tree.add(cpus, "PowerPC,POWER9@8", {"reg": cell(8)})
    vdevice = tree.add("/", "vdevice", {"#address-cells": cell(1)})
    tree.add(vdevice, "vty@71000000", {"reg": cell(0x7100_0000)})
    tree.add(vdevice, "nvram@71000001", {"reg": cell(0x7100_0001)})
    vscsi = tree.add(vdevice, "v-scsi@71000003", {"device_type": b"vscsi\0", "reg": cell(0x7100_0003)})
    tree.add(vscsi, "disk@8100000000000000", {"reg": bytes(8)})
    pci = tree.add("/", "pci@80000000", {"device_type": b"pci\0", "#address-cells": cell(3), "reg": bytes(8)})
    isa = tree.add(pci, "isa@C", {"reg": bytes(20), "device_type": b"isa\0", "#address-cells": cell(2)})
    tree.add(isa, "serial@i3f8", {"reg": bytes(12)})
    tree.add(isa, "serial@i2f8", {"reg": bytes(12)})
    ide = tree.add(pci, "ide@C,1", {"device_type": b"ide\0", "#address-cells": cell(2), "reg": bytes(20)})
    tree.add(ide, "disk@0,0", {"reg": bytes(8)})
    tree.add(ide, "disk@1,0", {"reg": bytes(8)})
    scsi = tree.add(pci, "scsi@3", {"device_type": b"scsi\0", "reg": bytes(20)})
    tree.add(scsi, "disk", {"device_type": b"block\0"})
    tree.add(pci, "usb@1d,0", {"reg": bytes(20)})
    aliases = {
        "disk": b"/pci@80000000/ide@C,1/disk@0,0\0",
        "unended": b"/vdevice/vty@71000000",
        "hd": b"/pci/ide/disk@1:3\0",
        "ide0": b"/pci@80000000/ide@C,1\0",
        "second": b"hd\0",
        "third": b"ide0/disk@1:9\0",
        "ring": b"ring\0",
        "ping": b"pong:x\0",
        "pong": b"ping/y\0",
        "gone": b"/nowhere\0",
        "empty": b"",
    }
    for name, value in aliases.items():
        tree.set("/aliases", name, value)
    return tree


DISK0 = "/pci@80000000/ide@C,1/disk@0,0"
DISK1 = "/pci@80000000/ide@C,1/disk@1,0"
VTY = "/vdevice/vty@71000000"

FOUND = [
    # what the client writes, the node, the arguments of the last component
    ("/", "/", ""),
    ("/memory", "/memory@0", ""),  # GRUB
    ("/memory@0", "/memory@0", ""),
    ("/memory@100000000", "/memory@100000000", ""),
    ("/memory@1,0", "/memory@100000000", ""),
    ("/memory@0,0", "/memory@0", ""),
    ("/hostbridge@F8000000", "/hostbridge@f8000000", ""),  # Maple
    ("/hostbridge@0,f8000000", "/hostbridge@f8000000", ""),
    ("/cpus/@8", "/cpus/PowerPC,POWER9@8", ""),
    ("/cpus/@08", "/cpus/PowerPC,POWER9@8", ""),
    ("/cpus/PowerPC,POWER9", "/cpus/PowerPC,POWER9@0", ""),
    ("/cpus/POWER9@8", "/cpus/PowerPC,POWER9@8", ""),  # 1275 §4.3.6: the maker's name may be left out
    ("/cpus/POWER9", "/cpus/PowerPC,POWER9@0", ""),
    ("/vdevice/vty", VTY, ""),
    ("/vdevice/vty@71000000:9600,n", VTY, "9600,n"),
    ("/vdevice/", "/vdevice", ""),
    ("//vdevice//vty", VTY, ""),
    ("/vdevice:slow/vty:fast", VTY, "fast"),
    ("/vdevice:slow/vty", VTY, ""),
    ("/vdevice/v-scsi/disk@8100000000000000", "/vdevice/v-scsi@71000003/disk@8100000000000000", ""),  # GRUB
    ("/vdevice/v-scsi/@81000000,0", "/vdevice/v-scsi@71000003/disk@8100000000000000", ""),
    ("/pci@80000000/ide@C,1", "/pci@80000000/ide@C,1", ""),  # Linux
    ("/pci@80000000/ide@c,1", "/pci@80000000/ide@C,1", ""),
    ("/pci@80000000/ide@0c,1", "/pci@80000000/ide@C,1", ""),
    ("/pci@80000000/isa@c", "/pci@80000000/isa@C", ""),
    ("/pci@80000000/isa@c,0", "/pci@80000000/isa@C", ""),
    ("/pci@80000000/@c,1", "/pci@80000000/ide@C,1", ""),
    ("/pci/usb@1d", "/pci@80000000/usb@1d,0", ""),
    ("/pci/isa/serial@I2F8", "/pci@80000000/isa@C/serial@i2f8", ""),
    ("/pci/isa/serial@i02f8", "/pci@80000000/isa@C/serial@i2f8", ""),
    ("/pci/isa/serial@1,2f8", "/pci@80000000/isa@C/serial@i2f8", ""),
    ("/pci/ide/disk@1:0", DISK1, "0"),
    ("/pci/ide/disk@1:2,\\boot\\vmlinux", DISK1, "2,\\boot\\vmlinux"),
    ("/pci/ide/disk@1,0:a:b", DISK1, "a:b"),
    ("/pci/scsi/disk@3,0", "/pci@80000000/scsi@3/disk", ""),  # 1275 §4.3.5: a wildcard node
    ("/chosen@0", "/chosen", ""),  # the zImage wrapper
    ("disk", DISK0, ""),
    ("disk:1", DISK0, "1"),
    ("disk:", DISK0, ""),
    ("unended", VTY, ""),
    ("hd", DISK1, "3"),
    ("hd:5", DISK1, "5"),
    ("hd:", DISK1, ""),
    ("second", DISK1, "3"),
    ("second:7", DISK1, "7"),
    ("ide0/disk@1", DISK1, ""),
    ("ide0:x/disk@1:y", DISK1, "y"),
    ("third", DISK1, "9"),
]

NOT_FOUND = [
    "",
    "netbsd",
    "/netbsd",  # NetBSD's filename() takes the first failure for the end of the device
    "disk:0/netbsd",
    "/pci/ide/disk@0:0/netbsd",
    "/pci/ide/disk@0:0,/netbsd",
    "/vdevice/VTY",
    "/vdevice/vty@71000001",
    "/vdevice/vty@",
    "/vdevice/vty@+71000000",
    "/vdevice/vty@71_000000",
    "/vdevice/vty@ 71000000",
    "/vdevice/@",
    "/@0x0",
    "/memory@2",
    "/pci/ide@c,2",
    "/pci/ide@c,9",
    "/pci/scsi/disk@x",
    "/pci/isa/serial@3f8",
    "/:x",
    "/vdevice/:x",
    "ring",
    "ping",
    "gone",
    "empty",
    "name",
    ":",
    ":0",
    "@0",
    "../vdevice",
    "/vdevice\0",
    "/²",
    "/memory@" + "1," * 50_000 + "1",
    "/memory@" + "0" * 100_000,
    "/" * 100_000 + "x",
    "/vdevice" * 100_000,
]


@pytest.mark.parametrize(("path", "node", "arguments"), FOUND)
def test_finds_what_the_client_means(path: str, node: str, arguments: str) -> None:
    tree = sample()
    found = tree.find(path)
    assert found is not None
    assert found.path == node
    assert tree.resolve(path) == (found, arguments)


@pytest.mark.parametrize("path", NOT_FOUND, ids=lambda path: path[:30])
def test_finds_nothing_where_no_node_is(path: str) -> None:
    tree = sample()
    assert tree.find(path) is None
    assert tree.resolve(path) is None
    assert tree.steps(path) is None
    assert tree.canon(path) is None


CANONICAL = [
    ("/", "/"),
    ("/memory", "/memory@0"),
    ("disk:2", f"{DISK0}:2"),
    ("hd", f"{DISK1}:3"),
    ("/pci:a/ide/disk@1:b", "/pci@80000000:a/ide@C,1/disk@1,0:b"),
    ("/pci/scsi/disk@3,0:1", "/pci@80000000/scsi@3/disk@3,0:1"),
]


@pytest.mark.parametrize(("path", "canonical"), CANONICAL)
def test_canon_says_the_whole_path(path: str, canonical: str) -> None:
    tree = sample()
    assert tree.canon(path) == canonical
    assert tree.canon(canonical) == canonical


def test_steps_are_what_open_opens() -> None:
    steps = sample().steps("/pci:a/scsi/disk@3,0:b")
    assert steps is not None
    assert [(step.node.path, step.arguments, step.unit) for step in steps] == [
        ("/", "", ""),
        ("/pci@80000000", "a", "80000000"),
        ("/pci@80000000/scsi@3", "", "3"),
        ("/pci@80000000/scsi@3/disk", "b", "3,0"),
    ]


def test_a_full_name_wins_over_an_earlier_base_name() -> None:
    tree = DeviceTree()
    tree.add("/", "memory@0")
    plain = tree.add("/", "memory")
    assert tree.find("/memory") is plain


def test_units_are_read_as_the_bus_says_now() -> None:
    tree = DeviceTree()
    bus = tree.add("/", "bus", {"#address-cells": cell(3)})
    node = tree.add(bus, "ide@c,0", {"reg": b""})
    assert tree.find("/bus/ide@c") is None
    tree.set(bus, "device_type", b"pci\0")
    assert tree.find("/bus/ide@c") is node


def test_nodes_that_come_and_go_are_found_and_lost() -> None:
    tree = sample()
    assert tree.find("/vdevice/l-lan@2") is None
    node = tree.add("/vdevice", "l-lan@2")
    assert tree.find("/vdevice/l-lan@2") is tree.find("/vdevice/@02") is tree.find("/vdevice/l-lan") is node
    tree.rename(node, "ethernet@3")
    assert tree.find("/vdevice/l-lan") is None
    assert tree.find("/vdevice/@3") is node
    tree.remove(node)
    assert tree.find("/vdevice/@3") is None


def walked(tree: DeviceTree, path: str) -> Node | None:
    """A slow model of absolute paths whose units are written as in the tree."""
    node = tree.root
    for component in path.split("/")[1:]:
        children = list(node.children)
        exact = [child for child in children if child.name == component]
        same = exact or ([child for child in children if child.base == component] if "@" not in component else [])
        if not same:
            return None
        node = same[0]
    return node


@given(trees(), st.lists(components, min_size=1, max_size=4))
def test_agrees_with_a_walk(tree: DeviceTree, names: list[str]) -> None:
    for node in tree:
        assert tree.find(node.path) is node
        assert tree.canon(node.path) == node.path
    path = "/" + "/".join(names)
    wanted = walked(tree, path)
    if wanted is not None:
        assert tree.find(path) is wanted


@given(trees(), st.text(st.characters(max_codepoint=255), max_size=60), st.binary(max_size=20))
def test_no_text_does_harm(tree: DeviceTree, path: str, alias: bytes) -> None:
    tree.add("/", "aliases", {"a": alias, "b": b"a/" + alias})
    for text in (path, "/" + path, "a:" + path, "b/" + path):
        canonical = tree.canon(text)
        if canonical is not None:
            assert tree.find(canonical) is tree.find(text)
