"""Every row of the table of Mac-on-Linux's calls, made by a guest program with good and with bad arguments."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from build import build_mol

from vof.firmware.osi.rtas_calls import TOKENS
from vof.firmware.osi.table import SELECTORS, Status
from vof.vm import VM, EndReason

MAGIC = 0x113724FA
OTHER_MAGIC = 0x77810F9B
ARENA = 0x300000
OUTSIDE = 0xFFFFFFF0
BAD = 0xFFFFFFFF
NOW = 946684800
KEEPS = None
DISK = 1 << 20

Expected = int | tuple[int | None, ...] | Callable[[int], bool] | None
"""r3; r3 and what follows it; what r3 must satisfy; None where not even r3 changes."""


class Arena:
    """What the calls' pointers point to."""

    def __init__(self) -> None:
        self.data = bytearray(0x10000)
        self._next = 0x8000

    def put(self, data: bytes) -> int:
        """The address of these bytes."""
        at, self._next = self._next, self._next + (len(data) + 15 & -16)
        self.data[at : at + len(data)] = data
        return ARENA + at

    def text(self, text: str) -> int:
        return self.put(text.encode() + b"\0")

    def cells(self, *values: int) -> int:
        return self.put(struct.pack(f">{len(values)}I", *values))


def cases() -> tuple[list[tuple[int, tuple[int, ...], Expected]], Arena]:
    arena = Arena()
    inquiry = arena.put(
        struct.pack(">II", 0x5000, 0)
        + bytes([0x12, 0, 0, 0, 36, 0]).ljust(16, b"\0")
        + bytes([6, 0, 0, 0, 9, 9, 0, 0])
        + struct.pack(">I4I3I", 0, ARENA + 0x600, 18, 0, 0, 36, 0, 1)
        + struct.pack(">III2I", 1, 0, 0, ARENA + 0x700, 36)
    )
    restart = arena.cells(TOKENS["restart-rtas"], 0, 1, BAD)
    unknown = arena.cells(0x1234, 0, 1, BAD)
    fetch = arena.cells(TOKENS["nvram-fetch"], 3, 2, 0x1FFE, ARENA + 0x20, 4, 0, 0)
    config = arena.cells(TOKENS["read-pci-config"], 2, 2, 0, 4, 0, 0)
    address = arena.put(bytes.fromhex("01005e0000fb"))
    root, mol = arena.text("/"), arena.text("/mol/mol-blk")
    key, cased, missing = arena.text("autoboot"), arena.text("cases"), arena.text("no-such")
    words = arena.text("Grüße"[:2])
    wide = arena.put("wide".encode("utf-16-be"))
    made = arena.text("/made")
    ring, rx, tx = ARENA + 0x1000, ARENA + 0x2000, ARENA + 0x3000
    found: list[tuple[int, tuple[int, ...], Expected]] = [
        *((0, (n,), 1) for n in (0, 7, 22, 24, 68, 76, 79, 99)),
        *((0, (n,), 0) for n in (2, 20, 62, 89, 100, 0x80000000, BAD)),
        (1, (5,), 0),
        (1, (BAD,), 0),
        (4, (), 0),
        (7, (), lambda r3: NOW <= r3 < NOW + 60),
        (9, (), lambda r3: NOW + 0x7C25B080 <= r3 < NOW + 0x7C25B080 + 60),
        (8, (0,), 160),
        (8, (1, 7), 0),
        (8, (1, 32), 1),
        (8, (9,), 1),
        # the older network card
        (10, (0,), 0),
        (10, (0,), 0),
        (12, (0, ARENA), 0),
        (12, (0, OUTSIDE), BAD),
        (12, (1, ARENA), BAD),
        (13, (0,), 0),
        (13, (1,), BAD),
        (14, (0, 1), 0),
        (14, (0, 0), 0),
        (14, (0, 9), BAD),
        (16, (0, address), 0),
        (16, (0, OUTSIDE + 12), BAD),
        (17, (0, address), 0),
        (17, (0, address), BAD),
        (18, (0, ARENA), BAD),
        (18, (0, 0), BAD),
        (19, (0, ARENA, 60), 0),
        (19, (0, ARENA, 1515), BAD),
        (19, (0, OUTSIDE, 60), BAD),
        (14, (0, 2), 0),
        (11, (1,), BAD),
        (11, (0,), 0),
        (22, (restart,), 0),
        (22, (unknown,), BAD),
        (22, (OUTSIDE,), BAD),
        (22, (fetch,), 0),
        (22, (config,), 0),
        # SCSI
        (23, (1,), 0),
        (23, (3,), BAD),
        (25, (), 0),
        (24, (inquiry,), 0),
        (25, (), 0x5001),
        (25, (), 0),
        (24, (OUTSIDE,), 1),
        (26, (), (0, KEEPS, KEEPS, KEEPS, KEEPS, 0)),
        (27, (), 0),
        # the screen
        (28, (1, 0), 0),
        (28, (99, 0), 1),
        (28, (1, 9), 1),
        (29, (2, 2), (0, 6 << 16 | 2, 3 << 16 | 2, 800 << 16 | 600, 85 << 16, 32, 3200 << 16)),
        (29, (0, 0), (0, 6 << 16 | 1, 3 << 16 | 2, 640 << 16 | 480, 85 << 16, 32, 2560 << 16)),
        (29, (99, 0), 1),
        (31, (0,), 0),
        (31, (9,), 0),
        (31, (3,), 0),
        (32, (), (0, 0x81000000, 640, 640, 480, 8)),
        (38, (), 0),
        (39, (3,), 0),
        (39, (2, 32), BAD),
        (39, (9,), BAD),
        (59, (3, 0x123456), 0),
        (64, (3,), 0x123456),
        (64, (4,), 0x040404),
        (59, (256, 0), BAD),
        (59, (BAD,), 0),
        (64, (256,), BAD),
        # sound
        (33, (ARENA, 64, 0), BAD),
        (36, (BAD, 2), 0),
        (36, (BAD, 3), BAD),
        (36, (1,), BAD),
        (36, (6, 0x12, 44100), 0),
        (36, (6, 0x13, 44100), BAD),
        (36, (7, 0x12, 44100), 0),
        (36, (2,), 8192),
        (36, (10, 8192, ARENA), 0),
        (36, (10, 8192, OUTSIDE), BAD),
        (36, (10, 100, ARENA), BAD),
        (36, (1,), 0),
        (36, (1,), BAD),
        (36, (0,), 0),
        (36, (15,), 2048),
        (36, (99,), BAD),
        (33, (ARENA, 64, 0), 0),
        (33, (OUTSIDE, 64, 0), BAD),
        (33, (ARENA, BAD, 0), BAD),
        (35, (0x00FF0080, 0, 0), 0),
        (35, (BAD, BAD, BAD), 0),
        (40, (), (0, 0, 0)),
        (47, (0x41,), 0),
        (47, (BAD,), 0),
        # keys
        (50, (2,), 0),
        (50, (1,), 0),
        (50, (7,), 0),
        (51, (), BAD),
        (55, (5,), 5),
        (55, (0x10000 + 30,), 0),
        (55, (0x10000 + 200,), BAD),
        (55, (0x10000 + 300,), BAD - 1),
        (55, (0x40000 + 5,), BAD - 2),
        (56, (0x10000 + 30, 7), 0),
        (55, (0x10000 + 30,), 7),
        (56, (5, 5), 0),
        (56, (0x10000 + 30, 128), 0),
        (55, (0x10000 + 30,), 7),
        (57, (), 0),
        (52, (5, 0x1AB), 0),
        (53, (5,), 0xAB),
        (53, (0x2000,), 0),
        (52, (0x2000, 1), 0),
        (58, (100,), 0),
        (58, (2_000_000,), 0),
        # the interrupt controller
        (61, (20,), 0),
        (61, (32,), 0),
        (63, (), 0),
        (60, (20,), 0),
        (61, (BAD,), 0),
        (60, (99,), 0),
        # the network card with rings
        (68, (), 0),
        (70, (0, 1), 0),
        (70, (0, 2), BAD),
        (70, (1,), 1),
        (72, (), 1),
        (71, (1, rx, 8), 0),
        (71, (2, tx, 8), 0),
        (71, (2, tx, 7), BAD),
        (71, (2, OUTSIDE, 8), BAD),
        (71, (5, tx, 8), BAD),
        (70, (1,), 0),
        (71, (1, rx, 8), BAD),
        (72, (), 0),
        (73, (), (0, 0x52540012, 0x3456 << 16 | 73)),
        (74, (1, 0), 0),
        (74, (1, BAD), 0),
        (70, (4, 1), 0),
        (70, (9,), 1),
        (70, (2,), 0),
        (70, (3,), 0),
        (69, (), 0),
        # the tree
        (76, (1, 0), lambda r3: 0 < r3 < BAD),
        (76, (1, 0x99999999), BAD),
        (76, (99, 1), BAD),
        (77, (17, mol), lambda r3: 0 < r3 < BAD),
        (77, (17, missing), BAD),
        (77, (17, 0), BAD),
        (77, (17, OUTSIDE), BAD),
        (77, (18, root), BAD),
        (77, (16, made), lambda r3: 0 < r3 < BAD),
        # the boot helper
        (78, (35,), 128 << 20),
        (78, (34, key, ARENA, 16, 0, 0), ARENA),
        (78, (34, key, 1, 0, 0, 0), 1),
        (78, (34, key, ARENA, 16, 1, 0), 0),
        (78, (34, key, ARENA, 16, 0, 2), 0),
        (78, (34, missing, ARENA, 16, 0, 0), 0),
        (78, (34, OUTSIDE, ARENA, 16, 0, 0), 0),
        (78, (32, ARENA, words, 9), len("Grüße"[:2].encode())),
        (78, (32, ARENA, words, 0), 0),
        (78, (32, OUTSIDE, words, 99), BAD),
        (78, (33, ARENA, wide, 4, 9), 4),
        (78, (33, ARENA, wide, 4, 3), 2),
        (78, (99,), BAD),
        # disks
        (80, (0, 3), BAD),
        (79, (0, ring, 16), 0),
        (79, (1, ring, 16), BAD),
        (79, (0, ring, 15), BAD),
        (79, (0, OUTSIDE, 16), BAD),
        (80, (0, 3), 0),
        (79, (0, ring, 16), BAD),
        (82, (0,), 0),
        (82, (1,), BAD),
        (83, (0,), (1, 0, 0, 0)),
        (83, (0,), 0),
        (83, (1,), BAD),
        (80, (0, 4, 5), 0),
        (80, (0, 4, 32), BAD),
        (80, (0, 5, 0), 0),
        (80, (0, 5, 9), BAD),
        (80, (1, 1), BAD),
        (80, (0, 2), 0),
        (81, (0, 0), (0, DISK // 512, 4 | 8, 0, 0)),
        (81, (0, 1), BAD),
        (81, (1, 0), BAD),
        (84, (0, 0, 0, ARENA, 512), 0),
        (84, (0, 0, DISK // 512, ARENA, 512), BAD),
        (84, (0, 0, 0, OUTSIDE, 512), BAD),
        (84, (0, 7, 0, ARENA, 512), BAD),
        (85, (0, 0, 5, ARENA, 1024), 0),
        (85, (0, 0, DISK // 512 - 1, ARENA, 1024), BAD),
        (86, (0, 0), 0),
        (86, (0, 9), BAD),
        (91, (), 0x2000),
        (92, (25_000_000,), 1_000_000),
        (92, (BAD,), BAD * 1_000_000 // 25_000_000 & BAD),
        (93, (1_000_000,), 25_000_000),
        (93, (BAD,), BAD * 25 & BAD),
        (96, (1, cased), 0),
        (96, (1, missing), BAD),
        (96, (1, OUTSIDE), BAD),
        (96, (2, 0), 0),
        (96, (3, 1), len(arena.data)),
        (96, (3, 9), BAD),
        (96, (4, 1, 4, ARENA + 0x800, 16), 16),
        (96, (4, 1, len(arena.data) - 3, ARENA + 0x800, 16), 3),
        (96, (4, 1, BAD, ARENA, 16), 0),
        (96, (4, 1, 0, OUTSIDE, 32), BAD),
        (96, (5, 0, ARENA + 0x900, 16), 0),
        (96, (5, 9, ARENA, 16), BAD),
        (96, (9,), BAD),
        (97, (0x0A,), 1),
        (97, (0xFFFFFF0A,), 1),
        (98, (), BAD),
        (99, (), 0),
        (100, (1, 2), None),
        (0xFFFFFFFF, (), None),
        *((number, (1, 2, 3), 0) for number, row in SELECTORS.items() if row.status is Status.RESERVED),
        (76, (0, 0), 0),
        (76, (1, 0), 0),
        (77, (17, root), 0),
    ]
    return found, arena


RAM = 128 << 20
POINTERS: list[tuple[int, tuple[int | str, ...], int, int, int]] = [
    # selector, arguments with a pointer among them, its bytes, r3 where it is good, and where it is bad
    (12, (0, "P"), 6, 0, BAD),
    (16, (0, "P"), 6, 0, BAD),
    (17, (0, "P"), 6, 0, BAD),
    (19, (0, "P", 60), 60, 0, BAD),
    (24, ("P",), 72, 0, 1),
    (33, ("P", 64, 0), 64, 0, BAD),
    (36, (10, 8192, "P"), 8192, 0, BAD),
    (71, (1, "P", 8), 8 * 16, 0, BAD),
    (76, (4, "root", "P", 16), 16, 1, BAD),
    (76, (6, "root", "model", "P", 12), 12, 13, BAD),
    (76, (7, "root", "empty", "P"), 5, 1, BAD),
    (76, (8, "root", "made", "P", 9), 9, 9, BAD),
    (78, (32, "P", "model", 9), 12, 5, BAD),
    (78, (33, "P", "wide", 4, 9), 5, 4, BAD),
    (78, (34, "autoboot", "P", 4, 0, 0), 4, -2, 0),
    (79, (0, "P", 16), 16 * 16, 0, BAD),
    (84, (0, 0, 0, "P", 512), 512, 0, BAD),
    (85, (0, 0, 8, "P", 512), 512, 0, BAD),
    (96, (4, 0, 0, "P", 28), 28, 28, BAD),
    (96, (5, 0, "P", 9), 6, 0, BAD),
]


def edges(size: int) -> list[tuple[int, bool]]:
    """Addresses, and whether so many bytes from each are in RAM."""
    return [
        (RAM - size, True),
        (ARENA + 0xC001, True),
        (RAM - size + 1, False),
        (RAM - 1, False),
        (RAM, False),
        (0x81000000, False),  # the screen's memory is none
        (0xFFF00000, False),  # nor is a ROM
        (0xFFFFFFFC, False),
        (BAD, False),
        (0x80000000, False),
    ]


def pointer_cases(root: int) -> tuple[list[tuple[int, tuple[int, ...], Expected]], Arena]:
    """Each call with each pointer."""
    arena = Arena()
    known = {
        "root": root,
        "model": arena.text("model"),
        "empty": arena.text(""),
        "made": arena.text("made"),
        "wide": arena.put("wide".encode("utf-16-be")),
        "autoboot": arena.text("autoboot"),
    }
    found: list[tuple[int, tuple[int, ...], Expected]] = [
        (10, (0,), 0),
        (14, (0, 1), 0),
        (36, (7, 0x12, 44100), 0),
        (23, (1,), 0),
    ]
    for selector, arguments, size, good, bad in POINTERS:
        for address, inside in edges(size):
            if selector == 24 and inside:
                continue  # a request is more than bytes: the other cases have one
            words = tuple([{**known, "P": address}[word] if isinstance(word, str) else word for word in arguments])
            if selector == 17 and inside:
                found.append((16, words, 0))
            found.append((selector, words, (address if good == -2 else good) if inside else bad))
            if selector == 16 and inside:
                found.append((17, words, 0))
    return found, arena


def expected_registers(selector: int, arguments: tuple[int, ...], results: tuple[int | None, ...]) -> list[int]:
    """r3 … r9 behind the call: what it doesn't give is as it was."""
    before = [MAGIC, OTHER_MAGIC, selector, *arguments, *[0] * 6][:7]
    return [kept if given is None else given for kept, given in zip(before, [*results, *[None] * 7], strict=False)]


def test_every_row_is_called_and_those_with_arguments_more_than_once() -> None:
    made, _ = cases()
    for row in SELECTORS.values():
        if row.name == "EXIT":
            continue  # which ends the program, and is tested by that
        calls = [arguments for selector, arguments, _ in made if selector == row.number]
        assert len(calls) >= (2 if row.arguments else 1), row.name


def boot(folder: Path, made: list[tuple[int, tuple[int, ...], Expected]], arena: Arena) -> VM:
    """A machine with a program that makes these calls."""
    data = b"".join(
        struct.pack(">7I", selector, *arguments, *[0] * (6 - len(arguments))) for selector, arguments, _ in made
    )
    (folder / "cases").write_bytes(data)
    (folder / "arena").write_bytes(arena.data)
    for disk in ("ring", "scsi"):
        (folder / disk).write_bytes(bytes(DISK))
    return VM(
        machine="mol",
        kernel=str(build_mol("calls", folder)),
        clock="virtual",
        drives=[f"file={folder / 'ring'},format=raw", f"file={folder / 'scsi'},format=raw,if=scsi"],
        netdevs=["user"],
        resources=["autoboot=yes please"],
        pseudo_files=[f"cases={folder / 'cases'}", f"arena={folder / 'arena'}"],
    )


def check(said: str, made: list[tuple[int, tuple[int, ...], Expected]]) -> None:
    """Hold what the program printed against what is expected."""
    lines = [line for line in said.splitlines() if line.startswith("= ")]
    assert len(lines) == len(made)
    for (selector, arguments, expected), line in zip(made, lines, strict=True):
        got = [int(word, 16) for word in line.split(": ")[1].split()]
        what = (selector, [hex(argument) for argument in arguments])
        if callable(expected):
            assert expected(got[0]), (what, got)
            continue
        results = expected if isinstance(expected, tuple) else () if expected is None else (expected,)
        assert [hex(each) for each in got] == [
            hex(each) for each in expected_registers(selector, arguments, results)
        ], what


@pytest.mark.guest
def test_each_call_answers_as_the_table_says(tmp_path: Path) -> None:
    made, arena = cases()
    with boot(tmp_path, made, arena) as vm:
        said = vm.expect("done", 60).decode()
        memory = vm.engine.memory
        assert memory.read(ARENA + 0x700, 16)[8:] == b"VOF     "
        assert memory.read(ARENA + 0x900, 6) == b"cases\0"
        ending = vm.wait(10)
    assert ending is not None and ending.reason is EndReason.POWER_OFF
    check(said, made)


@pytest.mark.guest
def test_every_pointer_is_checked_with_all_that_it_points_to(tmp_path: Path) -> None:
    made, arena = pointer_cases(1)
    with boot(tmp_path, made, arena) as vm:
        vm.run_to_client()
        root = vm.tree.root.phandle
    made, arena = pointer_cases(root)
    with boot(tmp_path, made, arena) as vm:
        check(vm.expect("done", 60).decode(), made)


def test_each_call_with_a_pointer_has_it_tried_at_the_edges() -> None:
    with_pointers = {12, 16, 17, 18, 19, 22, 24, 33, 36, 71, 76, 77, 78, 79, 84, 85, 96}
    assert {selector for selector, *_ in POINTERS} | {18, 22, 77} == with_pointers  # these have cases of their own
