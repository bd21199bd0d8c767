"""Debian's 64-bit kernel, unmodified, through its whole firmware phase on the in-process engine."""

from __future__ import annotations

import gzip
import struct
import tempfile
from collections.abc import Mapping
from pathlib import Path

import guest_files
import pytest

from vof import VM, Config, DeviceTree, EndReason, parse_fdt
from vof.events import ClientCall, Event
from vof.tree import build_fdt, encode_reg

pytestmark = pytest.mark.guest

_MAGIC = b"\xd0\x0d\xfe\xed"
_RECORDED = Path(__file__).parent / "data" / "pseries.dtb.gz"
_CHANGING = {"available"}
"""What the kernel's own claims have changed by the time that it quiesces."""

Offered = Mapping[str, Mapping[str, bytes]]


def flattened(memory: bytes) -> DeviceTree:
    """The tree that the kernel has made for itself, found by its header at the start of a page."""
    for start in range(0, len(memory), 0x1000):
        if memory[start : start + 4] == _MAGIC:
            size, structure = struct.unpack_from(">2I", memory, start + 4)
            version = struct.unpack_from(">I", memory, start + 20)[0]
            if 0 < structure < size < len(memory) - start and version >= 16:
                return parse_fdt(memory[start : start + size])
    raise AssertionError("no flattened tree")


@pytest.mark.parametrize("trap", ["hypercall", "illegal", "osi", "mailbox"])
def test_every_node_and_property_is_in_the_kernels_tree(trap: str) -> None:
    kernel = guest_files.guests_folder() / "vmlinux"
    offered: dict[str, dict[str, bytes]] = {}
    calls: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, ClientCall):
            calls.append(event.service)
            if event.service == "quiesce":
                offered.update({node.path: dict(node.properties) for node in vm.tree.walk()})

    config = Config(engine="unicorn", kernel=str(kernel), append="console=hvc0 quiet", trap=trap, clock="virtual")
    with VM(config) as vm:
        vm.listen(listen)
        said = vm.expect("Booting Linux via __start()", timeout=60)
        ending = vm.wait(60)
        memory = vm.engine.memory.read(0x2000000, 0x2000000)
    for line in (
        b"Detected machine type: 0000000000000101",
        b"Quiescing Open Firmware",
        b"instantiating rtas",
        b"done",
    ):
        assert line in said
    assert b"FAILED" not in said and b"failed" not in said
    assert len(calls) > 800 and calls.count("quiesce") == 1
    assert ending is not None and ending.reason is EndReason.BEYOND and ending.status == 6
    assert "--engine qemu" in ending.message and "\n" not in ending.message
    _compare(offered, flattened(memory))


def _compare(offered: Offered, theirs: DeviceTree) -> None:
    assert len(offered) > 10
    for path, properties in offered.items():
        node = theirs.find(path)
        assert node is not None, path
        for name, value in properties.items():
            if name == "name":
                continue  # implied by the node's own
            assert name in node.properties, (path, name)
            if name not in _CHANGING:
                assert node.properties[name] == value, (path, name)


def test_a_tree_of_the_users_own() -> None:
    """`-machine pseries,dtb=FILE`: the machine has the RAM that it tells of."""
    with tempfile.NamedTemporaryFile(suffix=".dtb") as file:
        file.write(gzip.decompress(_RECORDED.read_bytes()))
        file.flush()
        kernel = guest_files.guests_folder() / "vmlinux"
        config = Config(engine="unicorn", machine=f"pseries,dtb={file.name}", kernel=str(kernel), clock="virtual")
        with VM(config) as vm:
            vm.expect("Quiescing Open Firmware", timeout=60)
            assert vm.tree.find("/vdevice/l-lan") is not None  # which the shipped tree leaves out


def test_a_tree_with_memory_in_two_nodes(tmp_path: Path) -> None:
    """As QEMU's with NUMA, where the memory at 0 is the second node."""
    tree = parse_fdt(gzip.decompress(_RECORDED.read_bytes()))
    tree.set("/memory@0", "reg", encode_reg([(0, 256 << 20)], 2, 2))
    low = tree.find("/memory@0")
    assert low is not None
    reg, properties = encode_reg([(256 << 20, 256 << 20)], 2, 2), dict(low.properties)
    tree.remove(low)
    tree.add("/", "memory@10000000", {**properties, "reg": reg})
    tree.add("/", "memory@0", properties)
    file = tmp_path / "numa.dtb"
    file.write_bytes(build_fdt(tree))
    kernel = guest_files.guests_folder() / "vmlinux"
    config = Config(engine="unicorn", machine=f"pseries,dtb={file}", kernel=str(kernel), clock="virtual")
    with VM(config) as vm:
        said = vm.expect("Quiescing Open Firmware", timeout=60)
        assert b"rmo_top      : 0000000010000000" in said and b"ram_top      : 0000000020000000" in said
        low, high = vm.tree.find("/memory@0"), vm.tree.find("/memory@10000000")
        assert low is not None and "available" in low.properties
        assert high is not None and "available" in high.properties
