"""The paravirtual devices, one by one, as their drivers meet them."""

from __future__ import annotations

import struct

import pytest
from osi_machine import MAC, RAM, Bench

from vof.errors import UsageError
from vof.firmware.osi.modes import Mode
from vof.firmware.osi.pic import Line, Pic
from vof.firmware.osi.rtas_calls import TOKENS

BAD = -1
RING, BUFFERS = 0x10000, 0x20000
BROADCAST = b"\xff" * 6 + bytes(54)


def slot(bench: Bench, place: int, *cells: int) -> None:
    bench.memory.write_cells(RING + 16 * place, cells)


# --- interrupts ---


def test_lines_are_levels_behind_a_mask() -> None:
    pic = Pic()
    line = Line(pic, 5)
    assert not line.set(True)
    assert (pic.pic_get_active_irq(), pic.active) == (0, False)
    pic.pic_unmask_irq(5)
    assert (pic.pic_get_active_irq(), pic.active) == (0x20, True)
    assert line.route(9) and not line.route(32)
    assert (pic.level, pic.active) == (0x200, False)
    assert line.set(False)
    assert pic.level == 0


# --- disks ---


def started(bench: Bench, *slots: tuple[int, int, int]) -> None:
    """Put requests behind slot 0, start the engine and kick it."""
    assert bench.call(79, 0, RING, 16) == bench.call(80, 0, 3) == 0
    for place, (flags, unit, parameter) in enumerate(slots, 1):
        slot(bench, place, flags, int(place < len(slots)), unit, parameter)
    slot(bench, 0, 0x100, 1, 0, 0)
    assert bench.call(82, 0) == 0


def test_pieces_in_a_row_are_one_transfer_that_goes_on() -> None:
    bench = Bench()
    started(bench, (1, 0, 2), (8, BUFFERS, 700), (8, BUFFERS + 0x1000, 324), (12, BUFFERS + 0x2000, 512))
    wanted = bench.disk.data[1024 : 1024 + 1536]
    got = bench.memory.read(BUFFERS, 700) + bench.memory.read(BUFFERS + 0x1000, 324)
    assert got + bench.memory.read(BUFFERS + 0x2000, 512) == wanted
    assert bench.raised(5)
    assert bench.call(83, 0) == (1, 4, 0, 0)
    assert bench.call(83, 0) == 0
    for place in range(4):
        assert bench.memory.read_cells(RING + 16 * place, 2) == (0, 0)  # the driver's again


def test_a_stalled_engine_goes_on_at_the_acknowledgement() -> None:
    bench = Bench()
    started(bench, (2, 0, 0))
    slot(bench, 2, 8, 0, BUFFERS, 512)
    bench.memory.write(BUFFERS, b"x" * 512)
    bench.memory.write_cells(RING + 16 + 4, (1,))
    assert bench.call(83, 0) == (1, 2, 0, 0)
    assert bench.disk.data[:512] == b"x" * 512
    assert bench.raised(5)  # it has stalled again


@pytest.mark.parametrize(
    "slots",
    [
        [(1, 9, 0), (8, BUFFERS, 512)],  # no such unit
        [(2, 1, 0), (8, BUFFERS, 512)],  # a CD
        [(1, 0, 255), (8, BUFFERS, 1024)],  # over its end
        [(1, 0, 0), (8, RAM - 256, 512)],  # no memory
        [(0x900, 0, 0)],  # no such order
    ],
)
def test_an_error_stops_the_engine(slots: list[tuple[int, int, int]]) -> None:
    bench = Bench()
    before = bytes(bench.disk.data)
    started(bench, *slots)
    assert bench.raised(5) and not bench.devices.blocks.running
    assert bench.disk.data == before and not any(bench.memory.read(RAM - 256, 256))
    assert bench.call(79, 0, RING, 16) == 0


@pytest.mark.parametrize("slots", [[(8, BUFFERS, 512)], [(1, 0, 0), (0x100, 0, 0), (8, BUFFERS, 512)]])
def test_buffers_without_a_request_are_passed_over(slots: list[tuple[int, int, int]]) -> None:
    """A driver takes a request back by a NOP behind it."""
    bench = Bench()
    started(bench, *slots)
    assert bench.devices.blocks.running
    assert not any(bench.memory.read(BUFFERS, 512))
    assert bench.call(83, 0) == (1, len(slots), 0, 0)


@pytest.mark.parametrize(
    "slots", [[(1, 9, 0)], [(2, 1, 0)], [(0x100, 9, 0)], [(1, 0, 0), (8, BUFFERS, 512), (8, RAM, 1)]]
)
def test_a_request_is_checked_before_its_data_moves(slots: list[tuple[int, int, int]]) -> None:
    bench = Bench()
    started(bench, *slots)
    assert bench.raised(5) and not bench.devices.blocks.running
    assert not any(bench.memory.read(BUFFERS, 512))


def test_an_unknown_command_resets() -> None:
    bench = Bench()
    started(bench, (0x100, 0, 0))
    assert bench.call(80, 0, 99) == BAD and not bench.devices.blocks.running and not bench.raised(5)
    assert bench.call(80, 0, 1) == 0


def test_a_ring_that_a_disk_fills_again_and_again_comes_to_an_end() -> None:
    bench = Bench()
    for place in range(16):  # the disk's first bytes are the ring: it reads itself, and always proceeds
        flags = (1, 1, 0, 0) if place == 0 else (8, 1, RING, 256) if place % 2 else (1, 1, 0, 0)
        bench.disk.data[16 * place : 16 * place + 16] = struct.pack(">4I", *flags)
    bench.memory.write(RING, bytes(bench.disk.data[:256]))
    assert bench.call(79, 0, RING, 16) == bench.call(80, 0, 3) == 0
    assert bench.call(82, 0) == 0
    answer = bench.call(83, 0)
    assert isinstance(answer, tuple) and answer[0] == 1 and isinstance(answer[1], int) and answer[1] >= 1 << 17
    assert bench.call(80, 0, 2) == 0 and not bench.raised(5)


def test_a_broken_disk_stops_the_engine_and_fails_the_rest() -> None:
    bench = Bench()
    bench.disk.broken = True
    started(bench, (1, 0, 0), (8, BUFFERS, 512))
    assert not bench.devices.blocks.running
    assert bench.call(84, 0, 0, 0, BUFFERS, 512) == BAD


def test_ejecting_and_inserting_are_events() -> None:
    bench = Bench()
    started(bench, (0x300, 1, 1), (0x200, 1, 0))
    assert bench.call(81, 0, 1) == (0, 80, 1 | 2 | 4 | 16, 0, 0)  # its door is locked
    bench.call(80, 0, 1)
    started(bench, (0x300, 1, 0), (0x200, 1, 0))
    assert bench.call(81, 0, 1) == (0, 0, 1 | 2 | 16, 0, 0)
    assert bench.call(83, 0) == (1, 2, 0, 2)
    assert (bench.call(80, 0, 5, 1), bench.call(80, 0, 5, 1)) == (2, 0)
    bench.devices.blocks.insert(1)
    assert bench.raised(5) and bench.call(80, 0, 5, 1) == 1
    assert not bench.devices.blocks.eject(0)


def test_a_request_goes_back_to_the_first_slot() -> None:
    bench = Bench()
    assert bench.call(79, 0, RING, 4) == bench.call(80, 0, 3) == 0
    for number in range(10):
        first, second = (2 * number + 1) % 4, (2 * number + 2) % 4
        slot(bench, first, 1, 1, 0, number)
        slot(bench, second, 8, 0, BUFFERS, 512)
        bench.memory.write_cells(RING + 16 * (2 * number % 4) + 4, (1,))
        bench.call(82, 0)
        assert bench.call(83, 0) == (1, 2 * number + 2, 0, 0)
        assert bench.memory.read(BUFFERS, 512) == bench.disk.data[512 * number :][:512]


# --- SCSI ---


def request(bench: Bench, command: str, *, target: int = 0, size: int = 0, write: int = 0, at: int = 0x1000) -> int:
    """Submit a command whose data are in two pieces at BUFFERS."""
    data = bytes.fromhex(command)
    sense = struct.pack(">4I", 0x9000, 4, 0x9100, 14)
    head = struct.pack(">II16sBBBBBBH", at + 0x70000000, 0, data, len(data), target, 0, write, 0xEE, 0xEE, 0)
    bench.memory.write(at, head + bytes(4) + sense + struct.pack(">III", size, 0, 2))
    bench.memory.write_cells(at + 64, (2, 0, 0, BUFFERS, min(100, size), BUFFERS + 0x800, max(0, size - 100)))
    answer = bench.call(24, at)
    assert isinstance(answer, int)
    return answer


def moved(bench: Bench, count: int) -> bytes:
    return (bench.memory.read(BUFFERS, 100) + bench.memory.read(BUFFERS + 0x800, max(0, count - 100)))[:count]


def status(bench: Bench, at: int = 0x1000) -> tuple[int, int, int]:
    """SCSI status, adapter's status, and what was moved."""
    first, second = bench.memory.read(at + 28, 2)
    return first, second, bench.memory.read_cells(at + 56, 1)[0]


@pytest.mark.parametrize(
    ("command", "target", "size", "data"),
    [
        ("000000000000", 0, 0, ""),
        ("25000000000000000000", 0, 8, "000000ff 00000200"),
        ("25000000000000000000", 3, 8, "00000013 00000800"),
        ("1a0000000c00", 0, 12, "0b000008 00000100 00000200"),
        ("1a0000000c00", 3, 12, "0b008008 00000014 00000800"),
        ("a000000000000000001000 00", 0, 16, "00000008 00000000 00000000 00000000"),
        ("43000000000000000c00", 3, 12, "0012 0101 00140100 00000000"),
        ("120000000500", 3, 5, "05 80 02 02 1f"),
    ],
)
def test_scsi_commands(command: str, target: int, size: int, data: str) -> None:
    bench = Bench()
    assert request(bench, command, target=target, size=size) == 0
    wanted = bytes.fromhex(data)
    assert (status(bench), moved(bench, size)) == ((0, 0, len(wanted)), wanted)


def test_scsi_reads_and_writes_by_pieces() -> None:
    bench = Bench()
    assert request(bench, "280000000003 00000200", size=1024) == 0
    assert status(bench) == (0, 0, 1024) and moved(bench, 1024) == bench.disk.data[1536:2560]
    bench.memory.write(BUFFERS, b"p" * 100)
    assert request(bench, "2a0000000001 00000100", size=512, write=1) == 0
    assert bench.disk.data[512:612] == b"p" * 100 and bench.disk.data[612:1024] == bench.memory.read(
        BUFFERS + 0x800, 412
    )


@pytest.mark.parametrize(
    ("command", "target", "key", "code"),
    [
        ("ff0000000000", 0, 5, 0x20),
        ("2800000000ff 00000200", 0, 5, 0x21),
        ("2a0000000000 00000100", 3, 7, 0x27),
        ("430000000000 00000c00", 0, 5, 0x20),
        ("120100000500", 0, 5, 0x24),
        ("1a0005001800", 0, 5, 0x24),
        ("1a00c8001800", 0, 5, 0x39),
        ("430002000000 00000c00", 3, 5, 0x24),
        ("430000000000 05000c00", 3, 5, 0x24),
    ],
)
def test_scsi_refusals_have_sense_in_both_parts(command: str, target: int, key: int, code: int) -> None:
    bench = Bench()
    assert request(bench, command, target=target, size=512) == 0
    assert status(bench)[:2] == (2, 0)
    sense = bench.memory.read(0x9000, 4) + bench.memory.read(0x9100, 14)
    assert (sense[0], sense[2], sense[7], sense[12]) == (0x70, key, 10, code)
    assert bench.memory.read_cells(0x1000 + 32, 1) == (18,)


def test_completed_requests_are_a_list() -> None:
    bench = Bench()
    assert request(bench, "000000000000") == request(bench, "000000000000", target=5, at=0x2000) == 0
    assert status(bench, 0x2000) == (0, 1, 0)  # nobody is there
    assert bench.raised(10)
    assert bench.call(25) == 0x70001000 | 1
    assert bench.memory.read_cells(0x1000 + 4, 1) == (0x70002000,)
    assert bench.memory.read_cells(0x2000 + 4, 1) == (0,)
    assert bench.call(25) == 0


def sense(bench: Bench) -> tuple[int, int, int]:
    """Key, code and qualifier, as they came with the last command."""
    data = bench.memory.read(0x9000, 4) + bench.memory.read(0x9100, 14)
    return data[2], data[12], data[13]


def test_a_list_goes_on_elsewhere_and_ends_by_the_number_of_its_pieces() -> None:
    bench = Bench()
    data = bytes.fromhex("28000000000000000100")
    head = struct.pack(">II16sBBBBI", 0x5000, 0, data, 10, 0, 0, 0, 0) + bytes(20) + struct.pack(">III", 512, 0, 3)
    bench.memory.write(0x1000, head)
    bench.memory.write_cells(0x1000 + 64, (2, 0x3000, 0, BUFFERS, 12, BUFFERS + 0x100, 100))
    bench.memory.write_cells(
        0x3000, (4, 0x3000, 0, BUFFERS + 0x200, 400, 0xFFFFFFF0, 400)
    )  # what is behind is not read
    assert bench.call(24, 0x1000) == 0 and status(bench) == (0, 0, 512)
    got = bench.memory.read(BUFFERS, 12) + bench.memory.read(BUFFERS + 0x100, 100)
    assert got + bench.memory.read(BUFFERS + 0x200, 400) == bench.disk.data[:512]
    bench.memory.write_cells(0x1000 + 60, (2,))
    assert bench.call(24, 0x1000) == 1  # two pieces have no room for 512 bytes
    bench.memory.write_cells(0x1000 + 60, (0xFFFFFFFF,))
    bench.memory.write_cells(0x3000, (0,))
    assert bench.call(24, 0x1000) == 1  # a list without end


def test_sense_is_that_of_the_last_command() -> None:
    bench = Bench()
    asks = "030000001200"
    assert request(bench, "ff0000000000") == request(bench, asks, size=18) == 0
    assert (moved(bench, 18)[2], moved(bench, 18)[12]) == (5, 0x20)
    assert request(bench, asks, size=18) == 0 and moved(bench, 18)[2] == 0
    assert request(bench, "ff0000000000") == request(bench, "000000000000") == request(bench, asks, size=18) == 0
    assert moved(bench, 18)[2] == 0


def test_a_cd_goes_out_and_comes_back() -> None:
    bench = Bench()
    ready, eject, load, lock, unlock = "000000000000", "1b0000000200", "1b0000000300", "1e0000000100", "1e0000000000"
    assert request(bench, lock, target=3) == request(bench, eject, target=3) == 0
    assert status(bench)[0] == 2 and sense(bench) == (5, 0x53, 2)
    assert bench.devices.scsi is not None and not bench.devices.scsi.eject(3)
    for command in (unlock, eject):
        assert request(bench, command, target=3) == 0 and status(bench)[0] == 0
    for command in (ready, "28000000000000000100", "25000000000000000000", "43000000000000000c00"):
        assert request(bench, command, target=3, size=2048) == 0
        assert status(bench) == (2, 0, 0) and sense(bench) == (2, 0x3A, 0)
    assert request(bench, "120000002400", target=3, size=36) == 0 and status(bench) == (0, 0, 36)
    assert request(bench, load, target=3) == request(bench, ready, target=3) == 0
    assert status(bench)[0] == 2 and sense(bench) == (6, 0x28, 0)  # another one may have come
    assert request(bench, ready, target=3) == 0 and status(bench)[0] == 0
    assert not bench.devices.scsi.eject(0)
    assert request(bench, eject) == request(bench, ready) == 0 and status(bench)[0] == 0  # a disk stays


@pytest.mark.parametrize(
    ("command", "target", "size", "data"),
    [
        ("1a0808001800", 0, 24, "17000000 0812" + "00" * 18),  # without the block descriptor
        ("5a08080000000000ff00", 0, 255, "001a 00000000 0000 0812" + "00" * 18),
        ("1a083f001800", 3, 24, "17008000 2a12000000002900" + "00" * 12),
        ("43000100000000000c00", 3, 12, "000a 0101 00140100 00000000"),  # sessions
        ("430000000000aa000c00", 3, 12, "000a 0101 0014aa00 00000014"),
        ("430200000000aa000c00", 3, 12, "000a 0101 0014aa00 00000214"),  # in minutes
    ],
)
def test_scsi_commands_that_ask_for_parts(command: str, target: int, size: int, data: str) -> None:
    bench = Bench()
    assert request(bench, command, target=target, size=size) == 0
    wanted = bytes.fromhex(data)
    assert (status(bench), moved(bench, len(wanted))) == ((0, 0, len(wanted)), wanted)


# --- networks ---


def rings(bench: Bench, count: int = 4, room: int = 1600) -> None:
    for ring in (1, 2, 3, 4):
        at = RING + 0x100 * ring
        for place in range(count):
            bench.memory.write_cells(at + 16 * place, (BUFFERS + 0x10000 * (ring - 1) + 0x800 * place, room, 0, 0))
        assert bench.call(71, ring, at, count) == 0
    assert bench.call(70, 1) == 0


def test_frames_fill_the_ring_and_wait_for_room() -> None:
    bench = Bench()
    rings(bench)
    frames = [BROADCAST[:60] + bytes([number]) for number in range(6)]
    bench.network.coming = [*frames]
    bench.devices.osi.poll()
    assert bench.raised(8) and len(bench.network.coming) == 2
    assert bench.call(74, 1, 0) == 1 and not bench.raised(8)
    for place in range(4):
        assert bench.memory.read_cells(RING + 0x100 + 16 * place + 8, 1) == (61,)
        assert bench.memory.read(BUFFERS + 0x800 * place, 61) == frames[place]
        bench.memory.write_cells(RING + 0x100 + 16 * place + 8, (0,))
    bench.devices.osi.poll()
    assert bench.memory.read(BUFFERS, 61) == frames[4]
    assert (bench.call(74, 1, 1), bench.call(74, 1, 2)) == (1, 0)


def test_a_ring_that_is_set_up_anew_leaves_the_other_where_it_was() -> None:
    bench = Bench()
    rings(bench)
    bench.memory.write_cells(RING + 0x200 + 8, (60,))
    assert bench.call(72) == 0 and len(bench.network.sent) == 1
    assert bench.call(70, 2) == bench.call(71, 1, RING + 0x100, 4) == bench.call(70, 1) == 0
    bench.memory.write_cells(RING + 0x200 + 16 + 8, (61,))
    assert bench.call(72) == 0
    assert [len(frame) for frame in bench.network.sent] == [60, 61]


def test_an_answer_that_comes_at_once_is_there_behind_the_kick() -> None:
    bench = Bench()
    rings(bench)
    bench.network.coming = [BROADCAST]
    assert bench.call(72) == 0 and bench.raised(8)
    assert bench.call(74, 0, 0) == 1
    bench.network.coming = [BROADCAST]
    assert bench.call(72) == 0 and not bench.raised(8)  # no interrupt was wanted: the next acknowledgement tells
    assert bench.call(74, 1, 1) == 1


@pytest.mark.parametrize("ring", [1, 2])
def test_a_second_part_needs_its_ring(ring: int) -> None:
    bench = Bench()
    for number in (1, 2):
        bench.memory.write_cells(RING + 0x100 * number, (BUFFERS, 20, 0, 0))
        assert bench.call(71, number, RING + 0x100 * number, 1) == 0
    assert bench.call(70, 1) == 0
    bench.memory.write_cells(RING + 0x100 * ring + 8, (20 if ring == 2 else 0, 1))
    bench.network.coming = [BROADCAST] if ring == 1 else []
    bench.devices.osi.poll()
    bench.call(72)
    assert bench.call(72) == 1 and bench.network.sent == []  # it has stopped


def test_a_buffer_of_no_bytes_stops_the_card() -> None:
    bench = Bench()
    rings(bench, room=0)
    bench.network.coming = [BROADCAST]
    bench.devices.osi.poll()
    assert bench.call(72) == 1


def test_frames_for_others_and_too_large_ones_are_dropped() -> None:
    bench = Bench()
    rings(bench, room=100)
    other = bytes.fromhex("525400999999") + bytes(54)
    bench.network.coming = [other, b"x", BROADCAST + bytes(100), MAC + bytes(54)]
    bench.devices.osi.poll()
    assert bench.devices.enet2 is not None and bench.devices.enet2.dropped == 1
    assert bench.call(74, 1, 0) == 1 and bench.call(74, 1, 1) == 0
    assert bench.memory.read_cells(RING + 0x100 + 8, 1) == (60,)


def test_split_buffers_go_on_in_the_overflow_ring() -> None:
    bench = Bench()
    rings(bench, room=100)
    bench.memory.write_cells(RING + 0x100 + 12, (1,))
    frame = BROADCAST + bytes(range(80))
    bench.network.coming = [frame]
    bench.devices.osi.poll()
    assert bench.memory.read(BUFFERS, 100) + bench.memory.read(BUFFERS + 0x20000, 40) == frame
    bench.memory.write(BUFFERS + 0x10000, frame[:90])
    bench.memory.write(BUFFERS + 0x30000, frame[90:])
    bench.memory.write_cells(RING + 0x200 + 8, (90, 1))
    bench.memory.write_cells(RING + 0x400 + 8, (50,))
    assert bench.call(72) == 0
    assert bench.network.sent == [frame]
    assert bench.memory.read_cells(RING + 0x200 + 8, 1) == (0,)


@pytest.mark.parametrize(("buffer", "size"), [(RAM - 10, 60), (BUFFERS, 1515), (0xFFFFFFFF, 60)])
def test_a_bad_buffer_stops_the_card(buffer: int, size: int) -> None:
    bench = Bench()
    rings(bench)
    bench.memory.write_cells(RING + 0x200, (buffer, 1600, size))
    assert (bench.call(72), bench.call(72)) == (1, 1)
    assert bench.network.sent == []
    assert bench.call(71, 1, RING, 4) == 0


def test_the_older_card_queues_what_is_its_own() -> None:
    bench = Bench()
    group = bytes.fromhex("01005e0000fb")
    assert bench.call(10, 0) == 0 and bench.call(14, 0, 1) == 0
    bench.network.coming = [group + bytes(54), BROADCAST]
    bench.devices.osi.poll()
    assert bench.raised(13) and bench.call(13, 0) == 0x1003C
    bench.memory.write(BUFFERS, group)
    assert bench.call(16, 0, BUFFERS) == 0
    bench.network.coming = [group + bytes(55)]
    bench.devices.osi.poll()
    assert bench.call(14, 0, 0) == 1 and bench.call(14, 0, 0) == 0
    assert bench.call(18, 0, BUFFERS) == 0 and bench.memory.read(BUFFERS, 60) == BROADCAST
    assert bench.call(13, 0) == 0x1003D and bench.call(18, 0, 0) == 0 and bench.call(18, 0, 0) == BAD


# --- terminal, keyboard, mouse ---


def test_the_terminal_tells_once_that_something_was_typed() -> None:
    bench = Bench()
    bench.call(61, 9)
    bench.console.typed = b"ab"
    bench.devices.osi.poll()
    assert bench.raised(9)
    assert (bench.call(98), bench.call(98), bench.call(98)) == (ord("a"), ord("b"), BAD)
    bench.call(60, 9)
    assert bench.call(99) == 0 and not bench.raised(9)
    bench.console.typed = b"c"
    bench.devices.osi.poll()
    assert not bench.raised(9) and bench.console.typed == b"c"  # a masked one leaves it to whoever reads
    assert bench.call(97, 0x141) == 1 and bench.console.shown == b"A"


def test_more_keys_than_the_ring_has_slots_for_follow() -> None:
    bench = Bench()
    bench.devices.keyboard.type("Hello, " * 4)
    codes: list[object] = []
    for _ in range(10):
        while (key := bench.call(51)) != BAD:
            codes.append(key[0] if isinstance(key, tuple) else key)
        assert not bench.raised(6)
        bench.devices.osi.poll()
    assert len(codes) == 4 * (2 * 7 + 2)
    assert codes[:6] == [0x38, 0x04, 0x84, 0xB8, 0x0E, 0x8E]
    with pytest.raises(UsageError, match="no key for 'ü'"):
        bench.devices.keyboard.type("grün")


def test_suspending_the_keyboard_lets_all_keys_go() -> None:
    bench = Bench()
    bench.devices.keyboard.press(0x31, raw=0x10039)
    assert bench.call(51) == (0x31, 0x10039)
    assert bench.call(50, 2) == 0
    assert bench.call(51) == (0xB1, 0)
    bench.devices.keyboard.press(0x31)
    assert bench.call(51) == BAD


def test_a_mapping_that_cannot_be_is_left_out() -> None:
    bench = Bench()
    before = bench.call(55, 0x10000 + 30)
    for keycode, adb in ((0x10000 + 30, 128), (0x10000 + 300, 5), (0x40000 + 30, 5), (30, 5)):
        assert bench.call(56, keycode, adb) == 0
    assert bench.call(55, 0x10000 + 30) == before == 0


def test_a_distance_goes_before_a_place_which_is_told_once() -> None:
    bench = Bench()
    mouse = bench.devices.mouse
    mouse.move(2, 3)
    mouse.move(1, -9)
    mouse.move_to(5, 6, 640, 480)
    mouse.buttons(5)
    assert bench.raised(7)
    assert bench.call(26) == (1, 3, -6, None, None, 64 | 5)
    assert bench.call(26) == (0, None, None, None, None, 5)  # the place is void: Mac-on-Linux forgets it
    mouse.move_to(5, 6, 640, 480)
    assert bench.call(26) == (1, 5, 6, 640, 480, 128 | 5)
    assert bench.call(26) == (0, None, None, None, None, 5)


# --- screen and sound ---


def test_the_refresh_interrupt_comes_by_the_clock() -> None:
    bench = Bench()
    bench.devices.osi.poll()
    assert not bench.raised(11)
    assert bench.call(39, 1) == 0
    raised = 0
    for _ in range(1000):
        bench.clock.now += 1
        bench.devices.osi.poll()
        answer = bench.call(38)
        raised += answer != 0
    assert raised == 85
    bench.clock.now += 100
    bench.devices.osi.poll()
    assert bench.call(39, 0) == 0 and not bench.raised(11)


@pytest.mark.parametrize(
    ("depth", "data", "rgb"),
    [
        (0, bytes([0, 7, 255]), bytes([0, 0, 0, 0x12, 0x34, 0x56, 255, 255, 255])),
        (1, struct.pack(">HHH", 0x7FFF, 0x7C00, 0x03E1), bytes([255, 255, 255, 255, 0, 0, 0, 255, 8])),
        (2, struct.pack(">III", 0, 0xFF123456, 0x000000FF), bytes([0, 0, 0, 0x12, 0x34, 0x56, 0, 0, 255])),
    ],
)
def test_pictures_of_each_depth(depth: int, data: bytes, rgb: bytes) -> None:
    bench = Bench()
    assert bench.call(28, 1, depth) == 0
    assert bench.call(59, 7, 0xFF123456) == 0
    bench.screen.write(0, data)
    assert bench.call(64, 7) == 0x123456
    if depth == 0:  # what was set is not yet shown
        assert bench.devices.video.picture().rgb[3:6] == bytes([7, 7, 7])
    assert bench.call(59, 0x80000000) == 0
    picture = bench.devices.video.picture()
    assert (picture.width, picture.height, picture.rgb[:9]) == (640, 480, rgb)


def test_a_ring_of_samples_is_played_as_time_goes_by() -> None:
    bench = Bench()
    bench.memory.write(RING, bytes(range(256)) * 64)
    assert bench.call(36, 7, 0x12, 40960) == 0 and bench.sink.kind == (40960, 2, 16, True)
    assert bench.call(36, 10, 8192, RING) == bench.call(36, 1) == 0
    bench.clock.now += 24
    bench.devices.osi.poll()
    assert bench.sink.samples == b""
    bench.clock.now += 1
    bench.devices.osi.poll()
    assert bench.sink.samples == bench.memory.read(RING, 4096)
    assert bench.call(36, 11) == 1024
    assert not bench.raised(12)  # it tells that the ring begins anew, and no more: a driver counts them
    bench.call(35, 0x10FFFF, 0, 1)
    assert bench.devices.sound.volume == (16, 255)
    bench.clock.now += 25
    bench.devices.osi.poll()
    assert bench.sink.samples[4096:] == bytes(4096) and bench.call(36, 11) == 0
    assert bench.raised(12) and bench.call(40) == (1, 1, 2)
    assert bench.call(36, 6, 0x11, 22050) == bench.call(36, 7, 0x11, 22050) == 1  # not while it runs
    assert bench.call(36, 7, 0x12, 40960) == 0
    bench.clock.now += 3_600_000  # a host that was asleep
    bench.devices.osi.poll()
    assert len(bench.sink.samples) < 1 << 18
    assert bench.call(36, 0) == 0 and bench.sink.stopped == 1


def test_what_is_written_is_played_in_buffers_each_of_which_asks_for_the_next() -> None:
    bench = Bench()
    content = bytes(range(256)) * 80
    bench.memory.write(BUFFERS, content)
    assert bench.call(33, BUFFERS, 8192, 1) == BAD  # in what format?
    assert bench.call(36, 7, 2, 40960) == 0 and bench.call(36, 2) == 8192
    assert bench.call(36, 1) == 0
    bench.devices.osi.poll()
    assert not bench.raised(12)
    assert bench.call(36, 5) == 0  # the driver is ready
    bench.clock.now += 100
    bench.devices.osi.poll()
    assert bench.raised(12) and bench.sink.samples == b""
    assert bench.call(40)[0] == 1  # type: ignore[index]
    assert bench.call(33, BUFFERS, 8192, 1) == 0 and bench.sink.samples == b""
    bench.clock.now += 100
    bench.devices.osi.poll()
    assert bench.raised(12) and bench.sink.samples == content[:8192]
    bench.call(40)
    bench.clock.now += 1000
    bench.devices.osi.poll()
    assert not bench.raised(12) and len(bench.sink.samples) == 8192  # nothing new was written
    assert bench.call(33, BUFFERS + 8192, 12000, 1) == 0
    assert bench.call(36, 9) == 0  # no interrupt
    bench.clock.now += 100
    bench.devices.osi.poll()
    assert not bench.raised(12) and bench.sink.samples == content[:16384]
    assert bench.call(36, 0) == 0  # the rest is played to its end
    assert bench.sink.samples == content[:20192] and bench.sink.stopped == 1
    assert bench.call(33, RAM - 10, 20, 1) == bench.call(33, 0, 20, 1) == BAD


def test_a_guest_that_writes_without_end_is_played_no_faster_than_time_goes_by() -> None:
    bench = Bench()
    assert bench.call(36, 7, 2, 40960) == bench.call(36, 1) == 0
    for _ in range(1000):
        assert bench.call(33, BUFFERS, 0x80000, 1) == 0
        bench.devices.osi.poll()
    assert len(bench.sink.samples) <= 8192


def test_a_modes_depths_are_those_that_there_is_memory_for() -> None:
    bench = Bench(screen=Mode(4000, 3000, 8))
    listed = []
    for number in range(1, 8):
        answer = bench.call(29, number, 0)
        assert isinstance(answer, tuple) and isinstance(answer[1], int) and isinstance(answer[2], int)
        assert answer[1] == 7 << 16 | number and answer[2] & 0xFFFF == 0
        listed.append(answer[2] >> 16)
        assert [bench.call(29, number, depth) == 1 for depth in range(4)] == [depth >= listed[-1] for depth in range(4)]
    assert listed == [3, 3, 3, 3, 3, 3, 1]
    assert bench.call(29, 0, 3) == (0, 7 << 16 | 7, 1 << 16, 4000 << 16 | 3000, 85 << 16, 8, 4000 << 16)


# --- the rest ---


def test_sleeps_add_up_and_the_log_has_lines() -> None:
    bench = Bench()
    for _ in range(1000):
        bench.call(58, 100)
    bench.call(58, 1_000_000)
    assert bench.clock.slept == 100
    for character in b"one\r\ntwo\x01\n" + b"x" * 3000:
        bench.call(47, character)
    assert bench.console.shown.startswith(b"one\r\ntwo\\x01\r\n" + b"x" * 1024 + b"\r\nx")


def test_rtas_keeps_nvram_and_has_no_pci() -> None:
    bench = Bench()
    first = 0xABCDEF00
    bench.memory.write(BUFFERS, b"kept")
    bench.memory.write_cells(0x1000, (first + 3, 3, 2, 0x10, BUFFERS, 4, 9, 9))
    assert bench.call(22, 0x1000) == 0 and bench.memory.read_cells(0x1000 + 24, 2) == (0, 4)
    bench.memory.write_cells(0x1000, (first + 2, 3, 2, 0x10, BUFFERS + 8, 0x2000, 9, 9))
    assert bench.call(22, 0x1000) == 0 and bench.memory.read_cells(0x1000 + 24, 2) == (0xFFFFFFFD, 0x1FF0)
    assert bench.memory.read(BUFFERS + 8, 4) == b"kept" and bench.call(53, 0x10) == ord("k")
    bench.memory.write_cells(0x1000, (first + 9, 2, 2, 0, 2, 9, 9))
    assert bench.call(22, 0x1000) == 0 and bench.memory.read_cells(0x1000 + 20, 2) == (0, 0xFFFF)
    nothing = {
        4: (0, 8),
        5: (7, 1),
        6: (7, 1),
        7: (4, 1),
        8: (6, 1),
        0xC: (3, 1),
        0x12: (2, 1),
        0x15: (0, 1),
        0x1E: (1, 1),
    }
    for token, (taken, given) in nothing.items():
        cells = (first + token, taken, given, *[7] * taken, *[77] * given)
        bench.memory.write_cells(0x1000, cells)
        assert bench.call(22, 0x1000) == 0, hex(token)
        assert bench.memory.read_cells(0x1000, len(cells)) == cells
        bench.memory.write_cells(0x1000, (first + token, taken + 1, given))
        assert bench.call(22, 0x1000) == BAD
    assert set(nothing) | {1, 2, 3, 9, 0xA} == {token - first for token in TOKENS.values()}


@pytest.mark.parametrize(
    ("text", "limit", "units"),
    [
        (b"Gr\xfc\0x", 99, "Gr\xfc"),
        (b"Gr\xfc\0x", 3, "Gr"),
        (b"Gr\xfc\0x", 1, ""),
        (b"no end" * 1000, 4, "no "),
        (b"\0", 9, ""),
    ],
)
def test_text_to_unicode_ends_at_its_nul_or_at_the_limit(text: bytes, limit: int, units: str) -> None:
    bench = Bench()
    bench.memory.write(0x100, text)
    assert bench.call(78, 32, BUFFERS, 0x100, limit) == len(units)
    data = units.encode("utf-16-be") + b"\0\0"
    assert bench.memory.read(BUFFERS, len(data)) == data
    bench.memory.write(RAM - 2, b"ab")  # without an end, and nothing behind it
    assert bench.call(78, 32, BUFFERS, RAM - 2, 9) == 2
    assert bench.call(78, 32, BUFFERS, RAM, 9) == BAD
    assert bench.call(78, 32, BUFFERS, 0x100, 0xFFFFFFFF) == bench.call(78, 32, BUFFERS, 0x100, 0) == 0


def test_unicode_to_text_leaves_out_what_latin_1_has_not() -> None:
    bench = Bench()
    bench.memory.write(0x100, "a\u20ac\xfc\0z".encode("utf-16-be"))
    assert bench.call(78, 33, BUFFERS, 0x100, 5, 99) == 3
    assert bench.memory.read(BUFFERS, 4) == b"a\xfcz\0"
    assert bench.call(78, 33, BUFFERS, 0x100, 5, 2) == 1 and bench.memory.read(BUFFERS, 2) == b"a\0"
    assert bench.call(78, 33, BUFFERS, RAM - 4, 5, 99) == BAD
    assert bench.call(78, 33, RAM - 1, 0x100, 5, 99) == BAD


def test_resources_are_lines_of_words() -> None:
    bench = Bench()
    bench.memory.write(0x100, b"key\0")
    for index, word, text in ((0, 0, b"one\0"), (0, 1, b"two\0"), (1, 0, b"three\0")):
        assert bench.call(78, 34, 0x100, BUFFERS, 16, index, word) == BUFFERS
        assert bench.memory.read(BUFFERS, len(text)) == text
    assert bench.call(78, 34, 0x100, BUFFERS, 3, 1, 0) == BUFFERS and bench.memory.read(BUFFERS, 3) == b"th\0"
    assert bench.call(78, 34, 0x100, 0, 0, 0, 0) == bench.call(78, 34, 0x100, BUFFERS, 9, 2, 0) == 0
