"""FCode against Debian's fcode-utils: what `detok` shows of it, and what programs made by `toke` do."""

from __future__ import annotations

import random
import re
import struct
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest
from fakes import QuietConsole
from hypothesis import given, settings
from hypothesis import strategies as st

from vof.backends import VirtualClock
from vof.errors import Throw, ThrowCode, UsageError
from vof.firmware.words import FirmwareForth
from vof.forth import Kind, Word
from vof.forth.fcode import Look, byte_load, detokenize, find_fcode
from vof.forth.fcode.numbers import NAMES
from vof.rom import find_images
from vof.vm.alone import firmware_alone

QEMU = Path("/usr/share/qemu")
SHIPPED = ("QEMU,tcx.bin", "QEMU,cgthree.bin", "QEMU,VGA.bin")

BUS = """
dev / new-device " sbus" device-name 2 encode-int " #address-cells" property 1 encode-int " #size-cells" property
: decode-unit 2drop 0 0 ;
: map-in ( low high size -- address ) 2drop 1000000 + ;
: map-out 2drop ;
: open true ;
: close ;
"""
"""A bus whose devices are wherever their driver maps them: from 16 MiB of memory on."""

BELOW = "0"
"""QEMU's drivers for SBus add my-address, of one cell there, by d+: that takes a cell from below what they have."""

# What each leaves on the stack, and types, is what the same text does.
SAME = [
    "1 2 + 3 * negate",
    ": add3 3 + ; 4 add3 add3",
    ": sign dup 0< if drop -1 else 0> if 1 else 0 then then ; 5 sign 0 sign -5 sign",
    ": sum 0 swap 0 ?do i + loop ; 10 sum 0 sum",
    ": odd 0 10 1 do i + 2 +loop ; odd",
    ": count5 0 begin 1+ dup 5 = until ; count5",
    ": halve 0 swap begin dup while 2/ swap 1+ swap repeat drop ; 100 halve 1 halve",
    ": gcd begin dup while swap over mod repeat drop ; 36 24 gcd",
    ": first 0 begin dup 10 < while dup 5 = if exit then 1+ repeat 100 + ; first",
    ": out 100 0 do i dup 7 = if leave then drop loop ; out",
    ": fact dup 1 > if dup 1- recurse * then ; 6 fact",
    ": nested 0 3 0 do 3 0 do i j * + loop loop ; nested",
    ": pick3 case 1 of 11 endof 2 of 22 endof 99 swap endcase ; 1 pick3 2 pick3 3 pick3",
    "5 value v : more v + to v ; 2 more 3 more v",
    "variable w 7 w ! : bump 1 w +! ; bump bump w @",
    "defer act : one 1 ; : two 2 ; ' one to act act ' two to act act",
    "20 buffer: b b 20 55 fill b 10 + c@",
    "struct 4 field >a 2 field >b constant /s 100 >b /s",
    "create table 1 , 2 , 3 , table 2 na+ @ table @",
    ': said " hello" ; said nip said drop c@',
    '." typed " 10 .',
    ': both ." in a definition" 1 if ."  yes" then ; both',
    "1234 lbsplit bljoin 1234 wbflip",
    ": rs 1 2 >r >r r@ r> r> ; rs",
    ": thrower 5 throw ; ' thrower catch",
    ": guarded ['] noop catch ; guarded",
    "1 2 ' + execute",
    "10 20 30 rot -rot over tuck 2 pick 2dup",
    "7fffffff 1+ 0< -1 u> 3 1 5 between 5 1 5 within",
    "12345678 <# u#s u#> type ff .",
    ": deep 1 if 2 if 3 if 4 else 5 then else 6 then else 7 then ; deep",
    ": two-ways begin dup 10 > if drop 0 exit then 1+ again ; 3 two-ways",
    ": skip 0 10 0 ?do i 3 = if leave then 1+ loop ; skip",
    ": up3 3 0 do i . loop ; up3",
    ": both-loops 0 begin 1+ dup 3 < while 2 0 do 1+ loop repeat ; both-loops",
    ": minus 0 0 5 do i + -1 +loop ; minus",
    "0 1 invert abs 5 3 mod 17 5 /mod 3 lshift",
    '" one,two" ascii , left-parse-string type space type',
]


def toke(source: str, folder: Path, header: str = "fcode-version2\nhex\n") -> bytes:
    """A program made by Debian's tokenizer."""
    (folder / "in.fs").write_text(f"{header}{source}\nfcode-end\n")
    done = subprocess.run(
        ["toke", "-o", folder / "out.fc", folder / "in.fs"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "rror" not in done.stderr, done.stderr
    return (folder / "out.fc").read_bytes()


def detok(program: bytes, folder: Path, *options: str) -> list[str]:
    """What Debian's detokenizer says, without remarks on the file, which it has words of its own for."""
    (folder / "in.fc").write_bytes(program)
    done = subprocess.run(["detok", *options, folder / "in.fc"], capture_output=True, check=True)
    lines = done.stdout.decode("latin-1").split("\n")
    assert lines[-2:] == ["", ""], "each file ends with an empty line"
    return without_remarks(lines[:-2])


def without_remarks(lines: Iterable[str]) -> list[str]:
    return [line for line in lines if not line.startswith("\\")]


def ours(program: bytes, *options: str) -> list[str]:
    """What we say with the same options."""
    look = Look("-o" in options, "-n" in options, "-v" in options, "-a" in options)
    return without_remarks(detokenize(program, look))


def alone() -> tuple[FirmwareForth, QuietConsole]:
    console = QuietConsole()
    firmware = firmware_alone(console)
    firmware.clock = VirtualClock()  # whoever waits for a key has waited
    return firmware.forth, console


def load(forth: FirmwareForth, program: bytes) -> None:
    forth.call(Word("load", Kind.PYTHON, function=lambda forth, stack: byte_load(forth, program)), forth.stack)


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize(
    "options", [(), ("-o",), ("-v",), ("-n",), ("-a",), ("-v", "-o"), ("-v", "-n", "-a"), ("-n", "-o")]
)
def test_detokenize_says_what_detok_says_of_what_qemu_ships(
    name: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    program = (QEMU / name).read_bytes()
    said = ours(program, *options)
    assert said == detok(program, tmp_path, *options) and len(said) > 300


@pytest.mark.parametrize("source", SAME)
def test_detokenize_says_what_detok_says_of_programs(source: str, tmp_path: Path) -> None:
    program = toke(source, tmp_path)
    assert ours(program, "-o") == detok(program, tmp_path, "-o")


@pytest.mark.parametrize("header", ["fcode-version1", "fcode-version2", "fcode-version3", "start0", "start2", "start4"])
def test_every_header(header: str, tmp_path: Path) -> None:
    program = toke(
        "headers : named 1 if 2 else 3 then ; external : ext named ; headerless : no ext ; no", tmp_path, f"{header}\n"
    )
    assert ours(program, "-o") == detok(program, tmp_path, "-o")
    if header not in ("start0",):
        forth, _ = alone()
        load(forth, program)
        assert forth.stack == [2] and forth.find("ext") is not None and forth.find("no") is None


def test_every_number_has_detoks_name(tmp_path: Path) -> None:
    taken = {number for number in range(0x300) if len(NAMES.get(number, "")) and _has_more(number)}
    numbers = [number for number in [*range(0x10, 0x100), *range(0x100, 0x300)] if number not in taken]
    body = b"".join(bytes((n,)) if n < 0x100 else bytes((n >> 8, n & 0xFF)) for n in numbers) + b"\0"
    program = header(body)
    theirs = detok(program, tmp_path, "-o")
    assert ours(program, "-o") == theirs and len(theirs) > 600


def _has_more(number: int) -> bool:
    from vof.forth.fcode.numbers import Behind, behind

    return behind(number) is not Behind.NOTHING or NAMES.get(number) in ("offset16", "end0", "end1")


def header(body: bytes, *, starter: int = 0xF1, wrong: int = 0) -> bytes:
    return bytes((starter, 8)) + struct.pack(">HI", (sum(body) + wrong) & 0xFFFF, len(body) + 8) + body


@pytest.mark.parametrize("source", SAME)
def test_programs_do_what_their_text_does(source: str, tmp_path: Path) -> None:
    as_text, text_console = alone()
    as_text.evaluate(f"hex {source}")
    as_fcode, fcode_console = alone()
    as_fcode.evaluate("hex")
    load(as_fcode, toke(source, tmp_path))
    assert as_fcode.stack == as_text.stack
    assert fcode_console.written == text_console.written


@pytest.mark.parametrize("spread", [0, 1, 2, 4])
def test_byte_load_fetches_by_a_word_and_a_spread(spread: int, tmp_path: Path) -> None:
    program = toke(": six 6 ; six", tmp_path, f"start{spread}\n" if spread != 1 else "start1\n")
    forth, _ = alone()
    if spread:
        spaced = b"".join(bytes((byte,)) + b"\xee" * (spread - 1) for byte in program)
        forth.memory.write(0x200000, spaced)
        forth.evaluate("0 value fetched : get 1 fetched + to fetched c@ ; 200000 ' get byte-load")
    else:  # all bytes from one address, as a FIFO has them
        forth.memory.write(0x200000, program)
        forth.evaluate("200000 value at : get drop at c@ at 1+ to at ; 0 value fetched 5 ' get byte-load")
    assert forth.stack == [6]
    if spread:
        forth.evaluate("clear fetched")
        assert forth.stack == [len(program)]
        forth.memory.write(0x300000, spaced)
        forth.evaluate("clear 300000 1 byte-load")
        assert forth.stack == [6]


def properties(forth: FirmwareForth, path: str) -> dict[str, bytes]:
    node = forth.firmware.tree.find(path)
    assert node is not None, path
    return dict(node.properties)


def cells(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


def test_the_driver_of_tcx() -> None:
    forth, _ = alone()
    forth.evaluate(f"{BELOW} {BUS} new-device")
    load(forth, (QEMU / "QEMU,tcx.bin").read_bytes())
    forth.evaluate("finish-device")
    found = properties(forth, "/sbus/SUNW,tcx")
    assert {"name": b"SUNW,tcx\0", "device_type": b"display\0", "tcx-8-bit": b"true\0"}.items() <= found.items()
    assert (found["width"], found["height"], found["linebytes"]) == (cells(1024), cells(768), cells(1024))
    assert (
        found["reg"][:32] == cells(0, 0x800000, 0x100000, 0, 0x2000000, 1, 0, 0x4000000)
        and len(found["reg"]) == 13 * 12
    )
    assert found["interrupts"] == cells(5) and found["intr"] == cells(0x39, 0) and found["vfreq"] == cells(60)


def test_the_driver_of_cgthree() -> None:
    forth, _ = alone()
    forth.evaluate(f"{BELOW} {BUS} new-device")
    load(forth, (QEMU / "QEMU,cgthree.bin").read_bytes())
    forth.evaluate("finish-device")
    found = properties(forth, "/sbus/cgthree")
    assert {"device_type": b"display\0", "model": b"SUNW,501-1415", "manufacturer": b"SUNW\0"}.items() <= found.items()
    assert found["reg"] == cells(0, 0, 0x1000000) and found["character-set"] == b"ISO8859-1\0"
    assert (found["width"], found["height"], found["linebytes"]) == (cells(1024), cells(768), cells(1024))


def test_the_driver_of_vga() -> None:
    """It asks OpenBIOS's own words for the size, through their execution tokens; there are none of them here."""
    forth, _ = alone()
    forth.evaluate('dev / new-device " display" device-name')
    load(forth, (QEMU / "QEMU,VGA.bin").read_bytes())
    forth.evaluate("finish-device")
    assert {"width", "height", "depth", "linebytes"} <= set(properties(forth, "/display"))
    node = forth.firmware.tree.find("/display")
    assert node is not None
    assert {"open", "write", "draw-logo", "restore", "color!", "set-colors", "dimensions"} <= set(node.methods)


def test_the_driver_of_tcx_writes_on_its_screen() -> None:
    """With RAM where its bus maps it, in place of the card."""
    forth, _ = alone()
    forth.evaluate(f"{BELOW} {BUS} new-device")
    load(forth, (QEMU / "QEMU,tcx.bin").read_bytes())
    forth.evaluate('finish-device " /sbus/SUNW,tcx" open-dev value screen')
    forth.evaluate('" Hi" " write" screen $call-method')
    assert forth.stack[1:] == [2]
    rows = [row[:24].rstrip() for row in picture(forth, 0x1800000).splitlines()[2:11]]
    cursor = " " * 16 + "########"
    drawn = (" #   #     #", " #   #", " #   #    ##", " #####     #", " #   #     #", " #   #     #", " #   #    ###")
    assert rows == [cursor, *(f"{letters:16}########" for letters in drawn), cursor]


def picture(forth: FirmwareForth, address: int) -> str:
    """The left of a screen of 1024 by 768 dots."""
    dots = forth.memory.read(address, 1024 * 768)
    return "\n".join(dots[row * 1024 : row * 1024 + 64].translate(_DOTS).decode() for row in range(768))


_DOTS = bytes(0x23 if value == 0xFF else 0x20 if value == 0 else 0x2E for value in range(256))


@pytest.mark.parametrize("bits", [1, 8])
def test_a_terminal_on_a_frame_buffer(bits: int, tmp_path: Path) -> None:
    driver = f"""
        " screen" device-name
        : start 1000000 to frame-buffer-adr default-font set-font d# 320 d# 200 d# 40 d# 10 fb{bits}-install ;
        ' start is-install
    """
    forth, _ = alone()
    forth.evaluate("dev / : open true ; : close ; new-device")
    load(forth, toke(driver, tmp_path))
    forth.evaluate('finish-device " /screen" open-dev value screen : say " write" screen $call-method drop ;')
    forth.evaluate('" one"(0d 0a)two"(1b)[1;2HX"(1b)[2J" say')
    stride, dots = 320 * bits // 8, forth.memory.read(0x1000000, 320 * 200 * bits // 8)
    lines = [any(dots[line * stride + 40 * stride : (line + 1) * stride + 40 * stride]) for line in range(120)]
    assert any(lines[:12]), "the first line has the O, the X and the E"
    forth.evaluate('" "(0c)" say')
    blank = forth.memory.read(0x1000000, 320 * 200 * bits // 8)
    assert sum(byte.bit_count() for byte in blank) <= 8 * 12 * bits, "only the cursor is left"
    forth.evaluate('d# 30 0 do " line"(0d 0a)" say loop')
    scrolled = forth.memory.read(0x1000000, 320 * 200 * bits // 8)
    assert scrolled != blank


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        (b"\xfc\0", ThrowCode.UNDEFINED_WORD, "0x0fc"),
        (b"\x08\x05\0", ThrowCode.UNDEFINED_WORD, "0x805"),
        (b"\xb5\x08\x00\xb7\xa5", ThrowCode.CONTROL_STRUCTURE_MISMATCH, "definition"),
        (b"\xc2\0", ThrowCode.COMPILE_ONLY, "b(;)"),
        (b"\xb7\0", ThrowCode.UNSUPPORTED_OPERATION, "new-token"),
        (b"\xb5\xa5\xb7\0", ThrowCode.UNSUPPORTED_OPERATION, "0xa5"),
        (b"\x1e\0", ThrowCode.STACK_UNDERFLOW, "underflow"),
        (b"\x12\x50ab", ThrowCode.ABORT, "ends"),
        (b"\xf1\x08\0\0\0\0\0\x09\0", ThrowCode.ABORT, "start1"),
        (b"\xb1\x13\xff\xff\0", ThrowCode.INTERRUPT, "too long"),
        (b"\xb2\0", ThrowCode.COMPILE_ONLY, "structure"),
    ],
)
def test_bad_programs_throw_with_their_place(body: bytes, code: ThrowCode, says: str) -> None:
    forth, _ = alone()
    with pytest.raises(Throw, match=re.escape(says)) as thrown:
        load(forth, header(body))
    assert thrown.value.code == code and not forth.compiling
    forth.evaluate("clear 1 2 +")
    assert forth.stack == [3]


def test_a_wrong_checksum_is_told_and_no_failure() -> None:
    forth, console = alone()
    load(forth, header(b"\xa7\0", wrong=1))
    assert forth.stack == [2] and b"checksum" in console.written


def test_a_driver_works_that_never_comes_to_a_number_without_a_meaning(tmp_path: Path) -> None:
    forth, _ = alone()
    load(forth, toke("headers external : useless group-code ; : useful 7 ; useful", tmp_path))
    assert forth.stack == [7]
    with pytest.raises(Throw, match="FCode 0x123: group-code: undefined word"):
        forth.evaluate("useless")


def test_a_driver_sees_that_a_number_has_no_meaning(tmp_path: Path) -> None:
    """As SBus drivers ask for the words of 64 bits."""
    forth, _ = alone()
    load(forth, toke("22e get-token drop ['] ferror = 230 get-token drop ['] ferror = ['] ferror catch", tmp_path))
    assert forth.stack == [0xFFFFFFFF, 0, (-13) & 0xFFFFFFFF]
    forth.evaluate("clear 800 get-token drop ' ferror =")
    assert forth.stack == [0xFFFFFFFF]


def test_an_immediate_token_runs_where_it_is_compiled(tmp_path: Path) -> None:
    forth, _ = alone()
    bump = "0 value n : bump n 1+ to n ; ' bump -1 7b set-token"
    source = f"{bump} : twice noop noop ; n twice n ' bump 0 7b set-token noop n"
    load(forth, toke(source, tmp_path))
    assert forth.stack == [2, 2, 3]


def test_get_token_and_set_token(tmp_path: Path) -> None:
    forth, _ = alone()
    load(forth, toke(": seven 7 ; 3 4 1e get-token drop execute ' seven 0 1f set-token 9 9 -", tmp_path))
    assert forth.stack == [7, 9, 9, 7]
    forth.evaluate("clear 9 9 - ")
    assert forth.stack == [0]
    with pytest.raises(Throw, match="set-token"):
        forth.evaluate("0 0 20 set-token")


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=80), st.sampled_from([0xF0, 0xF1, 0xF3, 0xFD]))
def test_no_bytes_do_worse_than_throw(body: bytes, starter: int) -> None:
    forth, _ = alone()
    program = header(body, starter=starter)
    list(detokenize(program, Look(offsets=True)))
    with suppress(Throw):
        load(forth, program)
    assert not forth.compiling and forth.fcode is None


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_no_file_does_worse_than_a_usage_error(data: bytes) -> None:
    for start in (b"", b"\x55\xaa", b"\xf1\x08"):
        try:
            list(detokenize(start + data))
        except UsageError as error:
            assert str(error)


def test_an_expansion_rom(tmp_path: Path) -> None:
    """Made by toke: romheaders, detok and we see the same in it."""
    source = """
        tokenizer[ h# 1234 h# 5678 h# 020000 pci-header ]tokenizer
        fcode-version2
        : hello ." hello" ; hello
        fcode-end
        pci-end
    """
    (tmp_path / "in.fs").write_text(source)
    subprocess.run(["toke", "-o", tmp_path / "rom", tmp_path / "in.fs"], capture_output=True, check=True)
    rom = (tmp_path / "rom").read_bytes()
    (image,) = find_images(rom)
    told = subprocess.run(["romheaders", tmp_path / "rom"], capture_output=True, text=True, check=True).stdout
    for name, value in (
        ("Vendor ID", f"{image.vendor:#06x}"),
        ("Device ID", f"{image.device:#06x}"),
        ("Class Code", f"{image.class_code:#08x}"),
        ("Code Type", f"{image.code_type:#04x} (Open Firmware)"),
        ("Pointer to FCode program", f"{image.fcode:#06x}"),
    ):
        assert f"{name}: {value}" in told
    assert (image.vendor, image.device, image.length) == (0x1234, 0x5678, len(rom))
    assert ours(rom, "-o") == detok(rom, tmp_path, "-o")
    forth, console = alone()
    load(forth, find_fcode(rom))
    assert console.written == b"hello"


def test_a_rom_of_several_images_and_an_image_of_several_programs(tmp_path: Path) -> None:
    (tmp_path / "in.fs").write_text(
        """
        tokenizer[ h# 1234 h# 5678 h# 020000 pci-header not-last-image ]tokenizer
        fcode-version2 headers : first 1 ; first fcode-end
        fcode-version1 headers : second begin again ; fcode-end
        pci-end
        tokenizer[ h# 1234 h# 9999 h# 030000 pci-header last-image ]tokenizer
        fcode-version3 headers : third ." say hi" ; fcode-end
        pci-end
        """
    )
    subprocess.run(["toke", "-o", tmp_path / "rom", tmp_path / "in.fs"], capture_output=True, check=True)
    rom = (tmp_path / "rom").read_bytes()
    assert [(image.device, image.last) for image in find_images(rom)] == [(0x5678, False), (0x9999, True)]
    for options in [(), ("-o", "-v"), ("-n",)]:
        assert ours(rom, *options) == detok(rom, tmp_path, *options)
    remarks = [line for line in detokenize(rom) if line.startswith("\\")]
    assert remarks[:4] == [
        "\\ image 1 at 0x0 of the expansion ROM: Open Firmware, 512 bytes",
        "\\   vendor 0x1234, device 0x5678, class 0x020000, revision of its code 0x0001",
        "\\   PCI data structure at 0x1c: 24 bytes, revision 0; vital product data at 0x0",
        "\\   FCode at 0x34",
    ]
    assert remarks[4] == "\\ image 2 at 0x200 of the expansion ROM: Open Firmware, 512 bytes, the last one"
    told = subprocess.run(["romheaders", tmp_path / "rom"], capture_output=True, text=True, check=True).stdout
    assert told.count("PCI Data Structure Length: 0x0018 (24 bytes)") == 2
    cut = list(detokenize(rom[:512]))
    assert cut[-1] == "\\ the expansion ROM ends here, and no image has said to be the last one"


LINES = [
    '" a""b"(00 01 ff)c"(22)" 2drop',
    '" " " 123456789" " 1234567890" 2drop 2drop 2drop',
    "headers : outer case 1 of 2 endof 3 of begin 4 until endof begin 5 while 6 repeat endcase ;",
    "headers : loops 9 0 ?do 9 0 do i j + leave 2 +loop loop ;",
    "headers : x -1 ffffffff 12345678 0 9 a ; ['] x drop external : y ; headers 3 value v 4 to v defer d ['] x to d",
    "new-device instance variable a instance 5 value b 4 instance buffer: c finish-device",
    f"headers : far if {'noop ' * 200} then begin {'noop ' * 40} again ;",
]


@pytest.mark.parametrize(
    ("version", "source"),
    [("fcode-version2", each) for each in LINES] + [("fcode-version1", each) for each in LINES[:6]],
)
def test_every_line_is_detoks(version: str, source: str, tmp_path: Path) -> None:
    program = toke(source, tmp_path, f"{version}\nhex\n")
    for options in [(), ("-o",), ("-v", "-o"), ("-n", "-v"), ("-a",)]:
        assert ours(program, *options) == detok(program, tmp_path, *options)


def test_offsets_of_8_and_of_16_bits_in_one_program(tmp_path: Path) -> None:
    program = toke("headers : a 1 if 2 then ; offset16 : b 1 if 2 else 3 then ; b", tmp_path, "fcode-version1\nhex\n")
    assert ours(program, "-o") == detok(program, tmp_path, "-o")
    forth, _ = alone()
    load(forth, program)
    assert forth.stack == [2]


@pytest.mark.parametrize(
    ("body", "remark"),
    [
        (b"\x14\0\0\xa5\0", "a branch that was never resolved"),
        (b"\x14\x40\0\xa5\0", "a branch to nowhere"),
        (b"\x14\x80\0\xa5\0", "a branch to nowhere"),
        (b"\x12\xff\0", "the program ends at 11, in the middle of what begins before"),
        (b"\xf1\0", "start1 at 8 in the middle of a program"),
    ],
)
def test_what_is_wrong_in_a_program_is_a_remark(body: bytes, remark: str) -> None:
    assert f"\\ {remark}" in list(detokenize(header(body)))


def test_a_header_that_is_wrong_is_told(tmp_path: Path) -> None:
    program = header(b"\xa5\0", wrong=3)
    assert ours(program) == detok(program, tmp_path)
    assert ours(program)[2] == "  checksum should be:  0x00a5, but is 0x00a8"
    assert list(detokenize(program[:-1]))[-1] == "\\ 1 bytes of the program are missing"
    assert list(detokenize(program + b"and more"))[-1] == "\\ 8 bytes behind the last program"


def test_what_stands_behind_end0_is_shown_on_demand(tmp_path: Path) -> None:
    program = header(b"\xa5\0\xa6\xff\xa7\0")
    assert ours(program)[4:] == ["0 ", "end0 ", "End of file."]
    assert ours(program, "-a") == detok(program, tmp_path, "-a")


def test_an_image_for_a_pc_is_passed_over() -> None:
    rom = Path("/usr/lib/ipxe/qemu/efi-e1000.rom").read_bytes()
    images = list(find_images(rom))
    assert [image.code_type for image in images] == [0, 3] and images[-1].last and find_fcode(rom) == b""
    with pytest.raises(UsageError, match="without an image for Open Firmware"):
        list(detokenize(rom))


SCREEN = "1000000 to frame-buffer-adr default-font set-font"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (": f recurse ; f", "too deep"),
        ("defer d ' d to d d", "too deep"),
        (": f begin 1 again ; f", "too much on the stack"),
        ("7fffffff buffer: b", "more bytes of data"),
        (": f begin 100000 alloc-mem drop again ; f", "no room"),
        (": f begin 0 , again ; f", "more bytes of data"),
        (": f begin new-device again ; f", "levels deep"),
        ("200000 1 byte-load", "run inside of each other"),
        (f"{SCREEN} 4000 4000 270f 270f fb8-install erase-screen", "bytes at"),
        (f"{SCREEN} 1000 100 270f 270f fb1-install : f begin invert-screen again ; f", "too long"),
        (
            f"{SCREEN} 400 400 50 18 fb8-install 7fffffff to #columns 7fffffff to char-width : f begin 7fffffff "
            "insert-characters again ; f",
            "too long",
        ),
        (
            f"{SCREEN} 400 400 50 18 fb8-install 7fffffff to #lines 7fffffff to char-height : f begin 7fffffff "
            "delete-lines 7fffffff insert-lines again ; f",
            "too long",
        ),
    ],
)
def test_hostile_programs_throw_in_time_and_within_their_memory(source: str, says: str, tmp_path: Path) -> None:
    forth, _ = alone()
    forth.evaluate('0 dev / new-device " x" device-name')
    program = toke(source, tmp_path)
    forth.memory.write(0x200000, program)
    with pytest.raises(Throw, match=says):
        load(forth, program)
    assert forth.fcode is None and not forth.compiling


def test_changed_programs_do_no_worse_than_throw(tmp_path: Path) -> None:
    """Bits that are turned, bytes that are put in or lost, and ends that come too soon: the same ones each time."""
    chance = random.Random(1275)
    programs = [(QEMU / name).read_bytes() for name in SHIPPED] + [toke(source, tmp_path) for source in SAME[:20]]
    for _ in range(120):
        program = bytearray(chance.choice(programs))
        for _ in range(chance.choice((1, 2, 5, 20))):
            at = chance.randrange(8, len(program) - 1)
            match chance.randrange(4):
                case 0:
                    program[at] ^= 1 << chance.randrange(8)
                case 1:
                    program[at:at] = bytes((chance.randrange(256),))
                case 2 if len(program) > 16:
                    del program[at]
                case _:
                    program = program[: max(at, 10)]
        program[4:8] = len(program).to_bytes(4)
        forth, _ = alone()
        list(detokenize(bytes(program), Look(offsets=True)))
        forth.evaluate(f"{BELOW} {BUS} new-device")
        with suppress(Throw):
            load(forth, bytes(program))
        assert not forth.compiling and forth.fcode is None
