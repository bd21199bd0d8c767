"""What real client programs say by `interpret`, and what they get."""

from __future__ import annotations

import pickle

import pytest
from fakes import FakeConsole, World

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
