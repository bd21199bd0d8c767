"""The text trace: what a line looks like."""

from __future__ import annotations

import time
from typing import Any

import pytest

from vof.events import (
    ClientCall,
    ClientReturn,
    ConsoleInput,
    ConsoleOutput,
    Event,
    Injected,
    Phase,
    TreeReplaced,
    Written,
)
from vof.firmware import SERVICES
from vof.trace.filters import parse_filter
from vof.trace.quoting import quoted
from vof.trace.text import CallText, Stamp, TextStyle, TextTrace, call_text

CPU, MEMORY, VTY = 0x100001, 0x100002, 0x40000003
PATHS = {CPU: "/cpus/PowerPC,POWER9@0", MEMORY: "/memory@0", VTY: "/vdevice/vty@71000000"}
M1 = 0xFFFFFFFF


def returned(service: str, *arguments: int, **facts: Any) -> ClientReturn:
    given: dict[str, Any] = {"results": (), "status": 0, "fault": "", "depth": 0, "paths": PATHS, "duration": 6_100}
    return ClientReturn(service=service, arguments=arguments, **(given | facts))


def called(service: str, *arguments: int, depth: int = 0, **facts: Any) -> ClientCall:
    return ClientCall(service, arguments, depth, paths=PATHS, **facts)


def wrote(data: bytes, address: int = 0x3000, size: int = 0) -> dict[str, Any]:
    return {"writes": (Written(address, size or len(data), data, "d" if size else ""),)}


def gave(data: bytes, address: int = 0x3000) -> dict[str, Any]:
    return {"given": Written(address, len(data), data)}


REG = returned("getprop", CPU, 0x2000, 0x2F0E1B8, 4, results=(4,), texts={1: "reg"}, **wrote(bytes(4)))
LINES: tuple[tuple[ClientReturn, str], ...] = (
    (REG, 'getprop(/cpus/PowerPC,POWER9@0, "reg", 0x2f0e1b8, 4) = 4 [00000000]'),
    # Handles
    (
        returned("finddevice", 0x2000, results=(CPU,), texts={0: "/cpus/@0"}),
        'finddevice("/cpus/@0") = /cpus/PowerPC,POWER9@0',
    ),
    (returned("peer", 0, results=(CPU,)), "peer(0) = /cpus/PowerPC,POWER9@0"),
    (returned("child", CPU, results=(0,)), "child(/cpus/PowerPC,POWER9@0) = 0"),
    (returned("peer", 0x1234, results=(0,), fault="no such phandle"), "peer(0x1234) = 0 (no such phandle)"),
    (returned("instance-to-package", M1, results=(M1,), fault="?"), "instance-to-package(-1) = -1 (?)"),
    (returned("close", VTY), "close(/vdevice/vty@71000000) = 0"),
    # Failures
    (
        returned(
            "getprop",
            MEMORY,
            0x2000,
            0,
            0,
            results=(M1,),
            texts={1: "ranges"},
            fault='no property "ranges" in /memory@0',
        ),
        'getprop(/memory@0, "ranges", NULL, 0) = -1 (no property "ranges" in /memory@0)',
    ),
    (returned("open", 0x2000, results=(0,), texts={0: "x"}, fault='no device "x"'), 'open("x") = 0 (no device "x")'),
    (
        returned("open", 9, results=(0,), status=-1, fault="no string at 0x9"),
        "open(0x9) = 0 (r3 = -1: no string at 0x9)",
    ),
    (returned("dance", 1, 0x1234567, M1, status=-1, fault="no service"), "dance(1, 0x1234567, -1) = -1 (no service)"),
    (returned("release", 0, 4096, fault="not claimed"), "release(0x0, 4096) = 0 (not claimed)"),
    (returned("claim", 0x1000, results=(M1,), status=-1, fault="few"), "claim(0x1000) = -1 (r3 = -1: few)"),
    # Numbers
    (returned("claim", 0x10000, 65536, 0, results=(0x10000,)), "claim(0x10000, 65536, 0) = 0x10000"),
    (returned("milliseconds", results=(123456,)), "milliseconds() = 123456"),
    (returned("seek", VTY, M1, 1048576, results=(0,)), "seek(/vdevice/vty@71000000, -1, 1048576) = 0"),
    (returned("read", VTY, 0x3000, 80, results=(M1 - 1,)), "read(/vdevice/vty@71000000, 0x3000, 80) = 4294967294"),
    # Data
    (
        returned("write", VTY, 0x3000, 3, results=(3,), **gave(b"a\r\n")),
        r'write(/vdevice/vty@71000000, "a\r\n", 3) = 3',
    ),
    (
        returned("setprop", MEMORY, 0x2000, 0x3000, 8, results=(8,), texts={1: "reg"}, **gave(bytes(7) + b"\1")),
        'setprop(/memory@0, "reg", [00000000 00000001], 8) = 8',
    ),
    (
        returned("package-to-path", MEMORY, 0x3000, 80, results=(9,), **wrote(b"/memory@0\0")),
        'package-to-path(/memory@0, 0x3000, 80) = 9 "/memory@0\\0"',
    ),
    (
        returned("read", VTY, 0x3000, 9, results=(4,), **wrote(b"a\0b\0")),
        'read(/vdevice/vty@71000000, 0x3000, 9) = 4 "a\\0b\\0"',
    ),
    (returned("read", VTY, 0x3000, 9, results=(1,), **wrote(b"\0")), "read(/vdevice/vty@71000000, 0x3000, 9) = 1 [00]"),
    (
        returned("read", VTY, 0x3000, 9, results=(5,), **wrote(b"\xff\1\2\3\4")),
        "read(/vdevice/vty@71000000, 0x3000, 9) = 5 [ff010203 04]",
    ),
    (
        returned("read", VTY, 0x3000, 600, results=(600,), **wrote(bytes(256), size=600)),
        f"read(/vdevice/vty@71000000, 0x3000, 600) = 600 [{' '.join(['00000000'] * 8)}...]",
    ),
    (
        returned("read", VTY, 0x3000, 40, results=(40,), **wrote(b"x" * 40)),
        f'read(/vdevice/vty@71000000, 0x3000, 40) = 40 "{"x" * 32}"...',
    ),
    (
        returned("read", VTY, 0, 9, results=(0,), writes=(Written(0, 1, b"\1"),) * 5),
        "read(/vdevice/vty@71000000, NULL, 9) = 0 [01] [01] [01] [01] ...",
    ),
    # Further cells
    (
        returned("call-method", 0x2000, VTY, 3, 0x20000, results=(0, 0x30000, 5), texts={0: "claim"}),
        'call-method("claim", /vdevice/vty@71000000, 3, 0x20000) = 0, 0x30000, 5',
    ),
    (
        returned("interpret", 0x2000, 7, results=(M1 - 4094,), texts={0: "1 ."}, fault="threw -4095"),
        'interpret("1 .", 7) = -4095 (threw -4095)',
    ),
    (
        returned("interpret", 0x2000, 7, results=(M1 - 12,), texts={0: "1 ."}, fault="threw -13"),
        'interpret("1 .", 7) = -13 (threw -13)',
    ),
    # What is long or hostile
    (returned("interpret", 0x2000, results=(0,), texts={0: "x" * 40}), f'interpret("{"x" * 32}"...) = 0'),
    (
        returned("finddevice", 0x2000, results=(CPU,), texts={0: "/p" * 40}),
        f'finddevice("{"/p" * 40}") = /cpus/PowerPC,POWER9@0',
    ),
    (
        returned("open", 0x2000, results=(0,), texts={0: 'a"\\\x1b]\xe9'}, fault="a\x1b]"),
        r'open("a\"\\\x1b]\xe9") = 0 (a\x1b])',
    ),
    (returned("\x1b[2J" * 99, status=-1, fault="none"), r"\x1b[2J" * 16 + "() = -1 (none)"),
    (returned("peer", 5, results=(0,), paths={5: "/a\nb"}), r"peer(/a\nb) = 0"),
    # Ends
    (returned("exit", outcome="exit"), "exit() = ? exit"),
    (
        returned("chain", 0, 0, 0x10000, 0, 0, outcome="jump 0x10000"),
        "chain(0x0, 0, 0x10000, NULL, 0) = ? jump 0x10000",
    ),
    (returned("claim", 0, 1, 1, results=(0x5000,), hook="instead"), "claim(0x0, 1, 1) = 0x5000 [instead]"),
)


@pytest.mark.parametrize(("event", "line"), LINES, ids=lambda value: value if isinstance(value, str) else "")
def test_a_call(event: ClientReturn, line: str) -> None:
    assert call_text(event) == line


def test_results_begin_at_the_column_that_strace_has() -> None:
    text = CallText(TextStyle())
    assert text.line(returned("quiesce")) == "quiesce()                               = 0"
    assert text.line(returned("quiesce")).index("=") == 40
    assert text.line(REG) == LINES[0][1]


@pytest.mark.parametrize(
    ("style", "line"),
    [
        (TextStyle(column=0, spent=True), f"{LINES[0][1]} <6.1 µs>"),
        (TextStyle(column=0, paths=False), 'getprop(0x100001, "reg", 0x2f0e1b8, 4) = 4 [00000000]'),
        (
            TextStyle(column=0, names=True),
            'getprop(phandle=/cpus/PowerPC,POWER9@0, name="reg", buf=0x2f0e1b8, buflen=4) = 4 [00000000]',
        ),
        (TextStyle(column=0, limit=2), 'getprop(/cpus/PowerPC,POWER9@0, "re"..., 0x2f0e1b8, 4) = 4 [0000...]'),
        (TextStyle(column=0, limit=0), 'getprop(/cpus/PowerPC,POWER9@0, ""..., 0x2f0e1b8, 4) = 4 [...]'),
    ],
)
def test_styles(style: TextStyle, line: str) -> None:
    assert CallText(style).line(REG) == line


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(0, "0.0 µs"), (6_100, "6.1 µs"), (123_456, "123 µs"), (12_345_678, "12.3 ms"), (12_345_678_900, "12.346 s")],
)
def test_times_have_their_unit(nanoseconds: int, text: str) -> None:
    line = CallText(TextStyle(spent=True)).line(returned("quiesce", duration=nanoseconds))
    assert line.endswith(f"= 0 <{text}>")


@pytest.mark.parametrize(
    ("text", "limit", "size", "shown"),
    [
        ("abc", 3, None, '"abc"'),
        ("abc", 2, None, '"ab"...'),
        ("abc", 9, 12, '"abc"...'),
        ("\0\t\n\r\x7f", 9, None, r'"\0\t\n\r\x7f"'),
        ("\u202ex", 9, None, r'"\u202ex"'),
    ],
)
def test_strings(text: str, limit: int, size: int | None, shown: str) -> None:
    assert quoted(text, limit, size) == shown


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_with_fewer_and_more_cells_than_it_has(name: str) -> None:
    row = SERVICES[name]
    for count in range(len(row.arguments) + 3):
        cells = tuple(range(0x100, 0x100 + count))
        line = call_text(returned(name, *cells, results=cells))
        assert line.startswith(f"{name}(") and line.count(", ") == 2 * max(0, count - 1)


def trace(*events: Event, expressions: tuple[str, ...] = (), **style: Any) -> str:
    lines: list[str] = []
    wanted = parse_filter(expressions) if expressions else None
    text = TextTrace(lines.append, TextStyle(column=0, **style), wanted=wanted, started=1_000_000_000)
    for event in events:
        text.hear(event)
    text.close()
    return "".join(lines)


def test_what_is_no_call_has_lines_of_its_own() -> None:
    events: tuple[Event, ...] = (
        Phase("client program started", 0.25, "at 0x1000"),
        Phase("reset", 0.5),
        TreeReplaced(7),
        Injected("claim:when=3", "claim 3 \x1b", 5_000),
        ConsoleOutput(b"\x1b[0mhello\r\n", 3_000),
        ConsoleInput(b"ls\r", 4_000),
    )
    assert trace(*events, console=True).splitlines() == [
        "+++ phase: client program started (at 0x1000) +++",
        "+++ phase: reset +++",
        "+++ the device tree was replaced: 7 nodes +++",
        r"+++ injected claim:when=3: claim 3 \x1b +++",
        r'--- console: "\x1b[0mhello\r\n" ---',
        r'--- typed: "ls\r" ---',
    ]
    assert len(trace(*events).splitlines()) == 4
    assert trace(*events, quiet=True) == ""


OUTER = returned("call-method", 0x2000, VTY, results=(0,), texts={0: "ring"}, started=1_000_000, duration=9_000_000)
INNER = returned("milliseconds", results=(5,), depth=1, started=2_000_000)
INMOST = returned("quiesce", depth=2, started=1_500_000)
NESTED = """\
call-method("ring", /vdevice/vty@71000000, <unfinished ...>
  milliseconds(<unfinished ...>
    quiesce() = 0
  <... milliseconds resumed>) = 5
  milliseconds() = 5
<... call-method resumed>) = 0
quiesce() = 0
"""
RECORDED: tuple[Event, ...] = (INMOST, INNER, INNER, OUTER, returned("quiesce"))
LIVE: tuple[Event, ...] = (
    called("call-method", 0x2000, VTY, texts={0: "ring"}),
    called("milliseconds", depth=1),
    called("quiesce", depth=2),
    INMOST,
    INNER,
    called("milliseconds", depth=1),
    INNER,
    OUTER,
    called("quiesce"),
    returned("quiesce"),
)


def test_calls_inside_of_a_call_stand_inside_of_it_recorded_or_live() -> None:
    assert trace(*RECORDED) == trace(*LIVE) == NESTED


def test_of_calls_inside_of_a_call_a_filter_may_leave_either() -> None:
    inner = "    quiesce() = 0\nquiesce() = 0\n"
    assert trace(*RECORDED, expressions=("quiesce",)) == trace(*LIVE, expressions=("quiesce",)) == inner
    outer = 'call-method("ring", /vdevice/vty@71000000) = 0\n'
    assert trace(*RECORDED, expressions=("call-method",)) == trace(*LIVE, expressions=("call-method",)) == outer


def test_a_call_that_did_not_return_is_unfinished() -> None:
    line = "read(/vdevice/vty@71000000, 0x3000, 80, <unfinished ...>\n"
    assert trace(called("read", VTY, 0x3000, 80)) == line
    assert trace(called("read", VTY, 0x3000, 80), expressions=("status=unfinished",)) == line
    assert trace(called("read", VTY, 0x3000, 80), expressions=("status=failed",)) == ""
    assert (
        trace(called("read", VTY, 0x3000, 80), called("exit"), returned("exit", outcome="exit")) == "exit() = ? exit\n"
    )


def test_a_recording_that_ends_inside_of_a_call() -> None:
    assert trace(INMOST, INNER) == NESTED[NESTED.index("  mill") : NESTED.index("  milliseconds()")]


def test_a_depth_that_no_call_has_is_bounded() -> None:
    assert trace(returned("quiesce", depth=10**12)) == "  " * 16 + "quiesce() = 0\n"


@pytest.mark.parametrize(
    ("stamp", "lines"),
    [
        (Stamp.START, ["  1.500000 quiesce() = 0", "  1.500250 quiesce() = 0"]),
        (Stamp.RELATIVE, ["     1.500000 quiesce() = 0", "     0.000250 quiesce() = 0"]),
        (Stamp.DAY, ["01:46:41 quiesce() = 0"] * 2),
        (Stamp.MICROSECONDS, ["01:46:41.500000 quiesce() = 0", "01:46:41.500250 quiesce() = 0"]),
    ],
)
def test_stamps(stamp: Stamp, lines: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    events = [returned("quiesce", started=started) for started in (1_500_000_000, 1_500_250_000)]
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "UTC")
        time.tzset()
        shown = trace(*events, stamp=stamp)
    time.tzset()
    assert shown.splitlines() == lines
