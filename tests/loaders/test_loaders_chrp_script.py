"""CHRP boot scripts, as they are on disks."""

from __future__ import annotations

import io
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xcoff_files import HAIKU

from vof.errors import UsageError
from vof.loaders import ChrpScript, boot_command, expand, parse_chrp_script, read_program, starts_payload

GRUB = b"""<chrp-boot>
<description>grub</description>
<os-name>grub</os-name>
<boot-script>boot &device;:\\boot\\grub\\powerpc.elf</boot-script>
</chrp-boot>
"""
RED_HAT = b"""<CHRP-BOOT>\r
<COMPATIBLE>\r
MacRISC MacRISC3\tMacRISC4\r
</COMPATIBLE>\r
<DESCRIPTION>A &lt;Linux&gt;\r
 on CD-ROM</DESCRIPTION>\r
<OS-NAME>Linux</OS-NAME>\r
<ICON SIZE=64,64 COLOR-SPACE=3,3,2>\r
<BITMAP>\r
FF FF 00 00\r
</BITMAP>\r
</ICON>\r
<BOOT-SCRIPT>\r
\\ the loader\r
." Welcome" cr\r
" Loading ... " type cr\r
boot  &device;:&partition;,\\ppc\\mac\\yaboot conf=a b \r
</BOOT-SCRIPT>\r
</CHRP-BOOT>\r
"""
BOOTX = b"""<CHRP-BOOT>
<COMPATIBLE>MacRISC</COMPATIBLE>
<BOOT-SCRIPT>
load-base
begin
  dup 6 " &lt;/CHRP" $= if 6 + dup 6 " -BOOT&gt;" $= if 8 + true else false then else 1+ false then
until
( xcoff-base )
load-size over load-base - -
load-base swap move
init-program go
</BOOT-SCRIPT>
</CHRP-BOOT>
"""
MAC_OS_ROM = b"""<CHRP-BOOT>\r<COMPATIBLE>\rMacRISC\r</COMPATIBLE>\r<BOOT-SCRIPT>\r
h# 5678 constant elf-offset\r
load-base elf-offset + dup load-base - load-size swap - load-base swap move init-program go\r
</BOOT-SCRIPT>\r</CHRP-BOOT>\r\x04"""


def test_grub() -> None:
    script = parse_chrp_script(GRUB)
    assert script == ChrpScript((), "grub", "grub", "boot &device;:\\boot\\grub\\powerpc.elf", None)
    assert boot_command(script.boot_script) == "&device;:\\boot\\grub\\powerpc.elf"
    ready = expand(script.boot_script, device="/vdevice/v-scsi/disk")
    assert boot_command(ready) == "/vdevice/v-scsi/disk:\\boot\\grub\\powerpc.elf"


def test_one_with_everything() -> None:
    script = parse_chrp_script(RED_HAT)
    assert script.compatible == ("MacRISC", "MacRISC3", "MacRISC4")
    assert (script.description, script.os_name) == ("A <Linux> on CD-ROM", "Linux")
    assert script.boot_script.startswith("\r\n\\ the loader\r\n")
    assert boot_command(script.boot_script) == "&device;:&partition;,\\ppc\\mac\\yaboot conf=a b"
    assert script.payload_offset is None
    assert not starts_payload(script.boot_script)


def test_a_program_in_the_same_file() -> None:
    content = BOOTX + b"\n" + HAIKU.build()
    script = parse_chrp_script(content)
    assert script.payload_offset == len(BOOTX) + 1
    assert read_program(io.BytesIO(content[script.payload_offset :])).kind == "xcoff"
    assert starts_payload(script.boot_script)
    assert starts_payload(expand(script.boot_script))
    assert boot_command(script.boot_script) is None


def forth_counts(content: bytes) -> int:
    """What BootX's loop comes to, step by step."""
    at = 0
    while True:
        if content[at : at + 6] == b"</CHRP":
            at += 6
            if content[at : at + 6] == b"-BOOT>":
                return at + 8
        else:
            at += 1


@pytest.mark.parametrize("end", [b"\r\n", b"\n\n", b"\n\x04", b"\r\x04"])
def test_the_offset_is_what_bootx_counts(end: bytes) -> None:
    content = BOOTX.rstrip() + end + HAIKU.build() + b"</CHRP-BOOT>"
    script = parse_chrp_script(content)
    assert script.payload_offset == forth_counts(content)
    assert content[script.payload_offset :].startswith(b"\x01\xdf")


def test_a_mac_os_rom_knows_its_program_by_numbers() -> None:
    script = parse_chrp_script(MAC_OS_ROM + bytes(100))
    assert script.compatible == ("MacRISC",)
    assert script.payload_offset == len(MAC_OS_ROM)
    assert not starts_payload(script.boot_script)


def test_the_script_may_hold_anything() -> None:
    inside = '0 < if ." <OS-NAME>no</OS-NAME>" then <boot-script> <x'
    data = f"\0 \n<CHRP-BOOT version=1 >\n<Boot-Script\tx=y>{inside}</boot-SCRIPT ></CHRP-BOOT >".encode()
    script = parse_chrp_script(data)
    assert (script.boot_script, script.os_name) == (inside, "")


def test_a_script_without_its_last_tag_is_good() -> None:
    script = parse_chrp_script(b"<CHRP-BOOT><BOOT-SCRIPT>boot cd:,x</BOOT-SCRIPT>" + bytes(1 << 20))
    assert (script.boot_script, script.payload_offset) == ("boot cd:,x", None)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no CHRP boot script"),
        (b"\x7fELF", "no CHRP boot script"),
        (b"x<CHRP-BOOT><BOOT-SCRIPT>boot</BOOT-SCRIPT></CHRP-BOOT>", "no CHRP boot script"),
        (b"<CHRP-BOOTS><BOOT-SCRIPT>boot</BOOT-SCRIPT></CHRP-BOOT>", "no CHRP boot script"),
        (b"<CHRP-BOOT></CHRP-BOOT><BOOT-SCRIPT>boot</BOOT-SCRIPT>", "no <BOOT-SCRIPT>.*in it"),
        (b"<CHRP-BOOT><BOOT-SCRIPT>boot", "no <BOOT-SCRIPT>.*in it"),
        (b"<CHRP-BOOT><BOOT-SCRIPT>" + b" " * (1 << 18) + b"</BOOT-SCRIPT>", "within 256 KiB"),
    ],
)
def test_what_is_refused_and_why(data: bytes, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        parse_chrp_script(data)
    assert "\n" not in str(caught.value)


def test_entities() -> None:
    text = "&lt;&gt;&amp;&amp;lt; &device; &partition; &directory; &filename; &full-path; &DEVICE; &other; &; & &#10;"
    assert expand(text) == text.replace("&lt;&gt;&amp;&amp;lt;", "<>&&lt;")
    whole = expand(
        text,
        device="/pci/ide",
        partition="2",
        directory="\\ppc\\",
        filename="boot&lt;",
        full_path="/pci/ide:2,\\ppc\\x",
    )
    assert whole == "<>&&lt; /pci/ide 2 \\ppc\\ boot&lt; /pci/ide:2,\\ppc\\x /pci/ide &other; &; & &#10;"


@pytest.mark.parametrize(
    ("script", "arguments"),
    [
        ("boot", ""),
        ("  BOOT  hd:,\\yaboot  \n\n", "hd:,\\yaboot"),
        ("boot hd:2,\\a \\ b", "hd:2,\\a \\ b"),
        ("\\ boot x\rboot y\r( z )", "y"),
        ("( on two\nlines ) cr space .( hi) boot y\ncr", "y"),
        ('." a\\ ( b" boot y', "y"),
        ('" a"(0d 22)b"n" type boot y', "y"),
        ("", None),
        ("\\ boot x", None),
        ("cr", None),
        ("boot a\nboot b", None),
        ("dev / boot a", None),
        ("boota", None),
        ('" hd:2,\\yaboot" $boot', None),
        ('" a" boot b', None),
        ('" a" cr type boot b', None),
        ('boot b\n" a"', None),
        ("type boot b", None),
        (": go boot b ;", None),
        ('." a\nboot b"', None),
        ('" a\nboot b" type', None),
        ('" a"(0d type', None),
        ("( boot b", None),
        ("key? if boot a then", None),
        ("4000 load-base ! boot a", None),
    ],
)
def test_scripts_that_need_no_forth(script: str, arguments: str | None) -> None:
    assert boot_command(script) == arguments


@pytest.mark.parametrize(
    "script",
    [
        "load-base init-program go",
        'load-base " &lt;/CHRP" \\ init-program go',
        'load-base " &lt;/CHRP" ( init-program go )',
        'load-base " &lt;/CHRP init-program go"',
        'load-base " &lt;/CHRP" go init-program',
        'load-base " &lt;/CHRP" init-programs go',
        '\\ " &lt;/CHRP"\nload-base init-program go',
    ],
)
def test_scripts_that_start_no_program_of_their_file(script: str) -> None:
    assert not starts_payload(script)


FORTH = st.sampled_from(
    ['"', '."', ".(", "(", ")", "\\", "boot", "type", "cr", '"(', "\n", "\r", " ", "\0", "&lt;", "x"]
)
TAGS = st.sampled_from(
    [b"<CHRP-BOOT>", b"<BOOT-SCRIPT>", b"</BOOT-SCRIPT>", b"</CHRP-BOOT>", b"<", b"<OS-NAME>", b"\xff"]
)


@given(st.lists(FORTH, max_size=20).map("".join) | st.lists(FORTH, max_size=20).map(" ".join))
def test_any_forth_can_be_looked_at(script: str) -> None:
    boot_command(script)
    starts_payload(script)
    expand(script, device="x")


@given(st.lists(TAGS | st.binary(max_size=4), max_size=12).map(b"".join))
def test_any_file_can_be_looked_at(data: bytes) -> None:
    try:
        script = parse_chrp_script(b"<CHRP-BOOT>" + data)
    except UsageError as error:
        assert "\n" not in str(error)
    else:
        assert script.payload_offset is None or script.payload_offset <= len(data) + 11


@pytest.mark.parametrize(
    "piece", ['" " ', '" "( ', "( ) ", "<OS-NAME>", "<BOOT-SCRIPT ", "&lt", '"(', "</OS-NAME ", "\\\n"]
)
def test_long_scripts_take_no_time(piece: str) -> None:
    text = piece * ((1 << 18) // len(piece))
    start = time.process_time()
    boot_command(text)
    starts_payload(text)
    expand(text)
    with pytest.raises(UsageError):
        parse_chrp_script(b"<CHRP-BOOT>" + text.encode())
    parse_chrp_script(b"<CHRP-BOOT><BOOT-SCRIPT></BOOT-SCRIPT>" + text.encode())
    assert time.process_time() - start < 5
