"""NVRAM's partitions: made, kept, and read out of anything."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vof.errors import PortError
from vof.machines.nvram import Nvram
from vof.packages.nvram import NvramPartitions

SIZE = 1 << 16
texts = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=60)
names = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz-?#"), min_size=1, max_size=20)


def store(data: bytes = b"", size: int = SIZE) -> Nvram:
    made = Nvram(size)
    made.write(0, data[:size])
    return made


def linux_checksum(header: bytes) -> int:
    """As Linux's arch/powerpc/kernel/nvram_64.c describes it: the sum of half words, folded twice."""
    signature, _, length, *name = struct.unpack(">BBH6H", header)
    total = signature + length + sum(name)
    total = (total & 0xFFFF) + (total >> 16) & 0xFFFF
    return int(total + ((total >> 8) + (total << 8)) >> 8 & 0xFF)


@pytest.mark.parametrize("size", [SIZE, 0x2000, 0x1000, 1 << 20, 100])
def test_a_fresh_one(size: int) -> None:
    made = store(size=size)
    partitions = NvramPartitions(made)
    assert partitions.list() == []
    partitions.format()
    common, free = partitions.list()
    assert (common.name, common.kind, common.start) == ("common", 0x70, 0)
    assert (free.name, free.kind, free.start + free.size) == ("w" * 12, 0x7F, size // 16 * 16)
    assert partitions.variables() == {}
    for one in (common, free):
        header = made.read(one.start, 16)
        assert header[1] == linux_checksum(header)


@given(st.dictionaries(names, texts, max_size=12))
def test_what_is_written_is_read(variables: dict[str, str]) -> None:
    partitions = NvramPartitions(store())
    partitions.format()
    partitions.write_variables(variables)
    assert partitions.variables() == variables


def test_other_partitions_stay() -> None:
    made = store()
    partitions = NvramPartitions(made)
    partitions.format()
    made.write(0x1000, bytes([0xA0, 0, 0, 4]) + b"lnx,oops-log")
    made.write(0x1001, bytes([linux_checksum(made.read(0x1000, 16))]))
    made.write(0x1010, b"an oops".ljust(48, b"!"))
    rest = bytes([0x7F, 0]) + ((SIZE - 0x1040) // 16).to_bytes(2) + b"w" * 12
    made.write(0x1040, rest)
    made.write(0x1041, bytes([linux_checksum(rest)]))
    before = made.read(0x1000, SIZE - 0x1000)
    partitions.write_variables({"boot-device": "disk"})
    assert [one.name for one in partitions.list()] == ["common", "lnx,oops-log", "w" * 12]
    assert made.read(0x1000, SIZE - 0x1000) == before
    assert partitions.variables() == {"boot-device": "disk"}


def test_what_does_not_fit() -> None:
    partitions = NvramPartitions(store())
    partitions.format()
    with pytest.raises(PortError, match="don't fit into the 4080"):
        partitions.write_variables({"nvramrc": "x" * 5000})
    with pytest.raises(PortError, match="too few"):
        NvramPartitions(store(size=40)).format()


@given(st.binary(max_size=300), st.booleans())
def test_anything(noise: bytes, good_start: bool) -> None:
    made = store(size=1024)
    partitions = NvramPartitions(made)
    if good_start:
        partitions.format()
        made.write(16, noise)
    else:
        made.write(0, noise)
    try:
        partitions.list()
        partitions.variables()
    except PortError:
        pass
