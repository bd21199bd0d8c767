"""gdb's remote serial protocol: packets in and out of a stream, a CPU's description, and the user's own options."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vof.engines.qemu.gdb_packets import PACKET_LIMIT, Mark, PacketReader, ProtocolError, escaped, frame, unescaped
from vof.engines.qemu.gdb_proxy import parse_gdb_address
from vof.engines.qemu.gdb_registers import RegisterImage, read_description
from vof.errors import EngineError


def everything(stream: bytes, step: int = 1 << 20) -> list[bytes | Mark | str]:
    """What a reader makes of a stream that comes in pieces."""
    reader, found = PacketReader(), list[bytes | Mark | str]()
    for start in range(0, len(stream), step):
        reader.feed(stream[start : start + step])
        while True:
            try:
                item = reader.next()
            except ProtocolError as error:
                found.append(str(error).split(":")[0])
                continue
            if item is None:
                break
            found.append(item)
    return found


@pytest.mark.parametrize(
    ("stream", "items"),
    [
        (b"$OK#9a", [b"OK"]),
        (b"$#00", [b""]),
        (b"+$OK#9A", [Mark.ACKNOWLEDGED, b"OK"]),
        (b"+$T05thread:01;#07$OK#9a", [Mark.ACKNOWLEDGED, b"T05thread:01;", b"OK"]),
        (b"-\x03", [Mark.AGAIN, Mark.INTERRUPT]),
        (b"stray\r\n$OK#9a", [b"OK"]),
        (b"$OK#9b$OK#9a", ["a packet's checksum is wrong", b"OK"]),
        (b"$OK#zz", ["a packet's checksum is wrong"]),
        (b"$OK#9", []),
        (b"$O", []),
        (b"$" + bytes(PACKET_LIMIT + 1), [f"a packet of more than {PACKET_LIMIT} bytes"]),
    ],
)
def test_what_a_stream_holds(stream: bytes, items: list[bytes | Mark | str]) -> None:
    assert everything(stream) == items
    if len(stream) < 100:
        assert everything(stream, 1) == items


@given(st.lists(st.binary()))
def test_what_is_framed_comes_out_again(payloads: list[bytes]) -> None:
    packets = [escaped(one) for one in payloads]
    assert everything(b"".join(map(frame, packets)), 7) == packets
    assert [unescaped(escaped(one)) for one in payloads] == payloads


@given(st.binary())
def test_no_stream_is_more_than_a_protocol_error(stream: bytes) -> None:
    everything(b"$" + stream, 3)


@pytest.mark.parametrize("payload", [b"}", b"abc}", b"}}}"])
def test_an_escape_of_nothing(payload: bytes) -> None:
    with pytest.raises(ProtocolError):
        unescaped(payload)


def core(bits: int) -> bytes:
    """A core as QEMU describes it."""
    names = [f"r{number}" for number in range(32)]
    registers = "".join(f'<reg name="{name}" bitsize="{bits}" type="uint"/>' for name in names)
    registers += f'<reg name="pc" bitsize="{bits}" type="code_ptr" regnum="64"/>'
    for name, size in (("msr", bits), ("cr", 32), ("lr", bits), ("ctr", bits), ("xer", 32)):
        registers += f'<reg name="{name}" bitsize="{size}" type="uint"/>'
    return f'<?xml version="1.0"?><feature name="org.gnu.gdb.power.core">{registers}</feature>'.encode()


def target(*files: str) -> bytes:
    includes = "".join(f'<xi:include href="{name}"/>' for name in files)
    return f'<?xml version="1.0"?><target><architecture>powerpc</architecture>{includes}</target>'.encode()


SPECIAL = b'<feature name="org.qemu.power.spr"><reg name="pvr" bitsize="32" regnum="122"/></feature>'


@pytest.mark.parametrize("bits", [32, 64])
def test_a_description(bits: int) -> None:
    files = {"target.xml": target("core.xml", "spr.xml"), "core.xml": core(bits), "spr.xml": SPECIAL}
    registers = read_description(files.__getitem__)
    assert registers.bits == bits
    numbers = {
        name: registers.by_name[name].number for name in ("r0", "r31", "pc", "msr", "cr", "lr", "ctr", "xer", "pvr")
    }
    assert numbers == {"r0": 0, "r31": 31, "pc": 64, "msr": 65, "cr": 66, "lr": 67, "ctr": 68, "xer": 69, "pvr": 122}
    assert registers.by_name["pvr"].offset == -1
    image = RegisterImage(registers, bytes(36 * bits // 8 + 8))
    image["lr"], image["xer"] = 0x1234, -1
    assert (image["lr"], image["ctr"], image["xer"]) == (0x1234, 0, 0xFFFFFFFF)
    assert image.packet().endswith(b"1234" + b"0" * (bits // 4) + b"f" * 8)
    assert registers.put("r3", -1) == b"P3=" + b"f" * (bits // 4)


def test_registers_of_a_little_endian_moment_are_swapped() -> None:
    registers = read_description({"target.xml": target("core.xml"), "core.xml": core(64)}.__getitem__)
    data = bytearray(8 * 36 + 8)
    data[33 * 8 : 34 * 8] = (0x8000000000001032).to_bytes(8)
    assert RegisterImage(registers, bytes(data))["msr"] == 0x8000000000001032
    data[33 * 8 : 34 * 8] = (0x9000000000009033).to_bytes(8, "little")
    data[32 * 8 : 33 * 8] = (0xC000000000001000).to_bytes(8, "little")
    image = RegisterImage(registers, bytes(data))
    assert (image["msr"], image["pc"]) == (0x9000000000009033, 0xC000000000001000)


@pytest.mark.parametrize(
    "files",
    [
        {"target.xml": b"<target>"},
        {"target.xml": b"<target/>"},
        {"target.xml": target("target.xml")},
        {"target.xml": target("core.xml"), "core.xml": core(32).replace(b'"lr"', b'"rl"')},
        {"target.xml": target("core.xml"), "core.xml": core(32).replace(b'"32"', b'"many"')},
    ],
)
def test_no_description_of_a_powerpc(files: dict[str, bytes]) -> None:
    with pytest.raises(EngineError, match="description"):
        read_description(files.__getitem__)


@pytest.mark.parametrize(
    ("arguments", "address", "held", "others"),
    [
        (("-device", "x"), "", False, ("-device", "x")),
        (("-s",), "tcp::1234", False, ()),
        (("-S", "-s", "-snapshot"), "tcp::1234", True, ("-snapshot",)),
        (("--gdb", "tcp:0.0.0.0:99", "-d", "int"), "tcp:0.0.0.0:99", False, ("-d", "int")),
        (("-gdb", "none"), "", False, ()),
    ],
)
def test_the_options_for_gdb(arguments: tuple[str, ...], address: str, held: bool, others: tuple[str, ...]) -> None:
    assert parse_gdb_address(arguments) == (address, held, others)
