"""What real client programs say by `interpret`, and what they get."""

from __future__ import annotations

import pickle

import pytest
from fakes import FakeClock, FakeConsole, World

from vof.errors import ThrowCode
from vof.outcomes import Boot, PowerOff, Reset
from vof.tree import encode_cells, encode_string

EFIKA_MDIO = (
    's" /builtin" find-device new-device 1 encode-int s" #address-cells" property '
    '0 encode-int s" #size-cells" property s" mdio" device-name s" fsl,mpc5200b-mdio" encode-string '
    's" compatible" property 0xf0003000 0x400 reg 0x2 encode-int 0x5 encode-int encode+ 0x3 encode-int encode+ '
    's" interrupts" property finish-device'
)
EFIKA_PHY = (
    's" /builtin/mdio" find-device new-device s" ethernet-phy" device-name 0x10 encode-int s" reg" property '
    'my-self ihandle>phandle finish-device s" /builtin/ethernet" find-device encode-int s" phy-handle" property '
    "device-end"
)
"""Linux's prom_init, for bPlan's Efika."""


def interpret(world: World, text: str, *arguments: int | str, nret: int = 1) -> tuple[int, ...]:
    answer = world.call("interpret", text, *arguments, nret=nret)
    assert answer.r3 == 0
    return answer.results


def signed(cell: int) -> int:
    return cell - (1 << 32) if cell >> 31 else cell


def test_linux_builds_the_efikas_nodes() -> None:
    world = World()
    builtin = world.tree.add("/", "builtin", {"#address-cells": encode_cells(1), "#size-cells": encode_cells(1)})
    ethernet = world.tree.add(builtin, "ethernet")
    assert interpret(world, EFIKA_MDIO) == (0,)
    assert interpret(world, EFIKA_PHY) == (0,)
    mdio = world.tree.find("/builtin/mdio")
    assert mdio is not None and mdio.name == "mdio@f0003000"
    assert dict(mdio.properties) == {
        "name": b"mdio\0",
        "#address-cells": encode_cells(1),
        "#size-cells": encode_cells(0),
        "compatible": encode_string("fsl,mpc5200b-mdio"),
        "reg": encode_cells(0xF0003000, 0x400),
        "interrupts": encode_cells(2, 5, 3),
    }
    phy = world.tree.find("/builtin/mdio/ethernet-phy")
    assert phy is not None and phy.name == "ethernet-phy@10"
    assert ethernet.properties["phy-handle"] == encode_cells(phy.phandle)
    assert world.firmware.forth.active is None and world.firmware.forth.my_self is None


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("reset-all", Reset()),
        ("power-off", PowerOff()),
        ("poweroff", PowerOff()),
        ("shut-down", PowerOff()),
        ("boot disk:2,\\vmlinux quiet", Boot("disk:2,\\vmlinux quiet")),
        (': off power-off ; " off" evaluate', PowerOff()),
    ],
)
def test_what_ends_the_client(text: str, outcome: object) -> None:
    world = World()
    world.call("interpret", text)
    assert world.outcome == outcome


@pytest.mark.parametrize(
    "text",
    ["output-device output", "cursor-on", "cursor-off", "erase-screen", " 10 ms", "#lines 2 - to line#", "", " \r\n "],
)
def test_what_boot_loaders_say(text: str) -> None:
    assert interpret(World(), text) == (0,)


def test_memory_as_grub_and_freebsd_take_it() -> None:
    world = World()
    caught, address = interpret(world, "alloc-mem", 0x2000, nret=2)
    assert caught == 0 and address
    assert not world.claims.is_free(address, 0x2000)
    assert interpret(world, "free-mem", 0x2000, address) == (0,)
    assert world.claims.is_free(address, 0x2000)


def test_the_order_of_arguments_and_results() -> None:
    """The top of the stack first, both ways (1275 §6.3.2.6)."""
    world = World()
    assert interpret(world, "-", 1, 5, nret=2) == (0, 4)  # 5 1 -
    assert interpret(world, "1 2 3", nret=4) == (0, 3, 2, 1)
    assert interpret(world, "1 2 3", nret=2) == (0, 3)
    assert interpret(world, "1", nret=4) == (0, 1, 0, 0)
    assert world.call("interpret", "1 2", nret=0).r3 == 0
    assert signed(interpret(world, "1 2 nonsense", nret=3)[0]) == ThrowCode.UNDEFINED_WORD


def test_definitions_stay_from_call_to_call() -> None:
    world = World()
    assert interpret(world, "decimal : twenty 20 ; 7 value seven hex") == (0,)
    assert interpret(world, "twenty seven 8 to seven", nret=3) == (0, 7, 20)
    assert interpret(world, "seven", nret=2) == (0, 8)


YABOOT = (
    "hex : D2NIP decode-int nip nip ;\r: GPP$ get-package-property 0= ;\r: ^on0 0= if -1 throw then ;\r"
    ": $CM $call-method ;\r",
    ' " /chosen" find-package if dup " memory" rot GPP$ if D2NIP swap " mmu" rot GPP$ if D2NIP else 0 then '
    "else 0 0 then else 0 0 then\r value mmu# value mem# ",
    ": ^mem mem# $CM ; : ^mmu mmu# $CM ; ",
)
"""The three strings of yaboot's start."""


def test_yaboots_words_find_memory_and_mmu() -> None:
    world = World()
    chosen = world.node("/chosen").properties
    (mmu,) = world.call("open", "/vdevice/vty").results  # any will do
    (memory,) = world.call("open", "/memory").results
    chosen["mmu"], chosen["memory"] = encode_cells(mmu), encode_cells(memory)
    for text in YABOOT:
        assert interpret(world, text) == (0,)
    assert interpret(world, "mem# mmu# 10", nret=4) == (0, 0x10, mmu, memory)
    called = []
    for path in ("/memory", "/vdevice/vty"):
        world.node(path).methods["asked"] = lambda instance, stack: called.append((instance.ihandle, stack.pop()))
    assert interpret(world, '5 " asked" ^mem 6 " asked" ^mmu') == (0,)
    assert called == [(memory, 5), (mmu, 6)]
    assert signed(interpret(world, "0 ^on0")[0]) == -1
    assert interpret(world, "1 ^on0 10 ms") == (0,)


@pytest.mark.parametrize("missing", ["mmu", "memory", "/chosen"])
def test_yaboots_words_where_there_is_none(missing: str) -> None:
    world = World()
    if missing == "/chosen":
        world.tree.remove(world.node("/chosen"))
    else:
        world.node("/chosen").properties.update({"mmu": encode_cells(5), "memory": encode_cells(6)})
        del world.node("/chosen").properties[missing]
    for text in YABOOT:
        assert interpret(world, text) == (0,)
    expected = (6, 0) if missing == "mmu" else (0, 0)
    assert interpret(world, "mem# mmu#", nret=3) == (0, *expected[::-1])


OFBOOT = """\
hex : .printf fb8-write drop ; " screen" output 4000 release-load-area
: bootyaboot " Booting Linux..." .printf 100 ms " hd:2,\\yaboot" $boot ;
: bootmacos " Booting Mac OS..." .printf 100 ms " hd:4,\\:tbxi" $boot ;
variable interval 0 interval !
: choose begin key? if key case ascii l of " l" .printf bootyaboot endof ascii m of bootmacos endof endcase then
get-msecs interval @ > until ;
get-msecs d# 3000 + interval ! " Press l or m: " .printf choose bootyaboot"""
"""A menu in the manner of yaboot's first stage: what is typed, or in three seconds the default, is booted."""


@pytest.mark.parametrize(
    ("typed", "boots", "said"),
    [
        (b"m", "hd:4,\\:tbxi", b"Press l or m: Booting Mac OS..."),
        (b"xl", "hd:2,\\yaboot", b"Press l or m: lBooting Linux..."),
        (b"", "hd:2,\\yaboot", b"Press l or m: Booting Linux..."),
    ],
)
def test_a_menu_like_ofboots(typed: bytes, boots: str, said: bytes) -> None:
    world = World(FakeConsole(waiting=typed))
    clock = world.firmware.clock
    assert isinstance(clock, FakeClock)
    looks = iter(range(0, 1 << 20, 100))
    clock.milliseconds = lambda: next(looks)  # type: ignore[method-assign]
    world.call("interpret", OFBOOT)
    assert world.outcome == Boot(boots) and bytes(world.console.output) == said


def test_nodes_that_boot_scripts_add() -> None:
    """BootX's script, for a machine whose firmware has too few; and Haiku's way to boot."""
    world = World()
    world.tree.add("/pci@8", "mac-io", {"#address-cells": encode_cells(1), "#size-cells": encode_cells(1)})
    text = (
        'dev /pci/mac-io\rnew-device " mesh" device-name finish-device\rdev /pci/mac-io/mesh\r'
        '" mesh" encode-string " name" property\r" chrp,mesh0" encode-string " compatible" property\r'
        '0 encode-int " reg" property\rdev /pci/mac-io new-device " sound" device-name finish-device\r'
        'dev /pci/mac-io/sound " sound" encode-string " device_type" property'
    )
    assert interpret(world, text) == (0,)
    mesh, sound = world.node("/pci/mac-io/mesh"), world.node("/pci/mac-io/sound")
    assert (mesh.name, sound.name) == ("mesh@0", "sound")
    assert mesh.properties["compatible"] == b"chrp,mesh0\0" and sound.properties["device_type"] == b"sound\0"
    world.call("interpret", 'load-base release-load-area " boot cd:,\\\\haikuloader.elf" eval')
    assert "no machine" in world.fault, "load-base, here, where there is nothing that could be booted"
    world.call("interpret", '" boot cd:,\\\\haikuloader.elf" eval')
    assert world.outcome == Boot("cd:,\\\\haikuloader.elf")


def test_colours_as_yaboot_and_haiku_set_them() -> None:
    world = World()
    assert interpret(world, "f to foreground-color 0 to background-color") == (0,)
    assert interpret(world, "foreground-color background-color", nret=3) == (0, 0, 15)
    assert interpret(world, "toggle-cursor to foreground-color to background-color toggle-cursor", 3, 4) == (0,)
    assert interpret(world, "foreground-color background-color", nret=3) == (0, 4, 3)
    assert interpret(world, "toggle-cursor to line# to column# toggle-cursor", 5, 6) == (0,)
    assert interpret(world, "line# column#", nret=3) == (0, 6, 5)
    assert interpret(world, "#columns #lines", nret=3) == (0, 24, 80)


def test_linux_sets_properties_of_an_old_firmware() -> None:
    """prom_init's way for FirmWorks' firmware: addresses and lengths in the text; and a value of a package."""
    world = World()
    world.memory.write(0x9000, b"\0\0\0\x2a")
    world.memory.write(0x9100, b"linux,answer")
    assert interpret(world, "dev /chosen 0x9000 0x4 0x9100 0xc property ") == (0,)
    assert world.node("/chosen").properties["linux,answer"] == b"\0\0\0\x2a"
    assert interpret(world, "dev /memory 1 value allow-reclaim device-end") == (0,)
    assert interpret(world, "dev /memory 0 to allow-reclaim allow-reclaim", nret=2) == (0, 0)


BOOTX_WORDS = """\
drop hex unselect-dev " /packages" find-device new-device " sl_words" device-name : open true ; : close ;
0 value level : slw_level dup 0= if 0 stdout ! then to level ;
: slw_emit (emit) 2 level <= if emit else drop then ; : slw_cr debug-cr 2 level <= if cr then ;
0 value kbd 20 buffer: keys : slw_keys to kbd keys dup 20 0 fill ;
: slw_more { ; dpth } depth -> dpth kbd if " get-key-map" kbd $call-method depth dpth - 1 = if 20 then
4 / 0 do dup i 4 * + l@ keys i 4 * + tuck l@ or swap l! loop drop then ;
0 value screen# 0 value image 0 value stage 0 value time 0 value delay
: slw_spin screen# 0<> image 0<> and if get-msecs dup time - delay >= if to time slw_more
stage 1+ 3 mod dup to stage 40 * image + 1 2 4 4 " draw-rectangle" screen# $call-method else drop then then ;
: slw_spin_init to image to screen# d# 111 to delay ['] slw_spin to spin ;
: slw_pwd ['] pwd 138 - execute ;
: slw_sum { adr len } len 0 tuck do dup 1 and if 10000 or then 1 >> adr i + c@ + ffff and loop ;
device-end 0 0 " sl_words" $open-package"""
"""Words of the kinds that BootX's package has, in its ways; its methods are called by the client program."""


def test_bootxs_package() -> None:
    world = World()
    world.memory.write(0x9000, bytes(range(0x20)))
    drawn: list[list[int]] = []
    methods = world.node("/vdevice/vty").methods
    methods["get-key-map"] = lambda instance, stack: stack.append(0x9000)  # without a length, as an older one answers
    methods["draw-rectangle"] = lambda instance, stack: drawn.append([stack.pop() for _ in range(5)][::-1])
    stdout = int.from_bytes(world.node("/chosen").properties["stdout"])
    caught, words = interpret(world, BOOTX_WORDS, 3, nret=2)
    assert caught == 0 and words

    def call(method: str, *arguments: int, nret: int = 1) -> tuple[int, ...]:
        results = world.call("call-method", method, words, *arguments, nret=nret).results
        assert results[0] == 0
        return results[1:]

    call("slw_level", 3)
    for character in b"hi":
        call("slw_emit", character)
    call("slw_cr")
    assert bytes(world.console.output) == b"hi\r\n"
    call("slw_level", 1)
    call("slw_emit", 0x41)
    assert bytes(world.console.output) == b"hi\r\n"
    (keys,) = call("slw_keys", stdout, nret=2)
    assert world.memory.read(keys, 0x20) == bytes(0x20)
    call("slw_more")
    assert world.memory.read(keys, 0x20) == bytes(range(0x20))
    call("slw_spin_init", 0x8000, stdout)
    assert interpret(world, "d# 200 ms spin 10 ms spin d# 200 ms spin") == (0,)
    assert drawn == [[0x8040, 1, 2, 4, 4], [0x8080, 1, 2, 4, 4]]
    total = 0
    for byte in b"hello":
        total = (((total | 0x10000 if total & 1 else total) >> 1) + byte) & 0xFFFF
    world.memory.write(0x9000, b"hello")
    assert call("slw_sum", 5, 0x9000, nret=2)[0] & 0xFFFF == total


def test_bootxs_display() -> None:
    """Drawing by Forth where a display has no method for it, and by the address that its package says."""
    world = World()
    screen = world.tree.add("/", "display", {"address": encode_cells(0x20000), "device_type": b"display\0"})
    screen.methods.update(world.node("/vdevice/vty").methods)
    text = (
        " to active-package value rowbytes value depthbytes"
        " : rect-setup >r >r rowbytes * swap depthbytes * + frame-buffer-adr + r> depthbytes * -rot r> ;"
        " : FILL-RECTANGLE rect-setup rot depthbytes case 1 of dup 8 << or dup 10 << or endof"
        " 2 of dup 10 << or endof endcase -rot 0 ?do dup 3 pick 3 pick filll rowbytes + loop 3drop ;"
        " frame-buffer-adr 0 to active-package"
    )
    assert interpret(world, text, screen.phandle, 40, 1, nret=2) == (0, 0x20000)
    assert world.firmware.forth.active is None
    (handle,) = world.call("open", "/display").results
    assert world.call("call-method", "fill-rectangle", handle, 2, 4, 1, 8, 0xAB, nret=1).results == (0,)
    rows = world.memory.read(0x20000, 40 * 4)
    lines = [rows[40 * n : 40 * n + 40] for n in range(4)]
    assert lines == [bytes(40), *[bytes(8) + b"\xab" * 4 + bytes(28)] * 2, bytes(40)]
    assert interpret(world, '" _screen-ihandle" $find if execute else 0 then', nret=2) == (0, 0)
    text = "get-package-property if 0 0 then"
    name = world.call.put(b"address")
    caught, length, address = interpret(world, text, screen.phandle, 7, name, nret=3)
    assert (caught, length) == (0, 4) and world.memory.read_cells(address, 1) == (0x20000,)
    assert interpret(world, text, screen.phandle, 3, name, nret=3) == (0, 0, 0)


def test_what_mac_os_9s_boot_script_begins_with() -> None:
    """A number on the return stack between structures, `decode-string` in a loop, letters made small at `here`."""
    world = World()
    world.tree.root.properties["compatible"] = b"PowerMac1,1\0MacRISC\0Power Macintosh\0"
    text = (
        'here >r dev / " compatible" active-package get-package-property abort" no COMPATIBLE"\r'
        " false dup 0= if drop false >r begin dup while decode-string here over 2swap bounds ?do\r"
        ' i c@ dup [char] A [char] Z between if h# 20 xor then c, loop 2dup " macrisc" $= r> or >r 2drop\r'
        ' repeat 2drop r> then r> here - allot 0= abort" this image is not for this platform"\r'
        " device-end 0 constant /chosen /chosen"
    )
    before = interpret(world, "here", nret=2)[1]
    assert interpret(world, text, nret=2) == (0, 0)
    assert interpret(world, "here", nret=2)[1] - before < 0x80
    assert interpret(world, 'decimal 1 " 305419896" [\'] eval catch hex', nret=4) == (0, 0, 0x12345678, 1)
    world.tree.root.properties["compatible"] = b"PowerMac1,1\0"
    assert signed(interpret(world, text)[0]) == ThrowCode.ABORT_QUOTE
    assert "not for this platform" in world.fault


def test_a_package_in_forth_is_a_device() -> None:
    """BootX's way: the methods are called by the client program, with an instance of their own."""
    world = World()
    text = (
        'unselect-dev " /packages" find-device new-device " counter" device-name '
        "instance variable count : open 7 count ! true ; : close ; : next count @ dup 1+ count ! ; "
        ": args my-args nip ; : broken -1 throw ; "
        'finish-device device-end " abc" " counter" $open-package " " " counter" $open-package'
    )
    _, second, first = interpret(world, text, nret=3)
    assert first and second and first != second
    ask = world.call
    assert ask("call-method", "next", first, nret=2).results == (0, 7)
    assert ask("call-method", "next", first, nret=2).results == (0, 8)
    assert ask("call-method", "next", second, nret=2).results == (0, 7)
    assert ask("call-method", "args", first, nret=2).results == (0, 3)
    assert ask("call-method", "broken", first, nret=2).results == (0xFFFFFFFF, 0)
    opened = ask("open", "/packages/counter:xyz").results[0]
    assert ask("call-method", "args", opened, nret=2).results == (0, 3)
    assert ask("close", opened).r3 == 0


def test_forth_calls_python_and_python_forth() -> None:
    world = World(FakeConsole(waiting=b"k"))
    interpret(world, 'dev /vdevice/vty : shout " HEY" " write" my-self $call-method ; device-end')
    stdout = int.from_bytes(world.node("/chosen").properties["stdout"])
    assert world.call("call-method", "shout", stdout, nret=2).results == (0, 3)
    assert world.console.output == b"HEY"
    assert interpret(world, '." and " 41 emit key', nret=2) == (0, ord("k"))
    assert world.console.output == b"HEYand A"


def test_properties_and_paths() -> None:
    world = World()
    assert interpret(world, 'dev /cpus " #address-cells" active-package get-package-property', nret=4)[:2] == (0, 0)
    assert interpret(world, '" /cpus" find-package if ihandle>phandle else 5 then', nret=2)[0] != 0
    assert interpret(world, '" /nowhere" find-package', nret=2) == (0, 0)
    assert interpret(world, '" /nowhere" open-dev', nret=2) == (0, 0)
    caught, handle = interpret(world, '" screen" open-dev dup ihandle>phandle swap close-dev', nret=2)
    assert (caught, handle) == (0, world.node("/vdevice/vty").phandle)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (": x begin again ; x", ThrowCode.INTERRUPT),
        ("10000000 allot", ThrowCode.DICTIONARY_OVERFLOW),
        (": x recurse ; x", ThrowCode.RETURN_STACK_OVERFLOW),
        ("finish-device", ThrowCode.ABORT),
        ("dev /nowhere", ThrowCode.ABORT),
        ("0 0 0 0 $call-method", ThrowCode.ABORT),
        ('1 encode-int " available" dev /memory property', ThrowCode.ABORT),
        ("my-self $call-parent", None),
        (': x begin s" n" new-device again ; dev /cpus x', None),
        ("begin key again", None),
    ],
)
def test_a_hostile_text_is_told_no(text: str, code: ThrowCode | None) -> None:
    world = World()
    before = len(world.tree)
    caught = signed(interpret(world, text)[0])
    assert caught == code if code is not None else caught
    assert len(world.tree) < before + 5000
    assert interpret(world, "1 2 +", nret=2) == (0, 3)


def test_a_client_that_never_says_a_word_of_forth_loses_no_memory() -> None:
    world = World()
    free = world.claims.free()
    interpret(world, "output-device output")
    interpret(world, "cursor-off")
    assert world.claims.free() == free
    interpret(world, "here", nret=2)
    assert world.claims.free() != free


def test_all_of_it_can_be_pickled() -> None:
    world = World()
    interpret(world, ': x 5 ; dev /cpus : y x ; new-device " z" device-name finish-device variable v 9 v !')
    forth = world.firmware.forth
    words = pickle.loads(pickle.dumps([forth.root, *forth._package_words.values()]))
    assert list(words[0].words) == ["x"]


def test_a_package_may_be_opened_ever_again() -> None:
    """Its instances' memory is given back, where it is closed and where it can't be opened."""
    world = World()
    interpret(
        world,
        's" /packages" find-device new-device s" big" device-name instance 8000 buffer: data '
        ": open data c@ 0= 1 data c! my-args nip 0= and ; : close ; finish-device device-end",
    )
    for _ in range(50):
        ihandle = world.call("open", "/packages/big").results[0]
        assert ihandle > 0
        world.call("close", ihandle, nret=0)
        assert world.call("open", "/packages/big:no").results[0] in (0, 0xFFFFFFFF)
