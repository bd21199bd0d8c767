"""Property values, and unit addresses as each bus writes them."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vof.errors import VofError
from vof.tree import (
    CellError,
    DeviceTree,
    UnitError,
    address_cells,
    child_address_cells,
    child_size_cells,
    decode_cells,
    decode_int,
    decode_int64,
    decode_reg,
    decode_string,
    decode_strings,
    decode_unit,
    encode_cells,
    encode_int,
    encode_int64,
    encode_reg,
    encode_string,
    encode_strings,
    encode_unit,
    size_cells,
)

BOTH_WAYS = [
    (encode_int(0x1234), "00001234", lambda data: encode_int(decode_int(data))),
    (encode_cells(1, 0xFFFF_FFFF), "00000001ffffffff", lambda data: encode_cells(*decode_cells(data))),
    (encode_cells(), "", lambda data: encode_cells(*decode_cells(data))),
    (encode_int64(0x1_0000_0002), "0000000100000002", lambda data: encode_int64(decode_int64(data))),
    (encode_string("vtyé"), "767479e900", lambda data: encode_string(decode_string(data))),
    (encode_strings(["a", "", "b"]), "6100006200", lambda data: encode_strings(decode_strings(data))),
    (encode_reg([(1 << 32, 2), (3, 4)], 2, 1), "0000000100000000 00000002 0000000000000003 00000004",
     lambda data: encode_reg(decode_reg(data, 2, 1), 2, 1)),
    (encode_reg([(7, 0)], 1, 0), "00000007", lambda data: encode_reg(decode_reg(data, 1, 0), 1, 0)),
]  # fmt: skip


@pytest.mark.parametrize(("data", "wanted", "again"), BOTH_WAYS)
def test_values_are_written_and_read(data: bytes, wanted: str, again: Callable[[bytes], bytes]) -> None:
    assert data == bytes.fromhex(wanted)
    assert again(data) == data


REFUSED: list[tuple[Callable[[], object], str]] = [
    (lambda: encode_int(1 << 32), "0x100000000"),
    (lambda: encode_int(-(1 << 31) - 1), "32-bit"),
    (lambda: encode_int64(1 << 64), "two"),
    (lambda: encode_string("a\0"), "NUL"),
    (lambda: encode_string("\u20ac"), "Latin-1"),
    (lambda: encode_reg([(1 << 32, 0)], 1, 1), "1 cells"),
    (lambda: encode_reg([(0, 1)], 1, 0), "0 cells"),
    (lambda: encode_reg([(-1, 0)], 1, 1), "-0x1"),
    (lambda: decode_int(b"\0\0\0"), "4 bytes, not 3"),
    (lambda: decode_int64(bytes(4)), "8 bytes, not 4"),
    (lambda: decode_cells(bytes(6)), "multiple of 4 bytes, not 6"),
    (lambda: decode_string(b"a"), "1 bytes"),
    (lambda: decode_strings(b"a\0b"), "3 bytes"),
    (lambda: decode_reg(bytes(8), 2, 1), "multiple of 12 bytes, not 8"),
    (lambda: decode_reg(b"", 0, 0), "0\\+0"),
]


@pytest.mark.parametrize(("act", "cause"), REFUSED)
def test_what_does_not_fit_is_refused(act: Callable[[], object], cause: str) -> None:
    with pytest.raises(CellError, match=cause) as caught:
        act()
    assert isinstance(caught.value, VofError)
    assert isinstance(caught.value, ValueError)


def test_negative_numbers_are_their_bits() -> None:
    assert encode_int(-1) == b"\xff" * 4
    assert encode_int64(-2) == b"\xff" * 7 + b"\xfe"
    assert decode_int(encode_int(-1)) == 0xFFFF_FFFF


def test_no_bytes_hold_no_strings() -> None:
    assert decode_strings(b"") == ()


COUNTS = [(None, 2, 1), (1, 1, 1), (0, 0, 0), (3, 3, 3), (8, 8, 8), (9, 2, 1), (0xFFFF_FFFF, 2, 1)]


@pytest.mark.parametrize(("value", "addresses", "sizes"), COUNTS)
def test_counts_of_cells_have_the_standards_defaults(value: int | None, addresses: int, sizes: int) -> None:
    tree = DeviceTree()
    bus = tree.add("/", "bus")
    node = tree.add(bus, "a")
    if value is not None:
        bus.properties["#address-cells"] = bus.properties["#size-cells"] = encode_int(value)
    assert (child_address_cells(bus), child_size_cells(bus)) == (addresses, sizes)
    assert (address_cells(node), size_cells(node)) == (addresses, sizes)
    assert (address_cells(tree.root), size_cells(tree.root)) == (2, 1)


# Unit addresses: device_type of the bus, cells, texts that mean them, the canonical one first

UNITS = [
    ("", [1], ["1", "01", "00000001"]),
    ("", [0x71000000], ["71000000"]),
    ("", [1, 0], ["1,0", "100000000", "01,0"]),
    ("", [0, 0xF8000000], ["f8000000", "F8000000", "0,f8000000"]),
    ("soc", [0, 0], ["0", "0,0"]),
    ("pci", [0x6000, 0, 0], ["c", "C", "0c", "c,0"]),
    ("pci", [0x6100, 0, 0], ["c,1", "C,1", "0C,1"]),
    ("pci", [0x0100_6110, 0, 0x1000], ["ic,1,10,1000", "iC,1,10,00001000"]),
    ("pci", [0x8200_0010, 0, 0xA0], ["nm0,0,10,a0"]),
    ("pci", [0x4300_0010, 1, 2], ["xp0,0,10,100000002"]),
    ("ht", [0x2000, 0, 0], ["4", "4,0"]),
    ("isa", [1, 0x3F8], ["i3f8", "I3F8", "i03f8", "1,3f8"]),
    ("isa", [0, 0xA0000], ["a0000", "m0a0000", "0,a0000"]),
    ("scsi", [3, 0], ["3,0", "3", "03"]),
    ("scsi", [3, 1], ["3,1"]),
    ("ide", [1], ["1", "1,0"]),
    ("vscsi", [0x81000000, 0], ["8100000000000000", "81000000,0"]),
    ("scsi-3", [0, 0, 1, 0], ["0,0,1,0", "0,0,1"]),
]


@pytest.mark.parametrize(("device_type", "cells", "texts"), UNITS)
def test_each_bus_reads_and_writes_its_unit_addresses(device_type: str, cells: list[int], texts: list[str]) -> None:
    bus = DeviceTree().add("/", "bus", {"#address-cells": encode_int(len(cells))})
    if device_type:
        bus.properties["device_type"] = encode_string(device_type)
    assert encode_unit(bus, cells) == texts[0]
    for text in texts:
        assert decode_unit(bus, text) == tuple(cells)


def test_a_bus_without_device_type_goes_by_its_name() -> None:
    isa = DeviceTree().add("/", "isa@4")
    assert encode_unit(isa, [1, 0x70]) == "i70"


def test_the_root_writes_wide_numbers() -> None:
    tree = DeviceTree()
    assert encode_unit(tree.root, [1, 0]) == "100000000"
    assert decode_unit(tree.root, "800000020000000") == (0x8000000, 0x20000000)


@pytest.mark.parametrize("text", ["", ",", "1,", "x", "+1", " 1", "1_0", "0x1", "1,2,3,4", "123456789", "²", "1" * 99])
@pytest.mark.parametrize("device_type", ["", "pci", "isa", "scsi"])
def test_what_is_no_unit_address_is_refused(device_type: str, text: str) -> None:
    properties = {"#address-cells": encode_int(1), "device_type": encode_string(device_type)}
    with pytest.raises(UnitError, match=r"cells|hexadecimal"):
        decode_unit(DeviceTree().add("/", "bus", properties), text)


@pytest.mark.parametrize("cells", [[], [-1], [1 << 32]])
def test_what_is_no_cell_has_no_text(cells: list[int]) -> None:
    with pytest.raises(UnitError):
        encode_unit(DeviceTree().root, cells)


@given(
    st.sampled_from(["", "pci", "isa", "scsi", "ide", "vscsi", "soc"]),
    st.lists(st.integers(0, 0xFFFF_FFFF), min_size=1, max_size=4),
)
def test_text_that_was_written_is_read_again(device_type: str, cells: list[int]) -> None:
    properties = {"#address-cells": encode_int(len(cells)), "device_type": encode_string(device_type)}
    bus = DeviceTree().add("/", "bus", properties)
    text = encode_unit(bus, cells)
    again = decode_unit(bus, text)
    assert encode_unit(bus, again) == text
    if device_type not in ("pci",):  # no text carries the number of a PCI bus
        assert again == tuple(cells)


@given(st.sampled_from(["", "pci", "isa", "scsi", "vscsi"]), st.integers(0, 8), st.text(max_size=30))
def test_any_text_is_read_or_refused(device_type: str, count: int, text: str) -> None:
    properties = {"#address-cells": encode_int(count), "device_type": encode_string(device_type)}
    try:
        cells = decode_unit(DeviceTree().add("/", "bus", properties), text)
    except UnitError:
        return
    assert len(cells) == count
    assert all(0 <= cell <= 0xFFFF_FFFF for cell in cells)
