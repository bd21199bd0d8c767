"""The flattened form: real blobs, round trips, what `dtc` says about them, and damage."""

import json
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tree_samples import FIXTURES, dtc, fixture, trees

from vof.errors import UsageError
from vof.tree import DeviceTree, FdtError, build_fdt, parse_fdt


def begin(name: bytes) -> bytes:
    return b"\0\0\0\1" + name + bytes(4 - len(name) % 4)


END_NODE, NOP, END = b"\0\0\0\2", b"\0\0\0\4", b"\0\0\0\x09"
STRINGS = b"a\0bb\0" + b"x" * 300


def prop(offset: int, value: bytes, length: int | None = None) -> bytes:
    return struct.pack(">3I", 3, len(value) if length is None else length, offset) + value + bytes(-len(value) % 4)


def blob(tokens: bytes, reserved: bytes = bytes(16), /, **changes: int) -> bytes:
    fields = {
        "magic": 0xD00DFEED,
        "size": 40 + len(reserved) + len(tokens) + len(STRINGS),
        "structure": 40 + len(reserved),
        "strings": 40 + len(reserved) + len(tokens),
        "reserve": 40,
        "version": 17,
        "compatible": 16,
        "cpu": 0,
        "strings_size": len(STRINGS),
        "structure_size": len(tokens),
    } | changes
    return struct.pack(">10I", *fields.values()) + reserved + tokens + STRINGS


WHOLE = begin(b"") + prop(0, b"1") + begin(b"n@1") + NOP + prop(2, b"12345") + END_NODE + NOP + END_NODE + END


def test_reads_what_a_blob_holds() -> None:
    tree = parse_fdt(blob(WHOLE, struct.pack(">6Q", 1, 2, 3, 4, 0, 0), cpu=7) + b"beyond")
    assert [(node.path, dict(node.properties)) for node in tree] == [
        ("/", {"name": b"\0", "a": b"1"}),
        ("/n@1", {"name": b"n\0", "bb": b"12345"}),
    ]
    assert tree.reservations == ((1, 2), (3, 4))
    assert tree.boot_cpuid == 7


def test_version_16_does_not_say_how_long_its_structure_is() -> None:
    assert len(parse_fdt(blob(WHOLE, version=16, structure_size=0xFFFF_FFFF))) == 2


def test_properties_after_subnodes_are_taken() -> None:
    tree = parse_fdt(blob(begin(b"") + begin(b"n") + END_NODE + prop(0, b"") + END_NODE + END))
    assert "a" in tree.root.properties


def test_a_counted_handle_leaves_the_given_ones_alone() -> None:
    counted = DeviceTree().root.phandle
    tree = DeviceTree()
    tree.add("/", "a")
    late = tree.add("/", "b")
    late.properties["phandle"] = struct.pack(">I", counted)
    assert [node.phandle for node in parse_fdt(build_fdt(tree))] == [counted + 1, counted + 2, counted]


DAMAGED = [
    (b"", 0, "header"),
    (bytes(40), 0, "d00dfeed"),
    (blob(WHOLE, size=0xFFFF_FFFF), 4, "total size"),
    (blob(WHOLE, size=10), 4, "total size"),
    (blob(WHOLE, version=3, compatible=1), 20, "version 3"),
    (blob(WHOLE, version=18, compatible=18), 20, "version 18"),
    (blob(WHOLE, structure=57), 8, "structure block"),
    (blob(WHOLE, structure=0xFFFF_FFFC), 8, "structure block"),
    (blob(WHOLE, structure_size=0xFFFF_FFFC), 8, "structure block"),
    (blob(WHOLE, strings_size=0xFFFF_FFFF), 12, "strings block"),
    (blob(WHOLE, reserve=44), 16, "multiple of 8"),
    (blob(WHOLE, reserve=0xFFFF_FFF8), 0xFFFF_FFF8, "no end"),
    (blob(b""), 56, "no end"),
    (blob(END), 56, "no root"),
    (blob(begin(b"") + END), 64, "inside a node"),
    (blob(begin(b"") + END_NODE), 68, "no end"),
    (blob(END_NODE), 56, "never began"),
    (blob(begin(b"") + END_NODE + begin(b"") + END_NODE + END), 68, "second root"),
    (blob(begin(b"n") + END_NODE + END), 56, "a root called n"),
    (blob(begin(b"") + begin(b"") + END_NODE + END_NODE + END), 64, "a node called ''"),
    (blob(begin(b"") + begin(b"a/b") + END_NODE + END_NODE + END), 64, "a node called 'a/b'"),
    (blob(begin(b"") + begin(b"x" * 256) + END_NODE + END_NODE + END), 68, "no end"),
    (blob(begin(b"a" * 3)[:-1] + b"a"), 60, "no end"),
    (blob(begin(b"x") * 70 + END), 56, "root"),
    (blob(begin(b"") + begin(b"x") * 65 + END), 64 + 64 * 8, "64 deep"),
    (blob(prop(0, b"") + WHOLE), 56, "outside"),
    (blob(begin(b"") + prop(0, b"1") + prop(0, b"2") + END_NODE + END), 80, "second property a"),
    (blob(begin(b"") + prop(1, b"") + END_NODE + END), 64, "without a name"),
    (blob(begin(b"") + prop(5, b"") + END_NODE + END), None, "no end, or more than 255"),
    (blob(begin(b"") + prop(0xFFFF_FFFF, b"") + END_NODE + END), None, "no end"),
    (blob(begin(b"") + prop(0, b"", 0xFFFF_FFF0) + END_NODE + END), 64, "doesn't fit"),
    (blob(begin(b"") + prop(0, b"")[:8]), 64, "cut off"),
    (blob(begin(b"") + b"\0\0\0\5"), 64, "unknown token 0x5"),
]


@pytest.mark.parametrize(("data", "offset", "cause"), DAMAGED, ids=[row[2] for row in DAMAGED])
def test_damage_is_named_and_placed(data: bytes, offset: int | None, cause: str) -> None:
    with pytest.raises(FdtError, match=cause) as caught:
        parse_fdt(data)
    assert isinstance(caught.value, UsageError)
    assert "\n" not in str(caught.value)
    assert offset is None or caught.value.offset == offset
    assert f"{caught.value.offset:#x}" in str(caught.value)


def tree_or_error(data: bytes) -> None:
    try:
        tree = parse_fdt(data)
    except FdtError:
        return
    rebuilt = build_fdt(tree)
    assert build_fdt(parse_fdt(rebuilt)) == rebuilt


@pytest.mark.parametrize("name", FIXTURES)
def test_a_truncated_blob_is_an_error(name: str) -> None:
    data = build_fdt(parse_fdt(fixture(name)))
    for length in range(0, len(data), 61):
        with pytest.raises(FdtError):
            parse_fdt(data[:length])


small = build_fdt(parse_fdt(fixture("pseries")))
changes = st.lists(st.tuples(st.integers(0, len(small) - 1), st.integers(0, 255)), min_size=1, max_size=12)
cells = st.lists(st.tuples(st.integers(0, len(small) // 4 - 1), st.sampled_from([0, 1, 2, 3, 4, 9, 0xFFFF_FFFF])))


@settings(max_examples=300, deadline=None)
@given(changes, cells, st.integers(0, len(small)))
def test_a_blob_with_changed_bytes_is_a_tree_or_an_error(
    bytes_changed: list[tuple[int, int]], cells_changed: list[tuple[int, int]], length: int
) -> None:
    data = bytearray(small)
    for offset, value in bytes_changed:
        data[offset] = value
    tree_or_error(bytes(data))
    for index, value in cells_changed:
        struct.pack_into(">I", data, 4 * index, value)
    tree_or_error(bytes(data))
    tree_or_error(bytes(data[:length]))


tokens = st.sampled_from([begin(b""), begin(b"a"), begin(b"b@1"), END_NODE, NOP, END, prop(0, b"xy"), prop(2, b"")])


@given(st.lists(tokens, max_size=30), st.binary(max_size=8))
def test_any_row_of_tokens_is_a_tree_or_an_error(row: list[bytes], tail: bytes) -> None:
    tree_or_error(blob(b"".join(row) + tail))
    tree_or_error(blob(begin(b"") + b"".join(row) + END_NODE + END))


@given(st.binary(max_size=80))
def test_any_bytes_are_a_tree_or_an_error(data: bytes) -> None:
    tree_or_error(data)
    tree_or_error(b"\xd0\r\xfe\xed" + data)


# Round trips, and dtc's view


def same_view(data: bytes, in_order: bool = True) -> None:
    tree = parse_fdt(data)
    rebuilt = build_fdt(tree)
    if in_order:
        assert dtc(rebuilt) == dtc(data)
    assert dtc(rebuilt, "-s") == dtc(data, "-s")
    again = parse_fdt(rebuilt)
    assert (again.reservations, again.boot_cpuid) == (tree.reservations, tree.boot_cpuid)
    assert build_fdt(again) == rebuilt


@pytest.mark.parametrize("name", FIXTURES)
def test_dtc_sees_no_difference(name: str) -> None:
    same_view(fixture(name))


@settings(max_examples=30, deadline=None)
@given(trees())
def test_trees_survive_flattening(tree: DeviceTree) -> None:
    data = build_fdt(tree)
    again = parse_fdt(data)
    assert [(node.path, list(node.properties.items())) for node in again] == [
        (node.path, list(node.properties.items())) for node in tree
    ]
    assert again.reservations == tuple(tree.reservations)
    assert again.boot_cpuid == tree.boot_cpuid
    same_view(data)


def test_what_dtc_writes_can_be_read() -> None:
    source = b'/dts-v1/; /memreserve/ 0x10 0x20; / { model = "m"; a { b = <1>; }; };'
    data = subprocess.run(["dtc", "-b", "5", "-"], input=source, capture_output=True, check=True).stdout
    tree = parse_fdt(data)
    assert tree.reservations == ((0x10, 0x20),)
    assert tree.boot_cpuid == 5
    assert dict(tree.root.properties)["model"] == b"m\0"


def test_the_name_is_left_out_only_where_it_is_implied() -> None:
    tree = DeviceTree()
    tree.add("/", "a@1")
    tree.add("/", "b", {"name": b"other\0"})
    assert build_fdt(tree).count(b"name\0") == 1
    again = parse_fdt(build_fdt(tree))
    assert [node.properties["name"] for node in again] == [b"\0", b"a\0", b"other\0"]


def test_arguments_win_over_what_the_tree_says() -> None:
    tree = DeviceTree()
    tree.boot_cpuid, tree.reservations = 1, [(1, 2)]
    again = parse_fdt(build_fdt(tree, boot_cpuid=2, reservations=()))
    assert (again.boot_cpuid, again.reservations) == (2, ())


def test_computed_properties_are_flattened() -> None:
    tree = DeviceTree()
    tree.root.properties.compute("a", lambda: b"now")
    assert parse_fdt(build_fdt(tree)).root.properties["a"] == b"now"


MACHINES = [
    ("qemu-system-ppc64", "pseries", []),
    ("qemu-system-ppc64", "pseries", ["-smp", "3", "-m", "1G"]),
    ("qemu-system-ppc64", "pseries,x-vof=on",
        ["-device", "pci-bridge,id=b,chassis_nr=1", "-device", "e1000,bus=b,addr=2"]),
    ("qemu-system-ppc64", "pseries", ["-m", "1G", "-smp", "2",
        "-object", "memory-backend-ram,id=m0,size=512M", "-numa", "node,memdev=m0,cpus=0",
        "-object", "memory-backend-ram,id=m1,size=512M", "-numa", "node,memdev=m1,cpus=1"]),
    ("qemu-system-ppc", "pegasos2", []),
]  # fmt: skip


@pytest.mark.guest
@pytest.mark.parametrize(("emulator", "machine", "options"), MACHINES)
def test_what_qemu_writes_survives(tmp_path: Path, emulator: str, machine: str, options: list[str]) -> None:
    # By the monitor, for -M …,dumpdtb= looks before the reset since QEMU 10, and a pseries makes its tree there.
    file = tmp_path / "machine.dtb"
    no_roms = ("-global", "pci-device.romfile=")  # Debian has them in packages of their own
    command = [emulator, "-M", machine, *no_roms, "-S", "-display", "none", "-vga", "none", "-qmp", "stdio", *options]
    dump = {"execute": "dumpdtb", "arguments": {"filename": str(file)}}
    words = "".join(map(json.dumps, ({"execute": "qmp_capabilities"}, dump, {"execute": "quit"})))
    done = subprocess.run(command, input=words.encode(), capture_output=True, timeout=60, check=False)
    assert file.exists(), done.stdout.decode() + done.stderr.decode()
    same_view(file.read_bytes(), in_order=machine != "pegasos2")  # there, a name comes after a phandle; ours come first
