"""The in-process engine with real machine code: traps, exceptions, clocks, stale translations, and how guests end."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from build import build_c
from programs import EXIT, assemble, symbol

from vof import VM, Config, EndReason, UsageError
from vof.engines.unicorn import UnicornEngine
from vof.events import ClientCall, Event, Phase

pytestmark = pytest.mark.guest

TRAPS = ("hypercall", "illegal", "osi", "mailbox")


def machine(kernel: Path, **options: Any) -> VM:
    return VM(Config(**{"engine": "unicorn", "kernel": str(kernel), "clock": "virtual", **options}))


@pytest.mark.parametrize("trap", TRAPS)
@pytest.mark.parametrize(
    ("bits", "endian", "where"),
    [
        (32, "big", "generic"),
        (32, "big", "generic,real-mode=off"),
        (32, "big", "pseries"),
        (64, "big", "pseries"),
        (64, "little", "pseries"),
    ],
)
def test_every_trap_serves_every_kind_of_client(bits: int, endian: str, where: str, trap: str, tmp_path: Path) -> None:
    program = build_c("talker", bits, endian, tmp_path)
    with machine(program, machine=where, trap=trap, append="here") as vm:
        said = vm.expect("bye", timeout=20)
        assert b"talker: here" in said and b"calls 1000 in" in said
        ending = vm.wait(20)
        assert ending is not None and ending.reason is EndReason.EXIT


def test_a_reset_starts_everything_again(tmp_path: Path) -> None:
    program = build_c("talker", 32, "big", tmp_path)
    with machine(program, append="reset") as vm:
        for _ in range(3):
            assert b"zeroes 0\r\n" in vm.expect("ms", timeout=20).replace(b"\n", b"\r\n").replace(b"\r\r", b"\r")
        assert vm.boots >= 3


ENDS = [
    # what it does, what the line says
    ("lis 4, 0xc000\n mtctr 4\n call: bctrl\n nop", ["jumped to where there is no memory", "0xc0000000", "(call)"]),
    ("li 4, 0x1000\n mtctr 4\n call: bctrl\n nop", ["no instruction of this CPU (0x00000000)", "0x1000", "(call)"]),
    ("lis 4, 0xc000\n poke: stw 4, 0(4)", ["stored to 0xc0000000, where there is no memory", "(poke)"]),
    ("lis 4, 0x9000\n nop\n lwz 4, 0(4)", ["loaded from 0x90000000", "(_start+0x8)"]),
    ("sc", ["made a system call", "(_start)"]),
    ("trap", ["a trap or a privileged instruction"]),
    ("mfmsr 5\n ori 5, 5, 0x30\n mtmsr 5\n isync", ["nothing is mapped to"]),
    (
        "li 0, 64\n mtctr 0\n li 0, 0\n addi 6, 5, -4\n 1: stwu 0, 4(6)\n bdnz 1b\n mtctr 5\n bctrl\n nop",
        ["has overwritten the client interface's entry"],
    ),
]


@pytest.mark.parametrize(("code", "fragments"), ENDS, ids=[fragments[0] for _, fragments in ENDS])
def test_a_crash_is_told_in_one_line(code: str, fragments: list[str], tmp_path: Path) -> None:
    with machine(assemble(tmp_path, code)) as vm:
        ending = vm.wait(10)
        assert ending is not None and ending.reason is EndReason.CRASH and ending.status == 5
        for fragment in ("the client program", *fragments):
            assert fragment in ending.message
        assert "\n" not in ending.message


@pytest.mark.parametrize("trap", TRAPS)
def test_an_overwritten_entry_is_told(trap: str, tmp_path: Path) -> None:
    with machine(assemble(tmp_path, ENDS[-1][0]), trap=trap) as vm:
        ending = vm.wait(10)
        assert ending is not None and "has overwritten the client interface's entry" in ending.message


def test_a_wild_block_is_answered_and_told(tmp_path: Path) -> None:
    code = "lis 3, 0xffff\n mtctr 5\n mr 31, 5\n bctrl\n mr 30, 3\n mtctr 31\n li 3, 2\n bctrl\n trap"
    with machine(assemble(tmp_path, code)) as vm:
        ending = vm.wait(10)
        assert ending is not None and "trap" in ending.message  # both calls came back
        assert isinstance(vm.engine, UnicornEngine)
        assert vm.engine.cpu.gpr(30) == vm.engine.cpu.gpr(3) == 0xFFFFFFFF


def test_a_guest_that_loops_is_stopped_in_time(tmp_path: Path) -> None:
    with machine(assemble(tmp_path, "b _start")) as vm:
        assert vm.wait(0.2) is None


def test_an_endless_exception_is_stopped_in_time(tmp_path: Path) -> None:
    code = "lis 4, 0x4800\n li 5, 0x700\n stw 4, 0(5)\n icbi 0, 5\n isync\n trap"  # the handler branches to itself
    with machine(assemble(tmp_path, code)) as vm:
        assert vm.wait(0.2) is None


HANDLED = f"""
        lis     4, entry@ha
        stw     5, entry@l(4)
        li      7, 0x700                # each vector jumps to `handler`
        bl      install
        li      7, 0xc00
        bl      install
        lis     23, notes@ha
        addi    23, 23, notes@l
here:   trap
        sc
        .long   0x00dddd01              # illegal
        b       quit
install:
        lis     8, jump@ha
        addi    8, 8, jump@l
        lwz     9, 0(8)
        stw     9, 0(7)
        lwz     9, 4(8)
        stw     9, 4(7)
        lwz     9, 8(8)
        stw     9, 8(7)
        lwz     9, 12(8)
        stw     9, 12(7)
        isync
        blr
jump:   lis     26, handler@ha
        addi    26, 26, handler@l
        mtctr   26
        bctr
handler:                                # notes SRR0 and SRR1, and goes on behind the instruction
        mfsrr0  21
        mfsrr1  22
        stw     21, 0(23)
        stw     22, 4(23)
        addi    23, 23, 8
        lis     24, here + 8@ha         # SRR0 of the system call is behind it already
        addi    24, 24, here + 8@l
        cmpw    21, 24
        bne     1f
        cmpwi   27, 0
        li      27, 1
        beq     2f
1:      addi    21, 21, 4
2:      mtsrr0  21
        rfi
{EXIT}
notes:  .space  64
"""


def test_exceptions_go_to_the_guests_own_vectors(tmp_path: Path) -> None:
    program = assemble(tmp_path, HANDLED)
    with machine(program) as vm:
        ending = vm.wait(10)
        assert ending is not None and ending.reason is EndReason.EXIT, ending
        notes = vm.engine.memory.read_cells(symbol(program, "notes"), 6)
    here = symbol(program, "here")
    assert notes[0::2] == (here, here + 8, here + 8)
    trap, _, illegal = (srr1 & 0xF0000 for srr1 in notes[1::2])
    assert (trap, illegal) == (0x20000, 0x80000)


def test_the_time_base_is_the_clock(tmp_path: Path) -> None:
    code = f"""
        lis     4, entry@ha
        stw     5, entry@l(4)
1:      mftbu   7
        mftb    8
        mftbu   9
        cmpw    7, 9
        bne     1b
        mfspr   10, 268
        b       quit
{EXIT}"""
    with machine(assemble(tmp_path, code)) as vm:
        vm.wait(10)
        assert isinstance(vm.engine, UnicornEngine)
        upper, lower, again, later = (vm.engine.cpu.gpr(register) for register in (7, 8, 9, 10))
        assert upper == again == 0 and 0 < lower < later
        assert later - lower == 25 * 2  # two readings of the virtual clock, 1 µs each, at 25 MHz


def holds(vm: VM, address: int, value: int) -> bool:
    return vm.engine.memory.read_cells(address, 1) == (value,)


def test_code_that_the_host_writes_is_what_runs(tmp_path: Path) -> None:
    code = """
1:      bl      function
        lis     4, result@ha
        stw     3, result@l(4)
        b       1b
function: li    3, 1
        blr
result: .long   0
"""
    program = assemble(tmp_path, code)
    result, function = symbol(program, "result"), symbol(program, "function")
    with machine(program) as vm:
        memory = vm.engine.memory
        assert vm.run_until(partial(holds, vm, result, 1), 5)
        for value in (2, 3, 4):
            memory.write_cells(function, (0x38600000 | value,))
            assert vm.run_until(partial(holds, vm, result, value), 5)


def test_what_a_script_adds_to_the_hypervisor(tmp_path: Path) -> None:
    code = f"""
        lis     4, entry@ha
        stw     5, entry@l(4)
        li      3, 0x1234
        li      4, 20
        .long   0x44000022              # a hypercall that the script answers
        mr      30, 3
        mr      29, 4
        li      3, 0x1238
        .long   0x44000022              # and one that nobody answers
        mr      28, 3
        b       quit
{EXIT}"""
    hooks: list[str] = []

    def add(event: Event) -> None:
        if isinstance(event, Phase) and event.name == "client program started":
            hypervisor = vm.hypervisor
            assert hypervisor is not None
            hypervisor.hypercalls = {0x1234: lambda first, *_: (0, first + 1)}
            hypervisor.enter = lambda: hooks.append("enter")
            hypervisor.exit = lambda: hooks.append("exit")

    with machine(assemble(tmp_path, code)) as vm:
        vm.listen(add)
        ending = vm.wait(10)
        assert ending is not None and ending.reason is EndReason.EXIT, ending
        assert isinstance(vm.engine, UnicornEngine)
        cpu = vm.engine.cpu
        assert (cpu.gpr(30), cpu.gpr(29), cpu.gpr(28)) == (0, 21, 0xFFFFFFFE)  # H_FUNCTION
    assert hooks == ["enter", "exit"]


def test_two_runs_make_the_same_calls(tmp_path: Path) -> None:
    program = build_c("talker", 32, "big", tmp_path)
    runs = []
    for trap in ("hypercall", "hypercall", "mailbox"):
        events: list[Event] = []
        with machine(program, trap=trap) as vm:
            vm.listen(events.append)
            vm.wait(20)
        runs.append([event for event in events if isinstance(event, ClientCall)])
    assert len(runs[0]) > 1000 and runs[0] == runs[1] == runs[2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"machine": "generic", "cpu": "power10"}, "64-bit CPU"),
        ({"machine": "generic", "cpu": "nosuch"}, "vof machines --cpus"),
        ({"machine": "generic", "cpu": "e200z6"}, "don't run"),
        ({"machine": "generic,real-mode=off", "cpu": "603e"}, "address translation"),
        ({"machine": "generic,nosuch=1"}, "real-mode=on|off"),
        ({"machine": "pseries,cap-htm=off"}, "dtb=FILE"),
        ({"trap": "breakpoint"}, "hypercall, illegal, osi, mailbox"),
        ({"smp": "2"}, "one CPU"),
        ({"memory": "3G"}, "at most 2048M"),
        ({"clock": "sand"}, "host and virtual"),
        ({"bios": "nosuch.bin"}, "no such file"),
    ],
)
def test_what_it_has_not_it_says(options: dict[str, str], message: str, tmp_path: Path) -> None:
    program = assemble(tmp_path, "nop")
    with pytest.raises(UsageError, match=message.replace("|", r"\|")):
        machine(program, **options).close()


@pytest.mark.parametrize("cpu", ["750", "g3", "604e", "7400", "601_v1", "7457a", "603e", "e300c4", "440ep", "mpc8540"])
def test_the_table_of_models_tells_the_truth(cpu: str, tmp_path: Path) -> None:
    from vof.engines.unicorn.models import ALIASES, MODELS

    program = build_c("talker", 32, "big", tmp_path)
    if MODELS[ALIASES.get(cpu, cpu)].works:
        with machine(program, cpu=cpu) as vm:
            vm.expect("bye", timeout=10)
    else:
        with pytest.raises(UsageError, match="don't run"):
            machine(program, cpu=cpu).close()
