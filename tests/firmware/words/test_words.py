"""Words that no other prompt has, or whose answers are this firmware's own: what each leaves and types."""

from __future__ import annotations

import pytest
from fakes import QuietConsole

from vof.errors import Throw
from vof.firmware.words import FirmwareForth
from vof.forth import TABLES
from vof.vm.alone import firmware_alone

TRUE = 0xFFFFFFFF
BUS = """
dev / new-device " bus" device-name 2 encode-int " #address-cells" property 1 encode-int " #size-cells" property
: open true ; : close ;
: decode-unit ( text count -- low high ) parse-2int ;
: map-in ( low high size -- address ) drop + ; : map-out ( address size -- ) 2drop ;
: dma-alloc 100 + ; : dma-free 2drop ; : dma-map-in 2drop ; : dma-map-out 3drop ; : dma-sync 3drop ;
new-device " card" device-name 5 0 encode-phys 10 encode-int encode+ " reg" property
" "(02 00 00 00 00 07)" encode-bytes " mac-address" property
: open true ; : close ; : where my-unit ; : space my-space ; : address my-address ;
: mapped 1000 0 20 memmap ; : low 10 20 map-low ; : unmapped 1000 20 free-virtual 7 ;
: dma 8 dma-alloc ; : dmas 1 2 dma-free 1 2 0 dma-map-in 1 2 3 dma-map-out 1 2 3 dma-sync ;
: mac mac-address ; : passes 0 ; : fails 5 ; ' passes is-selftest ' noop is-remove
finish-device finish-device device-end
" /bus/card" open-dev value card : ask card $call-method ;
"""
SCREEN = """
dev / new-device " screen" device-name
: start 1000000 to frame-buffer-adr default-font set-font d# 320 d# 200 d# 40 d# 10 {fb}-install ;
' start is-install
: at ( line column -- ) to column# to line# ;
: dots 0 d# 320 d# 200 * {bits} * 8 / 0 do 1000000 i + c@ if 1+ then loop ;
finish-device device-end " /screen" open-dev value screen : ask screen $call-method ;
"""

# What is evaluated first, what is tried, the stack that it leaves, what it types.
CASES: list[tuple[str, str, list[int], str]] = [
    ("", "1 -1 umin 1 -1 umax", [1, TRUE], ""),
    ("", "-1 u>d 5 0 d>s", [TRUE, 0, 5], ""),
    ("", 'pad 3 over c! 1+ s" dup" rot swap move pad find nip pad 1+ c@', [TRUE, 0x64], ""),
    ("", "41 emit (cr 42 emit", [], "A\rB"),
    ("", ": skip 1 >in +! ; 5 skip X 6", [5, 6], ""),
    ("", "suppress-banner probe-all", [], ""),
    ("", "diagnostic-mode? setenv diag-switch? true", [0], ""),
    ("", "5 display-status", [], ""),
    ("", "firmware-version 10 rshift", [3], ""),
    ("", ': five 5 ; " cinque" \' five (is-user-word) cinque', [5], ""),
    ("", ": t user-abort ; ' t catch", [TRUE], ""),
    ("", ": t 5 6 + ; patch 7 5 t t patch - + t t", [13, 1], ""),
    ("", ": t 5 dup ; 7 true 5 true ' t (patch) t", [7, 7], ""),
    (BUS, '" where" ask', [5, 0], ""),
    (BUS, '" space" ask " address" ask', [0, 5], ""),
    (BUS, '" mapped" ask " low" ask " unmapped" ask', [0x1000, 0x10, 7], ""),
    (BUS, '" dma" ask " dmas" ask', [0x108, 1], ""),
    (BUS, '" mac" ask nip', [6], ""),
    (BUS, "card close-dev test /bus/card", [], "/bus/card: passed\r\n"),
    (BUS, "dev /bus/card : bad 5 ; ' bad is-selftest device-end test-all", [], "/bus/card@5: failed (5)\r\n"),
    (BUS, '" /bus/card" select-dev " reg" get-my-property nip nip unselect', [0], ""),
    (BUS, '" /bus" find-package drop 0 0 rot open-package dup 0<> swap close-package', [TRUE], ""),
    (BUS, '" /bus/card" " where" execute-device-method', [5, 0, TRUE], ""),
    (BUS, "apply where /bus/card", [5, 0], ""),
    (BUS, '" /bus/card" find-package drop dup " where" rot find-method drop nip card call-package', [5, 0], ""),
    (BUS, '" " " /bus" find-package drop next-property if type then', [], "name"),
    (
        BUS,
        '" /bus/card" find-package drop " reg" rot get-package-property drop dev /bus/card decode-phys 2swap 2drop',
        [5, 0],
        "",
    ),
    ("", 'dev / new-device " x,y" " 7" set-args " dev7" device-name my-args type my-unit finish-device', [7], "x,y"),
    ("", '" " " 5" " /" begin-package " pack" device-name end-package " /pack" find-package nip', [TRUE], ""),
    (
        "",
        '" hd:3" " boot-device" $setenv boot-device type set-default boot-device boot-device type',
        [],
        "hd:3disk cdrom net",
    ),
    ("", "set-defaults auto-boot? diag-switch? fcode-debug? oem-banner? oem-logo?", [TRUE, 0, 0, 0, 0], ""),
    (
        "",
        "boot-command type boot-file type diag-device type diag-file type oem-banner type security-mode type",
        [],
        "bootnetdiagnone",
    ),
    ("", "screen-#columns screen-#rows security-#badlogins selftest-#megs drop", [80, 24, 0], ""),
    ("", "nvalias here /chosen\ndev here pwd nvramrc nip 0<> nvunalias here", [TRUE], "/chosen "),
    ("", '" there" " /chosen" $nvalias dev there pwd " there" $nvunalias', [], "/chosen "),
    ("", "setenv nvramrc 5 .d\n nvrun", [], "5 "),
    ("", "nvquit nvrecover", [], ""),
]
FRAME_BUFFER: list[tuple[str, bool]] = [
    # What the driver is asked for, and whether dots that are set remain.
    ("char-width fontbytes screen-height window-top inverse? inverse-screen?", False),
    ("foreground-color background-color frame-buffer-busy? font-adr", False),
    ("0 0 at 41 draw-character", True),
    ("0 0 at 41 draw-character erase-screen", False),
    ("toggle-cursor toggle-cursor", False),
    ("reset-screen blink-screen", False),
    ("invert-screen", True),
    ("0 0 at 41 draw-character 0 0 at 1 delete-characters", False),
    ("0 0 at 41 draw-character 0 0 at 1 insert-characters", True),
    ("0 0 at 41 draw-character 0 0 at 1 delete-lines", False),
    ("0 0 at 41 draw-character 0 0 at 1 insert-lines", True),
    ("0 here 8 8 here 8 ff fill draw-logo", True),
    ("0 0 at 41 fb1-draw-character fb1-erase-screen", False),
    ("fb1-reset-screen fb1-toggle-cursor fb1-toggle-cursor fb1-blink-screen", False),
    ("0 0 at 41 fb1-draw-character 1 fb1-insert-characters 1 fb1-delete-characters fb1-invert-screen", True),
    ("0 0 at 41 fb1-draw-character 1 fb1-insert-lines 1 fb1-delete-lines 1 fb1-slide-up", False),
    ("0 here 8 8 here 8 ff fill fb1-draw-logo", True),
    ("0 0 at 41 fb8-draw-character fb8-erase-screen", False),
    ("fb8-reset-screen fb8-toggle-cursor fb8-toggle-cursor fb8-blink-screen", False),
    ("0 0 at 41 fb8-draw-character 1 fb8-insert-characters 1 fb8-delete-characters fb8-invert-screen", True),
    ("0 0 at 41 fb8-draw-character 1 fb8-insert-lines 1 fb8-delete-lines 1 fb8-delete-lines", False),
    ("0 here 8 8 here 8 ff fill fb8-draw-logo", True),
]


def alone() -> tuple[FirmwareForth, QuietConsole]:
    console = QuietConsole()
    return firmware_alone(console).forth, console


@pytest.mark.parametrize(("before", "text", "stack", "typed"), CASES, ids=[case[1] for case in CASES])
def test_words(before: str, text: str, stack: list[int], typed: str) -> None:
    forth, console = alone()
    forth.evaluate(before)
    forth.evaluate(text)
    assert forth.stack == stack
    assert console.written.decode("latin-1") == typed


@pytest.mark.parametrize("bits", [1, 8])
@pytest.mark.parametrize(("text", "remains"), FRAME_BUFFER, ids=[case[0] for case in FRAME_BUFFER])
def test_frame_buffers(text: str, remains: bool, bits: int) -> None:
    """After fb1-install and after fb8-install alike."""
    other = "fb8-" if bits == 1 else "fb1-"
    text = text.replace("fb1-slide-up", "fb8-delete-lines") if bits == 8 else text
    text = text.replace(other, f"fb{bits}-")
    forth, _ = alone()
    forth.evaluate(SCREEN.format(fb=f"fb{bits}", bits=bits))
    forth.evaluate(f"dev /screen : clean erase-screen ; : go {text} ; device-end")
    for name in ("clean", "go"):
        forth.evaluate(f'" {name}" ask clear')
    forth.evaluate('" dots" ask')
    assert bool(forth.stack.pop()) == remains


def test_the_screens_sizes() -> None:
    forth, _ = alone()
    forth.evaluate(SCREEN.format(fb="fb8", bits=8))
    forth.evaluate(
        "dev /screen : sizes char-width char-height fontbytes screen-width screen-height #lines #columns window-left ; "
    )
    forth.evaluate('" sizes" ask 41 >font')
    assert forth.stack[:-1] == [8, 12, 1, 320, 200, 10, 40, 0]


def test_a_dot_is_drawn_where_it_belongs() -> None:
    for bits, row in ((8, b"\0\0\xff\xff\xff\0\0\0"), (1, b"\x38")):
        forth, _ = alone()
        forth.evaluate(SCREEN.format(fb=f"fb{bits}", bits=bits))
        forth.evaluate('dev /screen : go erase-screen 1 2 at 41 draw-character ; device-end " go" ask')
        stride = 320 * bits // 8
        start = 0x1000000 + (40 + 12 + 3) * stride + 2 * bits
        assert forth.memory.read(start, bits) == row


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("patch 7 9 nosuch", "nosuch: undefined word"),
        (": t 5 ; patch 7 9 t", "nothing like that"),
        ("patch 7 9 dup", "nothing like that"),
        ("5 0 d# 40 d# 10 fb8-install", "no font"),
        ("test", "test PATH"),
        ("test /nosuch", "be tested: no device"),
        ('" x,y" parse-2int', "isn't two hexadecimal numbers"),
        ("my-unit", "no instance"),
        ("41 draw-character", "no screen's driver"),
    ],
)
def test_what_is_wrong_is_said(text: str, says: str) -> None:
    forth, _ = alone()
    with pytest.raises(Throw, match=says):
        forth.evaluate(text)


def test_the_stack_is_shown_after_each_line() -> None:
    from vof.firmware.prompt import Prompt

    forth, console = alone()
    prompt = Prompt(forth.firmware, forth.firmware.console.show)
    for line in ("showstack", "1 2", "noshowstack", "3"):
        prompt.line(line)
    assert console.written.count(b"1 2 ") == 1


def test_version() -> None:
    forth, console = alone()
    forth.evaluate(".version")
    assert console.written.startswith(b"vof ")


def test_words_that_firmwares_share_have_nothing_of_one_s_memory() -> None:
    """A definition in a table is compiled once: a text, or a token, in it would be the first firmware's."""
    for table in TABLES.values():
        for word in table.words.values():
            texts = word.text.split()
            assert not any(name.endswith('"') for name in texts) and not {"'", "[']"} & set(texts), word.name


def test_a_second_firmware_has_the_same_words() -> None:
    for prefix in ("", "create room 100 allot "):
        forth, _ = alone()
        forth.evaluate(prefix + BUS + '" dma" ask " dmas" ask')
        assert forth.stack == [0x108, 1]


def test_dump_types_all_that_was_asked_for() -> None:
    forth, console = alone()
    forth.evaluate("100 5008 dump")
    lines = console.written.decode("latin-1").splitlines()
    assert len(lines) == 0x501 and lines[0].startswith("00000100: ") and lines[-1].startswith("00005100: ")
    forth.steps = 400_000
    with pytest.raises(Throw, match="ran for too long"):
        forth.evaluate("0 7fffffff dump")
