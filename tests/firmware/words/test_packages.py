"""Packages and instances in Forth: what is opened is closed, what is closed is free, and what is wrong is told."""

from __future__ import annotations

import pytest
from fakes import FakeClock, FakeConsole, World
from test_clients import interpret, signed

from vof.errors import PortError, ThrowCode
from vof.firmware.instances import INSTANCES_LIMIT
from vof.outcomes import Exit, Return

CHAIN = """
dev / new-device " outer" device-name : open ." (outer)" true ; : close ." outer." ; : name? my-args ;
new-device " middle" device-name : open ." (middle)" my-args nip 3 <> ; : close ." middle." ;
: up " name?" $call-parent ; : selftest my-parent 0<> 1+ ;
new-device " inner" device-name : open ." (inner)" my-args nip ?dup if throw then true ; : close ." inner." ;
: parent my-parent ihandle>phandle ; : where my-self ;
finish-device finish-device finish-device
new-device " filter" device-name : open ." (filter)" my-args nip 5 <> ; : close ." filter." ;
: name? " filtered" ; finish-device device-end
"""


def world_with_chain() -> World:
    world = World()
    assert interpret(world, CHAIN) == (0,)
    return world


@pytest.mark.parametrize(
    ("path", "opens", "said"),
    [
        ("/outer/middle/inner", True, b"(outer)(middle)(inner)"),
        ("/outer/middle/inner:x", False, b"(outer)(middle)(inner)middle.outer."),  # throws
        ("/outer/middle:abc/inner", False, b"(outer)(middle)outer."),  # says no
        ("/outer/middle/nowhere", False, b""),
    ],
)
def test_where_one_cannot_be_opened_those_above_are_closed(path: str, opens: bool, said: bytes) -> None:
    world = world_with_chain()
    before = set(world.firmware.instances.by_ihandle)
    (handle,) = world.call("open", path).results
    assert bool(handle) is opens and bytes(world.console.output) == said
    if handle:
        world.call("close", handle)
        assert world.console.output.endswith(b"inner.middle.outer.")
    assert set(world.firmware.instances.by_ihandle) == before


def test_a_device_s_method_without_its_open() -> None:
    """execute-device-method, apply and test open what is above the device, and not the device (1275 A)."""
    world = world_with_chain()
    before = set(world.firmware.instances.by_ihandle)
    assert interpret(world, '" /outer:n/middle" " up" execute-device-method', nret=4)[:3] == (0, 0xFFFFFFFF, 1)
    assert interpret(world, '" /outer/middle" " nothing" execute-device-method', nret=2) == (0, 0)
    assert interpret(world, "apply up /outer:nm/middle", nret=2) == (0, 2)
    assert interpret(world, "test /outer/middle") == (0,)
    assert bytes(world.console.output) == b"(outer)outer." * 3 + b"(outer)/outer/middle: passed\r\nouter."
    assert signed(interpret(world, "apply up")[0]) == ThrowCode.ABORT and "apply METHOD DEVICE" in world.fault
    assert set(world.firmware.instances.by_ihandle) == before


def test_test_all_takes_a_path() -> None:
    world = world_with_chain()
    assert interpret(world, "test-all /outer") == (0,)
    assert b"/outer/middle: passed" in world.console.output
    assert interpret(world, "test-all /cpus") == (0,)


def test_select_dev_is_undone_by_unselect_dev() -> None:
    world = world_with_chain()
    before = set(world.firmware.instances.by_ihandle)
    assert interpret(world, '" /outer:abc" select-dev name? pwd unselect-dev my-self', nret=4)[:3] == (0, 0, 3)
    assert bytes(world.console.output) == b"(outer)/outer outer."
    assert interpret(world, '" /outer/middle" begin-select-dev up unselect-dev unselect-dev', nret=2) == (0, 0)
    assert bytes(world.console.output).endswith(b"outer.(outer)outer.")
    assert interpret(world, "begin-select /outer my-self unselect", nret=2)[1] != 0
    assert set(world.firmware.instances.by_ihandle) == before


def test_interposed_packages() -> None:
    """1275's practice "Interposition": between a package and what is opened behind it, and in no path but one."""
    world = world_with_chain()
    text = 'dev /outer : open my-args " /filter" find-package drop interpose true ; device-end'
    assert interpret(world, text) == (0,)
    (handle,) = world.call("open", "/outer:abc/middle/inner").results
    assert handle
    middle = world.firmware.instances.need(handle).parent
    assert middle is not None and middle.parent is not None and middle.parent.node.name == "filter"
    assert world.call("call-method", "up", middle.ihandle, nret=2).results == (0, 8)
    path = world.call("instance-to-path", handle, bytes(64), 64)
    assert path.buffers[0][: path.results[0]] == b"/outer:abc/middle/inner"
    path = world.call("instance-to-interposed-path", handle, bytes(64), 64)
    assert path.buffers[0][: path.results[0]] == b"/outer:abc/%filter:abc/middle/inner"
    world.console.output.clear()
    world.call("close", handle)
    assert bytes(world.console.output) == b"inner.middle.filter.outer."
    (last,) = world.call("open", "/outer").results  # behind the last one: what is opened is the one interposed
    assert world.firmware.instances.need(last).node.name == "filter"
    before = len(world.firmware.instances.by_ihandle)
    assert world.call("open", "/outer:abcde").results == (0,), "the filter says no"
    assert len(world.firmware.instances.by_ihandle) == before
    assert signed(interpret(world, '" x" " /filter" find-package drop interpose')[0]) == ThrowCode.ABORT


def test_who_interposes_itself_comes_to_an_end() -> None:
    world = World()
    text = (
        'dev / new-device " loop" device-name : open " " my-self ihandle>phandle interpose true ; : close ; '
        "finish-device device-end"
    )
    assert interpret(world, text) == (0,)
    before = len(world.firmware.instances.by_ihandle)
    assert world.call("open", "/loop").results == (0,)
    assert "interposed" in world.fault and len(world.firmware.instances.by_ihandle) == before


def test_an_instance_has_its_handle_while_its_open_runs() -> None:
    world = World()
    text = (
        'dev / new-device " p" device-name 0 value n : more 1+ ; : open 4 " more" my-self $call-method to n '
        "my-self ihandle>phandle ; : close ; finish-device device-end "
        '" /p" open-dev 0<> 0 0 " /p" find-package drop open-package 0<> dev /p n'
    )
    assert interpret(world, text, nret=4) == (0, 5, 0xFFFFFFFF, 0xFFFFFFFF)
    before = set(world.firmware.instances.by_ihandle)
    assert interpret(world, "dev /p : open my-self close-dev true ; device-end") == (0,)
    assert world.call("open", "/p").results == (0,) and set(world.firmware.instances.by_ihandle) == before


def test_alarms() -> None:
    world = World()
    text = (
        'dev / new-device " clock" device-name instance variable ticks : open true ; : close ; '
        ": tick 1 ticks +! ; : on ['] tick 5 alarm ; : off ['] tick 0 alarm ; : ticked ticks @ ; "
        ": bad 1 throw ; : wrong ['] bad 5 alarm ; finish-device device-end "
        '" /clock" open-dev value one " /clock" open-dev value other'
    )
    assert interpret(world, text) == (0,)
    assert interpret(world, '" on" one $call-method 20 ms " ticked" one $call-method', nret=2) == (0, 3)
    clock = world.firmware.clock
    assert isinstance(clock, FakeClock)
    clock.now += 100
    world.call("milliseconds")  # once, however long nobody looked
    world.call("milliseconds")
    assert interpret(world, '" ticked" one $call-method " ticked" other $call-method', nret=3) == (0, 0, 4)
    clock.now += 5
    assert interpret(world, 'key? drop get-msecs drop " ticked" one $call-method', nret=2) == (0, 5)
    assert interpret(world, '" wrong" other $call-method 20 ms', nret=1) == (0,), "it is off at its first throw"
    assert len(world.firmware.forth.alarms) == 1
    assert interpret(world, '" off" one $call-method 20 ms " ticked" one $call-method', nret=2)[1] == 8
    assert interpret(world, '" on" one $call-method one close-dev 20 ms') == (0,)
    assert world.firmware.forth.alarms == [] and world.firmware.forth.my_self is None
    text = ": t 100 0 do i drop ['] noop i 1+ alarm loop ; t : n ; ' n 5 alarm"
    assert interpret(world, text) == (0,)
    assert signed(interpret(world, ': many begin s" : m ; \' m 5 alarm" evaluate again ; many')[0]) == -21


def test_finish_device_ends_what_new_device_began_wherever_dev_has_been() -> None:
    world = World()
    before = len(world.tree)
    assert interpret(world, 'dev / new-device dev /cpus " name" delete-property finish-device') == (0,)
    assert len(world.tree) == before and world.tree.find("/cpus") is not None, "/cpus was not its to remove"
    assert interpret(
        world, 'dev /cpus " cpus" device-name dev / new-device " n" device-name dev /cpus finish-device pwd'
    )
    assert bytes(world.console.output) == b"/ "


def test_device_end_ends_it_too() -> None:
    """BootX makes /chosen/memory-map so, and never says finish-device: later properties aren't that node's."""
    world = World()
    text = ' dev /chosen new-device " memory-map" device-name active-package device-end'
    caught, phandle = interpret(world, text, nret=2)
    assert caught == 0 and world.node("/chosen/memory-map").phandle == phandle
    assert interpret(world, 'dev /cpus 5 encode-int " five" property device-end my-self', nret=2) == (0, 0)
    assert "five" in world.node("/cpus").properties
    assert signed(interpret(world, "finish-device")[0]) == ThrowCode.ABORT


def test_what_the_firmware_keeps_cannot_be_deleted_and_what_is_deleted_is_free() -> None:
    world = World()
    assert signed(interpret(world, 'dev /memory " available" delete-property')[0]) == ThrowCode.ABORT
    assert "available" in world.node("/memory").properties
    text = 'dev /cpus pad 4000 encode-bytes 2constant v : x v " big" property " big" delete-property ; device-end'
    assert interpret(world, text) == (0,)
    for _ in range(20):
        assert interpret(world, "dev /cpus : t 100 0 do x loop ; t device-end") == (0,)
    assert interpret(world, 'dev /cpus " nothing" delete-property') == (0,)


def test_aliases_are_paid_for() -> None:
    world = World()
    path = "/" + "x" * 5000
    for number in range(4000):
        caught = signed(interpret(world, f"devalias a{number} {path}")[0])
        if caught:
            break
    assert caught == ThrowCode.ABORT and "bytes of properties" in world.fault
    for name in ("a/b", "a:b", "x" * 64):
        assert signed(interpret(world, f"devalias {name} /cpus")[0]) == ThrowCode.ABORT


def test_instances_room_is_used_again() -> None:
    world = World()
    text = (
        'dev / new-device " roomy" device-name instance variable v 800 instance buffer: b 5 instance value w '
        ": open 1 v ! b 800 erase 6 to w true ; : close ; finish-device device-end"
    )
    assert interpret(world, text) == (0,)
    for _ in range(1000):
        (handle,) = world.call("open", "/roomy").results
        assert handle
        world.call("close", handle)
    assert world.firmware.forth._instance_cells == 0


def test_large_properties_need_no_new_room_each_time() -> None:
    world = World()
    world.node("/cpus").properties["large"] = bytes(0x8000)
    text = 'dev /cpus : get " large" active-package get-package-property drop nip ; : t 100 0 do get drop loop get ; t'
    assert interpret(world, text, nret=2) == (0, 0x8000)


def test_methods_are_found_in_any_case() -> None:
    """BootX defines DRAW-RECTANGLE and calls draw-rectangle."""
    world = World()
    text = 'dev /vdevice/vty : DRAW-It 5 ; device-end " DrAw-it" stdout @ $call-method'
    assert interpret(world, text, nret=2) == (0, 5)
    stdout = int.from_bytes(world.node("/chosen").properties["stdout"])
    assert world.call("call-method", "draw-IT", stdout, nret=2).results == (0, 5)
    assert interpret(world, '" Draw-It" stdout @ ihandle>phandle find-method nip', nret=2) == (0, 0xFFFFFFFF)


def test_free_virtual_forgets_the_address() -> None:
    world = World()
    text = (
        'dev / new-device " bus" device-name : map-out 2drop ; : open true ; : close ; new-device " dev" device-name '
        ': open true ; : close ; 1000 encode-int " address" property : free 20 free-virtual ; finish-device '
        'finish-device device-end " /bus/dev" open-dev value d'
    )
    assert interpret(world, text) == (0,)
    node = world.node("/bus/dev")
    assert interpret(world, '2000 " free" d $call-method') == (0,) and "address" in node.properties
    assert interpret(world, '1000 " free" d $call-method') == (0,) and "address" not in node.properties


def test_output_closes_what_an_earlier_one_opened() -> None:
    world = World()
    before = set(world.firmware.instances.by_ihandle)
    assert interpret(world, '" screen" output " screen" input') == (0,)
    counts = set()
    for _ in range(5):
        assert interpret(world, '" screen" output " screen" input " screen" io ." x"') == (0,)
        counts.add(len(world.firmware.instances.by_ihandle))
    assert (
        len(counts) == 1
        and before < set(world.firmware.instances.by_ihandle)
        and bytes(world.console.output) == b"xxxxx"
    )


def test_go_with_nothing_loaded_comes_back_with_its_catch_result() -> None:
    world = World()
    answer = world.call("interpret", "1 go", nret=2)
    assert isinstance(world.outcome, Return) and answer.results == (0, 0)


def test_a_throw_crosses_python_and_forth() -> None:
    world = World()

    def python(instance: object, stack: list[int]) -> None:
        world.firmware.instances.need(stdout).call("thrower", stack)

    stdout = int.from_bytes(world.node("/chosen").properties["stdout"])
    world.node("/vdevice/vty").methods["python"] = python
    text = (
        'dev /vdevice/vty : thrower 1 2 3 77 throw ; device-end : t " python" stdout @ $call-method ; '
        "5 ' t catch my-self"
    )
    assert interpret(world, text, nret=4) == (0, 0, 0x77, 5)


def test_a_port_that_fails_can_be_caught() -> None:
    class Broken(FakeConsole):
        def write(self, data: bytes) -> None:
            raise PortError("the terminal has gone")

    world = World(Broken())
    assert interpret(world, ": t 41 emit ; ' t catch", nret=2) == (0, 0xFFFFFFFF)


def test_symbols_of_the_client_program() -> None:
    world = World()
    memory = world.memory

    def by_name(block: int) -> int:
        (name,) = memory.read_cells(block + 12, 1)
        known = memory.read_string(name, 32) == "main"
        memory.write_cells(block + 16, (0, 0x1234) if known else (0xFFFFFFFF, 0))
        return 0

    def by_value(block: int) -> int:
        (value,) = memory.read_cells(block + 12, 1)
        memory.write(0x9000, b"main\0")
        memory.write_cells(block + 16, (value - 0x1234 & 0xFFFFFFFF, 0x9000) if value >= 0x1234 else (0xFFFFFFFF, 0))
        return 0

    assert interpret(world, '" main" sym>value', nret=4)[:3] == (0, 0, 4), "nobody knows any"
    world.cpu.functions |= {0x5000: by_name, 0x6000: by_value}
    world.call("set-symbol-lookup", 0x5000, 0x6000)
    assert interpret(world, 'sym main " main" sym>value', nret=4) == (0, 0xFFFFFFFF, 0x1234, 0x1234)
    assert interpret(world, '" other" sym>value nip nip', nret=2) == (0, 0)
    assert signed(interpret(world, "sym other")[0]) == ThrowCode.UNDEFINED_WORD
    assert interpret(world, "1244 value>sym drop type 5 value>sym", nret=4) == (0, 0, 5, 0x10)
    assert interpret(world, "1234 .adr 1238 .adr 12 .adr") == (0,)
    assert bytes(world.console.output) == b"mainmain main+4 12 "


def test_registers_of_the_client_program() -> None:
    world = World()
    assert signed(interpret(world, "%r3")[0]) == ThrowCode.UNSUPPORTED_OPERATION
    names = (*(f"r{number}" for number in range(32)), "cr", "ctr", "lr", "msr", "pc", "srr0", "srr1", "xer")
    world.firmware.hooks.registers = lambda: {**{name: n for n, name in enumerate(names)}, "f1": 99}
    said = "%r0 %r1 %r2 %r3 %r4 %r5 %r6 %r7 %r8 %r9 %r10 %r11 %r12 %r13 %r14 %r15 %r16 %r17 %r18 %r19 %r20 %r21 %r22"
    assert interpret(world, said, nret=24) == (0, *range(22, -1, -1))
    said = "%r23 %r24 %r25 %r26 %r27 %r28 %r29 %r30 %r31 %cr %ctr %lr %msr %pc %srr0 %srr1 %xer"
    assert interpret(world, said, nret=18) == (0, *range(39, 22, -1))
    assert interpret(world, ".registers .fregisters") == (0,)
    assert b"   f1 0000000000000063" in world.console.output and b"srr1" in world.console.output
    world.firmware.hooks.registers = lambda: {"r1": 5}
    assert signed(interpret(world, "%xer")[0]) == signed(interpret(world, ".fregisters")[0]) == -21


@pytest.mark.parametrize(
    ("text", "results", "typed"),
    [
        ("5 even 6 even", (6, 6), b""),
        ('0 0 " x12 " drop convert drop drop', (0x12,), b""),
        (": one 1 ; : uses one ; : other 2 ; ' one .calls", (), b"uses\r\n"),
        ('" ctra" $sift', (), b"ctrace\r\n"),
        ("exit? oem-logo nip", (0, 0), b""),
        ("suspend-fcode", (), b""),
        ("20000 1100 memory-test-suite 20000 3 memory-test-issue mask @", (0xFFFFFFFF, 0, 0), b""),
        ("41 (emit) debug-cr emit spin", (), b"A"),
        (": turn 7 ; ' turn to spin spin", (7,), b""),
        ("20000 10 1234abcd filll 20000 l@ 2000c l@ 20010 l@", (0, 0x1234ABCD, 0x1234ABCD), b""),
        ('1 " Wikipedia" adler32', (0x11E60398,), b""),
        ("5 >r 6 r@ r>", (5, 5, 6), b""),
        ("here >r true if false >r r> drop then 1 allot r> here swap - ", (1,), b""),
        ("1 2 quit 3", None, b""),
        ("r>", None, b""),
        ("10 0 1 filll 3fffff0 20 1 filll", None, b""),
        ("0 0 -1 adler32", None, b""),
        ("0 -1 memory-test-suite", None, b""),
    ],
)
def test_words_that_clients_and_users_expect(text: str, results: tuple[int, ...] | None, typed: bytes) -> None:
    world = World()
    answer = interpret(world, text, nret=1 + (3 if results is None else len(results)))
    if results is None:
        assert answer[0] != 0
    else:
        assert answer == (0, *results)
    assert bytes(world.console.output) == typed


def test_text_from_the_console() -> None:
    world = World(FakeConsole(waiting=b": six 6 ;\rsix\x04rest"))
    assert interpret(world, "dl", nret=2) == (0, 6)
    assert bytes(world.console.waiting) == b"rest"


@pytest.mark.parametrize(
    "text",
    [
        ': bad my-self close-dev v @ 1 v ! my-args 2drop " ok" type ; ',
        ': bad my-self close-package 0 0 " /p" open-package ; ',
        ": bad my-self close-dev my-self close-dev ; ",
        ': bad " bad" my-self $call-method ; ',
        ': bad begin " /p" open-dev drop again ; ',
        ": bad begin 0 0 my-self ihandle>phandle open-package drop again ; ",
        ': open " /p" open-dev ; : bad " /p" open-dev ; ',
        ": bad dev /p new-device new-device new-device my-self close-dev ; ",
        ": bad begin dev / new-device again ; ",
        ": bad begin dev / new-device finish-device again ; ",
        ': bad dev /p " name" delete-property begin my-self ihandle>phandle peer drop again ; ',
        ": bad begin 2000 ms again ; ",
        ': bad begin s" devalias x y" evaluate again ; ',
        ": bad begin ['] bad 1 alarm get-msecs drop again ; ",
        ': bad begin here ffff " x" property here ffff " y" property again ; ',
        ': bad begin pad 20 " x" property " x" delete-property again ; ',
    ],
)
def test_hostile_methods(text: str) -> None:
    world = World()
    start = len(world.tree)
    interpret(world, 'dev / new-device " p" device-name instance variable v : open true ; : close ; ' + text)
    interpret(world, "finish-device device-end")
    for _ in range(2):
        (handle,) = world.call("open", "/p").results
        world.call("call-method", "bad", handle, nret=2)
        assert world.call("close", handle).r3 == 0
    assert len(world.firmware.instances.by_ihandle) <= INSTANCES_LIMIT and len(world.tree) < start + 5000
    assert world.firmware.depth == 0
    assert interpret(world, "device-end unselect-dev") == (0,)
    assert interpret(world, "1 2 +", nret=2) == (0, 3)


def test_leaving_from_the_middle_of_an_open_leaves_nothing_open() -> None:
    world = world_with_chain()
    before = set(world.firmware.instances.by_ihandle)
    interpret(world, "dev /outer/middle : open bye ; device-end")
    world.call("open", "/outer/middle/inner")
    assert world.outcome == Exit() and set(world.firmware.instances.by_ihandle) == before
