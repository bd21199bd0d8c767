"""What interrupts a guest: devices and its decrementer, exactly where they should, and alike in every run."""

from __future__ import annotations

from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from programs import assemble, symbol

from vof import VM, EndReason

pytestmark = pytest.mark.guest

PRELUDE = """
        .macro  call number, argument=0
        lis     3, 0x1137
        ori     3, 3, 0x24fa
        lis     4, 0x7781
        ori     4, 4, 0x0f9b
        li      5, \\number
        li      6, \\argument
        sc
        .endm
        .macro  install vector                  # code between \\vector's handler and its end
        lis     4, handler_\\vector@ha
        addi    4, 4, handler_\\vector@l
        lis     5, end_\\vector@ha
        addi    5, 5, end_\\vector@l
        li      6, \\vector
1:      lwz     7, 0(4)
        stw     7, 0(6)
        addi    4, 4, 4
        addi    6, 6, 4
        cmplw   4, 5
        blt     1b
        isync
        .endm
        .macro  interrupts on                   # MSR[EE]
        li      4, 0
        .if     \\on
        ori     4, 4, 0x8000
        .endif
        mtmsr   4
        .endm
        lis     20, out@ha
        addi    20, 20, out@l
"""
OFF = "        call    54\n1:      b       1b\n"


def machine(folder: Path, code: str, **options: Any) -> tuple[VM, int]:
    """A machine with a program, and where its `out` is."""
    program = assemble(folder, PRELUDE + code + "\n        .balign 4\nout:    .space  4096\n")
    return VM(**{"machine": "mol", "kernel": str(program), "clock": "virtual", **options}), symbol(program, "out")


def run(folder: Path, code: str, cells: int) -> tuple[int, ...]:
    """What is in `out` when the program has ended."""
    vm, out = machine(folder, code)
    with vm:
        ending = vm.wait(20)
        assert ending is not None and ending.reason is EndReason.POWER_OFF, ending
        return vm.engine.memory.read_cells(out, cells)


# A handler that notes SRR0 and SRR1 once, and ends the machine.
NOTE_AND_END = f"""
handler_0x900:
        mfsrr0  21
        stw     21, 0(20)
        mfsrr1  21
        stw     21, 4(20)
{OFF}
end_0x900:
"""


def test_a_decrementer_that_expired_unheard_interrupts_a_loop_that_rfi_enters(tmp_path: Path) -> None:
    code = f"""
        install 0x900
        li      7, 100
        mtdec   7
        lis     7, 2                            # well beyond its end, with interrupts off
        mtctr   7
1:      bdnz    1b
        lis     8, loop@ha
        addi    8, 8, loop@l
        mtsrr0  8
        stw     8, 8(20)
        li      9, 0
        ori     9, 9, 0x8000
        mtsrr1  9
        rfi
loop:   b       loop
{NOTE_AND_END}"""
    srr0, srr1, loop = run(tmp_path, code, 3)
    assert (srr0, srr1) == (loop, 0x8000)


def test_the_decrementer_counts_with_the_time_base_and_interrupts_when_its_sign_is_set(tmp_path: Path) -> None:
    code = f"""
        install 0x900
        lis     7, 0x10
        mftb    8
        mtdec   7
        mfdec   9
        mftb    10
        subf    11, 8, 10                       # ticks that went by, read at both ends
        stw     11, 8(20)
        subf    11, 9, 7
        stw     11, 12(20)
        li      7, -1                           # from positive to negative: it asks at once
        mtdec   7
        lis     7, 0x7fff                       # which setting it anew doesn't take back
        mtdec   7
        interrupts 1
here:   b       here
{NOTE_AND_END}"""
    _, srr1, ticks, down = run(tmp_path, code, 4)
    assert srr1 == 0x8000
    assert 0 < down < ticks <= 200


def test_the_decrementer_comes_round_again(tmp_path: Path) -> None:
    code = """
        install 0x900
        li      7, 100
        mtdec   7
        interrupts 1
loop:   b       loop
handler_0x900:
        lwz     21, 0(20)
        addi    21, 21, 1
        stw     21, 0(20)
        rfi
end_0x900:
"""
    vm, out = machine(tmp_path, code)
    with vm:
        assert vm.run_until(lambda: vm.engine.memory.read_cells(out, 1) == (1,), 10)
        vm.wait(0.05)
        assert vm.engine.memory.read_cells(out, 1) == (1,)
        vm._machinery.clock.elapsed += (1 << 32) * 40  # ticks of 40 ns
        assert vm.run_until(lambda: vm.engine.memory.read_cells(out, 1) == (2,), 10)


def test_a_program_whose_every_quantum_has_a_system_call_is_interrupted(tmp_path: Path) -> None:
    """In user mode with translation on, where the guest handles system calls with interrupts off."""
    code = f"""
        install 0x900
        install 0xc00
        lis     7, 0xa000                       # 16 MiB at 0xa0000000 are physical 0
        ori     7, 7, 0x7ff
        mtspr   528, 7
        mtspr   536, 7
        li      7, 0x12
        mtspr   529, 7
        mtspr   537, 7
        isync
        lis     8, user@ha
        addi    8, 8, user@l
        stw     8, 8(20)
        oris    8, 8, 0xa000
        mtsrr0  8
        li      9, 0x4030                       # PR, IR, DR
        ori     9, 9, 0x8000
        mtsrr1  9
        lis     7, 1
        mtdec   7
        rfi
user:   sc
        addi    31, 31, 1
        b       user
handler_0xc00:
        rfi
end_0xc00:
{NOTE_AND_END}"""
    srr0, srr1, user = run(tmp_path, code, 3)
    assert srr0 in range(user | 0xA0000000, (user | 0xA0000000) + 12, 4)
    assert srr1 & 0xC030 == 0xC030


BOTH = f"""
        install 0x500
        install 0x900
        call    61, 20
        li      7, -1
        li      8, 1
        mtdec   8
        mtdec   7
        interrupts 1
here:   nop
{OFF}
handler_0x500:                                  # lets the decrementer in before it is done
        li      21, 5
        stw     21, 0(20)
        addi    20, 20, 4
        mfsrr0  22
        mfsrr1  23
        call    63
        stw     3, 0(20)
        addi    20, 20, 4
        call    60, 20
        interrupts 1
        nop
        li      21, 6
        stw     21, 0(20)
        addi    20, 20, 4
        interrupts 0
        mtsrr0  22
        mtsrr1  23
        rfi
end_0x500:
handler_0x900:
        li      21, 9
        stw     21, 0(20)
        addi    20, 20, 4
        rfi
end_0x900:
"""


def test_a_device_goes_before_the_decrementer_which_may_interrupt_its_handler(tmp_path: Path) -> None:
    vm, out = machine(tmp_path, BOTH)
    with vm:
        vm.run_to_client()
        vm.devices.pic.set(20, True)
        ending = vm.wait(10)
        assert ending is not None and ending.reason is EndReason.POWER_OFF, ending
        assert vm.engine.memory.read_cells(out, 5) == (5, 1 << 20, 9, 6, 0)


def test_a_level_interrupts_until_it_is_lowered_and_masked_ones_never(tmp_path: Path) -> None:
    code = """
        install 0x500
        call    61, 20
        interrupts 1
loop:   b       loop
handler_0x500:
        lwz     21, 0(20)
        addi    21, 21, 1
        stw     21, 0(20)
        rfi
end_0x500:
"""
    vm, out = machine(tmp_path, code)
    with vm:

        def count() -> int:
            return int.from_bytes(vm.engine.memory.read(out, 4))

        vm.run_to_client()
        vm.devices.pic.set(21, True)  # masked
        vm.wait(0.05)
        assert not count()
        vm.devices.pic.set(20, True)
        assert vm.run_until(lambda: count() >= 3, 10)
        vm.devices.pic.set(20, False)
        vm.wait(0.05)
        before = count()
        vm.wait(0.05)
        assert count() == before


def test_a_nap_with_interrupts_off_ends_without_one(tmp_path: Path) -> None:
    code = f"""
        li      7, 1000
        mtdec   7
        lis     4, 4                            # POW, and no EE
        mtmsr   4
        li      21, 7
        stw     21, 0(20)
{OFF}"""
    assert run(tmp_path, code, 1) == (7,)


def test_high_vectors_are_where_no_rom_is(tmp_path: Path) -> None:
    code = """
        install 0xc00
        li      4, 0x40                         # IP
        mtmsr   4
        li      3, 0
        sc
handler_0xc00:
        rfi
end_0xc00:
"""
    vm, _ = machine(tmp_path, code)
    with vm:
        ending = vm.wait(10)
    assert ending is not None and ending.reason is EndReason.CRASH
    assert "made a system call (with MSR[IP] set, and there is no ROM at 0xfff00c00)" in ending.message


REPEATED = f"""
        install 0x900
        lis     7, 1
        mtdec   7
        interrupts 1
loop:   addi    31, 31, 1                       # where each interrupt finds it is what is noted
        addi    30, 30, 3
        lwz     29, 8(1)
        b       loop
handler_0x900:
        mfsrr0  21
        stw     21, 0(20)
        mftb    22
        stw     22, 4(20)
        stw     31, 8(20)
        addi    20, 20, 12
        lis     7, 1
        mtdec   7
        addi    28, 28, 1
        cmpwi   28, 80
        beq     2f
        rfi
2:
{OFF}
end_0x900:
"""


def test_interrupts_come_at_the_same_instructions_whatever_the_host_does_meanwhile(tmp_path: Path) -> None:
    notes = []
    for pause in (None, 0.004, 0.013):
        vm, out = machine(tmp_path, REPEATED)
        with vm:
            ticker = vm.engine.runner.ticker  # type: ignore[attr-defined]
            if pause is not None:  # a host with something to look at all the time
                ticker._seconds, ticker.wanted = 0.0002, partial(next, cycle([False, False, True]))
            for _ in range(5000):
                if vm.run_until(lambda: False, pause) or vm.ending is not None:
                    break
            notes.append(vm.engine.memory.read_cells(out, 240))
    assert notes[0] == notes[1] == notes[2]
    assert len(set(notes[0][2::3])) == 80


def test_too_many_reads_of_the_time_base_are_hooked_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vof.engines.unicorn.timebase._MOST_PLACES", 3)
    monkeypatch.setattr("vof.engines.unicorn.interrupts._MOST_PLACES", 3)
    vm, _ = machine(tmp_path, "\n".join(["mftb 7", "mfdec 8", ""] * 8) + OFF)
    with vm:
        ending = vm.wait(10)
        assert ending is not None and ending.reason is EndReason.POWER_OFF
        interrupts = vm.engine.runner.interrupts  # type: ignore[attr-defined]
        assert len(interrupts._hooked) == len(vm.engine.timebase._hooked) == 3  # type: ignore[attr-defined]


def test_a_run_goes_on_from_a_snapshot_as_it_went(tmp_path: Path) -> None:
    vm, out = machine(tmp_path, REPEATED)
    notes = []
    with vm:
        vm.run_until(lambda: any(vm.engine.memory.read(out + 12 * 20, 4)), 10)
        snapshot = vm.snapshot()
        for _ in range(3):
            vm.wait(20)
            notes.append(vm.engine.memory.read_cells(out, 240))
            vm.restore(snapshot)
    assert notes[0] == notes[1] == notes[2]
    assert all(notes[0])


@pytest.mark.parametrize("word", ["sc", ".long 0x00dddd01"])
def test_a_program_may_raise_the_same_exception_as_often_as_it_likes(word: str, tmp_path: Path) -> None:
    code = f"""
        install 0x700
        install 0xc00
        li      7, 15000
        mtctr   7
1:      {word}
        addi    30, 30, 1
        bdnz    1b
        stw     30, 0(20)
{OFF}
handler_0x700:
        mfsrr0  21
        addi    21, 21, 4
        mtsrr0  21
        rfi
end_0x700:
handler_0xc00:
        rfi
end_0xc00:
"""
    assert run(tmp_path, code, 1) == (15000,)


def test_one_that_gets_nowhere_is_told(tmp_path: Path) -> None:
    vm, _ = machine(tmp_path, "install 0x700\n here: .long 0x00dddd01\n handler_0x700: rfi\n end_0x700:\n")
    with vm:
        ending = vm.wait(20)
    assert ending is not None and ending.reason is EndReason.CRASH
    assert "raised the same exception 10000 times at " in ending.message and "(here)" in ending.message
